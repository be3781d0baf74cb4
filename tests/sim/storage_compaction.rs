//! Compaction under crashes at any disk operation: the newest value of each key stays, none that
//! was replaced or deleted comes back as the newest, offsets rise.
#![expect(clippy::expect_used, reason = "a test may stop")]
#![expect(clippy::cast_possible_truncation, reason = "small by design")]

use crate::storage::seeds;
use ottla_actors::storage::{
    Dice, Driver, Log, LogPolicy, MemoryIndex, SimDisk, Storage, StorageOptions,
};
use ottla_actors::types::{LeaderEpoch, LogId, MonoTime, NodeId, Now, Offset, Timestamp, Uuid};
use ottla_actors::wire::{BatchBuilder, BatchHeader, Records, StampedBatch};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const ID: LogId = LogId { topic_id: Uuid::from_u128(0xC0DE), partition: 0 };
const KEYS: u64 = 6;
const LIVES: u64 = 6;
const STEPS: u64 = 60;

/// A record: its key, and its value; none is a tombstone.
type Written = (u8, Option<Vec<u8>>);

struct World {
    dice: Dice,
    disk: SimDisk,
    index: MemoryIndex,
    clock_ms: Arc<AtomicI64>,
    /// Every record that was queued, by offset.
    records: BTreeMap<i64, Written>,
    values: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            disk: SimDisk::new(),
            index: MemoryIndex::default(),
            clock_ms: Arc::default(),
            records: BTreeMap::new(),
            values: 0,
        }
    }

    fn open(&self) -> Result<Option<(Storage, Driver)>, String> {
        let clock_ms = Arc::clone(&self.clock_ms);
        let clock = Arc::new(move || Now {
            mono: MonoTime::START,
            wall: Timestamp(clock_ms.load(Ordering::Relaxed)),
        });
        let mut options = StorageOptions::new(PathBuf::from("/data"), NodeId(1), clock);
        options.wal_file_bytes = 8 << 10;
        options.tail_cache_bytes = 0;
        options.index_interval_bytes = 256;
        // Room for fewer keys than there are: a round does not get to the end of the log.
        options.cleaner_buffer_bytes = 128;
        options.fatal = Arc::new(|_| ());
        let index = Arc::new(self.index.clone());
        let opened = Storage::open_simulated(options, Arc::new(self.disk.clone()), index);
        if self.disk.has_crashed() {
            return Ok(None);
        }
        opened.map(Some).map_err(|error| error.to_string())
    }

    fn policy(&mut self) -> LogPolicy {
        LogPolicy {
            segment_bytes: 400 + self.dice.below(1200),
            compact: true,
            delete: false,
            retention_ms: None,
            min_cleanable_dirty_ratio: 0.1,
            delete_retention_ms: 50,
            ..LogPolicy::default()
        }
    }

    fn append(&mut self, log: &Log) {
        let base = log.log_end_offset();
        self.records.split_off(&base.to_wire());
        let mut builder = BatchBuilder::new();
        for delta in 0..=i64::try_from(self.dice.below(3)).expect("small") {
            self.values += 1;
            let key = self.dice.below(KEYS) as u8;
            let alive = self.dice.below(4) > 0;
            let value = alive.then(|| self.values.to_be_bytes().repeat(4));
            let time = self.clock_ms.load(Ordering::Relaxed);
            builder.record(time, Some(&[key]), value.as_deref());
            self.records.insert(base.to_wire() + delta, (key, value));
        }
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).expect("a batch");
        log.append(vec![StampedBatch::new(header, &bytes, base, LeaderEpoch(0))]);
    }

    fn live(&mut self, storage: &Storage, driver: &mut Driver) -> Result<(), String> {
        let policy = self.policy();
        let log = storage.create(ID, policy);
        for _ in 0..STEPS {
            if self.disk.has_crashed() {
                return Ok(());
            }
            if let Some(why) = log.offline() {
                return Err(why);
            }
            match self.dice.below(12) {
                0..=8 => {
                    self.append(&log);
                    driver.commit();
                }
                9 => driver.tick(),
                10 => {
                    let passed = i64::try_from(self.dice.below(60)).expect("small");
                    self.clock_ms.fetch_add(passed, Ordering::Relaxed);
                }
                _ => {
                    // A round may begin before the journal is through with what the last one did.
                    for _ in 0..=self.dice.below(2) {
                        storage.maintain();
                    }
                    driver.commit();
                }
            }
        }
        Ok(())
    }

    /// The newest value of each key, of what was queued below `end`; tombstones are no values.
    fn expected(&self, end: i64) -> BTreeMap<u8, Vec<u8>> {
        let mut newest = BTreeMap::new();
        for (key, value) in self.records.range(..end).map(|(_, record)| record) {
            match value {
                Some(value) => newest.insert(*key, value.clone()),
                None => newest.remove(key),
            };
        }
        newest
    }

    fn check(&self, storage: &Storage) -> Result<(), String> {
        let Some(log) = storage.log(ID) else {
            return Ok(());
        };
        if let Some(why) = log.offline() {
            return Err(format!("the log is offline: {why}"));
        }
        let end = log.log_end_offset();
        let mut newest = BTreeMap::new();
        let mut last = -1;
        let (mut at, mut cursor) = (Offset::ZERO, None);
        while at < end {
            let chunk = log
                .read_blocking(at, Offset::MAX, 700, true, &mut cursor)
                .map_err(|error| error.to_string())?;
            let bytes = chunk.parts.concat();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let records = Records::open(rest, 1 << 20).map_err(|error| error.to_string())?;
                for record in records.iter() {
                    let record = record.map_err(|error| error.to_string())?;
                    if record.offset <= last {
                        return Err(format!("offset {} comes after {last}", record.offset));
                    }
                    last = record.offset;
                    let key = record.record.key.and_then(|key| key.first()).copied().unwrap_or(99);
                    match record.record.value {
                        Some(value) => newest.insert(key, value.to_vec()),
                        None => newest.remove(&key),
                    };
                }
                rest = rest.get(records.header.size_bytes..).unwrap_or_default();
            }
            if chunk.next_offset <= at {
                return Err(format!("nothing at {at}, before the end {end}"));
            }
            at = chunk.next_offset;
        }
        let expected = self.expected(end.to_wire());
        if newest == expected {
            return Ok(());
        }
        Err(format!("below {end} the newest are {newest:?}, not {expected:?}"))
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    for _ in 0..LIVES {
        let Some((storage, mut driver)) = world.open()? else {
            return Err("the machine crashed by itself".to_owned());
        };
        world.check(&storage)?;
        let left = world.dice.below(500);
        world.disk.crash_after(left);
        world.live(&storage, &mut driver)?;
        drop((storage, driver));
        if world.dice.below(2) == 0 {
            let seed = world.dice.roll();
            world.disk.crash(seed);
        } else {
            world.disk.restart();
        }
        if world.dice.below(3) == 0 {
            world.index = MemoryIndex::default();
        }
    }
    let Some((storage, _driver)) = world.open()? else {
        return Err("the machine crashed by itself".to_owned());
    };
    world.check(&storage)
}

#[test]
fn the_newest_of_each_key_survives_compaction_and_crashes() {
    for seed in seeds(300) {
        if let Err(what) = run(seed) {
            panic!("SIM_SEED={seed}: {what}");
        }
    }
}
