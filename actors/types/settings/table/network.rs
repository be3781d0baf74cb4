//! Rows of settings: listeners, sockets, threads, and limits on clients.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Int, List, Long, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("advertised.listeners", List, None)
        .works("Addresses that clients are told to connect to; where none is set they are told the address that they came to."),
    Setting::live("background.threads", Int, Some("10")),
    Setting::fixed("connections.max.idle.ms", Long, Some("600000")).bounds(Bounds::AtLeast(-1))
        .works("A connection without requests is closed after this long, in milliseconds."),
    Setting::fixed("early.start.listeners", List, None),
    Setting::fixed("inter.broker.listener.name", String, None)
        .works("Listener that other brokers would use; must be one of the listeners."),
    Setting::live("listener.security.protocol.map", String, Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"))
        .works("Security protocol of each listener, as `NAME:PROTOCOL`; PLAINTEXT and SASL_PLAINTEXT are what works."),
    Setting::live("listeners", List, Some("PLAINTEXT://:9092")).bounds(Bounds::NotEmpty)
        .works("Addresses to listen on, as `NAME://host:port`; no host means every address, port 0 any free one."),
    Setting::live("max.connection.creation.rate", Int, Some("2147483647")).bounds(Bounds::AtLeast(0))
        .works("Connections that are taken in a second, as the mean of the whole windows of `quota.window.num` (ten seconds); more are kept waiting."),
    Setting::live("max.connections", Int, Some("2147483647")).bounds(Bounds::AtLeast(0))
        .works("Connections in all; more are closed at once."),
    Setting::live("max.connections.per.ip", Int, Some("2147483647")).bounds(Bounds::AtLeast(0))
        .works("Connections of one address; more are closed at once."),
    Setting::live("max.connections.per.ip.overrides", String, Some(""))
        .works("Other limits for some addresses, as `host:count`."),
    Setting::live("num.io.threads", Int, Some("8")),
    Setting::live("num.network.threads", Int, Some("0")).kafka("3").bounds(Bounds::AtLeast(0))
        .works("Threads that serve connections and partitions; 0 goes by the cores of the machine."),
    Setting::fixed("queued.max.request.bytes", Long, Some("-1")).bounds(Bounds::AtLeast(-1))
        .works("Memory that requests in flight may take, in bytes, before sockets are no longer read; -1 for a bound that goes by the size of a request."),
    Setting::fixed("queued.max.requests", Int, Some("500")),
    Setting::fixed("request.timeout.ms", Int, Some("30000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("security.inter.broker.protocol", String, Some("PLAINTEXT")).bounds(Bounds::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))
        .works("Taken where `inter.broker.listener.name` is not set; PLAINTEXT and SASL_PLAINTEXT are what works."),
    Setting::fixed("socket.connection.setup.timeout.max.ms", Long, Some("30000")),
    Setting::fixed("socket.connection.setup.timeout.ms", Long, Some("10000")),
    Setting::fixed("socket.listen.backlog.size", Int, Some("1024")).kafka("50").bounds(Bounds::AtLeast(1))
        .works("Connections that may wait to be accepted."),
    Setting::fixed("socket.receive.buffer.bytes", Int, Some("-1")).kafka("102400").bounds(Bounds::AtLeast(-1))
        .works("Receive buffer of a socket, in bytes; -1 leaves it to the system."),
    Setting::fixed("socket.request.max.bytes", Int, Some("104857600")).bounds(Bounds::AtLeast(1))
        .works("Largest request, in bytes."),
    Setting::fixed("socket.send.buffer.bytes", Int, Some("-1")).kafka("102400").bounds(Bounds::AtLeast(-1))
        .works("Send buffer of a socket, in bytes; -1 leaves it to the system."),
];
