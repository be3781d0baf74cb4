//! One socket to one broker: a request goes out, its answer comes back.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{
    Decodable as _, Encodable as _, HeaderVersion as _, Request, StrBytes,
};

use ottla_actors::types::SaslLogin;

use super::{ClientOptions, login, text};
use crate::tools::problem::ToolError;

/// Largest answer that is read; a broker's fetch answers stay below half of it.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// UNSUPPORTED_VERSION: the answer to an ApiVersions request that is too new for its broker.
const UNSUPPORTED_VERSION: i16 = 35;

/// One connection, with what its broker serves.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    client_id: StrBytes,
    correlation_id: i32,
    timeout: Duration,
    versions: BTreeMap<i16, (i16, i16)>,
    login: Option<SaslLogin>,
    /// When it has to say again who it is.
    log_in_at: Option<Instant>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The name means nothing; waiting will not help.
    Unresolvable(String),
    /// Nobody answers there yet.
    Refused(String),
    /// Somebody answers, but not as a broker does.
    Talk(ToolError),
}

impl Connection {
    /// Connects to `host:port` and asks what is served there.
    pub(crate) fn open(address: &str, options: &ClientOptions) -> Result<Self, ConnectError> {
        let places = address.to_socket_addrs().map_err(|error| {
            ConnectError::Unresolvable(format!("cannot resolve {address}: {error}"))
        })?;
        let mut refused = ConnectError::Unresolvable(format!("{address} has no address"));
        for place in places {
            match TcpStream::connect_timeout(&place, options.timeout) {
                Ok(stream) => return Self::greet(stream, address, options),
                Err(error) => {
                    refused =
                        ConnectError::Refused(format!("cannot connect to {address}: {error}"));
                }
            }
        }
        Err(refused)
    }

    fn greet(
        stream: TcpStream,
        address: &str,
        options: &ClientOptions,
    ) -> Result<Self, ConnectError> {
        let mut connection = Self {
            stream,
            address: address.to_owned(),
            client_id: text(&options.client_id),
            correlation_id: 0,
            timeout: options.timeout,
            versions: BTreeMap::new(),
            login: options.login.clone(),
            log_in_at: None,
        };
        // Small requests wait for nothing; a socket that cannot be told so works all the same.
        connection.stream.set_nodelay(true).unwrap_or_default();
        connection.negotiate().map_err(ConnectError::Talk)?;
        connection.log_in().map_err(ConnectError::Talk)?;
        Ok(connection)
    }

    fn log_in(&mut self) -> Result<(), ToolError> {
        if let Some(login) = self.login.clone() {
            self.log_in_at = login::log_in(self, &login)?;
        }
        Ok(())
    }

    /// Before a request: a broker ends connections whose time is over.
    fn log_in_again(&mut self) -> Result<(), ToolError> {
        if self.log_in_at.is_some_and(|at| at <= Instant::now()) { self.log_in() } else { Ok(()) }
    }

    fn negotiate(&mut self) -> Result<(), ToolError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("ottla"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut body = self.exchange(3, &request, self.timeout)?;
        let mut version = 3;
        if body.first_chunk() == Some(&UNSUPPORTED_VERSION.to_be_bytes()) {
            version = 0;
            body = self.exchange(0, &ApiVersionsRequest::default(), self.timeout)?;
        }
        let answer = ApiVersionsResponse::decode(&mut body, version)
            .map_err(|error| self.misunderstood("ApiVersions", &error.to_string()))?;
        ToolError::check(answer.error_code, None)?;
        let range = |api: &kafka_protocol::messages::api_versions_response::ApiVersion| {
            (api.api_key, (api.min_version, api.max_version))
        };
        self.versions = answer.api_keys.iter().map(range).collect();
        Ok(())
    }

    /// What the broker serves: versions by key.
    pub(crate) const fn versions(&self) -> &BTreeMap<i16, (i16, i16)> {
        &self.versions
    }

