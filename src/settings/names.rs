//! Which names are settings, and what was probably meant where one is not.

use std::collections::BTreeSet;

use ottla_actors::types::{Effect, Listener, Setting, TopicConfigRow, listener_base};

use super::Entry;

/// Names that Kafka took before 4.0 or that its plug-ins read; each with what became of it. A name
/// that ends in a dot stands for all that begin with it.
const GONE: &[(&str, &str)] = &[
    ("zookeeper.", "ZooKeeper is gone since Kafka 4.0"),
    ("log.message.format.version", "removed in Kafka 4.0; records are always of format 2"),
    ("message.format.version", "removed in Kafka 4.0; records are always of format 2"),
    ("inter.broker.protocol.version", "removed in Kafka 4.0"),
    ("log.message.downconversion.enable", "removed in Kafka 4.0"),
    ("message.downconversion.enable", "removed in Kafka 4.0"),
    (
        "log.message.timestamp.difference.max.ms",
        "removed in Kafka 4.0; use log.message.timestamp.before.max.ms and .after.max.ms",
    ),
    (
        "message.timestamp.difference.max.ms",
        "removed in Kafka 4.0; use message.timestamp.before.max.ms and .after.max.ms",
    ),
    ("broker.id.generation.enable", "removed in Kafka 4.0; set node.id"),
    ("reserved.broker.max.id", "removed in Kafka 4.0"),
    ("control.plane.listener.name", "removed in Kafka 4.0; use controller.listener.names"),
    ("password.encoder.", "removed in Kafka 4.0"),
    ("delegation.token.master.key", "renamed in Kafka; use delegation.token.secret.key"),
    ("leader.imbalance.per.broker.percentage", "removed in Kafka 4.0"),
    ("host.name", "removed in Kafka 3.0; use listeners"),
    ("port", "removed in Kafka 3.0; use listeners"),
    ("advertised.host.name", "removed in Kafka 3.0; use advertised.listeners"),
    ("advertised.port", "removed in Kafka 3.0; use advertised.listeners"),
];

/// Names that stand in working files of Kafka though no table lists them: read by plug-ins, or
/// switches for trying things out. Taken, without effect.
const READ_BY_OTHERS: [&str; 4] = [
    "super.users",
    "allow.everyone.if.no.acl.found",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

/// Whether a name is a setting; else what to add to the complaint.
pub(super) fn known(name: &str) -> Result<(), String> {
    if Setting::find(name).is_some()
        || listener_base(name).is_some()
        || READ_BY_OTHERS.contains(&name)
    {
        return Ok(());
    }
    let gone = |(old, _): &&(&str, &str)| {
        if old.ends_with('.') { name.starts_with(old) } else { name == *old }
    };
    if let Some((_, reason)) = GONE.iter().find(gone) {
        return Err(format!(" ({reason})"));
    }
    if let Some(row) = TopicConfigRow::find(name) {
        return Err(match row.synonym {
            Some(synonym) => format!(" (for a topic it is; for the broker it is {synonym})"),
            None => " (for a topic it is; the broker has none)".to_owned(),
        });
    }
    Err(nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default())
}

/// The most similar name, if any is similar at all.
fn nearest(name: &str) -> Option<&'static str> {
    let scored = Setting::all().map(|row| (strsim::jaro_winkler(name, row.name), row.name));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    // Distance decides whether it is a slip: one letter in four is still one.
    let slip = strsim::damerau_levenshtein(name, best.1) * 4 <= name.len().max(8);
    slip.then_some(best.1)
}

/// What to say about a setting that is taken and does nothing. Those of a listener are not looked
/// at: see [`without_listener`].
pub(super) fn without_effect(entry: &Entry) -> Option<String> {
    let Entry { name, origin, .. } = entry;
    let works = match Setting::find(name) {
        Some(row) => row.effect != Effect::None,
        None => listener_base(name).is_some(),
    };
    (!works).then(|| format!("{origin}: {name} has no effect here"))
}

/// What to say about a setting of a listener that does nothing, or whose listener is not there.
pub(super) fn without_listener(entry: &Entry, listeners: &[Listener]) -> Option<String> {
    let Entry { name, origin, .. } = entry;
    let is_own = Setting::find(name).is_none() && listener_base(name).is_some();
    if !is_own || listeners.iter().any(|listener| listener.goes_by(name)) {
        return None;
    }
    let prefixes: BTreeSet<String> = listeners.iter().map(Listener::prefix).collect();
    if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(format!("{origin}: {name} has no effect here"));
    }
    let prefixes = Vec::from_iter(prefixes).join(", ");
    Some(format!("{origin}: {name} has no effect: settings of a listener begin with {prefixes}"))
}
