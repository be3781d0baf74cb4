//! Broker settings: one table, the parsed values, and what DescribeConfigs says about them.
//!
//! Text comes in at the edge (`BrokerConfigs`), is checked there once against its row, and becomes
//! `BrokerSettings`, in which nothing can be wrong. Deliberately absent: where the text comes from;
//! files, variables and the command line are the process's.

mod broker;
mod configs;
mod describe;
mod group;
mod jaas;
mod listeners;
mod sasl;
mod setting;
mod table;
mod value;

pub use broker::BrokerSettings;
pub(crate) use configs::shown_broker_value;
pub use configs::{BrokerConfigs, Given, broker_config_type, broker_synonyms, listener_base};
pub use describe::{ConfigEntry, ConfigSource, ConfigSynonym};
pub use group::{GROUP_CONFIGS, GroupConfigRow};
pub use jaas::{JaasError, LoginModule, as_setting, login_modules, sections};
pub use listeners::{AdminListener, Endpoint, Listener, SecurityProtocol};
pub use sasl::{SaslLogin, SaslSettings};
pub use setting::{Effect, Setting};
pub use value::{Bounds, ConfigError, ConfigType};
pub(crate) use value::{check, split_list};

#[cfg(test)]
mod settings_test;
