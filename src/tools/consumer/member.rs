//! A member of a consumer group, by the classic protocol, with the range assignor.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, StrBytes};

use super::reader::Reader;
use crate::tools::client::{
    Client, Moment, To, TopicPartition, by_topic, group_id, member_partitions, text, topic_name,
};
use crate::tools::output::note;
use crate::tools::problem::ToolError;

const CONSUMER: StrBytes = StrBytes::from_static_str("consumer");
const RANGE: StrBytes = StrBytes::from_static_str("range");
/// How often positions are stored, as Kafka's consumers do.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);
/// How long other members may take to come back in a rebalance.
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(60);
/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
const OTHER_COORDINATOR: &[i16] = &[14, 15, 16];
/// ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS: join again under the same id.
const JOIN_AGAIN: &[i16] = &[22, 27];
const UNKNOWN_MEMBER_ID: i16 = 25;
const MEMBER_ID_REQUIRED: i16 = 79;

/// One member: outside the group, or in a generation of it.
#[derive(Debug)]
pub(super) struct Member {
    group: String,
    session_timeout: Duration,
    auto_commit: bool,
    id: String,
    joined: Option<Joined>,
}

#[derive(Debug)]
struct Joined {
    coordinator: i32,
    generation: i32,
    topics: Vec<String>,
    heartbeat: Instant,
    commit: Instant,
    stored: BTreeMap<TopicPartition, i64>,
}

impl Member {
    /// Outside yet.
    pub(super) fn new(group: &str, session_timeout: Duration, auto_commit: bool) -> Self {
        let (group, id) = (group.to_owned(), String::new());
        Self { group, session_timeout, auto_commit, id, joined: None }
    }

    /// Keeps the membership alive, joining if need be, and the reader on what is assigned.
    pub(super) fn keep(
        &mut self,
        reader: &mut Reader,
        topics: &[String],
        reset: Moment,
    ) -> Result<(), ToolError> {
        if self.joined.as_ref().is_some_and(|joined| joined.topics != topics) {
            self.store(reader)?;
            self.joined = None;
        }
        if self.joined.as_ref().is_some_and(|joined| joined.commit.elapsed() >= COMMIT_INTERVAL) {
            self.store(reader)?;
        }
        if self.joined.as_ref().is_some_and(|one| one.heartbeat.elapsed() >= HEARTBEAT_INTERVAL) {
            self.heartbeat(reader)?;
        }
        if self.joined.is_none() {
            self.join(reader, topics, reset)?;
        }
        Ok(())
    }

