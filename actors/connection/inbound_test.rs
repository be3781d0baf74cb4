//! Frames come out whole, however their bytes arrive, and bad ones are known by their front.

use super::inbound::{Ahead, FrameError, Inbound};
use super::memory::RequestMemory;
use crate::dispatch::Frames;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, ReadBuf};

const MIB: usize = 1024 * 1024;

/// A socket that gives its pieces one by one, then nothing more for now.
struct Pieces(Vec<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Some(first) = self.0.first_mut() else { return Poll::Pending };
        let count = room.remaining().min(first.len());
        room.put_slice(&first[..count]);
        first.drain(..count);
        if first.is_empty() {
            self.0.remove(0);
        }
        Poll::Ready(Ok(()))
    }
}

/// A frame of an API with this key: size, key, version 0, correlation id, and a body.
fn frame(api_key: i16, body: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(i32::try_from(8 + body).unwrap().to_be_bytes());
    bytes.extend(api_key.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0, 7]);
    bytes.extend((0..body).map(|at| u8::try_from(at % 251).unwrap()));
    bytes
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn read_all(inbound: &mut Inbound, socket: &mut Pieces) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut frames = Vec::new();
    while let Poll::Ready(read) = inbound.poll_read(socket, Ahead::Nothing, &mut context()) {
        read?;
        while let Some(incoming) = inbound.pop() {
            frames.push(incoming.frame.to_vec());
        }
    }
    Ok(frames)
}

#[test]
fn frames_come_out_whole_wherever_their_bytes_are_cut() {
    let (one, two) = (frame(3, 5), frame(18, 0));
    let stream = [one.clone(), two.clone()].concat();
    for cut in 1..stream.len() {
        let (front, back) = stream.split_at(cut);
        let mut socket = Pieces(vec![front.to_vec(), back.to_vec()]);
        let mut inbound = Inbound::new(RequestMemory::new(MIB), MIB);

        let frames = read_all(&mut inbound, &mut socket).unwrap();

        assert_eq!(frames, [one[4..].to_vec(), two[4..].to_vec()], "cut at {cut}");
    }
}

#[test]
fn a_large_frame_and_a_small_one_behind_it_come_out_whole() {
    let (large, small) = (frame(0, 300_000), frame(18, 1));
    let mut socket = Pieces(vec![[large.clone(), small.clone()].concat()]);
    let mut inbound = Inbound::new(RequestMemory::new(MIB), MIB);

    let frames = read_all(&mut inbound, &mut socket).unwrap();

    assert_eq!(frames, [large[4..].to_vec(), small[4..].to_vec()]);
}

#[test]
fn a_size_that_no_request_has_is_refused_before_anything_follows() {
    for size in [-1, 0, 7, i32::MAX] {
        let mut socket = Pieces(vec![size.to_be_bytes().to_vec()]);
        let mut inbound = Inbound::new(RequestMemory::new(MIB), MIB);

        assert!(read_all(&mut inbound, &mut socket).is_err(), "size {size}");
    }
}

#[test]
fn a_size_that_its_api_does_not_have_is_refused_by_the_front() {
    let body = 9 * MIB;
    let mut front = frame(18, 0);
    front[..4].copy_from_slice(&i32::try_from(body).unwrap().to_be_bytes());
    let mut socket = Pieces(vec![front]);
    let mut inbound = Inbound::new(RequestMemory::new(100 * MIB), 100 * MIB);

    let refused = read_all(&mut inbound, &mut socket);

    assert!(matches!(refused, Err(FrameError::Large { bytes, .. }) if bytes == body));
}

#[test]
fn a_frame_waits_until_there_is_memory_for_it() {
    let memory = RequestMemory::new(100_000);
    let first = frame(0, 90_000);
    let second = frame(0, 80_000);
    let mut one = Inbound::new(memory.clone(), MIB);
    let mut two = Inbound::new(memory, MIB);
    let mut socket = Pieces(vec![second.clone()]);

    assert!(one.poll_read(&mut Pieces(vec![first]), Ahead::Nothing, &mut context()).is_ready());
    assert_eq!(read_all(&mut two, &mut socket).unwrap().len(), 0, "read beyond the budget");
    drop(one);
    let frames = read_all(&mut two, &mut socket).unwrap();

    assert_eq!(frames, [second[4..].to_vec()]);
}

