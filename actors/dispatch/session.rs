//! What one connection remembers between its requests.

use super::authentication::{Authentication, Frames};
use super::fetch_read::Cursors;
use super::fetch_session::FetchSessions;
use crate::quota::ClientQuotas;
use crate::types::{BrokerSettings, KafkaPrincipal};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// How clients of a listener are told to reach this broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// As configured in `advertised.listeners`.
    Configured {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Nothing is configured: the address that the client itself connected to.
    AsConnected,
}

/// The listener that a client came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// How its clients are told to reach this broker.
    pub advertised: Advertised,
    /// Its name, if its clients have to say who they are.
    pub sasl: Option<Arc<str>>,
}

/// State of one connection, apart from its socket.
#[derive(Debug)]
pub struct Session {
    advertised: Advertised,
    local: SocketAddr,
    peer: SocketAddr,
    /// Who the client is.
    pub(super) principal: KafkaPrincipal,
    /// How far it is with saying so; `None` where it does not have to.
    pub(super) authentication: Option<Box<Authentication>>,
    pub(super) fetch_sessions: FetchSessions,
    pub(super) cursors: Cursors,
    pub(super) quotas: ClientQuotas,
}

impl Session {
    /// A session of a client at `peer` that connected to `local`.
    #[must_use]
    pub fn new(via: Via, local: SocketAddr, peer: SocketAddr, settings: &BrokerSettings) -> Self {
        let bytes_max = settings.sasl_server_max_receive_size;
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let authentication =
            via.sasl.map(|listener| Box::new(Authentication::new(listener, bytes_max)));
        Self {
            advertised: via.advertised,
            local,
            peer,
            principal: KafkaPrincipal::anonymous(),
            authentication,
            fetch_sessions: FetchSessions::default(),
            cursors: Cursors::default(),
            quotas: ClientQuotas::default(),
        }
    }

    /// A session of the same client that remembers nothing.
    #[must_use]
    pub fn without_state(&self) -> Self {
        Self {
            advertised: self.advertised.clone(),
            local: self.local,
            peer: self.peer,
            principal: self.principal.clone(),
            authentication: None,
            fetch_sessions: FetchSessions::default(),
            cursors: Cursors::default(),
            quotas: ClientQuotas::default(),
        }
    }

    pub(super) fn advertised(&self) -> (String, i32) {
        match &self.advertised {
            Advertised::Configured { host, port } => (host.clone(), i32::from(*port)),
            Advertised::AsConnected => {
                (self.local.ip().to_canonical().to_string(), i32::from(self.local.port()))
            }
        }
    }

    /// The client's address, for DescribeGroups.
    #[must_use]
    pub fn client_host(&self) -> String {
        self.peer.ip().to_canonical().to_string()
    }

    /// Who the client is: anonymous unless it had to say so, and has.
    #[must_use]
    pub const fn principal(&self) -> &KafkaPrincipal {
        &self.principal
    }

    /// The client as logs show it.
    #[must_use]
    pub const fn client(&self) -> impl fmt::Display {
        Client(self)
    }

    /// What the next bytes of the connection may be.
    #[must_use]
    pub fn frames(&self) -> Frames {
        self.authentication.as_ref().map_or(Frames::Requests, |client| client.frames())
    }

    /// Why the connection ends once everything before is answered.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.authentication.as_ref()?.refusal()
    }
}

/// A client's address, and who it is if it had to say so.
struct Client<'a>(&'a Session);

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.peer.ip().to_canonical())?;
        if self.0.principal.name() == KafkaPrincipal::ANONYMOUS {
            return Ok(());
        }
        write!(f, " {}", self.0.principal)
    }
}
