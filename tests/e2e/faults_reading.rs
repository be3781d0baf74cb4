//! A disk that can't be read in places, under the running process and at its start.
//!
//! A small library is put between the process and the system: reads of files whose path contains
//! what a marker file says fail while that file is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, TopicName};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::harness::{
    Broker, Client, PATIENCE, free_port, preload, run_to_end, scratch, serve, text,
};

const KAFKA_STORAGE_ERROR: i16 = 56;

const FAILING_READS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_failing(int file) {
    const char *marker = getenv("READS_FAIL_FOR");
    char part[512], link[64], path[4096];
    int before = errno;
    int at = marker ? open(marker, O_RDONLY | O_CLOEXEC) : -1;
    if (at < 0) {
        errno = before;
        return 0;
    }
    ssize_t length = syscall(SYS_read, at, part, sizeof part - 1);
    close(at);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t bytes = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0 || bytes <= 0) return 0;
    part[length] = 0;
    path[bytes] = 0;
    return strstr(path, part) != NULL;
}

ssize_t read(int file, void *buffer, size_t bytes) {
    if (is_failing(file)) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_read, file, buffer, bytes);
}

ssize_t pread64(int file, void *buffer, size_t bytes, off64_t at) {
    if (is_failing(file)) {
        errno = EIO;
        return -1;
    }
    return ((ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64"))(
        file, buffer, bytes, at);
}
"#;

/// The failing disk of one broker.
struct Disk {
    folder: TempDir,
    library: String,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
        let library = preload(folder.path(), FAILING_READS);
        Self { folder, library }
    }

    fn marker(&self) -> PathBuf {
        self.folder.path().join("fail")
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        let marker = self.marker().display().to_string();
        [("LD_PRELOAD", self.library.clone()), ("READS_FAIL_FOR", marker)]
    }

    fn start(&self, settings: &[&str]) -> Broker {
        let variables = self.variables();
        Broker::start_with(settings, &variables.each_ref().map(|(name, value)| (*name, &**value)))
    }

    /// Reads of files with `part` in their path fail from now on.
    fn fail(&self, part: &str) {
        // Whoever looks meanwhile finds no marker or all of it.
        let next = self.folder.path().join("next");
        fs::write(&next, part).expect("a marker");
        fs::rename(next, self.marker()).expect("a marker");
    }

    fn mend(&self) {
        fs::remove_file(self.marker()).expect("a marker");
    }
}

fn config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string());
    config
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Makes a topic of one partition; its folder's name.
fn create(broker: &Broker, topic: &str, configs: &[(&str, &str)]) -> String {
    let folders = || fs::read_dir(broker.data().join("topics")).expect("the folder of topics");
    let before: Vec<_> = folders().map(|entry| entry.expect("an entry").file_name()).collect();
    let admin: AdminClient<DefaultClientContext> = config(broker).create().expect("a client");
    let mut new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    for (name, value) in configs {
        new = new.set(name, value);
    }
    let made = block_on(admin.create_topics(&[new], &AdminOptions::new()));
    assert_eq!(made.expect("an answer"), [Ok(String::from(topic))]);
    // The folder comes with the first record.
    assert_eq!(send(broker, topic, "first"), Ok(0));
    let names = folders().map(|entry| entry.expect("an entry").file_name());
    let new: Vec<_> = names.filter(|name| !before.contains(name)).collect();
    assert_eq!(new.len(), 1, "{topic} has one folder");
    new[0].to_str().expect("a plain name").to_owned()
}

fn send(broker: &Broker, topic: &str, value: &str) -> Result<i64, KafkaError> {
    let producer: FutureProducer = config(broker)
        .set("retries", "0")
        .set("message.timeout.ms", "5000")
        .create()
        .expect("a producer");
    let record = FutureRecord::to(topic).partition(0).key(value).payload(value);
    let answer = block_on(producer.send(record, PATIENCE));
    answer.map(|delivered| delivered.offset).map_err(|(error, _)| error)
}

