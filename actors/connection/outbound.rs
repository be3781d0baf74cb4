//! Answers on their way out: small ones are copied together, large ones stay where they are.

use crate::dispatch::Frame;
use crate::runtime::Share;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// Parts below this are copied behind each other: cheaper than a piece of their own in `writev`.
const LINKED_BYTES: usize = 4 * 1024;
/// Unsent bytes of a connection that are not counted: most answers are sent at once, and counting
/// would be one more thing that all connections share.
const UNCOUNTED_BYTES: usize = 64 * 1024;
/// Pieces of one `writev`; the kernel takes up to 1,024.
const PIECES_MAX: usize = 64;

/// Unsent answers of one connection, in order.
#[derive(Debug)]
pub(super) struct Outbound {
    parts: VecDeque<Bytes>,
    /// Small parts behind the last of `parts`.
    tail: BytesMut,
    bytes: usize,
    share: Share,
}

impl Outbound {
    pub(super) fn new(share: Share) -> Self {
        Self { parts: VecDeque::new(), tail: BytesMut::new(), bytes: 0, share }
    }

    /// Whether it keeps memory that other answers want.
    pub(super) fn is_burden(&self) -> bool {
        self.share.bytes() > 0 && self.share.budget().is_full()
    }

    fn count(&mut self) {
        self.share.set(if self.bytes > UNCOUNTED_BYTES { self.bytes } else { 0 });
    }

    /// Bytes that are not sent.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, frame: Frame) {
        for part in frame {
            self.bytes += part.len();
            if part.len() < LINKED_BYTES {
                self.tail.extend_from_slice(&part);
            } else {
                self.close_tail();
                self.parts.push_back(part);
            }
        }
        self.count();
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push_back(self.tail.split().freeze());
        }
    }

    /// Writes until everything is sent or the socket takes no more.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.close_tail();
        while self.bytes > 0 {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            for (piece, part) in pieces.iter_mut().zip(&self.parts) {
                *piece = IoSlice::new(part);
            }
            let pieces = pieces.get(..self.parts.len().min(PIECES_MAX)).unwrap_or_default();
            match Pin::new(&mut *socket).poll_write_vectored(cx, pieces) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => self.advance(sent),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // An idle connection keeps no buffer.
        self.parts = VecDeque::new();
        self.tail = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut sent: usize) {
        self.bytes -= sent;
        self.count();
        while let Some(part) = self.parts.front_mut() {
            if part.len() > sent {
                return part.advance(sent);
            }
            sent -= part.len();
            self.parts.pop_front();
        }
    }
}
