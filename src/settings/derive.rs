//! Settings that follow from others.

use std::collections::BTreeMap;

use ottla_actors::types::Given;

use super::Entry;

/// Whoever says only what clients are told has said where to listen: on those ports, on every
/// address (the image's `configure` script).
pub(super) fn listeners(chosen: &BTreeMap<String, Given>) -> Vec<Entry> {
    let text = |name: &str| chosen.get(name).map_or("", |given| given.value.trim());
    let advertised = text("advertised.listeners");
    if advertised.is_empty() || !text("listeners").is_empty() {
        return Vec::new();
    }
    let everywhere = |entry: &str| {
        let (name, address) = entry.split_once("://")?;
        let (_, port) = address.rsplit_once(':')?;
        Some(format!("{}://0.0.0.0:{port}", name.trim()))
    };
    let value: Option<Vec<String>> = advertised.split(',').map(everywhere).collect();
    // What does not look like an address is refused later, where advertised.listeners is parsed.
    let Some(value) = value else { return Vec::new() };
    vec![Entry {
        name: "listeners".to_owned(),
        value: value.join(","),
        origin: "from advertised.listeners".to_owned(),
    }]
}
