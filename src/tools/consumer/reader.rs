//! Fetches partitions from their leaders and walks what comes.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest};
use ottla_actors::wire::{BatchHeader, PlacedRecord, Records};

use crate::tools::client::{
    Client, Moment, RETRY_BACKOFF, STALE_METADATA, To, TopicPartition, by_topic, topic_name,
};
use crate::tools::output::note;
use crate::tools::problem::ToolError;

/// The newest version of Fetch that names topics instead of their ids.
const TOPICS_BY_NAME: i16 = 12;
/// Bytes of one answer, as Kafka's consumers ask for.
const FETCH_BYTES_MAX: i32 = 50 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;
/// Most that the records of one batch may unfold to.
const BATCH_BYTES_MAX: usize = 1 << 30;
/// OFFSET_OUT_OF_RANGE.
const OUT_OF_RANGE: i16 = 1;

/// A record on its way to the formatter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) header: BatchHeader,
    pub(super) record: PlacedRecord<'a>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is printed; the position goes behind it.
    Printed,
    /// Enough were printed; it is left for the next time.
    Left,
}

/// Where records go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&Found<'_>) -> Result<Taken, ToolError>;

/// Partitions with the offset to read next.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    committed_only: bool,
    skip_damaged: bool,
    reset: Moment,
    positions: BTreeMap<TopicPartition, i64>,
    leaders: BTreeMap<TopicPartition, i32>,
}

impl Reader {
    /// Reads nothing yet.
    pub(super) const fn new(client: Client, committed_only: bool, skip_damaged: bool) -> Self {
        Self {
            client,
            committed_only,
            skip_damaged,
            reset: Moment::Latest,
            positions: BTreeMap::new(),
            leaders: BTreeMap::new(),
        }
    }

    /// The client, for questions beside reading.
    pub(super) const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Where to go when a position is outside its log.
    pub(super) const fn reset_to(&mut self, moment: Moment) {
        self.reset = moment;
    }

    /// Reads these partitions from now on.
    pub(super) fn assign(
        &mut self,
        positions: BTreeMap<TopicPartition, i64>,
    ) -> Result<(), ToolError> {
        self.positions = positions;
        self.find_leaders()
    }

    /// The offsets to read next.
    pub(super) const fn positions(&self) -> &BTreeMap<TopicPartition, i64> {
        &self.positions
    }

    fn find_leaders(&mut self) -> Result<(), ToolError> {
        let mut topics: Vec<&str> =
            self.positions.keys().map(|place| place.topic.as_str()).collect();
        topics.dedup();
        self.leaders =
            if topics.is_empty() { BTreeMap::new() } else { self.client.leaders(&topics)? };
        Ok(())
    }

