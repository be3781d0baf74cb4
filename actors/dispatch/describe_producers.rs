//! DescribeProducers (key 61), version 0.
//!
//! Tells which producers a partition remembers: their epochs, sequences and open transactions.
//! Not done: a partition that is named twice is told of once. Coordinators write no markers yet, so
//! no producer has the epoch of one.

use super::answer::{Answer, Ask};
use super::named::Named;
use super::texts::{NOT_HOSTED, Texts};
use crate::partition::{ActiveProducer, ProduceError};
use crate::registry::MetadataImage;
use crate::types::{ErrorCode, Offset, TopicName};
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId, TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

/// What stands for a sequence or an epoch of a coordinator that is not there.
const NONE: i32 = -1;

/// What a partition's actor answers.
type Told = oneshot::Receiver<Result<Vec<ActiveProducer>, ProduceError>>;

/// A partition that was asked, or why it was not, with Kafka's text.
type Asked = Result<Told, (ErrorCode, Option<StrBytes>)>;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeProducersRequest,
) -> Answer<DescribeProducersResponse> {
    let image = ask.broker.registry.image();
    // An answer about one partition can be long: it is given once, however often it is asked for.
    let mut named = Named::nothing();
    let mut texts = Texts::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let of_topic = named.of(topic.name.clone());
        let name = topic.name.as_str();
        let indexes = topic.partition_indexes.into_iter();
        let partitions: Vec<(i32, Asked)> = indexes
            .filter(|index| of_topic.insert(*index))
            .map(|index| (index, asked(&image, &mut texts, name, index)))
            .collect();
        topics.push((topic.name, partitions));
    }
    Answer::later(join(topics))
}

fn asked(image: &MetadataImage, texts: &mut Texts, topic: &str, index: i32) -> Asked {
    let Some(known) = image.topic(topic) else {
        return Err(match TopicName::parse(topic) {
            Ok(_) => (ErrorCode::UnknownTopicOrPartition, texts.take(|| NOT_HOSTED.to_owned())),
            Err(error) => (ErrorCode::InvalidTopicException, texts.take(|| error.to_string())),
        });
    };
    let Some(partition) = known.partition(index) else {
        return Err((ErrorCode::UnknownTopicOrPartition, None));
    };
    if partition.is_offline() {
        return Err((ErrorCode::KafkaStorageError, None));
    }
    Ok(partition.partition.active_producers())
}

async fn join(topics: Vec<(WireTopicName, Vec<(i32, Asked)>)>) -> DescribeProducersResponse {
    let mut response = DescribeProducersResponse::default();
    for (name, partitions) in topics {
        let mut answers = Vec::with_capacity(partitions.len());
        for (index, asked) in partitions {
            let answer = PartitionResponse::default().with_partition_index(index);
            answers.push(match producers(asked).await {
                Ok(producers) => {
                    answer.with_active_producers(producers.into_iter().map(state).collect())
                }
                Err((error, text)) => answer.with_error_code(error.code()).with_error_message(text),
            });
        }
        response.topics.push(TopicResponse::default().with_name(name).with_partitions(answers));
    }
    response
}

async fn producers(asked: Asked) -> Result<Vec<ActiveProducer>, (ErrorCode, Option<StrBytes>)> {
    // Dropped without an answer: the partition was closed, or begins again.
    let told = asked?.await.unwrap_or(Err(ProduceError::NotLeader));
    told.map_err(|error| (error.code(), None))
}

fn state(producer: ActiveProducer) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.producer_id.0))
        .with_producer_epoch(i32::from(producer.epoch.0))
        .with_last_sequence(producer.last_sequence.unwrap_or(NONE))
        .with_last_timestamp(producer.last_timestamp)
        .with_coordinator_epoch(NONE)
        .with_current_txn_start_offset(producer.open_transaction.map_or(-1, Offset::to_wire))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BrokerConfigs, ProducerEpoch, ProducerId as Id};
    use crate::wire::encode_response;
    use std::sync::Arc;

    fn nothing_there() -> MetadataImage {
        MetadataImage::new(Arc::new(BrokerConfigs::default()))
    }

    #[test]
    fn a_name_that_no_topic_can_have_is_no_unknown_topic() {
        let refused = |topic| asked(&nothing_there(), &mut Texts::new(), topic, 0).err().unwrap();

        let (error, text) = refused("missing");
        assert_eq!(error, ErrorCode::UnknownTopicOrPartition);
        assert_eq!(text.as_deref(), Some(NOT_HOSTED));
        let (error, text) = refused("no/name");
        assert_eq!(error, ErrorCode::InvalidTopicException);
        assert_eq!(
            text.as_deref(),
            Some(
                "Topic name is invalid: 'no/name' contains one or more characters other than ASCII \
                 alphanumerics, '.', '_' and '-'"
            )
        );
    }

    #[test]
    fn what_a_producer_does_not_have_is_minus_one() {
        let producer = ActiveProducer {
            producer_id: Id(5),
            epoch: ProducerEpoch(2),
            last_sequence: None,
            last_timestamp: 77,
            open_transaction: None,
        };

        let told = state(producer);
        let open = state(ActiveProducer { open_transaction: Some(Offset::clamped(9)), ..producer });

        assert_eq!((told.producer_id.0, told.producer_epoch, told.last_timestamp), (5, 2, 77));
        assert_eq!((told.last_sequence, told.coordinator_epoch), (-1, -1));
        assert_eq!((told.current_txn_start_offset, open.current_txn_start_offset), (-1, 9));
    }

    #[actix_rt::test]
    async fn a_partition_that_went_away_is_led_elsewhere() {
        let (reply, gone) = oneshot::channel();
        drop(reply);

        let name = WireTopicName::from(StrBytes::from_static_str("t"));
        let answer = join(vec![(name, vec![(3, Ok(gone))])]).await;

        let told = &answer.topics[0].partitions[0];
        assert_eq!((told.partition_index, told.error_code), (3, 6));
        assert!(encode_response(1, 0, &answer).is_ok());
    }
}
