//! Setting and finding client quotas, and the quota of changes.

use super::testing::{Cluster, NOW, topic};
use super::*;
use crate::machine::{Decision, ReplicatedMachine};
use crate::quota::{EntityQuotas, QuotaEntity, QuotaName};
use crate::types::{ErrorCode, Now, Uuid};
use std::time::Duration;

fn entity(parts: &[(&str, Option<&str>)]) -> AskedEntity {
    let parts = parts.iter();
    parts.map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned))).collect()
}

fn changes(changes: &[(&str, Option<f64>)]) -> Vec<(String, Option<f64>)> {
    changes.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

fn alteration(parts: &[(&str, Option<&str>)], altered: &[(&str, Option<f64>)]) -> QuotaAlteration {
    let name = parts.iter().find(|(kind, _)| *kind == "ip").and_then(|(_, name)| *name);
    let address = name.and_then(|name| name.parse().ok());
    QuotaAlteration { entity: entity(parts), address, changes: changes(altered) }
}

fn alter(
    cluster: &mut Cluster,
    alterations: Vec<QuotaAlteration>,
) -> Vec<(AskedEntity, Result<(), QuotaError>)> {
    let request = AlterQuotas { alterations, validate_only: false };
    let Answer::QuotasAltered(results) = cluster.ask(Request::AlterQuotas(request)) else {
        panic!("another kind of answer")
    };
    results
}

fn set(cluster: &mut Cluster, parts: &[(&str, Option<&str>)], key: &str, value: f64) {
    let results = alter(cluster, vec![alteration(parts, &[(key, Some(value))])]);
    assert_eq!(results, [(entity(parts), Ok(()))]);
}

type Found = Vec<(QuotaEntity, EntityQuotas)>;

fn describe(
    cluster: &mut Cluster,
    components: &[(&str, i8, Option<&str>)],
    strict: bool,
) -> Result<Found, QuotaError> {
    let component = |(kind, match_type, name): &(&str, i8, Option<&str>)| QuotaComponent {
        kind: (*kind).to_owned(),
        match_type: *match_type,
        name: name.map(str::to_owned),
    };
    let components = components.iter().map(component).collect();
    let filter = QuotaFilter { components, strict };
    let Answer::Quotas(found) = cluster.ask(Request::Quotas(filter)) else {
        panic!("another kind of answer")
    };
    found
}

fn names(found: Result<Found, QuotaError>) -> Vec<String> {
    let shown = |(entity, _): (QuotaEntity, EntityQuotas)| {
        let parts = entity.parts().into_iter();
        let parts =
            parts.map(|(kind, name)| format!("{kind}={}", name.name().unwrap_or("<default>")));
        parts.collect::<Vec<_>>().join(" ")
    };
    found.unwrap().into_iter().map(shown).collect()
}

#[test]
fn quotas_are_set_changed_unset_and_outlive_a_restart() {
    let mut cluster = Cluster::of(1);
    let user = [("user", Some("u"))];

    set(&mut cluster, &user, "producer_byte_rate", 1000.0);
    set(&mut cluster, &user, "request_percentage", 12.5);
    set(&mut cluster, &user, "producer_byte_rate", 2000.0);

    let written = cluster.log.len();
    set(&mut cluster, &user, "producer_byte_rate", 2000.0);
    assert_eq!(cluster.log.len(), written, "nothing changed, so nothing is written");
    let found = describe(&mut cluster.restarted(), &[("user", 0, Some("u"))], true).unwrap();
    let values = found[0].1.values.iter();
    let values: Vec<_> = values.map(|(key, value)| (key.name(), value.value())).collect();
    assert_eq!(values, [("producer_byte_rate", 2000.0), ("request_percentage", 12.5)]);

    let unset = [("producer_byte_rate", None), ("request_percentage", None), ("no_such", None)];
    assert_eq!(alter(&mut cluster, vec![alteration(&user, &unset)])[0].1, Ok(()));
    assert_eq!(describe(&mut cluster, &[], false), Ok(Vec::new()));
    assert!(cluster.restarted().state().quotas().is_empty());
}

#[test]
fn what_cannot_be_is_refused_with_kafkas_texts() {
    const RATE: &str = "producer_byte_rate";
    let user = [("user", Some("u"))];
    let ip = [("ip", Some("10.0.0.1"))];
    let one = |parts: &[(&str, Option<&str>)], key: &str, value: f64| {
        let results = alter(&mut Cluster::of(1), vec![alteration(parts, &[(key, Some(value))])]);
        let error = results[0].1.clone().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
        error.to_string()
    };

    assert_eq!(one(&[], RATE, 1.0), "Invalid empty client quota entity");
    assert_eq!(one(&[("x", None)], RATE, 1.0), "Unhandled client quota entity type: x");
    assert_eq!(one(&[("user", Some(""))], RATE, 1.0), "Empty user not supported");
    assert_eq!(
        one(&[("ip", Some("10.0.0.1")), ("user", None)], RATE, 1.0),
        "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId"
    );
    assert_eq!(
        one(&[("ip", Some("nowhere"))], "connection_creation_rate", 1.0),
        "nowhere is not a valid IP or resolvable host."
    );
    assert_eq!(one(&user, "no_such", 1.0), "Invalid configuration key no_such");
    assert_eq!(one(&ip, RATE, 1.0), "Invalid configuration key producer_byte_rate");
    assert_eq!(
        one(&user, "connection_creation_rate", 1.0),
        "Invalid configuration key connection_creation_rate"
    );
    for value in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        for key in [RATE, "request_percentage", "controller_mutation_rate"] {
            assert_eq!(one(&user, key, value), format!("Quota {key} must be greater than 0"));
        }
    }
    assert_eq!(one(&user, RATE, 1.5), "producer_byte_rate cannot be a fractional value.");
    for value in [1e300, f64::INFINITY] {
        assert_eq!(
            one(&user, RATE, value),
            "Proposed value for producer_byte_rate is too large for a LONG."
        );
    }
    assert_eq!(
        one(&ip, "connection_creation_rate", 3e9),
        "Proposed value for connection_creation_rate is too large for an INT."
    );
}

