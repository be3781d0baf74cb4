"""kafka-python: what its users do, with its defaults wherever a test is not about a setting."""
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
from kafka.protocol.admin import AlterClientQuotasRequest
from kafka.structs import OffsetAndMetadata

import child
from common import BOOTSTRAP, Child, kill_broker, same, start_broker, stop_broker, until


def _producer(**settings):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)


def _consumer(*topics, **settings):
    settings = {"auto_offset_reset": "earliest", "metadata_max_age_ms": 1000, **settings}
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **settings)


def _admin():
    return KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def _topic(name, partitions=1, **configs):
    configs = {key.replace("_", "."): str(value) for key, value in configs.items()}
    admin = _admin()
    admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}}, wait_for_metadata=True)
    admin.close()


def _send(topic, values, **settings):
    """Sends all values in order to partition 0 and returns their offsets."""
    producer = _producer(**settings)
    sent = [producer.send(topic, value, partition=0) for value in values]
    producer.flush()
    producer.close()
    return [future.get(30).offset for future in sent]


def _take(consumer, count, seconds=60):
    """Polls until `count` records have come, and returns them in the order they came."""
    records = []

    def all_there():
        for batch in consumer.poll(timeout_ms=500).values():
            records.extend(batch)
        return len(records) >= count

    until(all_there, f"{count} records", seconds)
    return records


def _read(topic, count, **settings):
    consumer = _consumer(topic, **settings)
    records = _take(consumer, count)
    consumer.close()
    return records


# ---- records ---------------------------------------------------------------------------------------------------------------------

def records_come_back_with_keys_headers_and_timestamps():
    producer, hour_ago = _producer(), int(time.time() * 1000) - 3_600_000
    sent = [
        dict(key=b"k", value=b"v", headers=[("a", b"1"), ("a", b"2"), ("b", b"")], timestamp_ms=hour_ago),
        dict(key=None, value=b"no key", headers=[], timestamp_ms=hour_ago + 5),
        dict(key=b"tombstone", value=None, headers=[], timestamp_ms=hour_ago - 1),
        dict(key=b"", value=b"", headers=[("\u00e5", b"\x00\xff")], timestamp_ms=hour_ago + 1),
    ]
    futures = [producer.send("records", partition=0, **record) for record in sent]
    producer.flush()
    same([future.get(30).offset for future in futures], [0, 1, 2, 3], "offsets")

    got = _read("records", 4)

    same([dict(key=r.key, value=r.value, headers=list(r.headers), timestamp_ms=r.timestamp) for r in got], sent, "records")
    same([(r.topic, r.partition, r.offset, r.timestamp_type) for r in got], [("records", 0, n, 0) for n in range(4)], "places")


def each_codec_comes_back():
    consumer = _consumer("codecs")
    for n, codec in enumerate((None, "gzip", "snappy", "lz4", "zstd")):
        values = [b"%d %d " % (n, i) * 50 for i in range(200)]

        _send("codecs", values, compression_type=codec, linger_ms=20)

        got = _take(consumer, 200)
        same([r.value for r in got], values, f"values with {codec}")
        same([r.offset for r in got], list(range(n * 200, n * 200 + 200)), f"offsets with {codec}")


def every_acks_setting_stores_the_record():
    for acks in (0, 1, "all"):
        producer = _producer(acks=acks, enable_idempotence=False)
        producer.send("acks", str(acks).encode()).get(30)
        producer.close()

    same(sorted(r.value for r in _read("acks", 3)), [b"0", b"1", b"all"], "values")


