package ottla;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/** Kafka Streams at least once: a count of words with a topic between its two halves, a store and its changelog. */
final class StreamsChecks {
    private static final int PARTITIONS = 3;
    private static final String STORE = "counts";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Clients clients;
    private final Path scratch;

    private StreamsChecks(Clients clients, Path scratch) {
        this.clients = clients;
        this.scratch = scratch;
    }

    static void addTo(Suite suite, Clients clients, Path scratch) {
        StreamsChecks checks = new StreamsChecks(clients, scratch);
        suite.add("streams/counts-words", checks::countsWords);
        suite.add("streams/makes-its-topics", checks::makesItsTopics);
        suite.add("streams/restores-from-its-changelog", checks::restoresFromItsChangelog);
        suite.add("streams/shares-between-two", checks::sharesBetweenTwo);
    }

    private static Topology wordCount(String name) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(name + "-in")
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.as("words"))
                .count(Materialized.as(STORE))
                .toStream()
                .to(name + "-out", Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    /** One instance of the application; each has a folder of its own for its stores. */
    private KafkaStreams instance(String name, int number) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", clients.bootstrap);
        settings.put("application.id", name);
        settings.put("state.dir", scratch.resolve(name + number).toString());
        settings.put("default.key.serde", Serdes.StringSerde.class);
        settings.put("default.value.serde", Serdes.StringSerde.class);
        settings.put("num.stream.threads", 2);
        settings.put("commit.interval.ms", 100);
        // One that is closed does not leave its group; the others wait until its session ends.
        settings.put("session.timeout.ms", 6_000);
        settings.put("heartbeat.interval.ms", 1_000);
        // Each change of a count is to be seen in the topics.
        settings.put("statestore.cache.max.bytes", 0);
        return new KafkaStreams(wordCount(name), settings);
    }

    private void createTopics(String name) throws Exception {
        clients.create(name + "-in", PARTITIONS);
        clients.create(name + "-out", 1);
    }

    private void say(String name, String... lines) throws Exception {
        for (int at = 0; at < lines.length; at++) {
            clients.send(name + "-in", at % PARTITIONS, List.of(lines[at]));
        }
    }

    /** Waits until the last count of each word in the output is this. */
    private void awaitCounts(String name, Map<String, Long> expected) {
        Map<String, Long> seen = new HashMap<>();
        LongDeserializer number = new LongDeserializer();
        try (var consumer = clients.bytes()) {
            consumer.assign(List.of(new TopicPartition(name + "-out", 0)));
            Clients.await("the counts are not " + expected, () -> {
                consumer.poll(Clients.A_MOMENT).forEach(
                        record -> seen.put(record.key(), number.deserialize(null, record.value())));
                return seen.equals(expected);
            });
        }
    }

    private void countsWords() throws Exception {
        createTopics("words");
        try (KafkaStreams streams = instance("words", 0)) {
            streams.start();
            say("words", "to be or not to be", "be", "not now");

            awaitCounts("words", Map.of("to", 2L, "be", 3L, "or", 1L, "not", 2L, "now", 1L));
            var store = streams.store(StoreQueryParameters.fromNameAndType(
                    STORE, QueryableStoreTypes.<String, Long>keyValueStore()));
            Expect.equal(3L, store.get("be"));
        }
    }

    private void makesItsTopics() throws Exception {
        createTopics("made");
        try (KafkaStreams streams = instance("made", 0)) {
            streams.start();
            say("made", "once");
            awaitCounts("made", Map.of("once", 1L));
        }

        try (Admin admin = clients.admin()) {
            ConfigResource changelog = new ConfigResource(ConfigResource.Type.TOPIC, "made-counts-changelog");
            ConfigResource between = new ConfigResource(ConfigResource.Type.TOPIC, "made-words-repartition");
            Map<ConfigResource, Config> configs = admin.describeConfigs(List.of(changelog, between)).all().get();
            Expect.equal("compact", configs.get(changelog).get("cleanup.policy").value());
            Expect.equal("delete", configs.get(between).get("cleanup.policy").value());
            var topics = admin.describeTopics(List.of(changelog.name(), between.name())).allTopicNames().get();
            topics.values().forEach(topic -> Expect.equal(PARTITIONS, topic.partitions().size()));
        }
    }

    private void restoresFromItsChangelog() throws Exception {
        createTopics("restored");
        try (KafkaStreams first = instance("restored", 0)) {
            first.start();
            say("restored", "a a b", "c", "a");
            awaitCounts("restored", Map.of("a", 3L, "b", 1L, "c", 1L));
        }

        // The second starts without the first one's files: all that it knows comes from the changelog.
        try (KafkaStreams second = instance("restored", 1)) {
            second.start();
            say("restored", "b", "c c", "d");
            awaitCounts("restored", Map.of("a", 3L, "b", 2L, "c", 3L, "d", 1L));
        }
    }

    private void sharesBetweenTwo() throws Exception {
        createTopics("shared");
        try (KafkaStreams first = instance("shared", 0); KafkaStreams second = instance("shared", 1)) {
            first.start();
            say("shared", "one two", "two", "three");
            awaitCounts("shared", Map.of("one", 1L, "two", 2L, "three", 1L));

            second.start();
            Clients.await("the second got no work", () -> works(first) && works(second));
            say("shared", "one", "three two", "four");
            awaitCounts("shared", Map.of("one", 2L, "two", 3L, "three", 2L, "four", 1L));

            first.close(PATIENCE);
            say("shared", "four", "four", "four");
            awaitCounts("shared", Map.of("one", 2L, "two", 3L, "three", 2L, "four", 4L));
        }
    }

    /** Whether a thread of it was given a part of the work. */
    private static boolean works(KafkaStreams streams) {
        return streams.metadataForLocalThreads().stream().anyMatch(thread -> !thread.activeTasks().isEmpty());
    }
}
