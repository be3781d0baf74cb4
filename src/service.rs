//! Starts and stops the broker.
//!
//! Start: listeners are bound, the data folder is opened and recovered, the controller shows the
//! image, coordinators load, and only then are clients accepted. Stop, from the top down, each step
//! awaited: listeners, connections, coordinators, partitions, storage, threads.

use crate::admin::{AdminServer, Serving};
use crate::declared::{self, DeclarationError};
use crate::listener::{ConnectionCounts, Connections, bind};
use crate::settings::Settings;
use actix_rt::{Arbiter, ArbiterHandle};
use ottla_actors::connection::{Closings, ConnectionLimits, RequestMemory};
use ottla_actors::controller::{
    ControllerHandle, ControllerParts, ControllerSettings, MetadataLog, RegistryPublisher,
    SettingsRules, StartBroker, TopicWatcher, internal_topic,
};
use ottla_actors::dispatch::{Broker, FetchSessionSlots};
use ottla_actors::group::{GroupSettings, Groups};
use ottla_actors::partition::PartitionSettings;
use ottla_actors::quota::{Quotas, Windows};
use ottla_actors::registry::{Arbiters, ImageWriter, MetadataImage, Registry, TopicImage};
use ottla_actors::runtime::{Budget, Clock};
use ottla_actors::storage::{LogPolicy, OpenError, Storage, StorageOptions};
use ottla_actors::types::{
    BrokerConfigs, BrokerSettings, Listener, LogId, Metrics, MonoTime, TopicName,
};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where groups keep their state.
const GROUP_TOPIC: &str = "__consumer_offsets";
/// How long open requests may take to end when the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long partitions may take to commit what they have when the broker stops.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// Memory for requests where `queued.max.request.bytes` names none.
const REQUEST_MEMORY_BYTES: usize = 512 * 1024 * 1024;

