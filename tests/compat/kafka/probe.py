#!/usr/bin/env python3
"""Asks a broker the awkward questions and writes down what it answers, in a form that can be compared.

  probe.py HOST:PORT [--scenarios FILE.py] [--only REGEX] [--out answers.json] [--compare expected.json [--allow DIFFERENCES.md]]

A scenario is a function in the scenarios file, registered with @scenario("area/name"); it talks raw protocol through `Probe` and
notes labelled answers. What differs from run to run or from host to host (ids, addresses, clocks, message texts) is replaced by a
placeholder or left out, so two brokers that behave alike give equal files. Needs nothing but the standard library.

--compare prints one line a scenario (same, DIFFERS with the first differing paths, FAILED) and exits 1 unless all are the same.
--allow names a Markdown file with a table of differences that are meant: a path pattern in backquotes, then the reason. A row that
no longer matches anything, in a scenario that was asked, is an error too, so that the table only holds what is true.
"""
import argparse, importlib.util, json, os, re, socket, struct, sys, time, uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from messages import ERRORS, MESSAGES

SCENARIOS = {}


def scenario(name):
    """Registers a scenario under `area/name`."""
    def register(function):
        assert name not in SCENARIOS, name
        SCENARIOS[name] = function
        return function
    return register


# ---- message schemas -------------------------------------------------------------------------------------------------------------

class Field:
    """One field of a message: what it is, in which versions, and whether it is tagged."""

    def __init__(self, name, kind, inner=None, nullable=False, default=None, versions=(0, 99), tag=None):
        self.name, self.kind, self.inner, self.nullable, self.default, self.versions, self.tag = name, kind, inner, nullable, default, versions, tag

    def present(self, version):
        return self.versions[0] <= version <= self.versions[1]


_TOKENS = re.compile(r"[A-Za-z_0-9]+:|[\[\]{}?]|=-?\d+|@\d+(?:-\d+|\+)?|#\d+|[a-z0-9]+")


def parse_fields(text):
    """Turns the text of `messages.py` into a list of Fields."""
    tokens = _TOKENS.findall(text)
    fields, rest = _parse_fields(tokens)
    assert not rest, rest
    return fields


def _parse_fields(tokens):
    fields = []
    while tokens and tokens[0] not in "]}":
        name, tokens = tokens[0][:-1], tokens[1:]
        nullable = tokens[0] == "?"
        tokens = tokens[1:] if nullable else tokens
        opener, tokens = tokens[0], tokens[1:]
        inner = None
        if opener in "[{":
            if opener == "[" and tokens[1] == "]" and not tokens[0].endswith(":"):
                inner, tokens = tokens[0], tokens[2:]
            else:
                inner, tokens = _parse_fields(tokens)
                tokens = tokens[1:]
        field = Field(name, opener, inner, nullable)
        while tokens and tokens[0][0] in "=@#":
            mark, tokens = tokens[0], tokens[1:]
            if mark[0] == "=":
                field.default = int(mark[1:])
            elif mark[0] == "#":
                field.tag = int(mark[1:])
            else:
                low, _, high = mark[1:].partition("-")
                field.versions = (int(low[:-1]), 99) if low.endswith("+") else (int(low), int(high or low))
        fields.append(field)
    return fields, tokens


SCHEMAS = {name: (key, flexible, parse_fields(request), parse_fields(response)) for name, (key, flexible, request, response) in MESSAGES.items()}
_PACK = {"i8": ">b", "i16": ">h", "u16": ">H", "i32": ">i", "i64": ">q", "f64": ">d", "bool": ">?"}
_ZERO = {"f64": 0.0, "bool": False, "s": "", "b": b"", "ns": None, "nb": None, "uuid": bytes(16)}


# ---- encoding --------------------------------------------------------------------------------------------------------------------

def uvarint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value):
    """A zigzag varint, as records use."""
    return uvarint((value << 1) ^ (value >> 63) if value < 0 else value << 1)


