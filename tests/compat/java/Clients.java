package ottla;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Clients of one broker as the checks want them, and what many of them do. */
final class Clients {
    static final Duration A_MOMENT = Duration.ofMillis(100);
    private static final long PATIENCE_MS = 30_000;
    final String bootstrap;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    /** `name, value, name, value …` over these. */
    private static Map<String, Object> with(Map<String, Object> settings, Object[] more) {
        for (int at = 0; at < more.length; at += 2) {
            settings.put((String) more[at], more[at + 1]);
        }
        return settings;
    }

    private Map<String, Object> usual() {
        return new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    }

    Admin admin() {
        return Admin.create(usual());
    }

    KafkaProducer<String, String> producer(Object... more) {
        return new KafkaProducer<>(with(usual(), more), new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(Object... more) {
        Map<String, Object> settings = usual();
        settings.put("auto.offset.reset", "earliest");
        settings.put("fetch.max.wait.ms", 100);
        return new KafkaConsumer<>(with(settings, more), new StringDeserializer(), new StringDeserializer());
    }

    /** A consumer of names with values that are no text. */
    KafkaConsumer<String, byte[]> bytes() {
        Map<String, Object> settings = with(usual(), new Object[] {"auto.offset.reset", "earliest"});
        return new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
    }

    /** A topic of this name; `name, value …` of its configs. */
    void create(String topic, int partitions, String... configs) throws Exception {
        Map<String, String> named = new HashMap<>();
        for (int at = 0; at < configs.length; at += 2) {
            named.put(configs[at], configs[at + 1]);
        }
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(named))).all().get();
        }
    }

    /** Sends values to a partition with the client's own defaults. */
    void send(String topic, int partition, Collection<String> values) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            for (String value : values) {
                producer.send(new ProducerRecord<>(topic, partition, null, value));
            }
        }
    }

    /** `prefix0`, `prefix1`, … */
    static List<String> numbered(String prefix, int count) {
        List<String> values = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            values.add(prefix + number);
        }
        return values;
    }

    /** Everything in a topic from its start, once `count` records were seen. */
    List<ConsumerRecord<String, String>> readAll(String topic, int count, Object... more) {
        try (KafkaConsumer<String, String> consumer = consumer(more)) {
            List<TopicPartition> all = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(part -> all.add(new TopicPartition(topic, part.partition())));
            consumer.assign(all);
            return poll(consumer, count);
        }
    }

    /** Polls until so many records came. */
    static List<ConsumerRecord<String, String>> poll(Consumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        await("only some of " + count + " records came", () -> {
            consumer.poll(A_MOMENT).forEach(records::add);
            return records.size() >= count;
        });
        return records;
    }

    static List<String> values(Iterable<ConsumerRecord<String, String>> records) {
        List<String> values = new ArrayList<>();
        records.forEach(record -> values.add(record.value()));
        return values;
    }

    /** Asks until it holds; the question waits for what may change. */
    static void await(String otherwise, Callable<Boolean> holds) {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        try {
            while (!holds.call()) {
                Expect.that(System.currentTimeMillis() < deadline, otherwise);
            }
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
