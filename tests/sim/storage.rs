//! Storage under random work and crashes at any disk operation: what was acknowledged is there,
//! nothing is there twice, offsets have no gap.
#![expect(clippy::expect_used, reason = "a test may stop")]
#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "small by design")]

use bytes::Bytes;
use ottla_actors::storage::{
    Dice, Driver, FLUSH_MESSAGES_NEVER, Log, LogListener, LogNews, LogPolicy, MemoryIndex, SimDisk,
    Storage, StorageOptions,
};
use ottla_actors::types::{LeaderEpoch, LogId, MonoTime, NodeId, Now, Offset, Timestamp, Uuid};
use ottla_actors::wire::{BatchBuilder, BatchHeader, StampedBatch, crc_of};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Logs of one run.
const LOGS: u64 = 4;
/// Lives of one run: each ends in a crash.
const LIVES: u64 = 6;
/// Steps of one life at most.
const STEPS: u64 = 60;

#[derive(Default)]
struct News(Mutex<Vec<LogNews>>);

impl LogListener for News {
    fn flushed(&self, news: LogNews) {
        self.0.lock().expect("no poison").push(news);
    }
}

/// What must, and what may, be in a log.
#[derive(Default)]
struct Model {
    policy: LogPolicy,
    /// Batches by base offset, as they were queued last.
    batches: BTreeMap<i64, Bytes>,
    /// Batches that were being written when a machine stopped, and were not there afterwards: what
    /// only the system's memory had forgotten may come back after the next power loss.
    ghosts: Vec<Bytes>,
    /// The offset that the next batch is queued at.
    next: i64,
    /// Everything below was acknowledged.
    acknowledged: i64,
    /// Everything below was promised to be deleted.
    start: i64,
    /// A truncation to this offset has been asked for, and not answered.
    cutting: Option<i64>,
    news: Arc<News>,
}

impl Model {
    fn cut(&mut self, end: i64) {
        self.batches.split_off(&end);
        self.next = end;
        self.acknowledged = self.acknowledged.min(end);
    }

    fn hear(&mut self, log: &Log, crashed: bool) {
        let news = std::mem::take(&mut *self.news.0.lock().expect("no poison"));
        for news in news {
            match news {
                LogNews::Flushed { up_to } => {
                    self.acknowledged = self.acknowledged.max(up_to.to_wire());
                }
                // What the machine wrote while it stopped may be there.
                LogNews::Refused { .. } if crashed => {}
                LogNews::Refused { .. } => self.cut(log.log_end_offset().to_wire()),
                LogNews::Barrier(_) => {}
            }
        }
    }
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) disk: SimDisk,
    indexes: Vec<MemoryIndex>,
    models: BTreeMap<u64, Model>,
    clock_ms: Arc<AtomicU64>,
    values: u64,
    /// See [`StorageOptions::sync_all_logs_min`].
    sync_all_logs_min: usize,
}

