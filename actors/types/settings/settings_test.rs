//! What the tables, the parsed settings and DescribeConfigs promise.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Given> {
    let origin = || "a test".to_owned();
    let given = |(name, value): &(&str, &str)| {
        (name.to_string(), Given { value: value.to_string(), origin: origin() })
    };
    pairs.iter().map(given).collect()
}

fn configs(pairs: &[(&str, &str)]) -> BrokerConfigs {
    BrokerConfigs::new(given(pairs)).unwrap()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    configs(pairs).settings().unwrap_err().to_string()
}

fn entry<'a>(entries: &'a [ConfigEntry], name: &str) -> &'a ConfigEntry {
    entries.iter().find(|entry| entry.name == name).unwrap()
}

fn sources(entry: &ConfigEntry) -> Vec<(&str, &str, i8)> {
    let one = |synonym: &'_ ConfigSynonym| synonym.source.to_wire();
    let synonyms = entry.synonyms.iter();
    synonyms.map(|s| (s.name.as_str(), s.value.as_deref().unwrap_or("-"), one(s))).collect()
}

#[test]
fn the_table_names_what_kafka_describes_and_each_name_once() {
    let names: Vec<&str> = Setting::all().map(|row| row.name).collect();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();

    assert_eq!(distinct.len(), names.len());
    assert_eq!(Setting::all().filter(|row| !row.is_own()).count(), 340);
    assert_eq!(Setting::all().filter(|row| row.is_sensitive()).count(), 10);
    assert_eq!(GROUP_CONFIGS.len(), 17);
}

#[test]
fn every_default_fits_its_own_row() {
    for row in Setting::all() {
        for default in [row.default, row.kafka_default.filter(|text| *text != "null")] {
            let Some(default) = default else { continue };
            assert_eq!(row.check(default).as_deref(), Ok(default), "{}", row.name);
        }
        assert_eq!(row.doc.is_empty(), row.effect == Effect::None, "{}", row.name);
    }
    for row in GROUP_CONFIGS {
        let broker = row.synonym.and_then(Setting::find);
        assert_eq!(row.synonym.is_some(), broker.is_some(), "{}", row.name);
        assert!(broker.is_none_or(|broker| broker.default == Some(row.default)), "{}", row.name);
    }
}

#[test]
fn what_is_said_to_work_is_read_by_the_broker() {
    // Read together by more than one setting, so without a field of that name.
    let joined = [
        "node.id",
        "broker.id",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "inter.broker.listener.name",
        "security.inter.broker.protocol",
        "log.dir",
        "log.dirs",
        "max.connections.per.ip.overrides",
        "ottla.admin.listener",
        "sasl.enabled.mechanisms",
        "sasl.jaas.config",
        "connections.max.reauth.ms",
    ];
    // Read anew for each connection, for they may change.
    let anew = ["max.connection.creation.rate", "max.connections", "max.connections.per.ip"];
    let inherited: BTreeSet<&str> = crate::types::TOPIC_CONFIGS
        .iter()
        .filter(|row| row.effect)
        .flat_map(|row| broker_synonyms(row.synonym.unwrap()))
        .collect();

    for row in Setting::all() {
        let field = BrokerSettings::NAMES.contains(&row.name);
        let read = field
            || [&joined[..], &anew].concat().contains(&row.name)
            || inherited.contains(row.name);
        assert_eq!(row.effect == Effect::Works, read, "{}", row.name);
    }
}

#[test]
fn a_node_is_known_by_both_names_of_its_number() {
    let entries = configs(&[("node.id", "4")]).describe_broker();

    assert_eq!(
        sources(entry(&entries, "broker.id")),
        [("broker.id", "4", 4), ("broker.id", "-1", 5)]
    );
}

#[test]
fn without_any_setting_a_broker_can_run() {
    let settings = BrokerConfigs::default().settings().unwrap();

    assert_eq!(settings.node_id.0, 1);
    assert_eq!(settings.data_dir.to_str(), Some("./data"));
    assert_eq!(settings.message_max_bytes, 1_048_588);
    assert_eq!(settings.group_initial_rebalance_delay.as_millis(), 0);
    assert_eq!(settings.queued_max_request_bytes, None);
    assert_eq!(settings.listeners.len(), 1);
    assert_eq!(settings.listeners[0].bind, Endpoint { host: String::new(), port: 9092 });
    assert_eq!(settings.listeners[0].advertised, None);
}

