//! I/O and timers of a runtime, behind the trait `Park` through which schedulers see them.
//!
//! # Which thread wakes up for a timer
//!
//! Each worker's timers are in a shard of its own, those of all other threads in one more. The
//! thread that sleeps in the driver (the *holder*) sleeps until the earliest deadline of all
//! shards, or a little longer if more timers are due by then, and publishes which deadlines it
//! serves so. A worker that sleeps on its parker relies on that, unless its own next deadline is
//! earlier: then it wakes itself. When no
//! thread is in the driver, the monitor is awake and waits no longer than until the next deadline.
//! `timer/cover.rs` has the proof.
//!
//! A holder that gets work leaves the driver without telling others: that would be a futex call for
//! each request. So a worker that relied on it still wakes itself [`PATIENCE`] after its deadline,
//! in a wait that it makes anyway. It does not wait again for timers that have fired by then.
//!
//! # Paused time
//!
//! With paused time no thread waits for a deadline. If there is no activity (`engine/activity.rs`),
//! the holder checks for events. If there are none, it moves the clock to the next deadline and
//! fires what is due. Other threads wait without timers. Pausing or resuming the clock wakes the
//! holder, so that it starts anew; until then it sleeps by the former state.

use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::engine::activity::Activity;
use crate::engine::clock::{Clock, LAST, NEVER};
use crate::engine::driver::{IoDriver, PollGuard};
use crate::engine::insight::recorder::{Kind, record_here_with};
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::primitive::{Arc, Parker, hint};
use crate::engine::scheduler;
use crate::engine::timer::{Cover, Shard, Shards};
use crate::engine::wake_list::WakeList;

/// How late the timers of a worker that sleeps on its parker may be before it wakes up for them.
const PATIENCE: Duration = Duration::from_micros(500);

/// I/O and timers of one runtime.
pub(crate) struct Drivers {
    io: Arc<IoDriver>,
    shards: Arc<Shards>,
    clock: Arc<Clock>,
    cover: Arc<Cover>,
    holder: CachePadded<Holder>,
    jumps: Jumps,
    /// How late a timer may be to share a wake-up with others, in nanoseconds.
    slack: u64,
}

/// What the holder writes at each look, apart from fields that all threads read.
#[derive(Default)]
struct Holder {
    /// Whether the holder sleeps in the driver.
    sleeps: AtomicBool,
    looks: AtomicU64,
}

/// When paused time jumps to the next deadline.
enum Jumps {
    /// Time cannot be paused.
    Never,
    /// When no job is pending. The one thread that runs tasks sees everything else.
    WithoutJobs(Arc<Activity>),
    /// When there is no activity. The threads that sleep here are counted while they are awake.
    WhenStill(Arc<Activity>),
}

impl Drivers {
    /// For the `current_thread` flavour. `slack`: how late a timer may be to share a wake-up.
    pub(crate) fn of_one_thread(io: Arc<IoDriver>, clock: Arc<Clock>, slack: Duration) -> Drivers {
        let activity = new_activity(&io);
        Drivers::new(io, clock, 0, slack, Jumps::WithoutJobs(activity))
    }

    /// For several workers.
    pub(crate) fn of_workers(
        io: Arc<IoDriver>,
        clock: Arc<Clock>,
        workers: usize,
        slack: Duration,
    ) -> Drivers {
        let jumps = match clock.may_pause() {
            true => Jumps::WhenStill(new_activity(&io)),
            false => Jumps::Never,
        };
        Drivers::new(io, clock, workers, slack, jumps)
    }

    fn new(
        io: Arc<IoDriver>,
        clock: Arc<Clock>,
        workers: usize,
        slack: Duration,
        jumps: Jumps,
    ) -> Drivers {
        let slack = u64::try_from(slack.as_nanos()).unwrap_or(NEVER);
        let cover = Arc::new(Cover::new(slack));
        let shard = |mark| {
            let (io, cover, clock) = (Arc::clone(&io), Arc::clone(&cover), Arc::clone(&clock));
            let own_clock = Arc::clone(&clock);
            let made_earlier = move |deadline| {
                // With paused time the holder does not sleep for what it has published.
                let is_too_long = match clock.is_paused() {
                    true => cover.is_anybody(),
                    false => cover.is_too_long_for(deadline),
                };
                if is_too_long {
                    io.wake(); // wake: earlier deadline
                }
            };
            Shard::new(own_clock, slack, Box::new(made_earlier), mark)
        };
        let shards = Arc::new(Shards::new(Arc::clone(&clock), workers, shard));
        let (io, holder) = (Arc::clone(&io), CachePadded::default());
        Drivers { io, shards, clock, cover, holder, jumps, slack }
    }

