//! Metadata (key 3), versions 0 to 13.
//!
//! Tells which brokers, topics and partitions there are; makes topics that are asked for and do
//! not exist, where the broker's and the client's settings allow it.
//! v1 null for all topics, controller, internal flag, rack · v2 cluster id · v3 throttle time ·
//! v4 auto-creation may be refused by the client · v5 offline replicas · v7 leader epoch ·
//! v8 authorized operations · v9 flexible · v10 topic ids in the answer · v11 no operations of the
//! cluster · v12 topics by id · v13 error of the whole answer
//! Unlike Kafka, a topic that is made is in the same answer (Kafka's first answer says that it is
//! unknown), since the controller is in this process.

use super::answer::{Answer, Ask};
use super::placed::Placed;
use crate::controller::{
    ControllerError, ControllerHandle, CreateTopics, NewTopic, fresh_topic_id, internal_topic,
};
use crate::registry::{MetadataImage, PartitionImage, Registry, TopicImage};
use crate::types::{ErrorCode, NodeId, Now, TopicName, Uuid};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All operations that a topic knows (`AclEntry.supportedOperations`), as bits of their codes:
/// without an authorizer everyone may do everything.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// The same of the cluster.
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: MetadataRequest) -> Answer<MetadataResponse> {
    let asked = match Asked::parse(ask.version, request.topics.as_deref()) {
        Ok(asked) => asked,
        Err(error) => {
            let topics = request.topics.as_deref().unwrap_or_default();
            return Answer::Now(refuse(topics, error));
        }
    };
    let view = View::new(ask, &request);
    let image = ask.broker.registry.image();
    let create = view.missing(&image, &asked, ask.broker.settings.auto_create_topics_enable);
    if create.is_empty() {
        return Answer::Now(view.answer(&image, &asked));
    }
    let (internal, plain) = split(ask, &image, create);
    // Nobody is told to pause here, so the quota of changes is a strict one.
    let order = CreateTopics {
        requester: Some(ask.requester(0)),
        topics: plain,
        validate_only: false,
        timeout_ms: i32::MAX,
    };
    let made = make(&ask.broker.controller, ask.now, internal, order);
    let registry: Arc<Registry> = ask.broker.registry.clone();
    Answer::later(async move {
        made.await;
        // Where that failed, the topic is unknown still; a client asks again.
        view.answer(&registry.image(), &asked)
    })
}

/// Which topics the client asks for.
enum Asked {
    All,
    Names(Vec<StrBytes>),
    Ids(Vec<Uuid>),
}

impl Asked {
    fn parse(version: i16, topics: Option<&[MetadataRequestTopic]>) -> Result<Self, ErrorCode> {
        let Some(topics) = topics else { return Ok(Self::All) };
        if version == 0 && topics.is_empty() {
            return Ok(Self::All);
        }
        let by_id = topics.iter().any(|topic| !topic.topic_id.is_nil());
        if version < 12 && (by_id || topics.iter().any(|topic| topic.name.is_none())) {
            return Err(ErrorCode::InvalidRequest);
        }
        // One id, and names do not count, as in Kafka.
        if by_id {
            let mut seen = BTreeSet::new();
            let ids = topics.iter().map(|topic| topic.topic_id);
            return Ok(Self::Ids(ids.filter(|id| !id.is_nil() && seen.insert(*id)).collect()));
        }
        let mut seen = BTreeSet::new();
        let names = topics.iter().filter_map(|topic| topic.name.as_ref());
        let names = names.filter(|name| seen.insert(name.as_str()));
        Ok(Self::Names(names.map(|name| name.0.clone()).collect()))
    }
}

/// The answer to a request as a whole: without brokers, so that no client takes it for a cluster.
fn refuse(topics: &[MetadataRequestTopic], error: ErrorCode) -> MetadataResponse {
    let topics = topics.iter().map(|topic| {
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
    });
    MetadataResponse::default()
        .with_cluster_id(None)
        .with_controller_id(BrokerId(-1))
        .with_topics(topics.collect())
}

