//! How a record is printed.

use std::collections::BTreeMap;

use super::reader::Found;
use crate::tools::dump::describe_offsets_record;
use crate::tools::output::Out;
use crate::tools::problem::ToolError;

/// Which of Kafka's formatters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Fields that are asked for.
    Default,
    /// The same, with topic and partition before it.
    Logging,
    /// Nothing.
    NoOp,
    /// What records of `__consumer_offsets` mean.
    Offsets,
}

impl Kind {
    /// By the name of Kafka's class, whatever its package.
    pub(super) fn parse(class: Option<&str>) -> Result<Self, ToolError> {
        let Some(class) = class else { return Ok(Self::Default) };
        match class.rsplit(['.', '$']).next().unwrap_or_default() {
            "DefaultMessageFormatter" => Ok(Self::Default),
            "LoggingMessageFormatter" => Ok(Self::Logging),
            "NoOpMessageFormatter" => Ok(Self::NoOp),
            "OffsetsMessageFormatter" | "GroupMetadataMessageFormatter" => Ok(Self::Offsets),
            _ => Err(ToolError::Argument(format!("--formatter {class} is not there"))),
        }
    }
}

/// Prints records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formatter {
    kind: Kind,
    timestamp: bool,
    key: bool,
    offset: bool,
    partition: bool,
    epoch: bool,
    headers: bool,
    value: bool,
    key_separator: String,
    line_separator: String,
    headers_separator: String,
    null_literal: String,
}

impl Formatter {
    /// Reads the formatter's properties.
    pub(super) fn parse(
        kind: Kind,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, ToolError> {
        let flag = |name: &str, usual: bool| match properties.get(name).map(|value| value.trim()) {
            None => Ok(usual),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => {
                Err(ToolError::Argument(format!("{name} is {value:?}, expected true or false")))
            }
        };
        let text =
            |name: &str, usual: &str| properties.get(name).map_or(usual, String::as_str).to_owned();
        Ok(Self {
            kind,
            timestamp: flag("print.timestamp", false)?,
            key: flag("print.key", false)?,
            offset: flag("print.offset", false)?,
            partition: flag("print.partition", false)?,
            epoch: flag("print.epoch", false)?,
            headers: flag("print.headers", false)?,
            value: flag("print.value", true)?,
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
        })
    }

    /// Prints one record.
    pub(super) fn write(&self, found: &Found<'_>, out: Out<'_>) -> Result<(), ToolError> {
        match self.kind {
            Kind::NoOp => return Ok(()),
            Kind::Offsets => {
                let record = found.record.record;
                let shown = describe_offsets_record(record.key.unwrap_or_default(), record.value);
                writeln!(out, "{shown}")?;
                return Ok(());
            }
            Kind::Logging => write!(out, "{}-{}: ", found.topic, found.partition)?,
            Kind::Default => {}
        }
        out.write_all(&self.line(found))?;
        Ok(())
    }

    fn line(&self, found: &Found<'_>) -> Vec<u8> {
        let record = found.record.record;
        let mut fields: Vec<Vec<u8>> = Vec::new();
        if self.timestamp {
            let at = found.record.timestamp;
            let shown = match (at, found.header.is_log_append_time()) {
                (-1, _) => "NO_TIMESTAMP".to_owned(),
                (_, true) => format!("LogAppendTime:{at}"),
                (_, false) => format!("CreateTime:{at}"),
            };
            fields.push(shown.into_bytes());
        }
        if self.partition {
            fields.push(format!("Partition:{}", found.partition).into_bytes());
        }
        if self.offset {
            fields.push(format!("Offset:{}", found.record.offset).into_bytes());
        }
        if self.epoch {
            fields.push(format!("Epoch:{}", found.header.leader_epoch).into_bytes());
        }
        if self.headers {
            let shown = record
                .headers()
                .map(|header| [header.key, b":", self.or_null(header.value)].concat());
            let shown: Vec<Vec<u8>> = shown.collect();
            fields.push(if shown.is_empty() {
                b"NO_HEADERS".to_vec()
            } else {
                shown.join(self.headers_separator.as_bytes())
            });
        }
        if self.key {
            fields.push(self.or_null(record.key).to_vec());
        }
        if self.value {
            fields.push(self.or_null(record.value).to_vec());
        }
        let mut line = fields.join(self.key_separator.as_bytes());
        line.extend_from_slice(self.line_separator.as_bytes());
        line
    }

    fn or_null<'a>(&'a self, bytes: Option<&'a [u8]>) -> &'a [u8] {
        bytes.unwrap_or(self.null_literal.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::arguments::property_map;
    use ottla_actors::types::Offset;
    use ottla_actors::wire::{BatchBuilder, Header, Records};

    fn printed(properties: &[&str]) -> String {
        let mut batch = BatchBuilder::new().with_base_offset(Offset::from_wire(2).unwrap());
        batch.record(5, None, Some(b"three"));
        let headers = [Header { key: b"h", value: None }, Header { key: b"i", value: Some(b"1") }];
        batch.record_with_headers(-1, Some(b"k"), None, &headers);
        let batch = batch.build();
        let records = Records::open(&batch, 1000).unwrap();
        let given: Vec<String> = properties.iter().map(|text| (*text).to_owned()).collect();
        let formatter = Formatter::parse(Kind::Default, &property_map(&given)).unwrap();
        let mut out = Vec::new();
        for record in records.iter() {
            let (header, record) = (records.header, record.unwrap());
            let found = Found { topic: "in", partition: 0, header, record };
            formatter.write(&found, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_its_value_on_a_line() {
        assert_eq!(printed(&[]), "three\nnull\n");
    }

    #[test]
    fn fields_are_printed_as_recorded() {
        let asked = ["print.key=true", "print.offset=true", "print.partition=true"];
        assert_eq!(
            printed(&asked),
            "Partition:0\tOffset:2\tnull\tthree\nPartition:0\tOffset:3\tk\tnull\n"
        );
    }

    #[test]
    fn all_fields_have_an_order_and_separators() {
        let asked = [
            "print.timestamp=true",
            "print.headers=true",
            "print.value=false",
            "key.separator=|",
            "line.separator=;",
            "null.literal=-",
        ];
        assert_eq!(printed(&asked), "CreateTime:5|NO_HEADERS;NO_TIMESTAMP|h:-,i:1;");
    }

    #[test]
    fn formatters_go_by_the_names_of_kafkas_classes() {
        let kind = |class| Kind::parse(Some(class)).unwrap();
        assert_eq!(kind("org.apache.kafka.tools.consumer.NoOpMessageFormatter"), Kind::NoOp);
        assert_eq!(
            kind("kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter"),
            Kind::Offsets
        );
        assert!(Kind::parse(Some("x.Y")).is_err());
    }
}
