package ottla;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** What the admin client does with groups and their offsets. */
final class AdminGroupChecks {
    private final Clients clients;

    private AdminGroupChecks(Clients clients) {
        this.clients = clients;
    }

    static void addTo(Suite suite, Clients clients) {
        AdminGroupChecks checks = new AdminGroupChecks(clients);
        suite.add("admin/list-groups", checks::listGroups);
        suite.add("admin/describe-groups", checks::describeGroups);
        suite.add("admin/describe-group-that-is-not", checks::describeMissing);
        suite.add("admin/delete-groups", checks::deleteGroups);
        suite.add("admin/group-offsets", checks::groupOffsets);
        suite.add("admin/offsets-of-many-groups", checks::offsetsOfManyGroups);
        suite.add("admin/alter-offsets-of-members", checks::alterOffsetsOfMembers);
        suite.add("admin/delete-group-offsets", checks::deleteGroupOffsets);
        suite.add("admin/remove-members", checks::removeMembers);
    }

    /** A consumer that has joined a group and got the one partition of a topic of the group's name. */
    private KafkaConsumer<String, String> joined(String name, Object... more) throws Exception {
        clients.create(name, 1);
        Object[] settings = new Object[more.length + 4];
        System.arraycopy(more, 0, settings, 0, more.length);
        settings[more.length] = "group.id";
        settings[more.length + 1] = name;
        settings[more.length + 2] = "client.id";
        settings[more.length + 3] = "client-of-" + name;
        KafkaConsumer<String, String> consumer = clients.consumer(settings);
        consumer.subscribe(List.of(name));
        Clients.await("it did not join", () -> {
            consumer.poll(Duration.ofMillis(20));
            return !consumer.assignment().isEmpty();
        });
        return consumer;
    }

    /** A group that only keeps an offset in a topic of its name. */
    private TopicPartition kept(Admin admin, String name, long offset) throws Exception {
        clients.create(name, 1);
        TopicPartition partition = new TopicPartition(name, 0);
        admin.alterConsumerGroupOffsets(name, Map.of(partition, new OffsetAndMetadata(offset))).all().get();
        return partition;
    }

    private static Set<String> names(Admin admin, ListGroupsOptions options) throws Exception {
        return admin.listGroups(options).all().get().stream().map(group -> group.groupId()).collect(Collectors.toSet());
    }

