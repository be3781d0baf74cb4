//! What was said already of reads that fail: it is said once, not for each request that meets it.

use super::error::ReadError;
use crate::types::MonoTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// What lasts is said again after so long.
const SAID_FOR: Duration = Duration::from_secs(3600);
/// Different troubles of one log that are told apart; more of them bring no news.
const TROUBLES_MAX: usize = 16;

/// What was said of one log, and when.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<String, MonoTime>);

impl Troubles {
    /// Whether `error` is to be said now.
    pub(super) fn is_news(&mut self, error: &ReadError, now: MonoTime) -> bool {
        self.0.retain(|_, said| now.since(*said) < SAID_FOR);
        let text = error.to_string();
        if self.0.contains_key(&text) || self.0.len() >= TROUBLES_MAX {
            return false;
        }
        self.0.insert(text, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn broken() -> ReadError {
        ReadError::Io(io::Error::from_raw_os_error(5))
    }

    #[test]
    fn a_trouble_is_news_once_an_hour() {
        let mut troubles = Troubles::default();
        let later = MonoTime::START.after(SAID_FOR);

        assert!(troubles.is_news(&broken(), MonoTime::START));
        assert!(!troubles.is_news(&broken(), MonoTime::START.after(SAID_FOR / 2)));
        assert!(troubles.is_news(&broken(), later));
    }

    #[test]
    fn another_trouble_is_news_as_long_as_there_are_few() {
        let mut troubles = Troubles::default();
        let other = |number: usize| ReadError::Offline(number.to_string());

        let said = (0..100).filter(|at| troubles.is_news(&other(*at), MonoTime::START)).count();

        assert_eq!(said, TROUBLES_MAX);
    }
}
