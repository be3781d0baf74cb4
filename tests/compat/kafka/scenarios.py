"""The awkward questions, area by area: connection, produce, idempotence, fetch, offsets, topics, metadata, groups, configs,
transactions, admin, quotas, security. Each scenario makes its own topics and groups and leaves no state that another one needs."""
import struct
import time

from probe import batch, describe_batches, scenario

EARLIEST, LATEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING = -2, -1, -3, -4, -5, -6
TOPIC, BROKER, GROUP = 2, 4, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def one(value=b"x", **more):
    return batch([value], **more)


# ---- connection ------------------------------------------------------------------------------------------------------------------

@scenario("connection/api-versions-of-unknown-version")
def _(p):
    p.main.send("ApiVersions", 4, client_software_name="probe", client_software_version="1")
    good = p.main.receive("ApiVersions", 4)
    p.note("v4 error", good["error_code"])
    p.main.send_raw(struct.pack(">i", 12) + struct.pack(">hhih", 18, 99, 7, 1) + b"x" + b"\0")
    p.main.correlation = 7
    p.note("v99 answered as v0", p.main.receive("ApiVersions", 0))
    p.note("the connection goes on", p.ask("ApiVersions", 0)["error_code"])
    other = p.connect()
    other.send_raw(struct.pack(">i", 11) + struct.pack(">hhih", 18, 99, 7, 1) + b"x")
    p.note("v99 without the header's tagged fields", other.frame(3))


@scenario("connection/unknown-api-key-closes")
def _(p):
    p.main.send_raw(struct.pack(">i", 11) + struct.pack(">hhih", 999, 0, 1, 1) + b"x")
    p.note("key 999", p.main.frame(3))
    other = p.connect()
    other.send_raw(struct.pack(">i", 11) + struct.pack(">hhih", 4, 0, 1, 1) + b"x")
    p.note("key 4, removed", other.frame(3))


@scenario("connection/unknown-version-closes")
def _(p):
    for key, version in ((3, 99), (0, 2), (1, 3), (19, 0), (8, 1)):
        connection = p.connect()
        connection.send_raw(struct.pack(">i", 11) + struct.pack(">hhih", key, version, 1, 1) + b"x")
        p.note(f"key {key} version {version}", connection.frame(3))


@scenario("connection/bad-frames")
def _(p):
    for label, data in (("negative size", struct.pack(">i", -1)), ("size over the limit", struct.pack(">i", 104857601)), ("size 2", struct.pack(">i", 2) + b"\0\1"),
                        ("empty frame", struct.pack(">i", 0)), ("http", b"GET / HTTP/1.1\r\n\r\n"), ("body cut short", struct.pack(">i", 12) + struct.pack(">hhih", 3, 1, 1, 1) + b"x" + b"\0")):
        connection = p.connect()
        connection.send_raw(data)
        answer = connection.frame(3)
        p.note(label, answer if isinstance(answer, dict) else "answered")


@scenario("connection/answers-keep-the-order")
def _(p):
    topic = p.topic("t")
    first = p.connect()
    first.send("Fetch", 11, max_wait_ms=700, min_bytes=1, topics=[{"topic": topic, "partitions": [{"partition": 0, "fetch_offset": 0}]}])
    slow = first.correlation
    first.send("ApiVersions", 0)
    frames = [first.frame(3), first.frame(3)]
    p.note("the slow fetch is answered first", [struct.unpack(">i", f[:4])[0] - slow for f in frames])


# ---- produce ---------------------------------------------------------------------------------------------------------------------

@scenario("produce/acks")
def _(p):
    topic = p.topic("t")
    for acks in (-1, 1, 2, -2):
        p.note(f"acks {acks}", p.produce(topic, one(stamp=p.time()), acks=acks))
    p.main.send("Produce", 9, acks=0, topics=[{"name": topic, "partitions": [{"index": 0, "records": one(stamp=p.time())}]}])
    p.note("acks 0", p.main.frame(0.7))
    p.note("what is there", p.fetch(topic))


@scenario("produce/acks-0-error-closes")
def _(p):
    p.main.send("Produce", 9, acks=0, topics=[{"name": p.name("missing"), "partitions": [{"index": 0, "records": one()}]}])
    p.note("unknown topic, acks 0", p.main.frame(3))


@scenario("produce/unknown-topic-and-partition")
def _(p):
    topic = p.topic("t")
    p.note("unknown topic", p.produce(p.name("missing"), one()))
    p.note("unknown partition", p.produce(topic, one(), partition=7))
    p.note("negative partition", p.produce(topic, one(), partition=-1))
    p.asked("unknown topic id", "Produce", 13, acks=-1, topics=[{"topic_id": bytes(range(16)), "partitions": [{"index": 0, "records": one()}]}])
    p.asked("known topic id", "Produce", 13, acks=-1, topics=[{"topic_id": p.topic_id(topic), "partitions": [{"index": 0, "records": one(stamp=p.time())}]}])


@scenario("produce/broken-batches")
def _(p):
    topic = p.topic("t")
    good = one(stamp=p.time())
    for label, records in (("bad crc", one(stamp=p.time(), bad_crc=True)), ("magic 1", one(magic=1)), ("magic 3", one(magic=3)), ("two batches", good + good), ("no records at all", b""),
                           ("count says 2, holds 1", one(stamp=p.time(), count=2)), ("last offset delta 5", one(stamp=p.time(), last_offset_delta=5)), ("empty batch", batch([], stamp=p.time())),
                           ("control batch", one(stamp=p.time(), control=True)), ("base offset 5", one(stamp=p.time(), base_offset=5)), ("cut at the end", good[:-3]), ("trailing bytes", good + b"abc"),
                           ("leader epoch 9 from the client", one(stamp=p.time(), leader_epoch=9)), ("codec 6", one(stamp=p.time(), attributes=6)), ("log append time bit", one(stamp=p.time(), attributes=8))):
        connection = p.connect()
        p.note(label, p.produce(topic, records, connection=connection))
    p.note("what is there", p.fetch(topic))


@scenario("produce/keyless-on-a-compacted-topic")
def _(p):
    topic = p.topic("t", cleanup_policy="compact")
    p.note("v9, second of three without key", p.produce(topic, batch([b"a", b"b", b"c"], keys=[b"1", None, b"3"], stamp=p.time())))
    p.note("v7", p.produce(topic, one(stamp=p.time()), version=7))
    p.note("with key", p.produce(topic, one(keys=[b"k"], stamp=p.time())))


@scenario("produce/timestamps-out-of-bounds")
def _(p):
    topic = p.topic("t", message_timestamp_before_max_ms=3_600_000)
    now = int(time.time() * 1000)
    p.note("two hours ahead", p.produce(topic, one(stamp=now + 7_200_000)))
    p.note("half an hour ahead", p.produce(topic, one(stamp=now + 1_800_000)))
    p.note("two hours behind", p.produce(topic, one(stamp=now - 7_200_000)))
    p.note("no timestamp", p.produce(topic, one(stamp=-1)))
    p.note("one bad of two", p.produce(topic, batch([b"a", b"b"], timestamps=[now, now + 7_200_000])))


@scenario("produce/log-append-time")
def _(p):
    topic = p.topic("t", message_timestamp_type="LogAppendTime")
    p.note("answer", p.produce(topic, batch([b"a", b"b"], timestamps=[p.time(), p.time(5)])))
    p.note("far in the future is fine", p.produce(topic, one(stamp=p.time(9_000_000))))
    got = p.fetch(topic)["topics"][0]["partitions"][0]["records"]
    p.note("attributes, crc", [{k: b[k] for k in ("attributes", "crc", "base_offset", "last_offset")} for b in describe_batches(got)])