/// What an answer is made with, apart from the topics.
struct View {
    version: i16,
    node: NodeId,
    host: StrBytes,
    port: i32,
    rack: Option<StrBytes>,
    cluster_id: StrBytes,
    may_create: bool,
    topic_operations: bool,
    cluster_operations: bool,
}

impl View {
    fn new(ask: &Ask<'_>, request: &MetadataRequest) -> Self {
        let (host, port) = ask.advertised();
        Self {
            version: ask.version,
            node: ask.broker.node,
            host: host.into(),
            port,
            rack: ask.broker.settings.broker_rack.clone().map(StrBytes::from_string),
            cluster_id: ask.broker.cluster_id.clone().into(),
            may_create: request.allow_auto_topic_creation,
            topic_operations: request.include_topic_authorized_operations,
            cluster_operations: request.include_cluster_authorized_operations,
        }
    }

    /// Names to make a topic of.
    fn missing(&self, image: &MetadataImage, asked: &Asked, enabled: bool) -> Vec<TopicName> {
        match asked {
            Asked::Names(names) if enabled && self.may_create => names
                .iter()
                .filter(|name| image.topic(name).is_none())
                .filter_map(|name| TopicName::parse(name).ok())
                .collect(),
            Asked::Names(_) | Asked::Ids(_) | Asked::All => Vec::new(),
        }
    }

    fn answer(&self, image: &MetadataImage, asked: &Asked) -> MetadataResponse {
        let topics: Vec<MetadataResponseTopic> = match asked {
            Asked::All => image.topics.values().map(|topic| self.topic(topic)).collect(),
            Asked::Names(names) => names
                .iter()
                .map(|name| {
                    image.topic(name).map_or_else(|| self.no_topic(name), |topic| self.topic(topic))
                })
                .collect(),
            Asked::Ids(ids) => ids
                .iter()
                .map(|id| {
                    image
                        .topic_by_id(*id)
                        .map_or_else(|| unknown_id(*id), |topic| self.topic(topic))
                })
                .collect(),
        };
        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(self.node.0))
            .with_host(self.host.clone())
            .with_port(self.port)
            .with_rack(self.rack.clone());
        let response = MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(self.cluster_id.clone()))
            .with_controller_id(BrokerId(self.node.0))
            .with_topics(topics);
        if self.cluster_operations && (8..=10).contains(&self.version) {
            response.with_cluster_authorized_operations(CLUSTER_OPERATIONS)
        } else {
            response
        }
    }

    fn topic(&self, topic: &TopicImage) -> MetadataResponseTopic {
        let partitions = (0..).zip(&topic.partitions);
        let answer = MetadataResponseTopic::default()
            .with_name(Some(WireTopicName(topic.name.as_str().to_owned().into())))
            .with_topic_id(topic.id)
            .with_is_internal(topic.name.is_internal())
            .with_partitions(partitions.map(|(i, image)| partition(self.node, i, image)).collect());
        self.with_operations(answer)
    }

    fn no_topic(&self, name: &StrBytes) -> MetadataResponseTopic {
        let parsed = TopicName::parse(name);
        let error = match &parsed {
            Ok(_) => ErrorCode::UnknownTopicOrPartition,
            Err(_) => ErrorCode::InvalidTopicException,
        };
        let answer = MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(Some(WireTopicName(name.clone())))
            .with_is_internal(parsed.is_ok_and(|name| name.is_internal()));
        self.with_operations(answer)
    }

    fn with_operations(&self, topic: MetadataResponseTopic) -> MetadataResponseTopic {
        if self.topic_operations && self.version >= 8 {
            topic.with_topic_authorized_operations(TOPIC_OPERATIONS)
        } else {
            topic
        }
    }
}

fn unknown_id(id: Uuid) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(ErrorCode::UnknownTopicId.code())
        .with_name(None)
        .with_topic_id(id)
}

