//! The one thing that a coordinator reads in members' metadata: a consumer's topics.
//!
//! Every version of a consumer's subscription begins with: version i16, topics as an i32 count of
//! strings (`ConsumerProtocolSubscription.json`, version 0). What follows is not looked at.

use super::cursor::{Cursor, RecordError};

/// Topics that a consumer's metadata asks for.
///
/// # Errors
/// Bytes that are no subscription: the group is then taken to read every topic.
pub(super) fn topics(metadata: &[u8]) -> Result<Vec<String>, RecordError> {
    let mut from = Cursor::new(metadata);
    let version = from.i16()?;
    if version < 0 {
        return Err(RecordError::Version(version));
    }
    let count = from.count(false)?;
    let mut topics = Vec::new();
    for _ in 0..count {
        topics.push(from.string(false)?);
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_whatever_follows_them() {
        let metadata = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\0\0\0\x01xyz";

        assert_eq!(topics(metadata), Ok(vec!["a".to_owned(), "bc".to_owned()]));
    }

    #[test]
    fn a_count_that_lies_is_an_error_and_no_allocation() {
        assert_eq!(topics(b"\0\0\x7f\xff\xff\xff\0\x01a"), Err(RecordError::Short));
    }

    #[test]
    fn metadata_of_others_is_refused() {
        assert_eq!(topics(b"m"), Err(RecordError::Short));
        assert_eq!(topics(b"\xff\xff\0\0\0\0"), Err(RecordError::Version(-1)));
    }
}
