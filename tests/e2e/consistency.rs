//! What clients did and saw while the broker was killed and paused, judged by the consistency
//! checker.
//!
//! The nemesis follows a seed. `CONSISTENCY_SEED` runs another one, `CONSISTENCY_ROUNDS` more
//! rounds of it, as tests/consistency/README.md says.

use std::thread;
use std::time::{Duration, Instant};

use ottla_actors::storage::Dice;
use rustix::process::Signal;

use crate::checker::Op;
use crate::clients::{Shared, await_progress, create_topic, judge, number};
use crate::harness::Broker;

/// Does one harm to the broker.
fn strike(shared: &Shared, broker: &mut Broker, dice: &mut Dice) {
    if dice.below(3) > 0 {
        broker.kill();
        shared.tell(0, Op::Crash);
        broker.start_again();
        return;
    }
    broker.signal(Signal::STOP);
    // The pause is the harm, not a wait for something.
    let end = Instant::now() + Duration::from_millis(100 + dice.below(900));
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
    broker.signal(Signal::CONT);
}

#[test]
fn one_log_explains_what_clients_saw_under_kills_and_pauses() {
    let seed = number("CONSISTENCY_SEED", 1);
    let mut dice = Dice::new(seed);
    let mut broker = Broker::start(&[]);
    let shared = Shared::new(&broker);
    create_topic(&shared, &[]);

    judge(&shared, seed, || {
        for _ in 0..number("CONSISTENCY_ROUNDS", 5) {
            await_progress(&shared, &mut broker);
            strike(&shared, &mut broker, &mut dice);
        }
        await_progress(&shared, &mut broker);
    });
}
