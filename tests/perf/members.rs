//! Many consumer groups: how long until all are settled, what they cost while nothing happens, and
//! how long they take to settle again.
//!
//! A member is a connection and a task: it joins, syncs, sends heartbeats and commits an offset now
//! and then, as a consumer does that has nothing to read.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::broker::{Broker, Ending};
use crate::raw::Connection;

const TOPIC: &str = "members";
const SESSION_MS: i32 = 45_000;
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
/// One heartbeat in so many is followed by a commit.
const COMMIT_EVERY: u32 = 2;
/// Longest time until all groups are settled.
const SETTLED_MAX: Duration = Duration::from_secs(300);

const NONE: i16 = 0;
const UNKNOWN_MEMBER_ID: i16 = 25;
const MEMBER_ID_REQUIRED: i16 = 79;

/// What all members share.
struct Hall {
    bootstrap: String,
    size: usize,
    /// For each group: its generation, and how many members have its assignment.
    groups: RefCell<Vec<(i32, usize)>>,
    settled: Cell<usize>,
    changed: Notify,
    /// How often the first member of each group had to leave and come back.
    shakes: Cell<u32>,
    shaken: Notify,
    heartbeats: RefCell<Histogram<u64>>,
    commits: RefCell<Histogram<u64>>,
}

impl Hall {
    /// A member of `group` has its assignment of `generation`.
    fn assigned(&self, group: usize, generation: i32) {
        let mut groups = self.groups.borrow_mut();
        let (newest, members) = &mut groups[group];
        if generation > *newest {
            if *members == self.size {
                self.settled.set(self.settled.get() - 1);
            }
            (*newest, *members) = (generation, 0);
        }
        if generation == *newest {
            *members += 1;
            if *members == self.size {
                self.settled.set(self.settled.get() + 1);
                self.changed.notify_waiters();
            }
        }
    }

    fn forget(&self) {
        let mut groups = self.groups.borrow_mut();
        groups.iter_mut().for_each(|(_, members)| *members = 0);
        self.settled.set(0);
    }

    /// Waits until `due`, or until first members have to leave; whether that was it.
    async fn until(&self, due: Instant, shakes: u32) -> bool {
        if self.shakes.get() == shakes {
            let shaken = self.shaken.notified();
            drop(tokio::time::timeout_at(due.into(), shaken).await);
        }
        self.shakes.get() != shakes
    }

    /// Waits until every group is settled; how long that took.
    async fn settle(&self) -> Duration {
        let began = Instant::now();
        let count = self.groups.borrow().len();
        while self.settled.get() < count {
            let left = SETTLED_MAX.saturating_sub(began.elapsed());
            let changed = tokio::time::timeout(left, self.changed.notified()).await;
            assert!(changed.is_ok(), "{} of {count} groups are settled", self.settled.get());
        }
        began.elapsed()
    }
}

/// Runs `groups` groups of `members` members each for `seconds`, through a rebalance of each and a
/// kill of the broker.
pub(crate) fn run(broker: &mut Broker, groups: usize, members: usize, seconds: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let times = || RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds"));
    let hall = Rc::new(Hall {
        bootstrap: broker.bootstrap().to_owned(),
        size: members,
        groups: RefCell::new(vec![(-1, 0); groups]),
        settled: Cell::new(0),
        changed: Notify::new(),
        shakes: Cell::new(0),
        shaken: Notify::new(),
        heartbeats: times(),
        commits: times(),
    });
    LocalSet::new().block_on(&runtime, async {
        let mut connection = Connection::ready(&hall.bootstrap).await;
        connection.create_topics(&[TOPIC.to_owned()], 12).await;
        println!("before: {:.1} MiB resident", broker.memory().0);
        let (cpu, began) = (broker.cpu_seconds(), Instant::now());
        for group in 0..groups {
            for place in 0..members {
                tokio::task::spawn_local(member(hall.clone(), group, place));
            }
        }
        hall.settle().await;
        report(broker, "all joined", began.elapsed(), cpu);

        let cpu = broker.cpu_seconds();
        tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
        let percent = (broker.cpu_seconds() - cpu) * 100.0 / f64::from(seconds);
        let resident = broker.memory().0;
        println!("settled for {seconds} s: {percent:.1}% of a core; {resident:.1} MiB resident");
        print("heartbeats", &hall.heartbeats.borrow());
        print("commits", &hall.commits.borrow());

        let (cpu, began) = (broker.cpu_seconds(), Instant::now());
        hall.forget();
        hall.shakes.set(hall.shakes.get() + 1);
        hall.shaken.notify_waiters();
        hall.settle().await;
        report(broker, "all rebalanced", began.elapsed(), cpu);

        hall.forget();
        broker.restart(Ending::Killed);
        let began = Instant::now();
        drop(Connection::ready(&hall.bootstrap).await);
        println!("after kill -9: first answer {:.2} s", began.elapsed().as_secs_f64());
        hall.settle().await;
        report(broker, "all in their groups again", began.elapsed(), 0.0);
    });
}

