//! UpdateFeatures (key 57), versions 0 to 2.
//!
//! Takes features of the cluster to other levels, all of them or none.
//! v0 whether a level may go down, at which Kafka does not look · v1 which way it goes, only
//! checking · v2 no result of each
//! Not done: nothing; few features have levels to choose from, see `controller::FEATURES`.

use super::answer::{Answer, Ask};
use crate::controller::{ControllerError, FeatureUpdate, UpdateFeatures};
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::update_features_response::UpdatableFeatureResult;
use kafka_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use kafka_protocol::protocol::StrBytes;

/// First version whose answer has no result of each feature.
const ONE_RESULT_SINCE: i16 = 2;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: UpdateFeaturesRequest,
) -> Answer<UpdateFeaturesResponse> {
    let names = request.feature_updates.iter().map(|update| update.feature.clone());
    let names: Vec<StrBytes> =
        if ask.version < ONE_RESULT_SINCE { names.collect() } else { Vec::new() };
    let updates = UpdateFeatures {
        updates: request.feature_updates.iter().map(update).collect(),
        validate_only: request.validate_only,
        node: ask.broker.node,
    };
    let updated = ask.broker.controller.update_features(ask.now, updates);
    Answer::later(async move { answer(names, updated.await) })
}

fn update(asked: &FeatureUpdateKey) -> FeatureUpdate {
    FeatureUpdate {
        name: asked.feature.to_string(),
        level: asked.max_version_level,
        upgrade_type: asked.upgrade_type,
    }
}

fn answer(names: Vec<StrBytes>, updated: Result<(), ControllerError>) -> UpdateFeaturesResponse {
    match updated {
        Ok(()) => {
            // Kafka writes this word beside the code 0 of a feature.
            let word = Some(StrBytes::from_static_str("NONE"));
            let result = |name| {
                UpdatableFeatureResult::default()
                    .with_feature(name)
                    .with_error_message(word.clone())
            };
            UpdateFeaturesResponse::default()
                .with_error_message(None)
                .with_results(names.into_iter().map(result).collect())
        }
        Err(error) => UpdateFeaturesResponse::default()
            .with_error_code(error.code().code())
            .with_error_message(Some(text(&error).into())),
    }
}

/// Kafka says of which feature's sake all were refused, where it was one's.
fn text(error: &ControllerError) -> String {
    if let ControllerError::Feature(error) = error {
        let why = "The update failed for all features since the following feature had an error:";
        return format!("{why} {error}");
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{FeatureError, FeatureFault};
    use crate::wire::encode_response;

    #[test]
    fn a_refusal_names_its_feature_at_the_top_alone() {
        let fault = FeatureFault::Negative;
        let error = FeatureError { name: "group.version".to_owned(), level: -1, fault };
        let names = || vec![StrBytes::from_static_str("group.version")];

        let refused = answer(names(), Err(ControllerError::Feature(error)));
        let accepted = answer(names(), Ok(()));

        assert_eq!((refused.error_code, refused.results.len()), (95, 0));
        assert!(refused.error_message.is_some_and(|text| text.ends_with("cannot be less than 0.")));
        assert_eq!((accepted.error_code, accepted.results[0].error_code), (0, 0));
        for version in 0..ONE_RESULT_SINCE {
            assert!(encode_response(1, version, &accepted).is_ok(), "version {version}");
        }
    }
}
