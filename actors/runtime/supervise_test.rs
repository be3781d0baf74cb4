//! What the layer promises of actors, on paused time.

use super::{Alarm, Clock, DrainedHook, OnDrained, Reply, Turn, start_local};
use crate::types::MonoTime;
use actix::prelude::*;
use std::task::Context as Cx;
use std::time::Duration;
use tokio::sync::oneshot;

/// Adds numbers; panics at a negative one; tells its sum and how often it was drained.
#[derive(Default)]
struct Adder {
    sum: i64,
    drained: u32,
    restarts: u32,
    turn: Turn,
    alarm: Alarm,
    deadline: Option<MonoTime>,
    clock: Option<Clock>,
    rung: Option<Reply<()>>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Add(i64);

#[derive(Message)]
#[rtype(result = "()")]
struct Tell(Reply<(i64, u32, u32)>);

#[derive(Message)]
#[rtype(result = "()")]
struct Ring(Duration, Reply<()>);

impl Actor for Adder {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(DrainedHook);
    }
}

impl Supervised for Adder {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.sum = 0;
        self.restarts += 1;
    }
}

impl OnDrained for Adder {
    fn drained(&mut self, _: &mut Context<Self>, cx: &mut Cx<'_>) {
        self.turn.reset();
        self.drained += 1;
        let Some(clock) = self.clock else { return };
        if self.alarm.is_due(self.deadline, clock, cx) {
            self.deadline = None;
            if let Some(reply) = self.rung.take() {
                reply.send(());
            }
        }
    }
}

impl Handler<Add> for Adder {
    type Result = ();
    fn handle(&mut self, Add(number): Add, ctx: &mut Context<Self>) {
        self.turn.tick(ctx);
        assert!(number >= 0, "a test's panic");
        self.sum += number;
    }
}

impl Handler<Tell> for Adder {
    type Result = ();
    fn handle(&mut self, Tell(reply): Tell, _: &mut Context<Self>) {
        reply.send((self.sum, self.drained, self.restarts));
    }
}

impl Handler<Ring> for Adder {
    type Result = ();
    fn handle(&mut self, Ring(after, reply): Ring, _: &mut Context<Self>) {
        let clock = *self.clock.get_or_insert_with(Clock::start);
        self.deadline = Some(clock.now().mono.after(after));
        self.rung = Some(reply);
    }
}

fn ask(adder: &Addr<Adder>) -> oneshot::Receiver<(i64, u32, u32)> {
    let (reply, answer) = Reply::new();
    adder.do_send(Tell(reply));
    answer
}

#[actix_rt::test]
async fn a_panic_restarts_the_actor_and_loses_no_message_behind_it() {
    let adder = start_local(|_| Adder::default());
    for number in [1, -1, 2, 3] {
        adder.do_send(Add(number));
    }

    let (sum, _, restarts) = ask(&adder).await.unwrap();

    assert_eq!((sum, restarts), (5, 1), "state begins anew, what was queued is handled");
}

#[actix_rt::test]
async fn an_actor_that_panics_too_often_is_given_up() {
    let adder = start_local(|_| Adder::default());
    for _ in 0..4 {
        adder.do_send(Add(-1));
    }

    assert!(ask(&adder).await.is_err(), "its replies are dropped");
    assert!(!adder.connected());
}

#[actix_rt::test]
async fn a_flood_of_messages_is_cut_into_turns() {
    let adder = start_local(|_| Adder::default());
    for _ in 0..2_560 {
        adder.do_send(Add(1));
    }

    let (sum, drained, _) = ask(&adder).await.unwrap();

    assert_eq!(sum, 2_560);
    assert!(drained >= 9, "the hook ran {drained} times");
}

#[actix_rt::test]
async fn an_alarm_rings_at_its_deadline() {
    tokio::time::pause();
    let adder = start_local(|_| Adder::default());
    let before = tokio::time::Instant::now();
    let (reply, rung) = Reply::new();
    adder.do_send(Ring(Duration::from_secs(3600), reply));

    rung.await.unwrap();

    let waited = before.elapsed();
    assert!((3600..3601).contains(&waited.as_secs()), "{waited:?}");
}
