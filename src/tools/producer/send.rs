//! Batches on their way to the leaders of their partitions.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    InitProducerIdRequest, ProduceRequest, ProducerId as WireProducerId,
};
use ottla_actors::types::{CompressionTarget, ProducerEpoch, ProducerId};
use ottla_actors::wire::{BatchBuilder, Header, sequence_after};

use super::lines::LineRecord;
use crate::tools::client::{Client, RETRY_BACKOFF, STALE_METADATA, To, TopicPartition, topic_name};
use crate::tools::output::note;
use crate::tools::problem::ToolError;
use crate::tools::time::now_ms;

/// The newest version of Produce that names topics instead of their ids.
const TOPICS_BY_NAME: i16 = 12;
/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE.
const NOT_YET: &[i16] = &[14, 15];
/// REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND.
const TRY_AGAIN: &[i16] = &[7, 19, 20];
/// DUPLICATE_SEQUENCE_NUMBER: it is there already.
const DUPLICATE: i16 = 46;

/// How records are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendSettings {
    pub(super) acks: i16,
    pub(super) compression: CompressionTarget,
    pub(super) linger: Duration,
    pub(super) batch_bytes: usize,
    pub(super) idempotent: bool,
}

/// Gathers records by partition and sends them, one request at a time.
pub(super) struct Sender {
    client: Client,
    topic: String,
    settings: SendSettings,
    leaders: BTreeMap<i32, i32>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    /// Next sequence of each partition.
    sequences: BTreeMap<i32, i32>,
    batches: BTreeMap<i32, BatchBuilder>,
    /// Where records without a key go until the next request.
    sticky: usize,
}

impl Sender {
    /// Finds the topic, which may have to be made first, and gets a producer id.
    pub(super) fn start(
        client: Client,
        topic: &str,
        settings: SendSettings,
    ) -> Result<Self, ToolError> {
        let mut sender = Self {
            client,
            topic: topic.to_owned(),
            settings,
            leaders: BTreeMap::new(),
            producer: None,
            sequences: BTreeMap::new(),
            batches: BTreeMap::new(),
            sticky: usize::try_from(now_ms()).unwrap_or(0),
        };
        sender.find_leaders()?;
        if settings.idempotent && sender.client.serves::<InitProducerIdRequest>()? {
            sender.producer = Some(sender.producer_id()?);
        }
        Ok(sender)
    }

