//! What a line says: headers, key, value.

use std::collections::BTreeMap;

use crate::tools::problem::ToolError;

/// How lines are taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineFormat {
    parse_key: bool,
    key_separator: String,
    parse_headers: bool,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    null_marker: Option<String>,
    ignore_error: bool,
}

/// A record out of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LineRecord {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl LineFormat {
    /// Reads the reader's properties.
    pub(super) fn parse(properties: &BTreeMap<String, String>) -> Result<Self, ToolError> {
        let text = |name: &str, usual: &str| {
            let value = properties.get(name).map_or(usual, String::as_str);
            if value.is_empty() {
                return Err(ToolError::Argument(format!("{name} may not be empty")));
            }
            Ok(value.to_owned())
        };
        let flag = |name: &str| properties.get(name).is_some_and(|value| value.trim() == "true");
        let format = Self {
            parse_key: flag("parse.key"),
            key_separator: text("key.separator", "\t")?,
            parse_headers: flag("parse.headers"),
            headers_delimiter: text("headers.delimiter", "\t")?,
            headers_separator: text("headers.separator", ",")?,
            headers_key_separator: text("headers.key.separator", ":")?,
            null_marker: properties.get("null.marker").cloned(),
            ignore_error: flag("ignore.error"),
        };
        if format.headers_separator == format.headers_key_separator {
            return Err(ToolError::Argument(
                "headers.separator and headers.key.separator may not be equal".to_owned(),
            ));
        }
        Ok(format)
    }

    /// The record in a line; none where it is damaged and that is to be passed over.
    pub(super) fn record(&self, line: &[u8], number: u64) -> Result<Option<LineRecord>, ToolError> {
        match self.take_apart(line, number) {
            Ok(record) => Ok(Some(record)),
            Err(_) if self.ignore_error => {
                Ok(Some(LineRecord { value: Some(line.to_vec()), ..LineRecord::default() }))
            }
            Err(error) => Err(error),
        }
    }

    fn take_apart(&self, line: &[u8], number: u64) -> Result<LineRecord, ToolError> {
        let mut record = LineRecord::default();
        let mut rest = line;
        let missing = |what: &str| {
            let shown = String::from_utf8_lossy(line);
            ToolError::Argument(format!("No {what} found on line number {number}: '{shown}'"))
        };
        if self.parse_headers {
            let (headers, after) = split_once(rest, self.headers_delimiter.as_bytes())
                .ok_or_else(|| missing("header delimiter"))?;
            rest = after;
            if !self.is_null(headers) {
                for header in split(headers, self.headers_separator.as_bytes()) {
                    let (key, value) = split_once(header, self.headers_key_separator.as_bytes())
                        .ok_or_else(|| missing("header key separator"))?;
                    record.headers.push((key.to_vec(), self.value(value)));
                }
            }
        }
        if self.parse_key {
            let (key, after) = split_once(rest, self.key_separator.as_bytes())
                .ok_or_else(|| missing("key separator"))?;
            record.key = self.value(key);
            rest = after;
        }
        record.value = self.value(rest);
        Ok(record)
    }

    fn is_null(&self, bytes: &[u8]) -> bool {
        self.null_marker.as_ref().is_some_and(|marker| marker.as_bytes() == bytes)
    }

    fn value(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        (!self.is_null(bytes)).then(|| bytes.to_vec())
    }
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

fn split<'a>(mut bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some((part, rest)) = split_once(bytes, separator) {
        parts.push(part);
        bytes = rest;
    }
    parts.push(bytes);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::arguments::property_map;

    fn format(properties: &[&str]) -> LineFormat {
        let given: Vec<String> = properties.iter().map(|text| (*text).to_owned()).collect();
        LineFormat::parse(&property_map(&given)).unwrap()
    }

    fn bytes(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_is_a_value() {
        let record = format(&[]).record(b"k\tv", 1).unwrap().unwrap();

        assert_eq!(record, LineRecord { value: bytes("k\tv"), ..LineRecord::default() });
    }

    #[test]
    fn keys_and_headers_come_before_it() {
        let format = format(&[
            "parse.key=true",
            "key.separator=:",
            "parse.headers=true",
            "null.marker=NULL",
        ]);

        let record = format.record(b"a:1,b:NULL\tk:v:w", 1).unwrap().unwrap();

        assert_eq!(record.key, bytes("k"));
        assert_eq!(record.value, bytes("v:w"));
        assert_eq!(record.headers, [(b"a".to_vec(), bytes("1")), (b"b".to_vec(), None)]);
        let tombstone = format.record(b"NULL\tk:NULL", 1).unwrap().unwrap();
        assert_eq!((tombstone.key, tombstone.value), (bytes("k"), None));
    }

    #[test]
    fn a_line_without_a_separator_is_named_or_passed_as_it_is() {
        let refused = format(&["parse.key=true"]).record(b"x", 7).unwrap_err().to_string();
        assert!(refused.contains("No key separator found on line number 7"), "{refused}");

        let lenient = format(&["parse.key=true", "ignore.error=true"]);
        assert_eq!(lenient.record(b"x", 7).unwrap().unwrap().value, bytes("x"));
    }
}
