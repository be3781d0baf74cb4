package ottla;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;
import org.apache.kafka.common.errors.WakeupException;

/** The consumer that assigns its partitions itself: positions, offsets, limits. */
final class ConsumerChecks {
    private final Clients clients;

    private ConsumerChecks(Clients clients) {
        this.clients = clients;
    }

    static void addTo(Suite suite, Clients clients) {
        ConsumerChecks checks = new ConsumerChecks(clients);
        suite.add("consumer/seek", checks::seek);
        suite.add("consumer/pause", checks::pause);
        suite.add("consumer/offsets-for-times", checks::offsetsForTimes);
        suite.add("consumer/beginning-and-end", checks::beginningAndEnd);
        suite.add("consumer/commit-sync", checks::commitSync);
        suite.add("consumer/commit-async", checks::commitAsync);
        suite.add("consumer/commit-metadata-too-large", checks::commitMetadataTooLarge);
        suite.add("consumer/auto-commit-on-close", checks::autoCommitOnClose);
        suite.add("consumer/wakeup", checks::wakeup);
        suite.add("consumer/reset-none", checks::resetNone);
        suite.add("consumer/reset-latest", checks::resetLatest);
        suite.add("consumer/reset-by-duration", checks::resetByDuration);
        suite.add("consumer/out-of-range", checks::outOfRange);
        suite.add("consumer/read-committed", checks::readCommitted);
        suite.add("consumer/max-poll-records", checks::maxPollRecords);
        suite.add("consumer/min-bytes-wait", checks::minBytesWait);
        suite.add("consumer/wakes-on-produce", checks::wakesOnProduce);
        suite.add("consumer/many-partitions", checks::manyPartitions);
        suite.add("consumer/small-fetches", checks::smallFetches);
        suite.add("consumer/lag", checks::lag);
        suite.add("consumer/list-topics", checks::listTopics);
        suite.add("consumer/invalid-topic", checks::invalidTopic);
        suite.add("consumer/creates-topic", checks::createsTopic);
        suite.add("consumer/topic-made-again", checks::topicMadeAgain);
        suite.add("consumer/leader-epochs", checks::leaderEpochs);
    }

    /** A topic of one partition with `v0`, `v1`, … in it. */
    private TopicPartition filled(String topic, int count) throws Exception {
        clients.create(topic, 1);
        clients.send(topic, 0, Clients.numbered("v", count));
        return new TopicPartition(topic, 0);
    }

    private static void assign(KafkaConsumer<?, ?> consumer, TopicPartition partition) {
        consumer.assign(List.of(partition));
    }