    pub(crate) fn shards(&self) -> &Arc<Shards> {
        &self.shards
    }

    /// Where blocking jobs are counted, if time can be paused.
    pub(crate) fn counts_jobs(&self) -> Option<Arc<Activity>> {
        match &self.jumps {
            Jumps::Never => None,
            Jumps::WithoutJobs(activity) | Jumps::WhenStill(activity) => Some(Arc::clone(activity)),
        }
    }

    /// Where everything else is counted, if workers' time can be paused.
    pub(crate) fn counts_all(&self) -> Option<Arc<Activity>> {
        match &self.jumps {
            Jumps::Never | Jumps::WithoutJobs(_) => None,
            Jumps::WhenStill(activity) => Some(Arc::clone(activity)),
        }
    }

    fn slack(&self) -> Duration {
        Duration::from_nanos(self.slack)
    }

    fn until(&self, deadline: u64) -> Option<Duration> {
        if deadline == NEVER {
            return None;
        }
        Some(Duration::from_nanos(deadline.saturating_sub(self.clock.now())))
    }

    /// How long the holder may sleep. Published so that others can rely on it.
    fn publish(&self, limit: Option<Duration>) -> Option<Duration> {
        let latest =
            limit.map_or(NEVER, |limit| self.clock.now().saturating_add(limit.as_nanos() as u64));
        let earliest = || self.shards.earliest().min(latest);
        let last = |earliest| self.shards.last_with(earliest, self.slack).min(latest);
        let until = self.until(self.cover.publish(earliest, last));
        // With paused time, deadlines do not limit the wait.
        if self.clock.is_paused() { limit } else { until }
    }

