"""A broker's life, measured from outside: start, rest, load, kill -9, start again.

Both brokers are asked the same two raw requests, so no client's own start is in the figures.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "compat")]

import apache_kafka
import suite
from rows import BOTH, BROKERS

PATIENCE_SECONDS = 180
IDLE_SECONDS = 5
GIGABYTE = "throughput --records 1000000 --partitions 12 --keep"
# No broker makes 10,000 partitions in one request: this is done ten times.
A_THOUSAND = "throughput --records 20000 --size 100 --partitions 1000 --keep"
LOAD = Callable[[str, "Running"], dict[str, float]]


@dataclasses.dataclass
class Running:
    """A broker that serves, and where."""

    address: str
    process: subprocess.Popen
    metrics: str | None

    @property
    def pid(self) -> int:
        return self.process.pid

    def resident_mib(self) -> float:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process has no resident memory")

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Place:
    """A folder and ports for one broker, which may be started there more than once."""

    def __init__(self, name: str, binary: pathlib.Path, folder: pathlib.Path, core: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.settings = folder, BROKERS[name].settings
        self.port = suite.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.metrics = None
        if name.startswith("kafka"):
            file = apache_kafka.format_folder(self.port, folder, self.settings)
            self.command = apache_kafka.java("kafka.Kafka", str(file), options=apache_kafka.HEAP + apache_kafka.TUNING)
        else:
            self.metrics = f"127.0.0.1:{suite.free_port()}"
            pairs = {"listeners": f"PLAINTEXT://{self.address}", "ottla.admin.listener": self.metrics} | self.settings
            words = [word for name, value in pairs.items() for word in ("--set", f"{name}={value}")]
            self.command = [str(binary), "--data", str(folder / "data"), *words]
        self.command = ["taskset", "-c", core, *self.command]

    def start(self) -> Running:
        with (self.folder / "output.log").open("ab") as output:
            process = subprocess.Popen(self.command, stdout=output, stderr=output)
        return Running(self.address, process, self.metrics)


@contextlib.contextmanager
def broker(name: str, binary: pathlib.Path, folder: pathlib.Path, core: str) -> Iterator[Running]:
    """A broker on an empty folder, ended afterwards and its data removed."""
    place = Place(name, binary, folder, core)
    running = place.start()
    try:
        await_answer(running, api_versions())
        yield running
    finally:
        end(running, signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def end(running: Running, how: signal.Signals) -> None:
    running.process.send_signal(how)
    try:
        running.process.wait(60)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()


def frame(key: int, version: int, body: bytes) -> bytes:
    head = struct.pack(">hhih", key, version, 1, -1)
    return struct.pack(">i", len(head) + len(body)) + head + body


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def api_versions() -> bytes:
    return frame(18, 0, b"")


def ends(topics: list[str], partitions: int) -> bytes:
    """ListOffsets v1 for the end of every partition."""
    each = b"".join(struct.pack(">iq", number, -1) for number in range(partitions))
    body = struct.pack(">ii", -1, len(topics))
    return frame(2, 1, body + b"".join(text(topic) + struct.pack(">i", partitions) + each for topic in topics))


def all_served(answer: bytes) -> bool:
    """Whether a ListOffsets v1 answer has no error in it."""
    (topics,) = struct.unpack_from(">i", answer, 4)
    at = 8
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", answer, at)
        (partitions,) = struct.unpack_from(">i", answer, at + 2 + length)
        at += 6 + length
        for number in range(partitions):
            if struct.unpack_from(">h", answer, at + 22 * number + 4)[0] != 0:
                return False
        at += 22 * partitions
    return topics > 0


def ask(address: str, request: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as asked, asked.makefile("rb") as answers:
        asked.sendall(request)
        (length,) = struct.unpack(">i", answers.read(4))
        return answers.read(length)


def await_answer(running: Running, request: bytes, right: Callable[[bytes], bool] = bool) -> None:
    """Asks until the answer is right; waiting for the broker's end paces the questions."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError, struct.error):
            if right(ask(running.address, request)):
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"the broker ended with {running.process.wait(0.002)}")
        if time.monotonic() > deadline:
            raise RuntimeError("the broker does not answer")


def start(place: Place, request: bytes, right: Callable[[bytes], bool] = bool) -> tuple[Running, dict[str, float]]:
    """Starts a broker and waits for the right answer; the time that took, and the work."""
    began = time.monotonic()
    running = place.start()
    try:
        await_answer(running, request, right)
    except BaseException:
        end(running, signal.SIGKILL)
        raise
    return running, {"ready_ms": (time.monotonic() - began) * 1000, "ready_cpu_s": running.cpu_seconds()}


@dataclasses.dataclass(frozen=True)
class Life:
    """One row: what is done to a broker between its start and its end."""

    name: str
    measure: Callable[[Place, LOAD], dict[str, float]]
    seconds: float
    brokers: tuple[str, ...] = BOTH
    main: bool = True

    def run(self, name: str, binary: pathlib.Path, folder: pathlib.Path, core: str, load: LOAD) -> dict[str, float]:
        try:
            return self.measure(Place(name, binary, folder, core), load)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def empty_folder(place: Place, load: LOAD) -> dict[str, float]:
    """Ready, at rest, and after two gigabytes came and went."""
    running, figures = start(place, api_versions())
    try:
        time.sleep(IDLE_SECONDS)
        figures["idle_mib"] = running.resident_mib()
        for _ in range(2):
            load("throughput --records 1000000 --partitions 12", running)
        figures["after_2_gb_mib"] = running.resident_mib()
    finally:
        end(running, signal.SIGTERM)
    return figures


def after_a_kill(workload: str, topics: int, partitions: int) -> Callable[[Place, LOAD], dict[str, float]]:
    """A broker is killed with data in it, a workload for each topic; how soon it serves every partition of them again."""

    def measure(place: Place, load: LOAD) -> dict[str, float]:
        running, _ = start(place, api_versions())
        try:
            for _ in range(topics):
                load(workload, running)
            names = topic_names(running.address)
        finally:
            end(running, signal.SIGKILL)
        if len(names) != topics:
            raise RuntimeError(f"{topics} topics were to be made, and there are {names}")
        running, figures = start(place, ends(names, partitions), all_served)
        try:
            figures["served_mib"] = running.resident_mib()
        finally:
            end(running, signal.SIGTERM)
        return figures

    return measure


def topic_names(address: str) -> list[str]:
    """All topics but the internal ones, by Metadata v1."""
    answer = ask(address, frame(3, 1, struct.pack(">i", -1)))
    (brokers,) = struct.unpack_from(">i", answer, 4)
    at = 8
    for _ in range(brokers):
        at += 4
        at += 2 + struct.unpack_from(">h", answer, at)[0] + 4
        at += 2 + max(0, struct.unpack_from(">h", answer, at)[0])
    at += 4
    (topics,) = struct.unpack_from(">i", answer, at)
    at += 4
    names = []
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", answer, at + 2)
        names.append(answer[at + 4 : at + 4 + length].decode())
        at += 5 + length
        (partitions,) = struct.unpack_from(">i", answer, at)
        at += 4
        for _ in range(partitions):
            at += 10
            for _ in range(2):
                at += 4 + 4 * struct.unpack_from(">i", answer, at)[0]
    return [name for name in names if not name.startswith("__")]


LIVES = (
    Life("start on an empty folder", empty_folder, seconds=25),
    Life("restart after kill -9 with 1 GB", after_a_kill(GIGABYTE, 1, 12), seconds=20),
    Life("restart after kill -9 with 10,000 partitions", after_a_kill(A_THOUSAND, 10, 1_000), seconds=90, main=False),
)
