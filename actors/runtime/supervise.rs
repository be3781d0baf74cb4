//! How an actor is started, kept alive through a panic, kept fair, and told that its mailbox is
//! empty.

use actix::dev::{ContextFut, channel::channel};
use actix::prelude::*;
use actix_rt::ArbiterHandle;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};
use std::time::Duration;

/// Panics within [`PANIC_WINDOW`] after which an actor is given up.
const PANICS_MAX: usize = 3;
/// How long a panic counts.
const PANIC_WINDOW: Duration = Duration::from_secs(60);
/// Messages an actor may take in one turn before its drained hook and its neighbours run: actix
/// polls a mailbox until it is empty, without any budget.
const TURN_MESSAGES_MAX: u32 = 256;

/// Starts an actor on the current thread.
///
/// Its mailbox has no capacity: with any other value a full actix mailbox reorders messages, and
/// pushes nothing back.
pub fn start_local<A, F>(make: F) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Supervised,
    F: FnOnce(&mut Context<A>) -> A,
{
    let (sender, receiver) = channel(0);
    let mut ctx = Context::with_receiver(receiver);
    let actor = make(&mut ctx);
    actix_rt::spawn(Guard { future: ctx.into_future(actor), panics: Vec::new() });
    Addr::new(sender)
}

/// Starts an actor on an arbiter; its address is good at once, messages wait in the mailbox.
pub fn start_on<A, F>(arbiter: &ArbiterHandle, make: F) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Supervised,
    F: FnOnce(&mut Context<A>) -> A + Send + 'static,
{
    let (sender, receiver) = channel(0);
    let started = arbiter.spawn_fn(move || {
        let mut ctx = Context::with_receiver(receiver);
        let actor = make(&mut ctx);
        actix_rt::spawn(Guard { future: ctx.into_future(actor), panics: Vec::new() });
    });
    if !started {
        log::debug!("an arbiter has ended; the actor meant for it will not run");
    }
    Addr::new(sender)
}

/// Supervision that covers panics: `actix::Supervisor` restarts only after `ctx.stop()`, a panic
/// kills it. The mailbox survives; `Supervised::restarting` must rebuild the state from storage.
struct Guard<A: Actor<Context = Context<A>> + Supervised> {
    future: ContextFut<A, Context<A>>,
    panics: Vec<tokio::time::Instant>,
}

impl<A: Actor<Context = Context<A>> + Supervised> Future for Guard<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let turn = std::panic::AssertUnwindSafe(|| Pin::new(&mut this.future).poll(cx));
            if let Ok(poll) = std::panic::catch_unwind(turn) {
                return poll;
            }
            let now = tokio::time::Instant::now();
            this.panics.retain(|then| now.duration_since(*then) < PANIC_WINDOW);
            this.panics.push(now);
            let name = std::any::type_name::<A>();
            log::error!(actor = name, panics = this.panics.len(); "actor panicked");
            if this.panics.len() > PANICS_MAX || !this.future.restart() {
                return Poll::Ready(());
            }
        }
    }
}

/// Called after every turn of the actor, when the mailbox is empty or the turn's budget is used
/// up: the place for group commit, socket writes, waking of waiters and the actor's one timer.
pub trait OnDrained: Actor<Context = Context<Self>> {
    /// Does what a turn has gathered.
    fn drained(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>);
}

/// `ctx.spawn(DrainedHook)` in `started()`, which runs again after a restart.
#[derive(Debug)]
pub struct DrainedHook;

impl<A: OnDrained> ActorFuture<A> for DrainedHook {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        actor.drained(ctx, cx);
        Poll::Pending
    }
}

/// Counts the messages of a turn; `tick` in a handler ends the turn after `TURN_MESSAGES_MAX`.
#[derive(Debug, Default)]
pub struct Turn(u32);

impl Turn {
    /// Counts one message.
    pub fn tick<A: Actor<Context = Context<A>>>(&mut self, ctx: &mut Context<A>) {
        self.0 += 1;
        if self.0 >= TURN_MESSAGES_MAX {
            self.0 = 0;
            ctx.wait(YieldOnce(false));
        }
    }

    /// Starts the next turn; called in the drained hook.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

struct YieldOnce(bool);

impl<A: Actor> ActorFuture<A> for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut A, _: &mut A::Context, cx: &mut Cx<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
