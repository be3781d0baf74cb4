//! DescribeClientQuotas (key 48), versions 0 to 1.
//!
//! Lists quotas of users, client ids and addresses that a filter matches (KIP-546).
//! v1 flexible
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::controller::{QuotaComponent, QuotaError, QuotaFilter};
use crate::quota::{EntityQuotas, QuotaEntity};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeClientQuotasRequest,
) -> Answer<DescribeClientQuotasResponse> {
    let components = request.components.into_iter().map(component).collect();
    let filter = QuotaFilter { components, strict: request.strict };
    let found = ask.broker.controller.quotas(ask.now, filter);
    Answer::later(async move {
        match found.await.map_err(QuotaError::Controller) {
            Ok(Ok(found)) => DescribeClientQuotasResponse::default()
                .with_error_message(Some(StrBytes::default()))
                .with_entries(Some(found.into_iter().map(entry).collect())),
            Ok(Err(error)) | Err(error) => refuse(&error),
        }
    })
}

fn component(component: ComponentData) -> QuotaComponent {
    QuotaComponent {
        kind: component.entity_type.to_string(),
        match_type: component.match_type,
        name: component._match.map(|name| name.to_string()),
    }
}

fn entry((entity, quotas): (QuotaEntity, EntityQuotas)) -> EntryData {
    let parts = entity.parts().into_iter().map(|(kind, name)| {
        EntityData::default()
            .with_entity_type(kind.to_owned().into())
            .with_entity_name(name.name().map(|name| name.to_owned().into()))
    });
    let values = quotas.values.into_iter().map(|(key, value)| {
        ValueData::default().with_key(key.name().to_owned().into()).with_value(value.value())
    });
    EntryData::default().with_entity(parts.collect()).with_values(values.collect())
}

fn refuse(error: &QuotaError) -> DescribeClientQuotasResponse {
    DescribeClientQuotasResponse::default()
        .with_error_code(error.code().code())
        .with_error_message(Some(error.to_string().into()))
        .with_entries(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{QuotaKey, QuotaName, QuotaValue};
    use crate::wire::encode_response;
    use std::collections::BTreeMap;

    #[test]
    fn an_entry_names_its_entity_and_null_for_the_default() {
        let entity = QuotaEntity::UserClient(QuotaName::Named("u".to_owned()), QuotaName::Default);
        let values = BTreeMap::from([(QuotaKey::ProducerByteRate, QuotaValue::new(5.0))]);

        let entry = entry((entity, EntityQuotas { address: None, values }));

        let parts: Vec<_> = entry
            .entity
            .iter()
            .map(|part| (&*part.entity_type, part.entity_name.as_deref()))
            .collect();
        assert_eq!(parts, [("client-id", None), ("user", Some("u"))]);
        assert_eq!((&*entry.values[0].key, entry.values[0].value), ("producer_byte_rate", 5.0));
    }

    #[test]
    fn every_version_can_be_encoded() {
        for version in 0..=1 {
            let refused = refuse(&QuotaError::EmptyType);
            assert_eq!((refused.error_code, &refused.entries), (42, &None));
            let entity = QuotaEntity::Ip(QuotaName::Default);
            let found = DescribeClientQuotasResponse::default()
                .with_entries(Some(vec![entry((entity, EntityQuotas::default()))]));
            for response in [refused, found] {
                assert!(encode_response(1, version, &response).is_ok(), "version {version}");
            }
        }
    }
}
