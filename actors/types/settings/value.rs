//! Types of settings, what values they take, and what is said about a value that does not fit.

use std::fmt;

use crate::types::ErrorCode;

/// Type of a setting, as DescribeConfigs names it (`ConfigDef.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// Only for names that no table knows.
    Unknown,
    /// `true` or `false`, in any case of letters.
    Boolean,
    /// Any text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// A floating point number.
    Double,
    /// Texts parted by commas; blanks around them do not count.
    List,
    /// Name of a Java class.
    Class,
    /// Text that is never shown.
    Password,
}

impl ConfigType {
    /// The number in DescribeConfigs responses.
    #[must_use]
    pub const fn to_wire(self) -> i8 {
        match self {
            Self::Unknown => 0,
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Kafka's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    /// Whether values must not be shown; Kafka hides what it knows no type of as well.
    #[must_use]
    pub const fn is_sensitive(self) -> bool {
        matches!(self, Self::Password | Self::Unknown)
    }
}

/// What a value must fulfil beyond being of its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Anything of the type.
    Any,
    /// This number or a larger one.
    AtLeast(i64),
    /// Both ends belong to it.
    Between(i64, i64),
    /// For DOUBLE; both ends belong to it.
    Fraction(f64, f64),
    /// One of these words, or for a LIST some of them, none twice.
    OneOf(&'static [&'static str]),
    /// `-1` (the codec's own choice) or a number between both ends (`CompressionType.GZIP`).
    LevelOrDefault(i64, i64),
    /// `partition:broker` pairs, or `*` alone (`ThrottledReplicaListValidator`).
    ThrottledReplicas,
    /// Only this value: the other asks for something that is not here.
    Only(&'static str),
    /// A LIST with one entry at least.
    NotEmpty,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(least) => write!(f, "{least} or more"),
            Self::Between(least, most) => write!(f, "{least} to {most}"),
            Self::Fraction(least, most) => write!(f, "{least:?} to {most:?}"),
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::LevelOrDefault(least, most) => write!(f, "-1, or {least} to {most}"),
            Self::ThrottledReplicas => f.write_str("partition:broker pairs, or *"),
            Self::Only("") => f.write_str("only empty"),
            Self::Only(value) => write!(f, "only {value}"),
            Self::NotEmpty => f.write_str("one entry or more"),
        }
    }
}

/// Why a configuration is refused. The texts are Kafka's where it has one (`ConfigException`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No topic config has this name.
    UnknownTopicConfig(String),
    /// A topic config without a value.
    NullTopicConfig(String),
    /// Not of its type, or out of its bounds.
    Invalid {
        /// Name of the setting.
        name: String,
        /// The value as given; `[hidden]` if it is a secret.
        value: String,
        /// What would do.
        reason: String,
    },
    /// APPEND or SUBTRACT on something that is no list.
    NotAList {
        /// Name of the setting.
        name: String,
        /// What was asked for, Kafka's word.
        operation: &'static str,
    },
    /// Two settings that contradict each other; the text names both.
    Conflict(String),
}

