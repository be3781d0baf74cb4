package ottla;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs named checks, several at once, and prints how each ended. */
public final class Suite {
    /** More than any check takes; one that hangs fails. */
    private static final int CHECK_SECONDS = 90;
    /** Checks wait more than they work. */
    private static final int AT_ONCE = 4;

    /** One test. */
    public interface Check {
        void run() throws Exception;
    }

    private final Map<String, Check> checks = new LinkedHashMap<>();
    private final PrintStream results = System.out;

    /** Adds a check under a name that nobody else has. */
    public void add(String name, Check check) {
        Expect.that(checks.put(name, check) == null, "two checks are called " + name);
    }

    private static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private synchronized void tell(String name, Throwable error) {
        if (error == null) {
            results.println("pass " + name);
            return;
        }
        results.println("FAIL " + name);
        trace(error).lines().limit(60).forEach(line -> results.println("\t" + line));
        results.flush();
    }

    private void runOne(String name, ExecutorService runner) {
        Future<?> running = runner.submit(() -> {
            checks.get(name).run();
            return null;
        });
        try {
            running.get(CHECK_SECONDS, TimeUnit.SECONDS);
            tell(name, null);
        } catch (ExecutionException error) {
            tell(name, error.getCause());
        } catch (TimeoutException | InterruptedException error) {
            running.cancel(true);
            tell(name, error);
        }
    }

    private void runAll(Set<String> wanted) throws InterruptedException {
        ExecutorService runner = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work);
            // A check that hangs does not keep the JVM.
            thread.setDaemon(true);
            return thread;
        });
        ExecutorService places = Executors.newFixedThreadPool(AT_ONCE);
        for (String name : checks.keySet()) {
            if (wanted == null || wanted.contains(name)) {
                places.submit(() -> runOne(name, runner));
            }
        }
        places.shutdown();
        places.awaitTermination(1, TimeUnit.HOURS);
    }

    /** `clients' broker`, `tools' broker`, folder of transcripts, folder to write in with `wanted.txt`, `clients' listener with SASL`. */
    public static void main(String[] words) throws Exception {
        Suite suite = new Suite();
        Path scratch = Path.of(words[3]);
        Path list = scratch.resolve("wanted.txt");
        Set<String> wanted = Files.exists(list) ? Set.copyOf(Files.readAllLines(list)) : null;

        // Before anything logs: tools tell of some errors in the log, which has to be caught with the rest.
        Tools tools = new Tools(words[1], scratch);
        Clients clients = new Clients(words[0]);
        ProducerChecks.addTo(suite, clients);
        ConsumerChecks.addTo(suite, clients);
        GroupChecks.addTo(suite, clients);
        AdminChecks.addTo(suite, clients);
        AdminGroupChecks.addTo(suite, clients);
        SaslChecks.addTo(suite, clients, new Clients(words[4]));
        StreamsChecks.addTo(suite, clients, scratch);
        ConnectChecks.addTo(suite, clients, scratch);

        Thread commands = new Thread(() -> {
            for (Transcript transcript : Transcript.all(Path.of(words[2]))) {
                if (wanted == null || transcript.isAmong(wanted)) {
                    transcript.replay(tools, suite::tell);
                }
            }
            MoreTools.run(tools, wanted, suite::tell);
        });
        commands.start();
        suite.runAll(wanted);
        commands.join();
        System.exit(0);
    }

    /** The last part of a list as one. */
    static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }
}
