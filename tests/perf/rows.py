"""What is measured: one table of rows, for `compare` to run and for `picture` to draw."""

import dataclasses
import re

PAGE_CACHE = "9223372036854775807"


@dataclasses.dataclass(frozen=True)
class Broker:
    """A broker to measure: which program, and how it treats the disk."""

    name: str
    fsync: str
    settings: dict[str, str]


BROKERS = {
    "ottla": Broker("Ottla", "before each answer", {}),
    "ottla-page-cache": Broker("Ottla", "in the background", {"log.flush.interval.messages": PAGE_CACHE}),
    "kafka": Broker("Apache Kafka", "in the background", {}),
    "kafka-fsync": Broker("Apache Kafka", "before each answer", {"log.flush.interval.messages": "1"}),
}
BOTH = ("ottla", "kafka")
ALL = tuple(BROKERS)

# What the slower of the brokers does on two cores: from these `compare` says how long it will take.
RECORDS_PER_SECOND = 400_000
BYTES_PER_SECOND = 400_000_000
PARTITIONS_PER_SECOND = 300


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a name that says what is done, the words for the load generator, the brokers it is for."""

    name: str
    words: str
    seconds: float
    brokers: tuple[str, ...] = BOTH
    main: bool = False


def produce(size: int, acks: str, partitions: int, *more: str, main: bool = False, brokers: tuple[str, ...] = BOTH) -> Row:
    """Sends about a gigabyte, at most three million records, and reads it again."""
    records = {100: 3_000_000, 1024: 1_000_000, 10240: 100_000}[size]
    label = {100: "100 B", 1024: "1 KiB", 10240: "10 KiB"}[size]
    extra = "".join(f", {word.replace('--', '')}" for word in more)
    words = f"throughput --records {records} --size {size} --acks {acks} --partitions {partitions} {' '.join(more)}"
    plural = "partition" if partitions == 1 else "partitions"
    seconds = 2 * transfer_seconds(records, size) + partitions / PARTITIONS_PER_SECOND
    return Row(f"{label} acks={acks}, {partitions} {plural}{extra}", words.strip(), seconds, brokers, main)


def prepared(partitions: int) -> Row:
    """Batches of 256 KiB made beforehand and sent by two producers: the broker is the limit, not the client."""
    plural = "partition" if partitions == 1 else "partitions"
    words = f"prepared --records 2000000 --producers 2 --partitions {partitions}"
    return Row(f"prepared 1 KiB acks=all, {partitions} {plural}", words, transfer_seconds(2_000_000, 1024), ALL, main=True)


def latency(rate: int, partitions: int, beside: int = 0, main: bool = False, brokers: tuple[str, ...] = BOTH) -> Row:
    """A fixed rate of records of 1 KiB with acks=all, and a reader that follows; another may catch up meanwhile."""
    seconds = 10
    extra = f", beside {beside}" if beside else ""
    plural = "partition" if partitions == 1 else "partitions"
    words = f"latency --rate {rate} --seconds {seconds} --partitions {partitions}" + (f" --beside {beside}" if beside else "")
    length = 1.1 * seconds + transfer_seconds(beside * seconds, 1024)
    return Row(f"latency at {rate}/s, {partitions} {plural}{extra}", words, length, brokers, main)


def transfer_seconds(records: int, size: int) -> float:
    return records / RECORDS_PER_SECOND + records * size / BYTES_PER_SECOND


def brief(words: str) -> str:
    """The same workload with a hundredth of the load: enough to see that it works."""
    return re.sub(r"--(records|seconds|bytes) (\d+)", lambda found: f"--{found[1]} {max(1, int(found[2]) // 100)}", words)


ROWS = (
    produce(1024, "all", 1, main=True, brokers=ALL),
    produce(1024, "all", 12, main=True, brokers=ALL),
    prepared(1),
    prepared(12),
    produce(100, "1", 12, main=True),
    latency(1000, 1, main=True, brokers=ALL),
    latency(1000, 12, main=True, brokers=ALL),
    Row("group of one, client defaults", "groups", seconds=16, main=True),
    Row("1,000 partitions", "topics --partitions 1000", seconds=5, main=True),
    produce(1024, "all", 12, "--idempotent"),
    produce(1024, "all", 12, "--compression lz4"),
    produce(1024, "all", 12, "--compression zstd"),
    produce(1024, "all", 12, "--producers 10"),
    produce(1024, "1", 1),
    produce(1024, "1", 12),
    produce(1024, "0", 12),
    produce(1024, "all", 100),
    produce(1024, "all", 1000),
    produce(100, "all", 12),
    produce(100, "0", 12),
    produce(100, "1", 1),
    produce(100, "1", 1000),
    produce(10240, "all", 1),
    produce(10240, "all", 12),
    produce(10240, "1", 12),
    produce(10240, "0", 12),
    latency(10000, 1),
    latency(10000, 12),
    latency(1000, 1, beside=50000),
    latency(1000, 12, beside=50000),
    latency(10000, 12, beside=50000),
    Row("group of 50", "groups --members 50 --partitions 100", seconds=20),
    Row("1,000 topics", "topics --count 1000", seconds=10),
)