fn report(broker: &Broker, what: &str, took: Duration, cpu_before: f64) {
    println!(
        "{what} after {:.2} s, {:.2} CPU s; {:.1} MiB resident",
        took.as_secs_f64(),
        broker.cpu_seconds() - cpu_before,
        broker.memory().0
    );
}

#[expect(clippy::cast_precision_loss, reason = "times are shown with few digits")]
fn print(what: &str, times: &Histogram<u64>) {
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{what}, ms: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} ({})",
        at(0.5),
        at(0.99),
        at(0.999),
        times.max() as f64 / 1000.0,
        times.len()
    );
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group_id(group: usize) -> GroupId {
    GroupId(text(&format!("group-{group}")))
}

/// A member for as long as the program runs; it comes back when the broker does.
async fn member(hall: Rc<Hall>, group: usize, place: usize) {
    let mut id = StrBytes::default();
    loop {
        let mut connection = Connection::open(&hall.bootstrap).await;
        // The broker went away: connect again, and join under the old id.
        drop(live(&hall, &mut connection, (group, place), &mut id).await);
    }
}

async fn live(
    hall: &Hall,
    connection: &mut Connection,
    (group, place): (usize, usize),
    id: &mut StrBytes,
) -> io::Result<()> {
    // Not all in the same instant, as consumers that were started one after the other.
    let spread = u32::try_from((group * hall.size + place) % 100).expect("less than 100");
    loop {
        let shakes = hall.shakes.get();
        let Some(generation) = join(connection, group, id).await? else { continue };
        hall.assigned(group, generation);
        let mut next = Instant::now() + HEARTBEAT_EVERY * spread / 100;
        for number in 1_u32.. {
            if place == 0 && hall.until(next, shakes).await {
                leave(connection, group, id).await?;
                break;
            }
            tokio::time::sleep_until(next.into()).await;
            next += HEARTBEAT_EVERY;
            let began = Instant::now();
            let beat = HeartbeatRequest::default()
                .with_group_id(group_id(group))
                .with_generation_id(generation)
                .with_member_id(id.clone());
            let answer = connection.ask(3, &beat).await?;
            note(&hall.heartbeats, began);
            if answer.error_code != NONE {
                break;
            }
            if number.is_multiple_of(COMMIT_EVERY) {
                let began = Instant::now();
                commit(connection, group, generation, id, number).await?;
                note(&hall.commits, began);
            }
        }
    }
}

fn note(times: &RefCell<Histogram<u64>>, began: Instant) {
    let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    times.borrow_mut().saturating_record(waited);
}

/// Joins and syncs; the generation, or nothing where that has to begin again.
async fn join(
    connection: &mut Connection,
    group: usize,
    id: &mut StrBytes,
) -> io::Result<Option<i32>> {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(Bytes::from_static(b"\0\0\0\0\0\x01\0\x07members\xff\xff\xff\xff"));
    let request = JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(60_000)
        .with_member_id(id.clone())
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol]);
    let joined = connection.ask(5, &request).await?;
    match joined.error_code {
        NONE => *id = joined.member_id.clone(),
        MEMBER_ID_REQUIRED => {
            *id = joined.member_id;
            return Ok(None);
        }
        UNKNOWN_MEMBER_ID => {
            *id = StrBytes::default();
            return Ok(None);
        }
        // It loads, or begins another rebalance.
        _ => return Ok(None),
    }
    let assign = |member: StrBytes| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member)
            .with_assignment(Bytes::from_static(&[0; 64]))
    };
    // Only the leader is told of the others.
    let assignments = joined.members.into_iter().map(|member| assign(member.member_id));
    let request = SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(id.clone())
        .with_assignments(assignments.collect());
    let synced = connection.ask(3, &request).await?;
    Ok((synced.error_code == NONE).then_some(joined.generation_id))
}

async fn commit(
    connection: &mut Connection,
    group: usize,
    generation: i32,
    id: &StrBytes,
    number: u32,
) -> io::Result<()> {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(i64::from(number));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text(TOPIC)))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(id.clone())
        .with_topics(vec![topic]);
    drop(connection.ask(6, &request).await?);
    Ok(())
}

async fn leave(connection: &mut Connection, group: usize, id: &mut StrBytes) -> io::Result<()> {
    let request = LeaveGroupRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(std::mem::take(id));
    connection.ask(2, &request).await.map(drop)
}
