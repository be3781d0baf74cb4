//! ApiVersions (key 18), versions 0 to 4.
//!
//! Tells which APIs are served, in which versions; the first request of most clients.
//! v1 throttle time · v3 flexible, client software name and version, features · v4 features with
//! a minimum of 0
//! An unknown version is answered in v0 with error 35 (KIP-511).
//! Features: none is finalized, since none that a client would act upon is there.

use super::answer::{Answer, Ask};
use super::table::API_TABLE;
use crate::types::ErrorCode;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

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
    Answer::Now(ApiVersionsResponse::default().with_api_keys(ranges().collect()))
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
