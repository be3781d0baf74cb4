//! From socket bytes to frames. A frame's size and kind are checked before its body is read.

use super::memory::{OwnMemory, RequestMemory, Room, Turn};
use crate::dispatch::{Frames, Kind, kind_of};
use crate::wire::{RequestHead, frame_bytes_max};
use bytes::{BufMut, Bytes, BytesMut};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Bytes of a frame's size field.
const SIZE_BYTES: usize = 4;
/// Size field, API key, version and correlation id: enough to know a frame's limit.
const HEAD_BYTES: usize = SIZE_BYTES + 8;
/// What one read may bring; each thread has one such buffer for all its connections.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Of the scratch buffer, what a connection reads whose latest frame was large: most of the next
/// one shall go straight to its own memory.
const SCRATCH_BYTES_LARGE: usize = 4 * 1024;
/// Reserved for a frame before its bytes are there; a peer that only announces gets no more.
const RESERVED_BYTES_MAX: usize = 1024 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// What stands before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    Nothing,
    /// Produce requests alone.
    Produce,
    /// A request that lets nothing start behind it.
    Other,
}

impl Ahead {
    /// What stands before a frame behind a request of this kind, which was let start.
    pub(super) const fn of(last: Kind) -> Self {
        match last {
            Kind::Produce => Self::Produce,
            Kind::Alone => Self::Other,
        }
    }

    /// Whether a request of this kind may start behind it.
    pub(super) const fn lets(self, kind: Kind) -> bool {
        match self {
            Self::Nothing => true,
            Self::Produce => matches!(kind, Kind::Produce),
            Self::Other => false,
        }
    }
}

/// A frame without its size, and the memory it counts for.
pub(super) struct Incoming {
    pub(super) frame: Bytes,
    pub(super) room: Room,
}

/// Why a frame is not read.
#[derive(Debug)]
pub(super) enum FrameError {
    /// Below what any request needs.
    Short(i32),
    /// Beyond what any request, or one of its API, may have.
    Large { bytes: usize, max: usize },
    /// The socket failed or was closed.
    Gone(std::io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(size) => write!(f, "frame of {size} bytes"),
            Self::Large { bytes, max } => {
                write!(f, "frame of {bytes} bytes, more than the {max} that it may have")
            }
            Self::Gone(error) => write!(f, "{error}"),
        }
    }
}

struct Body {
    bytes: BytesMut,
    /// Of the whole frame, still to come.
    missing: usize,
    room: Room,
}

/// Reads frames of one connection.
pub(super) struct Inbound {
    memory: RequestMemory,
    own: OwnMemory,
    frame_bytes_max: usize,
    expected: Frames,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    body: Option<Body>,
    /// How many were begun.
    bodies: u64,
    was_large: bool,
    /// The front of a frame is there, but no memory for the rest, or it is not its turn to have any.
    is_stalled: bool,
    /// Its place among those that wait.
    turn: Option<Turn>,
    /// Bytes that were read behind such a front, or behind a frame that decides what they are.
    unread: BytesMut,
    ready: VecDeque<Incoming>,
}

impl Inbound {
    pub(super) fn new(memory: RequestMemory, frame_bytes_max: usize) -> Self {
        Self {
            memory,
            own: OwnMemory::default(),
            bodies: 0,
            frame_bytes_max,
            expected: Frames::Requests,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            body: None,
            was_large: false,
            is_stalled: false,
            turn: None,
            unread: BytesMut::new(),
            ready: VecDeque::new(),
        }
    }

    /// What the frames are that have not begun yet.
    pub(super) const fn expect(&mut self, frames: Frames) {
        self.expected = frames;
    }

    /// The next whole frame.
    pub(super) fn pop(&mut self) -> Option<Incoming> {
        self.ready.pop_front()
    }

    /// Whether a frame waits for memory.
    pub(super) const fn waits_for_memory(&self) -> bool {
        self.is_stalled && self.turn.is_some()
    }

    /// Whether a frame is there, or on its way, in memory that others may want.
    pub(super) fn is_begun(&self) -> bool {
        let ready = self.ready.front().map(|incoming| &incoming.room);
        self.body.as_ref().map(|body| &body.room).or(ready).is_some_and(Room::is_shared)
    }

    /// Lets others have the memory that a frame waits for, while nothing is read here anyway. Its
    /// turn begins anew with the next read.
    pub(super) fn give_way(&mut self) {
        self.turn = None;
    }

    /// The number of the frame that is on its way, if it lies in memory that others may want.
    pub(super) fn holding(&self) -> Option<u64> {
        self.body.as_ref().is_some_and(|body| body.room.is_shared()).then_some(self.bodies)
    }

    /// Looks at the next whole frame.
    pub(super) fn peek(&self) -> Option<&Incoming> {
        self.ready.front()
    }

