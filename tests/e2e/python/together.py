"""kafka-python and confluent-kafka on the same topics and in the same group."""
import confluent
import kafka_python
from common import Child, same


def each_client_reads_what_the_other_compressed():
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        values = [b"%d of %s " % (n, codec.encode()) * 40 for n in range(300)]
        kafka_python._topic(f"from-python-{codec}")
        kafka_python._topic(f"from-librdkafka-{codec}")

        kafka_python._send(f"from-python-{codec}", values, compression_type=codec, linger_ms=20)
        confluent._send(f"from-librdkafka-{codec}", values, compression_type=codec, linger_ms=20)

        same([r.value() for r in confluent._read(f"from-python-{codec}", 300)], values, f"{codec} of kafka-python")
        same([r.value for r in kafka_python._read(f"from-librdkafka-{codec}", 300)], values, f"{codec} of librdkafka")


def the_two_clients_share_a_group():
    kafka_python._topic("shared", 12)
    first = Child("kafka_python", "member", "first", "eager")
    first.until(kafka_python._owns(12), "the first alone owns all 12")

    second = Child("confluent", "member", "second", "eager")
    theirs = second.until(kafka_python._owns(6), "the second gets its half")["owned"]
    mine = first.until(kafka_python._owns(6), "the first keeps the other half")["owned"]
    same(sorted(mine + theirs), list(range(12)), "all partitions, each once")

    first.kill()
    second.until(kafka_python._owns(12), "the second takes over")
    second.end()
