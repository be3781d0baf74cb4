//! Setting client quotas, and finding them; the checks of Kafka's `ClientQuotaControlManager` and
//! `ClientQuotasImage`, in their order.

use super::machine::{ControllerMachine, RECORDS_MAX};
use super::quota_error::QuotaError;
use super::records::{QuotaRecord, Record};
use super::request::{
    AlterQuotas, Answer, AskedEntity, QuotaAlteration, QuotaComponent, QuotaFilter,
};
use crate::machine::Decision;
use crate::quota::{EntityQuotas, QuotaEntity, QuotaKey, QuotaName, QuotaValue};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn alter(machine: &ControllerMachine, request: AlterQuotas) -> Decision<Record, Answer> {
    let mut records = Vec::new();
    let mut results: Vec<(AskedEntity, Result<(), QuotaError>)> = Vec::new();
    let mut places: BTreeMap<AskedEntity, usize> = BTreeMap::new();
    for alteration in request.alterations {
        let mut keys = BTreeSet::new();
        let is_single = alteration.changes.iter().all(|(key, _)| keys.insert(key.as_str()));
        let known = places.get(&alteration.entity).copied();
        let result = if known.is_some() || !is_single {
            // What the first one of several did stands, though its answer does not say so.
            Err(QuotaError::Duplicate(shown(&alteration.entity)))
        } else {
            alter_one(machine, &alteration).map(|made| records.extend(made))
        };
        match known.and_then(|place| results.get_mut(place)) {
            Some(before) => before.1 = result,
            None => {
                places.insert(alteration.entity.clone(), results.len());
                results.push((alteration.entity, result));
            }
        }
    }
    if records.len() > RECORDS_MAX {
        records.clear();
        results.iter_mut().for_each(|(_, result)| *result = Err(QuotaError::TooMany));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, answer: Answer::QuotasAltered(results) }
}

fn alter_one(
    machine: &ControllerMachine,
    alteration: &QuotaAlteration,
) -> Result<Vec<Record>, QuotaError> {
    let entity = entity(alteration)?;
    let is_ip = matches!(entity, QuotaEntity::Ip(_));
    let nothing = EntityQuotas::default();
    let current = machine.state().quotas().get(&entity).unwrap_or(&nothing);
    let mut records = Vec::with_capacity(alteration.changes.len());
    for (name, value) in &alteration.changes {
        let key = QuotaKey::parse(name).filter(|key| key.is_of_addresses() == is_ip);
        let value = match value {
            Some(value) => {
                let key = key.ok_or_else(|| QuotaError::UnknownKey(name.clone()))?;
                check(key, *value)?;
                Some(QuotaValue::new(*value))
            }
            None => None,
        };
        // What is not set can be unset, whatever it is called.
        if let Some(key) = key
            && current.values.get(&key).copied() != value
        {
            let (entity, address) = (entity.clone(), alteration.address);
            records.push(Record::Quota(QuotaRecord { entity, address, key, value }));
        }
    }
    Ok(records)
}

fn entity(alteration: &QuotaAlteration) -> Result<QuotaEntity, QuotaError> {
    if alteration.entity.is_empty() {
        return Err(QuotaError::EmptyEntity);
    }
    for (kind, name) in &alteration.entity {
        if ![QuotaEntity::USER, QuotaEntity::CLIENT_ID, QuotaEntity::IP].contains(&kind.as_str()) {
            return Err(QuotaError::UnhandledType(kind.clone()));
        }
        if name.as_ref().is_some_and(String::is_empty) {
            return Err(QuotaError::EmptyName(kind.clone()));
        }
    }
    let named = |kind: &str| alteration.entity.get(kind).cloned().map(QuotaName::from);
    let parts = (named(QuotaEntity::USER), named(QuotaEntity::CLIENT_ID), named(QuotaEntity::IP));
    match parts {
        (None, None, Some(ip)) => {
            if let (Some(name), None) = (ip.name(), alteration.address) {
                return Err(QuotaError::UnknownHost(name.to_owned()));
            }
            Ok(QuotaEntity::Ip(ip))
        }
        (_, _, Some(_)) => Err(QuotaError::IpWithOthers),
        (Some(user), None, None) => Ok(QuotaEntity::User(user)),
        (Some(user), Some(client), None) => Ok(QuotaEntity::UserClient(user, client)),
        (None, Some(client), None) => Ok(QuotaEntity::Client(client)),
        (None, None, None) => Err(QuotaError::EmptyEntity),
    }
}

