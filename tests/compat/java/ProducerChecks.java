package ottla;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Partitioner;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.clients.producer.RoundRobinPartitioner;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.utils.Utils;

/** What the producer does and what it is refused. */
final class ProducerChecks {
    private final Clients clients;

    private ProducerChecks(Clients clients) {
        this.clients = clients;
    }

    static void addTo(Suite suite, Clients clients) {
        ProducerChecks checks = new ProducerChecks(clients);
        for (String acks : List.of("0", "1", "all")) {
            suite.add("producer/acks-" + acks, () -> checks.acks(acks));
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            suite.add("producer/compression-" + codec, () -> checks.compression(codec));
        }
        suite.add("producer/idempotent-order-in-flight", () -> checks.orderInFlight(true));
        suite.add("producer/plain-order-in-flight", () -> checks.orderInFlight(false));
        suite.add("producer/headers", checks::headers);
        suite.add("producer/create-time", checks::createTime);
        suite.add("producer/append-time", checks::appendTime);
        suite.add("producer/timestamp-out-of-bounds", checks::timestampOutOfBounds);
        suite.add("producer/key-chooses-partition", checks::keyChoosesPartition);
        suite.add("producer/round-robin", checks::roundRobin);
        suite.add("producer/own-partitioner", checks::ownPartitioner);
        suite.add("producer/sticky-without-key", checks::stickyWithoutKey);
        suite.add("producer/nulls", checks::nulls);
        suite.add("producer/big-record", checks::bigRecord);
        suite.add("producer/record-too-large", checks::recordTooLarge);
        suite.add("producer/splits-a-batch-too-large", checks::splitsBatch);
        suite.add("producer/compact-wants-keys", checks::compactWantsKeys);
        suite.add("producer/more-in-sync-than-replicas", checks::moreReplicasThanThereAre);
        suite.add("producer/creates-topic", checks::createsTopic);
        suite.add("producer/invalid-topic", checks::invalidTopic);
        suite.add("producer/no-such-partition", checks::noSuchPartition);
        suite.add("producer/topic-made-again", checks::topicMadeAgain);
        suite.add("producer/finds-new-partitions", checks::findsNewPartitions);
        suite.add("producer/partitions-for", checks::partitionsFor);
        suite.add("producer/codec-of-the-topic", checks::codecOfTheTopic);
        suite.add("producer/two-at-once", checks::twoAtOnce);
    }

    private void acks(String acks) throws Exception {
        String topic = "acks-" + acks;
        clients.create(topic, 1);
        try (KafkaProducer<String, String> producer = clients.producer("acks", acks, "enable.idempotence", false)) {
            for (int number = 0; number < 10; number++) {
                RecordMetadata told = producer.send(new ProducerRecord<>(topic, "v" + number)).get();
                Expect.equal(!acks.equals("0"), told.hasOffset());
                Expect.equal(acks.equals("0") ? -1L : number, told.offset());
            }
        }
        Expect.equal(Clients.numbered("v", 10), Clients.values(clients.readAll(topic, 10)));
    }

    private void compression(String codec) throws Exception {
        String topic = "codec-" + codec;
        clients.create(topic, 1);
        List<String> sent = Clients.numbered("a value that repeats, that repeats, ", 500);
        try (KafkaProducer<String, String> producer = clients.producer("compression.type", codec, "linger.ms", 20)) {
            sent.forEach(value -> producer.send(new ProducerRecord<>(topic, value)));
            producer.flush();
            double rate = producer.metrics().entrySet().stream()
                    .filter(metric -> metric.getKey().name().equals("compression-rate-avg"))
                    .mapToDouble(metric -> (double) metric.getValue().metricValue()).findFirst().orElseThrow();
            Expect.that(codec.equals("none") == (rate == 1.0), "compression rate " + rate);
        }
        Expect.equal(sent, Clients.values(clients.readAll(topic, 500)));
    }

