//! DescribeUserScramCredentials (key 50), version 0.
//!
//! Lists SCRAM users and how strong their credentials are; never the credentials.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::texts::Texts;
use crate::sasl::ScramUsers;
use crate::types::ErrorCode;
use kafka_protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult as UserResult,
};
use kafka_protocol::messages::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
};
use std::collections::BTreeMap;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeUserScramCredentialsRequest,
) -> Answer<DescribeUserScramCredentialsResponse> {
    let named = request.users.unwrap_or_default();
    let results = results(&ask.broker.registry.image().scram, named.iter().map(|user| &*user.name));
    Answer::Now(DescribeUserScramCredentialsResponse::default().with_results(results))
}

/// Of the users that are named, or of all if nobody is.
fn results<'a>(scram: &ScramUsers, named: impl Iterator<Item = &'a str>) -> Vec<UserResult> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    named.for_each(|name| *times.entry(name).or_default() += 1);
    if times.is_empty() {
        times.extend(scram.names().map(|name| (name, 1)));
    }
    let mut texts = Texts::new();
    times
        .into_iter()
        .map(|(name, times)| {
            let result = UserResult::default().with_user(name.to_owned().into());
            let info = |(mechanism, iterations): (crate::types::ScramMechanism, u32)| {
                CredentialInfo::default()
                    .with_mechanism(mechanism.to_wire())
                    .with_iterations(i32::try_from(iterations).unwrap_or(i32::MAX))
            };
            let infos: Vec<CredentialInfo> = scram.of(name).map(info).collect();
            let (error, what) = if times > 1 {
                let twice = "Cannot describe SCRAM credentials for the same user twice in a single \
                             request: ";
                (ErrorCode::DuplicateResource, twice)
            } else if infos.is_empty() {
                let missing = "Attempt to describe a user credential that does not exist: ";
                (ErrorCode::ResourceNotFound, missing)
            } else {
                return result.with_credential_infos(infos);
            };
            let text = texts.take(|| format!("{what}{name}"));
            result.with_error_code(error.code()).with_error_message(text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ScramCredential;
    use crate::types::{ScramMechanism, Secret};

    fn users() -> ScramUsers {
        let mut users = ScramUsers::default();
        for mechanism in ScramMechanism::ALL {
            let credential = ScramCredential::new(mechanism, &Secret::new("salted"), vec![1], 5000);
            users.set("alice", mechanism, credential);
        }
        users
    }

    /// Name, error code, and mechanisms with their iterations.
    type Told = (String, i16, Vec<(i8, i32)>);

    fn told(named: &[&str]) -> Vec<Told> {
        let told = |result: UserResult| {
            let infos = result.credential_infos.iter();
            let infos = infos.map(|info| (info.mechanism, info.iterations)).collect();
            (result.user.to_string(), result.error_code, infos)
        };
        results(&users(), named.iter().copied()).into_iter().map(told).collect()
    }

    #[test]
    fn a_user_is_described_without_its_secrets() {
        let expected = [("alice".to_owned(), 0, vec![(1, 5000), (2, 5000)])];

        assert_eq!(told(&["alice"]), expected);
        assert_eq!(told(&[]), expected);
    }

    #[test]
    fn a_user_that_is_not_there_or_named_twice_is_an_error() {
        assert_eq!(
            told(&["bob", "alice", "alice"]),
            [("alice".to_owned(), 92, vec![]), ("bob".to_owned(), 91, vec![])]
        );
    }
}
