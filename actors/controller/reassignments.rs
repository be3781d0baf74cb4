//! Whether replicas may be moved to where a requester wants them: `ReplicationControlManager`'s
//! checks. With one broker every partition already is where it may be.

use super::error::ControllerError;
use super::machine::ControllerMachine;
use super::placement::check_manual;
use super::request::{Answer, Reassignment};
use crate::types::NodeId;

/// Looks at each partition by itself; nothing is written, for nothing moves.
pub(super) fn alter(machine: &ControllerMachine, asked: &[Reassignment]) -> Answer {
    Answer::Reassigned(asked.iter().map(|asked| reassign(machine, asked)).collect())
}

fn reassign(machine: &ControllerMachine, asked: &Reassignment) -> Result<(), ControllerError> {
    let Reassignment { topic, partition, replicas } = asked;
    let there =
        machine.state().topic(topic).ok_or_else(|| ControllerError::NoTopic(topic.clone()))?;
    let index = usize::try_from(*partition).ok();
    let current = index
        .and_then(|index| there.partitions.get(index))
        .ok_or_else(|| ControllerError::NoPartition(topic.clone(), *partition))?;
    // No reassignment is ever in progress that could be cancelled.
    let replicas: &[NodeId] = replicas.as_deref().ok_or(ControllerError::NoReassignment)?;
    check_manual(machine.state().brokers(), replicas, None).map_err(ControllerError::Placement)?;
    if replicas == current.replicas { Ok(()) } else { Err(ControllerError::ReplicasStay) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Cluster, nodes};
    use super::*;
    use crate::controller::Request;
    use crate::types::ErrorCode;

    fn ask(cluster: &mut Cluster, asked: &[(&str, i32, Option<&[i32]>)]) -> Vec<(i16, String)> {
        let asked = asked.iter().map(|(topic, partition, replicas)| Reassignment {
            topic: (*topic).into(),
            partition: *partition,
            replicas: replicas.map(nodes),
        });
        let answer = cluster.ask(Request::Reassign(asked.collect()));
        let Answer::Reassigned(results) = answer else { panic!("another kind of answer") };
        let told = |result: Result<(), ControllerError>| match result {
            Ok(()) => (0, String::new()),
            Err(error) => (error.code().code(), error.to_string()),
        };
        results.into_iter().map(told).collect()
    }

    #[test]
    fn a_partition_that_is_where_it_shall_be_is_done_and_writes_nothing() {
        let mut cluster = Cluster::of(1);
        cluster.with_topic("t", 2);
        let before = cluster.log.len();

        let results = ask(&mut cluster, &[("t", 1, Some(&[1])), ("t", 1, Some(&[1]))]);

        assert_eq!(results, vec![(0, String::new()); 2]);
        assert_eq!(cluster.log.len(), before);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut cluster = Cluster::of(1);
        cluster.with_topic("t", 1);

        let asked = [("u", 0, Some([1].as_slice())), ("u", 0, None), ("t", 1, None)];
        let results = ask(&mut cluster, &asked);
        let negative = ask(&mut cluster, &[("t", -1, Some(&[]))]);

        let code = ErrorCode::UnknownTopicOrPartition.code();
        let missing = (code, "Unable to find a topic named u.".to_owned());
        let expected = (code, "Unable to find partition t:1.".to_owned());
        assert_eq!(results, [missing.clone(), missing, expected]);
        assert_eq!(negative, [(code, "Unable to find partition t:-1.".to_owned())]);
    }

    #[test]
    fn replicas_outside_the_cluster_and_senseless_lists_are_refused() {
        let mut cluster = Cluster::of(1);
        cluster.with_topic("t", 1);

        for (replicas, text) in [
            ([].as_slice(), "an empty replica list."),
            (&[1, 1], "the broker 1 more than once."),
            (&[1, 2], "broker 2, but no such broker is registered."),
            (&[3, 2], "broker 2, but no such broker is registered."),
            (&[1, -1], "broker -1, but no such broker is registered."),
        ] {
            let results = ask(&mut cluster, &[("t", 0, Some(replicas))]);

            let text = format!("The manual partition assignment includes {text}");
            assert_eq!(results, [(ErrorCode::InvalidReplicaAssignment.code(), text)]);
        }
    }

    #[test]
    fn there_is_nothing_to_cancel() {
        let mut cluster = Cluster::of(1);
        cluster.with_topic("t", 1);

        let results = ask(&mut cluster, &[("t", 0, None)]);

        assert_eq!(results[0].0, ErrorCode::NoReassignmentInProgress.code());
    }

    #[test]
    fn a_move_to_another_broker_is_refused_and_not_forgotten() {
        let mut cluster = Cluster::of(2);
        cluster.with_topic("t", 1);
        let here = cluster.state().topic("t").unwrap().partitions[0].replicas[0].0;

        let results = ask(&mut cluster, &[("t", 0, Some(&[3 - here]))]);

        assert_eq!(results[0].0, ErrorCode::InvalidReplicaAssignment.code());
    }
}