def a_hundred_thousand_records_go_in_and_out():
    _topic("many", 4)
    producer = _producer(linger_ms=10, batch_size=262_144, max_in_flight_requests_per_connection=5)
    for n in range(100_000):
        producer.send("many", b"%08d" % n + b"x" * 1016, partition=n % 4)
    producer.flush()
    producer.close()

    got = _read("many", 100_000)

    by_partition = {n: [r for r in got if r.partition == n] for n in range(4)}
    for n, records in by_partition.items():
        same([r.offset for r in records], list(range(25_000)), f"offsets of partition {n}")
        same([int(r.value[:8]) for r in records], list(range(n, 100_000, 4)), f"numbers in partition {n}")
    assert all(len(r.value) == 1024 for r in got)


def a_missing_topic_is_created_by_its_first_record():
    future = _producer().send("made-by-sending", b"first")

    same(future.get(30).offset, 0, "offset")
    assert "made-by-sending" in _admin().list_topics()


def a_record_over_the_limit_is_refused_and_the_next_is_stored():
    _topic("small", max_message_bytes=2000)
    # An idempotent producer of this client gives up after such an error.
    producer = _producer(enable_idempotence=False)

    try:
        producer.send("small", b"x" * 5000).get(30)
        raise AssertionError("a record over max.message.bytes was stored")
    except KafkaError as problem:
        same(type(problem).__name__, "MessageSizeTooLargeError", "error")
    producer.send("small", b"fits").get(30)

    same([r.value for r in _read("small", 1)], [b"fits"], "values")


def records_of_nearly_a_mebibyte_come_back():
    values = [bytes([n]) * 1_000_000 for n in range(8)]

    _send("large", values)

    same([r.value[:1] * len(r.value) == r.value and len(r.value) for r in _read("large", 8)], [1_000_000] * 8, "lengths")


