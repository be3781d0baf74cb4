//! Names of hosts.

use std::net::{IpAddr, SocketAddr};

/// The address of a host, or that a text is; the older kind of address if there are several. `None`
/// if nobody knows it.
pub async fn look_up(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await.ok()?.collect();
    found.iter().find(|at| at.is_ipv4()).or_else(|| found.first()).map(SocketAddr::ip)
}
