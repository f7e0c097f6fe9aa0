//! The executor that a test drives: the public side of `runtime/by_hand.rs`.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::engine::clock::{LAST, nanos};
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::messages;
use crate::engine::task::{Identity, JoinHandle};
use crate::runtime::by_hand::{ByHand, Played};
use crate::runtime::{Handle, RngSeed};
use crate::time::Instant;

/// Runs futures and tasks step by step, with a clock that the test moves.
///
/// It is the current runtime of its thread until it is dropped. [The module's
/// page](crate::testing) says what works inside, and in which order things happen.
///
/// Futures are passed as `&mut`, so that the test keeps them, and must be [`Unpin`]: pin the future
/// of an async function first, with [`std::pin::pin!`] or [`Box::pin`]. The passed future is the
/// *main future*. There may be several, one after the other, but [`wakes`](Self::wakes) does not
/// tell them apart. If that matters, use a [`CountingWaker`](super::CountingWaker) for each, or
/// spawn them.
///
/// Dropping it drops all tasks.
///
/// # Panics
///
/// Each method that runs something panics inside a runtime, and if the main future panics.
///
/// # Examples
///
/// A retry with back-off: checks how long it waits, and that it gives up, without real waiting.
///
/// ```
/// use std::cell::Cell;
/// use std::pin::pin;
/// use std::task::Poll;
///
/// use runtime::testing::TestExecutor;
/// use runtime::time::{Duration, sleep};
///
/// async fn retry(mut attempt: impl FnMut() -> bool) -> Result<(), &'static str> {
///     for pause in [1, 2, 4] {
///         if attempt() {
///             return Ok(());
///         }
///         sleep(Duration::from_secs(pause)).await;
///     }
///     Err("gave up")
/// }
///
/// let mut exec = TestExecutor::new();
/// let start = exec.now();
/// let attempts = Cell::new(0);
/// let mut retrying = pin!(retry(|| {
///     attempts.set(attempts.get() + 1);
///     false
/// }));
///
/// for (attempt, seconds) in [(1, 1), (2, 3), (3, 7)] {
///     assert!(exec.run_until_stalled(&mut retrying).is_pending());
///     assert_eq!(attempts.get(), attempt);
///     assert_eq!(exec.advance_to_next_timer(), Some(start + Duration::from_secs(seconds)));
/// }
/// assert_eq!(exec.run_until_stalled(&mut retrying), Poll::Ready(Err("gave up")));
/// ```
pub struct TestExecutor {
    by_hand: ByHand,
}

impl TestExecutor {
    /// Makes an executor, which is the current runtime of this thread from now on.
    ///
    /// # Panics
    ///
    /// If the thread has a current runtime (also another `TestExecutor`), or the process has no
    /// file descriptor left.
    ///
    /// # Examples
    ///
    /// See [`TestExecutor`].
    #[must_use]
    #[track_caller]
    pub fn new() -> TestExecutor {
        TestExecutor::with_seed(RngSeed::from_bytes(b"TestExecutor"))
    }

