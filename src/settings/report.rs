//! Settings for people: what is in force and from where, and the reference page.

use std::fmt::Write as _;

use ottla_actors::types::{Effect, Given, Setting, TOPIC_CONFIGS, broker_config_type};

use super::Settings;

/// Every setting in force as aligned lines: name, value, origin. Secrets are not shown.
#[must_use]
pub fn effective(settings: &Settings) -> String {
    let defaults = Setting::all().filter(|row| !settings.given.given().contains_key(row.name));
    let default = |row: &Setting| {
        (row.name.to_owned(), shown(row.default, row.is_sensitive()), "default".to_owned())
    };
    let mut rows: Vec<Row> = chosen(settings);
    rows.extend(defaults.map(default));
    rows.sort();
    let width = |of: fn(&Row) -> &String| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0).min(WIDTH_MAX)
    };
    let (names, values) = (width(|row| &row.0), width(|row| &row.1));
    let mut text = String::new();
    for (name, value, origin) in &rows {
        line(&mut text, format_args!("{name:names$}  {value:values$}  {origin}"));
    }
    text
}

/// What some layer gave, in the order of names: name, value, origin. Secrets are not shown.
#[must_use]
pub fn chosen(settings: &Settings) -> Vec<Row> {
    let row = |(name, given): (&String, &Given)| {
        let sensitive = broker_config_type(name).is_sensitive();
        (name.clone(), shown(Some(&given.value), sensitive), given.origin.clone())
    };
    settings.given.given().iter().map(row).collect()
}

/// Name, value and origin, as text.
pub type Row = (String, String, String);

/// A longer value pushes its own line out, not all others.
const WIDTH_MAX: usize = 60;

fn shown(value: Option<&str>, sensitive: bool) -> String {
    match value {
        None => "-".to_owned(),
        Some(_) if sensitive => "[hidden]".to_owned(),
        Some("") => "\"\"".to_owned(),
        Some(value) => value.to_owned(),
    }
}

/// The text of `config/REFERENCE.md`, printed from the tables.
#[must_use]
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    for (heading, rows) in Setting::groups() {
        let working: Vec<&Setting> = rows.iter().filter(|row| row.effect != Effect::None).collect();
        if working.is_empty() {
            continue;
        }
        line(&mut text, format_args!("\n## {heading}\n\n{TABLE_HEAD}"));
        for row in working {
            let default = cell(row.default);
            let default = match row.kafka_default {
                Some(kafka) => format!("{default} (Kafka: {})", cell(Some(kafka))),
                None => default,
            };
            let live = if row.dynamic { "live" } else { "restart" };
            line(
                &mut text,
                format_args!(
                    "| `{}` | {} | {default} | {} | {live} | {} |",
                    row.name,
                    row.kind.name().to_lowercase(),
                    row.bounds,
                    row.doc
                ),
            );
        }
    }
    topics(&mut text);
    text.push_str("\n## Taken, without effect\n\nListed by DescribeConfigs as Kafka lists them; setting one is warned about.\n\n");
    for row in Setting::all().filter(|row| row.effect == Effect::None) {
        line(&mut text, format_args!("- `{}` = {}", row.name, cell(row.default)));
    }
    text
}

fn topics(text: &mut String) {
    text.push_str("\n## Topics\n\nSet for one topic, when it is created or later; without it the broker's setting applies.\n\n| name | type | default | values | broker setting | what it does |\n|---|---|---|---|---|---|\n");
    for row in TOPIC_CONFIGS {
        let synonym = row.synonym.map_or_else(String::new, |name| format!("`{name}`"));
        line(
            text,
            format_args!(
                "| `{}` | {} | {} | {} | {synonym} | {} |",
                row.name,
                row.kind.name().to_lowercase(),
                cell(Some(row.default)),
                row.bounds,
                row.doc
            ),
        );
    }
}

fn cell(value: Option<&str>) -> String {
    match value {
        None | Some("null") => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    writeln!(text, "{arguments}").unwrap_or_default();
}

const TABLE_HEAD: &str = "| name | type | default | values | change | what it does |\n\
                          |---|---|---|---|---|---|";

const REFERENCE_HEAD: &str = "\
# Settings

Printed from the table of settings by `UPDATE=1 cargo test`; do not edit.

Names are Kafka's. Layers, later ones win: the defaults below, `config/ottla.toml` (part of the
binary), the file named by `--config` or `OTTLA_CONFIG` (`.toml`, `.yaml`, `.properties`), variables
`KAFKA_*` as the apache/kafka image reads them and `OTTLA_*` in the same way, then `--set
name=value`. `ottla config` prints what is in force and where it came from. In a file a table and a
dotted key mean the same. *live* settings can be changed by AlterConfigs, the others at a restart.

Topics that have to be there are declared: `[[topics]]` with `name`, `partitions`, `replicas` and
`configs` in a `.toml` or `.yaml` file, or `KAFKA_CREATE_TOPICS`, entries
`name:partitions:replicas[:cleanup.policy]` between commas. What the variable says of a topic takes
the place of what the file says. Of the bitnami image `KAFKA_CFG_*` and `KAFKA_KRAFT_CLUSTER_ID` are
read too; `KAFKA_*` wins over them, and `CLUSTER_ID` is `ottla.cluster.id`.
";