@scenario("produce/invalid-topic-names")
def _(p):
    p.coordinator(p.name("g"))  # so that the topic of group offsets exists
    for label, name in (("slash", "a/b"), ("empty", ""), ("dot", "."), ("internal", "__consumer_offsets")):
        p.note(label, p.produce(name, one(), connection=p.connect()))


# ---- idempotence -----------------------------------------------------------------------------------------------------------------

@scenario("idempotence/duplicates-and-gaps")
def _(p):
    topic, (pid, epoch) = p.topic("t"), p.producer()
    send = lambda label, sequence, values=(b"v",): p.note(label, p.produce(topic, batch(list(values), producer_id=pid, epoch=epoch, sequence=sequence, stamp=p.time())))
    for n in range(7):
        send(f"sequence {n}", n)
    send("last again", 6)
    send("fifth last again", 2)
    send("sixth last again", 1)
    send("gap", 9)
    send("overlap: 6 and 7", 6, (b"v", b"w"))
    send("next", 7)
    p.note("what is there", [b["base_sequence"] for b in describe_batches(p.fetch(topic)["topics"][0]["partitions"][0]["records"])])


@scenario("idempotence/epochs")
def _(p):
    topic, (pid, epoch) = p.topic("t"), p.producer()
    send = lambda label, epoch, sequence: p.note(label, p.produce(topic, one(producer_id=pid, epoch=epoch, sequence=sequence, stamp=p.time())))
    send("first", epoch, 0)
    send("higher epoch, sequence 1", epoch + 1, 1)
    send("higher epoch, sequence 0", epoch + 2, 0)
    send("old epoch", epoch, 1)
    send("goes on", epoch + 2, 1)


@scenario("idempotence/unknown-producer")
def _(p):
    topic, (pid, epoch) = p.topic("t"), p.producer()
    p.note("starts at 5", p.produce(topic, one(producer_id=pid, epoch=epoch, sequence=5, stamp=p.time())))
    p.note("then 6", p.produce(topic, one(producer_id=pid, epoch=epoch, sequence=6, stamp=p.time())))
    p.note("an id never given out", p.produce(topic, one(producer_id=pid + 10**9, epoch=0, sequence=0, stamp=p.time())))
    p.note("no sequence", p.produce(topic, one(producer_id=pid, epoch=epoch, sequence=-1, stamp=p.time()), connection=p.connect()))
    p.note("no epoch", p.produce(topic, one(producer_id=pid, epoch=-1, sequence=7, stamp=p.time()), connection=p.connect()))


# ---- fetch -----------------------------------------------------------------------------------------------------------------------

def three_batches(p, topic, size=100):
    for n in range(3):
        p.produce(topic, batch([b"%d" % n * size, b"second"], stamp=p.time(n)))


@scenario("fetch/offsets")
def _(p):
    topic = p.topic("t")
    three_batches(p, topic, 3)
    for label, offset in (("start", 0), ("middle of a batch", 3), ("at the end", 6), ("past the end", 7), ("negative", -1)):
        p.note(label, p.fetch(topic, offset))
    p.note("unknown topic", p.fetch(p.name("missing")))
    p.note("unknown partition", p.fetch(topic, partition=3))


@scenario("fetch/limits")
def _(p):
    topic = p.topic("t", 2)
    three_batches(p, topic)
    p.produce(topic, batch([b"other" * 20], stamp=p.time()), partition=1)
    small = {"partition_max_bytes": 10}
    p.note("first batch larger than the partition's limit", p.fetch(topic, 0, fields=small))
    p.note("max_bytes 1", p.fetch(topic, 0, max_bytes=1))
    both = [{"topic": topic, "partitions": [{"partition": n, "fetch_offset": 0, "partition_max_bytes": 1} for n in (0, 1)]}]
    p.asked("two partitions, limit 1 each", "Fetch", 11, max_wait_ms=100, min_bytes=1, topics=both)
    p.asked("two partitions, the first empty", "Fetch", 11, max_wait_ms=100, min_bytes=1, topics=[{"topic": topic, "partitions": [{"partition": 0, "fetch_offset": 6, "partition_max_bytes": 1}, {"partition": 1, "fetch_offset": 0, "partition_max_bytes": 1}]}])


@scenario("fetch/sessions")
def _(p):
    topic = p.topic("t", 2)
    three_batches(p, topic, 1)
    entries = [{"topic": topic, "partitions": [{"partition": n, "fetch_offset": 0} for n in (0, 1)]}]
    got = p.asked("create", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=0, session_epoch=0, topics=entries)
    session = got["session_id"]
    p.asked("incremental, nothing named", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=1, topics=[])
    p.asked("move on", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=2, topics=[{"topic": topic, "partitions": [{"partition": 0, "fetch_offset": 6}]}])
    p.asked("nothing new: nothing answered", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=3, topics=[])
    p.produce(topic, one(b"new", stamp=p.time()), partition=1)
    p.asked("only the changed partition", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=4, topics=[])
    p.asked("wrong epoch", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=9, topics=[])
    p.asked("unknown id", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session + 12345, session_epoch=1, topics=[])
    p.asked("forget one", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=5, topics=[], forgotten_topics_data=[{"topic": topic, "partitions": [1]}])
    p.asked("close", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=-1, topics=[])
    p.asked("after closing", "Fetch", 11, max_wait_ms=100, min_bytes=1, session_id=session, session_epoch=6, topics=[])


@scenario("fetch/leader-epochs")
def _(p):
    topic = p.topic("t")
    three_batches(p, topic, 1)
    for label, fields in (("current epoch 0", {"current_leader_epoch": 0}), ("newer epoch", {"current_leader_epoch": 7}), ("last fetched epoch 0", {"last_fetched_epoch": 0}), ("last fetched epoch 5", {"last_fetched_epoch": 5})):
        p.note(label, p.fetch(topic, 2, version=12, fields=fields))


# ---- offsets ---------------------------------------------------------------------------------------------------------------------

def list_offsets(p, topic, timestamp, version=8, connection=None, **more):
    return p.ask("ListOffsets", version, connection, topics=[{"name": topic, "partitions": [{"partition_index": 0, "timestamp": timestamp, **more}]}])


@scenario("offsets/list-special-timestamps")
def _(p):
    topic = p.topic("t")
    for label, stamp in (("earliest", EARLIEST), ("latest", LATEST), ("max timestamp", MAX_TIMESTAMP)):
        p.note("empty: " + label, list_offsets(p, topic, stamp))
    p.produce(topic, batch([b"a", b"b", b"c"], timestamps=[p.time(10), p.time(30), p.time(20)]))
    p.note("earliest pending upload", list_offsets(p, topic, EARLIEST_PENDING, 11, p.connect()))
    for label, stamp, version in (("earliest", EARLIEST, 8), ("latest", LATEST, 8), ("max timestamp", MAX_TIMESTAMP, 8), ("earliest local", EARLIEST_LOCAL, 8), ("latest tiered", LATEST_TIERED, 9),
                                  ("max timestamp in v6", MAX_TIMESTAMP, 6), ("latest tiered in v8", LATEST_TIERED, 8), ("pending upload in v10", EARLIEST_PENDING, 10), ("-7", -7, 8)):
        p.note(label, list_offsets(p, topic, stamp, version))


@scenario("offsets/list-by-time")
def _(p):
    topic = p.topic("t")
    p.produce(topic, batch([b"a", b"b", b"c"], timestamps=[p.time(10), p.time(30), p.time(20)]))
    p.produce(topic, batch([b"d"], timestamps=[p.time(40)]))
    for n in (0, 10, 11, 20, 30, 31, 40, 41):
        p.note(f"T+{n}", list_offsets(p, topic, p.time(n)))
    p.note("zero", list_offsets(p, topic, 0))