    fn find_leaders(&mut self) -> Result<(), ToolError> {
        let deadline = Instant::now() + self.client.patience();
        loop {
            let answer = self.client.metadata(Some(&[&self.topic]), true)?;
            for topic in answer.topics {
                if !STALE_METADATA.contains(&topic.error_code) {
                    ToolError::check(topic.error_code, None)?;
                }
                let leaders = topic.partitions.iter().map(|p| (p.partition_index, p.leader_id.0));
                self.leaders = leaders.collect();
            }
            if !self.leaders.is_empty() && self.leaders.values().all(|leader| *leader >= 0) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ToolError::Unreachable(format!(
                    "Topic {} not present in metadata after {} ms.",
                    self.topic,
                    self.client.patience().as_millis()
                )));
            }
            thread::sleep(RETRY_BACKOFF);
        }
    }

    fn producer_id(&mut self) -> Result<(ProducerId, ProducerEpoch), ToolError> {
        let deadline = Instant::now() + self.client.patience();
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(WireProducerId(-1))
            .with_producer_epoch(-1);
        loop {
            let answer = self.client.ask(To::Any, i16::MAX, &request)?;
            if NOT_YET.contains(&answer.error_code) && Instant::now() < deadline {
                thread::sleep(RETRY_BACKOFF);
                continue;
            }
            ToolError::check(answer.error_code, None)?;
            return Ok((ProducerId(answer.producer_id.0), ProducerEpoch(answer.producer_epoch)));
        }
    }

    /// How long a record may wait for others.
    pub(super) const fn linger(&self) -> Duration {
        self.settings.linger
    }

    /// Whether a batch has its size.
    pub(super) fn is_full(&self) -> bool {
        self.batches.values().any(|batch| batch.size_bytes() >= self.settings.batch_bytes)
    }

    /// Adds a record to the batch of its partition.
    pub(super) fn add(&mut self, record: &LineRecord) {
        let partition = self.partition_of(record.key.as_deref());
        let (producer, sequences) = (self.producer, &self.sequences);
        let batch = self.batches.entry(partition).or_insert_with(|| match producer {
            Some((id, epoch)) => {
                let sequence = sequences.get(&partition).copied().unwrap_or(0);
                BatchBuilder::new().with_producer(id, epoch, sequence)
            }
            None => BatchBuilder::new(),
        });
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        batch.record_with_headers(
            now_ms(),
            record.key.as_deref(),
            record.value.as_deref(),
            &headers,
        );
    }

    fn partition_of(&self, key: Option<&[u8]>) -> i32 {
        let count = self.leaders.len().max(1);
        let at = match key {
            Some(key) => usize::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0) % count,
            None => self.sticky % count,
        };
        self.leaders.keys().nth(at).copied().unwrap_or(0)
    }

    /// Sends what was gathered and waits until it is acknowledged; how many records were refused.
    pub(super) fn flush(&mut self) -> Result<u64, ToolError> {
        self.sticky = self.sticky.wrapping_add(1);
        let mut waiting: BTreeMap<i32, (Bytes, i32)> = BTreeMap::new();
        for (partition, batch) in std::mem::take(&mut self.batches) {
            let count = batch.record_count();
            let bytes = batch
                .build_compressed(self.settings.compression)
                .map_err(|error| ToolError::Protocol(error.to_string()))?;
            waiting.insert(partition, (bytes, count));
        }
        let deadline = Instant::now() + self.client.patience();
        let mut refused = 0;
        while !waiting.is_empty() {
            let before = waiting.len();
            refused += self.send_once(&mut waiting, deadline)?;
            if !waiting.is_empty() && waiting.len() == before {
                thread::sleep(RETRY_BACKOFF);
            }
            if !waiting.is_empty() {
                self.find_leaders()?;
            }
        }
        Ok(refused)
    }

    /// One request to each leader. Batches that are done leave `waiting`.
    fn send_once(
        &mut self,
        waiting: &mut BTreeMap<i32, (Bytes, i32)>,
        deadline: Instant,
    ) -> Result<u64, ToolError> {
        let mut by_leader: BTreeMap<i32, Vec<(i32, Bytes)>> = BTreeMap::new();
        for (partition, (bytes, _)) in waiting.iter() {
            let leader = self.leaders.get(partition).copied().unwrap_or(-1);
            by_leader.entry(leader).or_default().push((*partition, bytes.clone()));
        }
        let mut refused = 0;
        for (leader, batches) in by_leader {
            let sent: Vec<i32> = batches.iter().map(|(partition, _)| *partition).collect();
            let codes = match self.send_to(leader, batches) {
                Ok(codes) => codes,
                // The broker may be on its way up again; sequences keep what it has from coming twice.
                Err(ToolError::Unreachable(_)) if Instant::now() < deadline => continue,
                Err(error) => return Err(error),
            };
            for partition in sent {
                let (code, message) = codes.get(&partition).cloned().unwrap_or((-1, None));
                let again = STALE_METADATA.contains(&code) || TRY_AGAIN.contains(&code);
                if again && Instant::now() < deadline {
                    continue;
                }
                let Some((_, count)) = waiting.remove(&partition) else { continue };
                if code == 0 || code == DUPLICATE {
                    let next = self.sequences.entry(partition).or_default();
                    *next = sequence_after(*next, count);
                    continue;
                }
                let place = TopicPartition::new(&self.topic, partition);
                let why = ToolError::refused(code, message.as_deref());
                note(&format!(
                    "ERROR Error when sending {count} records to {}-{}: {}: {why}",
                    place.topic,
                    place.partition,
                    why.class()
                ));
                refused += u64::try_from(count).unwrap_or(0);
            }
        }
        Ok(refused)
    }

    fn send_to(
        &mut self,
        leader: i32,
        batches: Vec<(i32, Bytes)>,
    ) -> Result<BTreeMap<i32, (i16, Option<String>)>, ToolError> {
        let partitions: Vec<i32> = batches.iter().map(|(partition, _)| *partition).collect();
        let data = |(index, records): (i32, Bytes)| {
            PartitionProduceData::default().with_index(index).with_records(Some(records))
        };
        let topic = TopicProduceData::default()
            .with_name(topic_name(&self.topic))
            .with_partition_data(batches.into_iter().map(data).collect());
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(self.settings.acks)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        if self.settings.acks == 0 {
            let connection = self.client.connection(To::Node(leader))?;
            let version = connection.version_of::<ProduceRequest>(TOPICS_BY_NAME)?;
            connection.tell(version, &request)?;
            return Ok(partitions.into_iter().map(|partition| (partition, (0, None))).collect());
        }
        let answer = self.client.ask(To::Node(leader), TOPICS_BY_NAME, &request)?;
        let mut codes = BTreeMap::new();
        for topic in answer.responses {
            for partition in topic.partition_responses {
                let message = partition.error_message.map(|message| message.to_string());
                codes.insert(partition.index, (partition.error_code, message));
            }
        }
        Ok(codes)
    }
}

/// The hash by which Kafka's clients choose a key's partition.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, byte) in (0_u32..).zip(rest) {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_kafkas_clients() {
        // From Kafka's own test of its hash.
        let known = [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