    private void listGroups() throws Exception {
        try (Admin admin = clients.admin(); KafkaConsumer<String, String> member = joined("listed-stable")) {
            kept(admin, "listed-empty", 0);
            Set<String> all = names(admin, new ListGroupsOptions());
            Expect.that(all.containsAll(Set.of("listed-stable", "listed-empty")), all.toString());
            Set<String> stable = names(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)));
            Expect.that(stable.contains("listed-stable") && !stable.contains("listed-empty"), stable.toString());
            Set<String> classic = names(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC)));
            Expect.that(classic.containsAll(Set.of("listed-stable", "listed-empty")), classic.toString());
            Expect.equal(Set.of(), names(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))));
            var listed = admin.listGroups(ListGroupsOptions.forConsumerGroups()).all().get().stream()
                    .filter(group -> group.groupId().equals("listed-stable")).findFirst().orElseThrow();
            Expect.equal("consumer", listed.protocol());
            Expect.equal(Optional.of(GroupState.STABLE), listed.groupState());
            Expect.equal(1, member.assignment().size());
        }
    }

    private void describeGroups() throws Exception {
        try (Admin admin = clients.admin(); KafkaConsumer<String, String> member = joined("described-group", "group.instance.id", "fixed")) {
            ConsumerGroupDescription group = admin.describeConsumerGroups(List.of("described-group")).all().get().get("described-group");
            Expect.equal(GroupState.STABLE, group.groupState());
            Expect.equal(GroupType.CLASSIC, group.type());
            Expect.equal("range", group.partitionAssignor());
            Expect.equal(1, group.coordinator().id());
            var told = group.members().iterator().next();
            Expect.equal(member.groupMetadata().memberId(), told.consumerId());
            Expect.equal("client-of-described-group", told.clientId());
            Expect.equal(Optional.of("fixed"), told.groupInstanceId());
            Expect.equal("/127.0.0.1", told.host());
            Expect.equal(member.assignment(), told.assignment().topicPartitions());
            var classic = admin.describeClassicGroups(List.of("described-group")).all().get().get("described-group");
            Expect.equal("consumer", classic.protocol());
            Expect.equal("range", classic.protocolData());
        }
    }

    private void describeMissing() throws Exception {
        try (Admin admin = clients.admin()) {
            Expect.fails(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of("no-such-group")).all().get());
            Expect.fails(GroupIdNotFoundException.class, () -> admin.describeClassicGroups(List.of("no-such-group")).all().get());
        }
    }

    private void deleteGroups() throws Exception {
        try (Admin admin = clients.admin()) {
            kept(admin, "deleted-group", 3);
            try (KafkaConsumer<String, String> member = joined("group-in-use")) {
                Expect.fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of("group-in-use")).all().get());
                Expect.equal(1, member.assignment().size());
            }
            admin.deleteConsumerGroups(List.of("deleted-group", "group-in-use")).all().get();
            Expect.that(!names(admin, new ListGroupsOptions()).contains("deleted-group"), "it is still listed");
            Expect.equal(Map.of(), admin.listConsumerGroupOffsets("deleted-group").partitionsToOffsetAndMetadata().get());
            Expect.fails(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of("deleted-group")).all().get());
        }
    }

    private void groupOffsets() throws Exception {
        try (Admin admin = clients.admin()) {
            TopicPartition partition = kept(admin, "kept", 5);
            OffsetAndMetadata noted = new OffsetAndMetadata(8, Optional.of(0), "noted");
            admin.alterConsumerGroupOffsets("kept", Map.of(partition, noted)).all().get();
            Expect.equal(Map.of(partition, noted), admin.listConsumerGroupOffsets("kept").partitionsToOffsetAndMetadata().get());
            try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", "kept")) {
                Expect.equal(noted, consumer.committed(Set.of(partition)).get(partition));
            }
        }
    }

    private void offsetsOfManyGroups() throws Exception {
        try (Admin admin = clients.admin()) {
            TopicPartition one = kept(admin, "many-one", 1);
            TopicPartition two = kept(admin, "many-two", 2);
            var all = admin.listConsumerGroupOffsets(Map.of(
                    "many-one", new ListConsumerGroupOffsetsSpec(),
                    "many-two", new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(two, one)))).all().get();
            Expect.equal(1L, all.get("many-one").get(one).offset());
            Expect.equal(2L, all.get("many-two").get(two).offset());
            Expect.equal(null, all.get("many-two").get(one));
        }
    }

    private void alterOffsetsOfMembers() throws Exception {
        try (Admin admin = clients.admin(); KafkaConsumer<String, String> member = joined("offsets-in-use")) {
            TopicPartition partition = new TopicPartition("offsets-in-use", 0);
            Expect.fails(UnknownMemberIdException.class,
                    () -> admin.alterConsumerGroupOffsets("offsets-in-use", Map.of(partition, new OffsetAndMetadata(1))).all().get());
            Expect.equal(Set.of(partition), member.assignment());
        }
    }

    private void deleteGroupOffsets() throws Exception {
        try (Admin admin = clients.admin()) {
            TopicPartition partition = kept(admin, "dropped", 5);
            admin.deleteConsumerGroupOffsets("dropped", Set.of(partition)).all().get();
            Expect.equal(Map.of(), admin.listConsumerGroupOffsets("dropped").partitionsToOffsetAndMetadata().get());
            Expect.fails(GroupIdNotFoundException.class,
                    () -> admin.deleteConsumerGroupOffsets("never-there", Set.of(partition)).all().get());
            try (KafkaConsumer<String, String> member = joined("subscribed")) {
                Expect.fails(GroupSubscribedToTopicException.class, () -> admin.deleteConsumerGroupOffsets(
                        "subscribed", Set.of(new TopicPartition("subscribed", 0))).all().get());
                Expect.equal(1, member.assignment().size());
            }
        }
    }

    private void removeMembers() throws Exception {
        try (Admin admin = clients.admin();
                KafkaConsumer<String, String> member = joined("removed", "group.instance.id", "gone", "session.timeout.ms", 30_000)) {
            Expect.equal(1, member.assignment().size());
            var one = new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("gone")));
            admin.removeMembersFromConsumerGroup("removed", one).all().get();
            var group = admin.describeConsumerGroups(List.of("removed")).all().get().get("removed");
            Expect.equal(0, group.members().size());
            var nobody = new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("nobody")));
            Expect.fails(UnknownMemberIdException.class,
                    () -> admin.removeMembersFromConsumerGroup("removed", nobody).memberResult(new MemberToRemove("nobody")).get());
        }
    }
}