#[test]
fn one_refusal_does_not_touch_the_other_entities() {
    let mut cluster = Cluster::of(1);
    let (good, bad) = ([("user", Some("good"))], [("user", Some("bad"))]);
    let key = "consumer_byte_rate";

    let results = alter(
        &mut cluster,
        vec![
            alteration(&bad, &[(key, Some(5.0)), ("no_such", Some(1.0))]),
            alteration(&good, &[(key, Some(5.0))]),
        ],
    );

    assert!(results[0].1.is_err() && results[1].1.is_ok(), "{results:?}");
    assert_eq!(names(describe(&mut cluster, &[], false)), ["user=good"]);
}

#[test]
fn an_entity_that_is_named_twice_is_answered_once() {
    let mut cluster = Cluster::of(1);
    let both = [("user", Some("u")), ("client-id", None)];
    let with = |value| alteration(&both, &[("consumer_byte_rate", Some(value))]);

    let results = alter(&mut cluster, vec![with(5.0), with(6.0)]);

    let text = "Ignoring duplicate entity ClientQuotaEntity(entries={client-id=null, user=u})";
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].1.clone().unwrap_err().to_string(), text);
    let found = describe(&mut cluster, &[], false).unwrap();
    let values: Vec<f64> = found[0].1.values.values().map(|value| value.value()).collect();
    assert_eq!(values, [5.0], "the first one stands");
}

