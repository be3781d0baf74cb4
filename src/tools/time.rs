//! Times and durations as Kafka's tools take them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};

use super::problem::ToolError;

/// Now, in ms since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-01-31T12:00:00.000`, with `Z` or an offset; without either it is UTC. In ms since 1970.
pub(super) fn parse_date_time(text: &str) -> Result<i64, ToolError> {
    let (_, time) = text.split_once('T').unwrap_or((text, ""));
    let zoned = if time.contains(['Z', '+', '-']) { text.to_owned() } else { format!("{text}Z") };
    let parsed: Result<Timestamp, _> = zoned.parse();
    parsed.map(Timestamp::as_millisecond).map_err(|_| {
        ToolError::Argument(format!(
            "{text:?} is no time, expected YYYY-MM-DDTHH:mm:SS.sss, with Z or an offset"
        ))
    })
}

/// `P1DT2H3M4S`, in ms; a day is 24 hours.
pub(super) fn parse_duration(text: &str) -> Result<i64, ToolError> {
    let refused = || ToolError::Argument(format!("{text:?} is no duration, expected PnDTnHnMnS"));
    let upper = text.to_ascii_uppercase();
    let rest = upper.strip_prefix('P').ok_or_else(refused)?;
    let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
    let days: i64 = match date.strip_suffix('D') {
        Some(days) => days.parse().map_err(|_| refused())?,
        None if date.is_empty() && !time.is_empty() => 0,
        None => return Err(refused()),
    };
    let within: SignedDuration = if time.is_empty() {
        SignedDuration::ZERO
    } else {
        format!("PT{time}").parse().map_err(|_| refused())?
    };
    let millis = i64::try_from(within.as_millis()).map_err(|_| refused())?;
    days.checked_mul(86_400_000).and_then(|days| days.checked_add(millis)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(parse_date_time("1970-01-02T00:00:00.001").unwrap(), 86_400_001);
        assert_eq!(parse_date_time("1970-01-02T00:00:00Z").unwrap(), 86_400_000);
        assert_eq!(parse_date_time("1970-01-02T01:00:00.000+01:00").unwrap(), 86_400_000);
        for wrong in ["", "1970-01-02", "soon", "1970-13-02T00:00:00"] {
            assert!(parse_date_time(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn durations_have_days_and_hours() {
        assert_eq!(parse_duration("P1DT2H").unwrap(), 26 * 3_600_000);
        assert_eq!(parse_duration("PT0.5S").unwrap(), 500);
        assert_eq!(parse_duration("P7D").unwrap(), 7 * 86_400_000);
        for wrong in ["", "P", "1D", "P1X", "PT"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
