//! Makes a data folder before its first start, and users that have to be there then.

use std::sync::Arc;

use ottla_actors::controller::{
    AlterScram, ControllerHandle, ControllerParts, ImageDelta, MetadataLog, Publisher,
    ScramUpsertion, SettingsRules,
};
use ottla_actors::runtime::Clock;
use ottla_actors::storage::Storage;
use ottla_actors::types::{LogId, Offset};

use crate::service::{StartError, controller_settings, metadata_policy, storage_options};
use crate::settings::Settings;

/// Makes the data folder of these settings, as the first start would.
///
/// # Errors
/// The folder cannot be made, is in use, or belongs to another cluster or node; a user's
/// credential is not acceptable.
pub fn format(settings: &Settings, users: Vec<ScramUpsertion>) -> Result<(), StartError> {
    actix_rt::System::new().block_on(async {
        let clock = Clock::start();
        let options = storage_options(&settings.broker, clock, Arc::default());
        let storage = Storage::open(options).map_err(StartError::Data)?;
        let added =
            if users.is_empty() { Ok(()) } else { add(settings, &storage, clock, users).await };
        storage.close();
        added
    })
}

/// Writes users to the metadata log, by the same way as a running broker.
async fn add(
    settings: &Settings,
    storage: &Storage,
    clock: Clock,
    upsertions: Vec<ScramUpsertion>,
) -> Result<(), StartError> {
    let log = storage.create(LogId::METADATA, metadata_policy());
    let rules = SettingsRules::new(settings.given.clone());
    let decided_by = controller_settings(&settings.broker);
    let controller = ControllerHandle::start_local(move |controller| ControllerParts {
        settings: decided_by,
        rules: Arc::new(rules),
        log: Box::new(MetadataLog::new(log, controller)),
        publisher: Box::new(Nobody),
    });
    let alter = AlterScram { deletions: Vec::new(), upsertions };
    let refused = |why: String| StartError::Controller(why);
    let altered = controller.alter_scram(clock.now(), alter).await;
    for altered in altered.map_err(|error| refused(error.to_string()))? {
        let user = altered.user;
        altered.result.map_err(|error| refused(format!("user {user}: {error}")))?;
    }
    Ok(())
}

/// Nobody is there yet who would have to know.
struct Nobody;

impl Publisher for Nobody {
    fn publish(&mut self, _: ImageDelta, _: Offset) {}
}
