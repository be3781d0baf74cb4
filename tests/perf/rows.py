"""What is measured: one table of rows, for `compare` to run and for `picture` to draw."""

import dataclasses

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
    "kafka": Broker("Apache Kafka 4.3.1", "in the background", {}),
    "kafka-fsync": Broker("Apache Kafka 4.3.1", "before each answer", {"log.flush.interval.messages": "1"}),
}
BOTH = ("ottla", "kafka")
ALL = tuple(BROKERS)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a name that says what is done, the words for the load generator, the brokers it is for."""

    name: str
    words: str
    brokers: tuple[str, ...] = BOTH
    main: bool = False


def produce(size: int, acks: str, partitions: int, *more: str, main: bool = False, brokers: tuple[str, ...] = BOTH) -> Row:
    """Sends about a gigabyte, at most three million records, and reads it again."""
    records = {100: 3_000_000, 1024: 1_000_000, 10240: 100_000}[size]
    label = {100: "100 B", 1024: "1 KiB", 10240: "10 KiB"}[size]
    extra = "".join(f", {word.replace('--', '')}" for word in more)
    words = f"throughput --records {records} --size {size} --acks {acks} --partitions {partitions} {' '.join(more)}"
    plural = "partition" if partitions == 1 else "partitions"
    return Row(f"{label} acks={acks}, {partitions} {plural}{extra}", words.strip(), brokers, main)


def latency(rate: int, partitions: int, *more: str, main: bool = False, brokers: tuple[str, ...] = BOTH) -> Row:
    """A fixed rate of records of 1 KiB with acks=all, and a reader that follows."""
    extra = "".join(f", {word.replace('--', '')}" for word in more)
    plural = "partition" if partitions == 1 else "partitions"
    words = f"latency --rate {rate} --seconds 10 --partitions {partitions} {' '.join(more)}"
    return Row(f"latency at {rate}/s, {partitions} {plural}{extra}", words.strip(), brokers, main)


ROWS = (
    produce(1024, "all", 1, main=True, brokers=ALL),
    produce(1024, "all", 12, main=True, brokers=ALL),
    produce(100, "1", 12, main=True),
    latency(1000, 1, main=True, brokers=ALL),
    latency(1000, 12, main=True, brokers=ALL),
    Row("group of one, client defaults", "groups", main=True),
    Row("1,000 partitions", "topics --partitions 1000", main=True),
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
    latency(10000, 1),
    latency(10000, 12),
    latency(1000, 12, "--beside 50000"),
    latency(10000, 12, "--beside 50000"),
    Row("group of 50", "groups --members 50 --partitions 100"),
    Row("1,000 topics", "topics --count 1000"),
)
