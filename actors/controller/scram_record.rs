//! The record of a SCRAM user's credential, in memory and as it is stored.

use super::records::RecordError;
use crate::sasl::ScramCredential;
use crate::types::ScramMechanism;
use bincode::{Decode, Encode};

/// See [`Record::Scram`](super::Record::Scram).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramRecord {
    /// Whose.
    pub user: String,
    /// For which mechanism.
    pub mechanism: ScramMechanism,
    /// The credential; `None`: there is none any more.
    pub credential: Option<ScramCredential>,
}

#[derive(Encode, Decode)]
pub(super) struct StoredScram1 {
    user: String,
    mechanism: i8,
    credential: Option<StoredCredential1>,
}

#[derive(Encode, Decode)]
struct StoredCredential1 {
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

pub(super) fn stored(record: &ScramRecord) -> StoredScram1 {
    let kept = |credential: &ScramCredential| StoredCredential1 {
        salt: credential.salt.clone(),
        iterations: credential.iterations,
        stored_key: credential.stored_key.clone(),
        server_key: credential.server_key.clone(),
    };
    StoredScram1 {
        user: record.user.clone(),
        mechanism: record.mechanism.to_wire(),
        credential: record.credential.as_ref().map(kept),
    }
}

pub(super) fn read_stored(stored: StoredScram1) -> Result<ScramRecord, RecordError> {
    let StoredScram1 { user, mechanism, credential } = stored;
    let unknown = RecordError::Mechanism(mechanism);
    let mechanism = ScramMechanism::from_wire(mechanism).ok_or(unknown)?;
    let credential = credential.map(|stored| ScramCredential {
        salt: stored.salt,
        iterations: stored.iterations,
        stored_key: stored.stored_key,
        server_key: stored.server_key,
    });
    Ok(ScramRecord { user, mechanism, credential })
}