#[test]
fn a_trial_changes_nothing() {
    let mut cluster = Cluster::of(1);
    let alterations = vec![alteration(&[("user", None)], &[("request_percentage", Some(1.0))])];
    let request = AlterQuotas { alterations, validate_only: true };

    let answer = cluster.ask(Request::AlterQuotas(request));

    assert_eq!(answer, Answer::QuotasAltered(vec![(entity(&[("user", None)]), Ok(()))]));
    assert!(cluster.state().quotas().is_empty());
}

#[test]
fn a_filter_finds_by_name_by_default_and_by_kind() {
    let mut cluster = Cluster::of(1);
    let key = "producer_byte_rate";
    for parts in [
        &[("user", Some("a"))][..],
        &[("user", None)],
        &[("user", Some("a")), ("client-id", Some("c"))],
        &[("client-id", Some("c"))],
    ] {
        set(&mut cluster, parts, key, 5.0);
    }
    set(&mut cluster, &[("ip", Some("10.0.0.1"))], "connection_creation_rate", 5.0);
    let mut find = |components: &[(&str, i8, Option<&str>)], strict| {
        names(describe(&mut cluster, components, strict))
    };

    assert_eq!(find(&[], false).len(), 5);
    assert_eq!(find(&[], true), [""; 0]);
    assert_eq!(find(&[("user", 0, Some("a"))], true), ["user=a"]);
    assert_eq!(find(&[("user", 0, Some("a"))], false), ["user=a", "client-id=c user=a"]);
    assert_eq!(find(&[("user", 1, None)], false), ["user=<default>"]);
    assert_eq!(find(&[("user", 2, None), ("client-id", 2, None)], true), ["client-id=c user=a"]);
    assert_eq!(find(&[("client-id", 2, None)], true), ["client-id=c"]);
    assert_eq!(find(&[("ip", 2, None)], false), ["ip=10.0.0.1"]);
}

#[test]
fn a_filter_that_cannot_be_is_refused_with_kafkas_texts() {
    let of = |components: &[(&str, i8, Option<&str>)]| {
        let error = describe(&mut Cluster::of(1), components, false).unwrap_err();
        (error.code(), error.to_string())
    };
    let invalid = |text: &str| (ErrorCode::InvalidRequest, text.to_owned());

    assert_eq!(of(&[("", 0, Some("a"))]), invalid("Invalid empty entity type."));
    assert_eq!(
        of(&[("user", 2, None), ("user", 1, None)]),
        invalid("Entity type user cannot appear more than once in the filter.")
    );
    assert_eq!(
        of(&[("x", 2, None)]),
        (ErrorCode::UnsupportedVersion, "Unsupported entity type x".to_owned())
    );
    assert_eq!(
        of(&[("user", 0, None)]),
        invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.")
    );
    assert_eq!(
        of(&[("user", 1, Some("a"))]),
        invalid("Request specified MATCH_TYPE_DEFAULT, but also specified a match string.")
    );
    assert_eq!(
        of(&[("user", 2, Some("a"))]),
        invalid("Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.")
    );
    assert_eq!(of(&[("user", 3, None)]), invalid("Unknown match type 3"));
    assert_eq!(
        of(&[("user", 2, None), ("ip", 2, None)]),
        invalid(
            "Invalid entity filter component combination. IP filter component should not be used \
             with user or clientId filter component."
        )
    );
}

fn requester(is_strict: bool) -> Option<Requester> {
    let (user, client_id) = ("u".to_owned(), "c".to_owned());
    Some(Requester { user, client_id, is_strict })
}

fn at(seconds: u64) -> Now {
    Now { mono: NOW.mono.after(Duration::from_secs(seconds)), ..NOW }
}

impl Cluster {
    fn ask_at(&mut self, now: Now, request: Request) -> (Answer, Duration) {
        let Decision { records, answer } = self.machine.decide(now, request);
        records.iter().for_each(|record| self.machine.replay(record));
        if let Answer::Throttled(answer, pause) = answer {
            (*answer, pause)
        } else {
            (answer, Duration::ZERO)
        }
    }

