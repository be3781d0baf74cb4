//! Clients that have to say who they are: the Python ones, the tools, and bytes by hand.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, ApiVersionsRequest, IncrementalAlterConfigsRequest, MetadataRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::Request;

use crate::harness::{
    Broker, PATIENCE, Shell, Subprocess, answer_of, connect, frame_of, free_port, functions,
    read_frame, run, run_to_end, scratch, serve, sized, text,
};

const LISTENER: &str = "listeners=SASL_PLAINTEXT://127.0.0.1:<port>";
const PLAIN_USERS: &str = "listener.name.sasl_plaintext.plain.sasl.jaas.config=\
    org.apache.kafka.common.security.plain.PlainLoginModule required \
    user_admin=\"admin-secret\" user_alice=\"alice-secret\";";
const ALL: &str = "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";

macro_rules! scripts {
    ($($function:ident [$($setting:expr),+];)*) => {
        $(#[test]
        fn $function() {
            run("sasl", stringify!($function), &[LISTENER, PLAIN_USERS, $($setting),+]);
        })*

        #[test]
        fn every_function_of_the_script_is_a_test() {
            let listed = [$(stringify!($function)),*];
            for function in functions("sasl") {
                assert!(listed.contains(&&*function), "{function} is not listed");
            }
        }
    };
}

scripts! {
    librdkafka_gets_in_by_each_mechanism [ALL];
    kafka_python_gets_in_by_each_mechanism [ALL];
    wrong_passwords_and_unknown_users_get_in_nowhere [ALL];
    a_password_that_was_changed_or_deleted_gets_in_no_more [ALL];
    a_mechanism_that_is_not_enabled_gets_in_nowhere ["sasl.enabled.mechanisms=PLAIN"];
    a_client_without_sasl_is_not_served [ALL];
    users_are_described_without_their_secrets [ALL];
    a_session_is_renewed_while_records_go_through [ALL, "connections.max.reauth.ms=2500"];
}

fn broker(more: &[&str]) -> Broker {
    Broker::start(&[&[LISTENER, PLAIN_USERS, ALL], more].concat())
}

/// A connection that says what it is told to.
struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        Self(connect(address))
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.write(&frame_of(None, 0, version, request));
    }

    /// A token without a header.
    fn send_token(&mut self, token: &[u8]) {
        let mut frame = [&[0; 4], token].concat();
        sized(&mut frame);
        self.write(&frame);
    }

    fn write(&mut self, frame: &[u8]) {
        // The broker may have closed already.
        self.0.write_all(frame).unwrap_or_default();
    }

    /// The next frame; `None` once the broker has closed.
    fn receive(&mut self) -> Option<Bytes> {
        read_frame(&mut self.0).ok()
    }

    fn ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.send(version, request);
        Some(answer_of::<R>(version, self.receive()?).1)
    }

    fn handshake(&mut self, version: i16, mechanism: &str) -> (i16, Vec<String>) {
        let mechanism = text(mechanism);
        let answer = self.ask(version, &SaslHandshakeRequest::default().with_mechanism(mechanism));
        let answer = answer.expect("an answer");
        (answer.error_code, answer.mechanisms.iter().map(|name| name.to_string()).collect())
    }

    /// Code, text and lifetime.
    fn authenticate(&mut self, version: i16, token: &'static [u8]) -> Option<(i16, String, i64)> {
        let token = Bytes::from_static(token);
        let answer =
            self.ask(version, &SaslAuthenticateRequest::default().with_auth_bytes(token))?;
        let text = answer.error_message.map(|text| text.to_string()).unwrap_or_default();
        Some((answer.error_code, text, answer.session_lifetime_ms))
    }

    fn is_served(&mut self) -> bool {
        self.ask(1, &MetadataRequest::default()).is_some()
    }
}

const ALICE: &[u8] = b"\0alice\0alice-secret";

