//! Features: what the whole cluster uses, and at which level; the checks of Kafka's
//! `FeatureControlManager`, in their order.
//!
//! Names and levels are Kafka's, for clients read them by Kafka's tables. A level that is not
//! done here is not in the table, so nobody can be made to believe in it.

use super::error::{ControllerError, FeatureError, FeatureFault};
use super::machine::ControllerMachine;
use super::records::{FeatureRecord, Record};
use super::request::{Answer, FeatureUpdate, UpdateFeatures};
use super::state::ClusterState;
use crate::machine::Decision;
use crate::types::NodeId;
use std::collections::BTreeMap;

/// One of Kafka's features, and what of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Kafka's name.
    pub name: &'static str,
    /// Lowest level; 0 where a cluster can be without.
    pub min: i16,
    /// Highest level; 0 where nothing of it is there.
    pub max: i16,
}

/// Every feature that Kafka 4.3 knows.
pub const FEATURES: &[Feature] = &[
    Feature::absent("eligible.leader.replicas.version"),
    Feature::absent("group.version"),
    Feature::absent("kraft.version"),
    // Which release's cluster this behaves like: 30 is 4.3-IV0, and there is nothing here that
    // would be otherwise at a lower level.
    Feature { name: "metadata.version", min: 30, max: 30 },
    Feature::absent("share.version"),
    Feature::absent("streams.version"),
    Feature::absent("transaction.version"),
];

impl Feature {
    const fn absent(name: &'static str) -> Self {
        Self { name, min: 0, max: 0 }
    }

    /// Whether clients are told of it.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.max > 0
    }

    const fn has(&self, level: i16) -> bool {
        self.min <= level && level <= self.max
    }
}

