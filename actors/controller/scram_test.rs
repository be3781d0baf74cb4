//! What becomes of credentials, and which are refused.

use super::testing::Cluster;
use super::*;
use crate::sasl::ScramCredential;
use crate::types::{ErrorCode, ScramMechanism, Secret};

const SHA_256: i8 = 1;
const SHA_512: i8 = 2;

fn set(user: &str, mechanism: i8) -> ScramUpsertion {
    ScramUpsertion {
        user: user.to_owned(),
        mechanism,
        iterations: 4096,
        salt: b"salt".to_vec(),
        salted_password: Secret::new("geheim"),
    }
}

fn delete(user: &str, mechanism: i8) -> ScramDeletion {
    ScramDeletion { user: user.to_owned(), mechanism }
}

fn ask(
    cluster: &mut Cluster,
    deletions: Vec<ScramDeletion>,
    upsertions: Vec<ScramUpsertion>,
) -> Vec<(String, Option<ErrorCode>)> {
    let request = Request::AlterScram(AlterScram { deletions, upsertions });
    let Answer::ScramAltered(results) = cluster.ask(request) else {
        panic!("another kind of answer")
    };
    let code = |altered: ScramAltered| (altered.user, altered.result.err().map(|e| e.code()));
    results.into_iter().map(code).collect()
}

fn code_of(upsertion: ScramUpsertion) -> Option<ErrorCode> {
    ask(&mut Cluster::of(1), vec![], vec![upsertion]).remove(0).1
}

fn named(user: &str, code: Option<ErrorCode>) -> (String, Option<ErrorCode>) {
    (user.to_owned(), code)
}

#[test]
fn a_credential_is_kept_over_a_restart_and_can_be_deleted() {
    let mut cluster = Cluster::of(1);
    let set = vec![set("alice", SHA_256)];
    assert_eq!(ask(&mut cluster, vec![], set), [named("alice", None)]);

    let mut cluster = cluster.restarted();
    let kept = cluster.state().scram().credential("alice", ScramMechanism::Sha256).cloned();
    let secret = Secret::new("geheim");
    let expected = ScramCredential::new(ScramMechanism::Sha256, &secret, b"salt".to_vec(), 4096);
    assert_eq!(kept, Some(expected));

    let deleted = ask(&mut cluster, vec![delete("alice", SHA_256)], vec![]);
    assert_eq!(deleted, [named("alice", None)]);
    let missing = Some(ErrorCode::ResourceNotFound);
    let again = ask(&mut cluster, vec![delete("alice", SHA_256)], vec![]);
    assert_eq!(again, [named("alice", missing)]);
    assert_eq!(cluster.restarted().state().scram().names().count(), 0);
}

#[test]
fn credentials_that_cannot_be_are_refused() {
    let with = |iterations| ScramUpsertion { iterations, ..set("alice", SHA_256) };
    let unacceptable = Some(ErrorCode::UnacceptableCredential);

    for iterations in [i32::MIN, 0, 4095, 16385, i32::MAX] {
        assert_eq!(code_of(with(iterations)), unacceptable, "{iterations}");
    }
    assert_eq!((code_of(with(4096)), code_of(with(16384))), (None, None));
    assert_eq!(code_of(set("", SHA_256)), unacceptable);
    let unsupported = Some(ErrorCode::UnsupportedSaslMechanism);
    assert_eq!((code_of(set("alice", 0)), code_of(set("alice", 3))), (unsupported, unsupported));
    let empty = ScramUpsertion { salted_password: Secret::default(), ..set("alice", SHA_512) };
    assert_eq!(code_of(empty), unacceptable);
}

#[test]
fn a_user_is_changed_once_in_a_request() {
    let mut cluster = Cluster::of(1);
    let duplicate = Some(ErrorCode::DuplicateResource);

    let twice = vec![set("alice", SHA_256), set("alice", SHA_512), set("bob", SHA_256)];
    let results = ask(&mut cluster, vec![], twice);
    assert_eq!(results, [named("alice", duplicate), named("bob", None)]);
    let both = (vec![delete("bob", SHA_256)], vec![set("bob", SHA_512)]);
    assert_eq!(ask(&mut cluster, both.0, both.1), [named("bob", duplicate)]);

    let users = cluster.state().scram();
    assert_eq!(users.names().collect::<Vec<_>>(), ["bob"]);
    assert_eq!(users.of("bob").collect::<Vec<_>>(), [(ScramMechanism::Sha256, 4096)]);
}

#[test]
fn the_first_error_of_a_user_is_told() {
    let mut cluster = Cluster::of(1);

    let results = ask(&mut cluster, vec![delete("alice", SHA_256)], vec![set("alice", SHA_256)]);

    assert_eq!(results, [named("alice", Some(ErrorCode::ResourceNotFound))]);
    assert_eq!(cluster.state().scram().names().count(), 0);
}

#[test]
fn nothing_of_a_credential_is_shown() {
    let mut cluster = Cluster::of(1);
    let request = AlterScram { deletions: vec![], upsertions: vec![set("alice", SHA_256)] };

    assert!(!format!("{request:?}").contains("geheim"));
    ask(&mut cluster, vec![], request.upsertions);
    let shown = format!("{:?} {:?}", cluster.log, cluster.state());
    assert!(shown.contains("alice") && !shown.contains("stored_key"), "{shown}");
}

#[test]
fn one_request_changes_no_more_than_one_batch_holds() {
    let mut cluster = Cluster::of(1);
    let deletions = |count: usize| (0..count).map(|n| delete(&format!("u{n}"), SHA_256)).collect();

    let most = ask(&mut cluster, deletions(9_999), vec![set("alice", SHA_256)]);
    assert_eq!(most.len(), 10_000);
    assert!(cluster.state().scram().credential("alice", ScramMechanism::Sha256).is_some());

    let refused = ask(&mut cluster, deletions(10_000), vec![set("bob", SHA_256)]);
    assert_eq!(refused.len(), 10_001);
    assert!(refused.iter().all(|(_, code)| *code == Some(ErrorCode::PolicyViolation)));
    assert!(cluster.state().scram().credential("bob", ScramMechanism::Sha256).is_none());
}
