"""Tries the image on a Docker engine: `check.py IMAGE SCRATCH [CHECK…]`; without a name all checks.

`measure` is no check: it prints how long a start takes until the first answer, and idle memory.
"""
import faulthandler
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import traceback
import urllib.request
import warnings

import kafka

import client

HERE = os.path.dirname(os.path.abspath(__file__))
COMPOSE = os.path.join(HERE, "..", "..", "compose")
IMAGE, SCRATCH = sys.argv[1:3]
# For a command of the engine, and for a broker to be there. Each takes a fraction of a second.
LIMIT = 60


def run(*command, ok=True, **options):
    """Runs a command to its end; returns its output, or the whole result where it may fail."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, **options)
    if not ok:
        return done
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def inspect(what, template):
    return json.loads(docker("inspect", "--format", "{{json " + template + "}}", what))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Container:
    """A container that is removed, with its anonymous volumes, at the end."""

    def __init__(self, *arguments):
        self.id = docker("run", "--detach", *arguments)

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            print(logs(self.id))
        docker("rm", "--force", "--volumes", self.id)


def logs(container):
    done = docker("logs", container, ok=False)
    return done.stdout + done.stderr


def await_line(container, words):
    """Follows the log of a container until a line has these words."""
    with subprocess.Popen(["docker", "logs", "--follow", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as follow:
        try:
            said, deadline = b"", time.monotonic() + LIMIT
            while words.encode() not in said:
                readable, _, _ = select.select([follow.stdout], [], [], max(0, deadline - time.monotonic()))
                more = os.read(follow.stdout.fileno(), 65536) if readable else b""
                assert more, f"{words!r} is not said:\n{said.decode()}"
                said += more
        finally:
            follow.kill()


class Project:
    """A compose file, on a port of its own instead of 9092; all else as it stands."""

    def __init__(self, file):
        self.port = free_port()
        with open(os.path.join(COMPOSE, file)) as original:
            text = original.read()
        text = re.sub(r"\b9092\b", str(self.port), text)
        text = text.replace(f'"{self.port}:', f'"127.0.0.1:{self.port}:').replace("image: ottla", f"image: {IMAGE}")
        text = text.replace("container_name: broker", "container_name: ottla-test-broker")
        self.file = os.path.join(SCRATCH, file)
        with open(self.file, "w") as own:
            own.write(text)
        self.name = f"ottla-test-{self.port}"
        self.bootstrap = f"localhost:{self.port}"

    def __call__(self, *arguments):
        return docker("compose", "--project-directory", COMPOSE, "--project-name", self.name, "--file", self.file, *arguments)

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, failed, *_):
        if failed:
            print(self("logs", "--no-color", "--no-log-prefix"))
        self("down", "--volumes", "--timeout", "5")

    def up(self):
        self("up", "--detach", "--no-build", "--wait", "--wait-timeout", "30")

    def broker(self):
        return self("ps", "--all", "--quiet", "broker")


def keeps(bootstrap, topic, values):
    """The topic has these values."""
    seen = client.look(bootstrap, topic)
    assert seen["values"] == sorted(values), seen
    return seen


def serves(bootstrap):
    """What is sent can be read."""
    client.send(bootstrap, "greetings", ["hello"])
    return keeps(bootstrap, "greetings", ["hello"])


def the_image_is_what_others_expect():
    config = inspect(IMAGE, ".Config")
    assert not config.get("Entrypoint") and config["Cmd"] == ["/etc/kafka/docker/run"], config
    assert config["User"] == "appuser", config["User"]
    assert set(config["ExposedPorts"]) == {"9092/tcp", "9644/tcp"}, config["ExposedPorts"]
    assert set(config["Volumes"]) == {"/var/lib/kafka/data"}, config["Volumes"]
    assert config["Healthcheck"]["Test"] == ["CMD", "ottla", "health"], config["Healthcheck"]
    for writable in ["/tmp", "/opt/kafka", "/etc/kafka/docker", "/etc/confluent/docker", "/var/lib/kafka/data"]:
        docker("run", "--rm", IMAGE, "sh", "-c", f"echo > {writable}/probe")
    docker("run", "--rm", IMAGE, "bash", "-c", "type env sed sleep hostname kafka-topics kafka-topics.sh kafka-storage")
    print(f"   {inspect(IMAGE, '.Size') / 1e6:.0f} MB")


def one_broker_keeps_its_data():
    values = ["one"]
    with Project("compose.yaml") as project:
        client.send(project.bootstrap, "orders", values)
        keeps(project.bootstrap, "orders", values)
        for again in [("restart",), ("kill", "start"), ("stop", "start")]:
            for verb in again:
                docker(verb, project.broker())
            # An idempotent producer finds the broker by itself, so this waits for it.
            client.send(project.bootstrap, "orders", [again[0]])
            values.append(again[0])
            keeps(project.bootstrap, "orders", values)
        project("down")
        project.up()
        assert inspect(project.broker(), ".State.Health.Status") == "healthy"
        keeps(project.bootstrap, "orders", values)


def the_block_of_the_tutorials_works():
    with Project("tutorial.yaml") as project:
        assert serves(project.bootstrap) == {"brokers": [project.bootstrap], "partitions": 3, "values": ["hello"]}


def inside(network, *arguments):
    """Runs the client in a container of a network, with the Python of this machine."""
    libraries = os.path.dirname(os.path.dirname(kafka.__file__))
    folders = {"/usr", sys.base_prefix, HERE, libraries}
    mounts = [f"--volume={folder}:{folder}:ro" for folder in folders if folder == "/usr" or not folder.startswith("/usr/")]
    variables = {"PYTHONPATH": libraries, "PYTHONDONTWRITEBYTECODE": "1", "LD_LIBRARY_PATH": "/usr/local/lib"}
    options = ["--rm", "--user=root", "--no-healthcheck", f"--network={network}", *mounts]
    options += [f"--env={name}={value}" for name, value in variables.items()]
    python = os.path.realpath(sys.executable)
    return json.loads(docker("run", *options, IMAGE, python, f"{HERE}/client.py", *arguments))


def each_listener_tells_its_own_address():
    with Project("listeners.yaml") as project:
        client.send(project.bootstrap, "shared", ["from the host"])
        seen = inside(f"{project.name}_default", "broker:19092", "shared", "from a container")
        both = ["from a container", "from the host"]
        assert seen == {"brokers": ["broker:19092"], "partitions": 1, "values": both}, seen
        seen = keeps(project.bootstrap, "shared", both)
        assert seen["brokers"] == [project.bootstrap], seen
        assert "cluster_id=4L6g3nShT-eMCtK--X86sw" in logs(project.broker())


def kafkas_commands_are_there():
    with Project("compose.yaml") as project:
        client.send(project.bootstrap, "orders", ["one"])
        here = ["--bootstrap-server", project.bootstrap]
        broker = project.broker()
        for name in ["/opt/kafka/bin/kafka-topics.sh", "kafka-topics.sh", "kafka-topics"]:
            assert "orders" in docker("exec", broker, name, *here, "--list").split(), name
        docker("exec", broker, "kafka-topics.sh", *here, "--create", "--topic", "made", "--partitions", "4")
        assert client.look(project.bootstrap, "made")["partitions"] == 4
        said = docker("exec", broker, "kafka-console-consumer.sh", *here, "--topic", "orders", "--from-beginning", "--max-messages", "1")
        assert "one" in said, said
        docker("exec", broker, "kafka-broker-api-versions.sh", *here)
        docker("exec", broker, "ottla", "health")


def health_and_metrics_can_be_asked_from_outside():
    with Container("--publish", "127.0.0.1::9644", IMAGE) as broker:
        await_line(broker.id, "Kafka Server started")
        page = "http://" + docker("port", broker.id, "9644/tcp")
        with urllib.request.urlopen(f"{page}/readyz", timeout=LIMIT) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{page}/metrics", timeout=LIMIT) as answer:
            assert b"\nottla_" in answer.read()


def a_stop_is_quick_and_in_order():
    with Container(IMAGE) as broker:
        await_line(broker.id, "Kafka Server started")
        began = time.monotonic()
        docker("stop", "--time", "10", broker.id)
        took = time.monotonic() - began
        assert inspect(broker.id, ".State.ExitCode") == 0, logs(broker.id)
        assert took < 3, f"{took:.1f} s"
        assert "stopped" in logs(broker.id)


def settings_come_from_a_mounted_file_variables_and_arguments():
    mounted = os.path.join(SCRATCH, "mounted")
    os.makedirs(mounted)
    with open(os.path.join(mounted, "server.properties"), "w") as file:
        file.write("process.roles=broker,controller\nnode.id=7\nnum.partitions=5\nlog.retention.hours=3\n"
                   "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n")
    arguments = ["--volume", f"{mounted}:/mnt/shared/config:ro", "--env", "KAFKA_NUM_PARTITIONS=6",
                 "--env", "KAFKA_CFG_LOG_RETENTION_HOURS=4", "--env", "KAFKA_HEAP_OPTS=-Xmx1G"]
    with Container(*arguments, IMAGE, "/etc/kafka/docker/run", "KAFKA_MESSAGE_MAX_BYTES=2000000") as broker:
        await_line(broker.id, "Kafka Server started")
        said = logs(broker.id)
        for line in ["node.id=7", "num.partitions=6", "log.retention.hours=4", "message.max.bytes=2000000"]:
            assert f"setting {line}\n" in said, f"{line}\n{said}"
        assert "KAFKA_HEAP_OPTS: ignored" in said, said


def a_mounted_file_without_listeners_does_not_hide_the_broker():
    mounted = os.path.join(SCRATCH, "toml")
    os.makedirs(mounted)
    with open(os.path.join(mounted, "ottla.toml"), "w") as file:
        file.write("[[topics]]\nname = 'declared'\n")
    with Container("--volume", f"{mounted}:/mnt/shared/config:ro", "--publish", "127.0.0.1::9092", IMAGE) as broker:
        await_line(broker.id, "Kafka Server started")
        assert "topic=declared" in logs(broker.id)
        assert answers(int(docker("port", broker.id, "9092/tcp").rsplit(":", 1)[1]))


def topics_are_declared_and_the_cluster_is_checked():
    volume = docker("volume", "create")
    try:
        common = ["--volume", f"{volume}:/var/lib/kafka/data"]
        port = free_port()
        own = ["--env", "CLUSTER_ID=4L6g3nShT-eMCtK--X86sw", "--env", "KAFKA_CREATE_TOPICS=orders:6:1,state:3:1:compact",
               "--env", f"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:{port}", "--publish", f"127.0.0.1:{port}:{port}"]
        for _ in range(2):
            with Container(*common, *own, IMAGE) as broker:
                await_line(broker.id, "Kafka Server started")
                assert client.look(f"127.0.0.1:{port}", "orders")["partitions"] == 6
                assert client.look(f"127.0.0.1:{port}", "state")["partitions"] == 3
        for wrong, words in [("CLUSTER_ID=5L6g3nShT-eMCtK--X86sw", "4L6g3nShT-eMCtK--X86sw"),
                             ("KAFKA_CREATE_TOPICS=orders:2:1", "2 partitions are declared and it has 6")]:
            done = docker("run", "--rm", *common, "--env", wrong, IMAGE, ok=False)
            assert done.returncode == 1 and words in done.stdout + done.stderr, done
    finally:
        docker("volume", "rm", volume)


def testcontainers_for_python_start_it():
    warnings.simplefilter("ignore")
    from testcontainers.community.kafka import KafkaContainer

    name = "ottla-test/cp-kafka:7.6.0"
    docker("tag", IMAGE, name)
    try:
        for container in [KafkaContainer(name), KafkaContainer(name).with_kraft()]:
            with container as started:
                serves(started.get_bootstrap_server())
    finally:
        docker("rmi", name)


# What the modules of Testcontainers have in common.
MODULE = {
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_NODE_ID": "1",
    "KAFKA_BROKER_ID": "1",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_LOG_FLUSH_INTERVAL_MESSAGES": "9223372036854775807",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}


def starts_as_a_module(variables, entrypoint, script, start, line):
    """Starts as a module does: a container that waits for a script, the script, a line of the log."""
    options = [f"--env={name}={value}" for name, value in {**MODULE, **variables}.items()]
    wait = f"while [ ! -f {script} ]; do sleep 0.1; done; "
    command = [part.replace("WAIT", wait) for part in entrypoint[1:]]
    with Container("--publish", "127.0.0.1::9092", *options, "--entrypoint", entrypoint[0], IMAGE, *command) as broker:
        port = docker("port", broker.id, "9092/tcp").rsplit(":", 1)[1]
        start(broker.id, port)
        await_line(broker.id, line)
        serves(f"127.0.0.1:{port}")


def put(container, path, text):
    """As the modules copy: the file is there at once and whole, owned by root, for everybody."""
    own = os.path.join(SCRATCH, "script")
    with open(own, "w") as file:
        file.write(text)
    os.chmod(own, 0o777)
    docker("cp", own, f"{container}:{path}")


def testcontainers_for_java_start_it():
    script = "/tmp/testcontainers_start.sh"
    variables = {
        "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094",
    }
    for home, entry in [("kafka", "/etc/kafka/docker/run"), ("confluent", "/etc/confluent/docker/run")]:

        def start(container, port):
            put(container, script, f"#!/bin/bash\nexport KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:{port},"
                                   f"BROKER://$(hostname):9093\n{entry}\n")

        starts_as_a_module(variables, ["sh", "-c", f"WAIT{script}"], script, start, "Transitioning from RECOVERY to RUNNING")


def testcontainers_for_rust_start_it():
    script = "/opt/kafka/testcontainers_start.sh"
    variables = {
        "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,BROKER://0.0.0.0:9093,CONTROLLER://0.0.0.0:9094",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9094",
    }

    def start(container, port):
        # As the user of the image, which must be able to write there.
        advertised = f"PLAINTEXT://127.0.0.1:{port},BROKER://localhost:9093"
        lines = f"#!/usr/bin/env bash\\nexport KAFKA_ADVERTISED_LISTENERS={advertised}\\n/etc/kafka/docker/run\\n"
        docker("exec", container, "sh", "-c", f"printf '{lines}' > {script}.new && chmod +x {script}.new && mv {script}.new {script}")

    starts_as_a_module(variables, ["bash", "-c", f"WAITenv bash {script}"], script, start, "Kafka Server started")


def testcontainers_for_go_start_it():
    script = "/usr/sbin/testcontainers_start.sh"
    variables = {
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,BROKER://0.0.0.0:9093,CONTROLLER://0.0.0.0:9094",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9094",
        "KAFKA_REST_BOOTSTRAP_SERVERS": "PLAINTEXT://0.0.0.0:9092",
    }

    def start(container, port):
        put(container, script, f"""#!/bin/bash
