//! AlterClientQuotas (key 49), versions 0 to 1.
//!
//! Sets and unsets quotas of users, client ids and addresses (KIP-546), or says whether it would.
//! v1 flexible
//! An address may be named by its host, which is looked up once, here.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::controller::{AlterQuotas, AskedEntity, QuotaAlteration, QuotaError};
use crate::quota::QuotaEntity;
use crate::runtime::look_up;
use kafka_protocol::messages::alter_client_quotas_request::{EntryData, OpData};
use kafka_protocol::messages::alter_client_quotas_response::{
    EntityData, EntryData as EntryAnswer,
};
use kafka_protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use std::net::IpAddr;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: AlterClientQuotasRequest,
) -> Answer<AlterClientQuotasResponse> {
    let (controller, now) = (ask.broker.controller.clone(), ask.now);
    let mut alterations: Vec<QuotaAlteration> =
        request.entries.into_iter().map(alteration).collect();
    let validate_only = request.validate_only;
    // Hosts have to be looked up first, so here the order is not sent at once. Nothing of this
    // connection can overtake it: all wait for the answer.
    Answer::later(async move {
        for alteration in &mut alterations {
            alteration.address = address(&alteration.entity).await;
        }
        let named: Vec<AskedEntity> =
            alterations.iter().map(|alteration| alteration.entity.clone()).collect();
        let order = AlterQuotas { alterations, validate_only };
        let results = controller.alter_quotas(now, order).await.unwrap_or_else(|error| {
            let refused = |entity| (entity, Err(QuotaError::Controller(error.clone())));
            named.into_iter().map(refused).collect()
        });
        let entries = results.into_iter().map(answer).collect();
        AlterClientQuotasResponse::default().with_entries(entries)
    })
}

/// Of a kind that is named twice the last name counts, as in Kafka.
fn alteration(entry: EntryData) -> QuotaAlteration {
    let parts = entry.entity.into_iter();
    let parts = parts
        .map(|part| (part.entity_type.to_string(), part.entity_name.map(|name| name.to_string())));
    let change = |op: OpData| (op.key.to_string(), (!op.remove).then_some(op.value));
    QuotaAlteration {
        entity: parts.collect(),
        address: None,
        changes: entry.ops.into_iter().map(change).collect(),
    }
}

/// The address that an entity names, if it is one that can be.
async fn address(entity: &AskedEntity) -> Option<IpAddr> {
    let name = entity.get(QuotaEntity::IP)?.as_deref()?;
    if entity.len() > 1 || name.is_empty() {
        return None;
    }
    look_up(name).await
}

fn answer((entity, result): (AskedEntity, Result<(), QuotaError>)) -> EntryAnswer {
    let parts = entity.into_iter().map(|(kind, name)| {
        EntityData::default().with_entity_type(kind.into()).with_entity_name(name.map(Into::into))
    });
    let answer = EntryAnswer::default().with_entity(parts.collect());
    match result {
        Ok(()) => answer.with_error_message(None),
        Err(error) => answer
            .with_error_code(error.code().code())
            .with_error_message(Some(error.to_string().into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;
    use kafka_protocol::messages::alter_client_quotas_request::EntityData as AskedPart;

    #[test]
    fn an_entry_is_read_with_nulls_and_removals() {
        let part = |kind: &str, name: Option<&str>| {
            AskedPart::default()
                .with_entity_type(kind.to_owned().into())
                .with_entity_name(name.map(|name| name.to_owned().into()))
        };
        let op = |key: &str, value, remove| {
            OpData::default().with_key(key.to_owned().into()).with_value(value).with_remove(remove)
        };
        let entry = EntryData::default()
            .with_entity(vec![part("user", Some("a")), part("client-id", None), part("user", None)])
            .with_ops(vec![op("x", 1.5, false), op("y", 2.0, true)]);

        let read = alteration(entry);

        let entity = AskedEntity::from([("client-id".to_owned(), None), ("user".to_owned(), None)]);
        assert_eq!(read.entity, entity);
        assert_eq!(read.changes, [("x".to_owned(), Some(1.5)), ("y".to_owned(), None)]);
    }

    #[tokio::test]
    async fn only_an_address_alone_is_looked_up() {
        let of = |parts: &[(&str, Option<&str>)]| -> AskedEntity {
            let parts = parts.iter();
            parts.map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned))).collect()
        };

        assert_eq!(address(&of(&[("ip", Some("10.1.2.3"))])).await, "10.1.2.3".parse().ok());
        assert_eq!(address(&of(&[("ip", Some("::1"))])).await, "::1".parse().ok());
        assert_eq!(address(&of(&[("ip", None)])).await, None);
        assert_eq!(address(&of(&[("ip", Some("10.1.2.3")), ("user", None)])).await, None);
        assert_eq!(address(&of(&[("user", Some("10.1.2.3"))])).await, None);
    }

    #[test]
    fn every_version_can_be_encoded() {
        for version in 0..=1 {
            let entity = AskedEntity::from([("user".to_owned(), Some("a".to_owned()))]);
            let entries =
                vec![answer((entity.clone(), Ok(()))), answer((entity, Err(QuotaError::TooMany)))];
            assert_eq!((entries[0].error_code, entries[1].error_code), (0, 44));
            let response = AlterClientQuotasResponse::default().with_entries(entries);
            assert!(encode_response(1, version, &response).is_ok(), "version {version}");
        }
    }
}
