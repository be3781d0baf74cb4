package ottla;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Kafka Connect as one process with the connectors for files: lines go from one file through a topic to another. */
final class ConnectChecks {
    private static final int STOP_SECONDS = 30;

    private final Clients clients;
    private final Path scratch;

    private ConnectChecks(Clients clients, Path scratch) {
        this.clients = clients;
        this.scratch = scratch;
    }

    static void addTo(Suite suite, Clients clients, Path scratch) {
        ConnectChecks checks = new ConnectChecks(clients, scratch);
        suite.add("connect/standalone-files", checks::standaloneFiles);
    }

    private Path write(String name, String... lines) throws IOException {
        return Files.write(scratch.resolve(name), List.of(lines));
    }

    private Path worker() throws IOException {
        return write("worker.properties",
                "bootstrap.servers=" + clients.bootstrap,
                "key.converter=org.apache.kafka.connect.storage.StringConverter",
                "value.converter=org.apache.kafka.connect.storage.StringConverter",
                "offset.storage.file.filename=" + scratch.resolve("connect.offsets"),
                "offset.flush.interval.ms=500",
                // Any free port.
                "listeners=http://127.0.0.1:0");
    }

    private Path source(Path from) throws IOException {
        return write("source.properties", "name=file-source", "topic=connected", "file=" + from,
                "connector.class=org.apache.kafka.connect.file.FileStreamSourceConnector");
    }

    private Path sink(Path to) throws IOException {
        return write("sink.properties", "name=file-sink", "topics=connected", "file=" + to,
                "connector.class=org.apache.kafka.connect.file.FileStreamSinkConnector");
    }

    /** Connect's own command in a process of its own, for it ends its process. */
    private Process start(Path... files) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"),
                "-cp", System.getProperty("java.class.path"), "org.apache.kafka.connect.cli.ConnectStandalone"));
        for (Path file : files) {
            command.add(file.toString());
        }
        Path log = scratch.resolve("connect.log");
        return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
    }

    private static void stop(Process connect) throws InterruptedException {
        connect.destroy();
        if (!connect.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            connect.destroyForcibly().waitFor();
            throw new AssertionError("Connect does not end");
        }
    }

    private static void awaitLines(Process connect, Path file, List<String> expected) {
        Clients.await("the lines did not arrive", () -> {
            Expect.that(!connect.waitFor(100, TimeUnit.MILLISECONDS), "Connect ended; its log is connect.log");
            return Files.exists(file) && Files.readAllLines(file).equals(expected);
        });
    }

    private void standaloneFiles() throws Exception {
        Path from = write("connect-from.txt", "first", "second");
        Path to = scratch.resolve("connect-to.txt");
        Path[] files = {worker(), source(from), sink(to)};

        Process connect = start(files);
        try {
            awaitLines(connect, to, List.of("first", "second"));
            Files.writeString(from, "third\n", StandardOpenOption.APPEND);
            awaitLines(connect, to, List.of("first", "second", "third"));
        } finally {
            stop(connect);
        }

        // Another one goes on where the first ended, the sink by the offsets of its group.
        Files.writeString(from, "fourth\n", StandardOpenOption.APPEND);
        Process again = start(files);
        try {
            awaitLines(again, to, List.of("first", "second", "third", "fourth"));
        } finally {
            stop(again);
        }
        Expect.equal(List.of("first", "second", "third", "fourth"), Clients.values(clients.readAll("connected", 4)));
    }
}
