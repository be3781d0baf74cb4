//! Jobs that wait for the journal: each log has its turn, so that a flood into one of them does
//! not stand before what others have to say.

use super::log::Log;
use super::shared::Job;
use crate::types::LogId;
use std::collections::{BTreeMap, VecDeque};

/// Bytes gathered into one group at most: past it, latency grows and nothing is gained.
pub(super) const GROUP_BYTES_MAX: usize = 8 << 20;
/// Bytes that a log brings into a group before the others have had their turn.
const TURN_BYTES: usize = 512 << 10;

/// The jobs that were not done yet. Those of one log stay in their order; what belongs to no log
/// waits for nothing.
#[derive(Default)]
pub(super) struct Queue {
    /// Of each log that has any.
    logs: BTreeMap<LogId, VecDeque<Job>>,
    /// The same logs, in the order of their turns.
    turns: VecDeque<LogId>,
    /// Of no log, to be done next.
    others: Vec<Job>,
    /// To be done behind everything.
    last: Vec<Job>,
}

impl Queue {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.others.is_empty() && self.last.is_empty()
    }

    /// Takes what has come.
    pub(super) fn push(&mut self, job: Job) {
        let Some(log) = job.log().map(Log::id) else {
            let is_last = matches!(job, Job::Call(_) | Job::Close(_));
            let to = if is_last { &mut self.last } else { &mut self.others };
            return to.push(job);
        };
        let jobs = self.logs.entry(log).or_default();
        if jobs.is_empty() {
            self.turns.push_back(log);
        }
        jobs.push_back(job);
    }

    /// The jobs of the next group. Who waits for everything before it gets it in one group,
    /// however large that is.
    pub(super) fn group(&mut self) -> Vec<Job> {
        let mut group = std::mem::take(&mut self.others);
        let bytes_max = if self.last.is_empty() { GROUP_BYTES_MAX } else { usize::MAX };
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(log) = self.turns.pop_front()
        {
            let Some(jobs) = self.logs.get_mut(&log) else { continue };
            let until = bytes_max.min(bytes.saturating_add(TURN_BYTES));
            while bytes < until
                && let Some(job) = jobs.pop_front()
            {
                bytes += job.bytes();
                group.push(job);
            }
            if jobs.is_empty() {
                self.logs.remove(&log);
            } else {
                self.turns.push_back(log);
            }
        }
        group.append(&mut self.last);
        group
    }
}

impl Job {
    /// What an append adds to its log.
    pub(super) fn bytes(&self) -> usize {
        let Self::Append { batches, .. } = self else { return 0 };
        batches.iter().map(|batch| batch.header.size_bytes).sum()
    }

    /// The log that has to keep the order of its jobs.
    fn log(&self) -> Option<&Log> {
        match self {
            Self::Append { log, .. }
            | Self::Barrier { log, .. }
            | Self::Delete { log, .. }
            | Self::DeleteBefore { log, .. }
            | Self::Truncate { log, .. }
            | Self::Roll { log, .. } => Some(log),
            Self::Swap(swap) => Some(&swap.log),
            Self::Synced(_) | Self::WalFile(_) | Self::Tick | Self::Call(_) | Self::Close(_) => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::store_test::{batch, id, options};
    use crate::storage::{LogPolicy, MemoryIndex, SimDisk, Storage, TryRead};
    use crate::types::Offset;
    use crate::wire::Hold;
    use std::path::Path;
    use std::sync::Arc;

    const BATCH_BYTES: usize = 60_000;

    /// Logs that nobody writes to.
    fn logs(count: u128) -> Vec<Log> {
        let disk = Arc::new(SimDisk::new());
        let index = Arc::new(MemoryIndex::default());
        let (storage, _driver) =
            Storage::open_simulated(options(Path::new("/data")), disk, index).unwrap();
        (0..count).map(|number| storage.create(id(number), LogPolicy::default())).collect()
    }

    fn append(log: &Log, base: i64) -> Job {
        Job::Append { log: log.clone(), batches: vec![batch(base, 0, &["k"], BATCH_BYTES)] }
    }

    /// Log and first offset of each append.
    fn told(jobs: &[Job]) -> Vec<(LogId, i64)> {
        let appends = jobs.iter().filter_map(|job| {
            let Job::Append { log, batches } = job else { return None };
            Some((log.id(), batches[0].header.base_offset))
        });
        appends.collect()
    }

    #[test]
    fn a_log_that_is_flooded_does_not_stand_before_the_others() {
        let logs = logs(3);
        let mut queue = Queue::default();
        (0..1_000).for_each(|base| queue.push(append(&logs[0], base)));
        queue.push(append(&logs[1], 7));
        queue.push(append(&logs[2], 8));

        let group = queue.group();

        let told = told(&group);
        assert!(told.contains(&(logs[1].id(), 7)) && told.contains(&(logs[2].id(), 8)));
        let bytes: usize = group.iter().map(Job::bytes).sum();
        assert!((GROUP_BYTES_MAX..GROUP_BYTES_MAX + 2 * BATCH_BYTES).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_log_keeps_its_order_and_loses_nothing() {
        let logs = logs(2);
        let mut queue = Queue::default();
        (0..500).for_each(|base| queue.push(append(&logs[usize::from(base % 3 == 0)], base)));

        let mut taken = Vec::new();
        while !queue.is_empty() {
            taken.extend(told(&queue.group()));
        }

        for log in &logs {
            let of_log: Vec<i64> =
                taken.iter().filter(|(id, _)| *id == log.id()).map(|(_, base)| *base).collect();
            assert!(of_log.is_sorted());
        }
        assert_eq!(taken.len(), 500);
    }

    #[test]
    fn who_waits_for_everything_is_told_behind_everything() {
        let logs = logs(1);
        let mut queue = Queue::default();
        queue.push(append(&logs[0], 0));
        queue.push(Job::Call(Box::new(|| {})));
        (1..500).for_each(|base| queue.push(append(&logs[0], base)));

        let group = queue.group();

        assert!(matches!(group.last(), Some(Job::Call(_))) && queue.is_empty());
        assert_eq!(told(&group).len(), 500);
    }

    #[test]
    fn a_batch_counts_its_memory_until_it_is_written_and_not_in_the_cache() {
        let disk = Arc::new(SimDisk::new());
        let index = Arc::new(MemoryIndex::default());
        let (storage, mut driver) =
            Storage::open_simulated(options(Path::new("/data")), disk, index).unwrap();
        let log = storage.create(id(1), LogPolicy::default());
        let hold: Hold = Arc::new(());

        log.append(vec![batch(0, 0, &["k"], 10).holding(Some(hold.clone()))]);
        assert_eq!(Arc::strong_count(&hold), 2);
        driver.commit();

        assert_eq!(Arc::strong_count(&hold), 1);
        let cached = log.read(Offset::ZERO, Offset::MAX, 1000, true, &mut None);
        assert!(matches!(cached, TryRead::Ready(chunk) if chunk.bytes > 0));
    }
}
