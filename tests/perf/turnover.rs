//! Topics that come and go by the thousand: what of them stays behind.

use std::time::Instant;

use crate::broker::{Broker, Ending};
use crate::disk::allocated_bytes;
use crate::raw::{Connection, batch, now_ms};

/// Topics that are made, and later deleted, in one request.
const TOPICS_AT_A_TIME: u64 = 100;

/// Makes and deletes `topics` topics of `partitions` partitions each, a record in each if `used`;
/// tells ten times what the broker has, and how long it takes to start again at the end.
pub(crate) fn run(broker: &mut Broker, topics: u64, partitions: i32, used: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let bootstrap = broker.bootstrap().to_owned();
    let mut connection = runtime.block_on(Connection::ready(&bootstrap));
    let record = batch(1, &[b'x'; 100], now_ms());
    let rounds = topics.div_ceil(TOPICS_AT_A_TIME);
    let began = Instant::now();
    println!("topics,seconds,resident_mib,disk_mib,index_mib,metadata_mib");
    tell(broker, 0, began);
    for round in 1..=rounds {
        let names: Vec<String> =
            (0..TOPICS_AT_A_TIME).map(|number| format!("turnover-{round}-{number}")).collect();
        runtime.block_on(async {
            connection.create_topics(&names, partitions).await;
            if used {
                for name in &names {
                    connection.produce(name, partitions, &record).await;
                }
            }
            connection.delete_topics(&names).await;
        });
        if round.is_multiple_of(rounds.div_ceil(10)) {
            tell(broker, round * TOPICS_AT_A_TIME, began);
        }
    }
    for (what, ending) in [("kill -9", Ending::Killed), ("an orderly stop", Ending::Orderly)] {
        let took = broker.restart(ending).as_secs_f64();
        let start = Instant::now();
        runtime.block_on(Connection::ready(&bootstrap));
        let ready = start.elapsed().as_secs_f64();
        println!("after {what} (which took {took:.2} s): first answer {ready:.2} s");
    }
    tell(broker, rounds * TOPICS_AT_A_TIME, began);
}

fn tell(broker: &Broker, topics: u64, began: Instant) {
    let size = |part: &str| {
        let bytes = broker.folder().map_or(0, |folder| allocated_bytes(&folder.join(part)));
        f64::from(u32::try_from(bytes >> 10).expect("less than 4 TiB")) / 1024.0
    };
    println!(
        "{topics},{:.1},{:.1},{:.1},{:.2},{:.2}",
        began.elapsed().as_secs_f64(),
        broker.memory().0,
        size(""),
        size("index"),
        size("metadata")
    );
}