    private void orderInFlight(boolean idempotent) throws Exception {
        String topic = "order-" + idempotent;
        clients.create(topic, 1);
        List<String> sent = Clients.numbered("v", 3000);
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        try (KafkaProducer<String, String> producer = clients.producer("enable.idempotence", idempotent,
                "max.in.flight.requests.per.connection", 5, "batch.size", 200, "linger.ms", 0)) {
            sent.forEach(value -> answers.add(producer.send(new ProducerRecord<>(topic, value))));
        }
        for (int number = 0; number < answers.size(); number++) {
            Expect.equal((long) number, answers.get(number).get().offset());
        }
        Expect.equal(sent, Clients.values(clients.readAll(topic, 3000)));
    }

    private void headers() throws Exception {
        clients.create("headers", 1);
        ProducerRecord<String, String> record = new ProducerRecord<>("headers", "k", "v");
        record.headers().add("one", new byte[] {1}).add("none", null).add("one", new byte[0]).add("ü", "é".getBytes(StandardCharsets.UTF_8));
        try (KafkaProducer<String, String> producer = clients.producer()) {
            producer.send(record).get();
        }
        ConsumerRecord<String, String> read = clients.readAll("headers", 1).get(0);
        List<Header> headers = List.of(read.headers().toArray());
        Expect.equal(List.of("one", "none", "one", "ü"), headers.stream().map(Header::key).toList());
        Expect.equal(null, headers.get(1).value());
        Expect.equal(0, headers.get(2).value().length);
        Expect.equal("é", new String(headers.get(3).value(), StandardCharsets.UTF_8));
    }

    private void createTime() throws Exception {
        clients.create("create-time", 1);
        long given = System.currentTimeMillis() - 12_345;
        try (KafkaProducer<String, String> producer = clients.producer()) {
            Expect.equal(given, producer.send(new ProducerRecord<>("create-time", 0, given, null, "v")).get().timestamp());
        }
        ConsumerRecord<String, String> read = clients.readAll("create-time", 1).get(0);
        Expect.equal(TimestampType.CREATE_TIME, read.timestampType());
        Expect.equal(given, read.timestamp());
    }

    private void appendTime() throws Exception {
        clients.create("append-time", 1, "message.timestamp.type", "LogAppendTime");
        long before = System.currentTimeMillis();
        long told;
        try (KafkaProducer<String, String> producer = clients.producer()) {
            told = producer.send(new ProducerRecord<>("append-time", 0, 5L, null, "v")).get().timestamp();
        }
        ConsumerRecord<String, String> read = clients.readAll("append-time", 1).get(0);
        Expect.equal(TimestampType.LOG_APPEND_TIME, read.timestampType());
        Expect.equal(told, read.timestamp());
        Expect.that(told >= before && told <= System.currentTimeMillis(), "appended at " + told + ", sent at " + before);
    }

