//! The table of broker settings, by subject: every name that DescribeConfigs of Kafka 4.3 lists, and ours.

mod cluster;
mod groups;
mod log;
mod network;
mod other;
mod own;
mod remote;
mod security;
mod transactions;

use super::setting::Setting;

/// Heading and rows, in the order of the reference page.
pub(super) const GROUPS: &[(&str, &[Setting])] = &[
    ("Ottla's own", own::ROWS),
    ("Identity and cluster", cluster::ROWS),
    ("Network", network::ROWS),
    ("Topics and logs", log::ROWS),
    ("Groups", groups::ROWS),
    ("Transactions", transactions::ROWS),
    ("Security", security::ROWS),
    ("Tiered storage", remote::ROWS),
    ("Quotas, metrics and the rest", other::ROWS),
];