/// Asks for `topic` from its first record on, as a client without a session would: the error code,
/// and how many bytes of records came. What a library does on this error hides it.
fn fetch(broker: &Broker, topic: &str) -> (i16, usize) {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic =
        FetchTopic::default().with_topic(TopicName(text(topic))).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic]);
    let answer = Client::new(broker, "reader").ask(4, &request);
    let partition = &answer.responses[0].partitions[0];
    (partition.error_code, partition.records.as_ref().map_or(0, Bytes::len))
}

fn times_said(broker: &Broker, words: &str) -> usize {
    broker.log().lines().filter(|line| line.contains(words)).count()
}

#[test]
fn a_segment_that_cannot_be_read_is_told_to_its_readers_and_hurts_nobody_else() {
    let disk = Disk::new();
    let mut broker = disk.start(&[]);
    let folder = create(&broker, "faults", &[]);
    create(&broker, "others", &[]);
    // What was written lately is served from memory: after a start nothing is.
    broker.stop();
    broker.start_again();

    disk.fail(&folder);
    let failed: Vec<(i16, usize)> = (0..5).map(|_| fetch(&broker, "faults")).collect();

    assert_eq!(failed, [(KAFKA_STORAGE_ERROR, 0); 5]);
    assert_eq!(times_said(&broker, "Input/output error"), 1, "{}", broker.log());
    let (code, bytes) = fetch(&broker, "others");
    assert_eq!((code, bytes > 0), (0, true), "the other partition is served");
    assert_eq!(send(&broker, "others", "second"), Ok(1));
    // It is the place that can't be read, not the partition.
    assert_eq!(send(&broker, "faults", "second"), Ok(1));
    broker.assert_alive();
    disk.mend();
    let (code, bytes) = fetch(&broker, "faults");
    assert_eq!((code, bytes > 0), (0, true), "it can be read again, and is served");
    broker.stop();
    broker.start_again();
    assert_eq!(fetch(&broker, "faults"), (0, bytes), "a start serves everything");
    assert_eq!(send(&broker, "faults", "third"), Ok(2));
}

#[test]
fn a_log_that_cannot_be_read_at_the_start_is_offline_alone_and_untouched() {
    let disk = Disk::new();
    let mut broker = disk.start(&[]);
    let folder = create(&broker, "faults", &[]);
    create(&broker, "others", &[]);
    broker.stop();
    // So each log is read.
    fs::remove_dir_all(broker.data().join("index")).expect("an index");
    let segment = broker.data().join("topics").join(&folder).join("00000000000000000000.log");
    let before = fs::read(&segment).expect("a segment");

    disk.fail(&folder);
    broker.start_again();

    assert_eq!(fetch(&broker, "faults"), (KAFKA_STORAGE_ERROR, 0));
    assert!(send(&broker, "faults", "second").is_err(), "it has no leader");
    assert_eq!(fetch(&broker, "others").0, 0);
    assert_eq!(send(&broker, "others", "second"), Ok(1));
    assert_eq!(times_said(&broker, "Input/output error"), 1, "{}", broker.log());
    assert_eq!(fs::read(&segment).expect("a segment"), before);
    broker.stop();
    disk.mend();
    broker.start_again();
    let (code, bytes) = fetch(&broker, "faults");
    assert_eq!((code, bytes > 0), (0, true), "{}", broker.log());
    assert_eq!(send(&broker, "faults", "second"), Ok(1));
}

/// Folders of logs that hold records.
fn folders(broker: &Broker) -> Vec<String> {
    let entries = fs::read_dir(broker.data().join("topics")).expect("the folder of topics");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.into_string().expect("a plain name")).collect()
}