#[test]
fn small_frames_count_once_a_connection_has_many_of_them() {
    let memory = RequestMemory::new(MIB);
    let small = frame(0, 30_000);
    let mut inbound = Inbound::new(memory.clone(), MIB);
    let mut open = Vec::new();

    for _ in 0..10 {
        let mut socket = Pieces(vec![small.clone()]);
        while let Poll::Ready(read) = inbound.poll_read(&mut socket, Ahead::Nothing, &mut context())
        {
            read.unwrap();
            open.extend(inbound.pop());
        }
    }

    // Two of them are the connection's own.
    assert_eq!((open.len(), memory.used()), (10, 8 * (small.len() - 4)));
    drop(open);
    assert_eq!(memory.used(), 0);
}

#[test]
fn nothing_that_others_may_want_is_taken_for_a_frame_that_would_wait() {
    let memory = RequestMemory::new(MIB);
    let large = frame(0, 90_000);
    for (ahead, is_read) in [(Ahead::Nothing, true), (Ahead::Produce, true), (Ahead::Other, false)]
    {
        let mut inbound = Inbound::new(memory.clone(), MIB);
        let mut socket = Pieces(vec![large.clone()]);

        while inbound.poll_read(&mut socket, ahead, &mut context()).is_ready() {}

        assert_eq!(inbound.peek().is_some(), is_read, "{ahead:?}");
        assert_eq!(memory.used() > 0, is_read, "{ahead:?}");
        assert!(!inbound.waits_for_memory());
        // Its turn has come.
        while inbound.poll_read(&mut socket, Ahead::Nothing, &mut context()).is_ready() {}
        assert!(inbound.peek().is_some());
    }
}

#[test]
fn a_frame_behind_one_that_was_not_begun_waits_as_behind_one_that_was() {
    let memory = RequestMemory::new(MIB);
    let (small, large) = (frame(3, 5), frame(0, 90_000));
    let mut inbound = Inbound::new(memory.clone(), MIB);
    let mut socket = Pieces(vec![[small, large].concat()]);

    assert!(inbound.poll_read(&mut socket, Ahead::Nothing, &mut context()).is_ready());
    assert_eq!(memory.used(), 0);
    assert!(inbound.pop().is_some());

    assert_eq!(read_all(&mut inbound, &mut socket).unwrap().len(), 1);
}

/// A token: its size, and that many bytes.
fn token(bytes: usize) -> Vec<u8> {
    [&u32::try_from(bytes).unwrap().to_be_bytes()[..], &vec![7; bytes]].concat()
}

#[test]
fn before_a_client_is_known_its_frames_are_small_whatever_they_are_for() {
    let read = |frames: Frames, stream: Vec<u8>| {
        let mut inbound = Inbound::new(RequestMemory::new(MIB), MIB);
        inbound.expect(frames);
        read_all(&mut inbound, &mut Pieces(vec![stream])).map(|frames| frames.len())
    };

    assert_eq!(read(Frames::Authenticating(1000), frame(0, 992)).unwrap(), 1);
    for (frames, stream) in [
        (Frames::Authenticating(1000), frame(0, 993)),
        (Frames::Authenticating(1000), token(7)),
        (Frames::Tokens(1000), token(1001)),
        (Frames::Tokens(2 * MIB), token(MIB + 1)),
    ] {
        assert!(read(frames, stream).is_err(), "{frames:?}");
    }
    assert_eq!(read(Frames::Tokens(1000), token(1000)).unwrap(), 1);
}

#[test]
fn what_a_frame_is_follows_from_the_one_before_it_however_they_arrive() {
    let parts = [frame(17, 5), token(0), token(3), token(30), frame(3, 2), frame(3, 9)];
    let kinds = [
        Frames::Authenticating(100),
        Frames::Tokens(100),
        Frames::Tokens(100),
        Frames::Tokens(100),
        Frames::Requests,
        Frames::Requests,
    ];
    let stream = parts.concat();
    for cut in 0..stream.len() {
        let mut socket = Pieces(vec![stream[..cut].to_vec(), stream[cut..].to_vec()]);
        socket.0.retain(|piece| !piece.is_empty());
        let mut inbound = Inbound::new(RequestMemory::new(MIB), MIB);
        inbound.expect(kinds[0]);

        let mut read: Vec<Vec<u8>> = Vec::new();
        while let Poll::Ready(outcome) =
            inbound.poll_read(&mut socket, Ahead::Nothing, &mut context())
        {
            outcome.unwrap();
            while let Some(incoming) = inbound.pop() {
                read.push(incoming.frame.to_vec());
                inbound.expect(*kinds.get(read.len()).unwrap_or(&Frames::Requests));
            }
        }

        let expected: Vec<Vec<u8>> = parts.iter().map(|part| part[4..].to_vec()).collect();
        assert_eq!(read, expected, "cut at {cut}");
    }
}