@scenario("offsets/for-leader-epoch")
def _(p):
    topic = p.topic("t")
    three_batches(p, topic, 1)
    for label, fields in (("epoch 0", {"leader_epoch": 0}), ("epoch 7", {"leader_epoch": 7}), ("epoch -1", {"leader_epoch": -1}), ("current epoch 9", {"leader_epoch": 0, "current_leader_epoch": 9}), ("unknown partition", {"leader_epoch": 0, "partition": 4})):
        p.asked(label, "OffsetForLeaderEpoch", 4, topics=[{"topic": topic, "partitions": [{"partition": 0, **fields}]}])
    p.asked("unknown topic", "OffsetForLeaderEpoch", 4, topics=[{"topic": p.name("missing"), "partitions": [{"partition": 0, "leader_epoch": 0}]}])


@scenario("offsets/delete-records")
def _(p):
    topic = p.topic("t")
    three_batches(p, topic, 1)
    for label, offset in (("to 3", 3), ("back to 1", 1), ("past the end", 99), ("to the end", -1), ("-2", -2)):
        p.asked(label, "DeleteRecords", 2, topics=[{"name": topic, "partitions": [{"partition_index": 0, "offset": offset}]}])
    p.note("fetch below the start", p.fetch(topic, 2))
    p.note("earliest", list_offsets(p, topic, EARLIEST))
    p.asked("unknown topic", "DeleteRecords", 2, topics=[{"name": p.name("missing"), "partitions": [{"partition_index": 0, "offset": 0}]}])
    compacted = p.topic("c", cleanup_policy="compact")
    p.asked("compacted topic", "DeleteRecords", 2, topics=[{"name": compacted, "partitions": [{"partition_index": 0, "offset": 0}]}])


# ---- topics ----------------------------------------------------------------------------------------------------------------------

def create(p, label, version=7, *, validate_only=False, **topic):
    answer = p.ask("CreateTopics", version, topics=[topic], validate_only=validate_only)
    for created in answer["topics"]:
        if created.get("configs"):
            created["configs"] = "all of the topic's configs"
    return p.note(label, answer)


@scenario("topics/names")
def _(p):
    for label, name in (("empty", ""), ("dot", "."), ("two dots", ".."), ("slash", "a/b"), ("space", "a b"), ("250 letters", "n" * 250), ("umlaut", "ä")):
        create(p, label, name=name)
    create(p, "249 letters, only validated", name=p.name("n").ljust(249, "n"), validate_only=True)
    create(p, "first of a collision", name=p.name("a.b"))
    create(p, "collides", name=p.name("a_b"))
    create(p, "exists", name=p.name("a.b"))


@scenario("topics/counts")
def _(p):
    for label, count, factor in (("0 partitions", 0, 1), ("-2 partitions", -2, 1), ("-1 partitions", -1, 1), ("replication 0", 1, 0), ("replication 2", 1, 2), ("replication -1", 1, -1), ("replication -2", 1, -2)):
        create(p, label, name=p.name(label.replace(" ", "-")), num_partitions=count, replication_factor=factor, validate_only=True)
    create(p, "v2 with -1 and no assignment", 2, name=p.name("old"), num_partitions=-1, replication_factor=-1, validate_only=True)


@scenario("topics/configs-at-creation")
def _(p):
    for label, name, value in (("unknown", "no.such.config", "1"), ("not a number", "retention.ms", "abc"), ("below the range", "min.insync.replicas", "0"), ("bad word", "cleanup.policy", "shred"), ("null value", "retention.ms", None), ("good", "retention.ms", "1000")):
        create(p, label, name=p.name(label.replace(" ", "-")), configs=[{"name": name, "value": value}], validate_only=True)


@scenario("topics/delete")
def _(p):
    first, second = p.topic("t"), p.topic("u")
    p.asked("v5 by name", "DeleteTopics", 5, topic_names=[first])
    p.asked("again", "DeleteTopics", 5, topic_names=[first])
    p.asked("unknown id", "DeleteTopics", 6, topics=[{"topic_id": bytes(range(16))}])
    p.asked("name and id", "DeleteTopics", 6, topics=[{"name": second, "topic_id": p.topic_id(second)}])
    p.asked("by id", "DeleteTopics", 6, topics=[{"topic_id": p.topic_id(second)}])
    p.asked("empty list", "DeleteTopics", 5, topic_names=[])


@scenario("topics/create-partitions")
def _(p):
    topic = p.topic("t", 2)
    for label, fields in (("fewer", {"count": 1}), ("the same", {"count": 2}), ("zero", {"count": 0}), ("assignment too short", {"count": 4, "assignments": [{"broker_ids": [p.node]}]}), ("unknown broker", {"count": 3, "assignments": [{"broker_ids": [77]}]})):
        p.asked(label, "CreatePartitions", 3, topics=[{"name": topic, **fields}])
    p.asked("validated only", "CreatePartitions", 3, topics=[{"name": topic, "count": 5}], validate_only=True)
    p.asked("grows", "CreatePartitions", 3, topics=[{"name": topic, "count": 3, "assignments": [{"broker_ids": [p.node]}]}])
    p.asked("unknown topic", "CreatePartitions", 3, topics=[{"name": p.name("missing"), "count": 3}])
    p.asked("twice", "CreatePartitions", 3, topics=[{"name": topic, "count": 6}, {"name": topic, "count": 7}])


# ---- metadata --------------------------------------------------------------------------------------------------------------------

@scenario("metadata/every-version-of-one-topic")
def _(p):
    topic = p.topic("t", 2)
    for version in range(14):
        p.asked(f"v{version}", "Metadata", version, topics=[{"name": topic}])


@scenario("metadata/unknown-topics")
def _(p):
    for version in (1, 8, 12):
        more = {"allow_auto_topic_creation": False} if version >= 4 else {}
        if version >= 4:
            p.asked(f"v{version} unknown name", "Metadata", version, topics=[{"name": p.name("missing")}], **more)
    p.asked("unknown id", "Metadata", 12, topics=[{"topic_id": bytes(range(16)), "name": None}])
    p.asked("invalid name", "Metadata", 8, topics=[{"name": "a/b"}], allow_auto_topic_creation=True)
    p.asked("empty name", "Metadata", 8, topics=[{"name": ""}], allow_auto_topic_creation=True)
    p.asked("no topics", "Metadata", 8, topics=[])
    known = p.topic("t")
    p.asked("known id, v12", "Metadata", 12, topics=[{"topic_id": p.topic_id(known), "name": None}])
    p.note("known id, v11", p.ask("Metadata", 11, p.connect(), topics=[{"topic_id": p.topic_id(known), "name": None}]))


@scenario("metadata/auto-create")
def _(p):
    name = p.name("auto")
    first = p.ask("Metadata", 8, topics=[{"name": name}], allow_auto_topic_creation=True)["topics"][0]
    p.note("first answer may be not yet", first["error_code"] in (0, 3, 5))
    p.until(lambda: p.ask("Metadata", 8, topics=[{"name": name}])["topics"][0]["error_code"] == 0)
    p.note("exists then, partitions", len(p.ask("Metadata", 8, topics=[{"name": name}])["topics"][0]["partitions"]))


@scenario("metadata/describe-cluster")
def _(p):
    p.asked("v0", "DescribeCluster", 0)
    p.asked("v1 with operations", "DescribeCluster", 1, include_cluster_authorized_operations=True)
    p.asked("v2", "DescribeCluster", 2, include_fenced_brokers=True)
    p.asked("endpoint type 3", "DescribeCluster", 1, endpoint_type=3)


# ---- groups ----------------------------------------------------------------------------------------------------------------------

@scenario("groups/find-coordinator")
def _(p):
    p.coordinator(p.name("g"))
    p.asked("v0", "FindCoordinator", 0, key=p.name("g"))
    p.asked("v4, two groups", "FindCoordinator", 4, coordinator_keys=[p.name("g"), p.name("h")])
    p.asked("empty group", "FindCoordinator", 3, key="")
    p.asked("key type 9", "FindCoordinator", 3, p.connect(), key="x", key_type=9)