fn named(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// What a start has to write down: a new cluster takes the highest level of all, one that an older
/// release made keeps what it has, and takes what it cannot be without.
pub(super) fn at_start(state: &ClusterState) -> impl Iterator<Item = Record> {
    let new_cluster = state.brokers().is_empty();
    let missing = FEATURES.iter().filter(move |feature| {
        let needed = if new_cluster { feature.is_there() } else { feature.min > 0 };
        needed && !state.features().contains_key(feature.name)
    });
    missing.map(|feature| record(feature.name, feature.max))
}

/// What the cluster uses and this release has not, as a text, so that it does not start.
pub(super) fn missing_here(state: &ClusterState) -> Option<String> {
    let lacking = |(name, level): (&String, &i16)| match named(name) {
        Some(feature) if feature.has(*level) => None,
        Some(_) | None => Some(format!("the cluster uses {name} {level}, which is not here")),
    };
    state.features().iter().find_map(lacking)
}

/// All of the updates or none.
pub(super) fn update(
    machine: &ControllerMachine,
    request: UpdateFeatures,
) -> Decision<Record, Answer> {
    let UpdateFeatures { updates, validate_only, node } = request;
    // A feature that is named twice is updated as it was named last.
    let updates: BTreeMap<String, FeatureUpdate> =
        updates.into_iter().map(|update| (update.name.clone(), update)).collect();
    let refused = updates.values().find_map(|update| {
        let current = machine.state().features().get(&update.name).copied().unwrap_or_default();
        check(update, current, node).err()
    });
    if let Some(error) = refused {
        let answer = Answer::FeaturesUpdated(Err(ControllerError::Feature(error)));
        return Decision { records: Vec::new(), answer };
    }
    let mut records: Vec<Record> =
        updates.values().map(|update| record(&update.name, update.level)).collect();
    if validate_only {
        records.clear();
    }
    Decision { records, answer: Answer::FeaturesUpdated(Ok(())) }
}

fn record(name: &str, level: i16) -> Record {
    Record::Feature(FeatureRecord { name: name.to_owned(), level })
}

/// `FeatureUpdate.UpgradeType` of Kafka.
const UPGRADE: i8 = 1;
const DOWNGRADES: [i8; 2] = [2, 3];

fn check(update: &FeatureUpdate, current: i16, node: NodeId) -> Result<(), FeatureError> {
    let FeatureUpdate { name, level, upgrade_type } = update;
    let refuse = |fault| Err(FeatureError { name: name.clone(), level: *level, fault });
    if *upgrade_type != UPGRADE && !DOWNGRADES.contains(upgrade_type) {
        return refuse(FeatureFault::UpgradeType);
    }
    if *level < 0 {
        return refuse(FeatureFault::Negative);
    }
    let known = named(name);
    let (min, max) = known.map_or((0, 0), |feature| (feature.min, feature.max));
    if *level < min || max < *level {
        return refuse(FeatureFault::Unsupported { node: node.0, min, max });
    }
    if *level < current && *upgrade_type == UPGRADE {
        return refuse(FeatureFault::DowngradeUnasked);
    }
    if *level > current && *upgrade_type != UPGRADE {
        return refuse(FeatureFault::DowngradeToNewer);
    }
    if known.is_none() {
        return refuse(FeatureFault::Unknown);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Cluster, start_of};
    use super::*;
    use crate::controller::{BrokerRecord, Request};
    use crate::machine::ReplicatedMachine as _;

    fn ask(cluster: &mut Cluster, updates: &[(&str, i16, i8)], validate_only: bool) -> String {
        let update = |(name, level, upgrade_type): &(&str, i16, i8)| FeatureUpdate {
            name: (*name).to_owned(),
            level: *level,
            upgrade_type: *upgrade_type,
        };
        let updates = updates.iter().map(update).collect();
        let request = UpdateFeatures { updates, validate_only, node: NodeId(1) };
        let Answer::FeaturesUpdated(result) = cluster.ask(Request::UpdateFeatures(request)) else {
            panic!("another kind of answer")
        };
        result.map_or_else(|error| error.to_string(), |()| String::new())
    }

    fn level(cluster: &Cluster, name: &str) -> Option<i16> {
        cluster.state().features().get(name).copied()
    }

    #[test]
    fn a_new_cluster_has_all_that_is_there_and_only_that() {
        let cluster = Cluster::of(1);

        let there = FEATURES.iter().filter(|feature| feature.is_there());
        let expected: BTreeMap<String, i16> =
            there.map(|feature| (feature.name.to_owned(), feature.max)).collect();
        assert_eq!(**cluster.state().features(), expected);
        assert_eq!(level(&cluster, "metadata.version"), Some(30));
    }

    #[test]
    fn a_cluster_of_an_older_release_gets_what_it_cannot_be_without() {
        let mut cluster = Cluster::of(0);
        let known = BrokerRecord { node: NodeId(1), term: 0, rack: None };
        cluster.machine.replay(&Record::Broker(known));

        cluster.ask(Request::StartBroker(start_of(1, true)));

        assert_eq!(cluster.log, [record("metadata.version", 30)]);
    }

    #[test]
    fn a_level_that_a_newer_release_wrote_is_told() {
        let mut cluster = Cluster::of(1);
        assert_eq!(missing_here(cluster.state()), None);

        for (name, level) in [("metadata.version", 31), ("group.version", 1), ("other", 1)] {
            let mut newer = cluster.restarted();
            newer.machine.replay(&record(name, level));
            let told = missing_here(newer.state()).unwrap();
            assert!(told.contains(&format!("{name} {level}")), "{told}");
        }
        // What was taken back is no hindrance.
        cluster.machine.replay(&record("group.version", 0));
        assert_eq!(missing_here(cluster.state()), None);
    }

    #[test]
    fn what_is_not_done_is_refused_in_kafkas_words() {
        const UP: i8 = UPGRADE;
        let mut cluster = Cluster::of(1);
        let before = cluster.log.len();

        for (name, level, upgrade_type, why) in [
            ("group.version", 1, UP, "Local controller 1 does not support this feature."),
            ("transaction.version", 2, UP, "Local controller 1 does not support this feature."),
            ("no.such", 1, UP, "Local controller 1 does not support this feature."),
            ("no.such", 0, UP, "Feature no.such not found."),
            ("metadata.version", 29, 2, "Local controller 1 only supports versions 30"),
            ("metadata.version", 31, UP, "Local controller 1 only supports versions 30"),
            ("metadata.version", -1, UP, "A feature version cannot be less than 0."),
            ("metadata.version", 30, 0, "The controller does not support the given upgrade type."),
        ] {
            let told = ask(&mut cluster, &[(name, level, upgrade_type)], false);

            assert_eq!(told, format!("Invalid update version {level} for feature {name}. {why}"));
        }
        assert_eq!(cluster.log.len(), before, "a refusal wrote something");
    }

    #[test]
    fn one_refusal_refuses_all() {
        let mut cluster = Cluster::of(1);
        let before = cluster.log.len();

        let told =
            ask(&mut cluster, &[("metadata.version", 30, 1), ("group.version", 1, 1)], false);

        assert!(told.contains("group.version"), "{told}");
        assert_eq!(cluster.log.len(), before);
    }

    #[test]
    fn levels_that_are_there_already_are_accepted() {
        let mut cluster = Cluster::of(1);
        let before = cluster.state().clone();

        for update in [("metadata.version", 30, 1), ("group.version", 0, 2)] {
            assert_eq!(ask(&mut cluster, &[update], false), "");
        }
        assert_eq!(*cluster.state(), before);
    }

    #[test]
    fn checking_writes_nothing() {
        let mut cluster = Cluster::of(1);
        let before = cluster.log.len();

        assert_eq!(ask(&mut cluster, &[("metadata.version", 30, 1)], true), "");

        assert_eq!(cluster.log.len(), before);
    }

    #[test]
    fn up_and_down_are_told_apart() {
        let update = |level, upgrade_type| FeatureUpdate {
            name: "metadata.version".to_owned(),
            level,
            upgrade_type,
        };
        let fault = |level, upgrade_type, current| {
            check(&update(level, upgrade_type), current, NodeId(1)).map_err(|error| error.fault)
        };

        assert_eq!(fault(30, 1, 31), Err(FeatureFault::DowngradeUnasked));
        assert_eq!(fault(30, 2, 31), Ok(()));
        assert_eq!(fault(30, 3, 29), Err(FeatureFault::DowngradeToNewer));
        assert_eq!(fault(30, 1, 29), Ok(()));
    }
}
