//! Which names count for a SASL listener, and what keeps it from being served.

use super::*;
use crate::types::{Given, ScramMechanism};

const PLAIN: SaslMechanism = SaslMechanism::Plain;
const SCRAM: SaslMechanism = SaslMechanism::Scram(ScramMechanism::Sha256);
const JAAS_OF_ALICE: &str = r#"a.PlainLoginModule required username="x" user_alice="secret";"#;
const JAAS_OF_BOB: &str = r#"PlainLoginModule required user_bob="b"; ScramLoginModule required;"#;

fn configs(pairs: &[(&str, &str)]) -> BrokerConfigs {
    let given = |(name, value): &(&str, &str)| {
        (name.to_string(), Given { value: value.to_string(), origin: "a test".to_owned() })
    };
    BrokerConfigs::new(pairs.iter().map(given).collect()).unwrap()
}

fn users(configs: &BrokerConfigs, listener: &str) -> Vec<String> {
    configs.sasl(listener).passwords.into_keys().collect()
}

#[test]
fn the_closest_name_counts() {
    let configs = configs(&[
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("listener.name.sasl_plaintext.sasl.enabled.mechanisms", "SCRAM-SHA-256, PLAIN"),
        ("sasl.jaas.config", JAAS_OF_BOB),
        ("listener.name.sasl_plaintext.plain.sasl.jaas.config", JAAS_OF_ALICE),
        ("connections.max.reauth.ms", "1000"),
        ("listener.name.sasl_plaintext.connections.max.reauth.ms", "2000"),
        ("listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms", "0"),
    ]);

    let ms = |ms| Some(Duration::from_millis(ms));
    let closest = configs.sasl("SASL_PLAINTEXT");
    assert_eq!(closest.mechanisms, [(SCRAM, None), (PLAIN, ms(2000))]);
    assert_eq!(closest.passwords, BTreeMap::from([("alice".to_owned(), Secret::new("secret"))]));
    assert_eq!(configs.sasl("OTHER").mechanisms, [(PLAIN, ms(1000))]);
    assert_eq!(users(&configs, "OTHER"), ["bob"]);
}

#[test]
fn a_listeners_own_value_is_checked_and_brought_into_form_as_the_brokers() {
    let reauth = "listener.name.sasl.plain.connections.max.reauth.ms";
    let rate = "listener.name.sasl.max.connection.creation.rate";

    let blank = configs(&[(MECHANISMS, "PLAIN"), (reauth, " 1000 "), (rate, "+7")]);
    assert_eq!(blank.sasl("SASL").mechanisms, [(PLAIN, Some(Duration::from_secs(1)))]);
    assert_eq!(blank.value(rate), Some("7"));
    let live = BTreeMap::from([(rate.to_owned(), " 8 ".to_owned())]);
    assert_eq!(blank.with_dynamic(&live, &BTreeMap::new()).value(rate), Some("8"));
    for (name, wrong) in [(reauth, "10s"), (rate, "-1"), (rate, "many")] {
        let given = Given { value: wrong.to_owned(), origin: "a test".to_owned() };
        let started = BrokerConfigs::new(BTreeMap::from([(name.to_owned(), given)]));
        assert!(started.is_err_and(|error| error.to_string().contains(name)), "{name}={wrong}");
        assert!(BrokerConfigs::check_dynamic(name, wrong).is_err(), "{name}={wrong}");
    }
}

#[test]
fn a_listener_without_usable_mechanisms_or_users_is_refused() {
    let refusal = |pairs: &[(&str, &str)]| check(&configs(pairs), "SASL").unwrap_err().to_string();

    assert!(refusal(&[]).contains("GSSAPI"));
    assert!(refusal(&[(MECHANISMS, "PLAIN,OAUTHBEARER")]).contains("need OAUTHBEARER"));
    assert!(refusal(&[(MECHANISMS, "")]).contains("needs one of PLAIN"));
    let said = refusal(&[(MECHANISMS, "PLAIN")]);
    assert!(said.contains("listener.name.sasl.plain.sasl.jaas.config"), "{said}");
    assert!(check(&configs(&[(MECHANISMS, "SCRAM-SHA-512")]), "SASL").is_ok());
    assert!(check(&configs(&[(MECHANISMS, "PLAIN"), (JAAS, JAAS_OF_BOB)]), "SASL").is_ok());
}

