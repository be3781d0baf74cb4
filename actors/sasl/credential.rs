//! What is kept of SCRAM users: enough to check a proof, not enough to make one.

use super::keys::ScramKeys;
use crate::types::{ScramMechanism, Secret};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A user's credential for one mechanism.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// What the password was salted with.
    pub salt: Vec<u8>,
    /// Rounds of hashing.
    pub iterations: u32,
    /// Checks the client's proof.
    pub stored_key: Vec<u8>,
    /// Makes the server's.
    pub server_key: Vec<u8>,
}

/// Shows how strong it is and nothing else: with the keys somebody could pass for the server.
impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl ScramCredential {
    /// The credential of a salted password.
    #[must_use]
    pub fn new(
        mechanism: ScramMechanism,
        salted_password: &Secret,
        salt: Vec<u8>,
        iterations: u32,
    ) -> Self {
        let keys = ScramKeys::of(mechanism, salted_password);
        Self {
            salt,
            iterations,
            stored_key: keys.stored_key(),
            server_key: keys.server_key().to_vec(),
        }
    }
}

/// All SCRAM users and their credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScramUsers(BTreeMap<String, BTreeMap<ScramMechanism, Arc<ScramCredential>>>);

impl ScramUsers {
    /// A user's credential for a mechanism.
    #[must_use]
    pub fn credential(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential> {
        self.0.get(user)?.get(&mechanism).map(Arc::as_ref)
    }

    /// Mechanisms that a user has credentials for, each with its rounds of hashing; none for a user
    /// that is not there.
    pub fn of(&self, user: &str) -> impl Iterator<Item = (ScramMechanism, u32)> {
        let credentials = self.0.get(user).into_iter().flatten();
        credentials.map(|(mechanism, credential)| (*mechanism, credential.iterations))
    }

    /// Names of all users.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Sets a credential, in the place of the one that was there.
    pub fn set(&mut self, user: &str, mechanism: ScramMechanism, credential: ScramCredential) {
        self.0.entry(user.to_owned()).or_default().insert(mechanism, Arc::new(credential));
    }

    /// Takes a credential away; a user without any is gone.
    pub fn remove(&mut self, user: &str, mechanism: ScramMechanism) {
        let Some(credentials) = self.0.get_mut(user) else { return };
        credentials.remove(&mechanism);
        if credentials.is_empty() {
            self.0.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> ScramCredential {
        ScramCredential::new(ScramMechanism::Sha256, &Secret::new("salted"), vec![1], 4096)
    }

    #[test]
    fn a_user_is_there_as_long_as_it_has_a_credential() {
        let mut users = ScramUsers::default();

        users.set("alice", ScramMechanism::Sha256, credential());
        users.set("alice", ScramMechanism::Sha512, credential());
        users.remove("alice", ScramMechanism::Sha256);
        assert_eq!(users.of("alice").collect::<Vec<_>>(), [(ScramMechanism::Sha512, 4096)]);
        assert!(users.credential("alice", ScramMechanism::Sha256).is_none());

        users.remove("alice", ScramMechanism::Sha512);
        users.remove("alice", ScramMechanism::Sha512);
        assert_eq!(users.names().count(), 0);
    }

    #[test]
    fn a_credential_does_not_show_its_keys() {
        assert_eq!(format!("{:?}", credential()), "ScramCredential { iterations: 4096, .. }");
    }
}
