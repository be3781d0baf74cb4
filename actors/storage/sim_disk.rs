//! A disk in memory for the simulator: a crash keeps what was synced, and of the rest whatever the
//! seed says, down to single sectors and single folder entries, in any order.

use super::disk::{DirEntry, Disk, DiskFile, OpenMode};
use crate::wire::PREFIX_BYTES;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a real disk writes as one.
const SECTOR_BYTES: usize = 512;

/// A small random number generator (splitmix64): the same seed, the same run, everywhere.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is 1 or more.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

#[derive(Debug)]
enum Pending {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Pending>,
}

impl Inode {
    fn apply(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
    }

    fn crash(&mut self, dice: &mut Dice) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Truncate(bytes) if dice.below(2) == 0 => self.durable.resize(bytes, 0),
                Pending::Truncate(_) => {}
                Pending::Write { at, bytes } => match dice.below(3) {
                    0 => {}
                    1 => Self::apply(&mut self.durable, at, &bytes),
                    _ => {
                        // Torn: sectors, aligned as on the disk, each for itself.
                        let mut from = 0;
                        while from < bytes.len() {
                            let room = SECTOR_BYTES - (at + from) % SECTOR_BYTES;
                            let to = bytes.len().min(from + room);
                            if dice.below(2) == 0 {
                                let sector = bytes.get(from..to).unwrap_or_default();
                                Self::apply(&mut self.durable, at + from, sector);
                            }
                            from = to;
                        }
                    }
                },
            }
        }
        self.current.clone_from(&self.durable);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Add(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Change {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Remove(path) | Self::Rename(path, _) => path.parent(),
        }
    }
}

type Names = BTreeMap<PathBuf, Node>;

