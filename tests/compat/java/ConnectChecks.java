package ottla;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Kafka Connect with the connectors for files: lines go from one file through a topic to another. */
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
        suite.add("connect/distributed-files", checks::distributedFiles);
    }

    private Path write(String name, String... lines) throws IOException {
        return Files.write(scratch.resolve(name), List.of(lines));
    }

    private Path worker(String name, String... more) throws IOException {
        List<String> lines = new ArrayList<>(List.of(
                "bootstrap.servers=" + clients.bootstrap,
                "key.converter=org.apache.kafka.connect.storage.StringConverter",
                "value.converter=org.apache.kafka.connect.storage.StringConverter",
                "offset.flush.interval.ms=500"));
        lines.addAll(List.of(more));
        return write(name, lines.toArray(String[]::new));
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
    private Process start(String mode, Path... files) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"),
                "-cp", System.getProperty("java.class.path"), "org.apache.kafka.connect.cli.Connect" + mode));
        for (Path file : files) {
            command.add(file.toString());
        }
        Path log = scratch.resolve("connect-" + mode + ".log");
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
            Expect.that(!connect.waitFor(100, TimeUnit.MILLISECONDS), "Connect ended; its log lies beside its files");
            return Files.exists(file) && Files.readAllLines(file).equals(expected);
        });
    }

    private void standaloneFiles() throws Exception {
        Path from = write("connect-from.txt", "first", "second");
        Path to = scratch.resolve("connect-to.txt");
        Path worker = worker("standalone.properties",
                "offset.storage.file.filename=" + scratch.resolve("connect.offsets"),
                // Any free port.
                "listeners=http://127.0.0.1:0");
        Path[] files = {worker, source(from), sink(to)};

        Process connect = start("Standalone", files);
        try {
            awaitLines(connect, to, List.of("first", "second"));
            Files.writeString(from, "third\n", StandardOpenOption.APPEND);
            awaitLines(connect, to, List.of("first", "second", "third"));
        } finally {
            stop(connect);
        }

        // Another one goes on where the first ended, the sink by the offsets of its group.
        Files.writeString(from, "fourth\n", StandardOpenOption.APPEND);
        Process again = start("Standalone", files);
        try {
            awaitLines(again, to, List.of("first", "second", "third", "fourth"));
        } finally {
            stop(again);
        }
        Expect.equal(List.of("first", "second", "third", "fourth"), Clients.values(clients.readAll("connected", 4)));
    }

    /** A port that nobody listens on: Connect tells its own only in its log. */
    private static int freePort() throws IOException {
        try (ServerSocket asked = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return asked.getLocalPort();
        }
    }

    /** Makes a connector once Connect answers; it does when it has read its topics and joined its group. */
    private static void put(Process connect, String address, String name, String config) {
        HttpClient http = HttpClient.newHttpClient();
        HttpRequest asked = HttpRequest.newBuilder(URI.create(address + "/connectors/" + name + "/config"))
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(config.replace('\'', '"'))).build();
        Clients.await("Connect makes no connector " + name, () -> {
            Expect.that(!connect.waitFor(100, TimeUnit.MILLISECONDS), "Connect ended; its log lies beside its files");
            try {
                return http.send(asked, HttpResponse.BodyHandlers.discarding()).statusCode() == 201;
            } catch (IOException notYet) {
                return false;
            }
        });
    }

    private void distributedFiles() throws Exception {
        Path from = write("distributed-from.txt", "first", "second");
        Path to = scratch.resolve("distributed-to.txt");
        String address = "http://127.0.0.1:" + freePort();
        Path worker = worker("distributed.properties", "listeners=" + address, "group.id=workers",
                "config.storage.topic=connect-configs", "offset.storage.topic=connect-offsets",
                "status.storage.topic=connect-status", "config.storage.replication.factor=1",
                "offset.storage.replication.factor=1", "status.storage.replication.factor=1");
        String file = "{'connector.class': 'org.apache.kafka.connect.file.FileStream%s', '%s': 'distributed', 'file': '%s'}";

        Process connect = start("Distributed", worker);
        try {
            put(connect, address, "source", file.formatted("SourceConnector", "topic", from));
            put(connect, address, "sink", file.formatted("SinkConnector", "topics", to));
            awaitLines(connect, to, List.of("first", "second"));
        } finally {
            stop(connect);
        }

        // All that another one knows of its connectors stands in Connect's topics.
        Files.writeString(from, "third\n", StandardOpenOption.APPEND);
        Process again = start("Distributed", worker);
        try {
            awaitLines(again, to, List.of("first", "second", "third"));
        } finally {
            stop(again);
        }
    }
}
