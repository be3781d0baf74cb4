//! Fetch sessions (KIP-227): what a consumer fetches, remembered so that it names changes alone.
//!
//! A session lives in the connection that made it, so no two connections share a lock; a client
//! that comes back on another connection is told FETCH_SESSION_ID_NOT_FOUND and sends everything
//! once more, as it does when Apache Kafka has evicted its session.

use super::fetch_read::{Found, TopicKey, Wanted};
use crate::types::{ErrorCode, Uuid};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sessions of one connection; a client needs one, and one more while it replaces it.
const SESSIONS_OF_CONNECTION_MAX: usize = 4;

/// Partitions that one place is for; a session of more takes a place for each so many. What a
/// client names need not exist, so nothing else bounds it.
const PARTITIONS_OF_PLACE: usize = 1_000;

/// Places for sessions of the whole broker (`max.incremental.fetch.session.cache.slots`).
#[derive(Clone, Debug)]
pub struct FetchSessionSlots {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl FetchSessionSlots {
    /// Room for `max` sessions.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { used: Arc::new(AtomicUsize::new(0)), max }
    }

    /// Room for a session of so many partitions.
    fn take(&self, partitions: usize) -> Option<Slot> {
        let mut slot = Slot { slots: self.clone(), places: 0 };
        slot.fit(partitions).then_some(slot)
    }
}

/// Taken places; given back when dropped.
#[derive(Debug)]
struct Slot {
    slots: FetchSessionSlots,
    places: usize,
}

impl Slot {
    /// Takes further places or gives some back; `false`, and nothing changes, if there are too few.
    fn fit(&mut self, partitions: usize) -> bool {
        let FetchSessionSlots { used, max } = &self.slots;
        let (before, wanted) = (self.places, partitions.div_ceil(PARTITIONS_OF_PLACE));
        let fitted = used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            let used = (used - before).checked_add(wanted)?;
            (wanted <= before || used <= *max).then_some(used)
        });
        if fitted.is_ok() {
            self.places = wanted;
        }
        fitted.is_ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.fit(0);
    }
}

/// What a fetch request means, its session considered.
#[derive(Debug)]
pub(super) struct Plan {
    /// What to look at, in the order to answer in.
    pub(super) wanted: Vec<Wanted>,
    /// How to answer.
    pub(super) form: Form,
}

/// How a fetch is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Everything, without a session.
    Sessionless,
    /// Everything, and a new session if there is room.
    Full,
    /// What changed since the last answer in this session.
    Incremental(i32),
}

/// The session fields of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionRequest {
    pub(super) id: i32,
    pub(super) epoch: i32,
    /// Whether topics are named by id, as from version 13 on.
    pub(super) by_id: bool,
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    high_watermark: i64,
    log_start_offset: i64,
}

#[derive(Debug)]
struct FetchSession {
    /// The epoch that the next request must have.
    epoch: i32,
    by_id: bool,
    next_place: u64,
    places: HashMap<(TopicKey, i32), u64>,
    /// In the order of answers: partitions that gave data go to the end, so that each gets its
    /// turn at the front.
    entries: BTreeMap<u64, Entry>,
    slot: Slot,
}

/// The sessions of one connection.
#[derive(Debug, Default)]
pub(super) struct FetchSessions {
    sessions: BTreeMap<i32, FetchSession>,
}