#[test]
fn a_broken_secret_is_refused_and_not_shown() {
    let name = "listener.name.sasl.plain.sasl.jaas.config";

    let said = BrokerConfigs::check_dynamic(name, "A required geheim").unwrap_err().to_string();

    assert!(said.contains(name) && !said.contains("geheim"), "{said}");
    assert!(BrokerConfigs::check_dynamic(name, JAAS_OF_ALICE).is_ok());
    assert!(BrokerConfigs::check_dynamic(JAAS, "{").is_err());
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    let own = "listener.name.sasl.plain.sasl.jaas.config";
    let given = configs(&[(JAAS, JAAS_OF_ALICE), ("num.partitions", "7")]);
    let live = BTreeMap::from([(own.to_owned(), JAAS_OF_ALICE.to_owned())]);

    let shown = format!("{:?} {:?}", given.with_dynamic(&live, &live), given.given());

    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains(own) && shown.contains("\"num.partitions\": \"7\""), "{shown}");
}

#[test]
fn what_works_for_a_listener_is_known() {
    let configs = configs(&[
        ("listeners", "A://:1,B://:2"),
        ("listener.security.protocol.map", "A:SASL_PLAINTEXT,B:PLAINTEXT"),
    ]);
    let all = listeners::named(&configs).unwrap();
    let works = |name: &str| all.iter().any(|listener| listener.goes_by(name));

    for name in [
        "listener.name.a.sasl.enabled.mechanisms",
        "listener.name.a.sasl.jaas.config",
        "listener.name.a.plain.sasl.jaas.config",
        "listener.name.a.scram-sha-256.connections.max.reauth.ms",
        "listener.name.a.max.connection.creation.rate",
        "listener.name.b.max.connection.creation.rate",
    ] {
        assert!(works(name), "{name}");
    }
    for name in [
        "sasl.enabled.mechanisms",
        "listener.name.A.sasl.enabled.mechanisms",
        "listener.name.b.sasl.enabled.mechanisms",
        "listener.name.c.max.connection.creation.rate",
        "listener.name.a.plain.sasl.enabled.mechanisms",
        "listener.name.a.scram-sha-256.sasl.jaas.config",
        "listener.name.a.gssapi.connections.max.reauth.ms",
        "listener.name.a.ssl.keystore.location",
    ] {
        assert!(!works(name), "{name}");
    }
}

#[test]
fn a_client_says_who_it_is_in_kafkas_words() {
    let jaas = r#"x.ScramLoginModule required username="alice" password="p;w";"#;

    let login = SaslLogin::parse(Some("SCRAM-SHA-256"), Some(jaas)).unwrap();

    let (user, password) = ("alice".to_owned(), Secret::new("p;w"));
    assert_eq!(login, SaslLogin { mechanism: SCRAM, user, password });
    let refusal = |mechanism, jaas| SaslLogin::parse(mechanism, jaas).unwrap_err();
    assert!(refusal(None, Some(jaas)).contains("GSSAPI is not supported"));
    assert!(refusal(Some("PLAIN"), Some(jaas)).contains("needs a PlainLoginModule"));
    assert!(refusal(Some("PLAIN"), None).contains("sasl.jaas.config is not set"));
    let nameless = "ScramLoginModule required password=geheim;";
    let said = refusal(Some("SCRAM-SHA-512"), Some(nameless));
    assert!(said.contains("no username") && !said.contains("geheim"), "{said}");
}
