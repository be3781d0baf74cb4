"""What was acknowledged survives: writers write with acks=all while the broker is killed or stopped under them."""
import threading

from confluent_kafka import Consumer, Producer, TopicPartition

import confluent
from common import BOOTSTRAP, kill_broker, same, start_broker, stop_broker, until

PARTITIONS = 3


class Writer:
    """Writes numbered records to all partitions until it is told to stop, and notes which were acknowledged where."""

    def __init__(self, idempotent):
        self.acknowledged, self.refused, self.sent, self.stopping = {}, [], 0, threading.Event()
        self.producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "enable.idempotence": idempotent, "linger.ms": 2, "reconnect.backoff.max.ms": 200,
                                  "retries": 2_147_483_647 if idempotent else 0, "message.timeout.ms": 60_000, "queue.buffering.max.messages": 5000})
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _delivered(self, error, record):
        number = int(record.value()[:10])
        if error:
            self.refused.append(number)
        else:
            self.acknowledged[number] = (record.partition(), record.offset())

    def _write(self):
        while not self.stopping.is_set():
            try:
                self.producer.produce("load", b"%010d" % self.sent + b"x" * (self.sent % 700), partition=self.sent % PARTITIONS, on_delivery=self._delivered)
                self.sent += 1
                self.producer.poll(0)
            except BufferError:
                self.producer.poll(0.02)

    def until_acknowledged(self, count):
        more = len(self.acknowledged) + count
        # The writer's own thread serves the callbacks; joining it for a moment is how to wait for it.
        until(lambda: self.thread.join(0.02) or len(self.acknowledged) >= more, f"{count} more records are acknowledged")

    def finish(self):
        self.stopping.set()
        self.thread.join(30)
        same(self.producer.flush(60), 0, "records without an answer")


def _everything():
    """All records of the topic as {number: [(partition, offset), ...]}; offsets have to be without gaps."""
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "check", "enable.auto.commit": False})
    ends = {n: consumer.get_watermark_offsets(TopicPartition("load", n), timeout=30) for n in range(PARTITIONS)}
    same({low for low, _ in ends.values()}, {0}, "log starts")
    consumer.assign([TopicPartition("load", n, 0) for n in range(PARTITIONS)])
    found, following = {}, dict.fromkeys(range(PARTITIONS), 0)
    for record in confluent._take(consumer, sum(high for _, high in ends.values())):
        same(record.offset(), following[record.partition()], f"offset in partition {record.partition()}")
        following[record.partition()] += 1
        found.setdefault(int(record.value()[:10]), []).append((record.partition(), record.offset()))
        same(len(record.value()), 10 + int(record.value()[:10]) % 700, "length of a value")
    return found


def _check(writer, once):
    found = _everything()
    lost = [n for n in writer.acknowledged if n not in found]
    assert not lost, f"{len(lost)} of {len(writer.acknowledged)} acknowledged records are lost, first {lost[:5]}"
    moved = [(n, place, found[n]) for n, place in writer.acknowledged.items() if place not in found[n]]
    assert not moved, f"acknowledged records are not where the answer said: {moved[:5]}"
    twice = [(n, places) for n, places in found.items() if len(places) > 1]
    assert not (once and twice), f"records stand in the log twice: {twice[:5]}"


def what_was_acknowledged_is_there_once_after_a_kill():
    # Without retries by the client: what is refused or unanswered may be there or not, but never twice.
    confluent._topic("load", PARTITIONS)
    writer = Writer(idempotent=False)
    writer.until_acknowledged(20_000)

    kill_broker()
    start_broker()
    writer.until_acknowledged(2000)
    writer.finish()

    _check(writer, once=True)


def what_was_acknowledged_is_there_once_after_a_stop():
    confluent._topic("load", PARTITIONS)
    writer = Writer(idempotent=True)
    writer.until_acknowledged(20_000)

    stop_broker()
    start_broker()
    writer.until_acknowledged(2000)
    writer.finish()

    same(writer.refused, [], "records an orderly stop has cost")
    _check(writer, once=True)


def what_was_acknowledged_is_there_once_after_many_kills():
    confluent._topic("load", PARTITIONS)
    writer = Writer(idempotent=True)
    for _ in range(6):
        writer.until_acknowledged(3000)
        kill_broker()
        start_broker()
    writer.until_acknowledged(3000)
    writer.finish()

    same(writer.refused, [], "records an idempotent producer gave up")
    _check(writer, once=True)
