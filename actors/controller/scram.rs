//! Changes of SCRAM users' credentials; the checks of Kafka's `ScramControlManager`.

use super::error::ControllerError;
use super::machine::{ControllerMachine, RECORDS_MAX};
use super::records::Record;
use super::request::{AlterScram, Answer, ScramAltered, ScramDeletion, ScramUpsertion};
use super::scram_record::ScramRecord;
use crate::machine::Decision;
use crate::sasl::{ITERATIONS_MAX, ITERATIONS_MIN, ScramCredential};
use crate::types::{ErrorCode, ScramMechanism};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A user is changed once in a request, by whatever mechanism; one that is named again is not
/// changed at all.
pub(super) fn alter(machine: &ControllerMachine, request: AlterScram) -> Decision<Record, Answer> {
    // Looked at before any key is derived, which takes time.
    if request.deletions.len() + request.upsertions.len() > RECORDS_MAX {
        let users: BTreeSet<&str> = request.users().collect();
        let refused = |user: &str| ScramAltered {
            user: user.to_owned(),
            result: Err(ControllerError::TooManyRecords),
        };
        let results = users.into_iter().map(refused).collect();
        return Decision { records: Vec::new(), answer: Answer::ScramAltered(results) };
    }
    let mut outcomes: BTreeMap<String, Result<ScramRecord, ControllerError>> = BTreeMap::new();
    let AlterScram { deletions, upsertions } = request;
    let deletions = deletions.into_iter().map(Alteration::Deletion);
    for alteration in deletions.chain(upsertions.into_iter().map(Alteration::Upsertion)) {
        let user = alteration.user().to_owned();
        let outcome = match outcomes.get(&user) {
            None => alteration.record(machine),
            Some(Ok(_)) => Err(ControllerError::Scram(ScramError::Duplicate)),
            // The first that is wrong is told.
            Some(Err(_)) => continue,
        };
        outcomes.insert(user, outcome);
    }
    let records = outcomes.values().flatten().cloned().map(Record::Scram).collect();
    let results = outcomes
        .into_iter()
        .map(|(user, outcome)| ScramAltered { user, result: outcome.map(drop) })
        .collect();
    Decision { records, answer: Answer::ScramAltered(results) }
}

enum Alteration {
    Deletion(ScramDeletion),
    Upsertion(ScramUpsertion),
}

impl Alteration {
    fn user(&self) -> &str {
        match self {
            Self::Deletion(deletion) => &deletion.user,
            Self::Upsertion(upsertion) => &upsertion.user,
        }
    }

    fn record(self, machine: &ControllerMachine) -> Result<ScramRecord, ControllerError> {
        match self {
            Self::Deletion(ScramDeletion { user, mechanism }) => {
                let mechanism = checked(&user, mechanism)?;
                if machine.state().scram().credential(&user, mechanism).is_none() {
                    return Err(ControllerError::Scram(ScramError::Unknown));
                }
                Ok(ScramRecord { user, mechanism, credential: None })
            }
            Self::Upsertion(upsertion) => {
                let ScramUpsertion { user, mechanism, iterations, salt, salted_password } =
                    upsertion;
                let mechanism = checked(&user, mechanism)?;
                let iterations = u32::try_from(iterations).unwrap_or(0);
                if iterations < ITERATIONS_MIN {
                    return Err(ControllerError::Scram(ScramError::FewIterations));
                }
                if iterations > ITERATIONS_MAX {
                    return Err(ControllerError::Scram(ScramError::ManyIterations));
                }
                if salted_password.bytes().is_empty() {
                    return Err(ControllerError::Scram(ScramError::EmptyPassword));
                }
                let credential =
                    ScramCredential::new(mechanism, &salted_password, salt, iterations);
                Ok(ScramRecord { user, mechanism, credential: Some(credential) })
            }
        }
    }
}

fn checked(user: &str, mechanism: i8) -> Result<ScramMechanism, ControllerError> {
    if user.is_empty() {
        return Err(ControllerError::Scram(ScramError::EmptyName));
    }
    let unknown = ControllerError::Scram(ScramError::UnknownMechanism);
    ScramMechanism::from_wire(mechanism).ok_or(unknown)
}

/// Credentials of SCRAM users that the controller refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// The request names this user more than once.
    Duplicate,
    /// A credential that shall go is not there.
    Unknown,
    /// A user without a name.
    EmptyName,
    /// A salted password without a byte.
    EmptyPassword,
    /// A number that is no mechanism.
    UnknownMechanism,
    /// Too few rounds of hashing.
    FewIterations,
    /// Too many of them.
    ManyIterations,
}

impl ScramError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Duplicate => ErrorCode::DuplicateResource,
            Self::Unknown => ErrorCode::ResourceNotFound,
            Self::UnknownMechanism => ErrorCode::UnsupportedSaslMechanism,
            Self::EmptyName | Self::EmptyPassword | Self::FewIterations | Self::ManyIterations => {
                ErrorCode::UnacceptableCredential
            }
        }
    }
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "A user credential cannot be altered twice in the same request",
            Self::Unknown => "Attempt to delete a user credential that does not exist",
            Self::EmptyName => "Username must not be empty",
            Self::EmptyPassword => "Salted password must not be empty",
            Self::UnknownMechanism => "Unknown SCRAM mechanism",
            Self::FewIterations => "Too few iterations",
            Self::ManyIterations => "Too many iterations",
        })
    }
}
