//! Which requests are taken when, and who is known after which tokens.

use super::*;

const PLAIN: SaslMechanism = SaslMechanism::Plain;
const SCRAM: SaslMechanism = SaslMechanism::Scram(ScramMechanism::Sha256);
const SECOND: Duration = Duration::from_secs(1);
const ALICE: &[u8] = b"\0alice\0secret";

fn settings(lifetime: Option<Duration>) -> SaslSettings {
    let passwords = [("alice", "secret"), ("bob", "other")];
    let password = |(user, password): (&str, &str)| (user.to_owned(), Secret::new(password));
    SaslSettings {
        mechanisms: vec![(PLAIN, lifetime), (SCRAM, lifetime)],
        passwords: passwords.into_iter().map(password).collect(),
    }
}

fn begin(client: &mut Authentication, mechanism: &str, now: MonoTime) -> Handshake {
    client.handshake(1, mechanism, &settings(Some(10 * SECOND)), "nonce".to_owned(), now)
}

fn say(client: &mut Authentication, token: &[u8], now: MonoTime) -> Authenticated {
    say_to(client, &settings(Some(10 * SECOND)), token, now)
}

fn say_to(
    client: &mut Authentication,
    settings: &SaslSettings,
    token: &[u8],
    now: MonoTime,
) -> Authenticated {
    client.token(token, settings, &ScramUsers::default(), now)
}

fn new() -> Authentication {
    Authentication::new(Arc::from("SASL_PLAINTEXT"), 1000)
}

/// A client that is known as alice for ten seconds.
fn known() -> Authentication {
    let mut client = new();
    assert_eq!(begin(&mut client, "PLAIN", MonoTime::START), Handshake::Begun);
    let principal = KafkaPrincipal::user("alice");
    let known = Authenticated::Known { principal, answer: Vec::new(), lifetime_ms: 10_000 };
    assert_eq!(say(&mut client, ALICE, MonoTime::START), known);
    client
}

fn admits(client: &mut Authentication, key: ApiKey, now: MonoTime) -> bool {
    client.admit(key as i16, now) == Admission::Granted
}

#[test]
fn before_a_client_is_known_it_may_ask_for_nothing_else() {
    let now = MonoTime::START;
    for key in [ApiKey::Metadata, ApiKey::Produce, ApiKey::SaslAuthenticate] {
        let mut client = new();
        assert!(admits(&mut client, ApiKey::ApiVersions, now));
        assert!(!admits(&mut client, key, now), "{key:?}");
        assert!(!admits(&mut client, ApiKey::ApiVersions, now), "it was refused");
        assert!(client.refusal().is_some_and(|why| why.contains("during SASL handshake")));
    }
    let mut client = new();
    begin(&mut client, "PLAIN", now);
    assert!(admits(&mut client, ApiKey::SaslAuthenticate, now));
    assert!(!admits(&mut client, ApiKey::ApiVersions, now));
    assert!(!admits(&mut new(), ApiKey::Metadata, now));
    assert_eq!(client.frames(), Frames::Authenticating(1000));
}

#[test]
fn a_client_that_is_known_may_ask_for_anything() {
    let mut client = known();

    assert_eq!((client.frames(), client.refusal()), (Frames::Requests, None));
    assert!(admits(&mut client, ApiKey::Metadata, MonoTime::START));
    assert_eq!(say(&mut client, ALICE, MonoTime::START), Authenticated::Illegal);
    assert!(admits(&mut client, ApiKey::Metadata, MonoTime::START));
}

#[test]
fn a_mechanism_that_is_not_enabled_is_refused() {
    let mut client = new();

    let refused = begin(&mut client, "GSSAPI", MonoTime::START);

    assert_eq!(refused, Handshake::Unsupported);
    assert!(client.refusal().is_some());
    assert_eq!(begin(&mut client, "PLAIN", MonoTime::START), Handshake::Illegal);
}

#[test]
fn a_second_handshake_ends_an_exchange() {
    let mut client = new();
    begin(&mut client, "PLAIN", MonoTime::START);

    assert_eq!(begin(&mut client, "PLAIN", MonoTime::START), Handshake::Illegal);
    assert_eq!(say(&mut client, ALICE, MonoTime::START), Authenticated::Illegal);
}

