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
use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha512};
use uuid::Uuid;

use super::Changes;
use super::entity::{CLIENT, Entity, IP, USER, Which};
use crate::tools::arguments::pairs;
use crate::tools::client::{Client, To, text};
use crate::tools::output::Out;
use crate::tools::problem::ToolError;

/// Mechanisms by their numbers.
const MECHANISMS: &[(i8, &str)] = &[(1, "SCRAM-SHA-256"), (2, "SCRAM-SHA-512")];
const SHA_256: i8 = 1;
/// Fewest rounds of hashing that Kafka takes, and its default.
const ITERATIONS_MIN: u32 = 4096;
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
            let known = MECHANISMS.iter().find(|(number, _)| *number == info.mechanism);
            format!("{}=iterations={}", known.map_or("UNKNOWN", |(_, name)| name), info.iterations)
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
            ToolError::Argument(format!(
                "Cannot parse quota configuration value for {key}: {value}"
            ))
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

/// The number of a mechanism.
fn mechanism(name: &str) -> Option<i8> {
    MECHANISMS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
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
            .with_mechanism(mechanism(scram).unwrap_or_default())
    };
    let mut upsertions = Vec::new();
    for (scram, given) in passwords {
        upsertions.push(upsertion(user, mechanism(scram).unwrap_or_default(), given)?);
    }
    let request = AlterUserScramCredentialsRequest::default()
        .with_deletions(gone.iter().map(deletion).collect())
        .with_upsertions(upsertions);
    for result in client.ask(To::Any, i16::MAX, &request)?.results {
        ToolError::check(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

/// A credential of `[iterations=4096,password=…]`. The password itself does not leave this process.
fn upsertion(
    user: &str,
    mechanism: i8,
    given: &str,
) -> Result<ScramCredentialUpsertion, ToolError> {
    let (mut iterations, mut password) = (ITERATIONS_MIN, None);
    for (name, value) in pairs(given)? {
        match name.as_str() {
            "password" => password = Some(value),
            "iterations" => {
                iterations = value.parse().map_err(|_| {
                    ToolError::Argument(format!("iterations is {value:?}, expected a number"))
                })?;
            }
            _ => return Err(ToolError::Argument(format!("a SCRAM credential has no {name}"))),
        }
    }
    if iterations < ITERATIONS_MIN {
        return Err(ToolError::Argument(format!(
            "iterations is {iterations}, {ITERATIONS_MIN} is the least"
        )));
    }
    let password = password
        .ok_or_else(|| ToolError::Argument("a SCRAM credential has a password=".to_owned()))?;
    // Two random ids are as good a salt as any.
    let salt = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let salted = salted_password(mechanism, password.as_bytes(), &salt, iterations);
    Ok(ScramCredentialUpsertion::default()
        .with_name(text(user))
        .with_mechanism(mechanism)
        .with_iterations(i32::try_from(iterations).unwrap_or(i32::MAX))
        .with_salt(salt.into())
        .with_salted_password(salted.into()))
}

/// `Hi(password, salt, iterations)` of RFC 5802.
fn salted_password(mechanism: i8, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
    if mechanism == SHA_256 {
        let mut salted = vec![0; 32];
        pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
        salted
    } else {
        let mut salted = vec![0; 64];
        pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted);
        salted
    }
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

    #[test]
    fn a_salted_password_is_that_of_the_rfc() {
        // The example of RFC 7677.
        let salt = 0x5b6d_9968_9d12_358e_eca0_4b14_1236_fa81_u128.to_be_bytes();

        let salted = salted_password(SHA_256, b"pencil", &salt, 4096);

        let hex: String = salted.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d");
    }

    #[test]
    fn a_credential_has_a_password_and_enough_iterations() {
        let made = upsertion("alice", 2, "password=secret").unwrap();
        assert_eq!((made.iterations, made.salted_password.len()), (4096, 64));

        for wrong in
            ["iterations=5000", "iterations=1,password=p", "word=p", "iterations=x,password=p"]
        {
            assert!(upsertion("alice", 1, wrong).is_err(), "{wrong}");
        }
    }
}