/// What a value may be: Kafka reads byte rates as 64 bits, the rate of connections as 32, the rest
/// as floats, which may be infinite. It takes what is no number as well, which bounds nothing.
fn check(key: QuotaKey, value: f64) -> Result<(), QuotaError> {
    /// The nearest float to the largest 64-bit number.
    const LONG_MAX: f64 = 9_223_372_036_854_775_807.0;
    let name = || key.name().to_owned();
    if value.is_nan() || value <= 0.0 {
        return Err(QuotaError::NotPositive(name()));
    }
    let (max, kind) = match key {
        QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => (LONG_MAX, "LONG"),
        QuotaKey::ConnectionCreationRate => (f64::from(i32::MAX), "INT"),
        QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => return Ok(()),
    };
    if value > max {
        return Err(QuotaError::TooLarge(name(), kind));
    }
    if value % 1.0 > 1e-6 { Err(QuotaError::Fractional(name())) } else { Ok(()) }
}

/// As Kafka's `ClientQuotaEntity` shows itself.
fn shown(entity: &AskedEntity) -> String {
    let part = |(kind, name): (&String, &Option<String>)| {
        format!("{kind}={}", name.as_deref().unwrap_or("null"))
    };
    let parts: Vec<String> = entity.iter().map(part).collect();
    format!("ClientQuotaEntity(entries={{{}}})", parts.join(", "))
}

/// How a component of a question is matched (`DescribeClientQuotasRequest`).
mod matching {
    pub(super) const EXACT: i8 = 0;
    pub(super) const DEFAULT: i8 = 1;
    pub(super) const SPECIFIED: i8 = 2;
}

/// What an entity has to have of one kind.
enum Wanted<'a> {
    /// This name, or the default one.
    This(Option<&'a str>),
    /// Any, but some.
    Some,
}

pub(super) fn describe(machine: &ControllerMachine, filter: &QuotaFilter) -> Answer {
    let wanted = match wanted(filter) {
        Ok(wanted) => wanted,
        Err(error) => return Answer::Quotas(Err(error)),
    };
    let matches = |entity: &QuotaEntity| {
        let parts: BTreeMap<&str, Option<&str>> =
            entity.parts().into_iter().map(|(kind, name)| (kind, name.name())).collect();
        let has = |(kind, wanted): (&&str, &Wanted<'_>)| match (parts.get(kind), wanted) {
            (Some(name), Wanted::This(this)) => name == this,
            (Some(_), Wanted::Some) => true,
            (None, _) => false,
        };
        (!filter.strict || parts.len() == wanted.len()) && wanted.iter().all(has)
    };
    let quotas = machine.state().quotas().iter();
    let found = quotas.filter(|(entity, _)| matches(entity));
    Answer::Quotas(Ok(found.map(|(entity, quotas)| (entity.clone(), quotas.clone())).collect()))
}

fn wanted(filter: &QuotaFilter) -> Result<BTreeMap<&str, Wanted<'_>>, QuotaError> {
    let mut wanted = BTreeMap::new();
    for QuotaComponent { kind, match_type, name } in &filter.components {
        if kind.is_empty() {
            return Err(QuotaError::EmptyType);
        }
        if wanted.contains_key(kind.as_str()) {
            return Err(QuotaError::RepeatedType(kind.clone()));
        }
        if ![QuotaEntity::USER, QuotaEntity::CLIENT_ID, QuotaEntity::IP].contains(&kind.as_str()) {
            return Err(QuotaError::UnsupportedType(kind.clone()));
        }
        let what = match (*match_type, name) {
            (matching::EXACT, Some(name)) => Wanted::This(Some(name)),
            (matching::EXACT, None) => return Err(QuotaError::ExactWithoutName),
            (matching::DEFAULT, None) => Wanted::This(None),
            (matching::DEFAULT, Some(_)) => {
                return Err(QuotaError::NameGiven("MATCH_TYPE_DEFAULT"));
            }
            (matching::SPECIFIED, None) => Wanted::Some,
            (matching::SPECIFIED, Some(_)) => {
                return Err(QuotaError::NameGiven("MATCH_TYPE_SPECIFIED"));
            }
            (raw, _) => return Err(QuotaError::UnknownMatch(raw)),
        };
        wanted.insert(kind.as_str(), what);
    }
    if wanted.contains_key(QuotaEntity::IP) && wanted.len() > 1 {
        return Err(QuotaError::FilterIpWithOthers);
    }
    Ok(wanted)
}