impl FetchSessions {
    /// Works out what a request asks for.
    ///
    /// # Errors
    /// No such session or no more room for it, an epoch out of turn, or topics named in another
    /// way than at its start.
    pub(super) fn plan(
        &mut self,
        request: SessionRequest,
        wanted: Vec<Wanted>,
        forgotten: &[(TopicKey, i32)],
    ) -> Result<Plan, ErrorCode> {
        if request.epoch <= 0 {
            self.sessions.remove(&request.id);
            let form = if request.epoch == 0 { Form::Full } else { Form::Sessionless };
            return Ok(Plan { wanted, form });
        }
        let session =
            self.sessions.get_mut(&request.id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != request.by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for wanted in wanted {
            session.put(wanted);
        }
        for (topic, partition) in forgotten {
            session.forget(topic, *partition);
        }
        if session.entries.is_empty() {
            self.sessions.remove(&request.id);
            return Ok(Plan { wanted: Vec::new(), form: Form::Sessionless });
        }
        if !session.slot.fit(session.entries.len()) {
            // As if it had been evicted: the client sends everything once more.
            self.sessions.remove(&request.id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        // Epochs wrap past the largest i32 to 1: 0 asks for a new session.
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        let wanted = session.entries.values().map(|entry| entry.wanted.clone()).collect();
        Ok(Plan { wanted, form: Form::Incremental(request.id) })
    }

    /// Keeps a new session for what was just answered; its id, or 0 where there is no room.
    pub(super) fn create(
        &mut self,
        slots: &FetchSessionSlots,
        by_id: bool,
        answered: &[(Wanted, Found)],
    ) -> i32 {
        if answered.is_empty() || self.sessions.len() >= SESSIONS_OF_CONNECTION_MAX {
            return 0;
        }
        let Some(slot) = slots.take(answered.len()) else { return 0 };
        let mut session = FetchSession {
            epoch: 1,
            by_id,
            next_place: 0,
            places: HashMap::new(),
            entries: BTreeMap::new(),
            slot,
        };
        for (wanted, found) in answered {
            session.put(wanted.clone());
            session.answer(wanted, found);
        }
        let id = new_session_id();
        self.sessions.insert(id, session);
        id
    }

    /// Partitions of all sessions.
    pub(super) fn partitions(&self) -> usize {
        self.sessions.values().map(|session| session.entries.len()).sum()
    }

    /// Which of the answers an incremental answer would have to hold, in order.
    pub(super) fn news(&self, id: i32, answered: &[(Wanted, Found)]) -> Vec<bool> {
        let session = self.sessions.get(&id);
        let is_news = |(wanted, found): &(Wanted, Found)| {
            session.is_none_or(|session| session.is_news(wanted, found))
        };
        answered.iter().map(is_news).collect()
    }

    /// Which of the answers an incremental answer has to hold, in order; remembers them as told.
    pub(super) fn changed(&mut self, id: i32, answered: &[(Wanted, Found)]) -> Vec<bool> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return vec![true; answered.len()];
        };
        answered.iter().map(|(wanted, found)| session.answer(wanted, found)).collect()
    }
}

impl FetchSession {
    fn put(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.partition);
        if let Some(entry) = self.places.get(&key).and_then(|place| self.entries.get_mut(place)) {
            entry.wanted = wanted;
            return;
        }
        let place = self.new_place();
        self.places.insert(key, place);
        self.entries.insert(place, Entry { wanted, high_watermark: -1, log_start_offset: -1 });
    }

    fn forget(&mut self, topic: &TopicKey, partition: i32) {
        if let Some(place) = self.places.remove(&(topic.clone(), partition)) {
            self.entries.remove(&place);
        }
    }

    fn new_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    /// Whether a partition's answer differs from what was told before.
    fn is_news(&self, wanted: &Wanted, found: &Found) -> bool {
        let place = self.places.get(&(wanted.topic.clone(), wanted.partition));
        let entry = place.and_then(|place| self.entries.get(place));
        entry.is_none_or(|entry| entry.differs(found))
    }

    /// Remembers what is told of a partition; says whether it has to be told at all.
    fn answer(&mut self, wanted: &Wanted, found: &Found) -> bool {
        let key = (wanted.topic.clone(), wanted.partition);
        let Some(place) = self.places.get(&key).copied() else { return true };
        let Some(mut entry) = self.entries.remove(&place) else { return true };
        let has_error = found.error.is_some();
        let changed = entry.differs(found);
        // An error is told each time, and after it everything is news.
        entry.high_watermark = if has_error { -1 } else { found.high_watermark };
        entry.log_start_offset = if has_error { -1 } else { found.log_start_offset };
        let place = if found.records.is_empty() { place } else { self.new_place() };
        self.entries.insert(place, entry);
        self.places.insert(key, place);
        changed
    }
}

impl Entry {
    fn differs(&self, found: &Found) -> bool {
        found.error.is_some()
            || !found.records.is_empty()
            || found.diverging.is_some()
            || found.high_watermark != self.high_watermark
            || found.log_start_offset != self.log_start_offset
    }
}

/// A random id above 0, so that another connection's is not met by chance.
fn new_session_id() -> i32 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    i32::try_from(low & 0x7fff_ffff).unwrap_or(1).max(1)
}
