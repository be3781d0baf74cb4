//! Accepts sockets and hands each to the arbiter with the fewest.

use crate::connection_rate::{ConnectionRate, ConnectionRates};
use actix::Addr;
use actix_rt::ArbiterHandle;
use ottla_actors::connection::{ConnectionActor, ConnectionLimits, Drain};
use ottla_actors::dispatch::{Advertised, Broker, Via};
use ottla_actors::registry::MetadataImage;
use ottla_actors::runtime::{Reply, Seldom, start_on};
use ottla_actors::types::{
    BrokerSettings, Endpoint, Listener, Metrics, MonoTime, SecurityProtocol, ThrottleReason,
};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::oneshot;

/// How long an acceptor rests when the process has no descriptors left, for else it would spin.
const OUT_OF_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(50);

/// Sockets of addresses that are beyond their quota that are held for a while, so that their
/// clients do not come back at once; past it they are closed at once.
const HELD_MAX: usize = 1_000;

/// Bounds on the number of connections of some addresses (`max.connections.per.ip.overrides`).
#[derive(Clone, Debug)]
pub(crate) struct ConnectionCounts(BTreeMap<IpAddr, usize>);

impl ConnectionCounts {
    /// As they were set at the start; names of hosts are resolved once.
    pub(crate) async fn of(settings: &BrokerSettings) -> Self {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let mut overrides = BTreeMap::new();
        for (host, max) in &settings.max_connections_per_ip_overrides {
            match lookup_host((host.as_str(), 0)).await {
                Ok(found) => {
                    overrides.extend(found.map(|at| (at.ip().to_canonical(), count(*max))));
                }
                Err(error) => log::warn!(
                    host = host.as_str(), error:% = error;
                    "max.connections.per.ip.overrides names a host that is not known"
                ),
            }
        }
        Self(overrides)
    }
}

/// Binds a listener with the buffers and the backlog that are set.
///
/// # Errors
/// The host is unknown, or none of its addresses can be used.
pub(crate) async fn bind(at: &Endpoint, settings: &BrokerSettings) -> io::Result<TcpListener> {
    let host = if at.host.is_empty() { "0.0.0.0" } else { &at.host };
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, at.port)).await? {
        match bind_to(address, settings) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bind_to(address: SocketAddr, settings: &BrokerSettings) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of an earlier run that linger shall not keep this one from starting.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit these.
    if let Some(bytes) = settings.socket_send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = settings.socket_receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    socket.listen(settings.socket_listen_backlog_size)
}

/// All open connections of the process.
#[derive(Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, Addr<ConnectionActor<TcpStream>>>,
    per_ip: BTreeMap<IpAddr, usize>,
}

/// Connections that may be taken in a second, changed at any time; of one listener behind
/// `listener.name.<name>.`, in small letters.
const RATE_SETTING: &str = "max.connection.creation.rate";

/// Where the connections of one listener come in.
struct Entrance {
    via: Via,
    rate: ConnectionRate,
    rate_setting: String,
}

/// Starts connections, and ends them all.
#[derive(Clone)]
pub(crate) struct Connections {
    broker: Arc<Broker>,
    limits: ConnectionLimits,
    counts: ConnectionCounts,
    rate: Arc<ConnectionRate>,
    arbiters: Arc<Vec<(ArbiterHandle, Arc<AtomicUsize>)>>,
    open: Arc<Mutex<Open>>,
    refusals: Arc<Seldom>,
    delays: Arc<Seldom>,
    throttles: Arc<Seldom>,
    /// Of addresses that have a quota.
    rates: Arc<ConnectionRates>,
    held: Arc<AtomicUsize>,
    failures: Arc<Seldom>,
}

