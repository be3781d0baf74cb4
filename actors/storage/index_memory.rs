//! The index in memory: for the simulator, and while the real one can't be had.

use super::index::{Change, FoundRow, Index, Space};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Rows = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// Rows in memory; clones are the same index.
#[derive(Clone, Debug, Default)]
pub struct MemoryIndex(Arc<Mutex<Rows>>);

impl MemoryIndex {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy as it stands now; what a crash that lost everything later leaves.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self(Arc::new(Mutex::new(self.rows().clone())))
    }
}

impl Index for MemoryIndex {
    fn write(&self, changes: Vec<Change>) {
        let mut rows = self.rows();
        for change in changes {
            match change {
                Change::Put(space, key, value) => {
                    rows.insert((space, key), value);
                }
                Change::RemoveRange(space, from, to) => {
                    let range = (Bound::Included((space, from)), Bound::Excluded((space, to)));
                    let gone: Vec<_> = rows.range(range).map(|(key, _)| key.clone()).collect();
                    for key in gone {
                        rows.remove(&key);
                    }
                }
            }
        }
    }

    fn flush(&self) {}

    fn last_up_to(&self, space: Space, prefix: &[u8], key: &[u8]) -> Option<FoundRow> {
        let rows = self.rows();
        let range = (space, prefix.to_vec())..=(space, key.to_vec());
        let ((_, key), value) = rows.range(range).next_back()?;
        Some((key.clone(), value.clone()))
    }

    fn scan(&self, space: Space, prefix: &[u8]) -> Vec<FoundRow> {
        let rows = self.rows();
        rows.range((space, prefix.to_vec())..)
            .take_while(|((at, key), _)| *at == space && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    fn close(&self) {}
}
