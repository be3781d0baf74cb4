//! PLAIN: `[authorization id] NUL user NUL password` (`PlainSaslServer`).

use super::keys::are_equal;
use super::server::{OTHER_AUTHORIZATION_ID, SaslError, SaslUsers};
use crate::types::Secret;
use sha2::{Digest, Sha256};

/// The user that a token proves to be.
pub(super) fn authenticate(token: &[u8], users: &dyn SaslUsers) -> Result<String, SaslError> {
    let told = |text: &str| Err(SaslError::Told(text.to_owned()));
    // Kafka reads bytes that are no UTF-8 as well, as characters that no name has.
    let text = std::str::from_utf8(token).map_err(|_| SaslError::Credentials)?;
    let parts: Vec<&str> = text.split('\0').take(4).collect();
    let [authorization_id, user, password] = parts.as_slice() else {
        return Err(SaslError::Credentials);
    };
    if user.is_empty() {
        return told("Authentication failed: username not specified");
    }
    if password.is_empty() {
        return told("Authentication failed: password not specified");
    }
    let known = users.password(user);
    // Somebody who is unknown takes as long as somebody with another password.
    let expected = known.map_or(&[][..], Secret::bytes);
    let is_right = are_equal(&digest(expected), &digest(password.as_bytes()));
    if known.is_none() || !is_right {
        return told("Authentication failed: Invalid username or password");
    }
    if !authorization_id.is_empty() && authorization_id != user {
        return told(OTHER_AUTHORIZATION_ID);
    }
    Ok((*user).to_owned())
}

/// Of one length whatever is hashed, so that comparing takes the same time.
fn digest(password: &[u8]) -> Vec<u8> {
    Sha256::digest(password).to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::server::testing::Users;
    use super::*;

    fn say(token: &str) -> Result<String, SaslError> {
        authenticate(token.as_bytes(), &Users::with("alice", "secret"))
    }

    fn told(token: &str) -> String {
        match say(token) {
            Err(SaslError::Told(text)) => text,
            other => panic!("{token:?}: {other:?}"),
        }
    }

    #[test]
    fn a_user_is_known_by_its_password() {
        assert_eq!(say("\0alice\0secret"), Ok("alice".to_owned()));
        assert_eq!(say("alice\0alice\0secret"), Ok("alice".to_owned()));
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_are_told_the_same() {
        let wrong = told("\0alice\0secre");

        assert_eq!(wrong, "Authentication failed: Invalid username or password");
        for other in ["\0alice\0secrets", "\0bob\0secret", "\0Alice\0secret"] {
            assert_eq!(told(other), wrong);
        }
    }

    #[test]
    fn an_empty_password_is_nobodys() {
        let users = Users::with("alice", "");

        assert!(authenticate(b"\0alice\0", &users).is_err());
        assert!(authenticate(b"\0bob\0", &users).is_err());
    }

    #[test]
    fn tokens_of_another_form_are_refused() {
        for token in ["", "alice", "\0alice", "\0alice\0secret\0", "a\0b\0c\0d\0e"] {
            assert_eq!(say(token), Err(SaslError::Credentials), "{token:?}");
        }
        let users = Users::with("alice", "secret");
        assert_eq!(authenticate(b"\0al\xffice\0secret", &users), Err(SaslError::Credentials));
        assert!(told("\0\0secret").contains("username not specified"));
        assert!(told("\0alice\0").contains("password not specified"));
        assert!(told("bob\0alice\0secret").contains("different from username"));
    }
}
