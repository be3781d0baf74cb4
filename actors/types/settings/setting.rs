//! One row of the table of broker settings.

use super::table;
use super::value::{self, Bounds, ConfigError, ConfigType};

/// What setting it does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The broker does what the documentation says.
    Works,
    /// Taken without a word, because what it asks for holds anyway.
    Accepted,
    /// Taken, listed, and without consequence; a variable that sets it warns.
    None,
}

/// One broker setting: parser, reference page and DescribeConfigs are printed from it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Kafka's name, or one of ours, which begin with `ottla.`.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// What applies when nobody sets anything; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// Kafka's default, where ours differs.
    pub kafka_default: Option<&'static str>,
    /// Whether AlterConfigs may change it (`DynamicBrokerConfig`); else it needs a restart.
    pub dynamic: bool,
    /// What values will do.
    pub bounds: Bounds,
    /// Whether it does something here.
    pub effect: Effect,
    /// What it does; empty for what has no effect here.
    pub doc: &'static str,
}

impl Setting {
    /// The whole table, in the order of the reference page.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::GROUPS.iter().flat_map(|(_, rows)| rows.iter())
    }

    /// The table with the headings of the reference page.
    #[must_use]
    pub const fn groups() -> &'static [(&'static str, &'static [Self])] {
        table::GROUPS
    }

    /// The row of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|row| row.name == name)
    }

    /// Whether its value is a secret.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        self.kind.is_sensitive()
    }

    /// Whether it is ours rather than Kafka's.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.name.starts_with("ottla.")
    }

    /// Checks a value and brings it into its normal form.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with Kafka's text.
    pub fn check(&self, value: &str) -> Result<String, ConfigError> {
        value::check(self.name, self.kind, self.bounds, value)
    }

    /// A row that needs a restart.
    pub(super) const fn fixed(
        name: &'static str,
        kind: ConfigType,
        default: Option<&'static str>,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            kafka_default: None,
            dynamic: false,
            bounds: Bounds::Any,
            effect: Effect::None,
            doc: "",
        }
    }

    /// A row that AlterConfigs may change.
    pub(super) const fn live(
        name: &'static str,
        kind: ConfigType,
        default: Option<&'static str>,
    ) -> Self {
        Self { dynamic: true, ..Self::fixed(name, kind, default) }
    }

    pub(super) const fn works(self, doc: &'static str) -> Self {
        Self { effect: Effect::Works, doc, ..self }
    }

    pub(super) const fn accepted(self, doc: &'static str) -> Self {
        Self { effect: Effect::Accepted, doc, ..self }
    }

    pub(super) const fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    pub(super) const fn kafka(self, default: &'static str) -> Self {
        Self { kafka_default: Some(default), ..self }
    }
}
