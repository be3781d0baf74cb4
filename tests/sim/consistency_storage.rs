//! Clients on the simulated storage, judged by the consistency checker: the storage as it is gives
//! it nothing to find, and each planted bug does.
#![expect(clippy::expect_used, reason = "a test may stop")]

use crate::consistency::{Event, Kind, Op, Outcome, Seen, check};
use crate::storage::seeds;
use ottla_actors::storage::{
    Cursor, Dice, Driver, Log, LogListener, LogNews, LogPolicy, MemoryIndex, SimDisk, Storage,
    StorageOptions,
};
use ottla_actors::types::{LeaderEpoch, LogId, MonoTime, NodeId, Now, Offset, Timestamp, Uuid};
use ottla_actors::wire::{BatchBuilder, BatchHeader, StampedBatch};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// Lives of one run: each but the last ends in a power loss.
const LIVES: u64 = 4;
/// Steps of one life at most.
const STEPS: u64 = 30;

/// Numbers of processes that read: one for each life, and one at the end of all.
const FIRST_READER: u32 = 2000;
const LAST_READER: u32 = 1000;

/// What is wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// The storage acknowledges what it did not sync.
    AckBeforeFlush,
    /// A truncation is answered and not done.
    LostTruncation,
    /// The storage gives two batches one offset.
    DoubleOffset,
}

#[derive(Default)]
struct News(Mutex<Vec<LogNews>>);

impl LogListener for News {
    fn flushed(&self, news: LogNews) {
        self.0.lock().expect("no poison").push(news);
    }
}

/// A broker of one partition, and its clients.
struct World {
    dice: Dice,
    disk: SimDisk,
    index: MemoryIndex,
    history: Vec<Event>,
    /// Unanswered: offset and value.
    open: Vec<(i64, u64)>,
    next: i64,
    /// Everything below was acknowledged.
    committed: Offset,
    values: u64,
    life: u32,
    /// The wall clock, which jumps.
    wall_ms: Arc<AtomicI64>,
}

fn id() -> LogId {
    LogId { topic_id: Uuid::from_u128(0xC0FFEE), partition: 0 }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            disk: SimDisk::new(),
            index: MemoryIndex::default(),
            history: Vec::new(),
            open: Vec::new(),
            next: 0,
            committed: Offset::ZERO,
            values: 0,
            life: 0,
            wall_ms: Arc::default(),
        }
    }

    fn options(&self) -> StorageOptions {
        let wall_ms = Arc::clone(&self.wall_ms);
        let clock = Arc::new(move || {
            let wall = Timestamp(wall_ms.load(Ordering::Relaxed));
            Now { mono: MonoTime::START, wall }
        });
        let mut options = StorageOptions::new(PathBuf::from("/data"), NodeId(1), clock);
        options.wal_file_bytes = 8 << 10;
        options.tail_cache_bytes = 4 << 10;
        options.fatal = Arc::new(|_| ());
        options
    }

    fn start(&self) -> Option<(Storage, Driver)> {
        let index = Arc::new(self.index.clone());
        let opened = Storage::open_simulated(self.options(), Arc::new(self.disk.clone()), index);
        opened.ok()
    }

    fn tell(&mut self, value: u64, outcome: Outcome) {
        let op = Op::Send { partition: 0, value, outcome };
        self.history.push(Event { process: self.life, op });
    }

    /// One record, whose timestamp is its value.
    fn send(&mut self, log: &Log) {
        self.values += 1;
        let mut builder = BatchBuilder::new();
        let bytes = usize::try_from(self.dice.below(400)).expect("small");
        let time = i64::try_from(self.values).expect("small");
        builder.record(time, None, Some(&vec![7; bytes]));
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).expect("a batch");
        log.append(vec![StampedBatch::new(
            header,
            &bytes,
            Offset::clamped(self.next),
            LeaderEpoch(0),
        )]);
        self.open.push((self.next, self.values));
        self.next += 1;
    }

    /// Passes the storage's news on to the clients.
    fn answer(&mut self, news: &News) {
        for news in std::mem::take(&mut *news.0.lock().expect("no poison")) {
            let LogNews::Flushed { up_to } = news else {
                continue;
            };
            let end = up_to.to_wire();
            let (done, open) =
                std::mem::take(&mut self.open).into_iter().partition(|at| at.0 < end);
            self.open = open;
            let done: Vec<(i64, u64)> = done;
            for (offset, value) in done {
                self.tell(value, Outcome::At(offset));
            }
            self.committed = self.committed.max(up_to);
        }
    }

    /// Cuts off what the clients are then told was refused, as a follower's log is cut.
    fn truncate(&mut self, log: &Log, driver: &mut Driver, news: &News) {
        driver.commit();
        self.answer(news);
        let from = self.next;
        for _ in 0..=self.dice.below(3) {
            self.send(log);
        }
        driver.commit();
        // These were never answered: a leader answers only what is there to stay.
        *news.0.lock().expect("no poison") = Vec::new();
        let done = Arc::new(Mutex::new(false));
        let tell = Arc::clone(&done);
        log.truncate(
            Offset::clamped(from),
            Box::new(move || *tell.lock().expect("no poison") = true),
        );
        driver.commit();
        let cut = *done.lock().expect("no poison") && log.offline().is_none();
        for (offset, value) in std::mem::take(&mut self.open) {
            // What lies before the cut is unanswered because the machine stopped.
            let is_cut = cut && offset >= from;
            self.tell(value, if is_cut { Outcome::Refused } else { Outcome::Unknown });
        }
        self.next = from;
    }

    fn live(&mut self) -> Result<(), String> {
        let Some((storage, mut driver)) = self.start() else {
            return Ok(());
        };
        let log = storage.create(id(), LogPolicy { segment_bytes: 2000, ..LogPolicy::default() });
        self.next = log.log_end_offset().to_wire();
        self.committed = log.log_end_offset();
        let news = Arc::new(News::default());
        log.set_listener(Arc::clone(&news) as Arc<dyn LogListener>);
        let mut reader = Reader::new(FIRST_READER + self.life, &log);
        for _ in 0..STEPS {
            match self.dice.below(14) {
                0..=6 => self.send(&log),
                7..=9 => driver.commit(),
                10 => {
                    let jump = i64::try_from(self.dice.below(2_000_000)).expect("small");
                    self.wall_ms.fetch_add(jump - 1_000_000, Ordering::Relaxed);
                    driver.tick();
                }
                11 | 12 => reader.poll(&log, self.committed, &mut self.history)?,
                _ => self.truncate(&log, &mut driver, &news),
            }
            self.answer(&news);
            if self.disk.has_crashed() {
                break;
            }
        }
        Ok(())
    }

    /// The power fails; who waits for an answer gets none.
    fn crash(&mut self) {
        for (_, value) in std::mem::take(&mut self.open) {
            self.tell(value, Outcome::Unknown);
        }
        self.history.push(Event { process: 0, op: Op::Crash });
        let seed = self.dice.roll();
        self.disk.crash(seed);
        self.index = MemoryIndex::default();
        self.life += 1;
    }

    fn read_everything(&mut self) -> Result<(), String> {
        let (storage, _driver) = self.start().ok_or("the folder does not open")?;
        let Some(log) = storage.log(id()) else {
            return Ok(());
        };
        let mut reader = Reader::new(LAST_READER, &log);
        while reader.at < log.log_end_offset() {
            reader.poll(&log, Offset::MAX, &mut self.history)?;
        }
        Ok(())
    }
}

