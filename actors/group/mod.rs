//! Consumer groups: who is in them, and which positions they committed.
//!
//! One actor for each group. `machine*` decides, `saved` is the hard state that its records make,
//! `live` the soft state that a restart may lose; `actor` appends the records to the partition of
//! `__consumer_offsets` that the group's id hashes to, and withholds every answer, reads too, until
//! they are committed. `directory` knows which group is where; `records` is Kafka's own layout.
//!
//! Deliberately absent: the wire protocol (dispatch), whether a topic exists (dispatch asks the
//! registry), files. Members' metadata is opaque, but for a consumer's topics (`subscription`).

mod actor;
#[cfg(test)]
mod actor_test;
mod batch;
mod cursor;
mod directory;
mod error;
mod live;
mod log;
mod machine;
mod machine_join;
#[cfg(test)]
mod machine_join_test;
mod machine_offsets;
#[cfg(test)]
mod machine_offsets_test;
#[cfg(test)]
mod machine_static_test;
mod machine_sync;
#[cfg(test)]
mod machine_sync_test;
mod members;
mod offsets_topic;
mod question;
mod records;
#[cfg(test)]
mod records_test;
mod request;
mod saved;
mod sessions;
mod settings;
mod state;
mod subscription;
#[cfg(test)]
mod testing;

pub use cursor::RecordError;
pub use directory::{Awaited, Groups, Loader};
pub use error::GroupError;
pub use log::{AppendRefused, OffsetsLog};
pub use machine::{GroupMachine, Out, Parking};
pub use question::{Answered, Question};
pub use records::{Decoded, GroupValue, MemberValue, OffsetValue, Record, decode};
pub use request::{
    Commit, CommitAnswer, CommitOffset, DeleteGroup, DeleteOffsets, Describe, Described,
    DescribedMember, FetchAnswer, FetchOffsets, FetchedOffset, GroupSummary, Heartbeat, InstanceId,
    Join, Joined, JoinedMember, Leave, LeaveAnswer, Leaver, MemberId, Observe, Observed, Protocol,
    Summarize, SyncGroup, Synced, TopicDeleted,
};
pub use saved::Saved;
pub use settings::GroupSettings;
pub use state::GroupState;
