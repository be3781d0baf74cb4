//! Quotas of users, client ids and addresses, and users' SCRAM credentials.

use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_client_quotas_response::EntryData as DescribedQuotas;
use kafka_protocol::messages::describe_user_scram_credentials_request::UserName;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterUserScramCredentialsRequest, DescribeClientQuotasRequest,
    DescribeUserScramCredentialsRequest,
};
use ottla_actors::types::ScramMechanism;

use super::Changes;
use super::entity::{CLIENT, Entity, IP, USER, Which};
use crate::tools::arguments::pairs;
use crate::tools::client::{Client, To, text};
use crate::tools::output::Out;
use crate::tools::problem::ToolError;
use crate::tools::scram::{self, mechanism};

/// RESOURCE_NOT_FOUND: a user without credentials.
const RESOURCE_NOT_FOUND: i16 = 91;
/// How a component of an entity is matched.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// The entity's type in quota requests.
const fn kind_name(kind: i8) -> &'static str {
    match kind {
        USER => "user",
        CLIENT => "client-id",
        IP => "ip",
        _ => "",
    }
}

/// Shows quotas, and credentials of users.
pub(super) fn describe(
    client: &mut Client,
    entities: &[Entity],
    out: Out<'_>,
) -> Result<(), ToolError> {
    let component = |entity: &Entity| {
        let component = ComponentData::default().with_entity_type(text(kind_name(entity.kind)));
        match &entity.which {
            Which::Named(name) => component.with_match_type(EXACT).with_match(Some(text(name))),
            Which::Default => component.with_match_type(DEFAULT).with_match(None),
            Which::All => component.with_match_type(ANY).with_match(None),
        }
    };
    let request = DescribeClientQuotasRequest::default()
        .with_components(entities.iter().map(component).collect())
        .with_strict(true);
    let answer = client.ask(To::Any, i16::MAX, &request)?;
    ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    for entry in answer.entries.unwrap_or_default() {
        writeln!(out, "{}", line(&entry))?;
    }
    if let [entity] = entities
        && entity.kind == USER
        && entity.which != Which::Default
    {
        describe_credentials(client, entity, out)?;
    }
    Ok(())
}

fn line(entry: &DescribedQuotas) -> String {
    let of_kind = |kind: &str| entry.entity.iter().find(|part| &*part.entity_type == kind);
    let shown = |(kind, shown): (&str, &str)| {
        let part = of_kind(kind)?;
        Some(match &part.entity_name {
            Some(name) => format!("{shown} '{name}'"),
            None => format!("the default {shown}"),
        })
    };
    let kinds = [("user", "user-principal"), ("client-id", "client-id"), ("ip", "ip")];
    let entities: Vec<String> = kinds.into_iter().filter_map(shown).collect();
    let values = entry.values.iter();
    let values: Vec<String> =
        values.map(|value| format!("{}={}", value.key, shown_number(value.value))).collect();
    format!("Quota configs for {} are {}", entities.join(", "), values.join(", "))
}

/// As Java shows it: plain from a thousandth to ten millions, with an exponent beyond.
fn shown_number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) || !value.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

fn describe_credentials(
    client: &mut Client,
    entity: &Entity,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let users = match &entity.which {
        Which::Named(name) => Some(vec![UserName::default().with_name(text(name))]),
        Which::Default | Which::All => None,
    };
    let request = DescribeUserScramCredentialsRequest::default().with_users(users);
    let answer = client.ask(To::Any, i16::MAX, &request)?;
    ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    for result in answer.results {
        if result.error_code == RESOURCE_NOT_FOUND {
            continue;
        }
        ToolError::check(result.error_code, result.error_message.as_deref())?;
        let credential = |info: &kafka_protocol::messages::describe_user_scram_credentials_response::CredentialInfo| {
            let known = ScramMechanism::from_wire(info.mechanism);
            let name = known.map_or("UNKNOWN", ScramMechanism::name);
            format!("{name}=iterations={}", info.iterations)
        };
        let credentials: Vec<String> = result.credential_infos.iter().map(credential).collect();
        let (user, credentials) = (result.user, credentials.join(", "));
        writeln!(out, "SCRAM credential configs for user-principal '{user}' are {credentials}")?;
    }
    Ok(())
}

