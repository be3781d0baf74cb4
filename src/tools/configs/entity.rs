//! Whose configs: `--entity-type topics --entity-name a`, or `--topic a` for short.

use clap::Args;

use crate::tools::problem::ToolError;

/// Config resource types.
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;
/// Not resource types: quotas and credentials have requests of their own.
pub(super) const USER: i8 = -1;
pub(super) const CLIENT: i8 = -2;
pub(super) const IP: i8 = -3;

/// Types: plural as in `--entity-type`, singular as in messages, resource type.
const TYPES: &[(&str, &str, i8)] = &[
    ("topics", "topic", super::TOPIC),
    ("brokers", "broker", BROKER),
    ("broker-loggers", "broker-logger", BROKER_LOGGER),
    ("client-metrics", "client-metric", CLIENT_METRICS),
    ("groups", "group", GROUP),
    ("users", "user", USER),
    ("clients", "client", CLIENT),
    ("ips", "ip", IP),
];

#[derive(Debug, Args)]
pub(super) struct EntityArguments {
    /// topics, brokers, broker-loggers, groups, client-metrics, users, clients or ips
    #[arg(long)]
    entity_type: Option<String>,
    /// Which one
    #[arg(long)]
    entity_name: Option<String>,
    /// What holds for all of that type
    #[arg(long)]
    entity_default: bool,
    /// Short for --entity-type topics --entity-name …; so are the following
    #[arg(long)]
    topic: Option<String>,
    /// A broker's id
    #[arg(long)]
    broker: Option<String>,
    /// A broker's id, for its loggers
    #[arg(long)]
    broker_logger: Option<String>,
    /// A group
    #[arg(long)]
    group: Option<String>,
    /// A subscription of client metrics
    #[arg(long)]
    client_metrics: Option<String>,
    /// A user
    #[arg(long)]
    user: Option<String>,
    /// A client id
    #[arg(long)]
    client: Option<String>,
    /// An address
    #[arg(long)]
    ip: Option<String>,
    /// What holds for all brokers
    #[arg(long)]
    broker_defaults: bool,
    /// What holds for all users
    #[arg(long)]
    user_defaults: bool,
    /// What holds for all client ids
    #[arg(long)]
    client_defaults: bool,
    /// What holds for all addresses
    #[arg(long)]
    ip_defaults: bool,
}

/// Which of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// This one.
    Named(String),
    /// What holds for all.
    Default,
    /// Each of them.
    All,
}

/// Whose configs are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// Resource type, or a negative number of ours.
    pub(super) kind: i8,
    /// Which of them.
    pub(super) which: Which,
}

impl EntityArguments {
    /// What they mean.
    pub(super) fn entity(&self) -> Result<Entity, ToolError> {
        if let Some(plural) = self.entity_type.as_deref() {
            let Some((_, _, kind)) = TYPES.iter().find(|(name, _, _)| *name == plural) else {
                return Err(ToolError::Argument(format!(
                    "Invalid entity type {plural}, the entity type must be one of topics, clients, users, brokers, ips, client-metrics, groups, broker-loggers"
                )));
            };
            let which = match &self.entity_name {
                Some(_) if self.entity_default => {
                    return Err(ToolError::Usage(
                        "--entity-name and --entity-default exclude each other".to_owned(),
                    ));
                }
                Some(name) => Which::Named(name.clone()),
                None if self.entity_default => Which::Default,
                None => Which::All,
            };
            return Ok(Entity { kind: *kind, which });
        }
        let named = [
            (super::TOPIC, &self.topic),
            (BROKER, &self.broker),
            (BROKER_LOGGER, &self.broker_logger),
            (GROUP, &self.group),
            (CLIENT_METRICS, &self.client_metrics),
            (USER, &self.user),
            (CLIENT, &self.client),
            (IP, &self.ip),
        ];
        let defaults = [
            (BROKER, self.broker_defaults),
            (USER, self.user_defaults),
            (CLIENT, self.client_defaults),
            (IP, self.ip_defaults),
        ];
        let named = named
            .into_iter()
            .filter_map(|(kind, name)| Some(Entity { kind, which: Which::Named(name.clone()?) }));
        let defaults = defaults.into_iter().filter(|(_, given)| *given);
        let mut given =
            named.chain(defaults.map(|(kind, _)| Entity { kind, which: Which::Default }));
        match (given.next(), given.next()) {
            (Some(entity), None) => Ok(entity),
            (None, _) => Err(ToolError::Usage(
                "At least one entity type must be specified: --entity-type, or --topic and its like"
                    .to_owned(),
            )),
            (Some(_), Some(_)) => {
                Err(ToolError::Usage("One entity at a time is served".to_owned()))
            }
        }
    }
}

impl Entity {
    /// Whether DescribeConfigs and IncrementalAlterConfigs are for it.
    pub(super) const fn is_resource(&self) -> bool {
        self.kind > 0
    }

    /// Singular and plural.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        let found = TYPES.iter().find(|(_, _, kind)| *kind == self.kind);
        found.map_or(("entity", "entities"), |(plural, singular, _)| (singular, plural))
    }

    /// Whether a config from `source` was chosen for this very entity.
    pub(super) const fn is_own(&self, source: i8, name: &str) -> bool {
        match self.kind {
            super::TOPIC => source == 1,
            BROKER if name.is_empty() => source == 3,
            // A broker's listing shows what was chosen for all brokers as well, unless it was not.
            BROKER => source == 2,
            BROKER_LOGGER => source == 6,
            CLIENT_METRICS => source == 7,
            GROUP => source == 8,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    fn entity(words: &[&str]) -> Result<Entity, ToolError> {
        let command = EntityArguments::augment_args(clap::Command::new("t"));
        let matches = command.get_matches_from([&["t"], words].concat());
        EntityArguments::from_arg_matches(&matches).unwrap().entity()
    }

    #[test]
    fn the_short_form_means_the_long_one() {
        let long = entity(&["--entity-type", "topics", "--entity-name", "a"]).unwrap();

        assert_eq!(entity(&["--topic", "a"]).unwrap(), long);
        assert_eq!(
            entity(&["--broker-defaults"]).unwrap(),
            entity(&["--entity-type", "brokers", "--entity-default"]).unwrap()
        );
        assert_eq!(entity(&["--entity-type", "users"]).unwrap().which, Which::All);
    }

    #[test]
    fn no_entity_or_a_type_that_is_none_is_refused() {
        assert!(entity(&[]).is_err());
        assert!(entity(&["--entity-type", "things"]).is_err());
        assert!(entity(&["--topic", "a", "--broker", "1"]).is_err());
    }
}
