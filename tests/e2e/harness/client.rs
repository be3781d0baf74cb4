//! One connection that speaks the protocol by hand, for what client libraries do not ask.

use std::io::{Read, Write};
use std::net::TcpStream;

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
        let socket = TcpStream::connect(broker.address()).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Self { socket, client_id, asked: 0 }
    }

    pub(crate) fn send<Q: Request>(&mut self, version: i16, request: &Q) {
        self.asked += 1;
        let mut frame = BytesMut::from(&[0_u8; 4][..]);
        RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.asked)
            .with_client_id(Some(text(self.client_id)))
            .encode(&mut frame, Q::header_version(version))
            .expect("a header");
        request.encode(&mut frame, version).expect("a request");
        let size = u32::try_from(frame.len() - 4).expect("a small frame").to_be_bytes();
        frame[..4].copy_from_slice(&size);
        self.socket.write_all(&frame).expect("the request is sent");
    }

    pub(crate) fn receive<Q: Request>(&mut self, version: i16) -> Q::Response {
        let mut size = [0; 4];
        self.socket.read_exact(&mut size).expect("an answer");
        let size = usize::try_from(u32::from_be_bytes(size)).expect("a size");
        let mut frame = vec![0; size];
        self.socket.read_exact(&mut frame).expect("a whole answer");
        let mut frame = Bytes::from(frame);
        let head = ResponseHeader::decode(&mut frame, Q::Response::header_version(version));
        assert_eq!(head.expect("a header").correlation_id, self.asked);
        Q::Response::decode(&mut frame, version).expect("an answer of its kind")
    }

    pub(crate) fn ask<Q: Request>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.send(version, request);
        self.receive::<Q>(version)
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