#[test]
fn a_client_that_says_who_it_is_is_served() {
    let broker = broker(&["connections.max.reauth.ms=60000"]);
    let mut client = Client::connect(broker.address());

    assert!(client.ask(0, &ApiVersionsRequest::default()).is_some());
    let (code, mechanisms) = client.handshake(1, "PLAIN");
    assert_eq!((code, mechanisms.len()), (0, 3), "{mechanisms:?}");
    assert_eq!(client.authenticate(2, ALICE), Some((0, String::new(), 60_000)));
    assert!(client.is_served());
    // The client is known, and nothing was asked for.
    assert_eq!(client.authenticate(2, ALICE).map(|(code, ..)| code), Some(34));
    assert!(client.is_served());
}

#[test]
fn tokens_without_headers_are_served_however_they_arrive() {
    let broker = broker(&[]);
    let mut client = Client::connect(broker.address());
    client.0.set_nodelay(true).expect("an option");

    assert_eq!(client.handshake(0, "PLAIN").0, 0);
    client.send_token(ALICE);
    assert_eq!(client.receive().as_deref(), Some(&[][..]));
    assert!(client.is_served());

    // All at once: what follows the handshake is no request.
    let mut hasty = Client::connect(broker.address());
    hasty.send(0, &SaslHandshakeRequest::default().with_mechanism(text("PLAIN")));
    hasty.send_token(ALICE);
    hasty.send(1, &MetadataRequest::default());
    assert!(hasty.receive().is_some());
    assert_eq!(hasty.receive().as_deref(), Some(&[][..]));
    assert!(hasty.receive().is_some());
}