def encode_struct(fields, values, version, flexible):
    unknown = set(values) - {f.name for f in fields}
    assert not unknown, f"no such field: {unknown}"
    out, tagged = b"", []
    for field in (f for f in fields if f.present(version)):
        value = values.get(field.name, _default(field))
        if field.tag is None:
            out += encode_value(field, value, version, flexible)
        elif field.name in values:
            tagged.append((field.tag, encode_value(field, value, version, flexible)))
    if flexible:
        out += uvarint(len(tagged)) + b"".join(uvarint(tag) + uvarint(len(data)) + data for tag, data in sorted(tagged))
    return out


def _default(field):
    if field.default is not None:
        return field.default
    if field.kind in "[{":
        return None if field.nullable else [] if field.kind == "[" else {}
    return _ZERO.get(field.kind, 0)


def encode_value(field, value, version, flexible):
    kind = field.kind
    if kind in _PACK:
        return struct.pack(_PACK[kind], value)
    if kind == "uuid":
        return value
    if kind in ("s", "ns", "b", "nb"):
        data = value.encode() if isinstance(value, str) else value
        wide = kind in ("b", "nb")
        if flexible:
            return uvarint(0) if data is None else uvarint(len(data) + 1) + data
        head = ">i" if wide else ">h"
        return struct.pack(head, -1) if data is None else struct.pack(head, len(data)) + data
    if kind == "{":
        if field.nullable:
            return struct.pack(">b", -1) if value is None else struct.pack(">b", 1) + encode_struct(field.inner, value, version, flexible)
        return encode_struct(field.inner, value, version, flexible)
    count = -1 if value is None else len(value)
    head = uvarint(count + 1) if flexible else struct.pack(">i", count)
    item = Field("", field.inner) if isinstance(field.inner, str) else Field("", "{", field.inner)
    return head + b"".join(encode_value(item, v, version, flexible) for v in value or [])