def a_topic_with_log_append_time_stamps_by_the_brokers_clock():
    _topic("stamped", message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    metadata = _producer().send("stamped", b"x", timestamp_ms=1000).get(30)
    after = int(time.time() * 1000)

    record = _read("stamped", 1)[0]

    same((record.timestamp_type, record.timestamp), (1, metadata.timestamp), "timestamp")
    assert before <= record.timestamp <= after, (before, record.timestamp, after)


# ---- positions -------------------------------------------------------------------------------------------------------------------

def positions_are_found_at_both_ends_and_by_time():
    producer = _producer()
    start = int(time.time() * 1000) - 3_600_000
    for n in range(100):
        producer.send("times", b"%d" % n, partition=0, timestamp_ms=start + n * 1000)
        if n % 7 == 0:
            producer.flush()
    producer.flush()
    consumer, part = _consumer(), TopicPartition("times", 0)
    consumer.assign([part])

    same(consumer.beginning_offsets([part]), {part: 0}, "beginning")
    same(consumer.end_offsets([part]), {part: 100}, "end")
    for ask, offset, stamp in ((0, 0, start), (start + 42_000, 42, start + 42_000), (start + 42_001, 43, start + 43_000)):
        found = consumer.offsets_for_times({part: ask})[part]
        same((found.offset, found.timestamp), (offset, stamp), f"first record at or after {ask}")
    same(consumer.offsets_for_times({part: start + 99_001})[part], None, "nothing so late")

    for offset in (57, 0, 99):
        consumer.seek(part, offset)
        same(_take(consumer, 1)[0].value, b"%d" % offset, "record sought")
    consumer.seek_to_beginning(part)
    same(_take(consumer, 1)[0].offset, 0, "from the beginning")
    consumer.seek_to_end(part)
    same(consumer.position(part), 100, "position at the end")


def an_offset_past_the_end_resets_as_the_consumer_asks():
    _send("resets", [b"%d" % n for n in range(10)])
    part = TopicPartition("resets", 0)
    consumer = _consumer(auto_offset_reset="earliest")
    consumer.assign([part])

    consumer.seek(part, 1000)

    same(_take(consumer, 10)[0].offset, 0, "first offset after the reset")


def an_idle_fetch_is_woken_by_a_record():
    # The fetch may wait for a quarter of an hour: only the record can end it within the test's limit.
    _topic("idle")
    consumer = _consumer("idle", fetch_max_wait_ms=900_000, request_timeout_ms=1_000_000, connections_max_idle_ms=1_100_000,
                         heartbeat_interval_ms=3000)
    same(consumer.poll(timeout_ms=1500), {}, "nothing is there")
    got = []
    reader = threading.Thread(target=lambda: got.extend(_take(consumer, 1)))
    reader.start()

    _send("idle", [b"wake up"])

    reader.join(60)
    same([r.value for r in got], [b"wake up"], "values")


# ---- groups ----------------------------------------------------------------------------------------------------------------------

def a_consumer_goes_on_at_its_committed_offset():
    _send("resume", [b"%d" % n for n in range(30)])
    first = _consumer("resume", group_id="g", enable_auto_commit=False)
    same(_take(first, 30)[0].offset, 0, "first offset")
    first.commit({TopicPartition("resume", 0): OffsetAndMetadata(12, "a note", -1)})
    first.close()

    second = _consumer("resume", group_id="g", enable_auto_commit=False)
    same(_take(second, 18)[0].offset, 12, "after the consumer came back")
    same(second.committed(TopicPartition("resume", 0), metadata=True).metadata, "a note", "metadata")
    second.close()

    stop_broker()
    start_broker()
    third = _consumer("resume", group_id="g", enable_auto_commit=False)
    same(_take(third, 18)[0].offset, 12, "after the broker came back")
    third.close()

    kill_broker()
    start_broker()
    fourth = _consumer("resume", group_id="g", enable_auto_commit=False)
    same(_take(fourth, 18)[0].offset, 12, "after the broker was killed")
    fourth.close()


def closing_a_consumer_commits_what_it_read():
    _send("auto", [b"%d" % n for n in range(10)])
    first = _consumer("auto", group_id="g", auto_commit_interval_ms=600_000)
    _take(first, 10)
    first.close()
    _send("auto", [b"10"])

    second = _consumer("auto", group_id="g")

    same([r.offset for r in _take(second, 1)], [10], "offsets")


def a_consumer_outlives_a_restart_of_the_broker():
    _send("survive", [b"before"])
    consumer = _consumer("survive", group_id="g", session_timeout_ms=6000, heartbeat_interval_ms=500)
    same([r.value for r in _take(consumer, 1)], [b"before"], "values")

    stop_broker()
    start_broker()
    _send("survive", [b"after"])

    same([r.value for r in _take(consumer, 1)], [b"after"], "values")


class _Owned(ConsumerRebalanceListener):
    """Tells which partitions a member has, whenever that changes."""

    def __init__(self):
        self.owned = None

    def on_partitions_assigned(self, assigned):
        self._now((self.owned or set()) | {p.partition for p in assigned})

    def on_partitions_revoked(self, revoked):
        self._now((self.owned or set()) - {p.partition for p in revoked})

    def _now(self, owned):
        if owned != self.owned:
            self.owned = owned
            child.tell(owned=sorted(owned))


def member(name, strategy, instance=None):
    """A group member in a process of its own: tells its partitions whenever they change, and what it reads."""
    settings = {"partition_assignment_strategy": [CooperativeStickyAssignor]} if strategy == "cooperative" else {}
    consumer = _consumer(group_id="g", client_id=name, group_instance_id=instance, session_timeout_ms=3000, heartbeat_interval_ms=300,
                         enable_auto_commit=False, **settings)
    consumer.subscribe(["shared"], listener=_Owned())
    try:
        while True:
            # A poll that ends while the group is being joined makes this client (3.0.12) forget that it has joined: hence the long
            # time. It returns at once when there are records.
            batches = consumer.poll(timeout_ms=60_000)
            for part, records in batches.items():
                child.tell(partition=part.partition, values=[r.value.decode() for r in records])
            consumer.commit()
    except KeyboardInterrupt:
        consumer.close()


def _owns(count):
    return lambda told: len(told.get("owned", [])) == count


def _two_share_and_one_is_killed(strategy):
    _topic("shared", 12)
    first = Child("kafka_python", "member", "first", strategy)
    first.until(_owns(12), "the first alone owns all 12")

    second = Child("kafka_python", "member", "second", strategy)
    theirs = second.until(_owns(6), "the second gets its half")["owned"]
    mine = first.until(_owns(6), "the first keeps the other half")["owned"]
    same(sorted(mine + theirs), list(range(12)), "all partitions, each once")

    second.kill()
    first.until(_owns(12), "the first takes over")
    producer = _producer()
    for n in range(12):
        producer.send("shared", b"%d" % n, partition=n)
    producer.flush()
    left = set(map(str, range(12)))
    while left:
        left -= set(first.next().get("values", []))
    first.end()


def two_members_share_partitions_and_one_takes_over_eagerly():
    _two_share_and_one_is_killed("eager")


def two_members_share_partitions_and_one_takes_over_cooperatively():
    _two_share_and_one_is_killed("cooperative")


def a_leaving_member_hands_over_at_once():
    _topic("shared", 4)
    first, second = (Child("kafka_python", "member", name, "eager") for name in ("first", "second"))
    first.until(_owns(2), "half each")
    second.until(_owns(2), "half each")

    second.end()

    # Its session would last 3 s longer than this.
    first.until(_owns(4), "the first owns all", seconds=60)
    first.end()


def a_static_member_comes_back_without_a_rebalance():
    _topic("shared", 4)
    first = Child("kafka_python", "member", "first", "eager", "instance-1")
    first.until(_owns(4), "the first owns all")
    second = Child("kafka_python", "member", "second", "eager", "instance-2")
    theirs = second.until(_owns(2), "half each")["owned"]
    first.until(_owns(2), "half each")
    before = _group("g")

    second.kill()
    again = Child("kafka_python", "member", "second", "eager", "instance-2")

    same(again.until(_owns(2), "it gets what it had")["owned"], theirs, "partitions of the returned member")
    after = _group("g")
    ids = lambda group: {m["group_instance_id"]: m["member_id"] for m in group["members"]}
    same(ids(after)["instance-1"], ids(before)["instance-1"], "the other member's id")
    assert ids(after)["instance-2"] != ids(before)["instance-2"], "a returned static member gets a new member id"
    same(after["group_state"], "Stable", "state")
    again.end()
    first.end()


def _group(name):
    admin = _admin()
    found = admin.describe_groups([name])[name]
    admin.close()
    return found


# ---- the idempotent producer -----------------------------------------------------------------------------------------------------

def the_default_producer_writes_each_record_once_across_a_restart():
    _topic("once")
    producer = _producer(linger_ms=1)
    futures = [producer.send("once", b"%d" % n) for n in range(1000)]
    futures[0].get(30)

    stop_broker()
    futures += [producer.send("once", b"%d" % n) for n in range(1000, 2000)]
    start_broker()
    producer.flush()
    kill_broker()
    start_broker()
    futures += [producer.send("once", b"%d" % n) for n in range(2000, 3000)]
    producer.flush()

    same([future.get(60).offset for future in futures], list(range(3000)), "offsets")
    same([r.value for r in _read("once", 3000)], [b"%d" % n for n in range(3000)], "values")


# ---- the admin client ------------------------------------------------------------------------------------------------------------

def topics_are_created_described_grown_and_deleted():
    admin = _admin()
    made = admin.create_topics({"one": {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "100000"}}, "two": {}})
    same({t["name"]: (t["num_partitions"], t["error_code"]) for t in made["topics"]}, {"one": (3, 0), "two": (1, 0)}, "created")
    assert {"one", "two"} <= set(admin.list_topics())
    try:
        admin.create_topics(["one"])
        raise AssertionError("a topic was created twice")
    except TopicAlreadyExistsError:
        pass

    topic = admin.describe_topics(["one"])[0]
    same([p["partition_index"] for p in sorted(topic["partitions"], key=lambda p: p["partition_index"])], [0, 1, 2], "partitions")
    assert all(p["leader_id"] == p["replica_nodes"][0] == p["isr_nodes"][0] for p in topic["partitions"]), topic

    admin.create_partitions({"one": 5})
    until(lambda: len(admin.describe_topics(["one"])[0]["partitions"]) == 5, "five partitions")

    admin.delete_topics(["one"])
    until(lambda: "one" not in admin.list_topics(), "the topic is gone")
    try:
        admin.delete_topics(["one"])
        raise AssertionError("a topic was deleted twice")
    except UnknownTopicOrPartitionError:
        pass


