"""A real Apache Kafka to compare with: its jars from Maven, one node in KRaft mode, on a port of its own.

    python3 tests/compat/apache_kafka.py --port 9192 --data FOLDER [--set name=value]… [--cores 0]

prints `pid N` once the broker answers, and runs until it is told to end. It keeps to the configuration
that Kafka comes with, but for the lines in `properties`. Standard library only; needs Java 17 and Maven.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import suite

VERSION = "4.3.1"
SCALA = "2.13"
LOG4J = "2.24.3"
FOLDER = suite.ROOT / "target/suites/apache-kafka"
HEAP = ("-Xmx1G", "-Xms1G")
# What Kafka's own start script gives a JVM, but for its garbage collector's log.
TUNING = ("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-Djava.awt.headless=true")

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ottla</groupId><artifactId>apache-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
# Kafka's published dependencies leave out what writes its log.
PARTS = (
    ("org.apache.kafka", f"kafka_{SCALA}", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    ("org.apache.logging.log4j", "log4j-core", LOG4J),
)
LOG_SETTINGS = """<Configuration><Appenders><Console name="out" target="SYSTEM_ERR"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console>
</Appenders><Loggers><Root level="LEVEL"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def jars(parts: tuple[tuple[str, str, str], ...] = PARTS, folder: pathlib.Path = FOLDER) -> pathlib.Path:
    """Fetches the parts and all they depend on, once; returns the folder they lie in."""
    suite.need("java", "mvn")
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in parts
    )
    pom = POM.format(dependencies=wanted)
    marker = folder / "fetched.xml"
    libraries = folder / "jars"
    if marker.exists() and marker.read_text() == pom:
        return libraries
    shutil.rmtree(libraries, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pom.xml").write_text(pom)
    command = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
    marker.write_text(pom)
    return libraries


def java(main: str, *words: str, options: tuple[str, ...] = (), level: str = "WARN", classes: tuple[pathlib.Path, ...] = ()) -> list[str]:
    """The command that runs a class of Kafka's, or one of `classes` with the jars beside them."""
    path = [str(place) for place in classes] or [f"{jars()}/*"]
    settings = FOLDER / f"log4j-{level.lower()}.xml"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(LOG_SETTINGS.replace("LEVEL", level))
    return ["java", *options, f"-Dlog4j2.configurationFile={settings}", "-cp", os.pathsep.join(path), main, *words]


def properties(port: int, controller: int, data: pathlib.Path) -> dict[str, str]:
    """Kafka's own `config/server.properties`, on these ports and this folder."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "num.network.threads": "3",
        "num.io.threads": "8",
        "socket.send.buffer.bytes": "102400",
        "socket.receive.buffer.bytes": "102400",
        "log.dirs": str(data / "logs"),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }


def format_folder(port: int, data: pathlib.Path, settings: dict[str, str]) -> pathlib.Path:
    """Writes the settings and formats the folder for them, as Kafka wants before its first start."""
    data.mkdir(parents=True, exist_ok=True)
    file = data / "server.properties"
    controller = suite.free_port()
    lines = properties(port, controller, data) | settings
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    identity = uuid.uuid4().hex[:22]
    command = java("kafka.tools.StorageTool", "format", "--standalone", "-t", identity, "-c", str(file))
    subprocess.run(command, check=True, stdout=sys.stderr)
    return file


def launch(file: pathlib.Path, port: int, data: pathlib.Path, cores: str | None = None) -> subprocess.Popen:
    """Starts the broker on a formatted folder and waits until it accepts connections."""
    command = java("kafka.Kafka", str(file), options=HEAP + TUNING)
    if cores:
        command = ["taskset", "-c", cores, *command]
    log = data / "broker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        suite.await_listener(process, f"127.0.0.1:{port}", log)
    except BaseException:
        process.kill()
        raise
    return process


@contextlib.contextmanager
def broker(port: int, data: pathlib.Path, settings: dict[str, str], cores: str | None = None) -> Iterator[subprocess.Popen]:
    """A Kafka on an empty folder, ended afterwards."""
    process = launch(format_folder(port, data, settings), port, data, cores)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs an Apache Kafka until it is told to end.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--cores", help="as taskset takes them")
    options = parser.parse_args()
    settings = dict(line.split("=", 1) for line in options.set)
    with broker(options.port, options.data.resolve(), settings, options.cores) as process:
        print(f"pid {process.pid}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(process.pid, signal.SIGTERM))
        process.wait()


if __name__ == "__main__":
    main()