    private void seek() throws Exception {
        TopicPartition partition = filled("seek", 20);
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            assign(consumer, partition);
            consumer.seek(partition, 15);
            Expect.equal("v15", Clients.poll(consumer, 5).get(0).value());
            Expect.equal(20L, consumer.position(partition));
            consumer.seekToBeginning(List.of(partition));
            Expect.equal(0L, consumer.position(partition));
            consumer.seekToEnd(List.of(partition));
            Expect.equal(20L, consumer.position(partition));
            consumer.seek(partition, new OffsetAndMetadata(7, Optional.of(0), "note"));
            Expect.equal("v7", Clients.poll(consumer, 13).get(0).value());
        }
    }

    private void pause() throws Exception {
        TopicPartition held = filled("pause-held", 5);
        TopicPartition open = filled("pause-open", 5);
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(held, open));
            consumer.pause(List.of(held));
            Set<String> topics = Clients.poll(consumer, 5).stream().map(ConsumerRecord::topic).collect(Collectors.toSet());
            Expect.equal(Set.of(open.topic()), topics);
            Expect.equal(0, consumer.poll(Clients.A_MOMENT).count());
            consumer.resume(List.of(held));
            Expect.equal(Clients.numbered("v", 5), Clients.values(Clients.poll(consumer, 5)));
        }
    }

    private void offsetsForTimes() throws Exception {
        TopicPartition partition = new TopicPartition("times", 0);
        clients.create("times", 1);
        long start = System.currentTimeMillis() - 100_000;
        try (KafkaProducer<String, String> producer = clients.producer()) {
            for (int number = 0; number < 10; number++) {
                producer.send(new ProducerRecord<>("times", 0, start + number * 1000L, null, "v" + number)).get();
            }
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, start + 2500)).get(partition);
            Expect.equal(3L, found.offset());
            Expect.equal(start + 3000, found.timestamp());
            Expect.equal(Optional.of(0), found.leaderEpoch());
            Expect.equal(0L, consumer.offsetsForTimes(Map.of(partition, 0L)).get(partition).offset());
            Expect.equal(null, consumer.offsetsForTimes(Map.of(partition, start + 60_000)).get(partition));
        }
    }

    private void beginningAndEnd() throws Exception {
        TopicPartition partition = filled("ends", 9);
        clients.create("ends-empty", 1);
        TopicPartition empty = new TopicPartition("ends-empty", 0);
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            Expect.equal(Map.of(partition, 0L, empty, 0L), consumer.beginningOffsets(List.of(partition, empty)));
            Expect.equal(Map.of(partition, 9L, empty, 0L), consumer.endOffsets(List.of(partition, empty)));
        }
    }

    private void commitSync() throws Exception {
        TopicPartition partition = filled("commit-sync", 10);
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "commit-sync", "enable.auto.commit", false)) {
            assign(consumer, partition);
            Expect.equal(new HashMap<>(Map.of(partition, 0)).keySet(), consumer.committed(Set.of(partition)).keySet());
            Expect.equal(null, consumer.committed(Set.of(partition)).get(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(4, Optional.of(0), "a note")));
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "commit-sync")) {
            assign(consumer, partition);
            OffsetAndMetadata kept = consumer.committed(Set.of(partition)).get(partition);
            Expect.equal(new OffsetAndMetadata(4, Optional.of(0), "a note"), kept);
            Expect.equal("v4", Clients.poll(consumer, 6).get(0).value());
        }
    }

    private void commitAsync() throws Exception {
        TopicPartition partition = filled("commit-async", 10);
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "commit-async", "enable.auto.commit", false)) {
            assign(consumer, partition);
            Clients.poll(consumer, 10);
            AtomicReference<Map<TopicPartition, OffsetAndMetadata>> told = new AtomicReference<>();
            consumer.commitAsync((offsets, error) -> told.set(error == null ? offsets : Map.of()));
            Clients.await("no answer to the commit", () -> {
                consumer.poll(Clients.A_MOMENT);
                return told.get() != null;
            });
            Expect.equal(10L, told.get().get(partition).offset());
            Expect.equal(10L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    private void commitMetadataTooLarge() throws Exception {
        TopicPartition partition = filled("commit-note", 1);
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "commit-note")) {
            assign(consumer, partition);
            Expect.fails(OffsetMetadataTooLarge.class, () -> {
                consumer.commitSync(Map.of(partition, new OffsetAndMetadata(1, "n".repeat(5000))));
                return null;
            });
        }
    }

    private void autoCommitOnClose() throws Exception {
        TopicPartition partition = filled("auto-commit", 10);
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "auto-commit")) {
            consumer.subscribe(List.of("auto-commit"));
            Clients.poll(consumer, 10);
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "auto-commit")) {
            Expect.equal(10L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    private void wakeup() throws Exception {
        TopicPartition partition = filled("wakeup", 0);
        try (KafkaConsumer<String, String> consumer = clients.consumer("fetch.max.wait.ms", 20_000)) {
            assign(consumer, partition);
            Thread waker = new Thread(consumer::wakeup);
            waker.start();
            Expect.fails(WakeupException.class, () -> consumer.poll(Duration.ofSeconds(20)));
            waker.join();
        }
    }

    private void resetNone() throws Exception {
        TopicPartition partition = filled("reset-none", 5);
        try (KafkaConsumer<String, String> consumer = clients.consumer("auto.offset.reset", "none", "group.id", "reset-none")) {
            assign(consumer, partition);
            Expect.fails(NoOffsetForPartitionException.class, () -> consumer.poll(Duration.ofSeconds(20)));
        }
    }

    private void resetLatest() throws Exception {
        TopicPartition partition = filled("reset-latest", 5);
        try (KafkaConsumer<String, String> consumer = clients.consumer("auto.offset.reset", "latest")) {
            assign(consumer, partition);
            Expect.equal(5L, consumer.position(partition));
            clients.send("reset-latest", 0, List.of("new"));
            Expect.equal(List.of("new"), Clients.values(Clients.poll(consumer, 1)));
        }
    }

    private void resetByDuration() throws Exception {
        clients.create("reset-duration", 1);
        long now = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = clients.producer()) {
            producer.send(new ProducerRecord<>("reset-duration", 0, now - 7_200_000, null, "old")).get();
            producer.send(new ProducerRecord<>("reset-duration", 0, now, null, "new")).get();
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer("auto.offset.reset", "by_duration:PT1H")) {
            assign(consumer, new TopicPartition("reset-duration", 0));
            Expect.equal(List.of("new"), Clients.values(Clients.poll(consumer, 1)));
        }
    }

    private void outOfRange() throws Exception {
        TopicPartition partition = filled("out-of-range", 5);
        try (KafkaConsumer<String, String> consumer = clients.consumer("auto.offset.reset", "none")) {
            assign(consumer, partition);
            consumer.seek(partition, 1000);
            OffsetOutOfRangeException told = Expect.fails(OffsetOutOfRangeException.class, () -> consumer.poll(Duration.ofSeconds(20)));
            Expect.equal(Map.of(partition, 1000L), told.offsetOutOfRangePartitions());
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            assign(consumer, partition);
            consumer.seek(partition, 1000);
            Expect.equal(Clients.numbered("v", 5), Clients.values(Clients.poll(consumer, 5)));
        }
    }

    private void readCommitted() throws Exception {
        TopicPartition partition = filled("committed", 50);
        Expect.equal(Clients.numbered("v", 50),
                Clients.values(clients.readAll("committed", 50, "isolation.level", "read_committed")));
        try (KafkaConsumer<String, String> consumer = clients.consumer("isolation.level", "read_committed")) {
            Expect.equal(Map.of(partition, 50L), consumer.endOffsets(List.of(partition)));
        }
    }

    private void maxPollRecords() throws Exception {
        TopicPartition partition = filled("poll-records", 25);
        try (KafkaConsumer<String, String> consumer = clients.consumer("max.poll.records", 10)) {
            assign(consumer, partition);
            AtomicReference<ConsumerRecords<String, String>> first = new AtomicReference<>();
            Clients.await("nothing came", () -> {
                first.set(consumer.poll(Clients.A_MOMENT));
                return !first.get().isEmpty();
            });
            Expect.that(first.get().count() <= 10, "more than asked for: " + first.get().count());
            Expect.equal(first.get().count(), (int) consumer.position(partition));
        }
    }

    private void minBytesWait() throws Exception {
        TopicPartition partition = filled("min-bytes", 3);
        try (KafkaConsumer<String, String> consumer = clients.consumer("fetch.min.bytes", 1_000_000, "fetch.max.wait.ms", 700)) {
            assign(consumer, partition);
            consumer.seek(partition, 0);
            long start = System.nanoTime();
            Expect.equal(Clients.numbered("v", 3), Clients.values(Clients.poll(consumer, 3)));
            long waited = Duration.ofNanos(System.nanoTime() - start).toMillis();
            Expect.that(waited >= 650, "the broker answered after " + waited + " ms");
        }
    }

    private void wakesOnProduce() throws Exception {
        TopicPartition partition = filled("wakes", 0);
        try (KafkaConsumer<String, String> consumer = clients.consumer("fetch.max.wait.ms", 25_000)) {
            assign(consumer, partition);
            consumer.seek(partition, 0);
            // The fetch is on its way, and waits at the broker.
            consumer.poll(Clients.A_MOMENT);
            clients.send("wakes", 0, List.of("now"));
            long start = System.nanoTime();
            Expect.equal(List.of("now"), Clients.values(Clients.poll(consumer, 1)));
            Expect.that(System.nanoTime() - start < Duration.ofSeconds(10).toNanos(), "the fetch waited for its time");
        }
    }

    private void manyPartitions() throws Exception {
        clients.create("many", 60);
        Set<String> sent = new TreeSet<>();
        for (int round = 0; round < 2; round++) {
            try (KafkaProducer<String, String> producer = clients.producer()) {
                for (int partition = 0; partition < 60; partition++) {
                    String value = round + "/" + partition;
                    sent.add(value);
                    producer.send(new ProducerRecord<>("many", partition, null, value));
                }
            }
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            List<TopicPartition> all = IntStream.range(0, 60).mapToObj(number -> new TopicPartition("many", number)).toList();
            consumer.assign(all);
            Expect.equal(sent, new TreeSet<>(Clients.values(Clients.poll(consumer, 120))));
            // The fetch session goes on with fewer partitions, and with one that is new in it again.
            consumer.assign(all.subList(0, 5));
            clients.send("many", 3, List.of("third"));
            Expect.equal(List.of("third"), Clients.values(Clients.poll(consumer, 1)));
            consumer.assign(all);
            clients.send("many", 59, List.of("last"));
            Clients.await("the last partition's record did not come",
                    () -> Clients.values(consumer.poll(Clients.A_MOMENT)).contains("last"));
        }
    }

    private void smallFetches() throws Exception {
        filled("small-fetches", 400);
        List<ConsumerRecord<String, String>> read =
                clients.readAll("small-fetches", 400, "max.partition.fetch.bytes", 200, "fetch.max.bytes", 300);
        Expect.equal(Clients.numbered("v", 400), Clients.values(read));
    }

    private void lag() throws Exception {
        TopicPartition partition = filled("lag", 30);
        try (KafkaConsumer<String, String> consumer = clients.consumer("max.poll.records", 10)) {
            assign(consumer, partition);
            Clients.poll(consumer, 10);
            Expect.equal(30L, consumer.currentLag(partition).orElse(-1) + consumer.position(partition));
        }
    }

    private void listTopics() throws Exception {
        clients.create("listed", 2);
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            Expect.equal(2, consumer.listTopics().get("listed").size());
            Expect.equal(2, consumer.partitionsFor("listed").size());
        }
    }

    private void invalidTopic() {
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "invalid-topic")) {
            consumer.subscribe(List.of("no/topic"));
            Expect.fails(InvalidTopicException.class, () -> consumer.poll(Duration.ofSeconds(20)));
        }
    }

    private void createsTopic() throws Exception {
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "creates-topic", "metadata.max.age.ms", 200)) {
            consumer.subscribe(List.of("made-by-consumer"));
            Clients.await("the topic was not made", () -> {
                consumer.poll(Clients.A_MOMENT);
                return !consumer.assignment().isEmpty();
            });
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer("allow.auto.create.topics", false, "group.id", "creates-none")) {
            consumer.subscribe(List.of("not-made-by-consumer"));
            consumer.poll(Duration.ofMillis(500));
            Expect.that(!consumer.listTopics().containsKey("not-made-by-consumer"), "it was made all the same");
        }
    }

    private void topicMadeAgain() throws Exception {
        TopicPartition partition = filled("read-again", 5);
        try (KafkaConsumer<String, String> consumer = clients.consumer("metadata.max.age.ms", 300);
                var admin = clients.admin()) {
            assign(consumer, partition);
            Clients.poll(consumer, 5);
            admin.deleteTopics(List.of("read-again")).all().get();
            clients.create("read-again", 1);
            clients.send("read-again", 0, List.of("new"));
            // The position is past the end of the new topic, so it is reset to its start.
            Expect.equal(List.of("new"), Clients.values(Clients.poll(consumer, 1)));
        }
    }

    private void leaderEpochs() throws Exception {
        filled("epochs", 3);
        for (ConsumerRecord<String, String> record : clients.readAll("epochs", 3)) {
            Expect.equal(Optional.of(0), record.leaderEpoch());
        }
    }
}