/// A consumer with its place.
struct Reader {
    process: u32,
    at: Offset,
    cursor: Option<Cursor>,
}

impl Reader {
    fn new(process: u32, log: &Log) -> Self {
        Self { process, at: log.log_start_offset(), cursor: None }
    }

    /// Reads on, from the disk, at most to `up_to`; a log that went offline gives nothing more.
    fn poll(&mut self, log: &Log, up_to: Offset, history: &mut Vec<Event>) -> Result<(), String> {
        if log.offline().is_some() {
            return Ok(());
        }
        let chunk = log
            .read_blocking(self.at, up_to, 700, true, &mut self.cursor)
            .map_err(|error| error.to_string())?;
        let bytes = chunk.parts.concat();
        let mut rest = &bytes[..];
        let mut records = Vec::new();
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).map_err(|error| error.to_string())?;
            let value = header.max_timestamp.unsigned_abs();
            records.push(Seen { partition: 0, offset: header.base_offset, value });
            rest = rest.get(header.size_bytes..).unwrap_or_default();
        }
        history.push(Event { process: self.process, op: Op::Poll(records) });
        self.at = chunk.next_offset;
        Ok(())
    }
}

/// One run to its end.
fn run(world: &mut World, bug: Bug) -> Result<(), String> {
    for life in 0..LIVES {
        match bug {
            Bug::AckBeforeFlush => world.disk.lie_about_syncs(),
            Bug::LostTruncation => world.disk.lie_about_truncations(),
            Bug::DoubleOffset => world.disk.repeat_offsets(),
            Bug::None => {}
        }
        if life > 0 {
            let left = world.dice.below(120);
            world.disk.crash_after(left);
        }
        world.live()?;
        world.crash();
    }
    world.read_everything()
}

/// What the checker finds wrong in what clients did and saw.
fn found(world: &World) -> BTreeSet<Kind> {
    let wrong = check(&world.history).into_iter().map(|anomaly| anomaly.kind);
    wrong.filter(|kind| !kind.is_allowed()).collect()
}

/// Whether some run shows one of `kinds`. It need not come to its end: what is planted may also be
/// found by the storage itself.
fn shows(bug: Bug, kinds: &[Kind]) -> bool {
    (0..60).any(|seed| {
        let mut world = World::new(seed);
        let end = run(&mut world, bug);
        let found = found(&world);
        end.is_ok() && kinds.iter().any(|kind| found.contains(kind))
    })
}

#[test]
fn clients_see_one_log_over_power_losses_and_clock_jumps() {
    for seed in seeds(200) {
        let mut world = World::new(seed);
        let end = run(&mut world, Bug::None);
        let wrong = found(&world);
        assert!(end.is_ok() && wrong.is_empty(), "SIM_SEED={seed}: {end:?}, {wrong:?}");
    }
}

#[test]
fn an_acknowledgement_before_the_flush_is_found() {
    assert!(shows(Bug::AckBeforeFlush, &[Kind::LostWrite, Kind::Unseen]));
}

#[test]
fn a_lost_truncation_is_found() {
    assert!(shows(Bug::LostTruncation, &[Kind::RefusedRead]));
}

#[test]
fn an_offset_given_twice_is_found() {
    assert!(shows(Bug::DoubleOffset, &[Kind::InconsistentOffset, Kind::Duplicate]));
}
