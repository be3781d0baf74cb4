//! Heads of requests, limits of frames and answers with their size.

use super::*;
use bytes::BufMut;
use kafka_protocol::messages::{ApiVersionsResponse, HeartbeatResponse, RequestHeader};

fn heartbeat(header_version: i16, client_id: Option<&'static str>) -> BytesMut {
    let api_version = if header_version == 2 { 4 } else { 3 };
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(12)
        .with_request_api_version(api_version)
        .with_correlation_id(-9)
        .with_client_id(client_id.map(StrBytes::from_static_str))
        .with_unknown_tagged_fields(if header_version == 2 {
            [(3, Bytes::from_static(b"tag"))].into()
        } else {
            Default::default()
        })
        .encode(&mut frame, header_version)
        .unwrap();
    frame.put_slice(b"body");
    frame
}

#[test]
fn heads_of_both_kinds_leave_the_body_behind_them() {
    for (header_version, client_id) in [(1, Some("me")), (1, None), (2, Some("")), (2, None)] {
        let frame = heartbeat(header_version, client_id).freeze();

        let (head, body) = RequestHead::parse(frame).unwrap();

        let version = if header_version == 2 { 4 } else { 3 };
        assert_eq!((head.api_key, head.api_version, head.correlation_id), (12, version, -9));
        assert_eq!(head.client_id.as_deref(), client_id);
        assert_eq!(body, b"body"[..]);
    }
}

#[test]
fn a_head_that_ends_early_is_refused_wherever_it_ends() {
    for header_version in [1, 2] {
        let frame = heartbeat(header_version, Some("client")).freeze();
        let head_bytes = frame.len() - 4;
        for end in 0..head_bytes {
            assert!(RequestHead::parse(frame.slice(..end)).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn the_first_eight_bytes_tell_key_version_and_correlation_id() {
    let frame = heartbeat(2, Some("client"));

    assert_eq!(RequestHead::peek(&frame[..7]), None);
    assert_eq!(RequestHead::peek(&frame[..8]), Some((12, 4, -9)));
}

#[test]
fn an_unknown_key_still_names_its_sender() {
    let frame = Bytes::from_static(b"\x03\xe7\0\0\0\0\0\x01\0\x02me");

    let (head, _) = RequestHead::parse(frame).unwrap();

    assert_eq!((head.api_key, head.client_id.as_deref()), (999, Some("me")));
}

#[test]
fn an_unknown_version_of_api_versions_needs_the_tagged_fields_of_its_header() {
    let whole = Bytes::from_static(b"\0\x12\0\x63\0\0\0\x01\xff\xff\0");

    assert!(RequestHead::parse(whole.slice(..10)).is_err());
    assert!(RequestHead::parse(whole).is_ok());
}

#[test]
fn odd_client_ids_are_refused() {
    let negative = Bytes::from_static(b"\0\x03\0\x01\0\0\0\x01\xff\xfe");
    let too_long = Bytes::from_static(b"\0\x03\0\x01\0\0\0\x01\x7f\xffx");
    let not_utf8 = Bytes::from_static(b"\0\x03\0\x01\0\0\0\x01\0\x01\xff");

    assert_eq!(RequestHead::parse(negative), Err(FrameError::ClientIdLength(-2)));
    assert_eq!(RequestHead::parse(too_long), Err(FrameError::Short));
    assert_eq!(RequestHead::parse(not_utf8), Err(FrameError::ClientIdText));
}

#[test]
fn a_head_of_endless_tagged_fields_is_refused() {
    let frame = Bytes::from_static(b"\0\x0c\0\x04\0\0\0\x01\xff\xff\xff\xff\xff\xff\x0f\0\0");

    assert!(matches!(RequestHead::parse(frame), Err(FrameError::TaggedFields(_))));
}

#[test]
fn an_answer_has_its_size_in_front_and_the_header_of_its_version() {
    let response = HeartbeatResponse::default().with_error_code(27);

    let v3 = encode_response(5, 3, &response).unwrap();
    let v4 = encode_response(5, 4, &response).unwrap();

    assert_eq!(v3, b"\0\0\0\x0a\0\0\0\x05\0\0\0\0\0\x1b"[..]);
    assert_eq!(v4, b"\0\0\0\x0c\0\0\0\x05\0\0\0\0\0\0\x1b\0"[..]);
}

#[test]
fn an_api_versions_answer_never_has_tagged_fields_in_its_header() {
    let response = ApiVersionsResponse::default().with_error_code(35);

    let v3 = encode_response(5, 3, &response).unwrap();

    assert_eq!(v3[..10], b"\0\0\0\x0c\0\0\0\x05\0\x23"[..]);
}

#[test]
fn a_field_that_its_version_lacks_is_an_error() {
    let response = kafka_protocol::messages::FetchResponse::default().with_session_id(7);

    assert!(encode_response(1, 6, &response).is_err());
}

#[test]
fn frames_are_limited_by_their_api_and_before_authentication() {
    const SETTING: usize = 100 * 1024 * 1024;

    assert_eq!(frame_bytes_max(0, SETTING), SETTING);
    assert_eq!(frame_bytes_max(3, SETTING), FRAME_BYTES_LISTS);
    assert_eq!(frame_bytes_max(12, SETTING), FRAME_BYTES_SMALL);
    assert_eq!(frame_bytes_max(999, SETTING), FRAME_BYTES_SMALL);
    assert_eq!(frame_bytes_max(0, 1000), 1000);
    assert_eq!(frame_bytes_max(3, 1000), 1000);
}
