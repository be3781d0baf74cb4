//! One connection that speaks the protocol by hand, for what client libraries do not ask.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use super::{Broker, PATIENCE};

/// One connection of a client.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    client_id: &'static str,
    asked: i32,
}

impl Client {
    pub(crate) fn new(broker: &Broker, client_id: &'static str) -> Self {
        Self { socket: connect(broker.address()), client_id, asked: 0 }
    }

    pub(crate) fn send<Q: Request>(&mut self, version: i16, request: &Q) {
        self.asked += 1;
        let frame = frame_of(Some(self.client_id), self.asked, version, request);
        self.socket.write_all(&frame).expect("the request is sent");
    }

    pub(crate) fn receive<Q: Request>(&mut self, version: i16) -> Q::Response {
        let frame = read_frame(&mut self.socket).expect("an answer");
        let (correlation_id, answer) = answer_of::<Q>(version, frame);
        assert_eq!(correlation_id, self.asked);
        answer
    }

    pub(crate) fn ask<Q: Request>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.send(version, request);
        self.receive::<Q>(version)
    }
}

/// A connection on which nothing takes longer than a test may wait.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    socket.set_write_timeout(Some(PATIENCE)).expect("a time limit");
    socket.set_nodelay(true).expect("an option");
    socket
}

/// A request on the wire, its size in front.
pub(crate) fn frame_of<Q: Request>(
    client_id: Option<&str>,
    correlation_id: i32,
    version: i16,
    request: &Q,
) -> Bytes {
    let mut frame = BytesMut::zeroed(4);
    RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(client_id.map(text))
        .encode(&mut frame, Q::header_version(version))
        .expect("a header");
    request.encode(&mut frame, version).expect("a request");
    sized(&mut frame);
    frame.freeze()
}

/// Writes the size of a frame into its first four bytes.
pub(crate) fn sized(frame: &mut [u8]) {
    let size = u32::try_from(frame.len() - 4).expect("a frame that has a size");
    frame[..4].copy_from_slice(&size.to_be_bytes());
}

/// The next frame that comes, without its size.
pub(crate) fn read_frame(socket: &mut TcpStream) -> io::Result<Bytes> {
    let mut size = [0; 4];
    socket.read_exact(&mut size)?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("a size")];
    socket.read_exact(&mut frame)?;
    Ok(frame.into())
}

/// The answer in a frame, and its correlation id.
pub(crate) fn answer_of<Q: Request>(version: i16, mut frame: Bytes) -> (i32, Q::Response) {
    let header = ResponseHeader::decode(&mut frame, Q::Response::header_version(version));
    let answer = Q::Response::decode(&mut frame, version).expect("an answer of its kind");
    (header.expect("a header").correlation_id, answer)
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
