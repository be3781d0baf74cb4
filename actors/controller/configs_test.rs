//! Dynamic configs: Kafka's refusals, one by one, and what a change leaves.

use super::testing::Cluster;
use super::*;
use crate::machine::ReplicatedMachine;
use crate::types::{BrokerConfigs, ErrorCode, Given, NodeId};
use std::collections::BTreeMap;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Change<'a> = (&'a str, i8, Option<&'a str>);

fn resource(kind: i8, name: &str, changes: &[Change<'_>]) -> ResourceAlteration {
    let changes = changes.iter().map(|(name, operation, value)| ConfigChange {
        name: (*name).to_owned(),
        operation: *operation,
        value: value.map(str::to_owned),
    });
    ResourceAlteration {
        resource_type: kind,
        resource_name: name.to_owned(),
        changes: changes.collect(),
    }
}

fn alter_all(cluster: &mut Cluster, resources: Vec<ResourceAlteration>) -> Vec<Option<ErrorCode>> {
    ask(cluster, resources, false)
}

fn replace(
    cluster: &mut Cluster,
    kind: i8,
    name: &str,
    changes: &[Change<'_>],
) -> Option<ErrorCode> {
    ask(cluster, vec![resource(kind, name, changes)], true).remove(0)
}

fn ask(
    cluster: &mut Cluster,
    resources: Vec<ResourceAlteration>,
    replace: bool,
) -> Vec<Option<ErrorCode>> {
    let request = AlterConfigs { resources, replace, validate_only: false, node: NodeId(1) };
    let Answer::ConfigsAltered(results) = cluster.ask(Request::AlterConfigs(request)) else {
        panic!("another kind of answer")
    };
    results.into_iter().map(|altered| altered.result.err().map(|error| error.code())).collect()
}

fn alter(cluster: &mut Cluster, kind: i8, name: &str, changes: &[Change<'_>]) -> Option<ErrorCode> {
    alter_all(cluster, vec![resource(kind, name, changes)]).remove(0)
}

fn with_topic() -> Cluster {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 1);
    cluster
}

fn of_topic(cluster: &Cluster, key: &str) -> Option<String> {
    cluster.state().topic("t").unwrap().configs.get(key).cloned()
}

#[test]
fn a_config_is_set_and_deleted() {
    let mut cluster = with_topic();

    assert_eq!(alter(&mut cluster, TOPIC, "t", &[("retention.ms", SET, Some("5000"))]), None);
    assert_eq!(of_topic(&cluster, "retention.ms").as_deref(), Some("5000"));

    assert_eq!(alter(&mut cluster, TOPIC, "t", &[("retention.ms", DELETE, None)]), None);
    assert_eq!(of_topic(&cluster, "retention.ms"), None);
}

#[test]
fn deleting_what_was_never_set_is_fine_and_writes_nothing() {
    let mut cluster = with_topic();
    let before = cluster.log.len();

    assert_eq!(alter(&mut cluster, TOPIC, "t", &[("segment.bytes", DELETE, None)]), None);

    assert_eq!(cluster.log.len(), before);
}

#[test]
fn lists_are_appended_to_the_default_and_items_come_once() {
    let mut cluster = with_topic();
    let append = [("cleanup.policy", APPEND, Some("compact"))];

    assert_eq!(alter(&mut cluster, TOPIC, "t", &append), None);
    assert_eq!(alter(&mut cluster, TOPIC, "t", &append), None);
    assert_eq!(of_topic(&cluster, "cleanup.policy").as_deref(), Some("delete,compact"));

    let subtract = [("cleanup.policy", SUBTRACT, Some("compact"))];
    assert_eq!(alter(&mut cluster, TOPIC, "t", &subtract), None);
    assert_eq!(of_topic(&cluster, "cleanup.policy").as_deref(), Some("delete"));
}

#[test]
fn changes_of_a_topic_that_cannot_be_are_refused() {
    let mut cluster = with_topic();
    let mut only = |change: Change<'_>| alter(&mut cluster, TOPIC, "t", &[change]);

    assert_eq!(only(("retention.ms", APPEND, Some("1"))), Some(ErrorCode::InvalidConfig));
    assert_eq!(only(("retention.ms", SUBTRACT, Some("1"))), Some(ErrorCode::InvalidConfig));
    assert_eq!(only(("no.such", SET, Some("1"))), Some(ErrorCode::InvalidConfig));
    assert_eq!(only(("retention.ms", SET, Some("x"))), Some(ErrorCode::InvalidConfig));
    assert_eq!(only(("retention.ms", SET, None)), Some(ErrorCode::InvalidRequest));
    assert_eq!(only(("cleanup.policy", APPEND, None)), Some(ErrorCode::InvalidRequest));
    assert_eq!(only(("retention.ms", 9, Some("1"))), Some(ErrorCode::UnknownServerError));
    // A missing value is found before the operation is looked at.
    assert_eq!(only(("retention.ms", 9, None)), Some(ErrorCode::InvalidRequest));
    assert_eq!(of_topic(&cluster, "retention.ms"), None);
}

#[test]
fn one_refused_change_refuses_all_of_its_resource_and_no_other() {
    let mut cluster = with_topic();
    cluster.with_topic("u", 1);
    let bad = [("retention.ms", SET, Some("1")), ("no.such", SET, Some("1"))];
    let good = [("retention.ms", SET, Some("2"))];

    let resources = vec![resource(TOPIC, "t", &bad), resource(TOPIC, "u", &good)];
    let codes = alter_all(&mut cluster, resources);

    assert_eq!(codes, [Some(ErrorCode::InvalidConfig), None]);
    assert_eq!(of_topic(&cluster, "retention.ms"), None);
    assert_eq!(cluster.state().topic("u").unwrap().configs["retention.ms"], "2");
}

#[test]
fn keys_and_resources_may_not_come_twice() {
    let mut cluster = with_topic();
    let twice = [("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))];
    let once = [("retention.ms", SET, Some("1"))];
    let refused = Some(ErrorCode::InvalidRequest);

    assert_eq!(alter(&mut cluster, TOPIC, "t", &twice), refused);
    let resources = vec![resource(TOPIC, "t", &once), resource(TOPIC, "t", &once)];
    assert_eq!(alter_all(&mut cluster, resources), [refused, refused]);
    assert_eq!(of_topic(&cluster, "retention.ms"), None);
}

#[test]
fn topics_that_are_not_there_are_unknown_after_the_value_was_checked() {
    let mut cluster = with_topic();
    let good = [("retention.ms", SET, Some("1"))];
    let bad = [("retention.ms", SET, Some("x"))];

    let unknown = alter(&mut cluster, TOPIC, "missing", &good);
    assert_eq!(unknown, Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(alter(&mut cluster, TOPIC, "missing", &bad), Some(ErrorCode::InvalidConfig));
    assert_eq!(alter(&mut cluster, TOPIC, "a/b", &good), Some(ErrorCode::InvalidTopicException));
    assert_eq!(alter(&mut cluster, TOPIC, "", &good), Some(ErrorCode::InvalidRequest));
}

#[test]
fn a_broker_takes_its_own_configs_and_the_default_and_no_others() {
    let mut cluster = Cluster::of(1);
    let change = [("log.flush.interval.messages", SET, Some("7"))];
    let refused = Some(ErrorCode::InvalidRequest);

    assert_eq!(alter(&mut cluster, BROKER, "1", &change), None);
    assert_eq!(alter(&mut cluster, BROKER, "", &change), None);
    assert_eq!(alter(&mut cluster, BROKER, "2", &change), refused);
    assert_eq!(alter(&mut cluster, BROKER, "abc", &change), refused);

    for resource in [ConfigResource::Broker(Some(NodeId(1))), ConfigResource::Broker(None)] {
        assert_eq!(cluster.state().configs_of(&resource)["log.flush.interval.messages"], "7");
    }
}

#[test]
fn a_broker_keeps_names_that_nobody_knows_and_refuses_what_needs_a_restart() {
    let mut cluster = Cluster::of(1);
    let mut only = |change: Change<'_>| alter(&mut cluster, BROKER, "1", &[change]);

    assert_eq!(only(("no.such", SET, Some("1"))), None);
    assert_eq!(only(("num.partitions", SET, Some("2"))), Some(ErrorCode::InvalidRequest));
    let bad = ("log.flush.interval.messages", SET, Some("x"));
    assert_eq!(only(bad), Some(ErrorCode::InvalidRequest));
}

#[test]
fn a_listeners_own_value_is_checked_as_the_brokers() {
    let mut cluster = Cluster::of(1);
    let rate = "listener.name.plaintext.max.connection.creation.rate";
    let mut set = |value| alter(&mut cluster, BROKER, "1", &[(rate, SET, Some(value))]);

    assert_eq!(set("100"), None);
    for wrong in ["abc", "-1"] {
        assert_eq!(set(wrong), Some(ErrorCode::InvalidRequest), "{wrong}");
    }
}

/// A broker with a SASL listener, started with PLAIN for bob, and SCRAM.
fn with_sasl() -> Cluster {
    let given = [
        ("listeners", "SASL://:1,PLAINTEXT://:2"),
        ("listener.security.protocol.map", "SASL:SASL_PLAINTEXT,PLAINTEXT:PLAINTEXT"),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256"),
        ("sasl.jaas.config", BOB),
    ];
    let given = given.map(|(name, value)| {
        (name.to_owned(), Given { value: value.to_owned(), origin: "a test".to_owned() })
    });
    let configs = BrokerConfigs::new(BTreeMap::from(given)).unwrap();
    Cluster::configured(testing::settings(), configs)
}

const MECHANISMS: &str = "sasl.enabled.mechanisms";
const OWN_MECHANISMS: &str = "listener.name.sasl.sasl.enabled.mechanisms";
const OWN_JAAS: &str = "listener.name.sasl.plain.sasl.jaas.config";
const BOB: &str = "PlainLoginModule required user_bob=secret;";
const NOBODY: &str = "PlainLoginModule required username=bob password=secret;";

#[test]
fn what_would_lock_all_clients_of_a_listener_out_is_refused() {
    let refused = Some(ErrorCode::InvalidRequest);
    for name in [MECHANISMS, OWN_MECHANISMS] {
        for node in ["", "1"] {
            let mut cluster = with_sasl();
            let mut set = |value| alter(&mut cluster, BROKER, node, &[(name, SET, Some(value))]);
            for wrong in ["GSSAPI", "", "plain", "PLAIN,", "PLAIN,OAUTHBEARER"] {
                assert_eq!(set(wrong), refused, "{name}={wrong:?}");
            }
            assert_eq!(set("SCRAM-SHA-512"), None);
        }
    }
    let mut cluster = with_sasl();
    for name in ["sasl.jaas.config", OWN_JAAS] {
        let mut set = |value| alter(&mut cluster, BROKER, "1", &[(name, SET, Some(value))]);
        assert_eq!((set(NOBODY), set(""), set(BOB)), (refused, refused, None), "{name}");
    }
    let other = ("listener.name.plaintext.sasl.enabled.mechanisms", SET, Some("GSSAPI"));
    assert_eq!(alter(&mut cluster, BROKER, "1", &[other]), None);
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    let record = |name: &str, value: &str| ConfigRecord {
        resource: ConfigResource::Broker(None),
        name: name.to_owned(),
        value: Some(value.to_owned()),
    };
    let alteration = resource(BROKER, "", &[(OWN_JAAS, SET, Some(BOB))]);

    let jaas = format!("{:?} {alteration:?}", record(OWN_JAAS, BOB));

    assert!(jaas.contains(OWN_JAAS) && !jaas.contains("secret"), "{jaas}");
    assert!(format!("{:?}", record("num.partitions", "12345")).contains("12345"));
    let rules =
        SettingsRules::new(BrokerConfigs::default().with_dynamic(
            &BTreeMap::from([(OWN_JAAS.to_owned(), BOB.to_owned())]),
            &BTreeMap::new(),
        ));
    assert!(!format!("{rules:?}").contains("secret"));
}

#[test]
fn a_deletion_may_not_lock_clients_out_either() {
    let mut cluster = with_sasl();
    let own = [(MECHANISMS, SET, Some("SCRAM-SHA-256")), ("sasl.jaas.config", SET, Some(NOBODY))];
    assert_eq!(alter(&mut cluster, BROKER, "1", &own), None);

    let deletion = [(MECHANISMS, DELETE, None)];
    assert_eq!(alter(&mut cluster, BROKER, "1", &deletion), Some(ErrorCode::InvalidRequest));

    assert_eq!(replace(&mut cluster, BROKER, "1", &[]), None);
}

#[test]
fn values_of_one_broker_and_of_all_are_judged_together() {
    let mut cluster = with_sasl();
    let all = resource(BROKER, "", &[(MECHANISMS, SET, Some("SCRAM-SHA-256"))]);
    let own = resource(BROKER, "1", &[("sasl.jaas.config", SET, Some(NOBODY))]);
    assert_eq!(alter_all(&mut cluster, vec![all, own]), [None, None]);

    let deletion = [(MECHANISMS, DELETE, None)];
    assert_eq!(alter(&mut cluster, BROKER, "", &deletion), Some(ErrorCode::InvalidRequest));
}

#[test]
fn a_listener_that_cannot_be_served_can_be_mended_in_steps() {
    let mut cluster = with_sasl();
    cluster.machine.replay(&Record::Config(ConfigRecord {
        resource: ConfigResource::Broker(Some(NodeId(1))),
        name: MECHANISMS.to_owned(),
        value: Some("GSSAPI".to_owned()),
    }));

    let other = ("log.retention.ms", SET, Some("5000"));
    assert_eq!(alter(&mut cluster, BROKER, "1", &[other]), None);
    assert_eq!(alter(&mut cluster, BROKER, "1", &[(MECHANISMS, SET, Some("PLAIN"))]), None);
}

#[test]
fn min_insync_replicas_is_the_clusters_and_stays_set() {
    let mut cluster = Cluster::of(1);
    let set = [("min.insync.replicas", SET, Some("1"))];
    let delete = [("min.insync.replicas", DELETE, None)];

    let default = cluster.state().configs_of(&ConfigResource::Broker(None));
    assert_eq!(default["min.insync.replicas"], "1", "a new cluster has it");
    assert_eq!(alter(&mut cluster, BROKER, "1", &set), Some(ErrorCode::InvalidConfig));
    assert_eq!(alter(&mut cluster, BROKER, "", &delete), Some(ErrorCode::InvalidConfig));
    assert_eq!(alter(&mut cluster, BROKER, "", &set), None);
}

#[test]
fn groups_have_configs_and_other_kinds_have_none() {
    let mut cluster = Cluster::of(1);
    let change = [("consumer.session.timeout.ms", SET, Some("50000"))];

    assert_eq!(alter(&mut cluster, GROUP, "g", &change), None);
    assert_eq!(alter(&mut cluster, GROUP, "", &change), Some(ErrorCode::InvalidRequest));
    let unknown = [("no.such", SET, Some("1"))];
    assert_eq!(alter(&mut cluster, GROUP, "g", &unknown), Some(ErrorCode::InvalidConfig));
    assert_eq!(alter(&mut cluster, 7, "x", &change), Some(ErrorCode::InvalidRequest));

    let request = Request::ConfigsOf(ConfigResource::Group("g".to_owned()));
    let Answer::Configs(configs) = cluster.ask(request) else { panic!("another kind of answer") };
    assert_eq!(configs["consumer.session.timeout.ms"], "50000");
}

#[test]
fn a_replacement_deletes_what_it_does_not_name() {
    let mut cluster = with_topic();
    let both = [("retention.ms", SET, Some("5000")), ("segment.ms", SET, Some("6000"))];
    assert_eq!(alter(&mut cluster, TOPIC, "t", &both), None);

    let refused = [("no.such", SET, Some("1"))];
    assert_eq!(replace(&mut cluster, TOPIC, "t", &refused), Some(ErrorCode::InvalidConfig));
    assert_eq!(of_topic(&cluster, "retention.ms").as_deref(), Some("5000"));

    let one = [("segment.ms", SET, Some("7000"))];
    assert_eq!(replace(&mut cluster, TOPIC, "t", &one), None);
    assert_eq!(of_topic(&cluster, "segment.ms").as_deref(), Some("7000"));
    assert_eq!(of_topic(&cluster, "retention.ms"), None);

    assert_eq!(replace(&mut cluster, TOPIC, "t", &[]), None);
    assert_eq!(of_topic(&cluster, "segment.ms"), None);
}

#[test]
fn a_replacement_may_not_take_the_clusters_min_isr_away() {
    let mut cluster = with_topic();
    let set = [("min.insync.replicas", SET, Some("1"))];
    assert_eq!(alter(&mut cluster, BROKER, "", &set), None);

    let other = [("log.retention.ms", SET, Some("5000"))];

    assert_eq!(replace(&mut cluster, BROKER, "", &other), Some(ErrorCode::InvalidConfig));
}

#[test]
fn validation_alone_changes_nothing() {
    let mut cluster = with_topic();
    let resources = vec![resource(TOPIC, "t", &[("retention.ms", SET, Some("77"))])];
    let request = AlterConfigs { resources, replace: false, validate_only: true, node: NodeId(1) };

    let Answer::ConfigsAltered(results) = cluster.ask(Request::AlterConfigs(request)) else {
        panic!("another kind of answer")
    };

    assert!(results[0].result.is_ok());
    assert_eq!(of_topic(&cluster, "retention.ms"), None);
}

#[test]
fn one_request_changes_no_more_than_one_batch_holds() {
    let mut cluster = with_topic();
    let names: Vec<String> = (0..10_001).map(|number| format!("name.{number}")).collect();
    let changes: Vec<Change<'_>> = names.iter().map(|name| (&**name, SET, Some("x"))).collect();

    assert_eq!(alter(&mut cluster, BROKER, "1", &changes[1..]), None);
    let before = cluster.log.len();
    let topic = resource(TOPIC, "t", &[("retention.ms", SET, Some("5000"))]);
    let refused = alter_all(&mut cluster, vec![topic, resource(BROKER, "", &changes[1..])]);

    assert_eq!(refused, [Some(ErrorCode::PolicyViolation); 2]);
    assert_eq!(cluster.log.len(), before);
}
