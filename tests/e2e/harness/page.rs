//! The page of health and metrics, as a scraper reads it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::{Broker, PATIENCE, free_port};

/// A broker with a page of its own, and where that is.
pub(crate) fn broker_with_page(settings: &[&str]) -> (Broker, SocketAddr) {
    let page = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let listener = format!("ottla.admin.listener={page}");
    let settings = [settings, &[listener.as_str()]].concat();
    (Broker::start(&settings), page)
}

/// Status and body of an answer; none where nobody listens.
pub(crate) fn get(page: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(page).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!is_chunked, "the answer would have to be put together:\n{head}");
    Some((status, String::from(body)))
}

/// The samples of the page: name and labels as written, and value.
pub(crate) fn samples(page: SocketAddr) -> BTreeMap<String, f64> {
    let (status, body) = get(page, "/metrics").expect("an answer");
    assert_eq!(status, 200, "{body}");
    assert!(body.ends_with("# EOF\n"), "the page ends early:\n{body}");
    let mut samples = BTreeMap::new();
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(String::from(name), value).is_none(), "twice: {name}");
    }
    samples
}

pub(crate) fn value(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    *samples.get(name).unwrap_or_else(|| panic!("{name} is not among {samples:#?}"))
}
