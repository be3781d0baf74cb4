//! Tools against a broker that serves what others do not yet: their output is the recorded one.

use std::ffi::OsString;
use std::fs;

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest,
    DeleteRecordsResponse, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse, GroupId, OffsetDeleteRequest, OffsetDeleteResponse,
    offset_delete_request,
};

use super::client::{text, topic_name};
use super::fake_broker::{Handler, on, start};
use super::problem::ToolError;

fn run(words: &str, handlers: Vec<Handler>) -> Result<String, ToolError> {
    let server = start(handlers);
    let all = ["ottla"].into_iter().chain(words.split(' ')).chain(["--bootstrap-server", &server]);
    let call = super::called(all.map(OsString::from)).unwrap();
    let mut out = Vec::new();
    (call.row.run)(&call, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn delete_groups() -> Handler {
    on(|request: DeleteGroupsRequest| {
        let result = |group: &GroupId| {
            // GROUP_ID_NOT_FOUND
            let code = if **group == *"g" { 0 } else { 69 };
            DeletableGroupResult::default().with_group_id(group.clone()).with_error_code(code)
        };
        DeleteGroupsResponse::default()
            .with_results(request.groups_names.iter().map(result).collect())
    })
}

#[test]
fn groups_are_deleted() {
    let out = run("kafka-consumer-groups --delete --group g", vec![delete_groups()]).unwrap();
    assert_eq!(out, "Deletion of requested consumer groups ('g') was successful.\n");

    let words = "kafka-consumer-groups --delete --group missing --group g";
    let out = run(words, vec![delete_groups()]).unwrap();
    assert_eq!(
        out,
        "\nError: Deletion of some consumer groups failed:\n\
         * Group 'missing' could not be deleted due to: GroupIdNotFoundException: The group id does not exist.\n\
         \nThese consumer groups were deleted successfully: 'g'\n"
    );
}

#[test]
fn positions_are_deleted() {
    let handler = on(|request: OffsetDeleteRequest| {
        assert_eq!(*request.group_id, *text("g"));
        let topic = |topic: &offset_delete_request::OffsetDeleteRequestTopic| {
            let partition = OffsetDeleteResponsePartition::default().with_partition_index(0);
            assert_eq!(topic.partitions.len(), 1);
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(vec![partition])
        };
        OffsetDeleteResponse::default().with_topics(request.topics.iter().map(topic).collect())
    });

    let out = run("groups --group g --topic in --delete-offsets", vec![handler]).unwrap();

    assert_eq!(
        out,
        "Request succeeded for deleting offsets from group g.\n\
         \n\
         TOPIC           PARTITION  STATUS\n\
         in              0          Successful\n"
    );
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offsets.json");
    let json = r#"{"partitions":[{"topic":"in","partition":0,"offset":2},{"topic":"in","partition":7,"offset":1}]}"#;
    fs::write(&file, json).unwrap();
    let handler = on(|request: DeleteRecordsRequest| {
        let topic = request.topics.first().unwrap();
        let offset = topic.partitions.first().unwrap().offset;
        let result = DeleteRecordsPartitionResult::default().with_low_watermark(offset);
        let topic = DeleteRecordsTopicResult::default()
            .with_name(topic_name("in"))
            .with_partitions(vec![result]);
        DeleteRecordsResponse::default().with_topics(vec![topic])
    });

    let words = format!("kafka-delete-records.sh --offset-json-file {}", file.display());
    let out = run(&words, vec![handler]).unwrap();

    assert_eq!(
        out,
        "Executing records delete operation\n\
         Records delete operation completed:\n\
         partition: in-0\tlow_watermark: 2\n\
         partition: in-7\terror: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.\n"
    );
}

#[test]
fn long_descriptions_come_in_pages() {
    let mut page = 0;
    let partitions = on(move |request: DescribeTopicPartitionsRequest| {
        assert_eq!(request.cursor.map(|cursor| cursor.partition_index), (page > 0).then_some(page));
        let partition = DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(page)
            .with_leader_id(BrokerId(1))
            .with_replica_nodes(vec![BrokerId(1)])
            .with_isr_nodes(vec![BrokerId(1)]);
        let topic = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(topic_name("in")))
            .with_partitions(vec![partition]);
        page += 1;
        let next = Cursor::default().with_topic_name(topic_name("in")).with_partition_index(page);
        DescribeTopicPartitionsResponse::default()
            .with_topics(vec![topic])
            .with_next_cursor((page < 3).then_some(next))
    });
    let configs = on(|_: DescribeConfigsRequest| {
        let result = DescribeConfigsResult::default().with_resource_name(text("in"));
        DescribeConfigsResponse::default().with_results(vec![result])
    });

    let words = "topics --describe --topic in --partition-size-limit-per-response 1";
    let out = run(words, vec![partitions, configs]).unwrap();

    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert!(lines.first().unwrap().contains("\tPartitionCount: 3\t"), "{out}");
    assert!(lines.last().unwrap().contains("\tPartition: 2\t"), "{out}");
    assert!(lines.last().unwrap().ends_with("\tElr: \tLastKnownElr: "), "{out}");
}

#[test]
fn quotas_and_credentials_are_described() {
    let quotas = || {
        on(|request: DescribeClientQuotasRequest| {
            let component = request.components.first().unwrap();
            let entity = EntityData::default()
                .with_entity_type(component.entity_type.clone())
                .with_entity_name(Some(text("app")));
            let value =
                ValueData::default().with_key(text("producer_byte_rate")).with_value(1000.0);
            let entry = EntryData::default().with_entity(vec![entity]).with_values(vec![value]);
            let found = &*component.entity_type == "client-id";
            DescribeClientQuotasResponse::default().with_entries(Some(if found {
                vec![entry]
            } else {
                Vec::new()
            }))
        })
    };
    let credentials = on(|_: DescribeUserScramCredentialsRequest| {
        let info = CredentialInfo::default().with_mechanism(1).with_iterations(4096);
        let result = DescribeUserScramCredentialsResult::default()
            .with_user(text("alice"))
            .with_credential_infos(vec![info]);
        DescribeUserScramCredentialsResponse::default().with_results(vec![result])
    });

    let clients = "kafka-configs.sh --entity-type clients --entity-name app --describe";
    let out = run(clients, vec![quotas()]).unwrap();
    assert_eq!(out, "Quota configs for client-id 'app' are producer_byte_rate=1000.0\n");
    let users = "kafka-configs.sh --entity-type users --entity-name alice --describe";
    let out = run(users, vec![quotas(), credentials]).unwrap();
    assert_eq!(
        out,
        "SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=4096\n"
    );
}

#[test]
fn what_a_broker_does_not_serve_is_named() {
    let refused = run("groups --delete --group g", Vec::new()).unwrap_err();

    let class = "org.apache.kafka.common.errors.UnsupportedVersionException";
    assert_eq!(refused.class(), class);
    assert!(refused.to_string().contains("DeleteGroups"), "{refused}");
}