source /etc/confluent/docker/bash-config
export KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:{port},BROKER://localhost:9093
sed -i '/KAFKA_ZOOKEEPER_CONNECT/d' /etc/confluent/docker/configure
echo 'kafka-storage format --ignore-formatted -t "$(kafka-storage random-uuid)" -c /etc/kafka/kafka.properties' >> /etc/confluent/docker/configure
echo '' > /etc/confluent/docker/ensure
/etc/confluent/docker/configure
/etc/confluent/docker/launch
""")

    starts_as_a_module(variables, ["sh", "-c", f"WAITbash {script}"], script, start, "Transitioning from RECOVERY to RUNNING")


def answers(port):
    """Whether ApiVersions version 0 is answered: size 10, key 18, version 0, correlation 7, no client id."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(bytes([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255]))
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def measure():
    took, memory = [], []
    for _ in range(5):
        port = free_port()
        began = time.monotonic()
        with Container("--publish", f"127.0.0.1:{port}:9092", IMAGE) as broker:
            while not answers(port):
                assert time.monotonic() < began + LIMIT, logs(broker.id)
            took.append(time.monotonic() - began)
            process = inspect(broker.id, ".State.Pid")
            with open(f"/proc/{process}/status") as status:
                memory.append(int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) / 1024)
            said = re.findall(r"started_ms=(\d+)", logs(broker.id))
    print(f"   docker run to the first answer: {min(took):.2f} to {max(took):.2f} s, of which the broker took {said[0]} ms; "
          f"idle: {min(memory):.0f} to {max(memory):.0f} MiB resident")


CHECKS = [
    the_image_is_what_others_expect,
    one_broker_keeps_its_data,
    the_block_of_the_tutorials_works,
    each_listener_tells_its_own_address,
    kafkas_commands_are_there,
    health_and_metrics_can_be_asked_from_outside,
    a_stop_is_quick_and_in_order,
    settings_come_from_a_mounted_file_variables_and_arguments,
    a_mounted_file_without_listeners_does_not_hide_the_broker,
    topics_are_declared_and_the_cluster_is_checked,
    testcontainers_for_python_start_it,
    testcontainers_for_java_start_it,
    testcontainers_for_rust_start_it,
    testcontainers_for_go_start_it,
]


def main():
    # Shows where a check hangs, and ends it.
    faulthandler.dump_traceback_later(420, exit=True)
    names = sys.argv[3:]
    chosen = [globals()[name] for name in names] if names else CHECKS
    failed = 0
    for check in chosen:
        began = time.monotonic()
        try:
            check()
            result = "ok"
        except Exception:
            traceback.print_exc(file=sys.stdout)
            result = "FAILED"
            failed += 1
        print(f"{result} {check.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