    fn create_at(&mut self, now: Now, names: &[&str], is_strict: bool) -> (Vec<bool>, Duration) {
        let topics = names.iter().map(|name| NewTopic { partitions: 10, ..topic(name) }).collect();
        let requester = requester(is_strict);
        let request = CreateTopics { requester, topics, validate_only: false, timeout_ms: 1 };
        let (answer, pause) = self.ask_at(now, Request::CreateTopics(request));
        let Answer::TopicsCreated(results) = answer else { panic!("another kind of answer") };
        (results.into_iter().map(|(_, result)| result.is_ok()).collect(), pause)
    }
}

#[test]
fn topics_beyond_the_quota_of_changes_are_refused_until_it_is_paid_back() {
    let mut cluster = Cluster::of(1);
    set(&mut cluster, &[("client-id", Some("c"))], "controller_mutation_rate", 1.0);

    // 11 tokens; the second topic owes 9, and the third is refused.
    let made = cluster.create_at(at(0), &["a", "b", "d"], true);

    assert_eq!(made, (vec![true, true, false], Duration::from_secs(9)));
    assert!(cluster.state().topic("d").is_none());
    assert_eq!(cluster.create_at(at(8), &["d"], true), (vec![false], Duration::from_secs(1)));
    assert_eq!(cluster.create_at(at(9), &["d"], true), (vec![true], Duration::ZERO));
}

#[test]
fn clients_of_before_are_told_to_pause_but_not_refused() {
    let mut cluster = Cluster::of(1);
    set(&mut cluster, &[("user", None)], "controller_mutation_rate", 1.0);

    let made = cluster.create_at(at(0), &["a", "b", "d"], false);

    assert_eq!(made, (vec![true, true, true], Duration::from_secs(19)));
}

#[test]
fn partitions_that_go_or_are_added_count_as_well() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 10);
    cluster.with_topic("s", 1);
    set(&mut cluster, &[("user", Some("u"))], "controller_mutation_rate", 1.0);
    let more =
        |name: &str, count| MorePartitions { name: name.to_owned(), count, assignments: None };
    let grow = Request::CreatePartitions(CreatePartitions {
        requester: requester(true),
        topics: vec![more("t", 20), more("s", 4), more("t2", 1)],
        validate_only: false,
        timeout_ms: 1,
    });
    let delete = |name: &str| {
        Request::DeleteTopics(DeleteTopics {
            requester: requester(true),
            topics: vec![TopicRef { name: Some(name.to_owned()), id: Uuid::nil() }],
            timeout_ms: 1,
        })
    };

    let (grown, pause) = cluster.ask_at(at(0), grow);
    assert_eq!(pause, Duration::ZERO);
    let Answer::PartitionsCreated(grown) = grown else { panic!("{grown:?}") };
    assert!(grown[0].1.is_ok() && grown[1].1.is_ok() && grown[2].1.is_err());

    let (deleted, pause) = cluster.ask_at(at(0), delete("t"));
    assert_eq!(pause, Duration::from_secs(2));
    let Answer::TopicsDeleted(deleted) = deleted else { panic!("{deleted:?}") };
    assert_eq!(deleted[0].result, Err(ControllerError::Throttled));
    let (_, pause) = cluster.ask_at(at(2), delete("t"));
    assert_eq!(pause, Duration::ZERO);
    assert!(cluster.state().topic("t").is_none());
}

#[test]
fn the_broker_itself_and_clients_without_a_quota_are_not_bounded() {
    let mut cluster = Cluster::of(1);
    let other = QuotaEntity::User(QuotaName::Named("other".to_owned()));
    set(&mut cluster, &[("user", Some("other"))], "controller_mutation_rate", 1.0);
    assert!(cluster.state().quotas().contains_key(&other));

    let (made, pause) = cluster.create_at(at(0), &["a", "b", "d"], true);
    cluster.with_topic("e", 1000);

    assert_eq!((made, pause), (vec![true; 3], Duration::ZERO));
}
