//! A wall clock that jumps under the running process, as one does that is set by hand or was wrong
//! at the start of the machine.
//!
//! A small library is put between the process and the system, which adds to the time of day what a
//! file says. The monotonic clock goes on, as it does on a real machine.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ottla_actors::storage::Dice;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tempfile::TempDir;

use crate::checker::Op;
use crate::clients::{Shared, await_progress, create_topic, judge, number};
use crate::harness::{Broker, Shell, preload, scratch};
use crate::tools_groups::member_that_printed;

const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

const SHIFTED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
    const char *name = getenv("CLOCK_SHIFT_FILE");
    char text[32];
    int before = errno;
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    errno = before;
    if (length <= 0) return 0;
    text[length] = 0;
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    return result;
}
"#;

/// The clock of one broker.
struct Clock {
    folder: TempDir,
    library: String,
}

impl Clock {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
        let library = preload(folder.path(), SHIFTED_CLOCK);
        Self { folder, library }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shift")
    }

    fn start(&self, settings: &[&str]) -> Broker {
        let file = self.file().display().to_string();
        let variables = [("LD_PRELOAD", &*self.library), ("CLOCK_SHIFT_FILE", &*file)];
        Broker::start_with(settings, &variables)
    }

    /// The clock is off by so many seconds from now on.
    fn set(&self, seconds: i64) {
        // Whoever looks meanwhile finds the old one or the new one.
        let next = self.folder.path().join("next");
        fs::write(&next, seconds.to_string()).expect("a shift");
        fs::rename(next, self.file()).expect("a shift");
    }
}

#[test]
fn one_log_explains_what_clients_saw_while_the_clock_jumped() {
    let seed = number("CONSISTENCY_SEED", 1);
    let mut dice = Dice::new(seed);
    let clock = Clock::new();
    // By default a producer is forgotten after a day, and then a repeated batch is not known again.
    let mut broker =
        clock.start(&["log.retention.check.interval.ms=50", "producer.id.expiration.ms=864000000"]);
    let shared = Shared::new(&broker);
    // Retention is at work all the time, and nothing that is written gets so old. With the time of
    // clients a broker whose clock is behind refuses records, as theirs come from the future.
    create_topic(
        &shared,
        &[
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", "864000000"),
            ("segment.ms", "1800000"),
        ],
    );

    judge(&shared, seed, || {
        let jumps = [HOUR, -HOUR, DAY, -DAY];
        let mut shift = 0;
        for _ in 0..number("CONSISTENCY_ROUNDS", 6) {
            await_progress(&shared, &mut broker);
            shift += jumps[usize::try_from(dice.below(4)).expect("small")];
            // Within the ten days that records are kept for.
            shift = shift.clamp(-4 * DAY, 4 * DAY);
            clock.set(shift);
            if dice.below(3) == 0 {
                broker.kill();
                shared.tell(0, Op::Crash);
                broker.start_again();
            }
        }
        await_progress(&shared, &mut broker);
    });
}

fn config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string()).set("group.id", "clock");
    config
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Makes a topic whose records get the broker's time and are kept for `retention` seconds.
fn create(broker: &Broker, topic: &str, retention: i64) {
    let admin: AdminClient<DefaultClientContext> = config(broker).create().expect("a client");
    let retention_ms = (retention * 1000).to_string();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime")
        .set("retention.ms", &retention_ms);
    let made = block_on(admin.create_topics(&[new], &AdminOptions::new()));
    assert_eq!(made.expect("an answer"), [Ok(String::from(topic))]);
}

fn send(broker: &Broker, topic: &str) {
    let producer: FutureProducer = config(broker).create().expect("a producer");
    let record = FutureRecord::<(), _>::to(topic).partition(0).payload("v");
    block_on(producer.send(record, PATIENCE)).map_err(|(error, _)| error).expect("an offset");
}

fn log_start(broker: &Broker, topic: &str) -> i64 {
    let consumer: BaseConsumer = config(broker).create().expect("a consumer");
    consumer.fetch_watermarks(topic, 0, PATIENCE).expect("the bounds of a partition").0
}

fn await_log_start(broker: &mut Broker, topic: &str, offset: i64) {
    let deadline = Instant::now() + PATIENCE;
    while log_start(broker, topic) < offset {
        broker.assert_alive();
        assert!(Instant::now() < deadline, "{topic} is not deleted up to {offset}");
        // Retention goes at the broker's pace.
        thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(log_start(broker, topic), offset, "too much of {topic} was deleted");
}

/// Sets the clock, and waits until retention has looked at every log since. `seen` counts the
/// records of a topic for this purpose.
fn set_and_look(clock: &Clock, broker: &mut Broker, shift: i64, seen: &mut i64) {
    // The first look may have passed other logs before the clock was set.
    for _ in 0..2 {
        clock.set(shift - 2 * HOUR);
        send(broker, "seen");
        clock.set(shift);
        *seen += 1;
        await_log_start(broker, "seen", *seen);
    }
}

#[test]
fn retention_goes_by_the_clock_as_it_is_and_forgets_its_jumps() {
    let clock = Clock::new();
    let mut broker = clock.start(&["log.retention.check.interval.ms=20"]);
    create(&broker, "seen", HOUR);
    create(&broker, "hour", HOUR);
    create(&broker, "day", DAY);
    let mut seen = 0;
    send(&broker, "hour");
    send(&broker, "day");

    set_and_look(&clock, &mut broker, 2 * HOUR, &mut seen);
    assert_eq!((log_start(&broker, "hour"), log_start(&broker, "day")), (1, 0));

    set_and_look(&clock, &mut broker, -2 * DAY, &mut seen);
    send(&broker, "hour");
    send(&broker, "day");
    set_and_look(&clock, &mut broker, -2 * DAY, &mut seen);
    assert_eq!((log_start(&broker, "hour"), log_start(&broker, "day")), (1, 0));

    // A segment goes by the youngest record in it: that of "day" holds one of three hours ago.
    set_and_look(&clock, &mut broker, 3 * HOUR, &mut seen);
    assert_eq!((log_start(&broker, "hour"), log_start(&broker, "day")), (2, 0));

    set_and_look(&clock, &mut broker, 3 * DAY, &mut seen);
    assert_eq!((log_start(&broker, "hour"), log_start(&broker, "day")), (2, 2));

    // What was written while the clock was ahead stays until then, with what follows it.
    send(&broker, "hour");
    set_and_look(&clock, &mut broker, 0, &mut seen);
    send(&broker, "hour");
    set_and_look(&clock, &mut broker, 2 * HOUR, &mut seen);
    assert_eq!(log_start(&broker, "hour"), 2);
    set_and_look(&clock, &mut broker, 3 * DAY + 2 * HOUR, &mut seen);
    assert_eq!(log_start(&broker, "hour"), 4);
}

#[test]
fn a_member_that_vanished_is_missed_although_the_clock_went_back() {
    let clock = Clock::new();
    let broker = clock.start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "produce --topic t", "one\n");
    let properties = ["session.timeout.ms=2000", "enable.auto.commit=false"];
    let mut gone = member_that_printed(&broker, &shell, "one\n", &properties);

    gone.kill();
    clock.set(-DAY);
    let again = "consume --topic t --group g --from-beginning --max-messages 1";

    assert_eq!(shell.ask(&broker, again, ""), "one\n", "the group waits for who is gone");
}
