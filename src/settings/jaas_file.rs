//! The JAAS file that `KAFKA_OPTS` names, as compose files with SASL have it.

use std::fs;

use ottla_actors::types::{as_setting, sections};

use super::{Entry, LoadError};

/// The variable, and what it may hold besides things for a JVM.
pub(super) const VARIABLE: &str = "KAFKA_OPTS";
const OPTION: &str = "-Djava.security.auth.login.config=";

/// The section for every listener; behind a listener's name and a dot, that listener's own.
const SECTION: &str = "KafkaServer";

/// The file that the variable names.
fn named(options: &str) -> Option<&str> {
    let path = options.split_whitespace().find_map(|option| option.strip_prefix(OPTION))?;
    // Java takes one that begins with an equals sign for the only file.
    Some(path.trim_start_matches('=').trim_matches(['"', '\'']))
}

/// Whether the variable says nothing but that.
pub(super) fn is_all(options: &str) -> bool {
    options.split_whitespace().all(|option| option.starts_with(OPTION))
}

/// Users that the file names, as settings.
pub(super) fn entries(options: &str) -> Result<Vec<Entry>, LoadError> {
    let Some(path) = named(options) else { return Ok(Vec::new()) };
    let broken = |why: &dyn std::fmt::Display| LoadError(format!("{VARIABLE}: {path}: {why}"));
    let text = fs::read_to_string(path).map_err(|error| broken(&error))?;
    let mut entries = Vec::new();
    for (section, modules) in sections(&text).map_err(|error| broken(&error))? {
        let name = match section.strip_suffix(SECTION) {
            Some("") => "sasl.jaas.config".to_owned(),
            Some(listener) => {
                let Some(listener) = listener.strip_suffix('.') else { continue };
                format!("listener.name.{}.sasl.jaas.config", listener.to_lowercase())
            }
            // What a broker's own clients would be called.
            None => continue,
        };
        if !modules.is_empty() {
            entries.push(Entry { name, value: as_setting(&modules), origin: path.to_owned() });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_among_options() {
        let of = |text| (named(text), is_all(text));

        assert_eq!(of("-Djava.security.auth.login.config=/a/b.conf"), (Some("/a/b.conf"), true));
        let among = "-Xmx1G -Djava.security.auth.login.config=/a -Dx=y";
        assert_eq!(of(among), (Some("/a"), false));
        assert_eq!(of("-Xmx1G"), (None, false));
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = entries("-Djava.security.auth.login.config=/no/such").unwrap_err().to_string();

        assert!(said.starts_with("KAFKA_OPTS: /no/such: "), "{said}");
    }

    #[test]
    fn sections_become_settings_of_all_listeners_or_of_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "KafkaServer { A required user_a=\"b\"; };\nOne.KafkaServer { B required; };\n\
                    Client { C required; };\nOtherKafkaServer { D required; };";
        fs::write(file.path(), text).unwrap();

        let read = entries(&format!("{OPTION}{}", file.path().display()));

        let read: Vec<_> = read.unwrap().into_iter().map(|e| (e.name, e.value)).collect();
        let expected = [
            ("sasl.jaas.config", "A required user_a=\"b\";"),
            ("listener.name.one.sasl.jaas.config", "B required;"),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
