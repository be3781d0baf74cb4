//! Texts beside error codes: so many an answer.

use kafka_protocol::protocol::StrBytes;

/// Kafka's text beside UNKNOWN_TOPIC_OR_PARTITION, where it gives one.
pub(super) const NOT_HOSTED: &str = "This server does not host this topic-partition.";

/// Texts of one answer. A request names a partition in 4 bytes, and a text about it has hundreds;
/// past this many the codes alone have to do, for nobody reads on.
const TEXTS_MAX: usize = 1000;

/// What is left of an answer's texts.
pub(super) struct Texts {
    left: usize,
}

impl Texts {
    pub(super) const fn new() -> Self {
        Self { left: TEXTS_MAX }
    }

    /// The text, unless there were too many already; only then is it made.
    pub(super) fn take(&mut self, text: impl FnOnce() -> String) -> Option<StrBytes> {
        self.left = self.left.checked_sub(1)?;
        Some(text().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_their_bound_no_texts_are_made() {
        let mut texts = Texts::new();

        let told = (0..TEXTS_MAX + 5).filter_map(|_| texts.take(|| "t".to_owned())).count();

        assert_eq!(told, TEXTS_MAX);
        assert_eq!(texts.take(|| unreachable!("made for nobody")), None);
    }
}