#[test]
fn groups_that_cannot_be_read_at_the_start_are_there_once_they_can() {
    let disk = Disk::new();
    let mut broker = disk.start(&["offsets.topic.num.partitions=1"]);
    let other = create(&broker, "others", &[]);
    let consumer: BaseConsumer =
        config(&broker).set("group.id", "billing").create().expect("a consumer");
    let mut place = TopicPartitionList::new();
    place.add_partition_offset("others", 0, Offset::Offset(1)).expect("a position");
    consumer.commit(&place, CommitMode::Sync).expect("a commit");
    let folder = folders(&broker).into_iter().find(|folder| *folder != other);
    broker.stop();

    disk.fail(&folder.expect("the folder of the groups' log"));
    broker.start_again();

    broker.await_log("cannot be read; it is tried again");
    let asked = consumer.committed_offsets(place.clone(), Duration::from_secs(1));
    assert!(asked.is_err(), "positions that nobody could read: {asked:?}");
    assert_eq!(send(&broker, "others", "second"), Ok(1));
    disk.mend();
    let found = consumer.committed_offsets(place.clone(), PATIENCE).expect("the positions");
    assert_eq!(found, place);
    assert_eq!(times_said(&broker, "cannot be read; it is tried again"), 1, "{}", broker.log());
}

#[test]
fn write_ahead_files_that_cannot_be_read_stop_the_start_and_lose_nothing() {
    let disk = Disk::new();
    let mut broker = disk.start(&[]);
    create(&broker, "faults", &[]);
    broker.kill();

    disk.fail("/wal/");
    let mut command = serve(free_port(), &broker.data(), &[]);
    let (status, said) = run_to_end(command.envs(disk.variables()));

    assert!(!status.success() && said.contains("Input/output error"), "{status}: {said}");
    disk.mend();
    broker.start_again();
    assert_eq!(fetch(&broker, "faults").0, 0);
    assert_eq!(send(&broker, "faults", "second"), Ok(1));
}

#[test]
fn an_index_that_cannot_be_read_is_done_without() {
    let disk = Disk::new();
    let mut broker = disk.start(&[]);
    create(&broker, "faults", &[]);
    broker.stop();

    disk.fail("/index/");
    broker.start_again();

    let (code, bytes) = fetch(&broker, "faults");
    assert_eq!((code, bytes > 0), (0, true), "{}", broker.log());
    assert_eq!(send(&broker, "faults", "second"), Ok(1));
    broker.assert_alive();
    assert!(times_said(&broker, "the index ") > 0, "{}", broker.log());
    broker.kill();
    disk.mend();
    broker.start_again();
    assert_eq!(send(&broker, "faults", "third"), Ok(2));
    assert_eq!(fetch(&broker, "faults").0, 0);
}

/// Bytes of the segments in a folder of topics.
fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder of a log").flatten();
    let segments = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".log"));
    // One that is gone meanwhile has none.
    segments.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

fn await_compaction(broker: &mut Broker, folder: &str) {
    let path = broker.data().join("topics").join(folder);
    let deadline = Instant::now() + PATIENCE;
    while bytes_of(&path) > 2 << 20 {
        broker.assert_alive();
        assert!(Instant::now() < deadline, "{folder} is not compacted:\n{}", broker.log());
        // The look at files is the broker's pace, not ours.
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Writes 4 MiB under one key.
fn overwrite(broker: &Broker, topic: &str) {
    let producer: FutureProducer = config(broker).create().expect("a producer");
    let value = "v".repeat(64 << 10);
    let record = || FutureRecord::to(topic).partition(0).key("k").payload(&value);
    let open: Vec<_> = (0..64)
        .map(|_| producer.send_result(record()).map_err(|(error, _)| error).expect("a place"))
        .collect();
    for delivery in open {
        block_on(delivery).expect("an outcome").map_err(|(error, _)| error).expect("an offset");
    }
}

#[test]
fn a_log_that_the_cleaner_cannot_read_is_left_for_later_and_said_once() {
    let disk = Disk::new();
    let mut broker = disk.start(&["log.cleaner.backoff.ms=20"]);
    let compacted = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    let folders = ["faults", "others"].map(|topic| create(&broker, topic, &compacted));

    disk.fail(&folders[0]);
    overwrite(&broker, "faults");
    broker.await_log("could not be compacted");
    overwrite(&broker, "others");
    await_compaction(&mut broker, &folders[1]);

    assert!(bytes_of(&broker.data().join("topics").join(&folders[0])) > 4 << 20);
    assert_eq!(times_said(&broker, "could not be compacted"), 1, "{}", broker.log());
    disk.mend();
    await_compaction(&mut broker, &folders[0]);
    assert_eq!(fetch(&broker, "faults").0, 0);
}
