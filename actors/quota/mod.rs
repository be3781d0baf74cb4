//! Client quotas: who may use how much of the broker, and how long who used more has to pause.
//!
//! Quotas are set for users, client ids, both together, and addresses (KIP-13, 124, 257, 546, 599,
//! 612). The controller keeps them; here they are looked up and measured. `table` says what can be
//! set and for whom, `limits` which of several counts, `rate` and `bucket` measure, and `quotas` is
//! what all connections share: the table of the moment, and a meter for each client that has a
//! quota. A connection keeps the meters of its client, so that without a quota a request costs one
//! load of a number.
//!
//! Deliberately absent: clocks, sockets, error codes. What a throttle time means for a connection is
//! the connection's to carry out.

mod bucket;
mod limits;
mod quotas;
mod rate;
mod table;

pub use bucket::TokenBucket;
pub use limits::{Limit, Limits};
pub use quotas::{ClientQuotas, Meter, MeteredBy, Quotas};
pub use rate::{Rate, Windows};
pub use table::{EntityQuotas, QuotaEntity, QuotaKey, QuotaName, QuotaTable, QuotaValue};