/// Changes quotas and credentials.
pub(super) fn alter(
    client: &mut Client,
    entities: &[Entity],
    changes: &Changes,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let mut parts = Vec::with_capacity(entities.len());
    for entity in entities {
        let name = match &entity.which {
            Which::Named(name) => Some(name.as_str()),
            Which::Default => None,
            Which::All => {
                return Err(ToolError::Usage(
                    "An entity name or --entity-default must be specified with --alter".to_owned(),
                ));
            }
        };
        parts.push((entity, name));
    }
    let Some(&(first, name)) = parts.first() else { return Ok(()) };
    let is_user = parts.len() == 1 && first.kind == USER;
    let (passwords, set): (Vec<_>, Vec<_>) =
        changes.set.iter().partition(|(name, _)| mechanism(name).is_some());
    let (credentials, unset): (Vec<&String>, Vec<&String>) =
        changes.unset.iter().partition(|name| mechanism(name).is_some());
    if !(credentials.is_empty() && passwords.is_empty()) {
        let user = name.filter(|_| is_user).ok_or_else(|| {
            ToolError::Argument("SCRAM credentials are those of one user".to_owned())
        })?;
        alter_credentials(client, user, &passwords, &credentials)?;
    }
    let mut operations = Vec::new();
    for (key, value) in set {
        let value: f64 = value.parse().map_err(|_| {
            // It may be a password behind a mechanism that is misspelt.
            ToolError::Argument(format!("Cannot parse quota configuration value for {key}"))
        })?;
        operations.push(OpData::default().with_key(text(key)).with_value(value));
    }
    operations
        .extend(unset.iter().map(|key| OpData::default().with_key(text(key)).with_remove(true)));
    if !operations.is_empty() {
        let part = |(entity, name): &(&Entity, Option<&str>)| {
            EntityData::default()
                .with_entity_type(text(kind_name(entity.kind)))
                .with_entity_name(name.map(text))
        };
        let entry =
            EntryData::default().with_entity(parts.iter().map(part).collect()).with_ops(operations);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        for answer in client.ask(To::Any, i16::MAX, &request)?.entries {
            ToolError::check(answer.error_code, answer.error_message.as_deref())?;
        }
    }
    let (singular, plural) = first.words();
    match name {
        Some(name) => writeln!(out, "Completed updating config for {singular} {name}.")?,
        None => writeln!(out, "Completed updating default config for {plural} in the cluster.")?,
    }
    Ok(())
}

/// Gives a user passwords, by mechanism, and takes others away.
fn alter_credentials(
    client: &mut Client,
    user: &str,
    passwords: &[(&String, &String)],
    gone: &[&String],
) -> Result<(), ToolError> {
    let deletion = |scram: &&String| {
        ScramCredentialDeletion::default()
            .with_name(text(user))
            .with_mechanism(mechanism(scram).map_or(0, ScramMechanism::to_wire))
    };
    let mut upsertions = Vec::new();
    for (scram, given) in passwords {
        if let Some(mechanism) = mechanism(scram) {
            upsertions.push(upsertion(user, mechanism, given)?);
        }
    }
    let request = AlterUserScramCredentialsRequest::default()
        .with_deletions(gone.iter().map(deletion).collect())
        .with_upsertions(upsertions);
    for result in client.ask(To::Any, i16::MAX, &request)?.results {
        ToolError::check(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

fn upsertion(
    user: &str,
    mechanism: ScramMechanism,
    given: &str,
) -> Result<ScramCredentialUpsertion, ToolError> {
    let credential = scram::credential(mechanism, pairs(given)?)?;
    Ok(ScramCredentialUpsertion::default()
        .with_name(text(user))
        .with_mechanism(mechanism.to_wire())
        .with_iterations(i32::try_from(credential.iterations).unwrap_or(i32::MAX))
        .with_salt(credential.salt.into())
        .with_salted_password(credential.salted_password.bytes().to_vec().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_java() {
        let shown: Vec<String> = [1000.0, 0.001, 9_999_999.0, 1e7, 2.5e-4, 1.234_5e9, 0.0]
            .into_iter()
            .map(shown_number)
            .collect();

        assert_eq!(shown, ["1000.0", "0.001", "9999999.0", "1.0E7", "2.5E-4", "1.2345E9", "0.0"]);
    }
}