    fn count_look(&self) {
        // Only the holder writes it.
        self.holder.looks.store(self.holder.looks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Calls `sleep`, during which the caller is not counted as active.
    fn uncounted(&self, sleep: impl FnOnce()) {
        let Jumps::WhenStill(activity) = &self.jumps else { return sleep() };
        activity.end();
        sleep();
        activity.begin();
    }

    /// With paused time `limit` has no meaning.
    fn sleep_in_poll(
        &self,
        turn: &mut PollGuard<'_>,
        parker: &Parker,
        limit: Option<Duration>,
        ready: &mut WakeList,
    ) {
        let timeout = self.publish(limit);
        let activity = match &self.jumps {
            Jumps::WithoutJobs(activity) | Jumps::WhenStill(activity) if self.clock.is_paused() => {
                activity
            }
            _ => {
                return self.uncounted(|| {
                    let _ = turn.wait(timeout, ready);
                });
            }
        };
        // A thread that is never counted is counted during this call.
        let _counted = matches!(self.jumps, Jumps::WithoutJobs(_)).then(|| activity.enter());
        while self.clock.is_paused() {
            activity.end();
            activity.watch();
            if self.shards.earliest() != NEVER && activity.claim() {
                // After the claim, what others sent before they ended is visible. The look may
                // consume the driver's wake; a job gives the token before it ends.
                let _ = turn.wait(Some(Duration::ZERO), ready);
                if ready.is_empty() && !parker.is_notified() {
                    self.shards.jump(ready);
                }
            } else {
                let _ = turn.wait(None, ready);
                activity.begin();
            }
            activity.unwatch();
            if !ready.is_empty() || parker.is_notified() {
                return;
            }
        }
    }
}

/// Records how many wakers `look` adds, if it adds any.
fn recorded(kind: Kind, ready: &mut WakeList, look: impl FnOnce(&mut WakeList)) {
    let before = ready.len();
    look(ready);
    let added = ready.len() - before;
    if added > 0 {
        if kind == Kind::Timers {
            ready.timers_from(before);
        }
        record_here_with(kind, || (added as u64, 0));
    }
}

/// A new count of activities. When it falls to zero the holder is woken.
fn new_activity(io: &Arc<IoDriver>) -> Arc<Activity> {
    let io = Arc::clone(io);
    let wake = move || {
        io.wake(); // wake: nothing goes on
    };
    Arc::new(Activity::new(Box::new(wake)))
}

impl scheduler::Park for Drivers {
    fn look(&self, slot: usize, ready: &mut WakeList) {
        if let Some(mut turn) = self.io.try_acquire() {
            recorded(Kind::Io, ready, |ready| {
                let _ = turn.wait(Some(Duration::ZERO), ready);
            });
            self.count_look();
        }
        let shards = self.shards.of_worker(slot).into_iter().chain([self.shards.outside()]);
        recorded(Kind::Timers, ready, |ready| self.shards.look(shards, ready));
    }

    fn look_again(&self, parker: &Parker, goes_on: &mut dyn FnMut() -> bool, ready: &mut WakeList) {
        // Paused time jumps when nothing goes on, and looking is no activity.
        if self.clock.is_paused() {
            return;
        }
        let mut turn = self.io.try_acquire();
        if turn.is_some() {
            // The monitor need not call a sleeper to wait in the driver.
            self.holder.sleeps.store(true, Ordering::Relaxed);
        }
        let is_due = || {
            let earliest = self.shards.earliest();
            earliest != NEVER && earliest <= self.clock.now()
        };
        recorded(Kind::Io, ready, |ready| {
            while ready.is_empty() && !parker.is_notified() && !is_due() && goes_on() {
                match &mut turn {
                    Some(turn) => {
                        let _ = turn.wait(Some(Duration::ZERO), ready);
                    }
                    None => hint::spin_loop(),
                }
            }
        });
        if turn.is_some() {
            self.holder.sleeps.store(false, Ordering::Relaxed);
            self.count_look();
        }
    }

    fn sleep(
        &self,
        slot: usize,
        parker: &Parker,
        limit: Option<Duration>,
        ready: &mut WakeList,
    ) -> bool {
        if let Some(mut turn) = self.io.try_acquire() {
            if !parker.begin_elsewhere() {
                return false;
            }
            self.holder.sleeps.store(true, Ordering::Relaxed);
            recorded(Kind::Io, ready, |ready| self.sleep_in_poll(&mut turn, parker, limit, ready));
            self.cover.retract();
            self.holder.sleeps.store(false, Ordering::Relaxed);
            self.count_look();
            drop(turn);
            parker.end_elsewhere();
            recorded(Kind::Timers, ready, |ready| {
                self.shards.look(self.shards.with_deadline(), ready);
            });
            return true;
        }
        let own = self.shards.of_worker(slot);
        let deadline = own.map_or(NEVER, |shard| shard.next_deadline());
        let last = deadline.saturating_add(self.slack).min(LAST);
        let last = own.map_or(NEVER, |shard| shard.last_until(last));
        let timer = self.until(last).filter(|_| !self.clock.is_paused()).map(|limit| {
            // The holder may be busy by then, since it leaves the driver without telling.
            let relies = !self.cover.leaves_out(deadline);
            if relies { limit.saturating_add(PATIENCE + self.slack()) } else { limit }
        });
        let limit = limit.into_iter().chain(timer).min();
        self.uncounted(|| match limit {
            Some(limit) => {
                parker.park_timeout(limit);
            }
            None => parker.park(),
        });
        recorded(Kind::Timers, ready, |ready| self.shards.look(own, ready));
        true
    }

    fn wait_for_others(&self, parker: &Parker, jobs_only: bool, ready: &mut WakeList) {
        let Some(mut turn) = self.io.try_acquire() else { return };
        if !parker.begin_elsewhere() {
            return;
        }
        let jobs = self.counts_jobs();
        jobs.iter().for_each(|jobs| jobs.watch());
        // Checked after the watch: a job that ends later wakes the driver.
        if !jobs_only || jobs.as_ref().is_some_and(|jobs| !jobs.is_still()) {
            let _ = turn.wait(None, ready);
        }
        jobs.iter().for_each(|jobs| jobs.unwatch());
        self.count_look();
        drop(turn);
        parker.end_elsewhere();
    }

    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool {
        let Some(mut turn) = self.io.try_acquire() else { return false };
        let timeout = self.publish(Some(limit));
        let _ = turn.wait(timeout, ready);
        self.cover.retract();
        self.count_look();
        drop(turn);
        self.shards.look(self.shards.with_deadline(), ready);
        true
    }

    fn advance_overdue(&self, by: Duration, ready: &mut WakeList) {
        // The thread that moves a paused clock fires what is due.
        if self.shards.earliest() == NEVER || self.clock.is_paused() {
            return;
        }
        let limit = self.clock.now().saturating_sub(by.as_nanos() as u64);
        let overdue = self.shards.with_deadline().filter(|shard| shard.next_deadline() < limit);
        self.shards.look(overdue, ready);
    }

    fn has_holder(&self) -> bool {
        self.holder.sleeps.load(Ordering::Relaxed)
    }

    fn looks(&self) -> u64 {
        self.holder.looks.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        self.io.wake();
    }

    fn next_timer(&self) -> Option<Duration> {
        if self.clock.is_paused() {
            return None;
        }
        self.until(self.shards.earliest())
    }
}
