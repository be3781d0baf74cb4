//! kafka-broker-api-versions: which versions of which APIs each broker serves.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use super::Call;
use super::arguments::Connect;
use super::client::{Client, To};
use super::output::{Out, note};
use super::problem::ToolError;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
}

/// APIs that brokers serve to clients, as of Kafka 4.3: key, name, and the versions its clients speak.
const APIS: &[(i16, &str, i16, i16)] = &[
    (0, "Produce", 0, 13),
    (1, "Fetch", 4, 18),
    (2, "ListOffsets", 1, 11),
    (3, "Metadata", 0, 13),
    (8, "OffsetCommit", 2, 10),
    (9, "OffsetFetch", 1, 10),
    (10, "FindCoordinator", 0, 6),
    (11, "JoinGroup", 0, 9),
    (12, "Heartbeat", 0, 4),
    (13, "LeaveGroup", 0, 5),
    (14, "SyncGroup", 0, 5),
    (15, "DescribeGroups", 0, 6),
    (16, "ListGroups", 0, 5),
    (17, "SaslHandshake", 0, 1),
    (18, "ApiVersions", 0, 4),
    (19, "CreateTopics", 2, 7),
    (20, "DeleteTopics", 1, 6),
    (21, "DeleteRecords", 0, 2),
    (22, "InitProducerId", 0, 5),
    (23, "OffsetForLeaderEpoch", 2, 4),
    (24, "AddPartitionsToTxn", 0, 5),
    (25, "AddOffsetsToTxn", 0, 4),
    (26, "EndTxn", 0, 5),
    (27, "WriteTxnMarkers", 1, 2),
    (28, "TxnOffsetCommit", 0, 5),
    (29, "DescribeAcls", 1, 3),
    (30, "CreateAcls", 1, 3),
    (31, "DeleteAcls", 1, 3),
    (32, "DescribeConfigs", 1, 4),
    (33, "AlterConfigs", 0, 2),
    (34, "AlterReplicaLogDirs", 1, 2),
    (35, "DescribeLogDirs", 1, 5),
    (36, "SaslAuthenticate", 0, 2),
    (37, "CreatePartitions", 0, 3),
    (38, "CreateDelegationToken", 1, 3),
    (39, "RenewDelegationToken", 1, 2),
    (40, "ExpireDelegationToken", 1, 2),
    (41, "DescribeDelegationToken", 1, 3),
    (42, "DeleteGroups", 0, 2),
    (43, "ElectLeaders", 0, 2),
    (44, "IncrementalAlterConfigs", 0, 1),
    (45, "AlterPartitionReassignments", 0, 1),
    (46, "ListPartitionReassignments", 0, 0),
    (47, "OffsetDelete", 0, 0),
    (48, "DescribeClientQuotas", 0, 1),
    (49, "AlterClientQuotas", 0, 1),
    (50, "DescribeUserScramCredentials", 0, 0),
    (51, "AlterUserScramCredentials", 0, 0),
    (55, "DescribeQuorum", 0, 2),
    (57, "UpdateFeatures", 0, 2),
    (60, "DescribeCluster", 0, 2),
    (61, "DescribeProducers", 0, 0),
    (64, "UnregisterBroker", 0, 0),
    (65, "DescribeTransactions", 0, 0),
    (66, "ListTransactions", 0, 2),
    (68, "ConsumerGroupHeartbeat", 0, 1),
    (69, "ConsumerGroupDescribe", 0, 1),
    (71, "GetTelemetrySubscriptions", 0, 0),
    (72, "PushTelemetry", 0, 0),
    (74, "ListConfigResources", 0, 1),
    (75, "DescribeTopicPartitions", 0, 0),
    (76, "ShareGroupHeartbeat", 1, 1),
    (77, "ShareGroupDescribe", 1, 1),
    (78, "ShareFetch", 1, 2),
    (79, "ShareAcknowledge", 1, 2),
    (80, "AddRaftVoter", 0, 1),
    (81, "RemoveRaftVoter", 0, 0),
    (83, "InitializeShareGroupState", 0, 0),
    (84, "ReadShareGroupState", 0, 0),
    (85, "WriteShareGroupState", 0, 1),
    (86, "DeleteShareGroupState", 0, 0),
    (87, "ReadShareGroupStateSummary", 0, 1),
    (88, "StreamsGroupHeartbeat", 0, 0),
    (89, "StreamsGroupDescribe", 0, 0),
    (90, "DescribeShareGroupOffsets", 0, 1),
    (91, "AlterShareGroupOffsets", 0, 0),
    (92, "DeleteShareGroupOffsets", 0, 0),
];

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    print(&mut arguments.connect.client()?, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the table of each broker.
pub(super) fn print(client: &mut Client, out: Out<'_>) -> Result<(), ToolError> {
    client.metadata(Some(&[]), false)?;
    for (id, node) in client.nodes().clone() {
        let address = node.address();
        let rack = node.rack.as_deref().unwrap_or("null");
        match client.connection(To::Node(id)) {
            Ok(connection) => {
                writeln!(out, "{address} (id: {id} rack: {rack} isFenced: false) -> (")?;
                writeln!(out, "{}", lines(connection.versions()).join(",\n"))?;
                writeln!(out, ")")?;
            }
            // Kafka's tool goes on, and succeeds.
            Err(error) => {
                writeln!(
                    out,
                    "{address} (id: {id} rack: {rack} isFenced: false) -> ERROR: {error}"
                )?;
                note(&error.to_string());
            }
        }
    }
    Ok(())
}

fn range(min: i16, max: i16) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}

fn lines(served: &BTreeMap<i16, (i16, i16)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, name, oldest, newest) in APIS {
        let Some((min, max)) = served.get(key) else {
            lines.push(format!("\t{name}({key}): UNSUPPORTED"));
            continue;
        };
        let shown = range(*min, *max);
        let usable = if max < oldest {
            "[unusable: node too old]".to_owned()
        } else if min > newest {
            "[unusable: node too new]".to_owned()
        } else {
            format!("[usable: {}]", max.min(newest))
        };
        lines.push(format!("\t{name}({key}): {shown} {usable}"));
    }
    for (key, (min, max)) in served {
        if !APIS.iter().any(|(known, _, _, _)| known == key) {
            lines.push(format!("\tUNKNOWN({key}): {}", range(*min, *max)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_recorded_ones() {
        let served =
            BTreeMap::from([(0, (0, 13)), (1, (4, 20)), (46, (0, 0)), (76, (0, 0)), (99, (0, 1))]);

        let lines = lines(&served);

        let has = |line: &str| assert!(lines.contains(&line.to_owned()), "{line}: {lines:?}");
        has("\tProduce(0): 0 to 13 [usable: 13]");
        has("\tFetch(1): 4 to 20 [usable: 18]");
        has("\tListPartitionReassignments(46): 0 [usable: 0]");
        has("\tPushTelemetry(72): UNSUPPORTED");
        has("\tShareGroupHeartbeat(76): 0 [unusable: node too old]");
        has("\tUNKNOWN(99): 0 to 1");
        assert_eq!(lines.len(), APIS.len() + 1);
    }
}
