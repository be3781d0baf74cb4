package ottla;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.admin.UserScramCredentialsDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.ResourceNotFoundException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.UnacceptableCredentialException;

/** What clients do at a listener that wants to know who they are, and how users come to be. */
final class SaslChecks {
    private static final long SESSIONS_MS = 5_000;
    private final Clients open;
    private final Clients guarded;

    private SaslChecks(Clients open, Clients guarded) {
        this.open = open;
        this.guarded = guarded;
    }

    /** Clients of a listener without SASL, and of one whose sessions last two seconds, where `plain` may get in by PLAIN. */
    static void addTo(Suite suite, Clients open, Clients guarded) {
        SaslChecks checks = new SaslChecks(open, guarded);
        suite.add("sasl/plain", () -> checks.getsIn("sasl-plain", login("PLAIN", "plain", "plain-secret")));
        for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
            String name = mechanism.mechanismName();
            suite.add("sasl/" + name.toLowerCase(), () -> {
                checks.set(name, mechanism, name + "=,secret");
                checks.getsIn("sasl-" + name, login(name, name, name + "=,secret"));
            });
        }
        suite.add("sasl/wrong-password", checks::wrongPassword);
        suite.add("sasl/sessions-are-renewed", checks::sessionsAreRenewed);
        suite.add("sasl/users", checks::users);
    }

    /** Settings of a client. */
    private static Object[] login(String mechanism, String user, String password) {
        String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        String jaas = "org.apache.kafka.common.security." + module + " required username=\"" + user + "\" password=\"" + password + "\";";
        return new Object[] {"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", mechanism, "sasl.jaas.config", jaas};
    }

    private void alter(UserScramCredentialAlteration change) throws Exception {
        try (Admin admin = open.admin()) {
            admin.alterUserScramCredentials(List.of(change)).all().get();
        }
    }

    private void set(String user, ScramMechanism mechanism, String password) throws Exception {
        alter(new UserScramCredentialUpsertion(user, new ScramCredentialInfo(mechanism, 4096), password));
    }

    private RecordMetadata send(String topic, Object[] login) throws Exception {
        try (KafkaProducer<String, String> producer = guarded.producer(login)) {
            return producer.send(new ProducerRecord<>(topic, "a value")).get();
        }
    }

    private void getsIn(String topic, Object[] login) throws Exception {
        open.create(topic, 1);
        send(topic, login);
        Expect.equal(List.of("a value"), Clients.values(guarded.readAll(topic, 1, login)));
    }

    private void wrongPassword() throws Exception {
        set("wrong", ScramMechanism.SCRAM_SHA_256, "right");
        for (Object[] login : List.of(login("SCRAM-SHA-256", "wrong", "wrong"), login("SCRAM-SHA-256", "nobody", "right"), login("PLAIN", "plain", "wrong"))) {
            Expect.fails(SaslAuthenticationException.class, () -> send("sasl-wrong", login));
        }
    }

    private void sessionsAreRenewed() throws Exception {
        open.create("sasl-sessions", 1);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        long end = System.currentTimeMillis() + SESSIONS_MS;
        Object[] login = login("PLAIN", "plain", "plain-secret");
        try (KafkaProducer<String, String> producer = guarded.producer(login)) {
            while (System.currentTimeMillis() < end) {
                Future<RecordMetadata> one = producer.send(new ProducerRecord<>("sasl-sessions", "a value"));
                one.get();
                sent.add(one);
            }
        }
        Expect.equal(sent.size(), guarded.readAll("sasl-sessions", sent.size(), login).size());
    }

    private void users() throws Exception {
        set("kept", ScramMechanism.SCRAM_SHA_256, "secret");
        set("gone", ScramMechanism.SCRAM_SHA_512, "secret");
        alter(new UserScramCredentialDeletion("gone", ScramMechanism.SCRAM_SHA_512));
        try (Admin admin = open.admin()) {
            UserScramCredentialsDescription kept = admin.describeUserScramCredentials(List.of("kept")).description("kept").get();
            Expect.equal(List.of(new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)), kept.credentialInfos());
            Set<String> all = Set.copyOf(admin.describeUserScramCredentials().users().get());
            Expect.that(all.contains("kept") && !all.contains("gone"), "the users are " + all);
            Expect.fails(ResourceNotFoundException.class, () -> admin.describeUserScramCredentials(List.of("gone")).description("gone").get());
        }
        Expect.fails(ResourceNotFoundException.class, () -> {
            alter(new UserScramCredentialDeletion("gone", ScramMechanism.SCRAM_SHA_512));
            return null;
        });
        Expect.fails(UnacceptableCredentialException.class, () -> {
            alter(new UserScramCredentialUpsertion("weak", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 100), "secret"));
            return null;
        });
    }
}