    private void timestampOutOfBounds() throws Exception {
        clients.create("bounds", 1, "message.timestamp.before.max.ms", "1000", "message.timestamp.after.max.ms", "1000");
        long now = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = clients.producer()) {
            for (long far : new long[] {now - 600_000, now + 600_000}) {
                Expect.fails(InvalidTimestampException.class,
                        () -> producer.send(new ProducerRecord<>("bounds", 0, far, null, "v")).get());
            }
        }
    }

    private void keyChoosesPartition() throws Exception {
        clients.create("keys", 5);
        try (KafkaProducer<String, String> producer = clients.producer()) {
            for (String key : Clients.numbered("key", 50)) {
                int expected = Utils.toPositive(Utils.murmur2(key.getBytes(StandardCharsets.UTF_8))) % 5;
                Expect.equal(expected, producer.send(new ProducerRecord<>("keys", key, "v")).get().partition());
            }
            Expect.equal(3, producer.send(new ProducerRecord<>("keys", 3, "key0", "v")).get().partition());
        }
    }

    private Set<Integer> partitionsOf(KafkaProducer<String, String> producer, String topic, int count) throws Exception {
        Set<Integer> used = new TreeSet<>();
        for (int number = 0; number < count; number++) {
            used.add(producer.send(new ProducerRecord<>(topic, "v")).get().partition());
        }
        return used;
    }

    private void roundRobin() throws Exception {
        clients.create("round-robin", 3);
        try (KafkaProducer<String, String> producer = clients.producer("partitioner.class", RoundRobinPartitioner.class)) {
            Expect.equal(Set.of(0, 1, 2), partitionsOf(producer, "round-robin", 12));
        }
    }

    /** Sends all to the last partition. */
    public static final class LastPartition implements Partitioner {
        @Override
        public int partition(String topic, Object key, byte[] keyBytes, Object value, byte[] valueBytes, Cluster cluster) {
            return cluster.partitionsForTopic(topic).size() - 1;
        }

        @Override
        public void close() {}

        @Override
        public void configure(Map<String, ?> configs) {}
    }

    private void ownPartitioner() throws Exception {
        clients.create("own-partitioner", 4);
        try (KafkaProducer<String, String> producer = clients.producer("partitioner.class", LastPartition.class)) {
            Expect.equal(Set.of(3), partitionsOf(producer, "own-partitioner", 5));
        }
    }

    private void stickyWithoutKey() throws Exception {
        clients.create("sticky", 3);
        // The producer moves on to a partition at random after one or two batches' bytes: so many records
        // that it does so dozens of times.
        List<String> sent = Clients.numbered("v", 3000);
        try (KafkaProducer<String, String> producer = clients.producer("batch.size", 500)) {
            sent.forEach(value -> producer.send(new ProducerRecord<>("sticky", value)));
        }
        List<ConsumerRecord<String, String>> read = clients.readAll("sticky", 3000);
        Expect.equal(new TreeSet<>(sent), new TreeSet<>(Clients.values(read)));
        Set<Integer> used = read.stream().map(ConsumerRecord::partition).collect(Collectors.toSet());
        Expect.that(used.size() > 1, "only one partition was used");
    }

    private void nulls() throws Exception {
        clients.create("nulls", 1);
        try (KafkaProducer<String, String> producer = clients.producer()) {
            RecordMetadata told = producer.send(new ProducerRecord<>("nulls", null, null)).get();
            Expect.equal(-1, told.serializedKeySize());
            producer.send(new ProducerRecord<>("nulls", "", "")).get();
        }
        List<ConsumerRecord<String, String>> read = clients.readAll("nulls", 2);
        Expect.that(read.get(0).key() == null && read.get(0).value() == null, "nulls came back as " + read.get(0));
        Expect.that(read.get(1).key().isEmpty() && read.get(1).value().isEmpty(), "empty came back as " + read.get(1));
    }

    private void bigRecord() throws Exception {
        clients.create("big", 1, "max.message.bytes", "6000000");
        String big = "x".repeat(5_000_000);
        try (KafkaProducer<String, String> producer = clients.producer("max.request.size", 6_000_000, "buffer.memory", 40_000_000L)) {
            producer.send(new ProducerRecord<>("big", big)).get();
            producer.send(new ProducerRecord<>("big", "small")).get();
        }
        // Larger than what is asked for: it comes all the same, alone.
        List<ConsumerRecord<String, String>> read = clients.readAll("big", 2, "max.partition.fetch.bytes", 1000, "fetch.max.bytes", 2000);
        Expect.equal(big.length(), read.get(0).value().length());
        Expect.equal("small", read.get(1).value());
    }

    private void recordTooLarge() throws Exception {
        clients.create("too-large", 1, "max.message.bytes", "1000");
        try (KafkaProducer<String, String> producer = clients.producer()) {
            Expect.fails(RecordTooLargeException.class,
                    () -> producer.send(new ProducerRecord<>("too-large", "x".repeat(2000))).get());
            Expect.equal(0L, producer.send(new ProducerRecord<>("too-large", "x".repeat(100))).get().offset());
        }
    }

    private void splitsBatch() throws Exception {
        clients.create("split", 1, "max.message.bytes", "1000");
        List<String> sent = Clients.numbered("x".repeat(100), 60);
        try (KafkaProducer<String, String> producer = clients.producer("linger.ms", 200, "batch.size", 16_384)) {
            sent.forEach(value -> producer.send(new ProducerRecord<>("split", value)));
        }
        Expect.equal(sent, Clients.values(clients.readAll("split", 60)));
    }

    private void compactWantsKeys() throws Exception {
        clients.create("compact", 1, "cleanup.policy", "compact");
        try (KafkaProducer<String, String> producer = clients.producer()) {
            Expect.fails(InvalidRecordException.class, () -> producer.send(new ProducerRecord<>("compact", "v")).get());
            Expect.equal(0L, producer.send(new ProducerRecord<>("compact", "k", "v")).get().offset());
        }
    }

    private void moreReplicasThanThereAre() throws Exception {
        clients.create("replicas", 1, "min.insync.replicas", "2");
        // A topic of one replica wants no more than one in sync (KIP-966).
        try (KafkaProducer<String, String> producer = clients.producer("retries", 0, "enable.idempotence", false)) {
            Expect.equal(0L, producer.send(new ProducerRecord<>("replicas", "v")).get().offset());
        }
    }

    private void createsTopic() throws Exception {
        try (KafkaProducer<String, String> producer = clients.producer()) {
            Expect.equal(0L, producer.send(new ProducerRecord<>("made-by-producer", "v")).get().offset());
        }
    }

    private void invalidTopic() {
        try (KafkaProducer<String, String> producer = clients.producer()) {
            Expect.fails(InvalidTopicException.class, () -> producer.send(new ProducerRecord<>("no/topic", "v")).get());
        }
    }

    private void noSuchPartition() throws Exception {
        clients.create("one-partition", 1);
        try (KafkaProducer<String, String> producer = clients.producer("max.block.ms", 500)) {
            Expect.fails(TimeoutException.class, () -> producer.send(new ProducerRecord<>("one-partition", 7, "k", "v")).get());
        }
    }

    private void topicMadeAgain() throws Exception {
        clients.create("again", 1);
        try (KafkaProducer<String, String> producer = clients.producer(); Admin admin = clients.admin()) {
            for (String value : Clients.numbered("old", 5)) {
                producer.send(new ProducerRecord<>("again", value)).get();
            }
            admin.deleteTopics(List.of("again")).all().get();
            clients.create("again", 1);
            // The producer knows the old topic's id and its own sequence there.
            Expect.equal(0L, producer.send(new ProducerRecord<>("again", "new")).get().offset());
        }
        Expect.equal(List.of("new"), Clients.values(clients.readAll("again", 1)));
    }

    private void findsNewPartitions() throws Exception {
        clients.create("growing", 1);
        try (KafkaProducer<String, String> producer = clients.producer(); Admin admin = clients.admin()) {
            producer.send(new ProducerRecord<>("growing", "v")).get();
            admin.createPartitions(Map.of("growing", org.apache.kafka.clients.admin.NewPartitions.increaseTo(3))).all().get();
            Expect.equal(2, producer.send(new ProducerRecord<>("growing", 2, "k", "v")).get().partition());
        }
    }

    private void partitionsFor() throws Exception {
        clients.create("parts", 3);
        try (KafkaProducer<String, String> producer = clients.producer()) {
            var parts = producer.partitionsFor("parts");
            Expect.equal(3, parts.size());
            Expect.that(parts.stream().allMatch(part -> part.leader().id() == 1 && part.replicas().length == 1
                    && part.inSyncReplicas().length == 1 && part.offlineReplicas().length == 0), parts.toString());
            producer.close(Duration.ofSeconds(5));
        }
    }

    private void codecOfTheTopic() throws Exception {
        clients.create("recompressed", 1, "compression.type", "zstd");
        List<String> sent = Clients.numbered("v", 200);
        try (KafkaProducer<String, String> producer = clients.producer("compression.type", "gzip")) {
            sent.forEach(value -> producer.send(new ProducerRecord<>("recompressed", value)));
        }
        Expect.equal(sent, Clients.values(clients.readAll("recompressed", 200)));
    }

    private void twoAtOnce() throws Exception {
        clients.create("two", 1);
        try (KafkaProducer<String, String> one = clients.producer("linger.ms", 0);
                KafkaProducer<String, String> other = clients.producer("linger.ms", 0)) {
            for (int number = 0; number < 500; number++) {
                one.send(new ProducerRecord<>("two", "one" + number));
                other.send(new ProducerRecord<>("two", "other" + number));
            }
        }
        List<String> read = Clients.values(clients.readAll("two", 1000));
        Expect.equal(Clients.numbered("one", 500), read.stream().filter(value -> value.startsWith("one")).toList());
        Expect.equal(Clients.numbered("other", 500), read.stream().filter(value -> value.startsWith("other")).toList());
    }
}
