//! Requests that are small and about very many things.

use super::{Broker, Session};
use crate::wire::RequestHead;
use bytes::Bytes;
use kafka_protocol::messages::ApiKey;

/// Topics, or partitions of a fetch session, that take a while.
const MANY: usize = 500;

/// Whether a request, given its frame without the size, is about very many things that it does not
/// name: all topics, or a fetch session's partitions.
#[must_use]
pub fn is_broad(broker: &Broker, session: &Session, frame: &Bytes) -> bool {
    match RequestHead::peek(frame) {
        Some((key, ..)) if key == ApiKey::Fetch as i16 => {
            session.fetch_sessions.partitions() >= MANY
        }
        Some((key, version, _)) if key == ApiKey::Metadata as i16 => {
            broker.registry.image().topics.len() >= MANY && is_of_all_topics(version, frame)
        }
        _ => false,
    }
}

/// Metadata of all topics: a null list, which stands first; in version 0 an empty one.
fn is_of_all_topics(version: i16, frame: &Bytes) -> bool {
    let Ok((_, body)) = RequestHead::parse(frame.clone()) else { return false };
    match version {
        0 => body.starts_with(&[0; 4]),
        1..=8 => body.starts_with(&[0xFF; 4]),
        _ => body.first() == Some(&0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
    use kafka_protocol::messages::{MetadataRequest, RequestHeader};
    use kafka_protocol::protocol::{Encodable, HeaderVersion};

    fn frame(version: i16, topics: Option<Vec<MetadataRequestTopic>>) -> Bytes {
        let mut frame = bytes::BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(ApiKey::Metadata as i16)
            .with_request_api_version(version)
            .encode(&mut frame, MetadataRequest::header_version(version))
            .unwrap();
        let request = MetadataRequest::default().with_topics(topics);
        request.encode(&mut frame, version).unwrap();
        frame.freeze()
    }

    #[test]
    fn a_request_for_all_topics_is_told_from_others_in_every_version() {
        for version in 0..=13 {
            let all = if version == 0 { Some(Vec::new()) } else { None };
            let one = vec![
                MetadataRequestTopic::default()
                    .with_name(Some(kafka_protocol::messages::TopicName("a".to_owned().into()))),
            ];

            assert!(is_of_all_topics(version, &frame(version, all)), "version {version}");
            assert!(!is_of_all_topics(version, &frame(version, Some(one))), "version {version}");
            if version > 0 {
                let none = frame(version, Some(Vec::new()));
                assert!(!is_of_all_topics(version, &none), "version {version}");
            }
        }
    }
}