    /// `host:port` as it was connected to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The newest version of `R`, up to `newest`, that both sides know.
    pub(crate) fn version_of<R: Request>(&self, newest: i16) -> Result<i16, ToolError> {
        let unsupported = |detail: String| ToolError::Unsupported {
            api: format!("{}{detail}", api_name(R::KEY)),
            broker: self.address.clone(),
        };
        let Some((min, max)) = self.versions.get(&R::KEY).copied() else {
            return Err(unsupported(format!(" (API key {})", R::KEY)));
        };
        let (low, high) = (min.max(R::VERSIONS.min), max.min(R::VERSIONS.max).min(newest));
        if low > high {
            let detail = format!(" in versions {} to {newest}", R::VERSIONS.min);
            return Err(unsupported(detail));
        }
        Ok(high)
    }

    /// Sends `request` and waits for its answer, `wait` longer than usual where the broker may hold it.
    pub(crate) fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        wait: Duration,
    ) -> Result<R::Response, ToolError> {
        self.log_in_again()?;
        let timeout = self.timeout.saturating_add(wait);
        self.talk_within(version, request, timeout)
    }

    /// The same before it is known who this is.
    pub(super) fn talk<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ToolError> {
        self.talk_within(version, request, self.timeout)
    }

    fn talk_within<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, ToolError> {
        let mut body = self.exchange(version, request, timeout)?;
        R::Response::decode(&mut body, version)
            .map_err(|error| self.misunderstood(&api_name(R::KEY), &error.to_string()))
    }

    /// Sends a request that has no answer: Produce with `acks=0`.
    pub(crate) fn tell<R: Request>(&mut self, version: i16, request: &R) -> Result<(), ToolError> {
        self.log_in_again()?;
        let frame = self.frame(version, request)?;
        self.stream.write_all(&frame).map_err(|error| self.broken(&error))
    }

    fn exchange<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        timeout: Duration,
    ) -> Result<Bytes, ToolError> {
        let frame = self.frame(version, request)?;
        let ready = self
            .stream
            .set_read_timeout(Some(timeout))
            .and_then(|()| self.stream.set_write_timeout(Some(timeout)))
            .and_then(|()| self.stream.write_all(&frame));
        ready.map_err(|error| self.broken(&error))?;
        let mut answer = self.read_frame().map_err(|error| self.broken(&error))?;
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
            .map_err(|error| self.misunderstood(&api_name(R::KEY), &error.to_string()))?;
        if header.correlation_id != self.correlation_id {
            return Err(self.misunderstood(&api_name(R::KEY), "it belongs to another request"));
        }
        Ok(answer)
    }

    fn frame<R: Request>(&mut self, version: i16, request: &R) -> Result<BytesMut, ToolError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(self.client_id.clone()));
        let mut frame = BytesMut::zeroed(4);
        header
            .encode(&mut frame, R::header_version(version))
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|error| {
                let api = api_name(R::KEY);
                ToolError::Protocol(format!("{api} v{version} cannot be written: {error}"))
            })?;
        let size = u32::try_from(frame.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(place) = frame.first_chunk_mut() {
            *place = size.to_be_bytes();
        }
        Ok(frame)
    }

    fn read_frame(&mut self) -> io::Result<Bytes> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        if size > ANSWER_BYTES_MAX {
            return Err(io::Error::other(format!("an answer of {size} bytes, this is no broker")));
        }
        // By what arrives, not by what is announced.
        let mut answer = Vec::new();
        let wanted = u64::try_from(size).unwrap_or(u64::MAX);
        (&mut self.stream).take(wanted).read_to_end(&mut answer)?;
        if answer.len() < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.into())
    }

    fn broken(&self, error: &io::Error) -> ToolError {
        let address = &self.address;
        let kind = error.kind();
        ToolError::Unreachable(
            if matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                format!("{address} did not answer within {} ms", self.timeout.as_millis())
            } else if kind == io::ErrorKind::UnexpectedEof {
                format!("{address} closed the connection")
            } else {
                format!("connection to {address}: {error}")
            },
        )
    }

    fn misunderstood(&self, api: &str, why: &str) -> ToolError {
        ToolError::Protocol(format!("{}: the answer to {api} cannot be read: {why}", self.address))
    }
}

/// Kafka's name of an API.
fn api_name(key: i16) -> String {
    ApiKey::try_from(key).map_or_else(|()| format!("API key {key}"), |api| format!("{api:?}"))
}
