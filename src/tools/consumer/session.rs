//! Whose records are read: a partition, topics as they are, or what a group assigns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::member::Member;
use super::reader::{Reader, Sink};
use crate::tools::arguments::TopicFilter;
use crate::tools::client::{Moment, TopicPartition};
use crate::tools::output::note;
use crate::tools::problem::ToolError;

/// How often topics are looked for anew.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A way to read.
#[derive(Debug)]
pub(super) enum Session {
    /// One partition.
    Fixed(Reader),
    /// All partitions of topics.
    Alone(Alone),
    /// What a group assigns.
    Group(Alone, Member),
}

impl Session {
    /// Reads for at most about `wait`; how many records were printed.
    pub(super) fn poll(&mut self, wait: Duration, sink: Sink<'_>) -> Result<usize, ToolError> {
        match self {
            Self::Fixed(reader) => reader.poll(wait, sink),
            Self::Alone(alone) => {
                alone.look()?;
                alone.reader.poll(wait, sink)
            }
            Self::Group(alone, member) => {
                let topics = alone.topics()?;
                member.keep(&mut alone.reader, &topics, alone.reset)?;
                alone.reader.poll(wait, sink)
            }
        }
    }

    /// Stores positions and leaves the group.
    pub(super) fn close(&mut self) -> Result<(), ToolError> {
        match self {
            Self::Fixed(_) | Self::Alone(_) => Ok(()),
            Self::Group(alone, member) => member.leave(&mut alone.reader),
        }
    }
}

/// Topics, by name or pattern, and a reader for them.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) reader: Reader,
    topic: String,
    pattern: Option<TopicFilter>,
    pub(super) reset: Moment,
    looked: Option<Instant>,
    found: Vec<String>,
}

impl Alone {
    /// Nothing is looked for yet.
    pub(super) fn new(
        mut reader: Reader,
        topic: String,
        pattern: Option<TopicFilter>,
        reset: Moment,
    ) -> Self {
        reader.reset_to(reset);
        Self { reader, topic, pattern, reset, looked: None, found: Vec::new() }
    }

    /// Topics that are meant; those that a pattern means are looked for every few seconds.
    fn topics(&mut self) -> Result<Vec<String>, ToolError> {
        let Some(pattern) = &self.pattern else {
            return Ok(vec![self.topic.clone()]);
        };
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN) {
            let names = self.reader.client().topic_names(false)?;
            self.found = names.into_iter().filter(|name| pattern.matches(name)).collect();
            self.looked = Some(Instant::now());
        }
        Ok(self.found.clone())
    }

    /// Adds partitions that have come since: all of them at the first look.
    fn look(&mut self) -> Result<(), ToolError> {
        let first = self.looked.is_none();
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_AGAIN) {
            return Ok(());
        }
        let topics = self.topics()?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        if topics.is_empty() {
            return Ok(());
        }
        // As Kafka's consumer does: the broker may make the topic.
        let answer = self.reader.client().metadata(Some(&topics), true)?;
        let mut new = Vec::new();
        for topic in answer.topics {
            let name = topic.name.unwrap_or_default();
            if topic.error_code != 0 && first {
                let why = ToolError::refused(topic.error_code, None);
                note(&format!("WARN topic {}: {why}", *name));
            }
            for partition in topic.partitions {
                let place = TopicPartition::new(&name, partition.partition_index);
                if !self.reader.positions().contains_key(&place) {
                    new.push(place);
                }
            }
        }
        if !new.is_empty() {
            // What has come since the first look is read from its start.
            let moment =
                if self.reader.positions().is_empty() { self.reset } else { Moment::Earliest };
            let found: BTreeMap<TopicPartition, i64> =
                self.reader.client().offsets_at(&new, moment)?;
            let mut positions = self.reader.positions().clone();
            positions.extend(found);
            self.reader.assign(positions)?;
        }
        // A topic that is not there yet is looked for at each turn.
        self.looked = (!self.reader.positions().is_empty()).then(Instant::now);
        Ok(())
    }
}
