//! Where each leader epoch of a log begins; the rules of Kafka's `LeaderEpochFileCache`.

use crate::types::{LeaderEpoch, Offset};

/// Epochs and their first offsets, both rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epochs(Vec<(LeaderEpoch, Offset)>);

impl Epochs {
    /// Takes the epoch of the batch at `start`; whether it is a new one.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || self.0.last().is_some_and(|(last, _)| *last >= epoch) {
            return false;
        }
        self.0.push((epoch, start));
        true
    }

    pub(super) fn latest(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch that the record at `offset` was written in.
    pub(super) fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        self.0.get(after.checked_sub(1)?).map(|(epoch, _)| *epoch)
    }

    /// The largest epoch not above `asked` and the offset after its last record; the log end for
    /// the newest; the start of the first where `asked` lies below it. `None` for an epoch that
    /// lies ahead of the newest, or without any.
    pub(super) fn end_of(
        &self,
        asked: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if asked == latest {
            return Some((latest, log_end));
        }
        if asked > latest {
            return None;
        }
        let after = self.0.partition_point(|(epoch, _)| *epoch <= asked);
        let (_, end) = self.0.get(after)?;
        match after.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((epoch, _)) => Some((*epoch, *end)),
            None => Some((asked, *end)),
        }
    }

    /// Forgets what lies at `end` and beyond.
    pub(super) fn truncate(&mut self, end: Offset) {
        self.0.retain(|(_, start)| *start < end);
    }

    /// Forgets what ended before `start`; the epoch that goes on there begins there.
    pub(super) fn delete_before(&mut self, start: Offset) {
        let kept = self.0.partition_point(|(_, first)| *first <= start).saturating_sub(1);
        self.0.drain(..kept);
        if let Some((_, first)) = self.0.first_mut() {
            *first = (*first).max(start);
        }
    }

    pub(super) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(raw: i64) -> Offset {
        Offset::clamped(raw)
    }

    fn three() -> Epochs {
        let mut epochs = Epochs::default();
        epochs.assign(LeaderEpoch(2), offset(10));
        epochs.assign(LeaderEpoch(4), offset(20));
        epochs.assign(LeaderEpoch(7), offset(30));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        assert_eq!(three().end_of(LeaderEpoch(4), offset(99)), Some((LeaderEpoch(4), offset(30))));
    }

    #[test]
    fn a_missing_epoch_is_answered_by_the_largest_below() {
        assert_eq!(three().end_of(LeaderEpoch(5), offset(99)), Some((LeaderEpoch(4), offset(30))));
    }

    #[test]
    fn the_newest_epoch_ends_at_the_log_end() {
        assert_eq!(three().end_of(LeaderEpoch(7), offset(99)), Some((LeaderEpoch(7), offset(99))));
    }

    #[test]
    fn an_epoch_below_the_first_ends_where_the_first_begins() {
        assert_eq!(three().end_of(LeaderEpoch(0), offset(99)), Some((LeaderEpoch(0), offset(10))));
    }

    #[test]
    fn an_epoch_ahead_of_the_newest_is_unknown() {
        assert_eq!(three().end_of(LeaderEpoch(8), offset(99)), None);
    }

    #[test]
    fn deletion_moves_the_start_of_the_epoch_it_ends_in() {
        let mut epochs = three();

        epochs.delete_before(offset(25));

        assert_eq!(epochs.entries(), [(LeaderEpoch(4), offset(25)), (LeaderEpoch(7), offset(30))]);
    }

    #[test]
    fn truncation_forgets_the_epochs_beyond() {
        let mut epochs = three();

        epochs.truncate(offset(30));

        assert_eq!(epochs.latest(), Some(LeaderEpoch(4)));
    }
}
