"""A client for a container: `client.py BOOTSTRAP TOPIC [VALUE…]` prints what it sees as JSON.

It sends the values, reads the topic from its beginning, and says where the broker wants to be found.
"""
import json
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition


def send(bootstrap, topic, values):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    sent = [producer.send(topic, value.encode()) for value in values]
    for one in sent:
        one.get(timeout=20)
    producer.close()


def look(bootstrap, topic, seconds=20):
    """Where the broker is said to be, the partitions of the topic, and all its values in order."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    deadline = time.monotonic() + seconds
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or [])]
    ends = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    values = []
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        assert time.monotonic() < deadline, f"only {values} can be read"
        for records in consumer.poll(timeout_ms=1000).values():
            values += [record.value.decode() for record in records]
    consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    brokers = sorted(f"{broker['host']}:{broker['port']}" for broker in admin.describe_cluster()["brokers"])
    admin.close()
    return {"brokers": brokers, "partitions": len(partitions), "values": sorted(values)}


if __name__ == "__main__":
    address, name, *new = sys.argv[1:]
    if new:
        send(address, name, new)
    print(json.dumps(look(address, name)))