    /// Reads once. Called only while no whole frame waits, so what waits is bounded by a read.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        ahead: Ahead,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), FrameError>> {
        if self.is_stalled {
            if !self.begin_body(ahead, cx)? {
                return Poll::Pending;
            }
            self.is_stalled = false;
        }
        if !self.unread.is_empty() {
            let unread = self.unread.split().freeze();
            self.feed(&unread, ahead, cx)?;
            return Poll::Ready(Ok(()));
        }
        if let Some(body) = &mut self.body {
            let mut room = (&mut body.bytes).limit(body.missing);
            let read = ready!(poll_read_buf(Pin::new(socket), cx, &mut room));
            let read = read.map_err(FrameError::Gone)?;
            if read == 0 {
                return Poll::Ready(Err(FrameError::Gone(closed())));
            }
            body.missing -= read;
            self.finish_body();
            return Poll::Ready(Ok(()));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let bound = if self.was_large { SCRATCH_BYTES_LARGE } else { SCRATCH_BYTES };
            let mut room = ReadBuf::new(scratch.get_mut(..bound).unwrap_or_default());
            let read = ready!(Pin::new(socket).poll_read(cx, &mut room));
            read.map_err(FrameError::Gone)?;
            if room.filled().is_empty() {
                return Poll::Ready(Err(FrameError::Gone(closed())));
            }
            Poll::Ready(self.feed(room.filled(), ahead, cx))
        })
    }

    fn feed(&mut self, mut bytes: &[u8], ahead: Ahead, cx: &Context<'_>) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            if self.expected != Frames::Requests && !self.ready.is_empty() {
                self.unread.extend_from_slice(bytes);
                return Ok(());
            }
            if let Some(body) = &mut self.body {
                let (mine, rest) = bytes.split_at(body.missing.min(bytes.len()));
                body.bytes.extend_from_slice(mine);
                body.missing -= mine.len();
                bytes = rest;
                self.finish_body();
                continue;
            }
            let wanted = self.head_wanted()?;
            let room = self.head.get_mut(self.head_bytes..wanted).unwrap_or_default();
            let (mine, rest) = bytes.split_at(room.len().min(bytes.len()));
            if let Some(room) = room.get_mut(..mine.len()) {
                room.copy_from_slice(mine);
            }
            self.head_bytes += mine.len();
            bytes = rest;
            let is_there = self.head_bytes == self.head_wanted()?;
            if is_there && self.head_bytes >= SIZE_BYTES && !self.begin_body(ahead, cx)? {
                self.is_stalled = true;
                self.unread.extend_from_slice(bytes);
                return Ok(());
            }
        }
        Ok(())
    }

    /// How many bytes of the front must be there before the frame can be judged.
    fn head_wanted(&self) -> Result<usize, FrameError> {
        if self.head_bytes < SIZE_BYTES {
            return Ok(SIZE_BYTES);
        }
        let size = self.size();
        let (least, most) = match self.expected {
            // A request has at least key, version and correlation id.
            Frames::Requests => (HEAD_BYTES - SIZE_BYTES, self.frame_bytes_max),
            Frames::Authenticating(most) => (HEAD_BYTES - SIZE_BYTES, most),
            Frames::Tokens(most) => (0, most),
        };
        let max = most.min(self.frame_bytes_max);
        match usize::try_from(size) {
            Ok(bytes) if bytes > max => Err(FrameError::Large { bytes, max }),
            Ok(bytes) if bytes >= least => Ok(SIZE_BYTES + least),
            _ => Err(FrameError::Short(size)),
        }
    }

    fn size(&self) -> i32 {
        let [a, b, c, d, ..] = self.head;
        i32::from_be_bytes([a, b, c, d])
    }

    /// Judges the frame whose front is there; `false` if it has to wait for memory.
    fn begin_body(&mut self, ahead: Ahead, cx: &Context<'_>) -> Result<bool, FrameError> {
        let size = self.size();
        let bytes = usize::try_from(size).map_err(|_| FrameError::Short(size))?;
        let front = self.head.get(SIZE_BYTES..self.head_bytes).unwrap_or_default();
        let mut kind = Kind::Alone;
        if self.expected == Frames::Requests {
            let (api_key, _, _) = RequestHead::peek(front).ok_or(FrameError::Short(size))?;
            let max = frame_bytes_max(api_key, self.frame_bytes_max);
            if bytes > max {
                return Err(FrameError::Large { bytes, max });
            }
            kind = kind_of(api_key);
        }
        // Of the memory of all it takes none that would then wait for a request before it.
        let may_share = self.ahead(ahead).lets(kind);
        let (memory, turn) = (&self.memory, &mut self.turn);
        let shared = || {
            let permit = may_share.then(|| memory.take(bytes, turn, cx.waker()));
            permit.flatten().map(Room::shared)
        };
        let Some(room) = self.own.take(bytes).or_else(shared) else { return Ok(false) };
        // It may have found room of its own meanwhile.
        self.turn = None;
        let mut body = BytesMut::with_capacity(bytes.min(RESERVED_BYTES_MAX));
        body.extend_from_slice(front);
        let missing = bytes - front.len();
        self.body = Some(Body { bytes: body, missing, room });
        self.bodies += 1;
        self.head_bytes = 0;
        self.finish_body();
        Ok(true)
    }

    /// What a frame that begins now will find before it: what is open, and what waits to be.
    fn ahead(&self, open: Ahead) -> Ahead {
        let kinds = self.ready.iter().map(|incoming| {
            RequestHead::peek(&incoming.frame).map_or(Kind::Alone, |(key, ..)| kind_of(key))
        });
        kinds
            .fold(open, |ahead, kind| if ahead.lets(kind) { Ahead::of(kind) } else { Ahead::Other })
    }

    fn finish_body(&mut self) {
        if self.body.as_ref().is_some_and(|body| body.missing == 0)
            && let Some(Body { bytes, room, .. }) = self.body.take()
        {
            self.was_large = bytes.len() >= SCRATCH_BYTES;
            self.ready.push_back(Incoming { frame: bytes.freeze(), room });
        }
    }
}

fn closed() -> std::io::Error {
    std::io::ErrorKind::UnexpectedEof.into()
}
