//! What all connections share: the quotas of the moment, and a meter for each client that has one.

use super::limits::{Limit, Limits};
use super::rate::{Rate, Windows};
use super::table::{QuotaKey, QuotaTable};
use crate::types::MonoTime;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Memory of meters for clients without a connection: a client chooses its client id, so there may be
/// any number, of any length. Past it those that nobody uses go.
const METERS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a meter takes beside its names.
const METER_BYTES: usize = 512;
/// The longest client id that a connection remembers; the quotas of others are looked up each time.
const CLIENT_ID_KEPT_MAX: usize = 256;

/// Nobody has a quota.
const NONE: u64 = 0;

/// Who uses a meter together: key, user and client id, as in [`Limit`].
type MeterKey = (QuotaKey, Option<String>, Option<String>);

/// What those who share a quota have used of it.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Rate>);

/// A meter, and its bound.
#[derive(Clone, Debug)]
pub struct MeteredBy {
    meter: Arc<Meter>,
    bound: f64,
    windows: Windows,
}

impl MeteredBy {
    /// Counts `value`; how long who used it has to pause, if at all.
    #[must_use]
    pub fn record(&self, value: f64, now: MonoTime) -> Duration {
        let mut rate = self.meter.0.lock().unwrap_or_else(PoisonError::into_inner);
        rate.record(self.windows, value, now);
        rate.excess(self.windows, self.bound, now)
    }

    /// Takes `value` back: it was not used after all.
    pub fn take_back(&self, value: f64, now: MonoTime) {
        let mut rate = self.meter.0.lock().unwrap_or_else(PoisonError::into_inner);
        rate.record(self.windows, -value, now);
    }

    /// What may be used at once after a rest; more would always have to pause.
    #[must_use]
    pub fn most_at_once(&self) -> f64 {
        self.bound * self.windows.whole().as_secs_f64()
    }

    /// The windows it is measured over.
    #[must_use]
    pub const fn windows(&self) -> Windows {
        self.windows
    }
}

/// What a connection remembers of its client's quotas.
#[derive(Debug, Default)]
pub struct ClientQuotas {
    generation: u64,
    user: String,
    client_id: String,
    /// Bytes of produce requests.
    pub produce: Option<MeteredBy>,
    /// Bytes of fetch answers.
    pub fetch: Option<MeteredBy>,
    /// Time of threads.
    pub request: Option<MeteredBy>,
}

/// The quotas of one broker. Shared by all of its threads.
#[derive(Debug)]
pub struct Quotas {
    windows: Windows,
    /// Another number with each change; `NONE` as long as no user or client id has a quota.
    generation: AtomicU64,
    /// The same for addresses.
    ip_generation: AtomicU64,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    changes: u64,
    limits: Arc<Limits>,
    meters: BTreeMap<MeterKey, Arc<Meter>>,
    meter_bytes: usize,
    /// Meters that are used at the moment are kept beyond the bound: only when there is so much more
    /// of them it is worth a look for others.
    forget_at: usize,
}

/// What an entry of the table of meters takes.
fn bytes_of((_, user, client_id): &MeterKey) -> usize {
    let length = |name: &Option<String>| name.as_ref().map_or(0, String::len);
    METER_BYTES + length(user) + length(client_id)
}

