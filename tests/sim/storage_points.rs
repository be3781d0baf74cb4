//! A crash at each disk operation of a short life, none left out: while the storage works, and
//! again at each operation of the recovery that follows.
#![expect(clippy::panic, reason = "a test may stop")]

use crate::storage::{World, seeds};
use ottla_actors::storage::Dice;

/// Steps of the life that is cut off.
const STEPS: u64 = 14;
/// How often each point is tried: what is left of unsynced writes differs.
const VARIANTS: u64 = 3;

/// Lives until operation `point`, if one is given; the machine then stops. How many operations
/// were done.
fn live_to(world: &mut World, point: Option<u64>) -> Result<u64, String> {
    if let Some(point) = point {
        world.disk.crash_after(point);
    }
    if let Some((storage, mut driver)) = world.open()? {
        world.live(&storage, &mut driver, STEPS);
    }
    Ok(world.disk.operations())
}

/// Opens what a crash left, with a second crash at operation `again` of the recovery; whether the
/// recovery got that far.
fn recover(world: &mut World, again: Option<u64>) -> Result<bool, String> {
    let mut power_loss = world.crash();
    let mut stopped = false;
    if let Some(again) = again {
        world.disk.crash_after(again);
        // Done before that: it stops right after.
        stopped = world.open()?.is_none();
        power_loss |= world.crash();
    }
    let Some((storage, mut driver)) = world.open()? else {
        return Err("the machine crashed by itself".to_owned());
    };
    world.check(&storage, power_loss)?;
    // What was recovered has to carry on as well as what never crashed.
    world.live(&storage, &mut driver, STEPS);
    drop((storage, driver));
    let power_loss = world.crash();
    let Some((storage, _driver)) = world.open()? else {
        return Err("the machine crashed by itself".to_owned());
    };
    world.check(&storage, power_loss)?;
    Ok(stopped)
}

fn try_point(seed: u64, point: u64, variant: u64, again: Option<u64>) -> bool {
    let mut world = World::new(seed);
    let tried = live_to(&mut world, Some(point)).and_then(|_| {
        world.dice = Dice::new(seed ^ (point << 20) ^ (variant << 40));
        recover(&mut world, again)
    });
    tried.unwrap_or_else(|what| {
        panic!("SIM_SEED={seed}, operation {point}, variant {variant}, again at {again:?}: {what}")
    })
}

#[test]
fn each_operation_of_a_life_may_be_the_last() {
    for seed in seeds(5) {
        let operations = live_to(&mut World::new(seed), None).unwrap_or_else(|what| {
            panic!("SIM_SEED={seed}, without a crash: {what}");
        });
        assert!(operations > 20, "SIM_SEED={seed}: a life of {operations} operations is none");
        for point in 0..operations {
            for variant in 0..VARIANTS {
                try_point(seed, point, variant, None);
            }
        }
    }
}

#[test]
fn each_operation_of_a_recovery_may_be_the_last() {
    for seed in seeds(4) {
        let operations = live_to(&mut World::new(seed), None).unwrap_or_else(|what| {
            panic!("SIM_SEED={seed}, without a crash: {what}");
        });
        for point in (0..operations).step_by(7) {
            let mut again = 0;
            while try_point(seed, point, 0, Some(again)) {
                again += 1;
            }
        }
    }
}

#[test]
fn a_disk_that_loses_truncations_is_found_out() {
    let is_found = |seed| {
        let mut world = World::new(seed);
        world.disk.lie_about_truncations();
        live_to(&mut world, None).and_then(|_| recover(&mut world, None)).is_err()
    };

    assert!((0..40).any(is_found), "the simulation would miss a lost truncation");
}
