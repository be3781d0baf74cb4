package ottla;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.apache.kafka.common.errors.InvalidGroupIdException;
import org.apache.kafka.common.errors.InvalidSessionTimeoutException;

/** Classic consumer groups: who gets what, who is fenced, what is committed. */
final class GroupChecks {
    private final Clients clients;

    private GroupChecks(Clients clients) {
        this.clients = clients;
    }

    static void addTo(Suite suite, Clients clients) {
        GroupChecks checks = new GroupChecks(clients);
        for (Class<?> assignor : List.of(
                RangeAssignor.class, RoundRobinAssignor.class, StickyAssignor.class, CooperativeStickyAssignor.class)) {
            suite.add("group/" + assignor.getSimpleName(), () -> checks.sharesAndHandsOver(assignor));
        }
        suite.add("group/default-assignors", checks::defaultAssignors);
        suite.add("group/from-eager-to-cooperative", checks::fromEagerToCooperative);
        suite.add("group/cooperative-keeps-partitions", checks::cooperativeKeepsPartitions);
        suite.add("group/static-member-returns", checks::staticMemberReturns);
        suite.add("group/static-member-is-fenced", checks::staticMemberIsFenced);
        suite.add("group/poll-interval", checks::pollInterval);
        suite.add("group/session-timeout-out-of-bounds", checks::sessionTimeoutOutOfBounds);
        suite.add("group/inconsistent-protocol", checks::inconsistentProtocol);
        suite.add("group/empty-name", checks::emptyName);
        suite.add("group/pattern-finds-new-topics", checks::patternFindsNewTopics);
        suite.add("group/finds-new-partitions", checks::findsNewPartitions);
        suite.add("group/commit-of-a-stranger", checks::commitOfAStranger);
        suite.add("group/commit-after-eviction", checks::commitAfterEviction);
        suite.add("group/everything-once", checks::everythingOnce);
        suite.add("group/metadata", checks::metadata);
        suite.add("group/enforced-rebalance", checks::enforcedRebalance);
        suite.add("group/topic-deleted", checks::topicDeleted);
    }

    private KafkaConsumer<String, String> member(String group, Object... more) {
        Object[] usual = {"group.id", group, "session.timeout.ms", 6000, "heartbeat.interval.ms", 100, "metadata.max.age.ms", 300};
        Object[] all = new Object[usual.length + more.length];
        System.arraycopy(usual, 0, all, 0, usual.length);
        System.arraycopy(more, 0, all, usual.length, more.length);
        return clients.consumer(all);
    }

    /** Polls all members in turn until each has as many partitions as it should, and none is with two. */
    private static void awaitShares(List<KafkaConsumer<String, String>> members, int... shares) {
        Clients.await("the partitions are not shared", () -> {
            members.forEach(member -> member.poll(Duration.ofMillis(20)));
            Set<TopicPartition> all = new HashSet<>();
            int total = 0;
            for (int at = 0; at < shares.length; at++) {
                Set<TopicPartition> assigned = members.get(at).assignment();
                if (assigned.size() != shares[at]) {
                    return false;
                }
                all.addAll(assigned);
                total += shares[at];
            }
            return all.size() == total;
        });
    }

    private void sharesAndHandsOver(Class<?> assignor) throws Exception {
        String name = "shares-" + assignor.getSimpleName();
        clients.create(name, 4);
        Object[] strategy = {"partition.assignment.strategy", assignor.getName()};
        try (KafkaConsumer<String, String> first = member(name, strategy)) {
            first.subscribe(List.of(name));
            awaitShares(List.of(first), 4);
            try (KafkaConsumer<String, String> second = member(name, strategy)) {
                second.subscribe(List.of(name));
                awaitShares(List.of(first, second), 2, 2);
                try (KafkaConsumer<String, String> third = member(name, strategy)) {
                    third.subscribe(List.of(name));
                    Clients.await("the third got nothing", () -> {
                        List.of(first, second, third).forEach(member -> member.poll(Duration.ofMillis(20)));
                        return !third.assignment().isEmpty();
                    });
                }
                awaitShares(List.of(first, second), 2, 2);
            }
            awaitShares(List.of(first), 4);
            clients.send(name, 3, List.of("to the last"));
            Expect.equal(List.of("to the last"), Clients.values(Clients.poll(first, 1)));
        }
    }

    private void defaultAssignors() throws Exception {
        clients.create("default-assignors", 2);
        try (KafkaConsumer<String, String> one = member("default-assignors"); KafkaConsumer<String, String> other = member("default-assignors")) {
            one.subscribe(List.of("default-assignors"));
            other.subscribe(List.of("default-assignors"));
            awaitShares(List.of(one, other), 1, 1);
        }
    }

