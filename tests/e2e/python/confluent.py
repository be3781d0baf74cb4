"""confluent-kafka: librdkafka as Python users meet it."""
import functools
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_CREATE_TIME, Consumer, ConsumerGroupState, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

import child
from common import BOOTSTRAP, Child, kill_broker, same, start_broker, stop_broker, until


def _producer(**settings):
    return Producer({"bootstrap.servers": BOOTSTRAP, **_dotted(settings)})


def _consumer(topic=None, **settings):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "g", "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 500,
                         "enable.auto.commit": False, **_dotted(settings)})
    if topic:
        consumer.subscribe([topic])
    return consumer


def _dotted(settings):
    return {name.replace("_", "."): value for name, value in settings.items()}


@functools.cache
def _admin():
    # Kept for the whole test: a client that is collected takes the answers it waits for with it.
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def _topic(name, partitions=1, **configs):
    for future in _admin().create_topics([NewTopic(name, partitions, 1, config={k: str(v) for k, v in _dotted(configs).items()})]).values():
        future.result(30)


def _send(topic, values, partition=0, producer=None, **settings):
    """Sends all values in order and returns their offsets."""
    producer, offsets = producer or _producer(**settings), []

    def delivered(error, record):
        assert error is None, error
        offsets.append(record.offset())

    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=delivered)
    same(producer.flush(60), 0, "records not delivered")
    return offsets


def _take(consumer, count, seconds=60):
    """Polls until `count` records have come, and returns them in the order they came."""
    records = []

    def all_there():
        for record in consumer.consume(min(count - len(records), 10_000), 0.5):
            # A topic that is created by being asked for is unknown at first.
            assert record.error() is None or record.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART, record.error()
            if record.error() is None:
                records.append(record)
        return len(records) >= count

    until(all_there, f"{count} records", seconds)
    return records


def _read(topic, count):
    consumer = _consumer(topic)
    records = _take(consumer, count)
    consumer.close()
    return records


# ---- records ---------------------------------------------------------------------------------------------------------------------

def records_come_back_with_keys_headers_and_timestamps():
    producer, hour_ago, offsets = _producer(), int(time.time() * 1000) - 3_600_000, []
    sent = [
        dict(key=b"k", value=b"v", headers=[("a", b"1"), ("a", b"2"), ("b", None), ("c", b"")], timestamp=hour_ago),
        dict(key=None, value=b"no key", headers=None, timestamp=hour_ago + 5),
        dict(key=b"tombstone", value=None, headers=None, timestamp=hour_ago - 1),
    ]
    for record in sent:
        producer.produce("records", partition=0, on_delivery=lambda error, r: offsets.append((error, r.offset())), **record)
    same(producer.flush(30), 0, "records not delivered")
    same(offsets, [(None, 0), (None, 1), (None, 2)], "offsets")

    got = _read("records", 3)

    same([dict(key=r.key(), value=r.value(), headers=r.headers(), timestamp=r.timestamp()[1]) for r in got], sent, "records")
    same({r.timestamp()[0] for r in got}, {TIMESTAMP_CREATE_TIME}, "kind of timestamp")


def each_codec_comes_back():
    consumer = _consumer("codecs")
    for n, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        values = [b"%d %d " % (n, i) * 50 for i in range(200)]

        _send("codecs", values, compression_type=codec, linger_ms=20)

        got = _take(consumer, 200)
        same([r.value() for r in got], values, f"values with {codec}")
        same([r.offset() for r in got], list(range(n * 200, n * 200 + 200)), f"offsets with {codec}")


def a_hundred_thousand_records_go_in_and_out():
    _topic("many", 4)
    producer = _producer(queue_buffering_max_messages=200_000, acks="all")
    for n in range(100_000):
        producer.produce("many", b"%08d" % n + b"x" * 1016, partition=n % 4)
    same(producer.flush(60), 0, "records not delivered")

    got = _read("many", 100_000)

    for n in range(4):
        records = [r for r in got if r.partition() == n]
        same([r.offset() for r in records], list(range(25_000)), f"offsets of partition {n}")
        same([int(r.value()[:8]) for r in records], list(range(n, 100_000, 4)), f"numbers in partition {n}")
    assert all(len(r.value()) == 1024 for r in got)


def a_missing_topic_is_created_by_its_first_record():
    same(_send("made-by-sending", [b"first"]), [0], "offset")

    assert "made-by-sending" in _admin().list_topics(timeout=30).topics


def no_topic_is_created_where_that_is_switched_off():
    producer, errors = _producer(topic_metadata_refresh_fast_interval_ms=50, topic_metadata_propagation_max_ms=200), []

    producer.produce("missing", b"x", on_delivery=lambda error, _: errors.append(error.code()))
    same(producer.flush(60), 0, "records without an answer")

    assert errors in ([KafkaError._UNKNOWN_TOPIC], [KafkaError.UNKNOWN_TOPIC_OR_PART]), errors
    assert "missing" not in _admin().list_topics(timeout=30).topics


