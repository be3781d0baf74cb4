package ottla;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Commands with what Apache Kafka was recorded to answer; replayed with the same tools against Ottla. */
final class Transcript {
    private static final Pattern HOLE = Pattern.compile("<[a-z_-]+>");
    private static final Pattern API = Pattern.compile("^([A-Z][A-Za-z]+\\(\\d+\\)): .*$");
    /** Clean up comes last, for it removes what the others need. */
    private static final List<String> ORDER = List.of(
            "topics", "configs", "produce-consume", "consumer-groups", "records-and-dirs", "cluster", "clean-up");

    private static final class Recorded {
        String name;
        String tool;
        List<String> words;
        String input = "";
        int code;
        String named;
        final List<String> out = new ArrayList<>();
    }

    private final List<Recorded> commands = new ArrayList<>();

    static List<Transcript> all(Path folder) {
        return ORDER.stream().map(name -> read(folder.resolve(name + ".txt"), name)).toList();
    }

    private static Transcript read(Path file, String name) {
        Transcript transcript = new Transcript();
        try {
            for (String line : Files.readAllLines(file)) {
                if (!line.startsWith("#") && !line.isBlank()) {
                    transcript.take(line, name);
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return transcript;
    }

    private void take(String line, String transcript) {
        if (line.startsWith("$ ")) {
            String[] parts = line.substring(2).split(" < ", 2);
            List<String> words = Arrays.asList(parts[0].split(" "));
            Recorded command = new Recorded();
            command.tool = words.get(0);
            command.words = words.subList(1, words.size());
            command.name = String.format("cli/%s/%02d-%s", transcript, commands.size() + 1, command.tool);
            command.input = parts.length == 1 ? "" : parts[1].replace("|", "\n") + "\n";
            commands.add(command);
            return;
        }
        Recorded command = Suite.last(commands);
        if (line.startsWith("[exit ")) {
            command.code = Integer.parseInt(line.substring(6, line.length() - 1));
        } else if (line.startsWith("[stderr names ")) {
            command.named = line.substring(14, line.length() - 1);
        } else {
            command.out.add(line);
        }
    }

    boolean isAmong(Set<String> wanted) {
        return commands.stream().anyMatch(command -> wanted.contains(command.name));
    }

    void replay(Tools tools, BiConsumer<String, Throwable> tell) {
        for (Recorded command : commands) {
            Throwable failure = null;
            try {
                compare(command, tools);
            } catch (Throwable error) {
                failure = error;
            }
            tell.accept(command.name, failure);
        }
    }

    private static void compare(Recorded command, Tools tools) throws Exception {
        Tools.Ended ended = tools.run(command.tool, command.words, command.input);
        String told = command.words + "\n" + ended;
        Expect.that(ended.code() == command.code, "exit " + command.code + " was expected: " + told);
        if (command.named != null) {
            Expect.that(ended.err().contains(command.named), command.named + " is not named: " + told);
        }
        List<String> got = comparable(ended.out().lines());
        List<String> expected = comparable(command.out.stream());
        Expect.that(got.size() == expected.size(), "expected " + expected + ", got " + told);
        for (int at = 0; at < got.size(); at++) {
            boolean fits = pattern(expected.get(at)).matcher(got.get(at)).matches();
            Expect.that(fits, "expected " + expected.get(at) + ", got " + got.get(at) + ": " + told);
        }
    }

    /**
     * Lines without what may differ: the order of configs; versions of APIs, which are each broker's own. A
     * console consumer without a group's name leaves no group behind, and what it left there is not looked for.
     */
    private static List<String> comparable(Stream<String> lines) {
        return lines.map(line -> line.trim().replaceAll("\\s+", " "))
                .filter(line -> !line.isEmpty() && !line.startsWith("console-consumer-"))
                .filter(line -> !line.startsWith("<console-group>"))
                .map(Transcript::comparable)
                .toList();
    }

    private static String comparable(String line) {
        int configs = line.indexOf("Configs: ");
        if (configs >= 0) {
            String[] sorted = line.substring(configs + 9).split(",");
            Arrays.sort(sorted);
            return line.substring(0, configs) + "Configs: " + String.join(",", sorted);
        }
        return API.matcher(line).replaceAll("$1");
    }

    /** A recorded line as a pattern: a word in angle brackets is anything. */
    private static Pattern pattern(String line) {
        StringBuilder quoted = new StringBuilder();
        Matcher hole = HOLE.matcher(line);
        int at = 0;
        while (hole.find()) {
            quoted.append(Pattern.quote(line.substring(at, hole.start()))).append(".+");
            at = hole.end();
        }
        return Pattern.compile(quoted.append(Pattern.quote(line.substring(at))).toString());
    }
}
