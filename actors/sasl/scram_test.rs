//! A SCRAM exchange as the RFC writes it, and everything that is not one.

use super::server::testing::Users;
use super::{ITERATIONS_MIN, SaslError, SaslServer, SaslStep, ScramKeys, salted_password};
use crate::types::{SaslMechanism, ScramMechanism};
use std::sync::LazyLock;

const SALT: [u8; 16] = 0x5b6d_9968_9d12_358e_eca0_4b14_1236_fa81_u128.to_be_bytes();
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

/// The server of RFC 7677's example.
fn server() -> SaslServer {
    let nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned();
    SaslServer::new(SaslMechanism::Scram(ScramMechanism::Sha256), nonce)
}

/// Made once: salting takes its time.
fn users() -> &'static Users {
    static USERS: LazyLock<Users> = LazyLock::new(|| Users::salted("user", "pencil", &SALT));
    &USERS
}

/// The server of the example once it waits for the proof.
fn challenged() -> SaslServer {
    let mut server = server();
    let step = server.step(FIRST.as_bytes(), users()).unwrap();
    assert_eq!(step, SaslStep::Challenge(CHALLENGE.as_bytes().to_vec()));
    server
}

#[test]
fn the_exchange_of_the_rfc_is_answered_as_it_says() {
    let step = challenged().step(FINAL.as_bytes(), users());

    let answer = SIGNATURE.as_bytes().to_vec();
    assert_eq!(step, Ok(SaslStep::Done { user: "user".to_owned(), answer }));
}

/// The whole exchange as a client with this password does it.
fn exchange(mechanism: ScramMechanism, password: &str, gs2: &str) -> Result<SaslStep, SaslError> {
    let mut server = SaslServer::new(SaslMechanism::Scram(mechanism), "ours".to_owned());
    let bare = "n=user,r=theirs";
    let first = server.step(format!("{gs2}{bare}").as_bytes(), users())?;
    let SaslStep::Challenge(challenge) = first else { panic!("{first:?}") };
    let challenge = String::from_utf8(challenge).unwrap();
    let channel = super::message::to_base64(gs2.as_bytes());
    let unproven = format!("c={channel},r=theirsours");
    let salted = salted_password(mechanism, password.as_bytes(), &SALT, ITERATIONS_MIN);
    let keys = ScramKeys::of(mechanism, &salted);
    let signed = format!("{bare},{challenge},{unproven}");
    let proof = super::message::to_base64(&keys.client_proof(signed.as_bytes()));
    let last = server.step(format!("{unproven},p={proof}").as_bytes(), users())?;
    let signature = super::message::to_base64(&keys.server_signature(signed.as_bytes()));
    let SaslStep::Done { answer, .. } = &last else { panic!("{last:?}") };
    assert_eq!(*answer, format!("v={signature}").into_bytes());
    Ok(last)
}

#[test]
fn a_client_with_the_password_and_no_other_gets_in_by_either_hash() {
    for mechanism in ScramMechanism::ALL {
        assert!(exchange(mechanism, "pencil", "n,,").is_ok());
        assert!(exchange(mechanism, "pencil", "n,a=user,").is_ok());
        assert_eq!(exchange(mechanism, "pencils", "n,,"), Err(SaslError::Credentials));
    }
}

#[test]
fn nobody_acts_for_another() {
    let refused = exchange(ScramMechanism::Sha256, "pencil", "n,a=admin,");

    let Err(SaslError::Told(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("different from username"), "{text}");
}

#[test]
fn an_unknown_user_and_a_token_are_refused_without_a_reason() {
    for first in ["n,,n=User,r=x", "n,,n=use,r=x", "n,,n=user,r=x,tokenauth=true"] {
        let refused = server().step(first.as_bytes(), users());
        assert_eq!(refused, Err(SaslError::Credentials), "{first}");
    }
}

#[test]
fn an_exchange_is_over_once_it_was_refused_or_ended() {
    let mut refused = challenged();
    assert!(refused.step(b"c=biws,r=x,p=AAEC", users()).is_err());
    assert_eq!(refused.step(FINAL.as_bytes(), users()), Err(SaslError::Credentials));

    let mut ended = challenged();
    assert!(ended.step(FINAL.as_bytes(), users()).is_ok());
    assert_eq!(ended.step(FINAL.as_bytes(), users()), Err(SaslError::Credentials));
}

#[test]
fn a_proof_of_another_exchange_proves_nothing() {
    let mut other = SaslServer::new(
        SaslMechanism::Scram(ScramMechanism::Sha256),
        "another nonce's half".replace(' ', "-"),
    );
    other.step(FIRST.as_bytes(), users()).unwrap();

    assert_eq!(other.step(FINAL.as_bytes(), users()), Err(SaslError::Credentials));
}

#[test]
fn a_server_signs_nothing_for_a_proof_that_was_touched() {
    for at in 0..FINAL.len() {
        let mut token = FINAL.as_bytes().to_vec();
        token[at] ^= 1;
        assert!(challenged().step(&token, users()).is_err(), "byte {at}");
    }
    for end in 0..FINAL.len() {
        assert!(challenged().step(&FINAL.as_bytes()[..end], users()).is_err(), "cut at {end}");
    }
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// A token that looks like one: pieces of real ones, with bytes changed, cut or put in.
fn malformed(random: &mut Random) -> Vec<u8> {
    const PIECES: [&str; 16] = [
        "n,", ",", "n=user", "r=", "a=", "=2C", "=", "c=biws", "p=", "m=x", "\0", "\u{fc}", "user",
        "pencil", "p=AAEC", "y,,",
    ];
    let mut token = match random.below(3) {
        0 => FIRST.as_bytes().to_vec(),
        1 => FINAL.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    for _ in 0..1 + random.below(6) {
        let at = random.below(token.len() + 1);
        match random.below(3) {
            0 => drop(token.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            1 => token.truncate(at),
            _ => {
                let byte = u8::try_from(random.below(256)).unwrap();
                token.splice(at..at, [byte]);
            }
        }
    }
    token
}

#[test]
fn malformed_tokens_let_nobody_in_and_break_nothing() {
    for seed in 1..=5000_u64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for mechanism in SaslMechanism::ALL {
            let mut server = SaslServer::new(mechanism, "ours".to_owned());
            for _ in 0..3 {
                let token = malformed(&mut random);
                let step = server.step(&token, users());
                assert!(!matches!(step, Ok(SaslStep::Done { .. })), "seed {seed}: {token:?}");
            }
        }
    }
}