# ---- positions -------------------------------------------------------------------------------------------------------------------

def positions_are_found_at_both_ends_and_by_time():
    producer, start = _producer(), int(time.time() * 1000) - 3_600_000
    for n in range(100):
        producer.produce("times", b"%d" % n, partition=0, timestamp=start + n * 1000)
        if n % 7 == 0:
            producer.flush()
    same(producer.flush(30), 0, "records not delivered")
    consumer = _consumer()
    at = lambda offset: TopicPartition("times", 0, offset)

    same(consumer.get_watermark_offsets(at(0), timeout=30), (0, 100), "both ends")
    for ask, offset in ((0, 0), (start + 42_000, 42), (start + 42_001, 43), (start + 99_001, -1)):
        same(consumer.offsets_for_times([at(ask)], timeout=30)[0].offset, offset, f"first record at or after {ask}")

    consumer.assign([at(57)])
    same(_take(consumer, 1)[0].value(), b"57", "record assigned")
    for offset, value in ((99, b"99"), (3, b"3"), (OFFSET_BEGINNING, b"0")):
        consumer.seek(at(offset))
        same(_take(consumer, 1)[0].value(), value, "record sought")


def an_idle_fetch_is_woken_by_a_record():
    # The fetch may wait for five minutes: only the record can end it within the test's limit.
    _topic("idle")
    consumer = _consumer(fetch_wait_max_ms=300_000, socket_timeout_ms=300_000)
    consumer.assign([TopicPartition("idle", 0, 0)])
    same(consumer.consume(1, 1.5), [], "nothing is there")
    got = []
    reader = threading.Thread(target=lambda: got.extend(_take(consumer, 1)))
    reader.start()

    _send("idle", [b"wake up"])

    reader.join(60)
    same([r.value() for r in got], [b"wake up"], "values")


# ---- groups ----------------------------------------------------------------------------------------------------------------------

def a_consumer_goes_on_at_its_committed_offset():
    _send("resume", [b"%d" % n for n in range(30)])
    first = _consumer("resume")
    same(_take(first, 30)[0].offset(), 0, "first offset")
    first.commit(offsets=[TopicPartition("resume", 0, 12, "a note")], asynchronous=False)
    first.close()

    second = _consumer("resume")
    same(_take(second, 18)[0].offset(), 12, "after the consumer came back")
    same(second.committed([TopicPartition("resume", 0)], timeout=30)[0].metadata, "a note", "metadata")
    second.close()

    stop_broker()
    start_broker()
    third = _consumer("resume")
    same(_take(third, 18)[0].offset(), 12, "after the broker came back")
    third.close()


def member(name, strategy, instance=None):
    """A group member in a process of its own: tells its partitions whenever they change, and what it reads."""
    settings = {"group_instance_id": instance} if instance else {}
    strategies = {"eager": "range,roundrobin", "cooperative": "cooperative-sticky"}
    consumer = _consumer("shared", client_id=name, session_timeout_ms=3000, heartbeat_interval_ms=300, partition_assignment_strategy=strategies[strategy], **settings)
    owned = None
    try:
        while True:
            record = consumer.poll(0.1)
            now = sorted(p.partition for p in consumer.assignment())
            if now != owned:
                owned = now
                child.tell(owned=owned)
            if record is not None and record.error() is None:
                child.tell(partition=record.partition(), values=[record.value().decode()])
                consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        consumer.close()


def _owns(count):
    return lambda told: len(told.get("owned", [])) == count


def _two_share_and_one_is_killed(strategy):
    _topic("shared", 12)
    first = Child("confluent", "member", "first", strategy)
    first.until(_owns(12), "the first alone owns all 12")

    second = Child("confluent", "member", "second", strategy)
    theirs = second.until(_owns(6), "the second gets its half")["owned"]
    mine = first.until(_owns(6), "the first keeps the other half")["owned"]
    same(sorted(mine + theirs), list(range(12)), "all partitions, each once")

    second.kill()
    first.until(_owns(12), "the first takes over")
    for n in range(12):
        _send("shared", [b"%d" % n], partition=n)
    left = set(map(str, range(12)))
    while left:
        left -= set(first.next().get("values", []))
    first.end()


def two_members_share_partitions_and_one_takes_over_eagerly():
    _two_share_and_one_is_killed("eager")


def two_members_share_partitions_and_one_takes_over_cooperatively():
    _two_share_and_one_is_killed("cooperative")


def a_static_member_comes_back_without_a_rebalance():
    _topic("shared", 4)
    first = Child("confluent", "member", "first", "eager", "instance-1")
    first.until(_owns(4), "the first owns all")
    second = Child("confluent", "member", "second", "eager", "instance-2")
    theirs = second.until(_owns(2), "half each")["owned"]
    first.until(_owns(2), "half each")

    second.kill()
    again = Child("confluent", "member", "second", "eager", "instance-2")

    same(again.until(_owns(2), "it gets what it had")["owned"], theirs, "partitions of the returned member")
    assert first.told.empty(), f"the other member was disturbed: {first.next()}"
    same({m.group_instance_id for m in _group("g").members}, {"instance-1", "instance-2"}, "members")
    again.end()
    first.end()


