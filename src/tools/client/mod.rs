//! A small blocking client: one socket a broker, one request at a time.
//!
//! A command asks a handful of questions and ends, so there are no threads, no pipelining and no
//! caches here. Versions are negotiated by ApiVersions; what a broker does not serve is an error that
//! names it.

mod connection;
mod groups;
mod login;
mod offsets;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName, metadata_request::MetadataRequestTopic,
};
use kafka_protocol::protocol::{Request, StrBytes};

use ottla_actors::types::SaslLogin;

pub(crate) use connection::{ConnectError, Connection};
pub(crate) use groups::{group_id, member_partitions};
pub(crate) use offsets::Moment;

use super::output::note;
use super::problem::ToolError;

/// How long to wait before a broker that was not ready is asked again, as Kafka's clients do.
pub(crate) const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, FENCED and UNKNOWN
/// LEADER_EPOCH: the metadata is old.
pub(crate) const STALE_METADATA: &[i16] = &[3, 5, 6, 74, 75, 100];

/// How a client behaves.
#[derive(Clone, Debug)]
pub(crate) struct ClientOptions {
    /// What brokers are told.
    pub(crate) client_id: String,
    /// For one answer.
    pub(crate) timeout: Duration,
    /// For everything that may be tried again, the first connection above all.
    pub(crate) patience: Duration,
    /// Who it is, where brokers want to know.
    pub(crate) login: Option<SaslLogin>,
}

/// A partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    /// Topic.
    pub(crate) topic: String,
    /// Its index.
    pub(crate) partition: i32,
}

impl TopicPartition {
    /// A partition of `topic`.
    pub(crate) fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition }
    }
}

/// A broker, as it wants to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Host.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: i32,
    /// Rack, where it has one.
    pub(crate) rack: Option<String>,
}

impl Node {
    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Any broker.
    Any,
    /// This one.
    Node(i32),
}

/// Connections to a cluster.
#[derive(Debug)]
pub(crate) struct Client {
    options: ClientOptions,
    bootstrap: String,
    connections: BTreeMap<String, Connection>,
    nodes: BTreeMap<i32, Node>,
}

impl Client {
    /// Connects to the first of `servers` (`host:port,…`) that answers. Waits for one to come up, for
    /// commands are run beside brokers that are starting.
    pub(crate) fn connect(servers: &str, options: ClientOptions) -> Result<Self, ToolError> {
        let servers: Vec<&str> =
            servers.split(',').map(str::trim).filter(|server| !server.is_empty()).collect();
        if servers.is_empty() {
            return Err(ToolError::Usage("--bootstrap-server names no server".to_owned()));
        }
        let deadline = Instant::now() + options.patience;
        let mut told = false;
        loop {
            let mut refusal = String::new();
            let mut resolvable = false;
            for server in &servers {
                match Connection::open(server, &options) {
                    Ok(connection) => return Ok(Self::with(connection, options)),
                    Err(ConnectError::Talk(error)) => return Err(error),
                    Err(ConnectError::Unresolvable(why)) => refusal = why,
                    Err(ConnectError::Refused(why)) => {
                        resolvable = true;
                        refusal = why;
                    }
                }
            }
            if !resolvable || Instant::now() >= deadline {
                return Err(ToolError::Unreachable(refusal));
            }
            if !told {
                note(&format!("{refusal}; trying for {} s", options.patience.as_secs()));
                told = true;
            }
            thread::sleep(RETRY_BACKOFF);
        }
    }

    fn with(connection: Connection, options: ClientOptions) -> Self {
        let bootstrap = connection.address().to_owned();
        let connections = BTreeMap::from([(bootstrap.clone(), connection)]);
        Self { options, bootstrap, connections, nodes: BTreeMap::new() }
    }

    /// How long something may be tried again.
    pub(crate) const fn patience(&self) -> Duration {
        self.options.patience
    }

    /// The brokers of the last metadata answer, by id.
    pub(crate) const fn nodes(&self) -> &BTreeMap<i32, Node> {
        &self.nodes
    }

    /// The connection to a broker, opened if need be.
    pub(crate) fn connection(&mut self, to: To) -> Result<&mut Connection, ToolError> {
        let address = match to {
            To::Any => self.bootstrap.clone(),
            To::Node(id) => match self.nodes.get(&id) {
                Some(node) => node.address(),
                None => return Err(ToolError::Unreachable(format!("broker {id} is not known"))),
            },
        };
        if !self.connections.contains_key(&address) {
            let opened = Connection::open(&address, &self.options);
            let connection = opened.map_err(|error| match error {
                ConnectError::Talk(error) => error,
                ConnectError::Unresolvable(why) | ConnectError::Refused(why) => {
                    ToolError::Unreachable(why)
                }
            })?;
            self.connections.insert(address.clone(), connection);
        }
        let missing = || ToolError::Unreachable(format!("no connection to {address}"));
        self.connections.get_mut(&address).ok_or_else(missing)
    }