def a_deleted_topic_comes_back_empty():
    admin = _admin()
    _topic("again")
    same(_send("again", [b"old"]), [0], "offset")
    first = admin.describe_topics(["again"])[0]["topic_id"]

    admin.delete_topics(["again"])
    _topic("again")

    assert admin.describe_topics(["again"])[0]["topic_id"] != first
    same(_send("again", [b"new"]), [0], "offset in the new topic")
    same([r.value for r in _read("again", 1)], [b"new"], "values")


def configs_are_described_and_altered():
    admin = _admin()
    _topic("tuned", retention_ms=100_000)
    describe = lambda: {k: v["value"] for k, v in admin.describe_configs([ConfigResource("TOPIC", "tuned")], config_filter="all")["topic"]["tuned"].items()}
    before = describe()
    same(before["retention.ms"], "100000", "set at creation")
    same(before["cleanup.policy"], "delete", "default")

    admin.alter_configs([ConfigResource("TOPIC", "tuned", {"retention.ms": "200000", "cleanup.policy": (AlterConfigOp.APPEND, "compact")})])
    same({k: describe()[k] for k in ("retention.ms", "cleanup.policy")}, {"retention.ms": "200000", "cleanup.policy": "delete,compact"}, "altered")

    stop_broker()
    start_broker()
    admin = _admin()
    same(describe()["retention.ms"], "200000", "after a restart")
    admin.reset_configs([ConfigResource("TOPIC", "tuned", {"retention.ms": None})])
    same(describe()["retention.ms"], "604800000", "back at the default")

    refused = admin.alter_configs([ConfigResource("TOPIC", "tuned", {"retention.ms": "soon"})])
    assert refused["topic"]["tuned"] != "OK", refused
    node = admin.describe_cluster()["brokers"][0]["broker_id"]
    broker = admin.describe_configs([ConfigResource("BROKER", str(node))], config_filter="all")["broker"][str(node)]
    same(broker["num.partitions"]["value"], "1", "a setting of the broker")


