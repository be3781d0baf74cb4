//! What goes wrong in a tool, in Kafka's words: scripts look for names of its exceptions.

use std::fmt;
use std::io;

use kafka_protocol::ResponseError;

/// Why a tool gives up.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// The command line makes no sense.
    Usage(String),
    /// The command line asks for what cannot be; Kafka's IllegalArgumentException.
    Argument(String),
    /// A broker refused, by its code and its own words.
    Refused { code: i16, message: String },
    /// A broker does not serve what the command needs.
    Unsupported { api: String, broker: String },
    /// No broker can be reached, or none answers in time.
    Unreachable(String),
    /// A broker's answer cannot be understood.
    Protocol(String),
    /// A local file cannot be read or written.
    File(String),
    /// Nobody takes the output.
    Output(io::Error),
}

impl ToolError {
    /// A refusal in the broker's words, or in the usual ones for its code.
    pub(crate) fn refused(code: i16, message: Option<&str>) -> Self {
        let message = match message {
            Some(message) if !message.is_empty() => message.to_owned(),
            Some(_) | None => message_of(code),
        };
        Self::Refused { code, message }
    }

    /// `Ok` for code 0.
    pub(crate) fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self::refused(code, message)) }
    }

    /// The exception that Kafka's tool would name.
    pub(crate) fn class(&self) -> String {
        match self {
            Self::Usage(_) => "joptsimple.OptionException".to_owned(),
            Self::Argument(_) => "java.lang.IllegalArgumentException".to_owned(),
            Self::Refused { code, .. } => in_errors(&class_of(*code)),
            Self::Unsupported { .. } => in_errors("UnsupportedVersionException"),
            Self::Unreachable(_) => in_errors("TimeoutException"),
            Self::Protocol(_) => "org.apache.kafka.common.KafkaException".to_owned(),
            Self::File(_) | Self::Output(_) => "java.io.IOException".to_owned(),
        }
    }

    /// The broker's code, where it was a broker that refused.
    pub(crate) const fn code(&self) -> Option<i16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Usage(_)
            | Self::Argument(_)
            | Self::Unsupported { .. }
            | Self::Unreachable(_)
            | Self::Protocol(_)
            | Self::File(_)
            | Self::Output(_) => None,
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text)
            | Self::Argument(text)
            | Self::Unreachable(text)
            | Self::Protocol(text)
            | Self::File(text) => f.write_str(text),
            Self::Refused { message, .. } => f.write_str(message),
            Self::Unsupported { api, broker } => {
                write!(f, "The broker at {broker} does not support {api}")
            }
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl std::error::Error for ToolError {}

impl From<io::Error> for ToolError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn in_errors(class: &str) -> String {
    format!("org.apache.kafka.common.errors.{class}")
}

/// Codes whose exception is not called as the code is.
const CLASSES: &[(i16, &str)] = &[
    (-1, "UnknownServerException"),
    (7, "TimeoutException"),
    (10, "RecordTooLargeException"),
    (13, "NetworkException"),
    (14, "CoordinatorLoadInProgressException"),
    (17, "InvalidTopicException"),
    (18, "RecordBatchTooLargeException"),
    (36, "TopicExistsException"),
    (39, "InvalidReplicaAssignmentException"),
    (40, "InvalidConfigurationException"),
    (55, "OperationNotAttemptedException"),
    (58, "SaslAuthenticationException"),
    (68, "GroupNotEmptyException"),
    (69, "GroupIdNotFoundException"),
    (86, "GroupSubscribedToTopicException"),
];

/// Kafka's name of the exception for a code.
pub(crate) fn class_of(code: i16) -> String {
    let special = CLASSES.iter().find(|(listed, _)| *listed == code);
    match (special, ResponseError::try_from_code(code)) {
        (Some((_, class)), _) => (*class).to_owned(),
        (None, Some(error)) => format!("{error:?}Exception"),
        (None, None) => "UnknownServerException".to_owned(),
    }
}

/// What Kafka says of a code when nobody said more.
const MESSAGES: &[(i16, &str)] = &[
    (1, "The requested offset is not within the range of offsets maintained by the server."),
    (3, "This server does not host this topic-partition."),
    (
        5,
        "There is no leader for this topic-partition as we are in the middle of a leadership election.",
    ),
    (7, "The request timed out."),
    (10, "The request included a message larger than the max message size the server will accept."),
    (14, "The coordinator is loading and hence can't process requests."),
    (15, "The coordinator is not available."),
    (16, "This is not the correct coordinator."),
    (17, "The request attempted to perform an operation on an invalid topic."),
    (22, "Specified group generation id is not valid."),
    (23, "The group member's supported protocols are incompatible with those of existing members."),
    (25, "The coordinator is not aware of this member."),
    (27, "The group is rebalancing, so a rejoin is needed."),
    (29, "Not authorized to access topics."),
    (30, "Not authorized to access group."),
    (31, "Cluster authorization failed."),
    (36, "Topic with this name already exists."),
    (37, "Number of partitions is below 1."),
    (38, "Replication factor is below 1 or larger than the number of available brokers."),
    (39, "Replica assignment is invalid."),
    (40, "Configuration is invalid."),
    (
        42,
        "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.",
    ),
    (44, "Request parameters do not satisfy the configured policy."),
    (68, "The group is not empty."),
    (69, "The group id does not exist."),
    (
        86,
        "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.",
    ),
    (87, "This record has failed the validation on the broker and hence will be rejected."),
];

/// The usual words for a code.
pub(crate) fn message_of(code: i16) -> String {
    let usual = MESSAGES.iter().find(|(listed, _)| *listed == code);
    match (usual, ResponseError::try_from_code(code)) {
        (Some((_, message)), _) => (*message).to_owned(),
        (None, Some(error)) => format!("{error} (error code {code})."),
        (None, None) => format!("Error code {code}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_have_the_names_that_scripts_look_for() {
        let names = [
            (36, "TopicExistsException"),
            (38, "InvalidReplicationFactorException"),
            (17, "InvalidTopicException"),
            (40, "InvalidConfigurationException"),
            (37, "InvalidPartitionsException"),
            (3, "UnknownTopicOrPartitionException"),
        ];
        for (code, name) in names {
            let class = ToolError::refused(code, None).class();
            assert_eq!(class, format!("org.apache.kafka.common.errors.{name}"));
        }
    }

    #[test]
    fn the_brokers_words_come_before_the_usual_ones() {
        assert_eq!(
            ToolError::refused(36, Some("Topic 'a' exists")).to_string(),
            "Topic 'a' exists"
        );
        assert_eq!(
            ToolError::refused(36, Some("")).to_string(),
            "Topic with this name already exists."
        );
        assert!(ToolError::check(0, Some("no matter")).is_ok());
    }
}