    /// As [`new`](Self::new), with another seed for random choices: the branch that a
    /// [`select!`](crate::select!) polls first. A test that tries several seeds sees several
    /// orders.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::RngSeed;
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut wins = [0, 0];
    /// for seed in 0..20_u32 {
    ///     let mut exec = TestExecutor::with_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    ///     let winner = exec.run(async {
    ///         runtime::select! {
    ///             _ = async {} => 0,
    ///             _ = async {} => 1,
    ///         }
    ///     });
    ///     wins[winner] += 1;
    /// }
    /// assert!(wins[0] > 0 && wins[1] > 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_seed(seed: RngSeed) -> TestExecutor {
        match ByHand::new(seed) {
            Ok(by_hand) => TestExecutor { by_hand },
            Err(error) => panic!("{}", messages::no_test_executor(&error)),
        }
    }

    // ---- run ----

    /// Polls `future`, and then runs it and the tasks until none of them is ready, or `future` is.
    ///
    /// Each call polls `future` first, woken or not. [`wakes`](Self::wakes), before the call, says
    /// whether it was woken. The time stands still.
    ///
    /// When `future` is ready the tasks stay as they are, also those that are ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Poll;
    ///
    /// use runtime::sync::mpsc;
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let (to_double, mut numbers) = mpsc::channel::<u32>(1);
    /// let (results, mut doubled) = mpsc::channel(1);
    /// runtime::spawn(async move {
    ///     while let Some(number) = numbers.recv().await {
    ///         results.send(2 * number).await.unwrap();
    ///     }
    /// });
    ///
    /// let mut answer = Box::pin(doubled.recv());
    /// assert!(exec.run_until_stalled(&mut answer).is_pending());
    /// to_double.try_send(21).unwrap();
    /// assert_eq!(exec.run_until_stalled(&mut answer), Poll::Ready(Some(42)));
    /// ```
    #[track_caller]
    pub fn run_until_stalled<F: Future + Unpin>(&mut self, future: &mut F) -> Poll<F::Output> {
        self.by_hand.run_until_stalled(Pin::new(future))
    }

    /// Runs the tasks until none of them is ready. Returns how many polls that took. The time
    /// stands still.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let task = runtime::spawn(async { runtime::task::yield_now().await });
    /// assert_eq!(exec.run_tasks_until_stalled(), 2);
    /// assert!(task.is_finished());
    /// assert_eq!(exec.run_tasks_until_stalled(), 0);
    /// ```
    #[track_caller]
    pub fn run_tasks_until_stalled(&mut self) -> usize {
        self.by_hand.run_tasks()
    }

    /// Polls `future` once, and runs nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::Poll;
    ///
    /// use runtime::task::yield_now;
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let mut twice = pin!(async {
    ///     yield_now().await;
    ///     "done"
    /// });
    /// assert_eq!(exec.poll_once(&mut twice), Poll::Pending);
    /// assert_eq!(exec.wakes(), 1); // it woke itself
    /// assert_eq!(exec.poll_once(&mut twice), Poll::Ready("done"));
    /// ```
    #[track_caller]
    pub fn poll_once<F: Future + Unpin>(&mut self, future: &mut F) -> Poll<F::Output> {
        self.by_hand.poll_once(Pin::new(future))
    }

    /// Polls the first ready task once. Returns false if there is none.
    ///
    /// With [`poll_once`](Self::poll_once) a test can choose any order of steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let count = Rc::new(Cell::new(0));
    /// for _ in 0..2 {
    ///     let count = Rc::clone(&count);
    ///     exec.spawn_local(async move { count.set(count.get() + 1) });
    /// }
    /// assert_eq!(exec.ready_tasks(), 2);
    /// assert!(exec.run_one_task());
    /// assert_eq!((count.get(), exec.ready_tasks()), (1, 1));
    /// assert!(exec.run_one_task());
    /// assert!(!exec.run_one_task());
    /// ```
    #[track_caller]
    pub fn run_one_task(&mut self) -> bool {
        self.by_hand.run_next()
    }

    /// Runs `future` to completion, and the tasks beside it. Whenever all wait, the time moves to
    /// the next timer.
    ///
    /// After its first poll `future` is polled only when it was woken, so that a missing wake
    /// shows.
    ///
    /// It waits for blocking jobs in real time, during which the clock stands still. It also waits
    /// for events if there is a socket and no timer.
    ///
    /// # Panics
    ///
    /// If all wait and nothing can wake them. The message names the tasks that wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::TestExecutor;
    /// use runtime::time::{Duration, sleep};
    ///
    /// let mut exec = TestExecutor::new();
    /// let start = exec.now();
    /// let answer = exec.run(async {
    ///     let task = runtime::spawn(async {
    ///         sleep(Duration::from_secs(3600)).await;
    ///         42
    ///     });
    ///     task.await.unwrap()
    /// });
    /// assert_eq!(answer, 42);
    /// assert_eq!(exec.now() - start, Duration::from_secs(3600));
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&mut self, future: F) -> F::Output {
        large_on_heap!(future: F => self.run_pinned(future))
    }

    #[track_caller]
    fn run_pinned<F: Future>(&mut self, future: F) -> F::Output {
        match self.by_hand.play(pin!(future), None) {
            Played::Ready(output) => output,
            Played::Stuck | Played::Limit => {
                panic!("{}", messages::nothing_goes_on(&self.by_hand.unfinished()))
            }
        }
    }

    /// Runs `future` and the tasks for `duration`, from timer to timer, each at its own time. Ends
    /// earlier if `future` is ready; otherwise the clock has moved by exactly `duration`.
    ///
    /// [`advance`](Self::advance) makes one jump and runs nothing: after 3 s, an interval of 1 s
    /// has one late tick. Here it has three, each on time.
    ///
    /// It waits for blocking jobs in real time.
    ///
    /// # Panics
    ///
    /// If the clock would move to more than some hundred years after its start.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Poll;
    ///
    /// use runtime::testing::TestExecutor;
    /// use runtime::time::{Duration, Instant, interval};
    ///
    /// let mut exec = TestExecutor::new();
    /// let start = exec.now();
    /// let mut seen = Vec::new();
    /// let mut ticking = Box::pin(async {
    ///     let mut ticks = interval(Duration::from_secs(1));
    ///     loop {
    ///         ticks.tick().await;
    ///         seen.push((Instant::now() - start).as_millis());
    ///     }
    /// });
    /// let polled: Poll<()> = exec.run_for(&mut ticking, Duration::from_millis(2500));
    /// assert!(polled.is_pending());
    /// assert_eq!(exec.now() - start, Duration::from_millis(2500));
    /// drop(ticking);
    /// assert_eq!(seen, [0, 1000, 2000]);
    /// ```
    #[track_caller]
    pub fn run_for<F: Future + Unpin>(
        &mut self,
        future: &mut F,
        duration: Duration,
    ) -> Poll<F::Output> {
        let end = self.in_future(duration);
        if let Played::Ready(output) = self.by_hand.play(Pin::new(future), Some(end)) {
            return Poll::Ready(output);
        }
        self.by_hand.move_to(end);
        Poll::Pending
    }

    // ---- time ----

    /// The current time. Only the methods that say so move it.
    ///
    /// # Examples
    ///
    /// See [`advance`](Self::advance).
    #[must_use]
    pub fn now(&self) -> Instant {
        self.instant(self.by_hand.now())
    }

    /// When the next timer is due; `None` if there is none. A timer counts from the first poll of
    /// the future that waits for it until that future is dropped.
    ///
    /// # Examples
    ///
    /// See [`advance_to_next_timer`](Self::advance_to_next_timer).
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.by_hand.next_timer().map(|next| self.instant(next))
    }

    /// Moves the time by `duration`, and calls the wakers of timers that are then due. Nothing runs
    /// until the test asks for it.
    ///
    /// # Panics
    ///
    /// If the clock would move to more than some hundred years after its start.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// use runtime::testing::TestExecutor;
    /// use runtime::time::{Duration, sleep};
    ///
    /// let mut exec = TestExecutor::new();
    /// let start = exec.now();
    /// let mut nap = pin!(sleep(Duration::from_millis(10)));
    /// assert!(exec.poll_once(&mut nap).is_pending());
    /// exec.advance(Duration::from_millis(9));
    /// assert_eq!(exec.wakes(), 0);
    /// exec.advance(Duration::from_millis(1));
    /// assert_eq!(exec.wakes(), 1);
    /// assert_eq!(exec.now() - start, Duration::from_millis(10));
    /// assert!(exec.poll_once(&mut nap).is_ready());
    /// ```
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        let at = self.in_future(duration);
        self.by_hand.move_to(at);
    }

    /// Moves the time to `instant`, and calls the wakers of timers that are then due. Nothing runs
    /// until the test asks for it.
    ///
    /// # Panics
    ///
    /// If `instant` has passed, or is more than some hundred years after the clock's start.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::TestExecutor;
    /// use runtime::time::{Duration, sleep};
    ///
    /// let mut exec = TestExecutor::new();
    /// let task = runtime::spawn(sleep(Duration::from_secs(1)));
    /// exec.run_tasks_until_stalled();
    /// exec.advance_to(exec.now() + Duration::from_secs(1));
    /// assert_eq!(exec.ready_tasks(), 1);
    /// assert_eq!(exec.run_tasks_until_stalled(), 1);
    /// assert!(task.is_finished());
    /// ```
    #[track_caller]
    pub fn advance_to(&mut self, instant: Instant) {
        let back = self.now().saturating_duration_since(instant);
        assert!(back.is_zero(), "{}", messages::time_goes_forwards(back));
        let at = self.by_hand.at(instant.into_std());
        assert!(at <= LAST, "{}", messages::TEST_TIME_TOO_FAR);
        self.by_hand.move_to(at);
    }

    /// Moves the time to the next timer, calls the wakers of timers that are then due, and returns
    /// the new time. Nothing runs until the test asks for it. Without a timer it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::TestExecutor;
    /// use runtime::time::{Duration, sleep};
    ///
    /// let mut exec = TestExecutor::new();
    /// let start = exec.now();
    /// runtime::spawn(sleep(Duration::from_secs(1)));
    /// runtime::spawn(sleep(Duration::from_secs(2)));
    /// assert_eq!(exec.next_timer(), None); // nobody has polled them yet
    ///
    /// exec.run_tasks_until_stalled();
    /// assert_eq!(exec.advance_to_next_timer(), Some(start + Duration::from_secs(1)));
    /// assert_eq!(exec.ready_tasks(), 1);
    /// assert_eq!(exec.next_timer(), Some(start + Duration::from_secs(2)));
    /// ```
    pub fn advance_to_next_timer(&mut self) -> Option<Instant> {
        let next = self.by_hand.next_timer()?;
        self.by_hand.move_to(next);
        Some(self.instant(next))
    }

    fn instant(&self, at: u64) -> Instant {
        Instant::from_std(self.by_hand.instant(at))
    }

    #[track_caller]
    fn in_future(&self, duration: Duration) -> u64 {
        let at = self.by_hand.now().checked_add(nanos(duration)).filter(|&at| at <= LAST);
        let Some(at) = at else { panic!("{}", messages::TEST_TIME_TOO_FAR) };
        at
    }

    // ---- who is ready ----

    /// How often the main future's waker was called since its last poll. A call during that poll
    /// counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::oneshot;
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert!(exec.poll_once(&mut receiver).is_pending());
    /// assert!(!exec.is_woken());
    /// sender.send(1).unwrap();
    /// assert_eq!(exec.wakes(), 1);
    /// ```
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.by_hand.wakes()
    }

    /// Whether the main future was woken since its last poll.
    ///
    /// # Examples
    ///
    /// See [`wakes`](Self::wakes).
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.wakes() > 0
    }

    /// How many tasks are ready: spawned or woken, and not polled since.
    ///
    /// # Examples
    ///
    /// See [`run_one_task`](Self::run_one_task).
    #[must_use]
    #[track_caller]
    pub fn ready_tasks(&self) -> usize {
        self.by_hand.ready()
    }

    // ---- the runtime ----

    /// Spawns a task that need not be `Send`. It runs when the test asks for it.
    ///
    /// [`runtime::spawn`](crate::spawn) and [`task::spawn_local`](crate::task::spawn_local) do the
    /// same.
    ///
    /// # Examples
    ///
    /// See [`run_one_task`](Self::run_one_task).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let identity = Identity::new(None, std::panic::Location::caller());
        let identity = identity.of_size(FullSize::of::<F>());
        large_on_heap!(future: F => self.handle().spawn_local_in(None, future, identity))
    }

    /// A handle to the executor as a runtime, for metrics and for code that needs one.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::TestExecutor;
    ///
    /// let mut exec = TestExecutor::new();
    /// let task = exec.handle().spawn(async { 1 });
    /// assert_eq!(exec.handle().metrics().num_alive_tasks(), 1);
    /// assert_eq!(exec.run(task).unwrap(), 1);
    /// ```
    pub fn handle(&self) -> &Handle {
        self.by_hand.runtime().handle()
    }
}

impl Default for TestExecutor {
    #[track_caller]
    fn default() -> TestExecutor {
        TestExecutor::new()
    }
}

impl fmt::Debug for TestExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestExecutor")
            .field("now", &self.now())
            .field("next_timer", &self.next_timer())
            .field("wakes", &self.wakes())
            .field("handle", self.handle())
            .finish()
    }
}