fn id(number: u64) -> LogId {
    LogId { topic_id: Uuid::from_u128(0xF00D + u128::from(number)), partition: 0 }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let models = (0..LOGS).map(|number| {
            let flush_messages = [1, 1, 5, FLUSH_MESSAGES_NEVER][dice.below(4) as usize];
            let policy = LogPolicy {
                segment_bytes: 500 + dice.below(3000),
                flush_messages,
                flush_ms: Some(dice.below(2000)),
                ..LogPolicy::default()
            };
            (number, Model { policy, ..Model::default() })
        });
        let models = models.collect();
        Self {
            dice,
            disk: SimDisk::new(),
            indexes: vec![MemoryIndex::default()],
            models,
            clock_ms: Arc::default(),
            values: 0,
            sync_all_logs_min: if seed.is_multiple_of(2) { 1 } else { usize::MAX },
        }
    }

    fn index(&self) -> &MemoryIndex {
        self.indexes.last().expect("one is there")
    }

    fn options(&self) -> StorageOptions {
        let clock_ms = Arc::clone(&self.clock_ms);
        let clock = Arc::new(move || {
            let ms = clock_ms.load(Ordering::Relaxed);
            let mono = MonoTime::START.after(Duration::from_millis(ms));
            Now { mono, wall: Timestamp(i64::try_from(ms).expect("small")) }
        });
        let mut options = StorageOptions::new(PathBuf::from("/data"), NodeId(1), clock);
        options.wal_file_bytes = 8 << 10;
        options.tail_cache_bytes = 4 << 10;
        options.index_interval_bytes = 512;
        options.segment_handles_max = 3;
        options.sync_all_logs_min = self.sync_all_logs_min;
        options.fatal = Arc::new(|_| ());
        options
    }

    /// Opens the folder and checks it; `None` where the machine crashed meanwhile.
    pub(crate) fn open(&mut self) -> Result<Option<(Storage, Driver)>, String> {
        let index = Arc::new(self.index().clone());
        let opened = Storage::open_simulated(self.options(), Arc::new(self.disk.clone()), index);
        if self.disk.has_crashed() {
            return Ok(None);
        }
        opened.map(Some).map_err(|error| error.to_string())
    }

    fn batch(&mut self, base: i64) -> StampedBatch {
        let mut builder = BatchBuilder::new();
        for _ in 0..=self.dice.below(3) {
            self.values += 1;
            let value = vec![self.values.to_le_bytes()[0]; 8 + self.dice.below(400) as usize];
            builder.record(i64::try_from(self.values).expect("small"), None, Some(&value));
        }
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).expect("a batch");
        StampedBatch::new(header, &bytes, Offset::clamped(base), LeaderEpoch(0))
    }

    fn append(&mut self, number: u64, log: &Log) {
        let mut batches = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let base = self.models[&number].next;
            let batch = self.batch(base);
            let model = self.models.get_mut(&number).expect("a log");
            model.next = batch.header.next_offset().to_wire();
            model.batches.insert(base, batch.to_bytes());
            batches.push(batch);
        }
        log.append(batches);
    }

    fn hear(&mut self, logs: &BTreeMap<u64, Log>) {
        for (number, model) in &mut self.models {
            model.hear(&logs[number], self.disk.has_crashed());
        }
    }

    /// Works until the machine stops, or for a while.
    pub(crate) fn live(&mut self, storage: &Storage, driver: &mut Driver, steps: u64) {
        let mut logs = BTreeMap::new();
        for (number, model) in &mut self.models {
            let log = storage.create(id(*number), model.policy.clone());
            model.news = Arc::default();
            log.set_listener(Arc::clone(&model.news) as Arc<dyn LogListener>);
            logs.insert(*number, log);
        }
        for _ in 0..steps {
            if self.disk.has_crashed() {
                break;
            }
            let number = self.dice.below(LOGS);
            let log = &logs[&number];
            match self.dice.below(20) {
                0..=10 => self.append(number, log),
                11..=15 => driver.commit(),
                16 => {
                    self.clock_ms.fetch_add(self.dice.below(3000), Ordering::Relaxed);
                    driver.tick();
                }
                _ if self.dice.below(40) == 0 => {
                    let room = self.dice.below(3000) as usize;
                    self.disk.set_room((room > 500).then_some(room));
                }
                17 => self.indexes.push(self.index().snapshot()),
                18 => self.delete_before(number, log, driver),
                _ => self.truncate(number, log, driver),
            }
            self.hear(&logs);
        }
        driver.commit();
        self.hear(&logs);
    }

    fn delete_before(&mut self, number: u64, log: &Log, driver: &mut Driver) {
        driver.commit();
        let end = log.log_end_offset().to_wire().min(self.models[&number].acknowledged);
        let offset = i64::try_from(self.dice.below(end.unsigned_abs() + 1)).expect("small");
        let done = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&done);
        log.delete_before(
            Offset::clamped(offset),
            Box::new(move || tell.store(true, Ordering::Relaxed)),
        );
        driver.commit();
        let model = self.models.get_mut(&number).expect("a log");
        if done.load(Ordering::Relaxed) && log.offline().is_none() {
            model.start = model.start.max(offset);
        }
    }

    fn truncate(&mut self, number: u64, log: &Log, driver: &mut Driver) {
        driver.commit();
        let model = self.models.get_mut(&number).expect("a log");
        model.hear(log, self.disk.has_crashed());
        let bases: Vec<i64> =
            model.batches.keys().copied().filter(|base| *base >= model.start).collect();
        if bases.is_empty() || log.log_end_offset().to_wire() != model.next {
            return;
        }
        let end = bases[self.dice.below(bases.len() as u64) as usize];
        model.acknowledged = model.acknowledged.min(end);
        model.cutting = Some(end);
        let done = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&done);
        log.truncate(Offset::clamped(end), Box::new(move || tell.store(true, Ordering::Relaxed)));
        driver.commit();
        if done.load(Ordering::Relaxed) && log.offline().is_none() {
            model.cut(end);
            model.cutting = None;
        }
    }

    /// The machine stops, and comes back.
    pub(crate) fn crash(&mut self) -> bool {
        let power_loss = self.dice.below(3) > 0;
        if power_loss {
            let seed = self.dice.roll();
            self.disk.crash(seed);
            // The index may be of any time, or gone.
            let kept = self.dice.below(self.indexes.len() as u64 + 1) as usize;
            let index = match self.indexes.get(kept) {
                Some(index) => index.snapshot(),
                None => MemoryIndex::default(),
            };
            self.indexes = vec![index];
        } else {
            self.disk.restart();
            let index = self.index().snapshot();
            self.indexes = vec![index];
        }
        power_loss
    }

    /// What was found after a crash, against what had to be.
    pub(crate) fn check(&mut self, storage: &Storage, power_loss: bool) -> Result<(), String> {
        for (number, model) in &mut self.models {
            let promised = !power_loss || model.policy.flush_messages == 1;
            let must = if promised { model.acknowledged } else { 0 };
            let Some(log) = storage.log(id(*number)) else {
                if must > 0 {
                    return Err(format!("log {number} is gone, {must} were acknowledged"));
                }
                model.ghosts.extend(model.batches.values().cloned());
                model.cut(0);
                continue;
            };
            if let Some(why) = log.offline() {
                return Err(format!("log {number} is offline: {why}"));
            }
            let (start, end) = (log.log_start_offset().to_wire(), log.log_end_offset().to_wire());
            if end < must {
                return Err(format!("log {number} ends at {end}, {must} were acknowledged"));
            }
            if start < model.start {
                return Err(format!("log {number} starts at {start}, not {}", model.start));
            }
            let found = check_content(*number, model, &log, start, end)?;
            model.start = start;
            model.cutting = None;
            model.ghosts.extend(model.batches.range(end..).map(|(_, batch)| batch.clone()));
            model.cut(end);
            model.batches = found;
            model.acknowledged = end;
        }
        Ok(())
    }
}

