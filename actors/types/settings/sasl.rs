//! What a SASL listener asks of its clients: mechanisms, users of PLAIN, length of sessions.
//!
//! A setting of one listener is `listener.name.<listener>.[<mechanism>.]<setting>`, both in lower
//! case. It is looked up with the mechanism, without it, and then without the listener.

use std::collections::BTreeMap;
use std::time::Duration;

use super::configs::{BrokerConfigs, listener_base};
use super::jaas::login_modules;
use super::listeners::{self, Listener, SecurityProtocol};
use super::value::{ConfigError, split_list};
use crate::types::{SaslMechanism, Secret};

const MECHANISMS: &str = "sasl.enabled.mechanisms";
const JAAS: &str = "sasl.jaas.config";
const MAX_REAUTH: &str = "connections.max.reauth.ms";

/// Ends of the class names of login modules; in which package they lie is Java's business.
const PLAIN_MODULE: &str = "PlainLoginModule";
const SCRAM_MODULE: &str = "ScramLoginModule";
/// What an option's name begins with that gives a user of PLAIN a password.
const USER_OPTION: &str = "user_";

/// What a SASL listener asks of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaslSettings {
    /// How they may say who they are, each with the time after which they have to do it again.
    pub mechanisms: Vec<(SaslMechanism, Option<Duration>)>,
    /// Passwords of users of PLAIN.
    pub passwords: BTreeMap<String, Secret>,
}

impl SaslSettings {
    /// Whether a mechanism is enabled, and the time after which its clients have to say again who
    /// they are.
    #[must_use]
    pub fn mechanism(&self, wanted: SaslMechanism) -> Option<Option<Duration>> {
        let mut enabled = self.mechanisms.iter();
        enabled.find_map(|(mechanism, lifetime)| (*mechanism == wanted).then_some(*lifetime))
    }
}

impl BrokerConfigs {
    /// Whether every SASL listener can be served with what is set now. Listeners are those of the
    /// start.
    ///
    /// # Errors
    /// A mechanism that is not there, or PLAIN without anybody who could use it.
    pub fn check_sasl(&self) -> Result<(), ConfigError> {
        check_all(self, listeners(&self.listeners_of_the_start()))
    }

    fn listeners_of_the_start(&self) -> Vec<Listener> {
        let start = self.with_dynamic(&BTreeMap::new(), &BTreeMap::new());
        // A broker with others would not have started.
        listeners::named(&start).unwrap_or_default()
    }

    /// What is in force for each SASL listener, by its name.
    #[must_use]
    pub fn sasl_of_listeners(&self) -> BTreeMap<String, SaslSettings> {
        let all = self.listeners_of_the_start();
        listeners(&all).map(|name| (name.to_owned(), self.sasl(name))).collect()
    }

    /// What is in force for a listener. What cannot be used is left out; it was refused when it
    /// was set.
    fn sasl(&self, listener: &str) -> SaslSettings {
        let named = split_list(self.of_listener(listener, None, MECHANISMS));
        let served = named.iter().filter_map(|name| SaslMechanism::named(name));
        let mechanisms = served.map(|mechanism| (mechanism, self.max_reauth(listener, mechanism)));
        SaslSettings {
            mechanisms: mechanisms.collect(),
            passwords: self.passwords(listener).unwrap_or_default(),
        }
    }

    fn max_reauth(&self, listener: &str, mechanism: SaslMechanism) -> Option<Duration> {
        let text = self.of_listener(listener, Some(mechanism), MAX_REAUTH);
        let ms = text.parse().ok().filter(|ms| *ms > 0)?;
        Some(Duration::from_millis(ms))
    }

    fn passwords(&self, listener: &str) -> Result<BTreeMap<String, Secret>, String> {
        let text = self.of_listener(listener, Some(SaslMechanism::Plain), JAAS);
        let modules = login_modules(text).map_err(|error| error.to_string())?;
        let plain = modules.into_iter().filter(|module| module.class.ends_with(PLAIN_MODULE));
        let users = plain.flat_map(|module| module.options).filter_map(|(name, password)| {
            Some((name.strip_prefix(USER_OPTION)?.to_owned(), password))
        });
        Ok(users.collect())
    }

    /// The value of the closest name; empty if nobody set any.
    fn of_listener(&self, listener: &str, mechanism: Option<SaslMechanism>, setting: &str) -> &str {
        let listener = listener.to_lowercase();
        let of_mechanism = mechanism.and_then(|mechanism| {
            let mechanism = mechanism.name().to_lowercase();
            self.set(&format!("listener.name.{listener}.{mechanism}.{setting}"))
        });
        of_mechanism
            .or_else(|| self.set(&format!("listener.name.{listener}.{setting}")))
            .or_else(|| self.value(setting))
            .unwrap_or_default()
    }
}