#[test]
fn wrong_credentials_are_refused_in_kafkas_words() {
    let refused = |mechanism: &str, token: &[u8]| {
        let mut client = new();
        begin(&mut client, mechanism, MonoTime::START);
        let said = say(&mut client, token, MonoTime::START);
        let Authenticated::Refused(why) = said else { panic!("{said:?}") };
        why
    };

    let plain = refused("PLAIN", b"\0alice\0wrong");
    assert_eq!(plain, "Authentication failed: Invalid username or password");
    let scram = refused("SCRAM-SHA-256", b"n,,n=alice,r=x");
    assert_eq!(
        scram,
        "Authentication failed during authentication due to invalid credentials with SASL \
         mechanism SCRAM-SHA-256"
    );
}

#[test]
fn tokens_without_a_header_follow_the_oldest_handshake() {
    let mut client = new();
    let settings = settings(None);

    client.handshake(0, "PLAIN", &settings, "nonce".to_owned(), MonoTime::START);

    assert_eq!(client.frames(), Frames::Tokens(1000));
    let known = say_to(&mut client, &settings, ALICE, MonoTime::START);
    assert!(matches!(known, Authenticated::Known { lifetime_ms: 0, .. }), "{known:?}");
    assert_eq!(client.frames(), Frames::Requests);
}

#[test]
fn what_was_revoked_between_handshake_and_token_counts_no_more() {
    let revoked = |change: fn(&mut SaslSettings)| {
        let (mut client, mut settings) = (new(), settings(None));
        begin(&mut client, "PLAIN", MonoTime::START);
        change(&mut settings);
        let said = say_to(&mut client, &settings, ALICE, MonoTime::START);
        assert!(matches!(said, Authenticated::Refused(_)), "{said:?}");
    };

    revoked(|settings| drop(settings.passwords.remove("alice")));
    revoked(|settings| settings.mechanisms.retain(|(mechanism, _)| *mechanism != PLAIN));
}

#[test]
fn a_session_ends_unless_the_client_authenticates_again() {
    let late = MonoTime::START.after(11 * SECOND);
    let mut expired = known();
    assert!(!admits(&mut expired, ApiKey::Metadata, late));

    let mut client = known();
    assert!(admits(&mut client, ApiKey::SaslHandshake, late));
    assert_eq!(begin(&mut client, "PLAIN", late), Handshake::Begun);
    assert!(!admits(&mut known(), ApiKey::SaslAuthenticate, late));
    assert!(matches!(say(&mut client, ALICE, late), Authenticated::Known { .. }));
    assert!(admits(&mut client, ApiKey::Metadata, late));
}

#[test]
fn a_client_authenticates_again_once_a_second_and_only_if_its_session_ends() {
    let mut client = known();
    let second = MonoTime::START.after(SECOND);
    assert_eq!(begin(&mut client, "PLAIN", MonoTime::START), Handshake::Begun);
    say(&mut client, ALICE, MonoTime::START);

    assert_eq!(begin(&mut client, "PLAIN", MonoTime::START), Handshake::Illegal);
    assert!(admits(&mut client, ApiKey::Metadata, MonoTime::START), "it stays known");
    assert_eq!(begin(&mut client, "PLAIN", second), Handshake::Begun);

    let mut endless = new();
    endless.handshake(1, "PLAIN", &settings(None), "nonce".to_owned(), MonoTime::START);
    say_to(&mut endless, &settings(None), ALICE, MonoTime::START);
    assert_eq!(begin(&mut endless, "PLAIN", second), Handshake::Illegal);
}

#[test]
fn nobody_becomes_somebody_else() {
    let mut client = known();
    begin(&mut client, "PLAIN", MonoTime::START);

    let refused = say(&mut client, b"\0bob\0other", MonoTime::START);

    let Authenticated::Refused(why) = refused else { panic!("{refused:?}") };
    assert!(why.contains("from User:alice: User:bob"), "{why}");
}

#[test]
fn the_mechanism_stays_the_same() {
    let mut client = known();
    assert_eq!(begin(&mut client, "SCRAM-SHA-256", MonoTime::START), Handshake::Begun);

    let refused = say(&mut client, b"n,,n=alice,r=x", MonoTime::START);

    let Authenticated::Refused(why) = refused else { panic!("{refused:?}") };
    assert!(why.contains("re-authentication of mechanism 'PLAIN'"), "{why}");
}
