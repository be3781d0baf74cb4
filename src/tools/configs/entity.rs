//! Whose configs: `--entity-type topics --entity-name a`, or `--topic a` for short.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

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

/// Ids of two arguments.
const NAME: &str = "entity_name";
const DEFAULT: &str = "entity_default";

#[derive(Debug, Args)]
pub(super) struct EntityArguments {
    /// topics, brokers, broker-loggers, groups, client-metrics, users, clients or ips; users and clients together, each with
    /// its name behind it, are the client ids of users
    #[arg(long)]
    entity_type: Vec<String>,
    #[command(flatten)]
    names: Names,
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

/// Names and defaults, in the order in which they were given: each belongs to a type.
#[derive(Debug)]
struct Names(Vec<Which>);

impl Args for Names {
    fn augment_args(command: Command) -> Command {
        let name = Arg::new(NAME).long("entity-name").help("Which one").action(ArgAction::Append);
        let default = Arg::new(DEFAULT)
            .long("entity-default")
            .help("What holds for all of that type")
            .num_args(0)
            .default_missing_value("true")
            .action(ArgAction::Append);
        command.arg(name).arg(default)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Names {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let names = matches.get_many::<String>(NAME).unwrap_or_default().cloned().map(Which::Named);
        let mut given: Vec<(usize, Which)> =
            matches.indices_of(NAME).into_iter().flatten().zip(names).collect();
        let defaults = matches.indices_of(DEFAULT).into_iter().flatten();
        given.extend(defaults.map(|at| (at, Which::Default)));
        given.sort_by_key(|(at, _)| *at);
        Ok(Self(given.into_iter().map(|(_, which)| which).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
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
    /// What they mean: one entity, or a user and its client id.
    pub(super) fn entities(&self) -> Result<Vec<Entity>, ToolError> {
        let mut entities = if self.entity_type.is_empty() { self.short() } else { self.long()? };
        match entities.as_slice() {
            [] => Err(ToolError::Usage(
                "At least one entity type must be specified: --entity-type, or --topic and its like"
                    .to_owned(),
            )),
            [_] => Ok(entities),
            [one, other] if [one.kind, other.kind] == [USER, CLIENT] => Ok(entities),
            [one, other] if [one.kind, other.kind] == [CLIENT, USER] => {
                entities.reverse();
                Ok(entities)
            }
            _ => Err(ToolError::Usage(
                "Only users and clients can be given together, and each of them once".to_owned(),
            )),
        }
    }

    fn long(&self) -> Result<Vec<Entity>, ToolError> {
        let Names(names) = &self.names;
        if names.len() > self.entity_type.len() {
            return Err(ToolError::Usage(
                "--entity-name and --entity-default exclude each other".to_owned(),
            ));
        }
        let mut names = names.iter().cloned();
        let entity = |plural: &String| {
            let Some((_, _, kind)) = TYPES.iter().find(|(name, _, _)| name == plural) else {
                return Err(ToolError::Argument(format!(
                    "Invalid entity type {plural}, the entity type must be one of topics, clients, users, brokers, ips, client-metrics, groups, broker-loggers"
                )));
            };
            Ok(Entity { kind: *kind, which: names.next().unwrap_or(Which::All) })
        };
        self.entity_type.iter().map(entity).collect()
    }

    fn short(&self) -> Vec<Entity> {
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
        named.chain(defaults.map(|(kind, _)| Entity { kind, which: Which::Default })).collect()
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

    fn entities(words: &[&str]) -> Result<Vec<Entity>, ToolError> {
        let command = EntityArguments::augment_args(Command::new("t"));
        let matches = command.get_matches_from([&["t"], words].concat());
        EntityArguments::from_arg_matches(&matches).unwrap().entities()
    }

    fn entity(words: &[&str]) -> Result<Entity, ToolError> {
        entities(words).map(|mut entities| entities.remove(0))
    }

    #[test]
    fn names_and_defaults_belong_to_types_in_the_order_given() {
        let default_user = Entity { kind: USER, which: Which::Default };
        let client = Entity { kind: CLIENT, which: Which::Named("c".to_owned()) };
        let expected = [default_user.clone(), client];
        let (users, clients) = (["--entity-type", "users"], ["--entity-type", "clients"]);
        let (name, default) = (["--entity-name", "c"], ["--entity-default"]);

        for words in [
            [&users[..], &default, &clients, &name].concat(),
            [&clients[..], &name, &users, &default].concat(),
            [&users[..], &clients, &default, &name].concat(),
            vec!["--client", "c", "--user-defaults"],
        ] {
            assert_eq!(entities(&words).unwrap(), expected, "{words:?}");
        }
        let all_clients = Entity { kind: CLIENT, which: Which::All };
        let words = [&users[..], &default, &clients].concat();
        assert_eq!(entities(&words).unwrap(), [default_user, all_clients]);
        assert!(entities(&[&users[..], &users].concat()).is_err());
        assert!(entities(&[&users[..], &name, &default].concat()).is_err());
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