    /// Whether the bootstrap broker serves this API at all.
    pub(crate) fn serves<R: Request>(&mut self) -> Result<bool, ToolError> {
        Ok(self.connection(To::Any)?.version_of::<R>(i16::MAX).is_ok())
    }

    /// Asks a broker in the newest version up to `newest` that both know.
    pub(crate) fn ask<R: Request>(
        &mut self,
        to: To,
        newest: i16,
        request: &R,
    ) -> Result<R::Response, ToolError> {
        self.ask_as::<R, _>(to, newest, |_| request, Duration::ZERO)
    }

    /// The same, where the version decides what is asked, and the answer may be held for `wait`.
    pub(crate) fn ask_as<R: Request, Q: std::borrow::Borrow<R>>(
        &mut self,
        to: To,
        newest: i16,
        request: impl FnOnce(i16) -> Q,
        wait: Duration,
    ) -> Result<R::Response, ToolError> {
        let connection = self.connection(to)?;
        let version = connection.version_of::<R>(newest)?;
        let address = connection.address().to_owned();
        let answer = connection.ask(version, request(version).borrow(), wait);
        if matches!(answer, Err(ToolError::Unreachable(_) | ToolError::Protocol(_))) {
            // What is left in the socket would be taken for the next answer.
            self.connections.remove(&address);
        }
        answer
    }

    /// Metadata of these topics, or of all.
    pub(crate) fn metadata(
        &mut self,
        topics: Option<&[&str]>,
        create: bool,
    ) -> Result<MetadataResponse, ToolError> {
        let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let topics: Option<Vec<_>> = topics.map(|names| names.iter().map(topic).collect());
        let request = |version: i16| {
            // Before version 1 an empty list, not null, asks for all topics.
            let topics = if version == 0 { Some(topics.unwrap_or_default()) } else { topics };
            let request = MetadataRequest::default().with_topics(topics);
            // Brokers before version 4 decide themselves.
            request.with_allow_auto_topic_creation(create || version < 4)
        };
        let answer =
            self.ask_as::<MetadataRequest, _>(To::Any, i16::MAX, request, Duration::ZERO)?;
        ToolError::check(answer.error_code, None)?;
        let node =
            |broker: &kafka_protocol::messages::metadata_response::MetadataResponseBroker| {
                let rack = broker.rack.as_ref().map(ToString::to_string);
                (broker.node_id.0, Node { host: broker.host.to_string(), port: broker.port, rack })
            };
        self.nodes = answer.brokers.iter().map(node).collect();
        Ok(answer)
    }

    /// Who leads each partition of these topics; a partition without a leader is left out.
    pub(crate) fn leaders(
        &mut self,
        topics: &[&str],
    ) -> Result<BTreeMap<TopicPartition, i32>, ToolError> {
        let mut leaders = BTreeMap::new();
        for topic in self.metadata(Some(topics), false)?.topics {
            let name = topic.name.map(|name| name.to_string()).unwrap_or_default();
            for partition in topic.partitions {
                let BrokerId(leader) = partition.leader_id;
                if leader >= 0 {
                    leaders.insert(TopicPartition::new(&name, partition.partition_index), leader);
                }
            }
        }
        Ok(leaders)
    }

    /// Names of all topics, sorted.
    pub(crate) fn topic_names(&mut self, internal: bool) -> Result<Vec<String>, ToolError> {
        let topics = self.metadata(None, false)?.topics;
        let shown = topics.into_iter().filter(|topic| internal || !topic.is_internal);
        let mut names: Vec<String> =
            shown.filter_map(|topic| topic.name).map(|name| name.to_string()).collect();
        names.sort();
        Ok(names)
    }
}

/// Text as messages hold it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name as messages hold it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Partitions gathered by topic, as requests list them.
pub(crate) fn by_topic<'a, T>(
    partitions: impl IntoIterator<Item = (&'a TopicPartition, T)>,
) -> BTreeMap<&'a str, Vec<(i32, T)>> {
    let mut topics: BTreeMap<&str, Vec<(i32, T)>> = BTreeMap::new();
    for (place, what) in partitions {
        topics.entry(place.topic.as_str()).or_default().push((place.partition, what));
    }
    topics
}