/// Names of those whose clients have to say who they are.
pub(super) fn listeners(all: &[Listener]) -> impl Iterator<Item = &str> {
    let sasl = all.iter().filter(|each| each.protocol == SecurityProtocol::SaslPlaintext);
    sasl.map(|each| each.name.as_str())
}

/// Whether listeners can be served with what is set for them.
///
/// # Errors
/// A mechanism that is not there, or PLAIN without anybody who could use it.
pub(super) fn check_all<'a>(
    configs: &BrokerConfigs,
    mut listeners: impl Iterator<Item = &'a str>,
) -> Result<(), ConfigError> {
    listeners.try_for_each(|listener| check(configs, listener))
}

fn check(configs: &BrokerConfigs, listener: &str) -> Result<(), ConfigError> {
    let text = configs.of_listener(listener, None, MECHANISMS);
    let refuse = |reason: String| Err(ConfigError::invalid(MECHANISMS, text, reason));
    let named = split_list(text);
    let served = SaslMechanism::ALL.map(SaslMechanism::name).join(", ");
    for name in &named {
        if SaslMechanism::named(name).is_none() {
            return refuse(format!("listener {listener} would need {name}; {served} are served"));
        }
    }
    if named.is_empty() {
        return refuse(format!("listener {listener} needs one of {served}"));
    }
    let plain = SaslMechanism::Plain.name();
    if named.iter().any(|name| name == plain) && configs.sasl(listener).passwords.is_empty() {
        let listener = listener.to_lowercase();
        return refuse(format!(
            "nobody could use {plain}: listener.name.{listener}.plain.{JAAS} has to name users, as \
             org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_<name>=\"<password>\";"
        ));
    }
    Ok(())
}

/// Whether a setting, as it stands behind a SASL listener's name, does something there.
pub(super) fn works(setting: &str) -> bool {
    if [MECHANISMS, JAAS, MAX_REAUTH].contains(&setting) {
        return true;
    }
    let Some((mechanism, setting)) = setting.split_once('.') else { return false };
    let named = |known: &SaslMechanism| known.name().to_lowercase() == mechanism;
    match SaslMechanism::ALL.into_iter().find(named) {
        // Only users of PLAIN are settings.
        Some(SaslMechanism::Plain) => [JAAS, MAX_REAUTH].contains(&setting),
        Some(SaslMechanism::Scram(_)) => setting == MAX_REAUTH,
        None => false,
    }
}

/// Checks a value that may hold passwords; says what is wrong without showing it.
///
/// # Errors
/// It is no JAAS configuration.
pub(super) fn check_secret(name: &str, value: &str) -> Result<(), ConfigError> {
    let is_jaas = name == JAAS || listener_base(name) == Some(JAAS);
    if !is_jaas || value.is_empty() {
        return Ok(());
    }
    match login_modules(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(ConfigError::invalid(name, "[hidden]", error.to_string())),
    }
}

/// How a client says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslLogin {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl SaslLogin {
    /// Reads the client's settings `sasl.mechanism` and `sasl.jaas.config`.
    ///
    /// # Errors
    /// One of them is missing, or cannot be used.
    pub fn parse(mechanism: Option<&str>, jaas: Option<&str>) -> Result<Self, String> {
        let name = mechanism.unwrap_or("GSSAPI").trim();
        let mechanism = SaslMechanism::named(name).ok_or_else(|| {
            let served = SaslMechanism::ALL.map(SaslMechanism::name).join(", ");
            format!("sasl.mechanism={name} is not supported, {served} are")
        })?;
        let jaas = jaas.ok_or_else(|| format!("{JAAS} is not set"))?;
        let modules = login_modules(jaas).map_err(|error| format!("{JAAS}: {error}"))?;
        let wanted = match mechanism {
            SaslMechanism::Plain => PLAIN_MODULE,
            SaslMechanism::Scram(_) => SCRAM_MODULE,
        };
        let module = modules.into_iter().find(|module| module.class.ends_with(wanted));
        let mut module =
            module.ok_or_else(|| format!("{JAAS}: {name} needs a {wanted}, and there is none"))?;
        let mut option = |name: &str| {
            let given = module.options.remove(name);
            given.ok_or_else(|| format!("{JAAS}: the login module has no {name}"))
        };
        let (user, password) = (option("username")?, option("password")?);
        let user = String::from_utf8_lossy(user.bytes()).into_owned();
        Ok(Self { mechanism, user, password })
    }
}

#[cfg(test)]
#[path = "sasl_test.rs"]
mod tests;
