package ottla;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** What the admin client does with topics, configs, offsets and the cluster. */
final class AdminChecks {
    /** A check that is given an admin client. */
    private interface WithAdmin {
        void run(Admin admin) throws Exception;
    }

    private final Clients clients;

    private AdminChecks(Clients clients) {
        this.clients = clients;
    }

    static void addTo(Suite suite, Clients clients) {
        AdminChecks checks = new AdminChecks(clients);
        checks.add(suite, "create-topics", checks::createTopics);
        checks.add(suite, "create-topics-refused", checks::createTopicsRefused);
        checks.add(suite, "delete-topics", checks::deleteTopics);
        checks.add(suite, "list-topics", checks::listTopics);
        checks.add(suite, "describe-topics", checks::describeTopics);
        checks.add(suite, "describe-topics-in-pages", checks::describeTopicsInPages);
        checks.add(suite, "create-partitions", checks::createPartitions);
        checks.add(suite, "describe-topic-configs", checks::describeTopicConfigs);
        checks.add(suite, "describe-broker-configs", checks::describeBrokerConfigs);
        checks.add(suite, "alter-topic-configs", checks::alterTopicConfigs);
        checks.add(suite, "alter-configs-refused", checks::alterConfigsRefused);
        checks.add(suite, "alter-broker-configs", checks::alterBrokerConfigs);
        checks.add(suite, "list-config-resources", checks::listConfigResources);
        checks.add(suite, "list-offsets", checks::listOffsets);
        checks.add(suite, "describe-cluster", checks::describeCluster);
        checks.add(suite, "describe-features", checks::describeFeatures);
        checks.add(suite, "describe-log-dirs", checks::describeLogDirs);
        checks.add(suite, "delete-records", checks::deleteRecords);
        checks.add(suite, "elect-leaders", checks::electLeaders);
        checks.add(suite, "reassignments", checks::reassignments);
        checks.add(suite, "describe-producers", checks::describeProducers);
        checks.add(suite, "list-transactions", admin -> Expect.equal(List.of(), List.copyOf(admin.listTransactions().all().get())));
        checks.add(suite, "describe-quorum", checks::describeQuorum);
    }

    private void add(Suite suite, String name, WithAdmin check) {
        suite.add("admin/" + name, () -> {
            try (Admin admin = clients.admin()) {
                check.run(admin);
            }
        });
    }

    private static NewTopic topic(String name, int partitions) {
        return new NewTopic(name, partitions, (short) 1);
    }

    private static ConfigResource ofTopic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    private void createTopics(Admin admin) throws Exception {
        NewTopic usual = new NewTopic("made-as-usual", Optional.empty(), Optional.empty());
        NewTopic told = topic("made-as-told", 3).configs(Map.of("retention.ms", "1234"));
        NewTopic placed = new NewTopic("made-in-place", Map.of(0, List.of(1), 1, List.of(1)));
        CreateTopicsResult made = admin.createTopics(List.of(usual, told, placed));
        made.all().get();
        Expect.equal(1, made.numPartitions("made-as-usual").get());
        Expect.equal(1, made.replicationFactor("made-as-usual").get());
        Expect.equal(3, made.numPartitions("made-as-told").get());
        Expect.equal(2, made.numPartitions("made-in-place").get());
        ConfigEntry retention = made.config("made-as-told").get().get("retention.ms");
        Expect.equal("1234", retention.value());
        Expect.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source());
        Uuid id = made.topicId("made-as-told").get();
        Expect.equal(id, admin.describeTopics(List.of("made-as-told")).allTopicNames().get().get("made-as-told").topicId());
        admin.createTopics(List.of(topic("made-not-at-all", 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
        Expect.that(!admin.listTopics().names().get().contains("made-not-at-all"), "a question made a topic");
    }

    private void createTopicsRefused(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("taken", 1))).all().get();
        refused(admin, TopicExistsException.class, topic("taken", 1));
        refused(admin, InvalidTopicException.class, topic("no/name", 1));
        refused(admin, InvalidPartitionsException.class, topic("refused", 0));
        refused(admin, InvalidReplicationFactorException.class, new NewTopic("refused", 1, (short) 2));
        refused(admin, InvalidReplicaAssignmentException.class, new NewTopic("refused", Map.of(0, List.of(7))));
        refused(admin, InvalidConfigurationException.class, topic("refused", 1).configs(Map.of("no.such", "1")));
        refused(admin, InvalidConfigurationException.class, topic("refused", 1).configs(Map.of("retention.ms", "long")));
        // Names that metrics cannot tell apart.
        admin.createTopics(List.of(topic("tell.apart", 1))).all().get();
        refused(admin, InvalidTopicException.class, topic("tell_apart", 1));
    }