#[test]
fn a_refusal_comes_late_and_ends_the_connection() {
    let broker = broker(&["connection.failed.authentication.delay.ms=300"]);
    let late = Duration::from_millis(300);

    let mut wrong = Client::connect(broker.address());
    wrong.handshake(1, "PLAIN");
    let begun = Instant::now();
    let said = "Authentication failed: Invalid username or password".to_owned();
    assert_eq!(wrong.authenticate(2, b"\0alice\0wrong"), Some((58, said, 0)));
    assert!(begun.elapsed() >= late);
    assert_eq!(wrong.receive(), None);

    let mut unknown = Client::connect(broker.address());
    let begun = Instant::now();
    let (code, mechanisms) = unknown.handshake(1, "GSSAPI");
    assert_eq!((code, mechanisms.join(",")), (33, "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned()));
    assert!(begun.elapsed() >= late);
    assert_eq!(unknown.receive(), None);

    let mut nobody = Client::connect(broker.address());
    let begun = Instant::now();
    assert!(!nobody.is_served());
    assert!(begun.elapsed() >= late);

    let mut raw = Client::connect(broker.address());
    raw.handshake(0, "PLAIN");
    raw.send_token(b"\0alice\0wrong");
    assert_eq!(raw.receive(), None);
}

#[test]
fn a_session_that_is_over_ends_with_the_next_request() {
    let broker = broker(&["connections.max.reauth.ms=1"]);
    let mut client = Client::connect(broker.address());
    client.handshake(1, "PLAIN");
    let begun = Instant::now();
    assert_eq!(client.authenticate(2, ALICE).map(|(_, _, ms)| ms), Some(1));

    // A request may be quicker than that.
    while begun.elapsed() < PATIENCE && client.is_served() {}

    assert!(begun.elapsed() < PATIENCE, "it goes on");
    let mut again = Client::connect(broker.address());
    again.handshake(1, "PLAIN");
    again.authenticate(2, ALICE);
    assert_eq!(again.handshake(1, "PLAIN").0, 0);
    let said = again.authenticate(2, b"\0admin\0admin-secret").expect("an answer");
    assert!(said.0 == 58 && said.1.contains("Cannot change principals"), "{said:?}");
    assert_eq!(again.receive(), None);
}

#[test]
fn who_has_not_said_who_it_is_uses_up_nobodys_quota() {
    let broker = broker(&[]);
    let mut client = Client::connect(broker.address());
    client.handshake(1, "PLAIN");
    client.authenticate(2, ALICE);
    let user = EntityData::default().with_entity_type(text("user"));
    let least = OpData::default().with_key(text("request_percentage")).with_value(1e-9);
    let entry =
        EntryData::default().with_entity(vec![user.with_entity_name(None)]).with_ops(vec![least]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let altered = client.ask(1, &request).expect("an answer");
    assert_eq!(altered.entries[0].error_code, 0);

    let pause = |client: &mut Client| {
        let answer = client.ask(3, &ApiVersionsRequest::default()).expect("an answer");
        answer.throttle_time_ms
    };
    assert!(pause(&mut client) > 0);
    assert_eq!(pause(&mut Client::connect(broker.address())), 0);
}

#[test]
fn users_and_mechanisms_change_while_clients_authenticate_and_nobody_is_locked_out() {
    let broker = broker(&[]);
    let mut admin = Client::connect(broker.address());
    admin.handshake(1, "PLAIN");
    admin.authenticate(2, ALICE);
    let mut set = |name: &'static str, value: &'static str| {
        let config = AlterableConfig::default().with_name(text(name)).with_value(Some(text(value)));
        let of_all = AlterConfigsResource::default().with_resource_type(4);
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![of_all.with_configs(vec![config])]);
        admin.ask(1, &request).expect("an answer").responses[0].error_code
    };
    let mut begun = Client::connect(broker.address());
    begun.handshake(1, "PLAIN");

    let jaas = "listener.name.sasl_plaintext.plain.sasl.jaas.config";
    assert_eq!(set(jaas, "PlainLoginModule required user_bob=\"bob-secret\";"), 0);
    assert_eq!(set(jaas, "PlainLoginModule required username=\"bob\";"), 42);
    assert_eq!(set("sasl.enabled.mechanisms", "GSSAPI"), 42);

    assert_eq!(begun.authenticate(2, ALICE).map(|(code, ..)| code), Some(58));
    let mut bob = Client::connect(broker.address());
    bob.handshake(1, "PLAIN");
    assert_eq!(bob.authenticate(2, b"\0bob\0bob-secret").map(|(code, ..)| code), Some(0));
}

#[test]
fn a_listener_without_sasl_answers_as_kafka_does() {
    let broker = Broker::start(&[]);
    let mut client = Client::connect(broker.address());

    assert_eq!(client.handshake(1, "PLAIN"), (34, Vec::new()));
    assert_eq!(client.authenticate(2, ALICE).map(|(code, ..)| code), Some(34));
    assert!(client.is_served());
}

#[test]
fn tools_say_who_they_are() {
    let broker = broker(&["connections.max.reauth.ms=1000"]);
    let shell = Shell::new();
    let login = |user: &str, password: &str, mechanism: &str, class: &str| {
        let jaas = format!("{class} required username=\"{user}\" password=\"{password}\";");
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n\
             sasl.jaas.config={jaas}\n"
        );
        shell.write(&format!("{user}-{password}.properties"), &text)
    };
    let admin = login("admin", "admin-secret", "PLAIN", "x.PlainLoginModule");
    let bob = login("bob", "bob-secret", "SCRAM-SHA-512", "x.ScramLoginModule");
    let wrong = login("bob", "wrong", "SCRAM-SHA-512", "x.ScramLoginModule");

    let set = "configs --alter --entity-type users --entity-name bob --add-config \
               SCRAM-SHA-512=[password=bob-secret] --command-config";
    shell.ask(&broker, &format!("{set} {admin}"), "");
    shell.ask(&broker, &format!("topics --create --topic t --command-config {bob}"), "");
    shell.ask(&broker, &format!("produce --topic t --command-config {bob}"), "a line\n");
    let read =
        format!("consume --topic t --from-beginning --max-messages 1 --command-config {bob}");
    assert_eq!(shell.ask(&broker, &read, ""), "a line\n");

    let server = broker.address().to_string();
    let list = ["topics", "--list", "--bootstrap-server", &server, "--command-config", &wrong];
    let refused = shell.run(&list, "");
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    assert!(refused.err.contains("SaslAuthenticationException"), "{}", refused.err);
    let health = ["health", "--bootstrap-server", &server, "--command-config", &bob];
    assert_eq!(shell.run(&health, "").code, Some(0));
    let listener = format!("listeners=SASL_PLAINTEXT://{server}");
    let alone = ["health", "--set", &listener, "--set", ALL, "--set", PLAIN_USERS];
    let alone = shell.run(&alone, "");
    assert_eq!(alone.code, Some(0), "{}{}", alone.out, alone.err);
}

#[test]
fn secrets_are_shown_nowhere() {
    let broker = broker(&[]);
    let shell = Shell::new();
    let text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
                x.PlainLoginModule required username=\"admin\" password=\"admin-secret\";\n";
    let admin = shell.write("admin.properties", text);
    let set = "configs --alter --entity-type users --entity-name bob --add-config \
               SCRAM-SHA-256=[password=bob-secret]";

    let mut said = shell.ask(&broker, &format!("{set} --command-config {admin}"), "");
    let describe = "configs --describe --all --entity-type brokers --entity-name 1";
    said += &shell.ask(&broker, &format!("{describe} --command-config {admin}"), "");
    let mut wrong = Client::connect(broker.address());
    wrong.handshake(1, "PLAIN");
    wrong.authenticate(2, b"\0alice\0another-secret");
    said += &broker.log();
    said += &shell.run(&["config", "--set", PLAIN_USERS], "").out;

    assert!(said.contains("sasl.jaas.config") && said.contains("bob"), "{said}");
    for secret in ["admin-secret", "alice-secret", "bob-secret", "another-secret"] {
        assert!(!said.contains(secret), "{secret} is shown");
    }
}

#[test]
fn users_of_scram_may_be_there_at_the_first_start() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let shell = Shell::new();
    let data = folder.path().join("data");
    let file = format!("log.dirs={}\nnode.id=1\n", data.display());
    let settings = shell.write("server.properties", &file);
    let format = [
        "kafka-storage",
        "format",
        "--config",
        &settings,
        "--cluster-id",
        "5L6g3nShT-eMCtK--X86sw",
        "--add-scram",
        "SCRAM-SHA-256=[name=dora,password=dora-secret]",
    ];

    let formatted = shell.run(&format, "");

    assert_eq!(formatted.code, Some(0), "{}{}", formatted.out, formatted.err);
    let port = free_port();
    let listener = format!("listeners=SASL_PLAINTEXT://{}", address(port));
    let more = [listener, "sasl.enabled.mechanisms=SCRAM-SHA-256".to_owned()];
    let mut serve = serve(port, &data, &more);
    let mut process = Subprocess::start(serve.stdout(Stdio::null()).stderr(Stdio::null()));
    let text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n\
                sasl.jaas.config=ScramLoginModule required username=dora password=dora-secret;\n";
    let dora = shell.write("dora.properties", text);
    let server = address(port).to_string();
    // The tool waits for the broker to come up.
    let list = ["topics", "--list", "--bootstrap-server", &server, "--command-config", &dora];
    let listed = shell.run(&list, "");
    assert_eq!(listed.code, Some(0), "{}{}", listed.out, listed.err);
    process.kill();
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[test]
fn users_of_plain_may_stand_in_a_jaas_file() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let file = folder.path().join("jaas.conf");
    let text = "KafkaServer {\n  org.apache.kafka.common.security.plain.PlainLoginModule required\n\
                \x20 username=\"admin\" password=\"x\"\n  user_alice=\"alice-secret\";\n};\n";
    fs::write(&file, text).expect("a file");
    let options = format!("-Djava.security.auth.login.config={}", file.display());

    let broker = Broker::start_with(
        &[LISTENER, "sasl.enabled.mechanisms=PLAIN"],
        &[("KAFKA_OPTS", &options)],
    );

    let mut client = Client::connect(broker.address());
    client.handshake(1, "PLAIN");
    assert_eq!(client.authenticate(2, ALICE).map(|(code, ..)| code), Some(0));
    assert!(!broker.log().contains("there is no JVM"), "{}", broker.log());
}

#[test]
fn a_listener_that_nobody_could_use_does_not_start() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    for (settings, word) in [
        (&["sasl.enabled.mechanisms=PLAIN"][..], "plain.sasl.jaas.config has to name users"),
        (&[][..], "GSSAPI"),
        (&["listener.security.protocol.map=SASL_PLAINTEXT:SASL_SSL"][..], "SASL_SSL"),
    ] {
        let port = free_port();
        let listener = format!("listeners=SASL_PLAINTEXT://{}", address(port));
        let settings = settings.iter().map(|text| String::from(*text)).chain([listener]);
        let settings: Vec<String> = settings.collect();

        let (status, said) = run_to_end(&mut serve(port, folder.path(), &settings));

        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(word), "{said}");
    }
}
