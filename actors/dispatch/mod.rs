//! One file an API: decode → ask → join → encode; one table of APIs and versions.
//!
//! A request's `start` decodes, checks and sends its messages at once, so that requests of a
//! connection take effect in the order in which they came. What comes back is [`Pending`]: ready,
//! or data that waits for actors' answers; the connection polls its oldest one.
//!
//! Deliberately absent: sockets, order of answers and limits (the connection's), decisions (the
//! machines').

mod alter_client_quotas;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_user_scram_credentials;
mod answer;
mod api_versions;
mod authentication;
mod broad;
mod charge;
mod config_changes;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod error_codes;
mod fetch;
mod fetch_read;
mod fetch_session;
#[cfg(test)]
mod fetch_session_test;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod named;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod placed;
mod produce;
mod sasl_authenticate;
mod sasl_handshake;
mod session;
mod sync_group;
mod table;
mod texts;
mod update_features;

pub use answer::{Answered, Closed, Frame, Pending, Polled};
pub use authentication::Frames;
pub use broad::is_broad;
pub use fetch_session::FetchSessionSlots;
pub use session::{Advertised, Session, Via};
pub use table::{API_TABLE, ApiRow, Kind, key_of, kind_of, start};

use crate::controller::ControllerHandle;
use crate::group::Groups;
use crate::quota::Quotas;
use crate::registry::Registry;
use crate::runtime::{Budget, Clock};
use crate::storage::Storage;
use crate::types::{BrokerSettings, Metrics, MonoTime, NodeId};
use std::sync::Arc;

/// What every request may use: the handles of this broker.
#[derive(Debug)]
pub struct Broker {
    /// This node.
    pub node: NodeId,
    /// The cluster's id, as in `meta.properties`.
    pub cluster_id: String,
    /// Settings as of the start.
    pub settings: Arc<BrokerSettings>,
    /// Topics, partitions, dynamic configs.
    pub registry: Arc<Registry>,
    /// Group coordinators.
    pub groups: Groups,
    /// Client quotas.
    pub quotas: Arc<Quotas>,
    /// Changes to topics and configs go here.
    pub controller: ControllerHandle,
    /// Readers of cold data.
    pub storage: Arc<Storage>,
    /// Memory of answers that are not sent yet (`ottla.queued.max.response.bytes`); single answers
    /// may go beyond. Where little is left, a fetch brings less, and a connection with much unsent
    /// is not read.
    pub answers: Budget,
    /// Places for fetch sessions.
    pub fetch_slots: FetchSessionSlots,
    /// Clocks.
    pub clock: Clock,
}

impl Broker {
    /// Where this broker counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.storage.metrics()
    }

    /// When a client that is refused now hears of it: who guesses passwords shall not be quick.
    #[must_use]
    pub fn refused_at(&self) -> MonoTime {
        self.clock.mono().after(self.settings.connection_failed_authentication_delay)
    }
}
