//! A disk that fails, or is full, under the running process.
//!
//! For syncs that fail, a small library is put between the process and the system, which fails them
//! while a marker file is there. A full disk is a small one that the process has for itself.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::harness::{Broker, preload, scratch};

const PATIENCE: Duration = Duration::from_secs(30);
/// How a process ends that gives itself up.
const ABORT_SIGNAL: i32 = 6;

const FAILING_SYNCS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int failing(void) {
    const char *marker = getenv("SYNCS_FAIL_WHILE");
    int before = errno;
    int is_there = marker && access(marker, F_OK) == 0;
    errno = is_there ? EIO : before;
    return is_there;
}

int fdatasync(int file) {
    if (failing()) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}

int fsync(int file) {
    if (failing()) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
"#;

fn send(broker: &Broker, value: &str) -> Result<i64, KafkaError> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .set("acks", "all")
        .set("retries", "0")
        .set("message.timeout.ms", "5000")
        .create()
        .expect("a producer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let record = FutureRecord::<(), _>::to("faults").partition(0).payload(value);
    let answer = runtime.expect("a runtime").block_on(producer.send(record, PATIENCE));
    answer.map(|delivered| delivered.offset).map_err(|(error, _)| error)
}

fn end_of_log(broker: &Broker) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .set("group.id", "faults")
        .create()
        .expect("a consumer");
    consumer.fetch_watermarks("faults", 0, PATIENCE).expect("the bounds of a partition").1
}

#[test]
fn a_sync_that_fails_ends_the_process_and_acknowledges_nothing() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let library = preload(folder.path(), FAILING_SYNCS);
    let marker = folder.path().join("fail");
    let marker_text = marker.display().to_string();
    let variables = [("LD_PRELOAD", &*library), ("SYNCS_FAIL_WHILE", &*marker_text)];
    let mut broker = Broker::start_with(&[], &variables);
    assert_eq!(send(&broker, "before"), Ok(0));

    fs::write(&marker, "").expect("a marker");
    let answered = send(&broker, "during");

    let status = broker.await_end();
    assert!(answered.is_err(), "what could not be synced was acknowledged");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(ABORT_SIGNAL));
    assert!(broker.log().contains("could not be synced"), "{}", broker.log());
    fs::remove_file(&marker).expect("a marker");
    broker.start_again();
    let end = end_of_log(&broker);
    assert!((1..=2).contains(&end), "the acknowledged record, and perhaps the other: {end}");
    assert_eq!(send(&broker, "after"), Ok(end));
}

/// Reads partition 0 from its beginning; the values, in order.
fn read_all(broker: &Broker) -> Vec<String> {
    let end = end_of_log(broker);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .set("group.id", "reader")
        .create()
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset("faults", 0, Offset::Beginning).expect("a position");
    consumer.assign(&all).expect("an assignment");
    let mut values = Vec::new();
    while values.len() < usize::try_from(end).expect("an offset") {
        let record = consumer.poll(PATIENCE).expect("a record in time").expect("a record");
        values.push(String::from_utf8_lossy(record.payload().expect("a value")).into_owned());
    }
    values
}

/// Fills the disk of a broker to the last byte.
fn fill(broker: &Broker) -> PathBuf {
    let path = broker.file("filler");
    let mut file = File::create(&path).expect("a file");
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[test]
fn a_full_disk_refuses_records_serves_the_rest_and_takes_records_again_by_itself() {
    let Some(mut broker) = Broker::start_on_disk(64) else {
        let loud = b"\nA FULL DISK WAS NOT TRIED: only root may mount one\n";
        return io::stderr().write_all(loud).expect("standard error");
    };
    let mut acknowledged = vec![format!("before{}", "x".repeat(100_000))];
    assert_eq!(send(&broker, &acknowledged[0]), Ok(0));

    let filler = fill(&broker);
    let deadline = Instant::now() + PATIENCE;
    // What is set aside for the journal takes some records yet.
    let refused = loop {
        assert!(Instant::now() < deadline, "a full disk goes on taking records");
        let value = format!("{}{}", acknowledged.len(), "y".repeat(100_000));
        match send(&broker, &value) {
            Ok(_) => acknowledged.push(value),
            Err(error) => break error,
        }
    };

    let retriable = KafkaError::MessageProduction(RDKafkaErrorCode::KafkaStorageError);
    assert_eq!(refused, retriable, "{}", broker.log());
    assert_eq!(read_all(&broker), acknowledged);
    fs::remove_file(filler).expect("room again");
    while let Err(error) = send(&broker, "after") {
        broker.assert_alive();
        assert_eq!(error, retriable);
        assert!(Instant::now() < deadline, "no records are taken again:\n{}", broker.log());
    }
    acknowledged.push(String::from("after"));
    assert_eq!(read_all(&broker), acknowledged);
}
