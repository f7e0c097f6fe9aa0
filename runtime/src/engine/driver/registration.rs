//! A source's registration with the driver: operations that wait until the source is ready.
//!
//! Every operation spends the poll's budget (`engine::coop`), is tried only while the source seems
//! ready, and clears readiness that proves wrong. Only the shared wait for readiness
//! ([`Registration::ready`]) spends no budget: programs rely on it to be ready as long as the
//! source is.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::RawFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::engine::coop;
use crate::engine::insight::{self, Kind, Wait};
use crate::engine::messages;
use crate::engine::primitive::Arc;

use super::interest::Interest;
use super::readiness::{Direction, Readiness, ReadyEvent};
use super::ready::Ready;
use super::switch::Switch;
use super::{IoDriver, system_interest};
use crate::engine::slab::Key;

/// One registered source. Dropping it takes the source out of the driver's table; before that
/// [`deregister`](Self::deregister) tells the system.
#[derive(Debug)]
pub(crate) struct Registration {
    driver: Arc<IoDriver>,
    readiness: Arc<Readiness>,
    key: Key,
    /// The source's descriptor, for a dump.
    descriptor: RawFd,
}

/// What a short transfer (some bytes, but fewer than asked for) says about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// The source is drained (or full): it is a byte stream of the system. No second call is
    /// needed.
    IsOver,
    /// Nothing: the source has records, or is a stream that stops at marks.
    SaysNothing,
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn alive(event: ReadyEvent) -> io::Result<ReadyEvent> {
    if event.shut { Err(messages::shut_down()) } else { Ok(event) }
}

impl IoDriver {
    /// Registers a source with the system. Its events reach the returned [`Registration`].
    /// `initially` is what the source is taken to be ready for before the first event.
    ///
    /// # Errors
    ///
    /// After [`shutdown`](Self::shutdown), and errors of the system.
    pub(crate) fn register(
        self: &Arc<IoDriver>,
        source: &mut impl mio::event::Source,
        descriptor: RawFd,
        interest: Interest,
        initially: Ready,
    ) -> io::Result<Registration> {
        if self.generation.is_in_parent() {
            return Err(messages::forked());
        }
        let readiness = Arc::new(Readiness::new(initially));
        let key = self.table.lock().insert(readiness.clone()).ok_or_else(messages::shut_down)?;
        // From here on the registration's drop takes the source out of the table.
        let registration = Registration { driver: self.clone(), readiness, key, descriptor };
        source.register(&self.registry, mio::Token(key.to_raw()), system_interest(interest))?;
        Ok(registration)
    }

    /// As [`register`](Self::register), of a source whose descriptor is closed only after it has
    /// been deregistered. Its events may be switched off while nobody waits for them.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub(crate) fn register_own(
        self: &Arc<IoDriver>,
        source: &mut impl mio::event::Source,
        descriptor: RawFd,
        interest: Interest,
        initially: Ready,
    ) -> io::Result<Registration> {
        let registration = self.register(source, descriptor, interest, initially)?;
        let (token, events) = (registration.key.to_raw(), system_interest(interest));
        let switch = Switch::new(&self.registry, descriptor, token, events);
        registration.readiness.attach(interest, switch);
        Ok(registration)
    }
}

impl Registration {
    /// Deregisters the source from the system.
    pub(crate) fn deregister(&self, source: &mut impl mio::event::Source) -> io::Result<()> {
        if !self.driver.generation.is_in_parent() {
            self.readiness.detach();
        }
        self.driver.deregister(source)
    }

    /// Waits, as the source's one reader or writer, without spending budget.
    pub(super) fn poll_event(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        match self.readiness.poll(direction, cx.waker()) {
            Poll::Ready(event) => Poll::Ready(alive(event)),
            Poll::Pending => self.wait_for_ever_or_fail(),
        }
    }

    /// The source's one reader or writer is gone: see [`Readiness::end_turn`].
    pub(crate) fn end_turn(&self, direction: Direction) {
        self.readiness.end_turn(direction);
    }

    /// Pending, or an error in a forked child, where no thread would end the wait.
    fn wait_for_ever_or_fail<T>(&self) -> Poll<io::Result<T>> {
        if self.driver.generation.is_in_parent() {
            Poll::Ready(Err(messages::forked()))
        } else {
            Poll::Pending
        }
    }

    /// What whoever polls it waits for.
    #[cold]
    fn wait(&self, direction: Direction) -> Wait {
        self.wait_for(match direction {
            Direction::Read => Kind::Readable,
            Direction::Write => Kind::Writable,
        })
    }

    fn wait_for(&self, kind: Kind) -> Wait {
        Wait::new(kind, self.descriptor as u64)
    }