fn partition(node: NodeId, index: i32, image: &PartitionImage) -> MetadataResponsePartition {
    let placed = Placed::on(node, image);
    MetadataResponsePartition::default()
        .with_error_code(placed.error_code)
        .with_partition_index(index)
        .with_leader_id(placed.leader_id)
        .with_leader_epoch(image.leader_epoch.0)
        .with_replica_nodes(placed.replicas)
        .with_isr_nodes(placed.in_sync)
        .with_offline_replicas(placed.offline)
}

/// Internal topics are made as the coordinators make them, others with the broker's defaults.
fn split(
    ask: &Ask<'_>,
    image: &MetadataImage,
    names: Vec<TopicName>,
) -> (Vec<NewTopic>, Vec<NewTopic>) {
    let (mut internal, mut plain) = (Vec::new(), Vec::new());
    for name in names {
        match internal_topic(name.as_str(), &ask.broker.settings, &image.configs) {
            Some(topic) => internal.push(topic),
            None => plain.push(NewTopic::with_defaults(name.as_str().to_owned(), fresh_topic_id())),
        }
    }
    (internal, plain)
}

/// Sends the orders at once; the future waits until they are carried out.
fn make(
    controller: &ControllerHandle,
    now: Now,
    internal: Vec<NewTopic>,
    plain: CreateTopics,
) -> impl Future<Output = ()> + use<> {
    let declared = (!internal.is_empty()).then(|| controller.declare_topics(now, internal));
    let created = (!plain.topics.is_empty()).then(|| controller.create_topics(now, plain));
    async move {
        if let Some(declared) = declared
            && let Err(error) = declared.await
        {
            log::debug!(reason = error.to_string().as_str(); "no topics auto-created");
        }
        let Some(created) = created else { return };
        match created.await {
            Ok(results) => {
                for (name, result) in results {
                    report(&name, &result.err());
                }
            }
            Err(error) => report("", &Some(error)),
        }
    }
}