    private void fromEagerToCooperative() throws Exception {
        clients.create("upgrade", 2);
        String both = CooperativeStickyAssignor.class.getName() + "," + RangeAssignor.class.getName();
        KafkaConsumer<String, String> old = member("upgrade", "partition.assignment.strategy", RangeAssignor.class.getName());
        try (KafkaConsumer<String, String> fresh = member("upgrade", "partition.assignment.strategy", both)) {
            old.subscribe(List.of("upgrade"));
            fresh.subscribe(List.of("upgrade"));
            awaitShares(List.of(old, fresh), 1, 1);
            old.close();
            awaitShares(List.of(fresh), 2);
        } finally {
            old.close();
        }
    }

    private void cooperativeKeepsPartitions() throws Exception {
        clients.create("keeps", 4);
        Object[] strategy = {"partition.assignment.strategy", CooperativeStickyAssignor.class.getName()};
        Set<TopicPartition> revoked = new HashSet<>();
        ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                revoked.addAll(partitions);
            }

            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}
        };
        try (KafkaConsumer<String, String> one = member("keeps", strategy); KafkaConsumer<String, String> other = member("keeps", strategy)) {
            one.subscribe(List.of("keeps"), listener);
            awaitShares(List.of(one), 4);
            other.subscribe(List.of("keeps"));
            awaitShares(List.of(one, other), 2, 2);
            Expect.equal(2, revoked.size());
        }
    }

    private void staticMemberReturns() throws Exception {
        clients.create("static", 4);
        try (KafkaConsumer<String, String> stays = member("static", "group.instance.id", "stays", "session.timeout.ms", 30_000)) {
            stays.subscribe(List.of("static"));
            KafkaConsumer<String, String> leaves = member("static", "group.instance.id", "leaves", "session.timeout.ms", 30_000);
            leaves.subscribe(List.of("static"));
            awaitShares(List.of(stays, leaves), 2, 2);
            Set<TopicPartition> had = leaves.assignment();
            int generation = stays.groupMetadata().generationId();
            // A static member does not say that it leaves.
            leaves.close();
            try (KafkaConsumer<String, String> returns = member("static", "group.instance.id", "leaves", "session.timeout.ms", 30_000)) {
                returns.subscribe(List.of("static"));
                awaitShares(List.of(stays, returns), 2, 2);
                Expect.equal(had, returns.assignment());
                Expect.equal(generation, stays.groupMetadata().generationId());
                Expect.equal(generation, returns.groupMetadata().generationId());
            }
        }
    }

    private void staticMemberIsFenced() throws Exception {
        clients.create("fenced", 1);
        KafkaConsumer<String, String> first = member("fenced", "group.instance.id", "same");
        try (KafkaConsumer<String, String> second = member("fenced", "group.instance.id", "same")) {
            first.subscribe(List.of("fenced"));
            awaitShares(List.of(first), 1);
            second.subscribe(List.of("fenced"));
            awaitShares(List.of(second), 1);
            Expect.fails(FencedInstanceIdException.class, () -> {
                first.commitSync(Map.of(new TopicPartition("fenced", 0), new OffsetAndMetadata(0)));
                return null;
            });
        } finally {
            first.close();
        }
    }

    private void pollInterval() throws Exception {
        clients.create("interval", 2);
        KafkaConsumer<String, String> stuck = member("interval", "max.poll.interval.ms", 1500);
        try (KafkaConsumer<String, String> works = member("interval")) {
            stuck.subscribe(List.of("interval"));
            works.subscribe(List.of("interval"));
            awaitShares(List.of(stuck, works), 1, 1);
            // Its heartbeat thread leaves the group in its stead.
            awaitShares(List.of(works), 2);
        } finally {
            stuck.close();
        }
    }

    private void sessionTimeoutOutOfBounds() throws Exception {
        clients.create("bounds-of-session", 1);
        for (int timeout : new int[] {500, 3_600_000}) {
            try (KafkaConsumer<String, String> consumer = member("bounds-of-session", "session.timeout.ms", timeout,
                    "max.poll.interval.ms", 3_700_000)) {
                consumer.subscribe(List.of("bounds-of-session"));
                Expect.fails(InvalidSessionTimeoutException.class, () -> consumer.poll(Duration.ofSeconds(20)));
            }
        }
    }

    private void inconsistentProtocol() throws Exception {
        clients.create("inconsistent", 1);
        try (KafkaConsumer<String, String> one = member("inconsistent", "partition.assignment.strategy", RangeAssignor.class.getName());
                KafkaConsumer<String, String> other = member("inconsistent", "partition.assignment.strategy", RoundRobinAssignor.class.getName())) {
            one.subscribe(List.of("inconsistent"));
            awaitShares(List.of(one), 1);
            other.subscribe(List.of("inconsistent"));
            Expect.fails(InconsistentGroupProtocolException.class, () -> other.poll(Duration.ofSeconds(20)));
        }
    }

    private void emptyName() {
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            Expect.fails(InvalidGroupIdException.class, () -> {
                consumer.subscribe(List.of("any"));
                return null;
            });
        }
    }

    private void patternFindsNewTopics() throws Exception {
        clients.create("pattern.one", 1);
        try (KafkaConsumer<String, String> consumer = member("pattern")) {
            consumer.subscribe(Pattern.compile("pattern\\..*"));
            awaitShares(List.of(consumer), 1);
            clients.create("pattern.two", 2);
            awaitShares(List.of(consumer), 3);
        }
    }

    private void findsNewPartitions() throws Exception {
        clients.create("grows", 1);
        try (KafkaConsumer<String, String> consumer = member("grows"); var admin = clients.admin()) {
            consumer.subscribe(List.of("grows"));
            awaitShares(List.of(consumer), 1);
            admin.createPartitions(Map.of("grows", org.apache.kafka.clients.admin.NewPartitions.increaseTo(4))).all().get();
            awaitShares(List.of(consumer), 4);
        }
    }

    private void commitOfAStranger() throws Exception {
        clients.create("stranger", 1);
        TopicPartition partition = new TopicPartition("stranger", 0);
        try (KafkaConsumer<String, String> member = member("stranger");
                KafkaConsumer<String, String> stranger = clients.consumer("group.id", "stranger")) {
            member.subscribe(List.of("stranger"));
            awaitShares(List.of(member), 1);
            stranger.assign(List.of(partition));
            Expect.fails(CommitFailedException.class, () -> {
                stranger.commitSync(Map.of(partition, new OffsetAndMetadata(1)));
                return null;
            });
        }
    }

    private void commitAfterEviction() throws Exception {
        clients.create("evicted", 1);
        TopicPartition partition = new TopicPartition("evicted", 0);
        KafkaConsumer<String, String> stuck = member("evicted", "max.poll.interval.ms", 1000, "enable.auto.commit", false);
        try (KafkaConsumer<String, String> next = member("evicted")) {
            stuck.subscribe(List.of("evicted"));
            awaitShares(List.of(stuck), 1);
            next.subscribe(List.of("evicted"));
            awaitShares(List.of(next), 1);
            Expect.fails(CommitFailedException.class, () -> {
                stuck.commitSync(Map.of(partition, new OffsetAndMetadata(1)));
                return null;
            });
        } finally {
            stuck.close();
        }
    }

    private void everythingOnce() throws Exception {
        clients.create("once", 6);
        List<String> sent = new ArrayList<>();
        for (int partition = 0; partition < 6; partition++) {
            List<String> values = Clients.numbered("p" + partition + "-", 200);
            sent.addAll(values);
            clients.send("once", partition, values);
        }
        List<String> read = new ArrayList<>();
        try (KafkaConsumer<String, String> one = member("once", "max.poll.records", 50);
                KafkaConsumer<String, String> two = member("once", "max.poll.records", 50)) {
            one.subscribe(List.of("once"));
            two.subscribe(List.of("once"));
            // Positions are committed when partitions change hands, so nothing comes twice.
            Clients.await("not everything came", () -> {
                one.poll(Duration.ofMillis(20)).forEach(record -> read.add(record.value()));
                two.poll(Duration.ofMillis(20)).forEach(record -> read.add(record.value()));
                return read.size() >= sent.size();
            });
        }
        Expect.equal(sent.size(), read.size());
        Expect.equal(new TreeSet<>(sent), new TreeSet<>(read));
    }

    private void metadata() throws Exception {
        clients.create("group-metadata", 1);
        try (KafkaConsumer<String, String> consumer = member("group-metadata")) {
            consumer.subscribe(List.of("group-metadata"));
            awaitShares(List.of(consumer), 1);
            Expect.equal("group-metadata", consumer.groupMetadata().groupId());
            Expect.equal(1, consumer.groupMetadata().generationId());
            Expect.that(consumer.groupMetadata().memberId().startsWith("consumer-group-metadata-"),
                    consumer.groupMetadata().memberId());
        }
    }

    private void enforcedRebalance() throws Exception {
        clients.create("enforced", 1);
        try (KafkaConsumer<String, String> consumer = member("enforced")) {
            consumer.subscribe(List.of("enforced"));
            awaitShares(List.of(consumer), 1);
            int generation = consumer.groupMetadata().generationId();
            consumer.enforceRebalance("a check wants it");
            Clients.await("no rebalance came", () -> {
                consumer.poll(Clients.A_MOMENT);
                return consumer.groupMetadata().generationId() > generation;
            });
        }
    }

    private void topicDeleted() throws Exception {
        clients.create("goes", 1);
        clients.create("remains", 1);
        // With automatic commits the client tries for minutes to commit in the topic that is gone.
        try (KafkaConsumer<String, String> consumer = member("goes", "allow.auto.create.topics", false,
                "enable.auto.commit", false); var admin = clients.admin()) {
            consumer.subscribe(List.of("goes", "remains"));
            awaitShares(List.of(consumer), 2);
            admin.deleteTopics(List.of("goes")).all().get();
            awaitShares(List.of(consumer), 1);
            clients.send("remains", 0, List.of("v"));
            Expect.equal(List.of("v"), Clients.values(Clients.poll(consumer, 1)));
        }
    }
}