    /// Waits, as the source's one reader or writer, until it seems ready.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(event) = self.poll_event(cx, direction) else {
            return coop.pending(|| self.wait(direction));
        };
        coop.made_progress();
        Poll::Ready(event)
    }

    /// Does `operation`, one of our own, as the source's one reader or writer, as soon as it does
    /// not block.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            let Poll::Ready(event) = self.poll_event(cx, direction) else {
                return coop.pending(|| self.wait(direction));
            };
            let event = event?;
            match operation() {
                Err(e) if would_block(&e) => self.readiness.clear_blocked(event),
                done => {
                    coop.made_progress();
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), for the transfer of up to `wanted` bytes.
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: usize,
        mut operation: impl FnMut() -> io::Result<(usize, Short)>,
    ) -> Poll<io::Result<usize>> {
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            let Poll::Ready(event) = self.poll_event(cx, direction) else {
                return coop.pending(|| self.wait(direction));
            };
            let event = event?;
            match operation() {
                Err(e) if would_block(&e) => self.readiness.clear_blocked(event),
                done => {
                    if let Ok((n @ 1.., Short::IsOver)) = done {
                        if n < wanted {
                            self.clear_short(direction, event);
                        }
                    }
                    coop.made_progress();
                    return Poll::Ready(done.map(|(n, _)| n));
                }
            }
        }
    }

    fn clear_short(&self, direction: Direction, event: ReadyEvent) {
        match direction {
            Direction::Read => self.readiness.clear_short_read(event),
            Direction::Write => self.readiness.clear_short_write(event),
        }
    }

    /// Does `operation`, the user's own, now, if the source seems ready; else says that it would
    /// block.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.try_then(interest, operation, Readiness::clear)
    }

    /// As [`try_io`](Self::try_io), with an operation of our own.
    pub(crate) fn try_own_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.try_then(interest, operation, Readiness::clear_blocked)
    }

    /// As [`try_io`](Self::try_io); `clear` is called where the operation would block.
    #[inline]
    fn try_then<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
        clear: impl FnOnce(&Readiness, ReadyEvent),
    ) -> io::Result<R> {
        let event = self.look(interest)?;
        let done = operation();
        if done.as_ref().is_err_and(would_block) {
            clear(&self.readiness, event);
        }
        done
    }

    fn look(&self, interest: Interest) -> io::Result<ReadyEvent> {
        let event = self.readiness.look(Ready::answering(interest));
        if event.ready.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(event) }
    }

    /// Waits, as one of many, until the source is ready for any condition of `interest`.
    pub(crate) fn ready(&self, interest: Interest) -> WaitReady<'_> {
        WaitReady { registration: self, mask: Ready::answering(interest), key: None }
    }

    /// Does `operation`, the user's own, as one of many that wait for `interest`, as soon as it
    /// does not block.
    pub(crate) fn async_io<R>(
        &self,
        interest: Interest,
        operation: impl FnMut() -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.repeat(interest, operation, Readiness::clear)
    }

    /// As [`async_io`](Self::async_io), with an operation of our own.
    pub(crate) fn own_io<R>(
        &self,
        interest: Interest,
        operation: impl FnMut() -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.repeat(interest, operation, Readiness::clear_blocked)
    }

    /// As [`async_io`](Self::async_io); `clear` is called whenever the operation would block.
    async fn repeat<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> io::Result<R>,
        clear: impl Fn(&Readiness, ReadyEvent),
    ) -> io::Result<R> {
        loop {
            let event = self.ready(interest).await?;
            let coop = poll_fn(coop::poll_proceed).await;
            match operation() {
                Err(e) if would_block(&e) => clear(&self.readiness, event),
                done => {
                    coop.made_progress();
                    return done;
                }
            }
        }
    }

    /// Waits, in the place of `key`, until the system itself says that the source is ready in this
    /// direction. Spends no budget. What others did to the source meanwhile needs not be told:
    /// readiness that is only remembered is asked for again.
    pub(crate) fn poll_level(
        &self,
        cx: &mut Context<'_>,
        key: &mut Option<Key>,
        direction: Direction,
    ) -> Poll<io::Result<()>> {
        ready!(coop::poll_unspent(cx));
        let mask = direction.mask_of_level();
        loop {
            let Poll::Ready(event) = self.readiness.poll_turn(key, mask, cx.waker()) else {
                insight::note(|| self.wait(direction));
                return self.wait_for_ever_or_fail();
            };
            let event = alive(event)?;
            if super::level::is_ready(self.descriptor, direction)? {
                return Poll::Ready(Ok(()));
            }
            self.readiness.clear_blocked(event);
        }
    }

    /// Ends the wait of [`poll_level`](Self::poll_level).
    pub(crate) fn leave(&self, key: Key) {
        self.readiness.leave(key);
    }

    /// Clears the conditions of `event`, unless an event has come since.
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.readiness.clear(event);
    }
}

// A panic in an operation leaves the readiness as it was: at worst a wake too many.
impl UnwindSafe for Registration {}
impl RefUnwindSafe for Registration {}

impl Drop for Registration {
    fn drop(&mut self) {
        self.driver.release(self.key);
    }
}

/// Future of [`Registration::ready`]. Dropping it ends the wait and loses nothing.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub(crate) struct WaitReady<'a> {
    registration: &'a Registration,
    mask: Ready,
    key: Option<Key>,
}

impl Future for WaitReady<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let readiness = &this.registration.readiness;
        let Poll::Ready(event) = readiness.poll_shared(&mut this.key, this.mask, cx.waker()) else {
            insight::note(|| this.registration.wait_for(Kind::Ready));
            return this.registration.wait_for_ever_or_fail();
        };
        Poll::Ready(alive(event))
    }
}

impl Drop for WaitReady<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.registration.readiness.leave(key);
        }
    }
}