#[test]
fn the_page_is_where_it_is_by_default_where_someone_wants_it_or_nowhere() {
    let page = |text| configs(&[("ottla.admin.listener", text)]).settings().unwrap();
    let at = |host: &str, port, is_chosen| {
        Some(AdminListener { bind: Endpoint { host: host.to_owned(), port }, is_chosen })
    };

    let default = BrokerConfigs::default().settings().unwrap();
    assert_eq!(default.admin_listener, at("127.0.0.1", 9644, false));
    assert!(default.admin_topic_metrics);
    assert_eq!(page("127.0.0.1:9644").admin_listener, at("127.0.0.1", 9644, true));
    assert_eq!(page("[::1]:80").admin_listener, at("::1", 80, true));
    assert_eq!(page("").admin_listener, None);
    for wrong in ["9644", "localhost", "localhost:http", "a b:1"] {
        let said = refusal(&[("ottla.admin.listener", wrong)]);
        assert!(said.contains("ottla.admin.listener") && said.contains(wrong), "{said}");
    }
}

#[test]
fn listeners_of_a_common_compose_file_open_all_but_the_controllers() {
    let settings = configs(&[
        ("listeners", "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092"),
        ("advertised.listeners", "PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092"),
        (
            "listener.security.protocol.map",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
        ),
        ("inter.broker.listener.name", "PLAINTEXT"),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.voters", "1@broker:29093"),
    ])
    .settings()
    .unwrap();

    let told = |listener: &Listener| {
        let advertised = listener.advertised.as_ref().unwrap();
        (listener.name.clone(), listener.bind.to_string(), advertised.to_string())
    };
    let expected =
        [("PLAINTEXT_HOST", ":9092", "localhost:9092"), ("PLAINTEXT", ":19092", "broker:19092")];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(settings.listeners.iter().map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn a_controller_listener_without_a_protocol_of_its_own_is_plaintext() {
    let listeners = ("listeners", "PLAINTEXT://:9092,CTRL://:9093");
    let names = ("controller.listener.names", "CTRL");

    assert_eq!(configs(&[listeners, names]).settings().unwrap().listeners.len(), 1);
    assert!(refusal(&[listeners]).contains("No security protocol defined for listener CTRL"));
}

#[test]
fn listeners_that_cannot_work_are_refused() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("listeners", "PLAINTEXT://:9092,PLAINTEXT://:9093")], "a different name"),
        (
            &[
                ("listeners", "PLAINTEXT://:9092,B://:9092"),
                ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,B:PLAINTEXT"),
            ],
            "a different port",
        ),
        (
            &[("listeners", "PLAINTEXT://127.0.0.1:1,PLAINTEXT://[::1]:2,PLAINTEXT://[::2]:3")],
            "a different name",
        ),
        (&[("listeners", "localhost:9092")], "Unable to parse"),
        (&[("listeners", "PLAINTEXT://:70000")], "Unable to parse"),
        (&[("advertised.listeners", "PLAINTEXT://0.0.0.0:9092")], "nonroutable"),
        (&[("advertised.listeners", "OTHER://a:9092")], "subset of the ones defined in listeners"),
        (
            &[
                ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
                ("advertised.listeners", "CONTROLLER://a:9093"),
            ],
            "must not contain KRaft controller listeners",
        ),
        (&[("listeners", "SSL://:9093")], "only PLAINTEXT and SASL_PLAINTEXT are served"),
        (&[("listeners", "SASL_PLAINTEXT://:9093")], "would need GSSAPI"),
        (&[("listeners", "CONTROLLER://:9093")], "at least one listener"),
        (&[("inter.broker.listener.name", "B")], "must be a listener name"),
        (&[("listener.security.protocol.map", "PLAINTEXT:TLS")], "No security protocol is named"),
    ];
    for (pairs, part) in cases {
        let text = refusal(pairs);
        assert!(text.contains(part), "{pairs:?}: {text}");
    }
}

#[test]
fn one_port_serves_both_address_families() {
    let both = "PLAINTEXT://127.0.0.1:9092,B://[::1]:9092";
    let map = ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,B:PLAINTEXT");

    let settings = configs(&[("listeners", both), map]).settings().unwrap();

    assert_eq!(settings.listeners[1].bind.to_string(), "[::1]:9092");
}

#[test]
fn a_file_that_speaks_of_a_cluster_does_not_start_a_lone_node() {
    assert!(refusal(&[("controller.quorum.voters", "1@a:9,2@b:9")]).contains("2 nodes"));
    assert!(refusal(&[("controller.quorum.voters", "2@b:9")]).contains("this is node 1"));
    assert!(refusal(&[("process.roles", "broker")]).contains("process.roles"));
    assert!(refusal(&[("node.id", "1"), ("broker.id", "2")]).contains("the same value"));
    assert_eq!(configs(&[("broker.id", "5")]).settings().unwrap().node_id.0, 5);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    assert!(refusal(&[("group.min.session.timeout.ms", "1800001")]).contains("less than or equal"));
    assert!(refusal(&[("log.retention.hours", "0")]).contains("must be unlimited (-1)"));
    assert!(refusal(&[("log.dirs", "a,b")]).contains("expected one folder"));
    assert!(refusal(&[("max.connections.per.ip.overrides", "host")]).contains("host:count"));
}

