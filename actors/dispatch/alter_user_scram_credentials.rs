//! AlterUserScramCredentials (key 51), version 0.
//!
//! Sets and deletes credentials of SCRAM users. A client sends a password salted and hashed; what
//! is kept of it can check a proof and not make one.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::controller::{AlterScram, ControllerError, ScramAltered, ScramDeletion, ScramUpsertion};
use crate::types::Secret;
use kafka_protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
};
use std::collections::BTreeSet;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: AlterUserScramCredentialsRequest,
) -> Answer<AlterUserScramCredentialsResponse> {
    let deletions = request.deletions.into_iter().map(|deletion| ScramDeletion {
        user: deletion.name.to_string(),
        mechanism: deletion.mechanism,
    });
    let upsertions = request.upsertions.into_iter().map(|upsertion| ScramUpsertion {
        user: upsertion.name.to_string(),
        mechanism: upsertion.mechanism,
        iterations: upsertion.iterations,
        salt: upsertion.salt.to_vec(),
        salted_password: Secret::new(upsertion.salted_password),
    });
    let alter = AlterScram { deletions: deletions.collect(), upsertions: upsertions.collect() };
    let users: BTreeSet<String> = alter.users().map(str::to_owned).collect();
    let altered = ask.broker.controller.alter_scram(ask.now, alter);
    Answer::later(async move {
        let altered = altered.await.unwrap_or_else(|error| {
            let refused = |user| ScramAltered { user, result: Err(error.clone()) };
            users.into_iter().map(refused).collect()
        });
        let results = altered.into_iter().map(result).collect();
        AlterUserScramCredentialsResponse::default().with_results(results)
    })
}

fn result(altered: ScramAltered) -> AlterUserScramCredentialsResult {
    let error = altered.result.err();
    AlterUserScramCredentialsResult::default()
        .with_user(altered.user.into())
        .with_error_code(error.as_ref().map_or(0, |error| error.code().code()))
        .with_error_message(error.as_ref().map(ControllerError::to_string).map(Into::into))
}