fn report(name: &str, error: &Option<ControllerError>) {
    if let Some(error) = error {
        log::debug!(topic = name, reason = error.to_string().as_str(); "topic not auto-created");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BrokerConfigs, TopicConfig};
    use crate::wire::encode_response;

    const NIL: Uuid = Uuid::nil();

    fn view(version: i16) -> View {
        View {
            version,
            node: NodeId(1),
            host: StrBytes::from_static_str("here"),
            port: 9092,
            rack: None,
            cluster_id: StrBytes::from_static_str("cluster"),
            may_create: true,
            topic_operations: false,
            cluster_operations: false,
        }
    }

    /// Topics without partitions; their ids are 200 and on.
    fn image(names: &[&str]) -> MetadataImage {
        let configs = Arc::new(BrokerConfigs::default());
        let mut image = MetadataImage::new(configs.clone());
        for (id, name) in (200..).zip(names) {
            let overrides = Arc::default();
            let config = Arc::new(TopicConfig::resolve(&overrides, &configs));
            let name = TopicName::parse(name).unwrap();
            let id = Uuid::from_u128(id);
            let partitions = Vec::new();
            image.put(Arc::new(TopicImage { name, id, partitions, overrides, config }));
        }
        image
    }

    fn named(name: Option<&'static str>, id: Uuid) -> MetadataRequestTopic {
        let name = name.map(|name| WireTopicName(StrBytes::from_static_str(name)));
        MetadataRequestTopic::default().with_name(name).with_topic_id(id)
    }

    fn ask(
        version: i16,
        topics: Option<&[MetadataRequestTopic]>,
        image: &MetadataImage,
    ) -> Vec<(String, i16)> {
        let asked = Asked::parse(version, topics).unwrap();
        let answer = view(version).answer(image, &asked);
        assert_eq!(answer.brokers.len(), 1);
        let topics = answer.topics.into_iter();
        topics.map(|t| (t.name.unwrap_or_default().to_string(), t.error_code)).collect()
    }

    #[test]
    fn no_topics_are_all_topics_in_the_first_version_and_none_later() {
        let image = image(&["a", "b"]);

        assert_eq!(ask(0, Some(&[]), &image).len(), 2);
        assert_eq!(ask(1, Some(&[]), &image).len(), 0);
        assert_eq!(ask(1, None, &image).len(), 2);
        assert_eq!(ask(13, None, &image).len(), 2);
    }

    #[test]
    fn topics_that_are_not_there_are_unknown_and_names_that_cannot_be_are_invalid() {
        let image = image(&["a"]);
        let topics = ["a", "missing", "a/b", "", "a"].map(|name| named(Some(name), NIL));

        let answered = ask(8, Some(&topics), &image);

        let expected = [("a", 0), ("missing", 3), ("a/b", 17), ("", 17)];
        let expected = expected.map(|(name, code)| (name.to_owned(), code));
        assert_eq!(answered, expected, "each name once, in order");
    }

    #[test]
    fn topics_are_found_by_id_from_version_12_on_and_names_beside_ids_do_not_count() {
        let image = image(&["a", "b"]);
        let topics = [
            named(None, Uuid::from_u128(201)),
            named(Some("a"), NIL),
            named(None, Uuid::from_u128(9)),
        ];

        let answered = ask(12, Some(&topics), &image);

        assert_eq!(answered, [("b".to_owned(), 0), (String::new(), 100)]);
    }

    #[test]
    fn ids_and_null_names_before_version_12_refuse_the_request_without_naming_a_broker() {
        for topic in [named(None, Uuid::from_u128(200)), named(None, NIL)] {
            let error = Asked::parse(11, Some(std::slice::from_ref(&topic))).err().unwrap();
            let answer = refuse(std::slice::from_ref(&topic), error);

            assert!(answer.brokers.is_empty());
            assert_eq!((answer.cluster_id, answer.controller_id), (None, BrokerId(-1)));
            let refused = &answer.topics[0];
            assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
            assert_eq!(refused.name.as_ref().unwrap().as_str(), "");
            assert_eq!(refused.topic_id, topic.topic_id);
        }
    }

    #[test]
    fn operations_are_told_in_the_versions_that_know_them_to_those_who_ask() {
        let image = image(&["a"]);
        let operations = |version| {
            let view = View { topic_operations: true, cluster_operations: true, ..view(version) };
            let answer = view.answer(&image, &Asked::All);
            (answer.cluster_authorized_operations, answer.topics[0].topic_authorized_operations)
        };

        assert_eq!(operations(7), (i32::MIN, i32::MIN));
        assert_eq!(operations(8), (8096, 3576));
        assert_eq!(operations(10), (8096, 3576));
        assert_eq!(operations(11), (i32::MIN, 3576));
    }

    #[test]
    fn only_missing_names_that_can_be_are_made_and_only_where_both_sides_allow_it() {
        let image = image(&["a"]);
        let names = ["a", "b", "a/b"].map(|name| named(Some(name), NIL));
        let asked = Asked::parse(4, Some(&names)).unwrap();
        let missing = |view: &View, enabled| {
            let names = view.missing(&image, &asked, enabled);
            names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(missing(&view(4), true), ["b"]);
        assert!(missing(&view(4), false).is_empty());
        assert!(missing(&View { may_create: false, ..view(4) }, true).is_empty());
        assert!(view(4).missing(&image, &Asked::All, true).is_empty());
    }

    #[test]
    fn every_version_can_be_encoded() {
        let image = image(&["a"]);
        for version in 0..=13 {
            let view = View { topic_operations: true, cluster_operations: true, ..view(version) };
            let topics = [named(Some("a"), NIL), named(Some("missing"), NIL)];
            for topics in [None, Some(&topics[..])] {
                let answer = view.answer(&image, &Asked::parse(version, topics).unwrap());
                assert!(encode_response(1, version, &answer).is_ok(), "version {version}");
            }
            let refused = refuse(&topics, ErrorCode::InvalidRequest);
            assert!(encode_response(1, version, &refused).is_ok(), "version {version}");
        }
    }
}