#[test]
fn a_value_that_does_not_fit_never_gets_in() {
    let error = BrokerConfigs::new(given(&[("num.partitions", "many")])).unwrap_err();

    assert_eq!(
        error.to_string(),
        "Invalid value many for configuration num.partitions: Not a number of type INT"
    );
}

#[test]
fn a_broker_lists_every_setting_with_its_source() {
    let configs = configs(&[("num.partitions", "3"), ("no.such", "x"), ("node.id", "1")])
        .with_dynamic(&texts(&[("num.io.threads", "4")]), &texts(&[("num.io.threads", "6")]));

    let entries = configs.describe_broker();

    assert!(entries.is_sorted_by_key(|entry| entry.name.clone()));
    let partitions = entry(&entries, "num.partitions");
    assert_eq!(partitions.value.as_deref(), Some("3"));
    assert!(partitions.read_only && partitions.source == ConfigSource::StaticBroker);
    assert_eq!(sources(partitions), [("num.partitions", "3", 4), ("num.partitions", "1", 5)]);
    let threads = entry(&entries, "num.io.threads");
    assert!(!threads.read_only && threads.kind == ConfigType::Int);
    assert_eq!(
        sources(threads),
        [("num.io.threads", "4", 2), ("num.io.threads", "6", 3), ("num.io.threads", "8", 5)]
    );
    let unknown = entry(&entries, "no.such");
    assert!(unknown.sensitive && unknown.value.is_none() && unknown.kind == ConfigType::Unknown);
    let rack = entry(&entries, "broker.rack");
    assert!(rack.value.is_none() && rack.synonyms.is_empty() && rack.is_default());
    let default = configs.describe_broker_default();
    assert_eq!(default.len(), 1);
    assert_eq!(sources(&default[0]), [("num.io.threads", "6", 3)]);
    assert_eq!(default[0].value.as_deref(), Some("6"));
}

#[test]
fn secrets_are_listed_without_their_value() {
    let configs = configs(&[
        ("ssl.key.password", "geheim"),
        ("listener.name.internal.scram-sha-256.sasl.jaas.config", "A required a=geheim;"),
    ]);

    let entries = configs.describe_broker();

    let jaas = entry(&entries, "listener.name.internal.scram-sha-256.sasl.jaas.config");
    assert_eq!(jaas.kind, ConfigType::Password);
    assert_eq!(jaas.source, ConfigSource::StaticBroker);
    assert!(entries.iter().all(|entry| !format!("{entry:?}").contains("geheim")));
}

#[test]
fn a_topic_lists_its_own_value_before_the_brokers() {
    let configs = configs(&[("log.cleanup.policy", "compact")]);

    let entries = configs.describe_topic(&texts(&[("retention.ms", "1000")]));

    assert_eq!(entries.len(), 33);
    let retention = entry(&entries, "retention.ms");
    assert_eq!(retention.kind.to_wire(), 5);
    assert_eq!(sources(retention), [("retention.ms", "1000", 1)]);
    let size = entry(&entries, "max.message.bytes");
    assert_eq!((size.value.as_deref(), size.kind.to_wire()), (Some("1048588"), 3));
    assert_eq!(sources(size), [("message.max.bytes", "1048588", 5)]);
    let policy = entry(&entries, "cleanup.policy");
    assert_eq!(
        sources(policy),
        [("log.cleanup.policy", "compact", 4), ("log.cleanup.policy", "delete", 5)]
    );
    assert!(entries.iter().all(|entry| !entry.read_only && !entry.sensitive));
}

#[test]
fn a_topics_age_from_hours_counts_as_default_as_in_kafka() {
    let entries = configs(&[("log.retention.hours", "1")]).describe_topic(&texts(&[]));

    let retention = entry(&entries, "retention.ms");
    assert_eq!(retention.value.as_deref(), Some("3600000"));
    assert!(retention.is_default() && retention.synonyms.is_empty());
}

#[test]
fn a_group_inherits_from_the_broker() {
    let configs = configs(&[("group.consumer.session.timeout.ms", "50000")]);

    let entries = configs.describe_group(&texts(&[("consumer.heartbeat.interval.ms", "6000")]));

    let session = entry(&entries, "consumer.session.timeout.ms");
    assert_eq!(session.value.as_deref(), Some("50000"));
    assert_eq!(session.source, ConfigSource::StaticBroker);
    let heartbeat = entry(&entries, "consumer.heartbeat.interval.ms");
    assert_eq!(heartbeat.source.to_wire(), 8);
    assert_eq!(heartbeat.value.as_deref(), Some("6000"));
}