    /// Fetches once from each leader; how many records were printed.
    pub(super) fn poll(&mut self, wait: Duration, sink: Sink<'_>) -> Result<usize, ToolError> {
        let mut by_leader: BTreeMap<i32, Vec<(TopicPartition, i64)>> = BTreeMap::new();
        for (place, offset) in &self.positions {
            if let Some(leader) = self.leaders.get(place) {
                by_leader.entry(*leader).or_default().push((place.clone(), *offset));
            }
        }
        if by_leader.is_empty() {
            thread::sleep(wait.min(RETRY_BACKOFF));
            if !self.positions.is_empty() {
                self.find_leaders()?;
            }
            return Ok(0);
        }
        // Leaders are asked in turn, so they share the time.
        let shares = u32::try_from(by_leader.len()).unwrap_or(u32::MAX);
        let (mut printed, mut stale) = (0, false);
        for (leader, places) in by_leader {
            let answered = self.fetch(leader, &places, wait / shares);
            let answered = match answered {
                Ok(answered) => answered,
                Err(ToolError::Unreachable(why)) => {
                    note(&why);
                    stale = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (place, data) in answered {
                let code = data.error_code;
                if code == OUT_OF_RANGE {
                    self.reset_position(&place)?;
                } else if STALE_METADATA.contains(&code) {
                    stale = true;
                } else {
                    ToolError::check(code, None)?;
                    printed += self.walk(&place, &data, sink)?;
                }
            }
        }
        if stale {
            thread::sleep(RETRY_BACKOFF);
            self.find_leaders()?;
        }
        Ok(printed)
    }

    fn reset_position(&mut self, place: &TopicPartition) -> Result<(), ToolError> {
        let found = self.client.offsets_at([place], self.reset)?;
        if let Some(offset) = found.get(place) {
            let TopicPartition { topic, partition } = place;
            note(&format!(
                "{topic}-{partition}: the position is outside the log, going on at {offset}"
            ));
            self.positions.insert(place.clone(), *offset);
        }
        Ok(())
    }

    fn fetch(
        &mut self,
        leader: i32,
        places: &[(TopicPartition, i64)],
        wait: Duration,
    ) -> Result<Vec<(TopicPartition, PartitionData)>, ToolError> {
        let topic = |(name, partitions): (&str, Vec<(i32, i64)>)| {
            let partition = |(index, offset): (i32, i64)| {
                FetchPartition::default()
                    .with_partition(index)
                    .with_current_leader_epoch(-1)
                    .with_fetch_offset(offset)
                    .with_last_fetched_epoch(-1)
                    .with_log_start_offset(-1)
                    .with_partition_max_bytes(PARTITION_BYTES_MAX)
            };
            FetchTopic::default()
                .with_topic(topic_name(name))
                .with_partitions(partitions.into_iter().map(partition).collect())
        };
        let listed = by_topic(places.iter().map(|(place, offset)| (place, *offset)));
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_isolation_level(i8::from(self.committed_only))
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_topics(listed.into_iter().map(topic).collect());
        let answer = self.client.ask_as::<FetchRequest, _>(
            To::Node(leader),
            TOPICS_BY_NAME,
            |_| request,
            wait,
        )?;
        ToolError::check(answer.error_code, None)?;
        let mut answered = Vec::new();
        for topic in answer.responses {
            for data in topic.partitions {
                let place = TopicPartition::new(&topic.topic, data.partition_index);
                answered.push((place, data));
            }
        }
        Ok(answered)
    }

    /// Walks the batches of one partition.
    fn walk(
        &mut self,
        place: &TopicPartition,
        data: &PartitionData,
        sink: Sink<'_>,
    ) -> Result<usize, ToolError> {
        let mut aborted = Aborted::new(data, self.committed_only);
        let mut rest = data.records.clone().unwrap_or_default();
        let (mut printed, mut position) =
            (0, self.positions.get(place).copied().unwrap_or_default());
        // The last batch of an answer may be cut off; it comes whole the next time.
        while let Ok(header) = BatchHeader::parse(&rest)
            && header.size_bytes <= rest.len()
        {
            let batch = rest.split_to(header.size_bytes);
            let next = header.last_offset().saturating_add(1);
            if next <= position {
                continue;
            }
            if aborted.is_hidden(&header, &batch) {
                position = next;
                self.positions.insert(place.clone(), position);
                continue;
            }
            let walked = walk_batch(place, &batch, &mut position, sink);
            match walked {
                Ok((count, all)) => {
                    printed += count;
                    if all {
                        position = next;
                    }
                    self.positions.insert(place.clone(), position);
                    if !all {
                        break;
                    }
                }
                Err(ToolError::Protocol(why)) if self.skip_damaged => {
                    note(&format!("ERROR {why}, skipped"));
                    position = next;
                    self.positions.insert(place.clone(), position);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(printed)
    }
}

/// Hands the records from `position` on to the sink, and moves it behind those that it took; how many
/// it took, and whether that was all.
fn walk_batch(
    place: &TopicPartition,
    batch: &Bytes,
    position: &mut i64,
    sink: Sink<'_>,
) -> Result<(usize, bool), ToolError> {
    let TopicPartition { topic, partition } = place;
    let damaged = |why: &dyn std::fmt::Display| {
        ToolError::Protocol(format!("{topic}-{partition}, batch at offset {position}: {why}"))
    };
    let records = Records::open(batch, BATCH_BYTES_MAX).map_err(|error| damaged(&error))?;
    let mut count = 0;
    for record in records.iter() {
        let record = record.map_err(|error| {
            ToolError::Protocol(format!("{topic}-{partition}, offset {position}: {error}"))
        })?;
        if record.offset < *position {
            continue;
        }
        let found = Found { topic, partition: *partition, header: records.header, record };
        match sink(&found)? {
            Taken::Printed => {
                count += 1;
                *position = record.offset.saturating_add(1);
            }
            Taken::Left => return Ok((count, false)),
        }
    }
    Ok((count, true))
}

/// Producers whose transaction was aborted, as far as the walk has come.
struct Aborted {
    committed_only: bool,
    /// First offset and producer, the next one last.
    ahead: Vec<(i64, i64)>,
    open: Vec<i64>,
}

impl Aborted {
    fn new(data: &PartitionData, committed_only: bool) -> Self {
        let listed = data.aborted_transactions.iter().flatten();
        let mut ahead: Vec<(i64, i64)> =
            listed.map(|aborted| (aborted.first_offset, aborted.producer_id.0)).collect();
        ahead.sort_unstable_by(|one, other| other.cmp(one));
        Self { committed_only, ahead, open: Vec::new() }
    }

    /// Whether no record of this batch is for readers: markers, and what was aborted.
    fn is_hidden(&mut self, header: &BatchHeader, batch: &Bytes) -> bool {
        if !self.committed_only {
            return header.is_control();
        }
        while let Some((_, producer)) =
            self.ahead.pop_if(|(first, _)| *first <= header.last_offset())
        {
            self.open.push(producer);
        }
        if header.is_control() {
            if is_abort(batch) {
                self.open.retain(|producer| *producer != header.producer_id);
            }
            return true;
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }
}

/// Whether a batch of markers ends a transaction by abort: its key is version i16, type i16 0.
fn is_abort(batch: &Bytes) -> bool {
    let Ok(records) = Records::open(batch, BATCH_BYTES_MAX) else {
        return false;
    };
    let first = records.iter().next();
    first.is_some_and(|record| {
        let key = record.ok().and_then(|record| record.record.key);
        key.and_then(|key| key.get(2..4)) == Some(&[0, 0])
    })
}