class Reader:
    """Reads one answer from its bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("the answer ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def varint(self):
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)


def decode_struct(fields, reader, version, flexible):
    out = {}
    for field in fields:
        if field.present(version) and field.tag is None:
            out[field.name] = decode_value(field, reader, version, flexible)
    if flexible:
        for _ in range(reader.uvarint()):
            tag, data = reader.uvarint(), reader.take(reader.uvarint())
            field = next((f for f in fields if f.tag == tag and f.present(version)), None)
            out[field.name if field else f"tag {tag}"] = decode_value(field, Reader(data), version, flexible) if field else data.hex()
    return out


def decode_value(field, reader, version, flexible):
    kind = field.kind
    if kind in _PACK:
        return reader.unpack(_PACK[kind])
    if kind == "uuid":
        return reader.take(16)
    if kind in ("s", "ns", "b", "nb"):
        length = reader.uvarint() - 1 if flexible else reader.unpack(">i" if kind in ("b", "nb") else ">h")
        data = None if length < 0 else reader.take(length)
        return data.decode("utf-8", "replace") if data is not None and kind in ("s", "ns") else data
    if kind == "{":
        if field.nullable and reader.unpack(">b") < 0:
            return None
        return decode_struct(field.inner, reader, version, flexible)
    count = reader.uvarint() - 1 if flexible else reader.unpack(">i")
    if count < 0:
        return None
    item = Field("", field.inner) if isinstance(field.inner, str) else Field("", "{", field.inner)
    return [decode_value(item, reader, version, flexible) for _ in range(count)]


# ---- record batches --------------------------------------------------------------------------------------------------------------

_CRC_TABLE = []
for _n in range(256):
    for _ in range(8):
        _n = _n >> 1 ^ 0x82F63B78 if _n & 1 else _n >> 1
    _CRC_TABLE.append(_n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def batch(values, *, keys=None, timestamps=None, base_offset=0, magic=2, attributes=0, producer_id=-1, epoch=-1, sequence=-1,
          transactional=False, control=False, bad_crc=False, count=None, last_offset_delta=None, leader_epoch=-1, stamp=0):
    """A v2 record batch, uncompressed; the odd arguments make it wrong in one way."""
    keys = keys or [None] * len(values)
    timestamps = timestamps or [stamp] * len(values)
    base, records = (timestamps[0] if timestamps else stamp), b""
    for n, (key, value) in enumerate(zip(keys, values)):
        body = b"\0" + varint(timestamps[n] - base) + varint(n)
        for part in (key, value):
            body += varint(-1) if part is None else varint(len(part)) + part
        body += varint(0)
        records += varint(len(body)) + body
    attributes |= (16 if transactional else 0) | (32 if control else 0)
    delta = len(values) - 1 if last_offset_delta is None else last_offset_delta
    tail = struct.pack(">hiqqqhii", attributes, delta, base, max(timestamps or [base]), producer_id, epoch, sequence, len(values) if count is None else count) + records
    crc = crc32c(tail) ^ (1 if bad_crc else 0)
    return struct.pack(">qiibI", base_offset, len(tail) + 9, leader_epoch, magic, crc) + tail


def describe_batches(data):
    """What a fetch returned, batch by batch: enough to compare, nothing that varies."""
    if data is None:
        return None
    out, reader = [], Reader(data)
    while len(data) - reader.at >= 61:
        base, length, leader_epoch, magic = reader.unpack(">q"), reader.unpack(">i"), reader.unpack(">i"), reader.unpack(">b")
        if len(data) - reader.at < length - 5:
            out.append("cut batch")
            return out
        body = Reader(reader.take(length - 5))
        crc, rest = body.unpack(">I"), body.data[4:]
        attributes, delta, first, largest, producer_id, epoch, sequence, count = (body.unpack(f) for f in (">h", ">i", ">q", ">q", ">q", ">h", ">i", ">i"))
        item = {"base_offset": base, "last_offset": base + delta, "leader_epoch": leader_epoch, "magic": magic, "crc": "right" if crc == crc32c(rest) else "wrong",
                "attributes": attributes, "base_timestamp": first, "max_timestamp": largest, "producer_id": producer_id, "producer_epoch": epoch, "base_sequence": sequence}
        if attributes & 7 == 0:
            item["records"] = [_record(body, base, attributes & 32) for _ in range(count)]
        out.append(item)
    if reader.at < len(data):
        out.append("cut batch")
    return out


def _record(reader, base, control):
    reader.varint(), reader.take(1), reader.varint()
    offset, parts = base + reader.varint(), []
    for _ in range(2):
        length = reader.varint()
        parts.append(None if length < 0 else reader.take(length))
    for _ in range(reader.varint()):
        reader.take(reader.varint()), reader.take(max(0, reader.varint()))
    if control:
        return f"{offset}: {'commit' if parts[0][2:4] == bytes([0, 1]) else 'abort'} marker"
    show = lambda part: "null" if part is None else part.decode("latin-1") if len(part) <= 40 else f"{len(part)} bytes"
    return f"{offset}: {show(parts[0])} = {show(parts[1])}"


# ---- the connection --------------------------------------------------------------------------------------------------------------

CLOSED, SILENT = {"connection": "closed"}, {"connection": "no answer"}


class Connection:
    """One TCP connection to the broker."""

    def __init__(self, address):
        self.socket, self.correlation = socket.create_connection(address, 10), 0

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, name, version, client_id="probe", **values):
        key, flexible, request, _ = SCHEMAS[name]
        self.correlation += 1
        flex = version >= flexible
        head = struct.pack(">hhi", key, version, self.correlation) + struct.pack(">h", len(client_id)) + client_id.encode() + (b"\0" if flex else b"")
        body = head + encode_struct(request, values, version, flex)
        self.socket.sendall(struct.pack(">i", len(body)) + body)

    def receive(self, name, version, timeout=15.0):
        frame = self.frame(timeout)
        if not isinstance(frame, bytes):
            return frame
        _, flexible, _, response = SCHEMAS[name]
        reader, flex = Reader(frame), version >= flexible
        if reader.unpack(">i") != self.correlation:
            return {"connection": "wrong correlation id"}
        if flex and name != "ApiVersions":
            reader.uvarint()
        answer = decode_struct(response, reader, version, flex)
        if reader.at != len(frame):
            answer["trailing bytes"] = len(frame) - reader.at
        return answer

    def frame(self, timeout=15.0):
        """The next frame, CLOSED or SILENT."""
        self.socket.settimeout(timeout)
        try:
            head = self._exactly(4)
            return head if head is CLOSED else self._exactly(struct.unpack(">i", head)[0])
        except socket.timeout:
            return SILENT
        except (ConnectionError, OSError):
            return CLOSED

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                return CLOSED
            data += piece
        return data


# ---- what a scenario works with --------------------------------------------------------------------------------------------------

class Probe:
    """A scenario's hands: connections, unique names, and the notebook."""

    def __init__(self, address):
        self.address, self.run = address, uuid.uuid4().hex[:8]
        self.base_time = (int(time.time()) - 600) * 1000
        self.notes, self.connections, self.seen = {}, [], {}
        self.main = self.connect()
        self.node = self.main_node()

    def main_node(self):
        self.main.send("Metadata", 1, topics=[])
        return self.main.receive("Metadata", 1)["brokers"][0]["node_id"]

    def connect(self):
        self.connections.append(Connection(self.address))
        return self.connections[-1]

    def close(self):
        for connection in self.connections:
            connection.close()

    def name(self, text):
        """A name of this run alone; the notes show it as `text`."""
        return f"p{self.run}-{text}"

    def time(self, milliseconds=0):
        """A timestamp shown in the notes as T+n."""
        return self.base_time + milliseconds

    def ask(self, api, version, connection=None, **values):
        """Sends a request and returns the decoded answer."""
        connection = connection or self.main
        try:
            connection.send(api, version, **values)
        except OSError:
            return CLOSED
        return connection.receive(api, version)

    def note(self, label, answer):
        """Writes an answer into the notebook and returns it."""
        assert label not in self.notes, label
        self.notes[label] = self.normal(answer)
        return answer

    def asked(self, label, api, version, connection=None, **values):
        return self.note(label, self.ask(api, version, connection, **values))

    # -- setting a stage --

    def topic(self, text, partitions=1, **configs):
        """Makes a topic and waits until every partition takes part."""
        name = self.name(text)
        got = self.ask("CreateTopics", 4, topics=[{"name": name, "num_partitions": partitions, "configs": [{"name": k.replace("_", "."), "value": str(v)} for k, v in configs.items()]}])
        assert got["topics"][0]["error_code"] == 0, got
        for partition in range(partitions):
            self.until(lambda: self.ask("ListOffsets", 5, topics=[{"name": name, "partitions": [{"partition_index": partition, "timestamp": -1}]}])["topics"][0]["partitions"][0]["error_code"] == 0)
        return name

    def topic_id(self, name):
        return self.ask("Metadata", 12, topics=[{"name": name}])["topics"][0]["topic_id"]

    def until(self, ready, seconds=20):
        deadline = time.time() + seconds
        while not ready():
            assert time.time() < deadline, "the stage was not set in time"
            time.sleep(0.05)

    def produce(self, topic, records, *, partition=0, version=9, acks=-1, connection=None, **more):
        values = {"acks": acks, "topics": [{"name": topic, "partitions": [{"index": partition, "records": records}]}], **more}
        return self.ask("Produce", version, connection, **values)

    def fetch(self, topic, offset=0, *, version=11, partition=0, connection=None, fields=None, **more):
        entry = {"partition": partition, "fetch_offset": offset, **(fields or {})}
        values = {"max_wait_ms": 200, "min_bytes": 1, "topics": [{"topic": topic, "partitions": [entry]}], **more}
        return self.ask("Fetch", version, connection, **values)

    def coordinator(self, key, key_type=0):
        """Waits until the coordinator of a group (0) or transaction (1) answers for it."""
        self.until(lambda: self.ask("FindCoordinator", 1, key=key, key_type=key_type)["error_code"] == 0)
        if key_type == 0:
            self.until(lambda: self.ask("Heartbeat", 3, group_id=key, generation_id=1, member_id="nobody")["error_code"] not in (14, 15, 16))
        else:
            self.until(lambda: self.ask("DescribeTransactions", 0, transactional_ids=[key])["transaction_states"][0]["error_code"] not in (14, 15, 16))

    def finished(self, transactional_id):
        """Waits until the transaction's markers are written and its end is noted."""
        state = lambda: self.ask("DescribeTransactions", 0, transactional_ids=[transactional_id])["transaction_states"][0]["transaction_state"]
        self.until(lambda: state() in ("CompleteCommit", "CompleteAbort", "Empty"))

    def producer(self, transactional_id=None, version=4, **more):
        """InitProducerId, retried while the coordinator is loading or finishing; returns (producer id, epoch)."""
        while True:
            got = self.ask("InitProducerId", version, transactional_id=transactional_id, **more)
            if got["error_code"] not in (14, 15, 16, 51):
                assert got["error_code"] == 0, got
                return got["producer_id"], got["producer_epoch"]
            time.sleep(0.05)

    def join(self, group, *, member="", version=5, protocols=(("range", b"meta"),), protocol_type="consumer", connection=None, **more):
        """JoinGroup, going through MEMBER_ID_REQUIRED once; returns the final answer."""
        send = lambda m: self.ask("JoinGroup", version, connection, group_id=group, member_id=m, protocol_type=protocol_type, protocols=[{"name": n, "metadata": d} for n, d in protocols], **more)
        got = send(member)
        return send(got["member_id"]) if got.get("error_code") == 79 else got

    def member_of(self, group, **more):
        """One member, joined and synced, in a group of its own; returns (member id, generation)."""
        self.coordinator(group)
        got = self.join(group, **more)
        self.ask("SyncGroup", 3, group_id=group, generation_id=got["generation_id"], member_id=got["member_id"], group_instance_id=more.get("group_instance_id"), assignments=[{"member_id": got["member_id"], "assignment": b"mine"}])
        return got["member_id"], got["generation_id"]

    # -- the notebook's common form --

    def normal(self, value, key=""):
        """Replaces what may differ between two equal brokers."""
        if isinstance(value, dict):
            kept = {k: v for k, v in value.items() if k != "error_message" and not (k == "throttle_time_ms" and v == 0)}
            return {k: describe_and_normal(self, v) if k == "records" else self.normal(v, k) for k, v in kept.items()}
        if isinstance(value, list):
            return [self.normal(v, key) for v in in_order(value)]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, bytes):
            return self._bytes(value)
        if isinstance(value, int):
            return self._integer(value, key)
        if isinstance(value, str):
            return self._string(value, key)
        return value

    def _bytes(self, value):
        if len(value) == 16:
            return "<no uuid>" if not any(value) else self._placeholder("uuid", value)
        return value.decode("latin-1")

    def _integer(self, value, key):
        if key.endswith("error_code"):
            return ERRORS.get(value, value)
        if key in ("node_id", "leader_id", "controller_id", "broker_id", "replica_nodes", "isr_nodes", "replicas", "replica_id"):
            return "<node>" if value == self.node else value
        if key == "port":
            return "<port>" if value > 0 else value
        if key == "producer_id" and value >= 0:
            return self._placeholder("producer", value)
        if key == "session_id" and value:
            return self._placeholder("session", value)
        if key in ("total_bytes", "usable_bytes", "partition_size", "log_end_offset_bytes"):
            return "<bytes>" if value > 0 else value
        if key == "finalized_features_epoch" and value >= 0:
            return "<epoch>"
        if value > 10**12:
            return f"T+{value - self.base_time}" if 0 <= value - self.base_time < 500_000 else "<now>" if abs(value - time.time() * 1000) < 120_000 else "<time>" if value < 4 * 10**12 else value
        return value

    def _string(self, value, key):
        if key in ("host", "client_host"):
            return "<host>" if value else value
        if key in ("cluster_id", "log_dir"):
            return f"<{key}>"
        if key in ("member_id", "leader") and re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|[A-Za-z0-9_-]{22}$", value):
            return self._placeholder("member", value)
        return value.replace(f"p{self.run}-", "").replace(f"p{self.run}", "")

    def _placeholder(self, kind, value):
        known = self.seen.setdefault(kind, [])
        if value not in known:
            known.append(value)
        return f"<{kind} {known.index(value) + 1}>"


