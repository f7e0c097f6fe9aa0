//! Pipes, in pages as Linux keeps them: sixteen, of 4,096 bytes each (pipe(7)).
//!
//! A pipe is full when no page is free, even if pages are half empty. A write that fits behind the
//! last page's content goes there; otherwise it takes new pages. So what fits depends on how it
//! was written, as it does on the real system.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

use super::bytes::{copy_out_from, gather_from, room, total};
use super::errno::{Errno, Result};
use super::ready::{ERR, HUP, IN, OUT, RDNORM, STATE, WRNORM};
use super::table::Kind;
use super::{Fd, HostId, ObjectId, Os};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PipeId(pub(super) u64);

const PAGES: usize = 16;
const PAGE: usize = 4096;

struct Page {
    bytes: Vec<u8>,
    /// What was read of it.
    start: usize,
}

pub(super) struct Pipe {
    pages: VecDeque<Page>,
    reader: Option<ObjectId>,
    writer: Option<ObjectId>,
}

impl Pipe {
    fn is_full(&self) -> bool {
        self.pages.len() == PAGES
    }
}

impl Os {
    /// `pipe2`: the end to read, the end to write. `O_DIRECT` (packets) is not modelled.
    pub(crate) fn pipe(&mut self, host: HostId, flags: i32) -> Result<(Fd, Fd)> {
        if flags & !(libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_up(host)?;
        let id = PipeId(self.next_pipe);
        self.next_pipe += 1;
        let status = flags & libc::O_NONBLOCK;
        let reader = self.new_object(host, status | libc::O_RDONLY, Kind::PipeReader(id));
        let writer = self.new_object(host, status | libc::O_WRONLY, Kind::PipeWriter(id));
        let pages = VecDeque::new();
        self.pipes.insert(id, Pipe { pages, reader: Some(reader), writer: Some(writer) });
        let read_fd = match self.new_descriptor(host, reader, flags) {
            Ok(fd) => fd,
            Err(error) => {
                self.end(writer);
                return Err(error);
            }
        };
        match self.new_descriptor(host, writer, flags) {
            Ok(write_fd) => Ok((read_fd, write_fd)),
            Err(error) => {
                self.close_quietly(host, read_fd);
                Err(error)
            }
        }
    }

    fn pipe_mut(&mut self, id: PipeId) -> &mut Pipe {
        self.pipes.get_mut(&id).expect("a pipe lives as long as one of its ends")
    }

    pub(super) fn read_pipe(&mut self, id: PipeId, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let wanted = room(bufs);
        if wanted == 0 {
            return Ok(0);
        }
        let pipe = self.pipe_mut(id);
        let was_full = pipe.is_full();
        let mut done = 0;
        while done < wanted {
            let Some(page) = pipe.pages.front_mut() else { break };
            let count = copy_out_from(&page.bytes[page.start..], bufs, done);
            page.start += count;
            done += count;
            if page.start == page.bytes.len() {
                pipe.pages.pop_front();
            }
        }
        let writer = pipe.writer;
        match writer {
            Some(_) if done == 0 => Err(Errno::EAGAIN),
            Some(writer) => {
                if was_full && !self.pipe_mut(id).is_full() {
                    self.notify(writer, OUT | WRNORM);
                }
                Ok(done)
            }
            None => Ok(done),
        }
    }

    pub(super) fn write_pipe(&mut self, id: PipeId, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let len = total(bufs);
        if len == 0 {
            return Ok(0);
        }
        let pipe = self.pipe_mut(id);
        let Some(reader) = pipe.reader else { return Err(Errno::EPIPE) };
        let mut done = 0;
        // What does not fill a page may go behind the content of the last one.
        let rest = len % PAGE;
        if let Some(last) = pipe.pages.back_mut() {
            if rest > 0 && last.bytes.len() + rest <= PAGE {
                last.bytes.extend(gather_from(bufs, 0, rest));
                done = rest;
            }
        }
        while done < len && !pipe.is_full() {
            let count = (len - done).min(PAGE);
            let bytes = gather_from(bufs, done, count);
            pipe.pages.push_back(Page { bytes, start: 0 });
            done += count;
        }
        // A reader that polls hears of every write, not only of the first.
        self.notify(reader, IN | RDNORM);
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    pub(super) fn pipe_reader_mask(&self, id: PipeId) -> u32 {
        let pipe = &self.pipes[&id];
        let readable = if pipe.pages.is_empty() { 0 } else { IN | RDNORM };
        readable | if pipe.writer.is_none() { HUP } else { 0 }
    }

    pub(super) fn pipe_writer_mask(&self, id: PipeId) -> u32 {
        let pipe = &self.pipes[&id];
        let writable = if pipe.is_full() { 0 } else { OUT | WRNORM };
        writable | if pipe.reader.is_none() { ERR } else { 0 }
    }

    pub(super) fn pipe_len(&self, id: PipeId) -> usize {
        self.pipes[&id].pages.iter().map(|page| page.bytes.len() - page.start).sum()
    }

    pub(super) fn end_pipe_reader(&mut self, id: PipeId) {
        let pipe = self.pipe_mut(id);
        pipe.reader = None;
        match pipe.writer {
            Some(writer) => self.notify(writer, STATE),
            None => drop(self.pipes.remove(&id)),
        }
    }

    pub(super) fn end_pipe_writer(&mut self, id: PipeId) {
        let pipe = self.pipe_mut(id);
        pipe.writer = None;
        match pipe.reader {
            Some(reader) => self.notify(reader, STATE),
            None => drop(self.pipes.remove(&id)),
        }
    }
}
