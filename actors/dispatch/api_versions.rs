//! ApiVersions (key 18), versions 0 to 4.
//!
//! Tells which APIs are served, in which versions; the first request of most clients.
//! v1 throttle time · v3 flexible, client software name and version, features · v4 features with
//! a minimum of 0
//! An unknown version is answered in v0 with error 35 (KIP-511).

use super::answer::{Answer, Ask};
use super::table::API_TABLE;
use crate::controller::{FEATURES, Feature};
use crate::types::{ErrorCode, Offset};
use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: ApiVersionsRequest) -> Answer<ApiVersionsResponse> {
    let (name, version) = (&request.client_software_name, &request.client_software_version);
    if ask.version >= 3 && !(is_software_word(name) && is_software_word(version)) {
        let code = ErrorCode::InvalidRequest.code();
        return Answer::Now(ApiVersionsResponse::default().with_error_code(code));
    }
    if ask.version >= 3 {
        log::debug!(client = ask.client_id, software:% = name, version:% = version; "client");
    }
    let answer = ApiVersionsResponse::default().with_api_keys(ranges().collect());
    if ask.version < FEATURES_SINCE {
        return Answer::Now(answer);
    }
    let image = ask.broker.registry.image();
    Answer::Now(
        answer
            .with_supported_features(supported(FEATURES, ask.version).collect())
            .with_finalized_features(image.features.iter().map(finalized).collect())
            .with_finalized_features_epoch(epoch(image.log_end)),
    )
}

/// First version that tells of features.
const FEATURES_SINCE: i16 = 3;

/// First version whose readers take a lowest level of 0; older ones fail at it (KAFKA-17011).
const LEVEL_0_SINCE: i16 = 4;

fn supported(features: &[Feature], version: i16) -> impl Iterator<Item = SupportedFeatureKey> {
    let told = features
        .iter()
        .filter(move |feature| feature.is_there() && (feature.min > 0 || version >= LEVEL_0_SINCE));
    told.map(|feature| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name))
            .with_min_version(feature.min)
            .with_max_version(feature.max)
    })
}

fn finalized((name, level): (&String, &i16)) -> FinalizedFeatureKey {
    FinalizedFeatureKey::default()
        .with_name(StrBytes::from_string(name.clone()))
        .with_min_version_level(*level)
        .with_max_version_level(*level)
}

/// The offset of the last change that the image knows, as in Kafka; -1 where there is none.
fn epoch(log_end: Offset) -> i64 {
    log_end.to_wire() - 1
}

/// The answer to a version that is not served: only which versions of ApiVersions are.
pub(super) fn unsupported_version() -> ApiVersionsResponse {
    let own = ranges().filter(|range| range.api_key == ApiKey::ApiVersions as i16).collect();
    ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.code())
        .with_api_keys(own)
}

fn ranges() -> impl Iterator<Item = ApiVersion> {
    API_TABLE.iter().map(|row| {
        ApiVersion::default()
            .with_api_key(row.key)
            .with_min_version(row.advertised_min)
            .with_max_version(row.max)
    })
}

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`, as Kafka's `ApiVersionsRequest` wants it.
fn is_software_word(word: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(word.chars().next())
        && edge(word.chars().next_back())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    #[test]
    fn features_that_a_cluster_may_be_without_are_told_to_newer_clients_alone() {
        let feature = |name, min, max| Feature { name, min, max };
        let features = [feature("absent", 0, 0), feature("new", 0, 1), feature("old", 7, 30)];
        let told = |version| {
            let told = supported(&features, version);
            told.map(|told| (told.name.to_string(), told.min_version)).collect::<Vec<_>>()
        };

        assert_eq!(told(3), [("old".to_owned(), 7)]);
        assert_eq!(told(4), [("new".to_owned(), 0), ("old".to_owned(), 7)]);
    }

    #[test]
    fn the_epoch_grows_with_the_log_and_is_unknown_before() {
        assert_eq!([0, 1, 9].map(|end| epoch(Offset::clamped(end))), [-1, 0, 8]);
    }

    #[test]
    fn versions_with_features_can_be_encoded() {
        let level = ("metadata.version".to_owned(), 30);
        for version in FEATURES_SINCE..=4 {
            let answer = ApiVersionsResponse::default()
                .with_supported_features(supported(FEATURES, version).collect())
                .with_finalized_features(vec![finalized((&level.0, &level.1))])
                .with_finalized_features_epoch(4);

            assert!(encode_response(1, version, &answer).is_ok(), "version {version}");
        }
    }
}