def describe_and_normal(probe, records):
    """The records of a fetched partition (a list elsewhere stays a list)."""
    return probe.normal(describe_batches(records) if isinstance(records, bytes) or records is None else records)


_SORT_KEYS = ("name", "topic", "topic_name", "group_id", "transactional_id", "user", "resource_name", "api_key", "partition_index", "partition", "index", "partition_id", "metadata")


def in_order(items):
    """Answers about several things may come in any order: sorts them by what they are about."""
    key = next((k for k in _SORT_KEYS if items and all(isinstance(i, dict) and i.get(k) is not None for i in items)), None)
    return sorted(items, key=lambda item: item[key]) if key else items


# ---- running and comparing -------------------------------------------------------------------------------------------------------

def run(address, only):
    answers = {}
    for name, function in SCENARIOS.items():
        if not re.search(only, name):
            continue
        began, probe = time.time(), None
        try:
            probe = Probe(address)
            function(probe)
            answers[name] = probe.notes
        except Exception as problem:
            answers[name] = {"scenario failed": f"{type(problem).__name__}: {problem}"[:300], **(probe.notes if probe else {})}
        finally:
            if probe:
                probe.close()
        print(f"{time.time() - began:6.2f} s  {name}{'   ' + answers[name]['scenario failed'] if 'scenario failed' in answers[name] else ''}", file=sys.stderr, flush=True)
    return answers


