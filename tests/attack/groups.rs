//! Groups of very many members, members that say very much, and very many groups.

use std::thread;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, JoinGroupRequest, OffsetCommitRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;

use crate::bystander::Bystander;
use crate::client::{Client, frame, frame_of, topic_name};
use crate::harness::{PATIENCE, samples, value};
use crate::memory::{Bounds, MIB, assert_calm, said};

/// UNKNOWN_SERVER_ERROR, OFFSET_METADATA_TOO_LARGE, COORDINATOR_NOT_AVAILABLE, MEMBER_ID_REQUIRED.
const UNKNOWN_SERVER_ERROR: i16 = -1;
const METADATA_TOO_LARGE: i16 = 12;
const NOT_AVAILABLE: i16 = 15;
const MEMBER_ID_REQUIRED: i16 = 79;

fn join(group: &str, metadata: Bytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(metadata);
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(1_800_000)
        .with_rebalance_timeout_ms(1_800_000)
        .with_protocol_type(StrBytes::from_static_str("other"))
        .with_protocols(vec![protocol])
}

fn group_id(name: &str) -> GroupId {
    GroupId(StrBytes::from_string(String::from(name)))
}

#[test]
fn a_group_has_no_more_members_than_it_may() {
    const CLIENTS: u32 = 300;
    const MEMBERS: u32 = 20;
    let (mut broker, page) = Bounds::SMALL.broker(&["group.max.size=20"]);
    let address = broker.address();
    let mut first = Client::connect(address);
    let ask = join("crowd", Bytes::from_static(b"topics"));
    assert_eq!(first.ask(3, &ask).error_code, 0);
    let bystander = Bystander::start(address);

    // As many as there is room for wait for the first to join again.
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.send(&frame(3, &ask));
    }

    let name = "ottla_dispatch_errors_total{api=\"JoinGroup\",error=\"GROUP_MAX_SIZE_REACHED\"}";
    let refused = || samples(page).get(name).copied().unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    while refused() < f64::from(CLIENTS - MEMBERS) {
        assert!(Instant::now() < deadline, "{} were refused", refused());
    }
    let members = value(&samples(page), "ottla_group_members{group=\"crowd\"}");
    assert_eq!((refused(), members), (f64::from(CLIENTS - MEMBERS), f64::from(MEMBERS + 1)));
    bystander.finish("a crowd of members");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "a crowd of members");
    assert_calm(&broker, 1, "a crowd of members");
}

#[test]
fn members_that_say_much_take_no_more_than_members_may() {
    let bounds = Bounds { besides: 16 * MIB, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&["ottla.group.members.max.bytes=16777216"]);
    let address = broker.address();
    let bystander = Bystander::start(address);

    // Two of them fit. They stay for half an hour, though their connections are gone.
    let much = Bytes::from(vec![7; 7 << 20]);
    let joined: Vec<_> = (0..60)
        .map(|at| Client::connect(address).ask(3, &join(&format!("much-{at}"), much.clone())))
        .collect();
    let held: Vec<_> = joined.iter().filter(|joined| joined.error_code == 0).collect();
    let refused = joined.iter().filter(|joined| joined.error_code == NOT_AVAILABLE).count();
    assert_eq!((held.len(), refused), (2, 58));
    // Ids that are given out take memory as well, and a name is most of an id.
    let name = "n".repeat(32_000);
    let mut client = Client::connect(address);
    let codes: Vec<i16> = (0..1_000)
        .map(|_| {
            client.send(&frame_of(&name, 4, &join("pending", Bytes::new())));
            client.answer::<JoinGroupRequest>(4).error_code
        })
        .collect();
    let given = codes.iter().filter(|code| **code == MEMBER_ID_REQUIRED).count();
    let refused = codes.iter().filter(|code| **code == NOT_AVAILABLE).count();
    assert!(given > 0 && refused > 0 && given + refused == 1_000, "{given} and {refused}");
    let name = "ottla_dispatch_errors_total{api=\"JoinGroup\",error=\"COORDINATOR_NOT_AVAILABLE\"}";
    assert!(value(&samples(page), name) >= 58.0);
    // What can never be written down goes as soon as that is tried, and makes room.
    for (at, joined) in joined.iter().enumerate().filter(|(_, joined)| joined.error_code == 0) {
        let sync = SyncGroupRequest::default()
            .with_group_id(group_id(&format!("much-{at}")))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone());
        assert_eq!(client.ask(3, &sync).error_code, UNKNOWN_SERVER_ERROR);
    }
    assert_eq!(client.ask(3, &join("later", much.slice(..1 << 20))).error_code, 0);

    bystander.finish("members that say much");
    broker.assert_alive();
    bounds.assert_kept(&broker, "members that say much");
    let told = |words: &str| said(&broker).iter().filter(|line| line.contains(words)).count();
    assert_eq!((told("member refused"), told("log refused")), (1, 1), "{}", broker.log());
    assert_calm(&broker, 3, "members that say much");
}

/// A commit of so many partitions of the topic, by a consumer that assigns itself.
fn commit(group: &str, partitions: i32, metadata: &str) -> OffsetCommitRequest {
    let metadata = StrBytes::from_string(String::from(metadata));
    let partitions = (0..partitions).map(|index| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(1)
            .with_committed_metadata(Some(metadata.clone()))
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name("read"))
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

#[test]
fn positions_and_their_groups_take_what_their_metadata_may() {
    const GROUPS: usize = 3_000;
    const PARTITIONS: i32 = 1_000;
    const METADATA: usize = 1_000;
    // A group, and twice what it says.
    let besides = u64::try_from(GROUPS * (10 * 1024 + 2 * METADATA)).expect("a size");
    let bounds = Bounds { besides: besides + 10 * MIB, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&["offset.metadata.max.bytes=1000"]);
    let address = broker.address();
    let mut client = Client::connect(address);
    client.create_topic("read", PARTITIONS);
    let bystander = Bystander::start(address);

    let long = "m".repeat(METADATA + 1);
    for _ in 0..10 {
        let answer = client.ask(7, &commit("group", PARTITIONS, &long));
        let codes = answer.topics[0].partitions.iter().map(|partition| partition.error_code);
        assert_eq!(codes.filter(|code| *code == METADATA_TOO_LARGE).count(), 1_000);
    }
    let mut reading = Client { socket: client.socket.try_clone().expect("a handle") };
    let stored = thread::spawn(move || {
        let answers = (0..GROUPS).map(|_| reading.answer::<OffsetCommitRequest>(7));
        answers.filter(|answer| answer.topics[0].partitions[0].error_code == 0).count()
    });
    for at in 0..GROUPS {
        client.send(&frame(7, &commit(&format!("group-{at}"), 1, &long[..METADATA])));
    }
    assert_eq!(stored.join().expect("a reader"), GROUPS);

    bystander.finish("thousands of groups");
    broker.assert_alive();
    let groups = value(&samples(page), "ottla_group_groups{state=\"Empty\"}");
    assert_eq!(groups, GROUPS as f64);
    bounds.assert_kept(&broker, "thousands of groups");
    assert_calm(&broker, 1, "thousands of groups");
}
