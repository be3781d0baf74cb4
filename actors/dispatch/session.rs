//! What one connection remembers between its requests.

use super::fetch_read::Cursors;
use super::fetch_session::FetchSessions;
use crate::quota::ClientQuotas;
use crate::types::KafkaPrincipal;
use std::net::SocketAddr;

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

/// State of one connection, apart from its socket.
#[derive(Debug)]
pub struct Session {
    advertised: Advertised,
    local: SocketAddr,
    peer: SocketAddr,
    /// Who the client is.
    pub(super) principal: KafkaPrincipal,
    pub(super) fetch_sessions: FetchSessions,
    pub(super) cursors: Cursors,
    pub(super) quotas: ClientQuotas,
}

impl Session {
    /// A session of a client at `peer` that connected to `local`.
    #[must_use]
    pub fn new(advertised: Advertised, local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            advertised,
            local,
            peer,
            principal: KafkaPrincipal::anonymous(),
            fetch_sessions: FetchSessions::default(),
            cursors: Cursors::default(),
            quotas: ClientQuotas::default(),
        }
    }

    /// A session of the same client that remembers nothing.
    #[must_use]
    pub fn without_state(&self) -> Self {
        let principal = self.principal.clone();
        Self { principal, ..Self::new(self.advertised.clone(), self.local, self.peer) }
    }

    pub(super) fn advertised(&self) -> (String, i32) {
        match &self.advertised {
            Advertised::Configured { host, port } => (host.clone(), i32::from(*port)),
            Advertised::AsConnected => {
                (self.local.ip().to_canonical().to_string(), i32::from(self.local.port()))
            }
        }
    }

    /// The client's address, for logs and for DescribeGroups.
    #[must_use]
    pub fn client_host(&self) -> String {
        self.peer.ip().to_canonical().to_string()
    }

    /// Who the client is: anonymous unless it had to say so, and has.
    #[must_use]
    pub const fn principal(&self) -> &KafkaPrincipal {
        &self.principal
    }
}