impl ConfigError {
    /// The error code that clients get.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownTopicConfig(_)
            | Self::NullTopicConfig(_)
            | Self::Invalid { .. }
            | Self::NotAList { .. }
            | Self::Conflict(_) => ErrorCode::InvalidConfig,
        }
    }

    pub(crate) fn invalid(name: &str, value: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { name: name.to_owned(), value: value.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTopicConfig(name) => write!(f, "Unknown topic config name: {name}"),
            Self::NullTopicConfig(name) => {
                write!(f, "Null value not supported for topic configs: {name}")
            }
            Self::Invalid { name, value, reason } => {
                write!(f, "Invalid value {value} for configuration {name}: {reason}")
            }
            Self::NotAList { name, operation } => {
                write!(f, "Can't {operation} to key {name} because its type is not LIST.")
            }
            Self::Conflict(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Splits a LIST: blanks around entries do not count, an empty text has none.
pub(crate) fn split_list(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|entry| entry.trim().to_owned()).collect()
}

/// Reads a BOOLEAN, or nothing if it is none.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Checks a value and brings it into the form in which Kafka shows it (`ConfigDef.parseType`).
///
/// # Errors
/// [`ConfigError::Invalid`] with Kafka's text.
pub(crate) fn check(
    name: &str,
    kind: ConfigType,
    bounds: Bounds,
    value: &str,
) -> Result<String, ConfigError> {
    let trimmed = value.trim();
    let refuse = |reason: String| {
        let shown = if kind.is_sensitive() { "[hidden]" } else { value };
        Err(ConfigError::invalid(name, shown, reason))
    };
    let not_a_number = || format!("Not a number of type {}", kind.name());
    let normal = match kind {
        ConfigType::Boolean => match parse_bool(trimmed) {
            Some(yes) => yes.to_string(),
            None => return refuse("Expected value to be either true or false".to_owned()),
        },
        ConfigType::Int | ConfigType::Short | ConfigType::Long => {
            let fits = |number: &i64| {
                !(kind == ConfigType::Int && i32::try_from(*number).is_err()
                    || kind == ConfigType::Short && i16::try_from(*number).is_err())
            };
            match trimmed.parse::<i64>().ok().filter(fits) {
                Some(number) => number.to_string(),
                None => return refuse(not_a_number()),
            }
        }
        ConfigType::Double => match trimmed.parse::<f64>() {
            Ok(number) => show_double(number),
            Err(_) => return refuse(not_a_number()),
        },
        ConfigType::List => split_list(trimmed).join(","),
        ConfigType::String | ConfigType::Class => trimmed.to_owned(),
        ConfigType::Password | ConfigType::Unknown => value.to_owned(),
    };
    match objection(kind, bounds, &normal) {
        Some(reason) => refuse(reason),
        None => Ok(normal),
    }
}

/// As Java's `Double.toString` writes it.
fn show_double(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// What speaks against a value that is of its type.
fn objection(kind: ConfigType, bounds: Bounds, normal: &str) -> Option<String> {
    let number = || normal.parse::<i64>().unwrap_or(0);
    match bounds {
        Bounds::Any => None,
        Bounds::AtLeast(least) => below(number(), least),
        Bounds::Between(least, most) => below(number(), least).or_else(|| above(number(), most)),
        Bounds::Fraction(least, most) => {
            let number = normal.parse::<f64>().unwrap_or(f64::NAN);
            if number < least || number.is_nan() {
                Some(format!("Value must be at least {least:?}"))
            } else if number > most {
                Some(format!("Value must be no more than {most:?}"))
            } else {
                None
            }
        }
        Bounds::LevelOrDefault(least, most) => {
            let level = number();
            (level != -1 && !(least..=most).contains(&level))
                .then(|| format!("Value must be between {least} and {most} or equal to -1"))
        }
        Bounds::OneOf(words) if kind == ConfigType::List => {
            let entries = split_list(normal);
            let twice = entries
                .iter()
                .enumerate()
                .any(|(at, entry)| entries.iter().skip(at + 1).any(|other| other == entry));
            if twice {
                return Some("values must not be duplicated".to_owned());
            }
            entries.iter().any(|entry| !words.contains(&entry.as_str())).then(|| one_of(words))
        }
        Bounds::OneOf(words) => (!words.contains(&normal)).then(|| one_of(words)),
        Bounds::ThrottledReplicas => (!throttled_replicas(normal)).then(|| {
            "Must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                .to_owned()
        }),
        Bounds::Only(value) => {
            let shown = if value.is_empty() { "an empty value" } else { value };
            (normal != value).then(|| format!("only {shown} is supported by this broker"))
        }
        Bounds::NotEmpty => normal.is_empty().then(|| "List must not be empty".to_owned()),
    }
}

fn below(number: i64, least: i64) -> Option<String> {
    (number < least).then(|| format!("Value must be at least {least}"))
}

fn above(number: i64, most: i64) -> Option<String> {
    (number > most).then(|| format!("Value must be no more than {most}"))
}

fn one_of(words: &[&str]) -> String {
    format!("String must be one of: {}", words.join(", "))
}

fn throttled_replicas(normal: &str) -> bool {
    let pair = |entry: &str| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        entry.split_once(':').is_some_and(|(partition, broker)| digits(partition) && digits(broker))
    };
    normal.is_empty() || normal == "*" || normal.split(',').all(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_kafka_shows_them() {
        let shown = |kind, value| check("n", kind, Bounds::Any, value).unwrap();

        assert_eq!(shown(ConfigType::Boolean, " TRUE "), "true");
        assert_eq!(shown(ConfigType::Int, " +7"), "7");
        assert_eq!(shown(ConfigType::List, " a , b,c "), "a,b,c");
        assert_eq!(shown(ConfigType::Double, "1"), "1.0");
        assert_eq!(shown(ConfigType::Double, "10000000"), "1.0E7");
        assert_eq!(shown(ConfigType::Double, "1.7976931348623157E308"), "1.7976931348623157E308");
        assert_eq!(shown(ConfigType::Password, " s "), " s ");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_in_kafkas_words() {
        let text = |kind, bounds, value| check("n", kind, bounds, value).unwrap_err().to_string();

        assert_eq!(
            text(ConfigType::Long, Bounds::Any, "abc"),
            "Invalid value abc for configuration n: Not a number of type LONG"
        );
        assert_eq!(
            text(ConfigType::Int, Bounds::AtLeast(1), "0"),
            "Invalid value 0 for configuration n: Value must be at least 1"
        );
        assert_eq!(
            text(ConfigType::List, Bounds::OneOf(&["compact", "delete"]), "shred"),
            "Invalid value shred for configuration n: String must be one of: compact, delete"
        );
        assert!(check("n", ConfigType::Int, Bounds::Any, "2147483648").is_err());
        assert!(check("n", ConfigType::Short, Bounds::Any, "32768").is_err());
        assert!(check("n", ConfigType::List, Bounds::OneOf(&["a"]), "a,a").is_err());
        assert!(check("n", ConfigType::Double, Bounds::Fraction(0.0, 1.0), "1.1").is_err());
        assert!(check("n", ConfigType::Double, Bounds::Fraction(0.0, 1.0), "NaN").is_err());
    }

    #[test]
    fn a_secret_is_not_repeated_in_an_error() {
        let error = check("n", ConfigType::Password, Bounds::OneOf(&["x"]), "geheim").unwrap_err();

        assert!(!error.to_string().contains("geheim"));
    }

    #[test]
    fn throttled_replicas_are_pairs_or_a_star() {
        for good in ["", "*", "0:1", "0:1,12:3"] {
            assert!(throttled_replicas(good), "{good}");
        }
        for bad in ["0", "0:", ":1", "a:1", "0:1;2:3", "*,0:1"] {
            assert!(!throttled_replicas(bad), "{bad}");
        }
    }
}
