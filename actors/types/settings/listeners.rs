//! Listeners: where the broker listens, and what it tells clients to connect to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::configs::BrokerConfigs;
use super::sasl;
use super::value::{ConfigError, split_list};

/// How bytes travel on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// As they are, from whoever connects.
    Plaintext,
    /// As they are, from those who say who they are.
    SaslPlaintext,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without brackets; empty for every address of the machine.
    pub host: String,
    /// 0 where any free port will do.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// One listener that clients may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals.
    pub name: String,
    /// Where to listen.
    pub bind: Endpoint,
    /// How bytes travel on it.
    pub protocol: SecurityProtocol,
    /// What clients are told; `None` where `advertised.listeners` is not set: they are then told
    /// the address that they came to.
    pub advertised: Option<Endpoint>,
}

impl Listener {
    /// What the names of its own settings begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("listener.name.{}.", self.name.to_lowercase())
    }

    /// Whether a setting is one of its own, and does something.
    #[must_use]
    pub fn goes_by(&self, name: &str) -> bool {
        let Some(setting) = name.strip_prefix(&self.prefix()) else { return false };
        let is_sasl = self.protocol == SecurityProtocol::SaslPlaintext;
        setting == "max.connection.creation.rate" || is_sasl && sasl::works(setting)
    }
}

/// Where health and metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminListener {
    /// Where to listen.
    pub bind: Endpoint,
    /// Whether someone asked for this address; else it may be taken.
    pub is_chosen: bool,
}

struct Named {
    name: String,
    endpoint: Endpoint,
}

/// The client listeners of a node that is broker and controller at once, in the order given.
/// Controller listeners are checked like the others and left out (`KafkaConfig.validateValues`,
/// `SocketServerConfigs.listenerListToEndPoints`).
///
/// # Errors
/// What Kafka refuses, in its words, and any protocol with TLS on a client listener.
pub(super) fn parse(configs: &BrokerConfigs) -> Result<Vec<Listener>, ConfigError> {
    let listeners = named(configs)?;
    sasl::check_all(configs, sasl::listeners(&listeners))?;
    Ok(listeners)
}

/// The same, whatever is asked of their clients.
pub(super) fn named(configs: &BrokerConfigs) -> Result<Vec<Listener>, ConfigError> {
    let text = |name| configs.value(name).unwrap_or_default();
    let controllers: Vec<String> =
        split_list(text("controller.listener.names")).iter().map(|n| n.to_uppercase()).collect();
    let bound = endpoints("listeners", text("listeners"))?;
    distinct_ports("listeners", text("listeners"), &bound)?;
    let advertised = match configs.set("advertised.listeners") {
        Some(text) if !text.is_empty() => Some(endpoints("advertised.listeners", text)?),
        _ => None,
    };
    if let Some(advertised) = &advertised {
        check_advertised(text("advertised.listeners"), advertised, &bound, &controllers)?;
    }
    let protocols = protocols(configs, &bound, &controllers)?;
    let mut listeners = Vec::new();
    for Named { name, endpoint } in bound {
        let protocol = protocol_of(&name, &protocols, text("listeners"))?;
        if controllers.contains(&name) {
            continue;
        }
        let protocol = usable(&name, &protocol, text("listeners"))?;
        let told = advertised.iter().flatten().find(|entry| entry.name == name);
        listeners.push(Listener {
            protocol,
            advertised: told.map(|entry| entry.endpoint.clone()),
            bind: endpoint,
            name,
        });
    }
    if listeners.is_empty() {
        return Err(ConfigError::invalid(
            "listeners",
            text("listeners"),
            "There must be at least one listener that is not a controller listener",
        ));
    }
    check_inter_broker(configs, &listeners)?;
    Ok(listeners)
}

fn endpoints(setting: &str, text: &str) -> Result<Vec<Named>, ConfigError> {
    let mut found: Vec<Named> = Vec::new();
    for entry in split_list(text) {
        let named = endpoint(&entry).ok_or_else(|| {
            let reason =
                format!("Unable to parse {entry} to a broker endpoint: expected NAME://host:port");
            ConfigError::invalid(setting, text, reason)
        })?;
        // Kafka allows a name twice where one address is IPv4 and the other IPv6.
        let taken = |other: &Named| {
            other.name == named.name && !families_differ(&other.endpoint, &named.endpoint)
        };
        if found.iter().any(taken) {
            let reason = format!("Each listener must have a different name, {setting}: {text}");
            return Err(ConfigError::invalid(setting, text, reason));
        }
        found.push(named);
    }
    Ok(found)
}

fn endpoint(entry: &str) -> Option<Named> {
    let (name, text) = entry.split_once("://")?;
    let endpoint = address(text)?;
    (!name.is_empty()).then(|| Named { name: name.to_uppercase(), endpoint })
}

/// Reads host:port; the host of an IPv6 address stands in brackets.
pub(super) fn address(text: &str) -> Option<Endpoint> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None => host,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '%' | '.' | '_' | ':');
    if !host.chars().all(allowed) {
        return None;
    }
    Some(Endpoint { host: host.to_owned(), port: port.parse().ok()? })
}

/// Whether one is an IPv4 address and the other an IPv6 address.
fn families_differ(first: &Endpoint, second: &Endpoint) -> bool {
    let address = |endpoint: &Endpoint| endpoint.host.parse::<IpAddr>();
    matches!((address(first), address(second)), (Ok(a), Ok(b)) if a.is_ipv4() != b.is_ipv4())
}