def groups_are_listed_and_described():
    _topic("shared", 4)
    _send("shared", [b"x"])
    one = Child("kafka_python", "member", "one", "eager")
    one.until(_owns(4), "all partitions")
    one.until(lambda told: "values" in told, "the record")

    found = _group("g")
    same((found["group_state"], found["protocol_type"], found["protocol_data"]), ("Stable", "consumer", "range"), "group")
    same([m["client_id"] for m in found["members"]], ["one"], "members")
    admin = _admin()
    assert ("g", "consumer") in [(g["group_id"], g["protocol_type"]) for g in admin.list_groups()]
    same([g["group_id"] for g in admin.list_groups(states_filter=["Stable"])], ["g"], "stable groups")

    one.end()
    same(until(lambda: _group("g")["group_state"] == "Empty", "the group is empty"), True)
    same(admin.list_group_offsets({"g": None})["g"][TopicPartition("shared", 0)].offset, 1, "committed offset")


# ---- what the log does by itself -------------------------------------------------------------------------------------------------

def a_compacted_topic_keeps_the_last_value_of_each_key():
    _topic("compacted", cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio="0.01", delete_retention_ms=0)
    producer = _producer()
    for n in range(400):
        producer.send("compacted", key=b"%d" % (n % 10), value=b"%d" % n)
        if n % 50 == 49:
            producer.flush()

    def compacted():
        # A record now and then closes the active segment, which is never compacted.
        producer.send("compacted", key=b"more", value=b"more").get(30)
        got = [r for r in _read("compacted", 11) if r.key != b"more"]
        return got if len(got) == 10 else None

    got = until(compacted, "one record a key is left", 90)
    same({r.key: r.value for r in got}, {b"%d" % n: b"%d" % (390 + n) for n in range(10)}, "last values")
    same([r.offset for r in got], list(range(390, 400)), "offsets stay what they were")


