//! Asks a broker's page whether it is well, as `ottla health` and a container's health check do.

use ottla_actors::types::AdminListener;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// What is read of an answer at most; a verdict is one line.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Why a broker counts as unwell.
#[derive(Debug)]
pub enum CheckError {
    /// Not `http://host:port/path`.
    Url(String),
    /// Nobody answers.
    Unreachable {
        /// Who was asked.
        url: String,
        /// What the system says.
        error: io::Error,
    },
    /// An answer other than 200.
    Unwell {
        /// The status line.
        status: String,
        /// What it says.
        reason: String,
    },
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}: expected http://host:port/path"),
            Self::Unreachable { url, error } => write!(f, "{url} does not answer: {error}"),
            Self::Unwell { status, reason } if reason.is_empty() => f.write_str(status),
            Self::Unwell { status, reason } => write!(f, "{reason} ({status})"),
        }
    }
}

impl std::error::Error for CheckError {}

/// Where a broker with this listener says whether it serves, as seen from its own machine.
#[must_use]
pub fn url_of(listener: &AdminListener) -> String {
    let mut bind = listener.bind.clone();
    if matches!(bind.host.as_str(), "" | "0.0.0.0") {
        "127.0.0.1".clone_into(&mut bind.host);
    } else if bind.host == "::" {
        "::1".clone_into(&mut bind.host);
    }
    format!("http://{bind}/readyz")
}

/// Whether `url` answers with 200, within `patience`.
///
/// # Errors
/// Why not.
pub fn check(url: &str, patience: Duration) -> Result<(), CheckError> {
    let not_a_url = || CheckError::Url(url.to_owned());
    let rest = url.strip_prefix("http://").ok_or_else(not_a_url)?;
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/readyz"),
    };
    let is_plain = |text: &str| text.chars().all(|letter| letter.is_ascii_graphic());
    if host.rsplit_once(':').is_none() || !is_plain(host) || !is_plain(path) {
        return Err(not_a_url());
    }
    let answer = ask(host, path, Instant::now() + patience)
        .map_err(|error| CheckError::Unreachable { url: url.to_owned(), error })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split_whitespace().nth(1) == Some("200") {
        return Ok(());
    }
    let reason = body.lines().next().unwrap_or_default().to_owned();
    Err(CheckError::Unwell { status: status.to_owned(), reason })
}

fn ask(host: &str, path: &str, deadline: Instant) -> io::Result<String> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(mut socket) => return exchange(&mut socket, host, path, deadline),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn exchange(
    socket: &mut TcpStream,
    host: &str,
    path: &str,
    deadline: Instant,
) -> io::Result<String> {
    socket.set_write_timeout(Some(left(deadline)?))?;
    // In one piece: a peer may answer, and close, as soon as it has read the first line.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    loop {
        // A limit on each read alone would let a slow peer drag it out.
        socket.set_read_timeout(Some(left(deadline)?))?;
        let read = socket.read(&mut part)?;
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        let is_long = u64::try_from(answer.len()).unwrap_or(u64::MAX) >= ANSWER_BYTES_MAX;
        if read == 0 || is_long {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// What is left of the patience.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than any of them takes.
    const PATIENCE: Duration = Duration::from_secs(20);
    use ottla_actors::types::Endpoint;
    use std::net::TcpListener;
    use std::thread;

    /// Answers one request with `answer`, then checks against `path`.
    fn checked(answer: &'static str, path: &str) -> Result<(), CheckError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let read = socket.read(&mut request).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(request.get(..read).unwrap()).into_owned()
        });

        let result = check(&format!("http://{address}{path}"), PATIENCE);

        let request = peer.join().unwrap();
        let asked = if path.is_empty() { "/readyz" } else { path };
        assert!(request.starts_with(&format!("GET {asked} HTTP/1.1\r\n")), "{request}");
        result
    }

    #[test]
    fn a_broker_that_answers_200_is_well() {
        assert!(checked("HTTP/1.1 200 OK\r\n\r\nok\n", "").is_ok());
    }

    #[test]
    fn what_an_unwell_broker_says_is_told() {
        let error =
            checked("HTTP/1.1 503 Service Unavailable\r\n\r\nstarting\n", "/x").unwrap_err();

        assert_eq!(error.to_string(), "starting (HTTP/1.1 503 Service Unavailable)");
    }

    #[test]
    fn a_port_that_nobody_listens_on_is_unwell() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);

        let error = check(&format!("http://{address}"), PATIENCE).unwrap_err();

        assert!(matches!(error, CheckError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn a_peer_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());

        let error = check(&url, Duration::from_millis(50)).unwrap_err();

        assert!(matches!(error, CheckError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn only_http_with_a_port_is_asked() {
        for url in ["127.0.0.1:1", "https://127.0.0.1:1", "http://localhost", "http://a:1/b c"] {
            let error = check(url, PATIENCE).unwrap_err();
            assert!(matches!(error, CheckError::Url(_)), "{url}: {error}");
        }
    }

    #[test]
    fn a_broker_on_every_address_is_asked_on_this_machine() {
        let url = |host: &str| {
            let bind = Endpoint { host: host.to_owned(), port: 9644 };
            url_of(&AdminListener { bind, is_chosen: true })
        };

        let urls = ["", "0.0.0.0", "::", "10.0.0.1"].map(url);

        let expected = ["127.0.0.1", "127.0.0.1", "[::1]", "10.0.0.1"]
            .map(|host| format!("http://{host}:9644/readyz"));
        assert_eq!(urls, expected);
    }
}