impl Quotas {
    /// No quotas so far, to be measured over `windows`, two at least: of one alone nothing is over
    /// that a bound could be of, and whoever begins to use it would be beyond.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        let windows = Windows { count: windows.count.max(2), ..windows };
        let (generation, ip_generation) = (AtomicU64::new(NONE), AtomicU64::new(NONE));
        Self { windows, generation, ip_generation, shared: Mutex::default() }
    }

    /// The windows that usage is measured over.
    #[must_use]
    pub const fn windows(&self) -> Windows {
        self.windows
    }

    /// Puts other quotas in force. Only the controller calls this.
    pub fn publish(&self, table: &Arc<QuotaTable>) {
        let limits = Arc::new(Limits::new(table));
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.changes += 1;
        let number = |any: bool| if any { shared.changes } else { NONE };
        self.generation.store(number(limits.has_clients()), Ordering::Relaxed);
        self.ip_generation.store(number(limits.has_ips()), Ordering::Relaxed);
        shared.limits = limits;
    }

    /// Whether any user or client id has a quota: a load of a number.
    #[must_use]
    pub fn has_clients(&self) -> bool {
        self.generation.load(Ordering::Relaxed) != NONE
    }

    /// Connections in a second that an address may open.
    #[must_use]
    pub fn of_ip(&self, ip: IpAddr) -> Option<f64> {
        if self.ip_generation.load(Ordering::Relaxed) == NONE {
            return None;
        }
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.limits.of_ip(ip)
    }

    /// Brings what a connection remembers up to date.
    pub fn refresh(&self, known: &mut ClientQuotas, user: &str, client_id: &str, now: MonoTime) {
        let generation = self.generation.load(Ordering::Relaxed);
        let is_known =
            known.generation == generation && known.client_id == client_id && known.user == user;
        if is_known {
            return;
        }
        // First of all let go: whoever changes its client id with each request holds one meter.
        *known = ClientQuotas::default();
        if generation == NONE {
            return;
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = shared.limits.clone();
        let mut of = |key| {
            let limit = limits.of_client(key, user, client_id)?;
            Some(self.metered(&mut shared, key, limit, now))
        };
        let is_kept = client_id.len() <= CLIENT_ID_KEPT_MAX;
        *known = ClientQuotas {
            generation: if is_kept { generation } else { NONE },
            user: user.to_owned(),
            client_id: if is_kept { client_id.to_owned() } else { String::new() },
            produce: of(QuotaKey::ProducerByteRate),
            fetch: of(QuotaKey::ConsumerByteRate),
            request: of(QuotaKey::RequestPercentage),
        };
    }

    fn metered(
        &self,
        shared: &mut Shared,
        key: QuotaKey,
        limit: Limit,
        now: MonoTime,
    ) -> MeteredBy {
        let Limit { user, client_id, bound } = limit;
        let of = (key, user, client_id);
        let meter = if let Some(meter) = shared.meters.get(&of) {
            meter.clone()
        } else {
            if shared.meter_bytes >= shared.forget_at.max(METERS_BYTES_MAX) {
                self.forget_some(shared, now);
            }
            shared.meter_bytes += bytes_of(&of);
            shared.meters.entry(of).or_default().clone()
        };
        MeteredBy { meter, bound, windows: self.windows }
    }

    /// Forgets meters that show nothing; where that is not enough, all that no connection uses.
    fn forget_some(&self, shared: &mut Shared, now: MonoTime) {
        let is_used = |meter: &Arc<Meter>| Arc::strong_count(meter) > 1;
        let taken = |shared: &Shared| shared.meters.keys().map(bytes_of).sum();
        shared.meters.retain(|_, meter| {
            let rate = meter.0.lock().unwrap_or_else(PoisonError::into_inner);
            is_used(meter) || !rate.is_idle(self.windows, now)
        });
        shared.meter_bytes = taken(shared);
        if shared.meter_bytes >= METERS_BYTES_MAX {
            shared.meters.retain(|_, meter| is_used(meter));
            shared.meter_bytes = taken(shared);
        }
        shared.forget_at = shared.meter_bytes.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{EntityQuotas, QuotaEntity, QuotaName, QuotaValue};

    const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };
    const START: MonoTime = MonoTime::START;

    fn table(entity: QuotaEntity, bound: f64) -> Arc<QuotaTable> {
        let values = BTreeMap::from([(QuotaKey::ProducerByteRate, QuotaValue::new(bound))]);
        Arc::new(QuotaTable::from([(entity, EntityQuotas { address: None, values })]))
    }

    fn default_client(bound: f64) -> Arc<QuotaTable> {
        table(QuotaEntity::Client(QuotaName::Default), bound)
    }

    fn produce(quotas: &Quotas, client_id: &str) -> Option<MeteredBy> {
        let mut known = ClientQuotas::default();
        quotas.refresh(&mut known, "u", client_id, START);
        known.produce
    }

    #[test]
    fn without_quotas_nothing_is_looked_up() {
        let quotas = Quotas::new(WINDOWS);
        let mut known = ClientQuotas::default();

        assert!(!quotas.has_clients());

        quotas.publish(&default_client(10.0));
        quotas.refresh(&mut known, "u", "c", START);
        assert!(quotas.has_clients() && known.produce.is_some() && known.fetch.is_none());

        quotas.publish(&Arc::default());
        quotas.refresh(&mut known, "u", "c", START);
        assert!(!quotas.has_clients() && known.produce.is_none());
    }

    #[test]
    fn connections_of_one_client_use_up_one_quota_and_others_do_not() {
        let quotas = Quotas::new(WINDOWS);
        quotas.publish(&default_client(10.0));
        let (one, other) = (produce(&quotas, "c").unwrap(), produce(&quotas, "c").unwrap());

        assert_eq!(one.record(100.0, START), Duration::ZERO);

        assert_eq!(other.record(100.0, START), Duration::from_secs(10));
        assert_eq!(produce(&quotas, "d").unwrap().record(100.0, START), Duration::ZERO);
        assert_eq!(one.most_at_once(), 100.0);
    }

    #[test]
    fn one_window_alone_leaves_something_to_use() {
        let quotas = Quotas::new(Windows { count: 1, ..WINDOWS });
        quotas.publish(&default_client(10.0));
        let metered = produce(&quotas, "c").unwrap();

        assert_eq!(metered.most_at_once(), 10.0);
        assert_eq!(metered.record(10.0, START), Duration::ZERO);
        assert_eq!(metered.record(10.0, START), Duration::from_secs(1));
    }

    #[test]
    fn a_changed_quota_counts_at_once_and_keeps_what_was_used() {
        let quotas = Quotas::new(WINDOWS);
        quotas.publish(&default_client(10.0));
        let mut known = ClientQuotas::default();
        quotas.refresh(&mut known, "u", "c", START);
        assert_eq!(known.produce.as_ref().unwrap().record(100.0, START), Duration::ZERO);

        quotas.publish(&default_client(5.0));
        quotas.refresh(&mut known, "u", "c", START);

        assert_eq!(known.produce.unwrap().record(0.0, START), Duration::from_secs(10));
    }

    #[test]
    fn client_ids_without_number_do_not_fill_the_memory() {
        let quotas = Quotas::new(WINDOWS);
        quotas.publish(&default_client(10.0));
        let held = produce(&quotas, "held").unwrap();
        assert_eq!(held.record(200.0, START), Duration::from_secs(10));

        for number in 0..3 * METERS_BYTES_MAX / 30_000 {
            let client_id = format!("{number:030000}");
            let pause = produce(&quotas, &client_id).unwrap().record(1.0, START);
            assert_eq!(pause, Duration::ZERO);
        }

        let shared = quotas.shared.lock().unwrap();
        let bytes: usize = shared.meters.keys().map(bytes_of).sum();
        assert_eq!(bytes, shared.meter_bytes);
        assert!(bytes <= METERS_BYTES_MAX + 40_000, "{bytes}");
        drop(shared);
        assert!(produce(&quotas, "held").unwrap().record(0.0, START) > Duration::ZERO);
    }

    #[test]
    fn a_connection_does_not_remember_an_id_without_end_and_its_quota_counts_all_the_same() {
        let quotas = Quotas::new(WINDOWS);
        quotas.publish(&default_client(10.0));
        let mut known = ClientQuotas::default();
        let client_id = "x".repeat(30_000);

        for pause in [0, 10] {
            quotas.refresh(&mut known, "u", &client_id, START);
            assert!(known.client_id.is_empty());
            let told = known.produce.as_ref().unwrap().record(100.0, START);
            assert_eq!(told, Duration::from_secs(pause));
        }
        quotas.refresh(&mut known, "u", "", START);
        assert!(known.produce.is_none(), "the quotas of the long id are not those of none");
    }
}
