package ottla;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.utils.Exit;

/** Kafka's command line tools, run one after the other in this JVM by the classes that their scripts start. */
final class Tools {
    private static final Map<String, String> CLASSES = Map.ofEntries(
            Map.entry("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
            Map.entry("kafka-configs", "kafka.admin.ConfigCommand"),
            Map.entry("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
            Map.entry("kafka-groups", "org.apache.kafka.tools.GroupsCommand"),
            Map.entry("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
            Map.entry("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
            Map.entry("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
            Map.entry("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
            Map.entry("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
            Map.entry("kafka-leader-election", "org.apache.kafka.tools.LeaderElectionCommand"),
            Map.entry("kafka-reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
            Map.entry("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand"),
            Map.entry("kafka-features", "org.apache.kafka.tools.FeatureCommand"),
            Map.entry("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand"),
            Map.entry("kafka-acls", "org.apache.kafka.tools.AclCommand"),
            Map.entry("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
            Map.entry("kafka-cluster", "org.apache.kafka.tools.ClusterTool"),
            Map.entry("kafka-client-metrics", "org.apache.kafka.tools.ClientMetricsCommand"),
            Map.entry("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
            Map.entry("kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance"),
            Map.entry("kafka-e2e-latency", "org.apache.kafka.tools.EndToEndLatency"),
            Map.entry("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
            Map.entry("kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"));

    /** How a tool ended. */
    record Ended(int code, String out, String err) {
        @Override
        public String toString() {
            return "exit " + code + "\n" + out + "\n" + err;
        }
    }

    /** Ends a tool where it would end its process. */
    private static final class End extends Error {
        End() {
            super("the tool ended", null, false, false);
        }
    }

    /** Writes to whatever is set: Scala's console keeps the stream that it found first. */
    private static final class Switch extends OutputStream {
        private final AtomicReference<OutputStream> to = new AtomicReference<>();

        Switch(OutputStream first) {
            to.set(first);
        }

        @Override
        public void write(int value) throws IOException {
            to.get().write(value);
        }

        @Override
        public void write(byte[] bytes, int from, int count) throws IOException {
            to.get().write(bytes, from, count);
        }
    }

    private final String bootstrap;
    private final Path scratch;
    private final OutputStream usual = System.err;
    private final Switch out = new Switch(usual);
    private final Switch err = new Switch(usual);
    private final List<Runnable> hooks = new ArrayList<>();
    private final AtomicReference<Integer> code = new AtomicReference<>();

    Tools(String bootstrap, Path scratch) throws IOException {
        this.bootstrap = bootstrap;
        this.scratch = scratch;
        System.setOut(new PrintStream(out, true));
        System.setErr(new PrintStream(err, true));
        Exit.Procedure end = (status, message) -> {
            if (message != null) {
                System.err.println(message);
            }
            code.compareAndSet(null, status);
            throw new End();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        write("reset.csv", "in,0,1\n");
        write("offsets.json", "{'partitions':[{'topic':'in','partition':0,'offset':2}],'version':1}");
        write("elect.json", "{'partitions':[{'topic':'a','partition':0}]}");
        write("move.json", "{'version':1,'partitions':[{'topic':'a','partition':0,'replicas':[1]}]}");
        write("topics.json", "{'version':1,'topics':[{'topic':'a'}]}");
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(scratch.resolve(name), text.replace('\'', '"'));
    }

    /** Runs a tool with these words; `TMP/` and `<broker>` in them are what they stand for. */
    Ended run(String tool, List<String> words, String input) throws Exception {
        String name = CLASSES.get(tool.replace(".sh", ""));
        Expect.that(name != null, "no class is known for " + tool);
        String[] real = words.stream()
                .map(word -> word.replace("<broker>", bootstrap).replace("TMP", scratch.toString()))
                .toArray(String[]::new);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        out.to.set(said);
        err.to.set(complained);
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        code.set(null);
        hooks.clear();
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) real);
        } catch (InvocationTargetException error) {
            if (!(error.getCause() instanceof End)) {
                error.getCause().printStackTrace();
                code.compareAndSet(null, 1);
            }
        } finally {
            List.copyOf(hooks).forEach(Runnable::run);
            System.out.flush();
            System.err.flush();
            out.to.set(usual);
            err.to.set(usual);
        }
        int status = code.get() == null ? 0 : code.get();
        return new Ended(status, said.toString(StandardCharsets.UTF_8), complained.toString(StandardCharsets.UTF_8));
    }
}