fn apply(names: &mut Names, change: &Change) {
    match change {
        Change::Add(path, node) => {
            names.insert(path.clone(), node.clone());
        }
        Change::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
        Change::Rename(from, to) => {
            let moved: Vec<_> = names
                .iter()
                .filter_map(|(name, node)| {
                    let rest = name.strip_prefix(from).ok()?;
                    let target =
                        if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    Some((name.clone(), target, node.clone()))
                })
                .collect();
            for (name, target, node) in moved {
                names.remove(&name);
                names.insert(target, node);
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: Names,
    durable: Names,
    changes: Vec<Change>,
    /// Operations that may still succeed; the one that finds 0 is carried out and fails.
    operations_left: Option<u64>,
    crashed: bool,
    operations: u64,
    /// Bytes that files may still grow by.
    room: Option<usize>,
    /// A planted bug: syncs answer, and do nothing.
    syncs_lie: bool,
    /// A planted bug: truncations answer, and do nothing.
    truncations_lie: bool,
    /// A planted bug: of batches that are written together, two get one offset.
    offsets_repeat: bool,
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => {
                self.crashed = true;
                Err(io::Error::other("the machine crashed"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        apply(&mut self.names, &change);
        self.changes.push(change);
        self.step()
    }

    fn inode(&mut self, id: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine stops within the operation that comes after `operations` more; every one from
    /// there on fails.
    pub fn crash_after(&self, operations: u64) {
        self.state().operations_left = Some(operations);
    }

    /// Whether the machine stopped.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Operations so far that changed something.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets files grow by so many bytes more, then says the disk is full; `None` for no bound.
    pub fn set_room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// Plants a bug: from now on a sync reports success without doing anything.
    pub fn lie_about_syncs(&self) {
        self.state().syncs_lie = true;
    }

    /// Plants a bug: from now on a truncation reports success without doing anything.
    pub fn lie_about_truncations(&self) {
        self.state().truncations_lie = true;
    }

    /// Plants a bug: from now on the second of batches that are written to a segment together is
    /// stored under the offset of the first.
    pub fn repeat_offsets(&self) {
        self.state().offsets_repeat = true;
    }

    /// The machine is back after a power loss: of what was not synced, `seed` says what is there.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let state = &mut *self.state();
        for inode in &mut state.inodes {
            inode.crash(&mut dice);
        }
        for change in std::mem::take(&mut state.changes) {
            if dice.below(2) == 0 {
                apply(&mut state.durable, &change);
            }
        }
        // A file whose folder's entry is lost is lost with it.
        let names = state.durable.clone();
        state.durable.retain(|path, _| {
            path.ancestors().skip(1).all(|dir| dir.parent().is_none() || names.contains_key(dir))
        });
        state.names = state.durable.clone();
        state.operations_left = None;
        state.crashed = false;
        state.room = None;
    }

    /// The process is back after it was killed: the system kept all that was written.
    pub fn restart(&self) {
        let state = &mut *self.state();
        state.operations_left = None;
        state.crashed = false;
        state.room = None;
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

/// Stores the second of two batches under the offset of the first. A segment's batches come as the
/// bytes that are new, which begin with the offset, and the rest.
fn repeat_offset(slices: &[IoSlice<'_>], bytes: &mut [u8]) {
    let [first, first_rest, second, _, ..] = slices else {
        return;
    };
    let is_prefix = |slice: &IoSlice<'_>| slice.len() == PREFIX_BYTES;
    let at = first.len() + first_rest.len();
    if is_prefix(first)
        && is_prefix(second)
        && let (Some(from), Some(to)) = (first.get(..8), bytes.get_mut(at..at + 8))
    {
        to.copy_from_slice(from);
    }
}

impl DiskFile for SimFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> io::Result<()> {
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let state = &mut *self.disk.state();
        if state.offsets_repeat {
            repeat_offset(slices, &mut bytes);
        }
        let growth = (at + bytes.len()).saturating_sub(state.inode(self.inode)?.current.len());
        let mut full = false;
        if let Some(room) = &mut state.room {
            full = growth > *room;
            bytes.truncate(bytes.len() - growth.saturating_sub(*room).min(bytes.len()));
            *room -= growth.min(*room);
        }
        let inode = state.inode(self.inode)?;
        Inode::apply(&mut inode.current, at, &bytes);
        inode.pending.push(Pending::Write { at, bytes });
        state.step()?;
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let state = &mut *self.disk.state();
        let content = state.inode(self.inode)?.current.get(at..).unwrap_or_default();
        let bytes = content.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..bytes), content.get(..bytes)) {
            to.copy_from_slice(from);
        }
        Ok(bytes)
    }

    fn read_cached_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.read_at(buffer, at)
    }

    fn sync(&self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        state.step()?;
        if state.syncs_lie {
            return Ok(());
        }
        let inode = state.inode(self.inode)?;
        inode.pending.clear();
        inode.durable.clone_from(&inode.current);
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        let state = &mut *self.disk.state();
        if state.truncations_lie {
            return state.step();
        }
        let inode = state.inode(self.inode)?;
        inode.current.resize(bytes, 0);
        inode.pending.push(Pending::Truncate(bytes));
        state.step()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.state().inode(self.inode)?.current.len() as u64)
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let state = &mut *self.state();
        let inode = match (state.names.get(path), mode) {
            (Some(Node::File(inode)), _) => *inode,
            (Some(Node::Dir), _) => return Err(io::ErrorKind::IsADirectory.into()),
            (None, OpenMode::Existing) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::Create) => {
                let parent = path.parent().unwrap_or(path);
                if state.names.get(parent) != Some(&Node::Dir) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.change(Change::Add(path.to_owned(), Node::File(inode)))?;
                inode
            }
        };
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        let mut dirs: Vec<_> = path.ancestors().filter(|dir| dir.parent().is_some()).collect();
        dirs.reverse();
        for dir in dirs {
            if !state.names.contains_key(dir) {
                state.change(Change::Add(dir.to_owned(), Node::Dir))?;
            }
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.step()?;
        if state.syncs_lie {
            return Ok(());
        }
        let (synced, rest) = std::mem::take(&mut state.changes)
            .into_iter()
            .partition(|change: &Change| change.dir() == Some(path));
        state.changes = rest;
        let synced: Vec<Change> = synced;
        for change in &synced {
            apply(&mut state.durable, change);
        }
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.step()?;
        if state.syncs_lie {
            return Ok(());
        }
        for inode in &mut state.inodes {
            inode.pending.clear();
            inode.durable.clone_from(&inode.current);
        }
        for change in std::mem::take(&mut state.changes) {
            apply(&mut state.durable, &change);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(Change::Remove(path.to_owned()))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.remove_file(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = &*self.state();
        let entries = state.names.iter().filter(|(name, _)| name.parent() == Some(path));
        Ok(entries
            .filter_map(|(name, node)| {
                let name = name.file_name()?.to_str()?.to_owned();
                let bytes = match node {
                    Node::Dir => 0,
                    Node::File(inode) => state.inodes.get(*inode)?.current.len() as u64,
                };
                Some(DirEntry { name, is_dir: *node == Node::Dir, bytes, modified_ms: 0 })
            })
            .collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().names.contains_key(path)
    }
}