def differences(expected, got, path=""):
    """Paths at which two normalized values differ."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in list(expected) + [k for k in got if k not in expected]:
            yield from differences(expected.get(key, "<absent>"), got.get(key, "<absent>"), f"{path}/{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for n, (a, b) in enumerate(zip(expected, got)):
            yield from differences(a, b, f"{path}/{n}")
    elif expected != got:
        yield f"{path}: expected {json.dumps(expected)[:140]}, got {json.dumps(got)[:140]}"


def allowed_differences(file):
    """The patterns of a table of differences, compiled; they match a path from the scenario's name on."""
    rows = [re.match(r"\| `(.+)` \|", line) for line in open(file, encoding="utf-8")]
    return [row[1].replace(r"\|", "|") for row in rows if row]


def compare(expected, answers, allowed):
    """Prints the verdicts; returns how many scenarios are not the same, and how many rows of the table are stale."""
    wrong, used = 0, set()
    for name, got in answers.items():
        found = []
        for line in differences(expected.get(name, {}), got, name):
            rows = [pattern for pattern in allowed if re.match(pattern, line)]
            used.update(rows)
            if not rows:
                found.append(line)
        wrong += bool(found)
        verdict = "same" if not found else "FAILED" if "scenario failed" in got else "DIFFERS"
        print(f"{verdict:8} {name}")
        for line in found[:40]:
            print(f"         {line}")
    stale = [row for row in allowed if row not in used and any(row.startswith(name) for name in answers)]
    for row in stale:
        print(f"STALE    {row} matches nothing any more")
    print(f"{len(answers) - wrong} of {len(answers)} scenarios the same, {len(used)} allowed differences met")
    return wrong + len(stale)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("broker")
    parser.add_argument("--scenarios", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios.py"))
    parser.add_argument("--only", default=".")
    parser.add_argument("--out")
    parser.add_argument("--compare")
    parser.add_argument("--allow")
    args = parser.parse_args()
    host, port = args.broker.rsplit(":", 1)
    sys.modules["probe"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location("scenarios", args.scenarios)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    answers = run((host, int(port)), args.only)
    if args.out:
        with open(args.out, "w") as out:
            json.dump(answers, out, indent=1)
            out.write("\n")
    allowed = allowed_differences(args.allow) if args.allow else {}
    sys.exit(1 if args.compare and compare(json.load(open(args.compare)), answers, allowed) else 0)


if __name__ == "__main__":
    main()