def _group(name):
    return _admin().describe_consumer_groups([name])[name].result(30)


# ---- the idempotent producer -----------------------------------------------------------------------------------------------------

def an_idempotent_producer_writes_each_record_once_across_a_restart():
    producer = _producer(enable_idempotence=True, reconnect_backoff_max_ms=200)
    offsets = _send("once", [b"%d" % n for n in range(1000)], producer=producer)

    stop_broker()
    def delivered(error, record):
        assert error is None, error
        offsets.append(record.offset())
    for n in range(1000, 2000):
        producer.produce("once", b"%d" % n, partition=0, on_delivery=delivered)
    start_broker()
    same(producer.flush(60), 0, "records not delivered")
    kill_broker()
    start_broker()
    offsets += _send("once", [b"%d" % n for n in range(2000, 3000)], producer=producer)

    same(offsets, list(range(3000)), "offsets")
    same([r.value() for r in _read("once", 3000)], [b"%d" % n for n in range(3000)], "values")


# ---- the admin client ------------------------------------------------------------------------------------------------------------

def _error(future):
    try:
        future.result(30)
    except KafkaException as problem:
        return problem.args[0].code()
    return None


def topics_are_created_described_grown_and_deleted():
    admin = _admin()
    futures = admin.create_topics([NewTopic("one", 3, 1), NewTopic("two", -1, -1), NewTopic("a/b", 1, 1), NewTopic("wide", 1, 5)])
    same({name: _error(future) for name, future in futures.items()},
         {"one": None, "two": None, "a/b": KafkaError.TOPIC_EXCEPTION, "wide": KafkaError.INVALID_REPLICATION_FACTOR}, "created")
    same(_error(admin.create_topics([NewTopic("one", 3, 1)])["one"]), KafkaError.TOPIC_ALREADY_EXISTS, "again")

    topics = admin.list_topics(timeout=30).topics
    same(sorted(topics["one"].partitions), [0, 1, 2], "partitions")
    same(sorted(topics["two"].partitions), [0], "partitions by default")
    assert all(p.leader == p.replicas[0] == p.isrs[0] for p in topics["one"].partitions.values())

    same(_error(admin.create_partitions([NewPartitions("one", 5)])["one"]), None, "grown")
    same(_error(admin.create_partitions([NewPartitions("one", 2)])["one"]), KafkaError.INVALID_PARTITIONS, "shrunk")
    same(len(admin.list_topics("one", timeout=30).topics["one"].partitions), 5, "partitions after")

    same(_error(admin.delete_topics(["one"])["one"]), None, "deleted")
    same(_error(admin.delete_topics(["one"])["one"]), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleted twice")
    assert "one" not in admin.list_topics(timeout=30).topics


def configs_are_described_and_altered():
    admin = _admin()
    _topic("tuned", retention_ms=100_000)
    resource = lambda *changes: ConfigResource(ResourceType.TOPIC, "tuned", incremental_configs=list(changes))
    value = lambda name: list(admin.describe_configs([ConfigResource(ResourceType.TOPIC, "tuned")]).values())[0].result(30)[name].value
    change = lambda name, value, kind: _error(list(admin.incremental_alter_configs([resource(ConfigEntry(name, value, incremental_operation=kind))]).values())[0])
    same((value("retention.ms"), value("cleanup.policy")), ("100000", "delete"), "at first")

    same(change("retention.ms", "200000", AlterConfigOpType.SET), None, "set")
    same(change("cleanup.policy", "compact", AlterConfigOpType.APPEND), None, "appended")
    same((value("retention.ms"), value("cleanup.policy")), ("200000", "delete,compact"), "altered")
    same(change("retention.ms", None, AlterConfigOpType.DELETE), None, "deleted")
    same(value("retention.ms"), "604800000", "back at the default")
    same(change("retention.ms", "soon", AlterConfigOpType.SET), KafkaError.INVALID_CONFIG, "a bad value")


def groups_are_listed_and_described():
    _topic("shared", 4)
    _send("shared", [b"x"])
    one = Child("confluent", "member", "one", "eager")
    one.until(_owns(4), "all partitions")
    one.until(lambda told: "values" in told, "the record")

    found = _group("g")
    same((found.state, found.partition_assignor, found.is_simple_consumer_group), (ConsumerGroupState.STABLE, "range", False), "group")
    same([m.client_id for m in found.members], ["one"], "members")
    same(sorted(p.partition for p in found.members[0].assignment.topic_partitions), [0, 1, 2, 3], "assignment")
    listed = _admin().list_consumer_groups(request_timeout=30).result(30)
    same([(g.group_id, g.state) for g in listed.valid], [("g", ConsumerGroupState.STABLE)], "groups")
    one.end()
    until(lambda: _group("g").state == ConsumerGroupState.EMPTY, "the group is empty")
