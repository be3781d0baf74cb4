//! What the broker tells of itself: the table of metrics, and what is counted as it happens.
//!
//! Nothing here locks, allocates or formats after the start: a request costs a few atomic
//! additions. What is there to be read anyway (offsets, sizes, members) is not counted; the page
//! reads it when it is asked for.

mod cells;
mod labels;
mod recorded;
mod table;

pub use cells::{Counter, Histogram, HistogramImage};
pub use labels::{BlockReason, CloseReason, Label, RebalanceReason, ThrottleReason};
pub use recorded::{
    ApiMetrics, ConnectionMetrics, JournalMetrics, Labelled, Metrics, QuotaMetrics,
};
pub use table::{Metric, MetricKind, MetricRow, MetricUnit};