    private static void refused(Admin admin, Class<? extends Throwable> kind, NewTopic topic) {
        Expect.fails(kind, () -> admin.createTopics(List.of(topic)).all().get());
    }

    private void deleteTopics(Admin admin) throws Exception {
        CreateTopicsResult made = admin.createTopics(List.of(topic("go-by-name", 1), topic("go-by-id", 2)));
        made.all().get();
        admin.deleteTopics(List.of("go-by-name")).all().get();
        Uuid id = made.topicId("go-by-id").get();
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
        Set<String> left = admin.listTopics().names().get();
        Expect.that(!left.contains("go-by-name") && !left.contains("go-by-id"), "left: " + left);
        Expect.fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of("go-by-name")).all().get());
        Expect.fails(UnknownTopicIdException.class, () -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get());
    }

    private void listTopics(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("in-the-list", 1))).all().get();
        clients.send("in-the-list", 0, List.of("v"));
        Expect.that(admin.listTopics().names().get().contains("in-the-list"), "it is not listed");
        var internal = admin.listTopics(new ListTopicsOptions().listInternal(true)).listings().get();
        Expect.that(internal.stream().anyMatch(topic -> topic.isInternal() && topic.name().equals("__consumer_offsets")),
                internal.toString());
    }

    private void describeTopics(Admin admin) throws Exception {
        Uuid id = admin.createTopics(List.of(topic("described", 3))).topicId("described").get();
        for (TopicDescription description : List.of(
                admin.describeTopics(List.of("described")).allTopicNames().get().get("described"),
                admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id))) {
            Expect.equal("described", description.name());
            Expect.equal(id, description.topicId());
            Expect.equal(false, description.isInternal());
            Expect.equal(3, description.partitions().size());
            description.partitions().forEach(part -> Expect.equal(List.of(1, 1), List.of(part.leader().id(), part.isr().get(0).id())));
        }
        Expect.fails(UnknownTopicOrPartitionException.class, () -> admin.describeTopics(List.of("not-there")).allTopicNames().get());
        Expect.fails(InvalidTopicException.class, () -> admin.describeTopics(List.of("")).allTopicNames().get());
        Uuid other = Uuid.randomUuid();
        Expect.fails(UnknownTopicIdException.class, () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(other))).allTopicIds().get());
    }

    private void describeTopicsInPages(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("paged-a", 7), topic("paged-b", 5))).all().get();
        Map<String, TopicDescription> all = admin.describeTopics(
                List.of("paged-b", "paged-a"), new DescribeTopicsOptions().partitionSizeLimitPerResponse(3)).allTopicNames().get();
        Expect.equal(7, all.get("paged-a").partitions().size());
        Expect.equal(5, all.get("paged-b").partitions().size());
        for (int number = 0; number < 7; number++) {
            var part = all.get("paged-a").partitions().get(number);
            Expect.equal(number, part.partition());
            // Only DescribeTopicPartitions tells of eligible leaders.
            Expect.equal(List.of(), part.elr());
        }
    }

    private void createPartitions(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("more-parts", 2))).all().get();
        admin.createPartitions(Map.of("more-parts", NewPartitions.increaseTo(9)), new CreatePartitionsOptions().validateOnly(true)).all().get();
        admin.createPartitions(Map.of("more-parts", NewPartitions.increaseTo(4, List.of(List.of(1), List.of(1))))).all().get();
        Expect.equal(4, admin.describeTopics(List.of("more-parts")).allTopicNames().get().get("more-parts").partitions().size());
        for (int count : new int[] {4, 3, 0}) {
            Expect.fails(InvalidPartitionsException.class,
                    () -> admin.createPartitions(Map.of("more-parts", NewPartitions.increaseTo(count))).all().get());
        }
        Expect.fails(InvalidReplicaAssignmentException.class,
                () -> admin.createPartitions(Map.of("more-parts", NewPartitions.increaseTo(5, List.of(List.of(9))))).all().get());
        Expect.fails(UnknownTopicOrPartitionException.class,
                () -> admin.createPartitions(Map.of("no-parts", NewPartitions.increaseTo(5))).all().get());
    }

    private static Config describe(Admin admin, ConfigResource resource) throws Exception {
        DescribeConfigsOptions all = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        return admin.describeConfigs(List.of(resource), all).all().get().get(resource);
    }

    private void describeTopicConfigs(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("configured", 1).configs(Map.of("cleanup.policy", "compact")))).all().get();
        Config config = describe(admin, ofTopic("configured"));
        ConfigEntry policy = config.get("cleanup.policy");
        Expect.equal("compact", policy.value());
        Expect.equal(ConfigEntry.ConfigType.LIST, policy.type());
        Expect.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, policy.source());
        Expect.equal(2, policy.synonyms().size());
        ConfigEntry bytes = config.get("max.message.bytes");
        Expect.equal("1048588", bytes.value());
        Expect.that(bytes.isDefault() && !bytes.isReadOnly() && !bytes.isSensitive(), bytes.toString());
        Expect.that(bytes.documentation() != null && !bytes.documentation().isBlank(), "no word about max.message.bytes");
        Expect.fails(UnknownTopicOrPartitionException.class, () -> describe(admin, ofTopic("not-configured")));
    }

    private void describeBrokerConfigs(Admin admin) throws Exception {
        Config config = describe(admin, new ConfigResource(ConfigResource.Type.BROKER, "1"));
        Expect.equal("1", config.get("num.partitions").value());
        Expect.equal("1", config.get("node.id").value());
        Expect.that(config.get("node.id").isReadOnly(), "node.id may be changed");
        Expect.that(!config.get("log.retention.ms").isReadOnly(), "log.retention.ms may not be changed");
    }

    private static void alter(Admin admin, ConfigResource resource, AlterConfigOp.OpType how, String name, String value) throws Exception {
        Collection<AlterConfigOp> one = List.of(new AlterConfigOp(new ConfigEntry(name, value), how));
        admin.incrementalAlterConfigs(Map.of(resource, one)).all().get();
    }

    private void alterTopicConfigs(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("altered", 1))).all().get();
        ConfigResource topic = ofTopic("altered");
        alter(admin, topic, AlterConfigOp.OpType.SET, "segment.ms", "5000");
        Expect.equal("5000", describe(admin, topic).get("segment.ms").value());
        alter(admin, topic, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
        Expect.equal(Set.of("delete", "compact"), Set.of(describe(admin, topic).get("cleanup.policy").value().split(",")));
        alter(admin, topic, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete");
        Expect.equal("compact", describe(admin, topic).get("cleanup.policy").value());
        alter(admin, topic, AlterConfigOp.OpType.DELETE, "segment.ms", "");
        Expect.equal("604800000", describe(admin, topic).get("segment.ms").value());
        Collection<AlterConfigOp> one = List.of(new AlterConfigOp(new ConfigEntry("segment.ms", "7"), AlterConfigOp.OpType.SET));
        admin.incrementalAlterConfigs(Map.of(topic, one), new AlterConfigsOptions().validateOnly(true)).all().get();
        Expect.equal("604800000", describe(admin, topic).get("segment.ms").value());
    }

    private void alterConfigsRefused(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("not-altered", 1))).all().get();
        ConfigResource topic = ofTopic("not-altered");
        for (List<String> pair : List.of(List.of("retention.ms", "never"), List.of("no.such", "1"), List.of("cleanup.policy", "burn"))) {
            Expect.fails(InvalidConfigurationException.class, () -> {
                alter(admin, topic, AlterConfigOp.OpType.SET, pair.get(0), pair.get(1));
                return null;
            });
        }
        Expect.fails(InvalidConfigurationException.class, () -> {
            alter(admin, topic, AlterConfigOp.OpType.APPEND, "retention.ms", "1");
            return null;
        });
        Expect.fails(UnknownTopicOrPartitionException.class, () -> {
            alter(admin, ofTopic("nowhere"), AlterConfigOp.OpType.SET, "retention.ms", "1");
            return null;
        });
    }

    private void alterBrokerConfigs(Admin admin) throws Exception {
        for (String name : List.of("", "1")) {
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, name);
            alter(admin, broker, AlterConfigOp.OpType.SET, "log.retention.ms", "123456789");
            Expect.equal("123456789", describe(admin, broker).get("log.retention.ms").value());
            alter(admin, broker, AlterConfigOp.OpType.DELETE, "log.retention.ms", "");
        }
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        Expect.equal(null, describe(admin, broker).get("log.retention.ms").value());
    }

    private void listConfigResources(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("a-resource", 1))).all().get();
        Set<ConfigResource> found = Set.copyOf(admin.listConfigResources().all().get());
        Expect.that(found.contains(ofTopic("a-resource")), "the topic is not in " + found);
        Expect.that(found.contains(new ConfigResource(ConfigResource.Type.BROKER, "1")), "the broker is not in " + found);
    }

    private static ListOffsetsResult.ListOffsetsResultInfo offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
    }

    private void listOffsets(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("offsets", 1))).all().get();
        TopicPartition partition = new TopicPartition("offsets", 0);
        Expect.equal(-1L, offset(admin, partition, OffsetSpec.maxTimestamp()).offset());
        long start = System.currentTimeMillis() - 10_000;
        try (KafkaProducer<String, String> producer = clients.producer()) {
            for (long late : new long[] {0, 3000, 1000}) {
                producer.send(new ProducerRecord<>("offsets", 0, start + late, null, "v")).get();
            }
        }
        Expect.equal(0L, offset(admin, partition, OffsetSpec.earliest()).offset());
        Expect.equal(3L, offset(admin, partition, OffsetSpec.latest()).offset());
        Expect.equal(1L, offset(admin, partition, OffsetSpec.maxTimestamp()).offset());
        Expect.equal(start + 3000, offset(admin, partition, OffsetSpec.maxTimestamp()).timestamp());
        Expect.equal(1L, offset(admin, partition, OffsetSpec.forTimestamp(start + 500)).offset());
        Expect.equal(-1L, offset(admin, partition, OffsetSpec.forTimestamp(start + 9000)).offset());
        Expect.equal(0L, offset(admin, partition, OffsetSpec.earliestLocal()).offset());
        Expect.equal(-1L, offset(admin, partition, OffsetSpec.latestTiered()).offset());
    }

    private void describeCluster(Admin admin) throws Exception {
        var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(false));
        Expect.equal(1, cluster.nodes().get().size());
        Expect.equal(1, cluster.controller().get().id());
        Expect.equal(22, cluster.clusterId().get().length());
        var fenced = admin.describeCluster(new DescribeClusterOptions().includeFencedBrokers(true));
        Expect.equal(1, fenced.nodes().get().size());
    }

    private void describeFeatures(Admin admin) throws Exception {
        var features = admin.describeFeatures().featureMetadata().get();
        Expect.that(features.finalizedFeatures().containsKey("metadata.version"), features.toString());
        Expect.that(features.finalizedFeaturesEpoch().isPresent(), "no epoch: " + features);
    }

    private void describeLogDirs(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("in-a-dir", 2))).all().get();
        clients.send("in-a-dir", 1, Clients.numbered("v", 100));
        var dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
        Expect.equal(1, dirs.size());
        var dir = dirs.values().iterator().next();
        Expect.equal(null, dir.error());
        Expect.that(dir.totalBytes().orElse(0) > dir.usableBytes().orElse(0), "of the volume: " + dir);
        var used = dir.replicaInfos().get(new TopicPartition("in-a-dir", 1));
        Expect.that(used.size() > 100 && used.offsetLag() == 0 && !used.isFuture(), used.toString());
        Expect.equal(0L, dir.replicaInfos().get(new TopicPartition("in-a-dir", 0)).size());
        var replica = new TopicPartitionReplica("in-a-dir", 0, 1);
        var place = admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica);
        Expect.equal(dirs.keySet().iterator().next(), place.getCurrentReplicaLogDir());
    }

    private void deleteRecords(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("cut", 1))).all().get();
        clients.send("cut", 0, Clients.numbered("v", 10));
        TopicPartition partition = new TopicPartition("cut", 0);
        var done = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)));
        Expect.equal(4L, done.lowWatermarks().get(partition).get().lowWatermark());
        Expect.equal(4L, offset(admin, partition, OffsetSpec.earliest()).offset());
        Expect.equal("v4", clients.readAll("cut", 6).get(0).value());
        Expect.fails(OffsetOutOfRangeException.class,
                () -> admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(99))).all().get());
        var all = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1)));
        Expect.equal(10L, all.lowWatermarks().get(partition).get().lowWatermark());
    }

    private void electLeaders(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("elected", 1))).all().get();
        TopicPartition led = new TopicPartition("elected", 0);
        TopicPartition missing = new TopicPartition("elected", 5);
        for (ElectionType type : ElectionType.values()) {
            var results = admin.electLeaders(type, Set.of(led, missing)).partitions().get();
            Expect.equal(ElectionNotNeededException.class, results.get(led).orElseThrow().getClass());
            Expect.equal(UnknownTopicOrPartitionException.class, results.get(missing).orElseThrow().getClass());
        }
        // Asked of all, it tells only of what it did.
        Expect.equal(Map.of(), admin.electLeaders(ElectionType.PREFERRED, null).partitions().get());
    }

    private static KafkaFuture<Void> move(Admin admin, TopicPartition partition, Optional<NewPartitionReassignment> to) {
        return admin.alterPartitionReassignments(Map.of(partition, to)).all();
    }

    private void reassignments(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("moved", 1))).all().get();
        TopicPartition partition = new TopicPartition("moved", 0);
        Expect.equal(Map.of(), admin.listPartitionReassignments().reassignments().get());
        move(admin, partition, Optional.of(new NewPartitionReassignment(List.of(1)))).get();
        Expect.equal(Map.of(), admin.listPartitionReassignments(Set.of(partition)).reassignments().get());
        Expect.fails(NoReassignmentInProgressException.class, () -> move(admin, partition, Optional.empty()).get());
        Expect.fails(InvalidReplicaAssignmentException.class,
                () -> move(admin, partition, Optional.of(new NewPartitionReassignment(List.of(1, 2)))).get());
        Expect.fails(UnknownTopicOrPartitionException.class,
                () -> move(admin, new TopicPartition("moved", 9), Optional.of(new NewPartitionReassignment(List.of(1)))).get());
    }

    private void describeProducers(Admin admin) throws Exception {
        admin.createTopics(List.of(topic("produced", 1))).all().get();
        clients.send("produced", 0, Clients.numbered("v", 5));
        TopicPartition partition = new TopicPartition("produced", 0);
        var producers = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
        Expect.equal(1, producers.size());
        Expect.equal(4, producers.get(0).lastSequence());
        Expect.equal(0, producers.get(0).producerEpoch());
        Expect.that(producers.get(0).currentTransactionStartOffset().isEmpty(), producers.toString());
    }

    private void describeQuorum(Admin admin) throws Exception {
        var quorum = admin.describeMetadataQuorum().quorumInfo().get();
        Expect.equal(1, quorum.leaderId());
        Expect.equal(1, quorum.voters().size());
        Expect.that(quorum.highWatermark() > 0, quorum.toString());
    }
}
