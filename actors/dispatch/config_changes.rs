//! What AlterConfigs and IncrementalAlterConfigs share: the way to the controller and back.

use super::answer::Ask;
use crate::controller::{
    AlterConfigs, ConfigChange, ConfigResource, ConfigsAltered, ControllerError, ResourceAlteration,
};
use kafka_protocol::protocol::StrBytes;
use std::future::Future;

/// Whether what is not named stays as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    Stays,
    GoesBackToDefault,
}

/// Has resources altered; every one of them gets its answer, in the request's order.
pub(super) fn alter(
    ask: &Ask<'_>,
    resources: Vec<ResourceAlteration>,
    unnamed: Unnamed,
    validate_only: bool,
) -> impl Future<Output = Vec<ConfigsAltered>> + use<> {
    let named =
        |resource: &ResourceAlteration| (resource.resource_type, resource.resource_name.clone());
    let named: Vec<(i8, String)> = resources.iter().map(named).collect();
    let replace = unnamed == Unnamed::GoesBackToDefault;
    let order = AlterConfigs { resources, replace, validate_only, node: ask.broker.node };
    let altered = ask.broker.controller.alter_configs(ask.now, order);
    async move { altered.await.unwrap_or_else(|error| refuse(named, &error)) }
}

/// The answer of every resource where the controller gave none.
fn refuse(named: Vec<(i8, String)>, error: &ControllerError) -> Vec<ConfigsAltered> {
    let refused = named.into_iter().map(|(resource_type, resource_name)| ConfigsAltered {
        resource_type,
        resource_name,
        result: Err(error.clone()),
    });
    refused.collect()
}

/// A change as the controller takes it, with what the wire holds.
pub(super) fn change(name: &StrBytes, operation: i8, value: Option<StrBytes>) -> ConfigChange {
    ConfigChange { name: name.to_string(), operation, value: value.map(|value| value.to_string()) }
}

/// Code and text of a resource's answer.
pub(super) fn told(result: Result<ConfigResource, ControllerError>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(_) => (0, None),
        Err(error) => (error.code().code(), Some(error.to_string().into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_refused_where_the_controller_gave_no_answer() {
        let named = vec![(2, "t".to_owned()), (4, "1".to_owned())];

        let refused = refuse(named, &ControllerError::Unavailable);

        let seen: Vec<_> = refused
            .into_iter()
            .map(|altered| (altered.resource_type, altered.resource_name, told(altered.result).0))
            .collect();
        assert_eq!(seen, [(2, "t".to_owned(), 41), (4, "1".to_owned(), 41)]);
    }
}
