//! The quota of changes (KIP-599): partitions that a client makes or deletes in a second.
//!
//! A request is taken as long as the client's bucket is not below zero, whatever it costs; then
//! topics are refused until the bucket is filled again. Clients of before are not refused but told
//! to pause.

use super::error::ControllerError;
use super::request::Requester;
use crate::quota::{Limit, QuotaKey, QuotaTable, TokenBucket, Windows};
use crate::types::MonoTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets that are kept: a client chooses its client id, of up to 32 KiB, so there may be any number.
/// Past it full ones go, and where that is not enough all of them.
const BUCKETS_MAX: usize = 1_000;

type BucketKey = (Option<String>, Option<String>);

/// The buckets of all clients that have a quota. Soft state: they begin full after a restart.
#[derive(Debug)]
pub(super) struct Mutations {
    windows: Windows,
    buckets: BTreeMap<BucketKey, TokenBucket>,
}

/// What one request may change.
#[derive(Debug)]
pub(super) struct Allowance {
    bucket: Option<(BucketKey, TokenBucket, f64)>,
    windows: Windows,
    is_strict: bool,
    now: MonoTime,
    pause: Duration,
}

impl Mutations {
    pub(super) fn new(windows: Windows) -> Self {
        Self { windows, buckets: BTreeMap::new() }
    }

    /// What a request of this client may change; give it back with [`settle`](Self::settle).
    pub(super) fn allow(
        &mut self,
        quotas: &QuotaTable,
        requester: Option<&Requester>,
        now: MonoTime,
    ) -> Allowance {
        let bucket = requester.and_then(|by| {
            let key = QuotaKey::ControllerMutationRate;
            let limit = Limit::of(quotas, key, &by.user, &by.client_id)?;
            let of = (limit.user, limit.client_id);
            let bucket = self.buckets.remove(&of).unwrap_or_default();
            Some((of, bucket, limit.bound))
        });
        Allowance {
            bucket,
            windows: self.windows,
            is_strict: requester.is_some_and(|by| by.is_strict),
            now,
            pause: Duration::ZERO,
        }
    }

    /// Takes back what is left; how long the client has to pause.
    pub(super) fn settle(&mut self, allowance: Allowance) -> Duration {
        if let Some((of, bucket, _)) = allowance.bucket {
            if self.buckets.len() >= BUCKETS_MAX {
                let (windows, now) = (self.windows, allowance.now);
                self.buckets.retain(|_, bucket| !bucket.is_idle(windows, now));
            }
            if self.buckets.len() >= BUCKETS_MAX {
                self.buckets.clear();
            }
            self.buckets.insert(of, bucket);
        }
        allowance.pause
    }
}

impl Allowance {
    /// Pays for so many partitions.
    ///
    /// # Errors
    /// The client has to pause first.
    pub(super) fn pay(&mut self, partitions: usize) -> Result<(), ControllerError> {
        let Some((_, bucket, bound)) = &mut self.bucket else { return Ok(()) };
        let cost = f64::from(u32::try_from(partitions).unwrap_or(u32::MAX));
        if !self.is_strict {
            self.pause = bucket.take_anyway(self.windows, *bound, cost, self.now);
            return Ok(());
        }
        bucket.take(self.windows, *bound, cost, self.now).map_err(|pause| {
            self.pause = pause;
            ControllerError::Throttled
        })
    }
}