    fn heartbeat(&mut self, reader: &mut Reader) -> Result<(), ToolError> {
        let Some(joined) = &mut self.joined else { return Ok(()) };
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(joined.generation)
            .with_member_id(text(&self.id));
        let asked = reader.client().ask(To::Node(joined.coordinator), i16::MAX, &request);
        joined.heartbeat = Instant::now();
        let code = match asked {
            Ok(answer) => answer.error_code,
            Err(ToolError::Unreachable(why)) => {
                note(&why);
                self.joined = None;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if JOIN_AGAIN.contains(&code) {
            // Until the others have joined as well, what was read belongs to this member.
            self.store(reader)?;
        }
        self.heed(code)
    }

    /// What a code means for the membership; an error if it is not about that.
    fn heed(&mut self, code: i16) -> Result<(), ToolError> {
        if code == UNKNOWN_MEMBER_ID {
            self.id.clear();
        }
        if code == UNKNOWN_MEMBER_ID
            || JOIN_AGAIN.contains(&code)
            || OTHER_COORDINATOR.contains(&code)
        {
            self.joined = None;
            return Ok(());
        }
        ToolError::check(code, None)
    }

    /// Stores the positions that have changed.
    fn store(&mut self, reader: &mut Reader) -> Result<(), ToolError> {
        let Some(joined) = &mut self.joined else { return Ok(()) };
        joined.commit = Instant::now();
        let changed: BTreeMap<TopicPartition, i64> = reader
            .positions()
            .iter()
            .filter(|(place, offset)| joined.stored.get(*place) != Some(*offset))
            .map(|(place, offset)| (place.clone(), *offset))
            .collect();
        if !self.auto_commit || changed.is_empty() {
            return Ok(());
        }
        let member = (self.id.as_str(), joined.generation);
        let codes = match reader.client().commit(&self.group, joined.coordinator, member, &changed)
        {
            Ok(codes) => codes,
            Err(ToolError::Unreachable(why)) => {
                note(&why);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        joined.stored.extend(changed);
        match codes.into_values().find(|code| *code != 0) {
            None => Ok(()),
            Some(code) => self.heed(code),
        }
    }

    /// Stores positions and leaves.
    pub(super) fn leave(&mut self, reader: &mut Reader) -> Result<(), ToolError> {
        self.store(reader)?;
        let Some(joined) = self.joined.take() else { return Ok(()) };
        let request = |version: i16| {
            let request = LeaveGroupRequest::default().with_group_id(group_id(&self.group));
            if version >= 3 {
                let member = MemberIdentity::default().with_member_id(text(&self.id));
                request.with_members(vec![member])
            } else {
                request.with_member_id(text(&self.id))
            }
        };
        reader.client().ask_as::<LeaveGroupRequest, _>(
            To::Node(joined.coordinator),
            i16::MAX,
            request,
            Duration::ZERO,
        )?;
        Ok(())
    }

    fn join(
        &mut self,
        reader: &mut Reader,
        topics: &[String],
        reset: Moment,
    ) -> Result<(), ToolError> {
        reader.assign(BTreeMap::new())?;
        let coordinator = reader.client().coordinator(&self.group)?;
        let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(RANGE)
            .with_metadata(subscription(topics)?);
        let request = JoinGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_session_timeout_ms(millis(self.session_timeout))
            .with_rebalance_timeout_ms(millis(REBALANCE_TIMEOUT))
            .with_member_id(text(&self.id))
            .with_protocol_type(CONSUMER)
            .with_protocols(vec![protocol]);
        let joined = reader.client().ask_as::<JoinGroupRequest, _>(
            To::Node(coordinator),
            i16::MAX,
            |_| request,
            REBALANCE_TIMEOUT,
        )?;
        if joined.error_code == MEMBER_ID_REQUIRED {
            self.id = joined.member_id.to_string();
            return self.join(reader, topics, reset);
        }
        if joined.error_code != 0 {
            return self.heed(joined.error_code);
        }
        self.id = joined.member_id.to_string();
        let assignments = if joined.leader == joined.member_id {
            assign(reader.client(), &joined.members)?
        } else {
            Vec::new()
        };
        let mut request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(joined.generation_id)
            .with_member_id(text(&self.id))
            .with_assignments(assignments);
        let serves = reader.client().connection(To::Node(coordinator))?;
        if serves.version_of::<SyncGroupRequest>(i16::MAX)? >= 5 {
            request =
                request.with_protocol_type(Some(CONSUMER)).with_protocol_name(joined.protocol_name);
        }
        let synced = reader.client().ask_as::<SyncGroupRequest, _>(
            To::Node(coordinator),
            i16::MAX,
            |_| request,
            REBALANCE_TIMEOUT,
        )?;
        if synced.error_code != 0 {
            return self.heed(synced.error_code);
        }
        let places = member_partitions(&synced.assignment);
        let stored = self.begin(reader, coordinator, &places, reset)?;
        self.joined = Some(Joined {
            coordinator,
            generation: joined.generation_id,
            topics: topics.to_vec(),
            heartbeat: Instant::now(),
            commit: Instant::now(),
            stored,
        });
        Ok(())
    }

    /// Puts the reader where the group stands; the positions that the group has stored.
    fn begin(
        &self,
        reader: &mut Reader,
        coordinator: i32,
        places: &[TopicPartition],
        reset: Moment,
    ) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
        let committed = reader.client().committed(&self.group, coordinator)?;
        let stored: BTreeMap<TopicPartition, i64> = places
            .iter()
            .filter_map(|place| Some((place.clone(), committed.get(place)?.offset)))
            .collect();
        let new: Vec<&TopicPartition> =
            places.iter().filter(|place| !stored.contains_key(*place)).collect();
        let mut positions = stored.clone();
        positions.extend(reader.client().offsets_at(new, reset)?);
        reader.assign(positions)?;
        Ok(stored)
    }
}

fn unwritable(error: impl std::fmt::Display) -> ToolError {
    ToolError::Protocol(format!("the group's metadata cannot be written: {error}"))
}

/// What this member wants, in version 0 of the consumer protocol.
fn subscription(topics: &[String]) -> Result<Bytes, ToolError> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(|topic| text(topic)).collect())
        .with_user_data(None)
        .encode(&mut bytes, 0)
        .map_err(unwritable)?;
    Ok(bytes.freeze())
}

/// Topics that a member wants; none where its bytes are no consumer's.
fn wanted(metadata: &Bytes) -> Vec<String> {
    let mut bytes = metadata.slice(2.min(metadata.len())..);
    let read = ConsumerProtocolSubscription::decode(&mut bytes, 0);
    read.map(|read| read.topics.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// The leader's part: shares the partitions out.
fn assign(
    client: &mut Client,
    members: &[JoinGroupResponseMember],
) -> Result<Vec<SyncGroupRequestAssignment>, ToolError> {
    let wishes: Vec<(String, Vec<String>)> =
        members.iter().map(|one| (one.member_id.to_string(), wanted(&one.metadata))).collect();
    let mut topics: Vec<&str> =
        wishes.iter().flat_map(|(_, topics)| topics.iter().map(String::as_str)).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut counts = BTreeMap::new();
    for topic in client.metadata(Some(&topics), true)?.topics {
        let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        counts.insert(topic.name.unwrap_or_default().to_string(), count);
    }
    let shares = range(&wishes, &counts);
    let assignment = |(member, places): (String, Vec<TopicPartition>)| {
        let topic = |(name, partitions): (&str, Vec<(i32, ())>)| {
            AssignedTopic::default()
                .with_topic(topic_name(name))
                .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
        };
        let topics = by_topic(places.iter().map(|place| (place, ())));
        let mut bytes = BytesMut::new();
        bytes.put_i16(0);
        ConsumerProtocolAssignment::default()
            .with_assigned_partitions(topics.into_iter().map(topic).collect())
            .with_user_data(None)
            .encode(&mut bytes, 0)
            .map_err(unwritable)?;
        Ok(SyncGroupRequestAssignment::default()
            .with_member_id(text(&member))
            .with_assignment(bytes.freeze()))
    };
    shares.into_iter().map(assignment).collect()
}

/// Kafka's range assignor: of each topic, members in order of their ids take a run of partitions;
/// the first ones take one more where it does not come out even.
fn range(
    wishes: &[(String, Vec<String>)],
    counts: &BTreeMap<String, i32>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut shares: BTreeMap<String, Vec<TopicPartition>> =
        wishes.iter().map(|(member, _)| (member.clone(), Vec::new())).collect();
    for (topic, count) in counts {
        let mut takers: Vec<&String> = wishes
            .iter()
            .filter(|(_, topics)| topics.contains(topic))
            .map(|(member, _)| member)
            .collect();
        takers.sort();
        let people = i32::try_from(takers.len()).unwrap_or(i32::MAX).max(1);
        let (each, more) = (count / people, count % people);
        let mut next = 0;
        for (at, taker) in (0..).zip(takers) {
            let end = next + each + i32::from(at < more);
            let places = (next..end).map(|partition| TopicPartition::new(topic, partition));
            shares.entry(taker.clone()).or_default().extend(places);
            next = end;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(member: &str, topics: &[&str]) -> (String, Vec<String>) {
        (member.to_owned(), topics.iter().map(|topic| (*topic).to_owned()).collect())
    }

    #[test]
    fn ranges_are_shared_out_as_kafka_does() {
        let wishes = [wish("b", &["t"]), wish("a", &["t", "u"])];
        let counts = BTreeMap::from([("t".to_owned(), 5), ("u".to_owned(), 1)]);

        let shares = range(&wishes, &counts);

        let place = TopicPartition::new;
        assert_eq!(shares["a"], [place("t", 0), place("t", 1), place("t", 2), place("u", 0)]);
        assert_eq!(shares["b"], [place("t", 3), place("t", 4)]);
    }

    #[test]
    fn a_member_without_a_share_still_has_an_answer() {
        let wishes = [wish("a", &["t"]), wish("b", &["t"])];

        let shares = range(&wishes, &BTreeMap::from([("t".to_owned(), 1)]));

        assert_eq!(shares["b"], []);
    }

    #[test]
    fn what_a_member_wants_is_read_back() {
        let topics = ["one".to_owned(), "two".to_owned()];

        assert_eq!(wanted(&subscription(&topics).unwrap()), topics);
        assert!(wanted(&Bytes::from_static(b"x")).is_empty());
    }
}
