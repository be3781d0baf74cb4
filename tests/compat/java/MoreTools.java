package ottla;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/** Tools whose answers hold figures, so that no transcript of them can be compared. */
final class MoreTools {
    private MoreTools() {}

    static void run(Tools tools, Set<String> wanted, BiConsumer<String, Throwable> tell) {
        attempt("tools/producer-perf-test", wanted, tell, () -> {
            String said = ask(tools, "kafka-producer-perf-test", "--topic perf --num-records 5000 --record-size 100"
                    + " --throughput -1 --command-property bootstrap.servers=<broker>");
            Expect.that(said.contains("5000 records sent"), said);
        });
        attempt("tools/consumer-perf-test", wanted, tell, () -> {
            String said = ask(tools, "kafka-consumer-perf-test",
                    "--bootstrap-server <broker> --topic perf --num-records 5000 --timeout 20000");
            List<String> lines = said.trim().lines().toList();
            Expect.that(lines.size() == 2 && Suite.last(lines).split(", ")[4].equals("5000"), said);
        });
        attempt("tools/e2e-latency", wanted, tell, () -> {
            String said = ask(tools, "kafka-e2e-latency",
                    "--bootstrap-server <broker> --topic latency --num-records 200 --producer-acks all --record-size 100");
            Expect.that(said.contains("Percentiles: 50th = "), said);
        });
        attempt("tools/verifiable-producer", wanted, tell, () -> {
            ask(tools, "kafka-verifiable-producer", "--bootstrap-server <broker> --topic verified --max-messages 2000 --acks -1");
            // It closes its producer when the JVM ends; until then the last records are on their way.
            Clients.await("not all records arrived", () ->
                    ask(tools, "kafka-get-offsets", "--bootstrap-server <broker> --topic verified").contains("verified:0:2000"));
        });
        attempt("tools/verifiable-consumer", wanted, tell, () -> {
            String said = ask(tools, "kafka-verifiable-consumer", "--bootstrap-server <broker> --topic verified"
                    + " --group-id verifiers --max-messages 2000 --reset-policy earliest");
            Expect.that(said.contains("\"count\":2000") || said.contains("offsets_committed"), said);
            Expect.that(said.contains("\"success\":true"), said);
        });
        attempt("tools/describe-all-configs", wanted, tell, () -> {
            for (String entity : List.of("topics --entity-name perf", "brokers --entity-name 1")) {
                String said = ask(tools, "kafka-configs",
                        "--bootstrap-server <broker> --describe --all --entity-type " + entity);
                Expect.that(said.lines().count() > 20, said);
            }
        });
        attempt("tools/consumer-groups-of-members", wanted, tell, () -> {
            String said = ask(tools, "kafka-consumer-groups", "--bootstrap-server <broker> --describe --all-groups --offsets");
            Expect.that(said.contains("verifiers") && said.contains("verified"), said);
        });
    }

    private static String ask(Tools tools, String tool, String words) throws Exception {
        Tools.Ended ended = tools.run(tool, Arrays.asList(words.split(" ")), "");
        Expect.that(ended.code() == 0, ended.toString());
        return ended.out();
    }

    private static void attempt(String name, Set<String> wanted, BiConsumer<String, Throwable> tell, Suite.Check check) {
        if (wanted != null && !wanted.contains(name)) {
            return;
        }
        Throwable failure = null;
        try {
            check.run();
        } catch (Throwable error) {
            failure = error;
        }
        tell.accept(name, failure);
    }
}