fn check_content(
    number: u64,
    model: &Model,
    log: &Log,
    start: i64,
    end: i64,
) -> Result<BTreeMap<i64, Bytes>, String> {
    let mut found = BTreeMap::new();
    let mut at = start;
    let mut cursor = None;
    while at < end {
        let chunk = log
            .read_blocking(Offset::clamped(at), Offset::MAX, 700, true, &mut cursor)
            .map_err(|error| format!("log {number} at {at}: {error}"))?;
        let bytes = chunk.parts.concat();
        if bytes.is_empty() {
            return Err(format!("log {number} gives nothing at {at}, before its end {end}"));
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).map_err(|error| error.to_string())?;
            let batch = &rest[..header.size_bytes];
            rest = &rest[header.size_bytes..];
            let expected = model.batches.get(&header.base_offset);
            if header.base_offset > at || (at > start && header.base_offset != at) {
                return Err(format!("log {number} has a gap at {at}"));
            }
            let is_ghost = header.base_offset >= model.acknowledged
                && model.ghosts.iter().any(|ghost| ghost == batch);
            let is_expected = is_ghost || expected.map(|bytes| &bytes[..]) == Some(batch);
            if crc_of(batch) != header.crc || !is_expected {
                return Err(format!("log {number} holds something else at {at}"));
            }
            found.insert(header.base_offset, Bytes::copy_from_slice(batch));
            at = header.next_offset().to_wire();
        }
        if chunk.next_offset.to_wire() != at {
            return Err(format!("log {number} read on at {}, not {at}", chunk.next_offset));
        }
    }
    Ok(found)
}

fn run(seed: u64, lie: bool) -> Result<(), String> {
    let mut world = World::new(seed);
    let mut power_loss = false;
    let mut fresh = true;
    for _ in 0..LIVES {
        if lie && !fresh {
            world.disk.lie_about_syncs();
        }
        let into_recovery = !fresh && world.dice.below(4) == 0;
        if into_recovery {
            let left = world.dice.below(30);
            world.disk.crash_after(left);
        }
        let Some((storage, mut driver)) = world.open()? else {
            power_loss |= world.crash();
            continue;
        };
        if !into_recovery {
            world.check(&storage, power_loss)?;
            power_loss = false;
            let left = world.dice.below(400);
            world.disk.crash_after(left);
            world.live(&storage, &mut driver, STEPS);
        }
        fresh = false;
        drop((storage, driver));
        power_loss |= world.crash();
    }
    let Some((storage, _driver)) = world.open()? else {
        return Err("the machine crashed by itself".to_owned());
    };
    world.check(&storage, power_loss)
}

/// One seed to run again (`SIM_SEED`), else as many as asked for (`SIM_SEEDS`).
pub(crate) fn seeds(default: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SIM_SEEDS").unwrap_or(default)).collect(),
    }
}

#[test]
fn what_was_acknowledged_survives_any_crash() {
    for seed in seeds(300) {
        if let Err(what) = run(seed, false) {
            panic!("SIM_SEED={seed}: {what}");
        }
    }
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    assert!((0..20).any(|seed| run(seed, true).is_err()), "the simulation would miss a lost sync");
}
