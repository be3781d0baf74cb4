//! The controller: topics, configs, quotas, users, producer ids and broker starts, as the fold of
//! one log.
//!
//! Owns the metadata log ([`LogId::METADATA`](crate::types::LogId::METADATA)). Promises: a request
//! is decided against everything decided before it; its records are one batch, so it happens whole
//! or not at all; nobody hears an answer, and nobody sees the new image, before that batch is
//! durable. What is decided is records, never commands, so that the same replay can be fed by a
//! quorum later.
//!
//! The way of a request: [`ControllerHandle`] → `actor` (mailbox) → `machine` (`topics`, `configs`,
//! `quotas`, `scram` decide) → records → log → replay → flushed → [`Publisher`] → answer.
//!
//! Deliberately absent: disks (the log is handed in), the image that everyone reads (its owner is
//! told what changed), wire formats, clocks, random numbers.

mod actor;
mod configs;
mod error;
mod features;
mod handle;
mod internal;
mod machine;
mod metadata_log;
mod mutations;
mod placement;
mod ports;
mod publish;
mod quota_error;
mod quotas;
mod reassignments;
mod records;
mod report;
mod request;
mod rules;
mod scram;
mod scram_record;
mod settings_rules;
mod state;
mod topics;

#[cfg(test)]
mod actor_test;
#[cfg(test)]
mod configs_test;
#[cfg(test)]
mod machine_test;
#[cfg(test)]
mod quotas_test;
#[cfg(test)]
mod records_test;
#[cfg(test)]
mod scram_test;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod topics_test;

pub use actor::ControllerActor;
pub use error::{ConfigError, ControllerError, FeatureError, FeatureFault, PlacementError};
pub use features::{FEATURES, Feature};
pub use handle::{ControllerHandle, LogPosition, Pending, fresh_topic_id};
pub use internal::internal_topic;
pub use machine::{ControllerMachine, ControllerSettings, PRODUCER_ID_BLOCK};
pub use metadata_log::MetadataLog;
pub use ports::{ControllerParts, LogReport, Publisher, RecordLog, RecordLogError};
pub use publish::{RegistryPublisher, TopicWatcher};
pub use quota_error::QuotaError;
pub use records::{
    BrokerRecord, ConfigRecord, FeatureRecord, PartitionRecord, ProducerIdsRecord, QuotaRecord,
    Record, RecordError, RemoveTopicRecord, TopicRecord, decode_batch, encode_batch,
};
pub use request::{
    AlterConfigs, AlterQuotas, AlterScram, Answer, AskedEntity, ConfigChange, ConfigOperation,
    ConfigsAltered, CreatePartitions, CreateTopics, Declared, DeleteTopics, FeatureUpdate,
    MorePartitions, NewTopic, ProducerIdBlock, QuotaAlteration, QuotaComponent, QuotaFilter,
    Reassignment, Request, Requester, ResourceAlteration, ScramAltered, ScramDeletion,
    ScramUpsertion, StartBroker, Started, TopicCreated, TopicDeleted, TopicRef, UpdateFeatures,
};
pub use rules::{ConfigResource, ConfigRules, ResourceKind};
pub use scram::ScramError;
pub use scram_record::ScramRecord;
pub use settings_rules::SettingsRules;
pub use state::{BrokerState, Change, ClusterState, ImageDelta, PartitionState, TopicState};