@scenario("groups/join-needs-a-member-id")
def _(p):
    group = p.name("g")
    p.coordinator(group)
    ask = lambda label, version, **more: p.asked(label, "JoinGroup", version, **{"group_id": group, "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b"m"}], **more})
    got = ask("v5 without id", 5)
    ask("v5 with the id", 5, member_id=got["member_id"])
    other = p.name("old")
    p.coordinator(other)
    ask("v3 without id joins at once", 3, group_id=other)
    ask("unknown member id", 5, group_id=other, member_id="nobody")


@scenario("groups/join-errors")
def _(p):
    group = p.name("g")
    p.coordinator(group)
    ask = lambda label, **more: p.asked(label, "JoinGroup", 5, **{"group_id": group, "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b"m"}], **more})
    ask("empty group id", group_id="")
    ask("session too short", session_timeout_ms=10)
    ask("session too long", session_timeout_ms=2_000_000_000)
    ask("no protocols", protocols=[])
    ask("no protocol type", protocol_type="")
    p.member_of(group)
    ask("other protocol type", protocol_type="connect")
    ask("no common protocol", protocols=[{"name": "other", "metadata": b"m"}])


@scenario("groups/one-member-life")
def _(p):
    group = p.name("g")
    p.coordinator(group)
    joined = p.note("join", p.join(group))
    member, generation = joined["member_id"], joined["generation_id"]
    beat = lambda label, **more: p.asked(label, "Heartbeat", 3, **{"group_id": group, "generation_id": generation, "member_id": member, **more})
    beat("heartbeat before sync")
    p.asked("sync", "SyncGroup", 5, group_id=group, generation_id=generation, member_id=member, protocol_type="consumer", protocol_name="range", assignments=[{"member_id": member, "assignment": b"mine"}])
    p.asked("sync again", "SyncGroup", 3, group_id=group, generation_id=generation, member_id=member)
    beat("heartbeat")
    beat("wrong generation", generation_id=generation + 1)
    beat("unknown member", member_id="nobody")
    beat("unknown group", group_id=p.name("missing"))
    p.note("rejoin unchanged", p.join(group, member=member))
    p.asked("leave", "LeaveGroup", 3, group_id=group, members=[{"member_id": member}])
    p.asked("leave again", "LeaveGroup", 3, group_id=group, members=[{"member_id": member}])
    p.asked("leave, v1", "LeaveGroup", 1, group_id=group, member_id=member)
    beat("heartbeat after leaving")


@scenario("groups/second-member-rebalances")
def _(p):
    group = p.name("g")
    member, generation = p.member_of(group)
    second = p.connect()
    second.send("JoinGroup", 3, group_id=group, protocol_type="consumer", protocols=[{"name": "range", "metadata": b"two"}])
    beat = lambda: p.ask("Heartbeat", 3, group_id=group, generation_id=generation, member_id=member)
    p.until(lambda: beat()["error_code"] == 27)
    p.note("the first is told", beat())
    p.asked("its sync", "SyncGroup", 3, group_id=group, generation_id=generation, member_id=member)
    p.note("its rejoin makes it leader", p.join(group, member=member))
    p.note("the second", second.receive("JoinGroup", 3))


@scenario("groups/commits")
def _(p):
    topic, group = p.topic("t"), p.name("g")
    p.coordinator(group)
    part = lambda **more: [{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": 5, "committed_metadata": "note", **more}]}]
    commit = lambda label, version=8, **more: p.asked(label, "OffsetCommit", version, **{"group_id": group, "topics": part(), **more})
    commit("simple commit makes the group")
    commit("metadata too long", topics=part(committed_metadata="m" * 4097))
    commit("null metadata", topics=part(committed_metadata=None))
    commit("negative offset", topics=part(committed_offset=-5))
    commit("unknown topic", topics=[{"name": p.name("missing"), "partitions": [{"partition_index": 0, "committed_offset": 1}]}])
    commit("unknown partition", topics=[{"name": topic, "partitions": [{"partition_index": 9, "committed_offset": 1}]}])
    commit("generation in an empty group", generation_id=3, member_id="m")
    commit("unknown group with a generation, v8", group_id=p.name("none"), generation_id=3, member_id="m")
    commit("unknown group with a generation, v9", 9, group_id=p.name("none"), generation_id=3, member_id="m")
    member, generation = p.member_of(group)
    commit("as the member", generation_id=generation, member_id=member)
    commit("wrong generation", generation_id=generation + 5, member_id=member)
    commit("simple commit into a live group")
    commit("unknown member", generation_id=generation, member_id="nobody")


@scenario("groups/offset-fetch")
def _(p):
    topic, group = p.topic("t", 2), p.name("g")
    p.coordinator(group)
    p.ask("OffsetCommit", 8, group_id=group, topics=[{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": 5, "committed_metadata": "note", "committed_leader_epoch": 0}]}])
    named = [{"name": topic, "partition_indexes": [0, 1]}]
    for version in (1, 2, 5, 7):
        p.asked(f"v{version}", "OffsetFetch", version, group_id=group, topics=named)
    p.asked("v7, all", "OffsetFetch", 7, group_id=group, topics=None)
    p.asked("v8, two groups", "OffsetFetch", 8, groups=[{"group_id": group, "topics": named}, {"group_id": p.name("missing"), "topics": named}])
    p.asked("v8, unknown group, all", "OffsetFetch", 8, groups=[{"group_id": p.name("missing"), "topics": None}])
    p.asked("unknown topic", "OffsetFetch", 7, group_id=group, topics=[{"name": p.name("missing"), "partition_indexes": [0]}])
    p.asked("v9 with an unknown member", "OffsetFetch", 9, groups=[{"group_id": group, "member_id": "nobody", "member_epoch": 1, "topics": named}])


@scenario("groups/describe-and-list")
def _(p):
    group = p.name("g")
    p.member_of(group)
    p.asked("describe v5", "DescribeGroups", 5, groups=[group])
    p.asked("unknown, v5", "DescribeGroups", 5, groups=[p.name("missing")])
    p.asked("unknown, v6", "DescribeGroups", 6, groups=[p.name("missing")])
    mine = lambda answer: {**answer, "groups": [g for g in answer["groups"] if g["group_id"].startswith(p.name(""))]}
    for label, version, filters in (("list v0", 0, {}), ("stable", 5, {"states_filter": ["Stable"]}), ("empty ones", 5, {"states_filter": ["Empty"]}), ("stable, in small letters", 5, {"states_filter": ["stable"]}), ("no such state", 5, {"states_filter": ["Sleeping"]}), ("classic", 5, {"types_filter": ["classic"]}), ("consumer", 5, {"types_filter": ["consumer"]})):
        p.note(label, mine(p.ask("ListGroups", version, **filters)))


@scenario("groups/consumer-protocol")
def _(p):
    topic, group = p.topic("t", 2), p.name("g")
    p.coordinator(group)
    beat = lambda label, version=0, **more: p.asked(label, "ConsumerGroupHeartbeat", version, **{"group_id": group, "member_id": "", "member_epoch": 0, **more})
    got = beat("join v0", rebalance_timeout_ms=5000, subscribed_topic_names=[topic], topic_partitions=[])
    member = got["member_id"]
    beat("unknown member", member_id="AAAAAAAAAAAAAAAAAAAAAA", member_epoch=5)
    beat("epoch too high", member_id=member, member_epoch=99)
    beat("no time-out when joining", member_id="", subscribed_topic_names=[topic], topic_partitions=[])
    beat("unknown assignor", rebalance_timeout_ms=5000, subscribed_topic_names=[topic], topic_partitions=[], server_assignor="none")
    beat("v1 without member id", 1, rebalance_timeout_ms=5000, subscribed_topic_names=[topic], topic_partitions=[])
    beat("leave", member_id=member, member_epoch=-1)
    p.asked("describe", "ConsumerGroupDescribe", 1, group_ids=[group, p.name("missing")])


# ---- configs ---------------------------------------------------------------------------------------------------------------------

def describe(p, label, kind, name, keys=None, **more):
    return p.asked(label, "DescribeConfigs", 4, resources=[{"resource_type": kind, "resource_name": name, "configuration_keys": keys}], **more)


def alter(p, label, kind, name, *changes, **more):
    configs = [{"name": n, "config_operation": op, "value": v} for n, op, v in changes]
    return p.asked(label, "IncrementalAlterConfigs", 1, resources=[{"resource_type": kind, "resource_name": name, "configs": configs}], **more)


@scenario("configs/describe")
def _(p):
    topic = p.topic("t", retention_ms=1000)
    describe(p, "two keys with synonyms", TOPIC, topic, ["retention.ms", "max.message.bytes"], include_synonyms=True)
    describe(p, "unknown key", TOPIC, topic, ["no.such"])
    describe(p, "unknown topic", TOPIC, p.name("missing"))
    describe(p, "invalid topic", TOPIC, "a/b")
    describe(p, "this broker, one key", BROKER, str(p.node), ["num.io.threads", "log.flush.interval.messages"], include_synonyms=True)
    describe(p, "broker default", BROKER, "", ["num.io.threads"])
    describe(p, "other broker", BROKER, "99", ["num.io.threads"])
    describe(p, "not a broker number", BROKER, "abc", ["num.io.threads"])
    describe(p, "resource type 1", 1, "x")
    describe(p, "a group", GROUP, p.name("g"), ["consumer.session.timeout.ms"])


@scenario("configs/alter-incrementally")
def _(p):
    topic = p.topic("t")
    alter(p, "set", TOPIC, topic, ("retention.ms", SET, "5000"))
    alter(p, "append to a list", TOPIC, topic, ("cleanup.policy", APPEND, "compact"))
    describe(p, "after", TOPIC, topic, ["retention.ms", "cleanup.policy"])
    alter(p, "subtract", TOPIC, topic, ("cleanup.policy", SUBTRACT, "compact"))
    alter(p, "append to a number", TOPIC, topic, ("retention.ms", APPEND, "1"))
    alter(p, "delete", TOPIC, topic, ("retention.ms", DELETE, None))
    alter(p, "delete what was never set", TOPIC, topic, ("segment.bytes", DELETE, None))
    alter(p, "unknown key", TOPIC, topic, ("no.such", SET, "1"))
    alter(p, "bad value", TOPIC, topic, ("retention.ms", SET, "x"))
    alter(p, "null value", TOPIC, topic, ("retention.ms", SET, None))
    alter(p, "same key twice", TOPIC, topic, ("retention.ms", SET, "1"), ("retention.ms", SET, "2"))
    alter(p, "operation 9", TOPIC, topic, ("retention.ms", 9, "1"))
    alter(p, "unknown topic", TOPIC, p.name("missing"), ("retention.ms", SET, "1"))
    alter(p, "validated only", TOPIC, topic, ("retention.ms", SET, "77"), validate_only=True)
    describe(p, "at the end", TOPIC, topic, ["retention.ms", "cleanup.policy"])


# ---- transactions ----------------------------------------------------------------------------------------------------------------

def transactional(p, text="tx", **more):
    name = p.name(text)
    p.coordinator(name, 1)
    return (name, *p.producer(name, **more))


def add(p, label, name, pid, epoch, topic, partitions=(0,), version=3):
    return p.asked(label, "AddPartitionsToTxn", version, transactional_id=name, producer_id=pid, producer_epoch=epoch, topics=[{"name": topic, "partitions": list(partitions)}])


def end(p, label, name, pid, epoch, committed, version=3):
    return p.asked(label, "EndTxn", version, transactional_id=name, producer_id=pid, producer_epoch=epoch, committed=committed)


@scenario("transactions/init-producer-id")
def _(p):
    name = p.name("tx")
    p.coordinator(name, 1)
    ask = lambda label, version=4, **more: p.asked(label, "InitProducerId", version, **{"transactional_id": name, **more})
    first = ask("first")
    ask("again: epoch goes up")
    ask("empty id", transactional_id="")
    ask("time-out too long", transaction_timeout_ms=10_000_000)
    ask("time-out 0", transaction_timeout_ms=0)
    ask("only a producer id", producer_id=first["producer_id"])
    ask("old epoch", producer_id=first["producer_id"], producer_epoch=first["producer_epoch"])
    ask("other producer id", producer_id=first["producer_id"] + 10**6, producer_epoch=0)
    ask("old epoch, v3", 3, producer_id=first["producer_id"], producer_epoch=5)


@scenario("transactions/commit-and-abort-v1")
def _(p):
    topic = p.topic("t")
    name, pid, epoch = transactional(p)
    data = lambda n, value: batch([value], producer_id=pid, epoch=epoch, sequence=n, transactional=True, stamp=p.time())
    p.note("produce before adding", p.produce(topic, data(0, b"early"), version=9, transactional_id=name))
    add(p, "add", name, pid, epoch, topic)
    p.note("produce", p.produce(topic, data(0, b"committed"), version=9, transactional_id=name))
    p.note("read_committed sees nothing yet", p.fetch(topic, isolation_level=1))
    p.note("latest, read_committed", p.ask("ListOffsets", 8, isolation_level=1, topics=[{"name": topic, "partitions": [{"partition_index": 0, "timestamp": LATEST}]}]))
    end(p, "commit", name, pid, epoch, True)
    p.finished(name)
    end(p, "commit again, once it is complete", name, pid, epoch, True)
    end(p, "abort, once the commit is complete", name, pid, epoch, False)
    add(p, "add again", name, pid, epoch, topic)
    p.note("produce to abort", p.produce(topic, data(1, b"aborted"), version=9, transactional_id=name))
    end(p, "abort", name, pid, epoch, False)
    p.finished(name)
    p.note("read_committed", p.fetch(topic, isolation_level=1))
    p.note("read_uncommitted", p.fetch(topic))


@scenario("transactions/end-errors")
def _(p):
    topic = p.topic("t")
    name, pid, epoch = transactional(p)
    end(p, "commit of an empty transaction", name, pid, epoch, True)
    end(p, "abort of an empty transaction", name, pid, epoch, False)
    end(p, "older epoch", name, pid, epoch - 1, True)
    end(p, "newer epoch", name, pid, epoch + 1, True)
    end(p, "other producer id", name, pid + 10**6, epoch, True)
    end(p, "unknown id", p.name("missing"), pid, epoch, True)
    end(p, "newer epoch, v1", name, pid, epoch + 1, True, version=1)
    add(p, "add: unknown topic and known one", name, pid, epoch, p.name("missing"))
    add(p, "add: newer epoch", name, pid, epoch + 1, topic)
    add(p, "add: newer epoch, v0", name, pid, epoch + 1, topic, version=0)


@scenario("transactions/offsets")
def _(p):
    topic, group = p.topic("t"), p.name("g")
    name, pid, epoch = transactional(p)
    p.coordinator(group)
    fetch = lambda label, **more: p.asked(label, "OffsetFetch", 7, group_id=group, topics=[{"name": topic, "partition_indexes": [0]}], **more)
    p.asked("add offsets", "AddOffsetsToTxn", 3, transactional_id=name, producer_id=pid, producer_epoch=epoch, group_id=group)
    p.asked("commit in the transaction", "TxnOffsetCommit", 3, transactional_id=name, group_id=group, producer_id=pid, producer_epoch=epoch, topics=[{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": 7}]}])
    fetch("pending: plain")
    fetch("pending: stable wanted", require_stable=True)
    end(p, "commit", name, pid, epoch, True)
    p.finished(name)
    fetch("after", require_stable=True)
    p.asked("add offsets again", "AddOffsetsToTxn", 3, transactional_id=name, producer_id=pid, producer_epoch=epoch, group_id=group)
    p.asked("unknown generation", "TxnOffsetCommit", 3, transactional_id=name, group_id=group, producer_id=pid, producer_epoch=epoch, generation_id=5, member_id="m", topics=[{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": 8}]}])


# ---- admin -----------------------------------------------------------------------------------------------------------------------

@scenario("admin/elect-leaders")
def _(p):
    topic = p.topic("t", 2)
    p.asked("preferred, known and unknown", "ElectLeaders", 2, topic_partitions=[{"topic": topic, "partitions": [0, 9]}, {"topic": p.name("missing"), "partitions": [0]}])
    p.asked("unclean", "ElectLeaders", 2, election_type=1, topic_partitions=[{"topic": topic, "partitions": [0]}])
    p.note("type 5", p.ask("ElectLeaders", 2, p.connect(), election_type=5, topic_partitions=[{"topic": topic, "partitions": [0]}]))


@scenario("admin/log-dirs")
def _(p):
    topic = p.topic("t")
    p.produce(topic, one(stamp=p.time()))
    p.asked("one topic", "DescribeLogDirs", 4, topics=[{"topic": topic, "partitions": [0]}])
    p.asked("unknown topic", "DescribeLogDirs", 4, topics=[{"topic": p.name("missing"), "partitions": [0]}])
    p.asked("move to an unknown folder", "AlterReplicaLogDirs", 2, dirs=[{"path": "/no/such/folder", "topics": [{"name": topic, "partitions": [0]}]}])


@scenario("admin/quorum-and-features")
def _(p):
    got = p.ask("DescribeQuorum", 0, topics=[{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}])
    part = got["topics"][0]["partitions"][0]
    p.note("quorum", {"error_code": got["error_code"], "leader_id": part["leader_id"], "voters": len(part["current_voters"]), "observers": len(part["observers"])})
    p.asked("quorum of another topic", "DescribeQuorum", 0, topics=[{"topic_name": "other", "partitions": [{"partition_index": 0}]}])
    p.asked("unknown feature", "UpdateFeatures", 1, feature_updates=[{"feature": "no.such", "max_version_level": 1}], validate_only=True)
    p.asked("level too high", "UpdateFeatures", 1, feature_updates=[{"feature": "group.version", "max_version_level": 99}], validate_only=True)
    p.asked("no updates", "UpdateFeatures", 1, feature_updates=[])


@scenario("admin/quorum")
def _(p):
    ask = lambda version, *topics: p.ask("DescribeQuorum", version, topics=[{"topic_name": name, "partitions": [{"partition_index": n} for n in indexes]} for name, indexes in topics])
    log = "__cluster_metadata"
    for version in range(3):
        got = ask(version, (log, [0]))
        part, voter = got["topics"][0]["partitions"][0], got["topics"][0]["partitions"][0]["current_voters"][0]
        p.note(f"v{version}", {"error_code": got["error_code"], "leader_id": part["leader_id"], "voters": len(part["current_voters"]), "observers": part["observers"],
            "all of it": part["high_watermark"] == voter["log_end_offset"] > 0, "fetched": voter.get("last_fetch_timestamp"), "caught up": voter.get("last_caught_up_timestamp"),
            "nodes": [{"node_id": node["node_id"], "listeners": len(node["listeners"])} for node in got.get("nodes", [])]})
    p.note("another topic, v2", ask(2, ("other", [0])))
    p.note("another partition", ask(1, (log, [1])))
    p.note("two partitions", ask(1, (log, [0, 1])))
    p.note("two topics", ask(2, (log, [0]), ("other", [0])))
    p.note("no partition", ask(2, (log, [])))
    p.note("nothing", ask(2))


@scenario("admin/describe-producers")
def _(p):
    topic, appended = p.topic("t", 2), p.topic("u", 1, message_timestamp_type="LogAppendTime")
    ask = lambda label, *topics: p.asked(label, "DescribeProducers", 0, topics=[{"name": name, "partition_indexes": indexes} for name, indexes in topics])
    ask("nobody", (topic, [0]))
    first, second = p.producer(), p.producer()
    send = lambda topic, producer, sequence, count, stamp, raised=0: p.produce(topic, batch([b"v"] * count, producer_id=producer[0], epoch=producer[1] + raised, sequence=sequence, stamp=p.time(stamp)))
    send(topic, first, 0, 2, 5)
    send(topic, first, 2, 3, 3)
    ask("one", (topic, [0, 1]))
    send(topic, second, 7, 1, 9)
    ask("two", (topic, [0]))
    send(topic, first, 0, 1, 9, raised=3)
    ask("a higher epoch", (topic, [0]))
    send(appended, first, 0, 1, 5)
    ask("LogAppendTime", (appended, [0]))
    p.ask("DeleteRecords", 1, topics=[{"name": topic, "partitions": [{"partition_index": 0, "offset": -1}]}])
    ask("their records deleted", (topic, [0]))
    send(topic, second, 9, 1, 9)
    ask("a gap after that", (topic, [0]))
    ask("unknown", (topic, [7, -1]), (p.name("missing"), [0]), ("no/name", [0]))
    ask("nothing")


@scenario("admin/reassignments")
def _(p):
    topic, missing = p.topic("t", 2), p.name("missing")
    alter = lambda label, *topics, version=0, **more: p.asked(label, "AlterPartitionReassignments", version, topics=[{"name": name, "partitions": [{"partition_index": index, "replicas": replicas} for index, replicas in partitions]} for name, partitions in topics], **more)
    here, away = [p.node], [p.node + 1]
    alter("to where it is", (topic, [(0, here)]))
    alter("cancel", (topic, [(0, None)]))
    alter("unknown", (topic, [(9, here), (9, None), (-1, here)]), (missing, [(0, here), (1, None)]), ("no/name", [(0, here)]))
    alter("some good, some not", (topic, [(0, here), (1, away)]))
    for label, replicas in {"nobody": [], "twice": here + here, "one more": here + away, "another": away, "-1": [-1]}.items():
        alter(label, (topic, [(0, replicas)]))
        alter(f"{label}, count kept", (topic, [(0, replicas)]), version=1, allow_replication_factor_change=False)
        alter(f"{label}, no such partition", (topic, [(9, replicas)]))
    alter("count may change", (topic, [(0, here)]), version=1, allow_replication_factor_change=True)
    alter("one partition twice", (topic, [(0, here), (0, here)]))
    alter("no time", (topic, [(0, here), (9, here)]), timeout_ms=0)
    alter("less than no time", (topic, [(0, here)]), version=1, timeout_ms=-1)
    alter("nothing", version=1, timeout_ms=-1)
    alter("no partition", (topic, []))
    p.asked("list", "ListPartitionReassignments", 0, topics=None)
    p.asked("list one, no time", "ListPartitionReassignments", 0, topics=[{"name": topic, "partition_indexes": [0]}], timeout_ms=-1)


# ---- quotas ----------------------------------------------------------------------------------------------------------------------

RATES = ("producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate")


def entity(parts):
    return [{"entity_type": kind, "entity_name": name} for kind, name in parts]


def change_quotas(p, parts, values, version=1, **more):
    """None unsets a key."""
    ops = [{"key": key, "value": value or 0.0, "remove": value is None} for key, value in values]
    answer = p.ask("AlterClientQuotas", version, entries=[{"entity": entity(parts), "ops": ops}], **more)
    for entry in answer["entries"]:
        entry["entity"].sort(key=lambda part: part["entity_type"])
    return answer


def find_quotas(p, components, strict=True, version=1):
    """The order of what is found is that of a hash table there."""
    components = [{"entity_type": kind, "match_type": how, "match": name} for kind, how, name in components]
    answer = p.ask("DescribeClientQuotas", version, components=components, strict=strict)
    for entry in answer["entries"] or []:
        entry["values"].sort(key=lambda value: value["key"])
    (answer["entries"] or []).sort(key=lambda entry: [(part["entity_type"], part["entity_name"] or "") for part in entry["entity"]])
    return answer


def texts(answer):
    """What an answer says in words, which the notes leave out."""
    return [answer.get("error_message")] + [entry.get("error_message") for entry in answer.get("entries") or []]


def client_with(p, text, **values):
    """The id of a client that has these quotas, once they count."""
    client = p.name(text)
    change_quotas(p, [("client-id", client)], list(values.items()))
    p.until(lambda: find_quotas(p, [("client-id", 0, client)])["entries"])
    return client


def asked_by(p, client, connection, api, version, **values):
    connection.send(api, version, client_id=client, **values)
    return connection.receive(api, version)


def pause(answer):
    """In tens of seconds, for it depends a little on how long the probe itself takes."""
    return round(answer["throttle_time_ms"] / 10_000)


@scenario("quotas/alter")
def _(p):
    user, client = ("user", p.name("user")), ("client-id", p.name("client"))
    rate = ("producer_byte_rate", 1000.0)
    wrong = {
        "no entity": ([], [rate]),
        "unknown kind": ([("group", "g")], [rate]),
        "empty user": ([("user", "")], [rate]),
        "empty client id": ([("client-id", "")], [rate]),
        "address with a user": ([("ip", "127.0.0.1"), user], [rate]),
        "address that is none": ([("ip", "no.such.host.invalid")], [("connection_creation_rate", 5.0)]),
        "unknown key": ([user], [("no_such_rate", 1.0)]),
        "key of users for an address": ([("ip", "127.0.0.9")], [rate]),
        "key of addresses for a user": ([user], [("connection_creation_rate", 5.0)]),
        "zero": ([user], [("producer_byte_rate", 0.0)]),
        "negative": ([user], [("request_percentage", -1.0)]),
        "fraction of a byte": ([user], [("consumer_byte_rate", 1.5)]),
        "fraction of a connection": ([("ip", "127.0.0.9")], [("connection_creation_rate", 1.5)]),
        "more bytes than there are": ([user], [("producer_byte_rate", 1e300)]),
        "too many connections": ([("ip", "127.0.0.9")], [("connection_creation_rate", 3e9)]),
        "one key twice": ([user], [rate, ("producer_byte_rate", 2000.0)]),
        "one key twice, of both": ([client, user], [rate, rate]),
        "good and bad": ([user], [rate, ("no_such_rate", 1.0)]),
    }
    right = {
        "nothing": ([user], []),
        "unset what is not set": ([user], [rate[:1] + (None,)]),
        "unset what does not exist": ([user], [("no_such_rate", None)]),
        "fractions that may be": ([user], [("request_percentage", 0.5), ("controller_mutation_rate", 1.5)]),
        "huge": ([user], [("request_percentage", 1e300)]),
        "of both": ([user, client], [rate]),
        "one kind twice, the last counts": ([("user", p.name("first")), ("user", p.name("last"))], [rate]),
        "an address": ([("ip", "127.0.0.9")], [("connection_creation_rate", 5.0)]),
        "the default": ([("user", None), ("client-id", None)], [rate]),
    }
    for label, (parts, values) in {**wrong, **right}.items():
        for version in (0, 1):
            answer = change_quotas(p, parts, values, version)
            p.note(f"{label}, v{version}", answer)
            p.note(f"{label}, v{version}, in words", texts(answer))
    p.note("a trial", change_quotas(p, [client], [rate], validate_only=True))
    p.note("a trial of what cannot be", change_quotas(p, [client], [("no_such_rate", 1.0)], validate_only=True))
    twice = {"entity": entity([client]), "ops": [{"key": "producer_byte_rate", "value": 1.0}]}
    answer = p.asked("one entity twice", "AlterClientQuotas", 1, entries=[twice, twice])
    p.note("one entity twice, in words", texts(answer))
    p.asked("nobody", "AlterClientQuotas", 1, entries=[])
    p.until(lambda: find_quotas(p, [("client-id", 0, client[1])])["entries"])
    p.note("of the user", find_quotas(p, [("user", 0, user[1])]))
    p.note("of the client", find_quotas(p, [("client-id", 0, client[1])]))
    for parts in ([user], [client], [user, client], [("ip", "127.0.0.9")], [("user", None), ("client-id", None)], [("user", p.name("last"))]):
        change_quotas(p, parts, [(key, None) for key in (*RATES, "connection_creation_rate")])
    p.until(lambda: not find_quotas(p, [], strict=False)["entries"])


@scenario("quotas/describe")
def _(p):
    user, client = ("user", p.name("user")), ("client-id", p.name("client"))
    kept = [[user], [client], [user, client], [user, ("client-id", None)], [("user", None)], [("ip", "127.0.0.9")], [("ip", None)]]
    for parts in kept:
        key = "connection_creation_rate" if parts[0][0] == "ip" else "consumer_byte_rate"
        change_quotas(p, parts, [(key, 1e9)])
    p.until(lambda: len(find_quotas(p, [], strict=False)["entries"]) == len(kept))
    filters = {
        "everything": [],
        "the user": [("user", 0, user[1])],
        "the default user": [("user", 1, None)],
        "any user": [("user", 2, None)],
        "the user with any client": [("user", 0, user[1]), ("client-id", 2, None)],
        "the user with the default client": [("user", 0, user[1]), ("client-id", 1, None)],
        "any client": [("client-id", 2, None)],
        "another user": [("user", 0, p.name("other"))],
        "an address": [("ip", 0, "127.0.0.9")],
        "any address": [("ip", 2, None)],
        "an empty name": [("user", 0, "")],
        "no kind": [("", 0, "x")],
        "an unknown kind": [("group", 2, None)],
        "a kind twice": [("user", 2, None), ("user", 1, None)],
        "no name": [("user", 0, None)],
        "a name for the default": [("user", 1, "x")],
        "a name for any": [("user", 2, "x")],
        "an unknown match": [("user", 3, None)],
        "an address with a user": [("ip", 2, None), ("user", 2, None)],
    }
    for label, components in filters.items():
        for strict in (False, True):
            answer = find_quotas(p, components, strict, version=int(strict))
            p.note(f"{label}, {'alone' if strict else 'with others'}", answer)
            p.note(f"{label}, {'alone' if strict else 'with others'}, in words", answer["error_message"])
    for parts in kept:
        change_quotas(p, parts, [(key, None) for key in ("connection_creation_rate", "consumer_byte_rate")])
    p.until(lambda: not find_quotas(p, [], strict=False)["entries"])


@scenario("quotas/produce")
def _(p):
    topic, client = p.topic("t"), client_with(p, "client", producer_byte_rate=1000.0)
    send = lambda connection, size, acks=-1, version=9: asked_by(p, client, connection, "Produce", version, acks=acks, topics=[{"name": topic, "partitions": [{"index": 0, "records": one(b"x" * size, stamp=p.time())}]}])
    first, other = p.connect(), p.connect()
    p.note("within the quota", send(first, 4000))
    # 344 kB in ten seconds, of which ten may be: 334 to go.
    answer = send(first, 340_000)
    p.note("beyond, the pause", pause(answer))
    p.note("and it is stored", answer["topics"])
    first.send("ApiVersions", 0, client_id=client)
    p.note("the connection is muted", first.frame(1))
    answer = send(other, 10)
    p.note("another connection of the client, the pause", pause(answer))
    p.note("another client", p.produce(topic, one(stamp=p.time())))
    mute = p.connect()
    mute.send("Produce", 9, client_id=client, acks=0, topics=[{"name": topic, "partitions": [{"index": 0, "records": one(stamp=p.time())}]}])
    mute.send("ApiVersions", 0, client_id=client)
    p.note("muted without an answer as well", mute.frame(1))
    change_quotas(p, [("client-id", client)], [("producer_byte_rate", None)])
    p.until(lambda: not find_quotas(p, [("client-id", 0, client)])["entries"])
    p.note("without the quota", send(p.connect(), 30_000))


@scenario("quotas/fetch")
def _(p):
    topic, client = p.topic("t"), client_with(p, "client", consumer_byte_rate=1000.0)
    for _ in range(3):
        p.produce(topic, one(b"x" * 6000, stamp=p.time()))
    fetch = lambda connection, session=(0, -1), topics=True: asked_by(p, client, connection, "Fetch", 11, max_wait_ms=200, min_bytes=1, max_bytes=7000, session_id=session[0], session_epoch=session[1], topics=[{"topic": topic, "partitions": [{"partition": 0, "fetch_offset": 0}]}] if topics else [])
    whole = lambda answer: [len([b for b in describe_batches(part["records"]) if b != "cut batch"]) for t in answer["topics"] for part in t["partitions"]]
    first = p.connect()
    answer = fetch(first, (0, 0))
    session = answer["session_id"]
    p.note("within the quota, batches", whole(answer))
    p.note("within the quota, pause", answer["throttle_time_ms"])
    answer = fetch(first, (session, 1))
    p.note("beyond", [answer["error_code"], answer["topics"], answer["session_id"] == session, answer["throttle_time_ms"] > 0])
    first.send("ApiVersions", 0, client_id=client)
    p.note("the connection is muted", first.frame(0.5))
    answer = fetch(p.connect(), (0, 0))
    p.note("beyond, asking for a session", [answer["error_code"], answer["topics"], answer["session_id"], answer["throttle_time_ms"] > 0])
    answer = fetch(p.connect())
    p.note("beyond, without a session", [answer["error_code"], answer["topics"], answer["session_id"], answer["throttle_time_ms"] > 0])
    answer = fetch(p.connect(), (12345, 7))
    p.note("beyond, of an unknown session", [answer["error_code"], answer["topics"], answer["session_id"], answer["throttle_time_ms"] > 0])
    change_quotas(p, [("client-id", client)], [("consumer_byte_rate", None)])
    p.until(lambda: not find_quotas(p, [("client-id", 0, client)])["entries"])
    p.note("without the quota, batches", whole(fetch(p.connect())))


@scenario("quotas/requests")
def _(p):
    client = client_with(p, "client", request_percentage=0.000001)
    asks = {"Metadata": (8, {"topics": []}), "ApiVersions": (2, {}), "FindCoordinator": (4, {"coordinator_keys": ["g"]}), "ListOffsets": (5, {"topics": []}), "Heartbeat": (3, {"group_id": "g", "member_id": "m"}),
            "DescribeConfigs": (2, {"resources": []}), "Fetch": (11, {"topics": []}), "Produce": (9, {"acks": -1, "topics": []}), "CreateTopics": (4, {"topics": []})}
    for api, (version, values) in asks.items():
        p.note(api, asked_by(p, client, p.connect(), api, version, **values)["throttle_time_ms"])
    change_quotas(p, [("client-id", client)], [("request_percentage", None)])


@scenario("quotas/mutations")
def _(p):
    client = client_with(p, "client", controller_mutation_rate=0.1)
    of_topic = lambda text, count: [{"name": p.name(text), "num_partitions": count}]
    def ask(label, api, version, key, connection=None, **values):
        answer = asked_by(p, client, connection or p.connect(), api, version, **values)
        p.note(label, [pause(answer), [[item["error_code"], item["error_code"] == 89 and item.get("error_message")] for item in answer[key]]])
    # A full bucket has 1.1; the first one leaves it 29.9 short, which is 299 s.
    ask("beyond the quota", "CreateTopics", 6, "topics", topics=of_topic("a", 31))
    muted = p.connect()
    ask("refused", "CreateTopics", 6, "topics", muted, topics=of_topic("b", 1))
    muted.send("ApiVersions", 0, client_id=client)
    p.note("the connection is muted", muted.frame(1))
    ask("a trial", "CreateTopics", 6, "topics", topics=of_topic("b", 1), validate_only=True)
    ask("one that cannot be", "CreateTopics", 6, "topics", topics=of_topic("a", 1))
    ask("larger", "CreatePartitions", 3, "results", topics=[{"name": p.name("a"), "count": 32}])
    ask("smaller", "CreatePartitions", 3, "results", topics=[{"name": p.name("a"), "count": 3}])
    ask("deleted", "DeleteTopics", 5, "responses", topic_names=[p.name("a")])
    ask("unknown", "DeleteTopics", 5, "responses", topic_names=[p.name("missing")])
    ask("before refusals", "CreateTopics", 5, "topics", topics=of_topic("c", 10))
    ask("larger before refusals", "CreatePartitions", 2, "results", topics=[{"name": p.name("a"), "count": 41}])
    ask("deleted before refusals", "DeleteTopics", 4, "responses", topic_names=[p.name("c")])
    asked_by(p, client, p.connect(), "Metadata", 4, topics=[{"name": p.name("auto")}], allow_auto_topic_creation=True)
    p.note("no topic is made by asking", p.ask("Metadata", 4, topics=[{"name": p.name("auto")}], allow_auto_topic_creation=False)["topics"][0]["error_code"])
    p.note("another client", p.ask("CreateTopics", 6, topics=of_topic("d", 40))["topics"][0]["error_code"])
    change_quotas(p, [("client-id", client)], [("controller_mutation_rate", None)])


# ---- security, with no authorizer and no SASL ------------------------------------------------------------------------------------

@scenario("security/acls-without-authorizer")
def _(p):
    p.asked("describe", "DescribeAcls", 3, resource_type_filter=1, pattern_type_filter=1, operation=1, permission_type=1)
    p.asked("create", "CreateAcls", 3, creations=[{"resource_type": 2, "resource_name": "x", "principal": "User:a", "host": "*", "operation": 3, "permission_type": 3}])
    p.asked("delete", "DeleteAcls", 3, filters=[{"resource_type_filter": 1, "pattern_type_filter": 1, "operation": 1, "permission_type": 1}])


@scenario("security/sasl-on-a-plain-listener")
def _(p):
    p.note("handshake", p.ask("SaslHandshake", 1, p.connect(), mechanism="PLAIN"))
    p.note("authenticate", p.ask("SaslAuthenticate", 2, p.connect(), auth_bytes=b"\0u\0p"))


@scenario("security/scram-users")
def _(p):
    user = p.name("user")
    up = lambda label, **more: p.asked(label, "AlterUserScramCredentials", 0, upsertions=[{"name": user, "mechanism": 1, "iterations": 4096, "salt": b"salt", "salted_password": b"p" * 32, **more}])
    up("good")
    p.asked("describe", "DescribeUserScramCredentials", 0, users=[{"name": user}, {"name": p.name("missing")}])
    up("few iterations", iterations=100)
    up("many iterations", iterations=20000)
    up("unknown mechanism", mechanism=9)
    up("no name", name="")
    p.asked("user named twice", "DescribeUserScramCredentials", 0, users=[{"name": user}, {"name": user}])
    p.asked("delete", "AlterUserScramCredentials", 0, deletions=[{"name": user, "mechanism": 1}])
    p.asked("delete again", "AlterUserScramCredentials", 0, deletions=[{"name": user, "mechanism": 1}])