/// Why the broker did not start.
#[derive(Debug)]
pub enum StartError {
    /// A listener's address cannot be used.
    Bind {
        /// As in `listeners`.
        listener: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The data folder cannot be used.
    Data(OpenError),
    /// The controller could not begin.
    Controller(String),
    /// A declared topic cannot be had.
    Declared(DeclarationError),
    /// Signals cannot be heard.
    Signals(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { listener, error } => write!(f, "cannot listen on {listener}: {error}"),
            Self::Data(error) => error.fmt(f),
            Self::Controller(reason) => write!(f, "the metadata cannot be used: {reason}"),
            Self::Declared(error) => error.fmt(f),
            Self::Signals(error) => write!(f, "cannot wait for signals: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Where the broker of these settings keeps its data.
#[must_use]
pub fn data_folder(settings: &Settings) -> PathBuf {
    settings.broker.data_dir.clone()
}

/// Runs the broker until SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// What keeps it from starting.
pub fn run(settings: Settings) -> Result<ExitCode, StartError> {
    actix_rt::System::new().block_on(async move {
        let mut signals = Signals::listen()?;
        let service = Service::start(settings).await?;
        signals.first().await;
        log::info!("stopping");
        tokio::select! {
            biased;
            () = service.stop() => {
                log::info!("stopped");
                Ok(ExitCode::SUCCESS)
            }
            () = signals.first() => {
                log::warn!("stopped at once by a second signal");
                std::process::exit(1);
            }
        }
    })
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn listen() -> Result<Self, StartError> {
        let hear = |kind| signal(kind).map_err(StartError::Signals);
        Ok(Self { term: hear(SignalKind::terminate())?, int: hear(SignalKind::interrupt())? })
    }

    async fn first(&mut self) {
        tokio::select! {
            biased;
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// A running broker.
struct Service {
    broker: Arc<Broker>,
    connections: Connections,
    acceptors: Vec<JoinHandle<()>>,
    arbiters: Vec<Arbiter>,
    admin: AdminServer,
}

impl Service {
    async fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings { broker: settings, given, topics, .. } = settings;
        let bound = bind_all(&settings).await?;
        let clock = Clock::start();
        let admin = AdminServer::start(&settings).await.map_err(|error| {
            let at = settings.admin_listener.iter().map(|listener| listener.bind.to_string());
            let listener = format!("ottla.admin.listener {}", at.collect::<String>());
            StartError::Bind { listener, error }
        })?;
        let settings = Arc::new(settings);
        let metrics = Arc::<Metrics>::default();
        let options = storage_options(&settings, clock, metrics.clone());
        let storage = Arc::new(Storage::open(options).map_err(StartError::Data)?);
        let (arbiters, threads) = Arbiters::start(network_threads(settings.num_network_threads));
        let arbiters = Arc::new(arbiters);
        let given = Arc::new(given);
        let registry = Arc::new(Registry::new(MetadataImage::new(given.clone())));
        let groups =
            Groups::new(group_settings(&settings), clock, arbiters.handles().to_vec(), metrics);
        let writer = ImageWriter::new(
            registry.clone(),
            storage.clone(),
            arbiters.clone(),
            partition_settings(&settings),
            settings.log_cleaner_enable,
            clock,
        );
        let rules = SettingsRules::new(BrokerConfigs::clone(&given));
        let quotas = Arc::new(Quotas::new(quota_windows(&settings)));
        let heard = (&groups, &registry, &quotas);
        let controller = start_controller(&settings, &storage, writer, rules, heard);
        let broker = Arc::new(Broker {
            node: settings.node_id,
            cluster_id: storage.meta().cluster_id.clone(),
            answers: Budget::new(bytes(settings.queued_max_response_bytes)),
            fetch_slots: FetchSessionSlots::new(settings.max_incremental_fetch_session_cache_slots),
            settings: settings.clone(),
            registry,
            groups,
            quotas,
            controller,
            storage,
            clock,
        });
        begin(&broker).await?;
        declared::ensure(&broker, &topics).await.map_err(StartError::Declared)?;
        let closings = Closings::new(broker.metrics().clone(), clock);
        let limits = connection_limits(&settings, closings, arbiters.lane());
        let memory = limits.memory.clone();
        let connections = Connections::new(
            broker.clone(),
            limits,
            ConnectionCounts::of(&settings).await,
            arbiters.handles(),
        );
        let mut acceptors = Vec::with_capacity(bound.len());
        for (socket, listener) in bound {
            log::info!(
                listener = listener.name.as_str(), address:% = listener.bind;
                "listening"
            );
            let accept = connections.clone().accept(socket, listener);
            acceptors.push(tokio::task::spawn_local(accept));
        }
        let ready_after = clock.mono().since(MonoTime::START);
        admin.serving(Serving { broker: broker.clone(), memory, ready_after });
        say_started(&broker, ready_after);
        Ok(Self { broker, connections, acceptors, arbiters: threads, admin })
    }

    /// Ends everything, from the top down.
    async fn stop(self) {
        let Self { broker, connections, acceptors, arbiters, admin } = self;
        admin.stopping();
        acceptors.iter().for_each(JoinHandle::abort);
        // Joins that wait for other members would hold their connections: release them first.
        within(DRAIN_MAX, "groups", all(broker.groups.close())).await;
        within(DRAIN_MAX, "connections", all(connections.drain())).await;
        let partitions = {
            let image = broker.registry.image();
            let images = image.topics.values().flat_map(|topic| &topic.partitions);
            images.map(|image| image.partition.close()).collect::<Vec<_>>()
        };
        within(CLOSE_MAX, "partitions", all(partitions)).await;
        within(DRAIN_MAX, "health and metrics", admin.stop()).await;
        broker.storage.close();
        for arbiter in arbiters {
            arbiter.stop();
            if arbiter.join().is_err() {
                log::error!("a thread ended by a panic");
            }
        }
    }
}

/// Binds every listener before anything else: a port in use is the commonest mistake.
async fn bind_all(settings: &BrokerSettings) -> Result<Vec<(TcpListener, Listener)>, StartError> {
    let mut bound = Vec::with_capacity(settings.listeners.len());
    for listener in &settings.listeners {
        let socket = bind(&listener.bind, settings).await.map_err(|error| {
            let listener = format!("{}://{}", listener.name, listener.bind);
            StartError::Bind { listener, error }
        })?;
        bound.push((socket, listener.clone()));
    }
    Ok(bound)
}

/// Tools that start a broker in a container wait for one of these lines, by their words: modules
/// of Testcontainers for the apache/kafka image for the first or the last, for cp-kafka the second.
fn say_started(broker: &Broker, ready_after: Duration) {
    let id = broker.node.0;
    log::info!("[BrokerLifecycleManager id={id}] Transitioning from RECOVERY to RUNNING");
    log::info!("[KafkaServer id={id}] started");
    log::info!(
        node_id = id, cluster_id = broker.cluster_id.as_str(),
        data:% = broker.settings.data_dir.display(), version = env!("CARGO_PKG_VERSION"),
        started_ms = millis(ready_after);
        "Kafka Server started"
    );
}

async fn all(answers: Vec<oneshot::Receiver<()>>) {
    for answer in answers {
        // Whoever is gone has nothing left to finish.
        answer.await.unwrap_or_default();
    }
}

async fn within(limit: Duration, what: &str, work: impl Future<Output = ()>) {
    if tokio::time::timeout(limit, work).await.is_err() {
        log::warn!(what, seconds = limit.as_secs(); "did not end in time");
    }
}

fn start_controller(
    settings: &BrokerSettings,
    storage: &Arc<Storage>,
    writer: ImageWriter,
    rules: SettingsRules,
    (groups, registry, quotas): (&Groups, &Arc<Registry>, &Arc<Quotas>),
) -> ControllerHandle {
    let controller_settings = controller_settings(settings);
    let watcher = GroupTopics {
        groups: groups.clone(),
        storage: storage.clone(),
        registry: registry.clone(),
    };
    let node = settings.node_id;
    let publisher = RegistryPublisher::new(writer, quotas.clone(), node, Box::new(watcher));
    let log = storage.create(LogId::METADATA, metadata_policy());
    ControllerHandle::start_local(move |controller| ControllerParts {
        settings: controller_settings,
        rules: Arc::new(rules),
        log: Box::new(MetadataLog::new(log, controller)),
        publisher: Box::new(publisher),
    })
}

/// What the controller decides by.
pub(crate) fn controller_settings(settings: &BrokerSettings) -> ControllerSettings {
    ControllerSettings {
        num_partitions: settings.num_partitions,
        default_replication_factor: settings.default_replication_factor,
        delete_topic_enable: settings.delete_topic_enable,
        quota_windows: windows(
            settings.controller_quota_window_num,
            settings.controller_quota_window_size_seconds,
        ),
    }
}

/// Tells the groups of topics that matter to them.
struct GroupTopics {
    groups: Groups,
    storage: Arc<Storage>,
    registry: Arc<Registry>,
}

impl TopicWatcher for GroupTopics {
    fn came(&mut self, topic: &TopicImage) {
        if topic.name.as_str() == GROUP_TOPIC {
            self.groups.load_topic(topic, &self.storage, &self.registry);
        }
    }

    fn went(&mut self, name: &TopicName) {
        if name.as_str() == GROUP_TOPIC {
            // Members hear that nobody keeps them, look for a coordinator, and have one made.
            self.groups.reset(1);
        }
        self.groups.topic_deleted(name);
    }
}

/// The metadata log is kept whole, and forced before anything in it counts.
pub(crate) fn metadata_policy() -> LogPolicy {
    LogPolicy { retention_ms: None, retention_bytes: None, delete: false, ..LogPolicy::default() }
}

/// Registers this start and makes the internal topics; coordinators load when theirs is shown.
async fn begin(broker: &Arc<Broker>) -> Result<(), StartError> {
    let refused = |error: &dyn fmt::Display| StartError::Controller(error.to_string());
    let settings = &broker.settings;
    let start = StartBroker {
        node: broker.node,
        rack: settings.broker_rack.clone(),
        clean: broker.storage.was_clean(),
        min_insync_replicas: settings.min_insync_replicas.to_string(),
    };
    let now = broker.clock.now();
    broker.controller.start_broker(now, start).await.map_err(|error| refused(&error))?;
    let image = broker.registry.image();
    let offsets = internal_topic(GROUP_TOPIC, settings, &image.configs);
    drop(image);
    let declared =
        broker.controller.declare_topics(broker.clock.now(), offsets.into_iter().collect());
    for (name, result) in declared.await.map_err(|error| refused(&error))? {
        result.map_err(|error| StartError::Controller(format!("{name}: {error}")))?;
    }
    Ok(())
}

/// Threads for connections and partitions: the other cores serve the journal, the index and
/// decompression of cold reads.
fn network_threads(configured: usize) -> usize {
    if configured > 0 {
        return configured;
    }
    match std::thread::available_parallelism().map_or(1, usize::from) {
        ..=2 => 1,
        cores @ 3..=4 => cores - 1,
        cores => cores - 2,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn storage_options(
    settings: &BrokerSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> StorageOptions {
    let dir = settings.data_dir.clone();
    let cleaner_buffer = usize::try_from(settings.log_cleaner_dedupe_buffer_size);
    StorageOptions {
        metrics,
        cluster_id: settings.cluster_id.clone(),
        retention_check_interval: settings.log_retention_check_interval,
        cleaner_backoff: settings.log_cleaner_backoff,
        cleaner_buffer_bytes: cleaner_buffer.unwrap_or(usize::MAX),
        ..StorageOptions::new(dir, settings.node_id, Arc::new(move || clock.now()))
    }
}

fn partition_settings(settings: &BrokerSettings) -> PartitionSettings {
    let expiration = settings.producer_id_expiration.as_millis();
    PartitionSettings { producer_id_expiration_ms: i64::try_from(expiration).unwrap_or(i64::MAX) }
}

fn group_settings(settings: &BrokerSettings) -> GroupSettings {
    GroupSettings {
        members_bytes_max: bytes(settings.group_members_max_bytes),
        initial_rebalance_delay: settings.group_initial_rebalance_delay,
        min_session_timeout: settings.group_min_session_timeout,
        max_session_timeout: settings.group_max_session_timeout,
        max_size: settings.group_max_size,
        offset_metadata_max: usize::try_from(settings.offset_metadata_max_bytes).unwrap_or(0),
        offsets_retention: Duration::from_secs(
            settings.offsets_retention_minutes.saturating_mul(60),
        ),
        offsets_check_interval: settings.offsets_retention_check_interval,
        ..GroupSettings::default()
    }
}

fn quota_windows(settings: &BrokerSettings) -> Windows {
    windows(settings.quota_window_num, settings.quota_window_size_seconds)
}

fn windows(count: u32, size_seconds: u64) -> Windows {
    Windows { count, size: Duration::from_secs(size_seconds) }
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn connection_limits(
    settings: &BrokerSettings,
    closings: Closings,
    lane: &ArbiterHandle,
) -> ConnectionLimits {
    let memory = settings
        .queued_max_request_bytes
        .map_or(REQUEST_MEMORY_BYTES, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    ConnectionLimits {
        frame_bytes_max: usize::try_from(settings.socket_request_max_bytes).unwrap_or(usize::MAX),
        idle_max: settings.connections_max_idle_ms.map(Duration::from_millis),
        memory: RequestMemory::new(memory),
        receive_max: settings.request_receive_timeout,
        closings: Arc::new(closings),
        lane: lane.clone(),
    }
}