/// Port 0 may stand several times; an IPv4 and an IPv6 address may share a port.
fn distinct_ports(setting: &str, text: &str, bound: &[Named]) -> Result<(), ConfigError> {
    for (at, first) in bound.iter().enumerate() {
        let clashes = |second: &Named| {
            let (first, second) = (&first.endpoint, &second.endpoint);
            first.port == second.port && first.port != 0 && !families_differ(first, second)
        };
        if bound.iter().skip(at + 1).any(clashes) {
            let reason = format!(
                "Each listener must have a different port unless exactly one listener has an IPv4 \
                 address and the other IPv6 address, {setting}: {text}"
            );
            return Err(ConfigError::invalid(setting, text, reason));
        }
    }
    Ok(())
}

fn check_advertised(
    text: &str,
    advertised: &[Named],
    bound: &[Named],
    controllers: &[String],
) -> Result<(), ConfigError> {
    let refuse = |reason: String| Err(ConfigError::invalid("advertised.listeners", text, reason));
    for Named { name, endpoint } in advertised {
        if endpoint.host == "0.0.0.0" || endpoint.host == "::" {
            return refuse(format!(
                "advertised.listeners cannot use the nonroutable meta-address {}. Use a routable \
                 IP address.",
                endpoint.host
            ));
        }
        if controllers.contains(name) {
            return refuse(format!(
                "The advertised.listeners config must not contain KRaft controller listeners from \
                 controller.listener.names: {name}"
            ));
        }
        if !bound.iter().any(|listener| listener.name == *name) {
            let names: Vec<&str> = bound.iter().map(|listener| listener.name.as_str()).collect();
            return refuse(format!(
                "advertised.listeners listener names must be equal to or a subset of the ones \
                 defined in listeners. Found {name}. The valid options based on the current \
                 configuration are {}",
                names.join(",")
            ));
        }
    }
    Ok(())
}

/// Listener name to protocol. Without a map of its own, a name of a controller listener stands for
/// PLAINTEXT unless any listener speaks of SSL or SASL (KIP-631).
fn protocols(
    configs: &BrokerConfigs,
    bound: &[Named],
    controllers: &[String],
) -> Result<BTreeMap<String, String>, ConfigError> {
    const SETTING: &str = "listener.security.protocol.map";
    let text = configs.value(SETTING).unwrap_or_default();
    let mut map = BTreeMap::new();
    for entry in split_list(text) {
        let Some((name, protocol)) = entry.rsplit_once(':') else {
            return Err(ConfigError::invalid(SETTING, text, "expected NAME:PROTOCOL pairs"));
        };
        let (name, protocol) = (name.trim().to_uppercase(), protocol.trim().to_uppercase());
        if !PROTOCOLS.contains(&protocol.as_str()) {
            let reason = format!("No security protocol is named {protocol}");
            return Err(ConfigError::invalid(SETTING, text, reason));
        }
        map.insert(name, protocol);
    }
    let secured = |name: &str| matches!(name, "SSL" | "SASL_SSL" | "SASL_PLAINTEXT");
    let plain = !controllers.iter().any(|name| secured(name))
        && !bound.iter().any(|listener| secured(&listener.name));
    if configs.set(SETTING).is_none() && plain {
        for name in controllers {
            map.entry(name.clone()).or_insert_with(|| "PLAINTEXT".to_owned());
        }
    }
    Ok(map)
}

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

fn protocol_of(
    name: &str,
    protocols: &BTreeMap<String, String>,
    text: &str,
) -> Result<String, ConfigError> {
    protocols.get(name).cloned().ok_or_else(|| {
        let reason = format!(
            "No security protocol defined for listener {name}; add {name}:PLAINTEXT to \
             listener.security.protocol.map"
        );
        ConfigError::invalid("listeners", text, reason)
    })
}

fn usable(name: &str, protocol: &str, text: &str) -> Result<SecurityProtocol, ConfigError> {
    match protocol {
        "PLAINTEXT" => Ok(SecurityProtocol::Plaintext),
        "SASL_PLAINTEXT" => Ok(SecurityProtocol::SaslPlaintext),
        _ => {
            let reason = format!(
                "listener {name} asks for {protocol}, and only PLAINTEXT and SASL_PLAINTEXT are \
                 served"
            );
            Err(ConfigError::invalid("listeners", text, reason))
        }
    }
}

fn check_inter_broker(configs: &BrokerConfigs, listeners: &[Listener]) -> Result<(), ConfigError> {
    const SETTING: &str = "inter.broker.listener.name";
    let Some(name) = configs.set(SETTING) else { return Ok(()) };
    if configs.set("security.inter.broker.protocol").is_some() {
        return Err(ConfigError::Conflict(
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be \
             set."
                .to_owned(),
        ));
    }
    let wanted = name.to_uppercase();
    let some_told = listeners.iter().any(|listener| listener.advertised.is_some());
    let found =
        listeners.iter().any(|l| l.name == wanted && (l.advertised.is_some() || !some_told));
    if found {
        return Ok(());
    }
    let reason = "inter.broker.listener.name must be a listener name defined in \
                  advertised.listeners";
    Err(ConfigError::invalid(SETTING, name, reason))
}