def retention_by_size_removes_the_oldest_segments():
    _topic("sized", retention_bytes=2_000_000, segment_bytes=1_048_576)
    _send("sized", [b"x" * 1000 for _ in range(5000)])
    consumer, part = _consumer(), TopicPartition("sized", 0)
    consumer.assign([part])
    start = lambda: consumer.beginning_offsets([part])[part]

    until(lambda: start() > 1900, "segments beyond the limit go")

    # What is left is at least the limit, and less than the limit and one segment.
    assert start() < 3100, f"more was removed than the limit asks for: {start()}"
    same(consumer.end_offsets([part])[part], 5000, "end")
    consumer.seek_to_beginning(part)
    first = consumer.position(part)
    same([r.offset for r in _take(consumer, 5000 - first)], list(range(first, 5000)), "what is left")


def retention_by_time_removes_old_records():
    _topic("aged", retention_ms=60_000, segment_bytes=1_048_576)
    old = int(time.time() * 1000) - 3_600_000
    producer = _producer()
    for n in range(3000):
        producer.send("aged", b"x" * 1000, partition=0, timestamp_ms=old)
    producer.flush()
    producer.send("aged", b"young", partition=0).get(30)
    consumer, part = _consumer(), TopicPartition("aged", 0)
    consumer.assign([part])

    until(lambda: consumer.beginning_offsets([part])[part] > 1900, "old segments go")

    consumer.seek_to_beginning(part)
    got = _take(consumer, 3001 - consumer.position(part))
    same(got[-1].value, b"young", "what is young stays")


# ---- quotas ----------------------------------------------------------------------------------------------------------------------

def _set_quota(client_id, **values):
    # The admin client has no method for it, but its protocol has the message.
    entry = AlterClientQuotasRequest.EntryData
    ops = [entry.OpData(key=key, value=float(value), remove=False) for key, value in values.items()]
    request = AlterClientQuotasRequest(entries=[entry(entity=[entry.EntityData(entity_type="client-id", entity_name=client_id)], ops=ops)], validate_only=False)
    admin = _admin()
    answer = admin._manager.run(admin._manager.send, request)
    same([item.error_code for item in answer.entries], [0], "error codes")
    admin.close()


def _throttle_time(client):
    """The longest pause that the broker told of, in ms."""
    times = [value for group in client.metrics().values() for name, value in group.items() if name == "throttle-time-max"]
    assert times, "there is no such metric"
    return max(times)


def a_client_beyond_its_quota_is_told_to_pause_and_loses_nothing():
    _topic("quota")
    _set_quota("slow", producer_byte_rate=20_000, consumer_byte_rate=40_000)
    values = [bytes([n]) * 80_000 for n in range(6)]
    producer = _producer(client_id="slow")

    # Two and a half of them may come at once.
    for value in values:
        producer.send("quota", value, partition=0).get(60)

    assert _throttle_time(producer) > 0, "the producer heard of no pause"
    producer.close()
    consumer = _consumer("quota", client_id="slow", max_partition_fetch_bytes=100_000)
    same([record.value for record in _take(consumer, 6)], values, "values")
    assert _throttle_time(consumer) > 0, "the consumer heard of no pause"
    consumer.close()