impl Connections {
    pub(crate) fn new(
        broker: Arc<Broker>,
        limits: ConnectionLimits,
        counts: ConnectionCounts,
        arbiters: &[ArbiterHandle],
    ) -> Self {
        let arbiters = arbiters.iter().map(|arbiter| (arbiter.clone(), Arc::default())).collect();
        let windows = broker.quotas.windows();
        Self {
            broker,
            limits,
            counts,
            rate: Arc::new(ConnectionRate::new(windows)),
            arbiters: Arc::new(arbiters),
            open: Arc::default(),
            refusals: Arc::default(),
            delays: Arc::default(),
            throttles: Arc::default(),
            rates: Arc::new(ConnectionRates::new(windows)),
            held: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// Accepts from one listener until the future is dropped.
    pub(crate) async fn accept(self, socket: TcpListener, listener: Listener) {
        let entrance = self.entrance(listener);
        loop {
            match socket.accept().await {
                Ok((socket, peer)) => {
                    self.await_turn(&entrance).await;
                    if let Err(pause) = self.within_quota(peer) {
                        self.hold(socket, pause);
                        continue;
                    }
                    self.record(&entrance);
                    self.start(socket, peer, &entrance.via);
                }
                Err(error) => {
                    let now = self.broker.clock.mono();
                    if let Some(untold) = self.failures.happened(now) {
                        log::warn!(error:% = error, others_before = untold; "cannot accept a connection");
                    }
                    tokio::time::sleep(OUT_OF_DESCRIPTORS_PAUSE).await;
                }
            }
        }
    }

    fn entrance(&self, listener: Listener) -> Entrance {
        let rate_setting = format!("{}{RATE_SETTING}", listener.prefix());
        let advertised = match listener.advertised {
            Some(Endpoint { host, port }) => Advertised::Configured { host, port },
            None => Advertised::AsConnected,
        };
        let sasl = match listener.protocol {
            SecurityProtocol::Plaintext => None,
            SecurityProtocol::SaslPlaintext => Some(Arc::from(listener.name.as_str())),
        };
        Entrance {
            via: Via { advertised, sasl },
            rate: ConnectionRate::new(self.broker.quotas.windows()),
            rate_setting,
        }
    }

    /// Counts a connection of an address that has a quota.
    ///
    /// # Errors
    /// It is used up; how long the connection is to be held before it is closed.
    fn within_quota(&self, peer: SocketAddr) -> Result<(), Duration> {
        let ip = peer.ip().to_canonical();
        let Some(per_second) = self.broker.quotas.of_ip(ip) else { return Ok(()) };
        let now = self.broker.clock.mono();
        let taken = self.rates.take(ip, per_second, now);
        if let Err(pause) = taken {
            self.broker.metrics().quota.record(ThrottleReason::Connection, pause);
            if let Some(untold) = self.throttles.happened(now) {
                log::warn!(
                    client:% = ip, others_before = untold;
                    "connection refused: the address has used up its connection_creation_rate"
                );
            }
        }
        taken
    }

    /// Closes a socket after a while, as Kafka does.
    fn hold(&self, socket: TcpStream, pause: Duration) {
        let held = self.held.clone();
        if held.fetch_add(1, Ordering::Relaxed) >= HELD_MAX {
            held.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        tokio::task::spawn_local(async move {
            tokio::time::sleep(pause).await;
            drop(socket);
            held.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Waits until a connection that is there may be taken. Those behind it wait in the system's
    /// backlog.
    async fn await_turn(&self, entrance: &Entrance) {
        let clock = self.broker.clock;
        let begun = clock.mono();
        if self.wait(entrance, begun).is_zero() {
            return;
        }
        self.broker.metrics().connection.delayed.one();
        if let Some(untold) = self.delays.happened(begun) {
            log::warn!(
                others_before = untold;
                "connections come faster than max.connection.creation.rate; they are kept waiting"
            );
        }
        // Another listener may be the first to take what became free, and the rate be another.
        loop {
            let changed = self.broker.registry.changed();
            let wait = self.wait(entrance, clock.mono());
            if wait.is_zero() {
                return;
            }
            tokio::time::timeout(wait, changed).await.unwrap_or_default();
        }
    }

    fn wait(&self, entrance: &Entrance, now: MonoTime) -> Duration {
        let (all, own) = self.rates(entrance);
        self.rate.wait(all, now).max(entrance.rate.wait(own, now))
    }

    fn record(&self, entrance: &Entrance) {
        let now = self.broker.clock.mono();
        let (all, own) = self.rates(entrance);
        self.rate.record(all, now);
        entrance.rate.record(own, now);
    }

    /// Connections a second of all listeners, and of this one.
    fn rates(&self, entrance: &Entrance) -> (f64, f64) {
        let image = self.broker.registry.image();
        let rate = |name| f64::from(bound(&image, name));
        (rate(RATE_SETTING), rate(&entrance.rate_setting))
    }

    /// Connections that there may be in all, and of this address.
    fn counts_of(&self, ip: IpAddr) -> (usize, usize) {
        let image = self.broker.registry.image();
        let count = |name| usize::try_from(bound(&image, name)).unwrap_or(usize::MAX);
        let of_ip = self.counts.0.get(&ip).copied();
        (count("max.connections"), of_ip.unwrap_or_else(|| count("max.connections.per.ip")))
    }

    fn start(&self, socket: TcpStream, peer: SocketAddr, via: &Via) {
        let ip = peer.ip().to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_ip = open.per_ip.get(&ip).copied().unwrap_or(0);
        let (max, max_of_ip) = self.counts_of(ip);
        if open.connections.len() >= max || of_ip >= max_of_ip {
            self.broker.metrics().connection.refused.one();
            if let Some(untold) = self.refusals.happened(self.broker.clock.mono()) {
                log::warn!(
                    client:% = ip, open = open.connections.len(), others_before = untold;
                    "connection refused: too many"
                );
            }
            return;
        }
        let Some((arbiter, load)) =
            self.arbiters.iter().min_by_key(|(_, load)| load.load(Ordering::Relaxed))
        else {
            return;
        };
        let (local, socket) = match socket.set_nodelay(true).and_then(|()| {
            let local = socket.local_addr()?;
            Ok((local, socket.into_std()?))
        }) {
            Ok(ready) => ready,
            Err(error) => {
                // Gone before it began.
                log::debug!(client:% = ip, error:% = error; "connection lost");
                return;
            }
        };
        let id = open.next;
        open.next += 1;
        *open.per_ip.entry(ip).or_default() += 1;
        load.fetch_add(1, Ordering::Relaxed);
        let metrics = self.broker.metrics().clone();
        metrics.connection.opened.one();
        let guard = Guard { id, ip, load: load.clone(), open: self.open.clone(), metrics };
        let (broker, limits) = (self.broker.clone(), self.limits.clone());
        let via = via.clone();
        let address = start_on(arbiter, move |_| {
            // Fails only where the runtime is gone, and then the connection cannot matter.
            #[expect(clippy::expect_used, reason = "a registered socket moves between runtimes")]
            let socket = TcpStream::from_std(socket).expect("a runtime that takes sockets");
            ConnectionActor::new(socket, broker, limits, via, (local, peer), Box::new(guard))
        });
        open.connections.insert(id, address);
    }

    /// Asks every connection to finish what is open; resolves one by one.
    pub(crate) fn drain(&self) -> Vec<oneshot::Receiver<()>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.connections
            .values()
            .map(|connection| {
                let (reply, drained) = Reply::new();
                connection.do_send(Drain(reply));
                drained
            })
            .collect()
    }
}

/// A setting that may be another at any time; without one, more than anybody reaches.
fn bound(image: &MetadataImage, name: &str) -> u32 {
    image.configs.value(name).and_then(|value| value.parse().ok()).unwrap_or(u32::MAX)
}

/// Counts a connection for as long as it lives.
struct Guard {
    id: u64,
    ip: IpAddr,
    load: Arc<AtomicUsize>,
    open: Arc<Mutex<Open>>,
    metrics: Arc<Metrics>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        self.metrics.connection.closed.one();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.connections.remove(&self.id);
        if let Some(count) = open.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.per_ip.remove(&self.ip);
            }
        }
    }
}
