//! The blocking pool: a job that was accepted runs, whatever threads do meanwhile.
//!
//! The harness does what the thin half of the pool does: it starts loom's threads for the claims
//! that the queue hands out, or reports that a thread could not be created.

use std::time::Duration;

use loom::thread;

use crate::engine::blocking::job::Job;
use crate::engine::blocking::queue::{Claim, Member, Next, Queue};
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Arc, Condvar, Mutex};

/// Idle threads never leave: a wake-up that is missing is a deadlock.
const FOREVER: Duration = Duration::MAX;
/// Idle threads leave at once, unless they have been chosen for work.
const SHORT: Duration = Duration::from_millis(1);

/// Counts events; waiting for one that never comes is a deadlock.
struct Count {
    value: Mutex<usize>,
    changed: Condvar,
}

impl Count {
    fn new() -> Arc<Count> {
        Arc::new(Count { value: Mutex::new(0), changed: Condvar::new() })
    }

    fn add(&self) {
        *self.value.lock() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, at_least: usize) {
        let mut value = self.value.lock();
        while *value < at_least {
            self.changed.wait(&mut value);
        }
    }
}

/// Reports `ran` when it has run; may wait for another job first.
struct Work {
    ran: Arc<Count>,
    began: Option<Arc<Count>>,
    waits_for: Option<Arc<Count>>,
    mandatory: bool,
    /// The place where the job waits; 0 before that.
    place: Arc<AtomicUsize>,
}

impl Job for Work {
    fn run(self) {
        if let Some(began) = &self.began {
            began.add();
        }
        if let Some(other) = &self.waits_for {
            other.wait_for(1);
        }
        self.ran.add();
    }

    fn queued_at(&self, place: u64) {
        self.place.store(place as usize, Ordering::Relaxed);
    }

    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
}

struct Pool {
    queue: Queue<Work>,
    /// How many of the next attempts to create a thread fail.
    failures: AtomicUsize,
    /// Counts the attempts that are about to fail.
    failing: Arc<Count>,
}

impl Pool {
    fn new(limit: usize, keep_alive: Duration, linger: u32, failures: usize) -> Arc<Pool> {
        let failures = AtomicUsize::new(failures);
        let queue = Queue::new(limit, keep_alive, linger);
        Arc::new(Pool { queue, failures, failing: Count::new() })
    }
}

fn job(ran: &Arc<Count>) -> Work {
    let place = Arc::new(AtomicUsize::new(0));
    Work { ran: Arc::clone(ran), began: None, waits_for: None, mandatory: false, place }
}

/// Whether the job was accepted.
fn submit(pool: &Arc<Pool>, job: Work) -> bool {
    match pool.queue.submit(job) {
        Ok(Some(claim)) => start(pool, claim).is_none(),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn start(pool: &Arc<Pool>, claim: Claim) -> Option<Work> {
    let failures = pool.failures.load(Ordering::Relaxed);
    if failures > 0 {
        pool.failures.store(failures - 1, Ordering::Relaxed);
        pool.failing.add();
        return pool.queue.abandon(claim);
    }
    let member = pool.queue.member(&claim);
    let theirs = Arc::clone(pool);
    thread::spawn(move || serve(&theirs, member));
    pool.queue.settle(claim);
    None
}

fn serve(pool: &Arc<Pool>, mut member: Member) {
    while let Next::Run(job, claim) = pool.queue.next(&mut member) {
        if let Some(claim) = claim {
            assert!(start(pool, claim).is_none(), "the job of another thread came back");
        }
        job.run();
    }
    pool.queue.left();
}

/// Returns how many jobs were taken back: 1, or 0 if a thread had it or it was not queued yet.
fn take_back(pool: &Arc<Pool>, place: &AtomicUsize) -> usize {
    let place = || place.load(Ordering::Relaxed) as u64;
    usize::from(pool.queue.take_back(place).is_some())
}

/// Checks that all threads leave, and that the account ends at zero.
fn finish(pool: &Arc<Pool>) {
    assert!(pool.queue.close().is_empty(), "a job was left");
    assert!(pool.queue.wait_gone(0, None));
    let end = pool.queue.metrics();
    assert_eq!((end.threads, end.idle_threads, end.queue_depth), (0, 0, 0));
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Would catch: a thread that leaves after its keep-alive while a submission counts on it, and a
/// submission that finds nobody idle because the leaving thread is still counted.
#[test]
fn a_job_submitted_while_a_thread_retires_runs() {
    check(3, || {
        let pool = Pool::new(1, SHORT, 0, 0);
        let ran = Count::new();
        for _ in 0..3 {
            assert!(submit(&pool, job(&ran)));
        }
        ran.wait_for(3);
        finish(&pool);
    });
}

/// Would catch: a submission that does not wake the idle thread, or takes a thread that has gone
/// idle for one that is still on its way.
#[test]
fn a_job_submitted_while_the_thread_goes_idle_runs() {
    check(3, || {
        let pool = Pool::new(1, FOREVER, 0, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(1);
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(2);
        finish(&pool);
    });
}

/// Would catch: a thread that lingers at the empty queue as the designated waker, and goes idle
/// although a submission relied on it.
#[test]
fn a_job_submitted_while_a_thread_lingers_runs() {
    check(3, || {
        let pool = Pool::new(1, FOREVER, 1, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(2);
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(3);
        finish(&pool);
    });
}

/// Would catch: a designated waker that takes a job, leaves another one in the queue and does not
/// see to it that somebody comes: the second job then waits for the first, which waits for the
/// second.
#[test]
fn jobs_that_wait_for_each_other_all_get_threads() {
    check(2, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        let ran = Count::new();
        let second = Count::new();
        let waits = Work { waits_for: Some(Arc::clone(&second)), ..job(&ran) };
        assert!(submit(&pool, waits));
        assert!(submit(&pool, job(&second)));
        ran.wait_for(1);
        finish(&pool);
    });
}

/// Would catch: a limit that is raised while a job waits because of it, and calls no thread for it.
#[test]
fn a_raised_limit_gives_a_waiting_job_a_thread() {
    check(2, || {
        let pool = Pool::new(1, FOREVER, 0, 0);
        let ran = Count::new();
        let second = Count::new();
        let waits = Work { waits_for: Some(Arc::clone(&second)), ..job(&ran) };
        assert!(submit(&pool, waits));
        let raised = Arc::clone(&pool);
        let other = thread::spawn(move || {
            if let Some(claim) = raised.queue.set_limit(2) {
                assert!(start(&raised, claim).is_none(), "the job of another thread came back");
            }
        });
        assert!(submit(&pool, job(&second)));
        ran.wait_for(1);
        other.join().unwrap();
        finish(&pool);
    });
}

/// As before, with threads that exist: one thread wakes the other.
#[test]
fn jobs_that_wait_for_each_other_all_get_idle_threads() {
    check(2, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        for _ in 0..2 {
            let ran = Count::new();
            let second = Count::new();
            let waits = Work { waits_for: Some(Arc::clone(&second)), ..job(&ran) };
            assert!(submit(&pool, waits));
            assert!(submit(&pool, job(&second)));
            ran.wait_for(1);
            second.wait_for(1);
        }
        finish(&pool);
    });
}

/// Would catch: a job that was accepted because a thread was being created, and is stuck when that
/// creation fails and no other thread is there; a submission that waits for ever for the outcome.
#[test]
fn the_first_thread_that_cannot_be_created_takes_no_other_job_along() {
    check(3, || {
        let pool = Pool::new(2, FOREVER, 0, 1);
        let ran = Count::new();
        let theirs = (Arc::clone(&pool), Arc::clone(&ran));
        let other = thread::spawn(move || submit(&theirs.0, job(&theirs.1)));
        let accepted = usize::from(submit(&pool, job(&ran)));
        let accepted = accepted + usize::from(other.join().unwrap());
        assert_eq!(accepted, 1, "one attempt failed");
        ran.wait_for(accepted);
        let metrics = pool.queue.metrics();
        assert_eq!((metrics.threads_started, metrics.threads_failed), (1, 1));
        finish(&pool);
    });
}

/// Would catch: the last thread leaves while another one is being created, a job is accepted on
/// account of the one to come, and its creation fails.
#[test]
fn the_last_thread_does_not_leave_a_job_to_one_that_cannot_be_created() {
    check(2, || {
        let pool = Pool::new(2, SHORT, 0, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        pool.failures.store(1, Ordering::Relaxed);
        let theirs = (Arc::clone(&pool), Arc::clone(&ran));
        let other = thread::spawn(move || submit(&theirs.0, job(&theirs.1)));
        let mut accepted = 1 + usize::from(submit(&pool, job(&ran)));
        accepted += usize::from(other.join().unwrap());
        ran.wait_for(accepted);
        finish(&pool);
    });
}

/// Would catch: a thread that leaves after its keep-alive because nobody has woken it, although a
/// job waits for the designated waker, which cannot be created.
#[test]
fn a_thread_does_not_retire_while_a_job_waits_for_the_designated_waker() {
    check(2, || {
        let pool = Pool::new(2, SHORT, 0, 0);
        let (ran, began, gate) = (Count::new(), Count::new(), Count::new());
        let first = Work {
            began: Some(Arc::clone(&began)),
            waits_for: Some(Arc::clone(&gate)),
            ..job(&ran)
        };
        assert!(submit(&pool, first));
        began.wait_for(1);
        pool.failures.store(1, Ordering::Relaxed);
        let theirs = (Arc::clone(&pool), Arc::clone(&ran));
        let other = thread::spawn(move || {
            theirs.0.failing.wait_for(1);
            gate.add();
            theirs.1.wait_for(2);
            assert!(submit(&theirs.0, job(&theirs.1)));
        });
        assert!(submit(&pool, job(&ran)));
        other.join().unwrap();
        ran.wait_for(3);
        finish(&pool);
    });
}

/// Would catch: a thread goes idle while the designated waker is being created, a job is then
/// queued on account of that designated waker, its creation fails, and the idle thread is not
/// woken.
#[test]
fn an_idle_thread_is_woken_when_the_designated_waker_cannot_be_created() {
    check(3, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        pool.failures.store(1, Ordering::Relaxed);
        let theirs = (Arc::clone(&pool), Arc::clone(&ran));
        let other = thread::spawn(move || assert!(submit(&theirs.0, job(&theirs.1))));
        assert!(submit(&pool, job(&ran)), "a thread is there");
        other.join().unwrap();
        ran.wait_for(3);
        finish(&pool);
    });
}

/// Would catch: a job that is neither run, nor refused, nor dropped by the shutdown; an idle thread
/// that is not told to leave; a wait for the threads that is not ended by the last of them.
#[test]
fn shutdown_settles_the_fate_of_each_job() {
    for keep_alive in [SHORT, FOREVER] {
        check(3, move || {
            let pool = Pool::new(1, keep_alive, 0, 0);
            let ran = Count::new();
            assert!(submit(&pool, job(&ran)));
            let theirs = (Arc::clone(&pool), Arc::clone(&ran));
            let other = thread::spawn(move || submit(&theirs.0, job(&theirs.1)));
            let dropped = pool.queue.close().len();
            assert!(pool.queue.wait_gone(0, None));
            let accepted = 1 + usize::from(other.join().unwrap());
            assert_eq!(*ran.value.lock() + dropped, accepted);
            assert_eq!(pool.queue.metrics().threads, 0);
        });
    }
}

/// Would catch: mandatory jobs that are dropped, or that nobody comes for because everybody idle
/// was told to leave.
#[test]
fn a_mandatory_job_runs_after_the_shutdown_began() {
    check(3, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        let ran = Count::new();
        let mandatory = || Work { mandatory: true, ..job(&ran) };
        assert!(submit(&pool, mandatory()));
        assert!(submit(&pool, mandatory()));
        assert!(pool.queue.close().is_empty());
        assert!(pool.queue.wait_gone(0, None));
        assert_eq!(*ran.value.lock(), 2);
    });
}

/// Would catch: a job that is dropped although a thread was on its way to it, or about to be sent
/// for; a job that is kept although nobody comes for it.
#[test]
fn a_job_that_a_thread_is_free_for_runs_after_the_shutdown_began() {
    check(3, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        assert!(submit(&pool, job(&ran)));
        assert!(pool.queue.close().is_empty());
        assert!(pool.queue.wait_gone(0, None));
        assert_eq!(*ran.value.lock(), 2);
    });
}

/// Would catch: a job that is both run and taken back, or neither; one behind it that nobody comes
/// for.
#[test]
fn a_job_is_taken_back_or_run() {
    check(3, || {
        let pool = Pool::new(1, FOREVER, 0, 0);
        let (ran, taken) = (Count::new(), job(&Count::new()));
        let (place, other) = (Arc::clone(&taken.place), Arc::clone(&taken.ran));
        let theirs = Arc::clone(&pool);
        let taker = thread::spawn(move || take_back(&theirs, &place));
        assert!(submit(&pool, taken));
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(1);
        let taken = taker.join().unwrap();
        other.wait_for(1 - taken);
        finish(&pool);
        assert_eq!(*other.value.lock() + taken, 1);
    });
}

/// Would catch: a thread that was sent for because of a job that is taken back, and does not come
/// for the next one; the first job waits for that.
#[test]
fn a_job_behind_one_that_is_taken_back_gets_its_thread() {
    check(2, || {
        let pool = Pool::new(2, FOREVER, 0, 0);
        let (ran, last) = (Count::new(), Count::new());
        let waits = Work { waits_for: Some(Arc::clone(&last)), ..job(&ran) };
        assert!(submit(&pool, waits));
        let taken = job(&ran);
        let place = Arc::clone(&taken.place);
        assert!(submit(&pool, taken));
        let theirs = Arc::clone(&pool);
        let taker = thread::spawn(move || take_back(&theirs, &place));
        assert!(submit(&pool, job(&last)));
        last.wait_for(1);
        let taken = taker.join().unwrap();
        ran.wait_for(2 - taken);
        finish(&pool);
    });
}

/// Would catch: a job that comes back with the first thread that cannot be created although it was
/// taken back, or another job in its place.
#[test]
fn a_job_is_taken_back_or_comes_back() {
    check(3, || {
        let pool = Pool::new(1, FOREVER, 0, 1);
        let ran = Count::new();
        let taken = job(&ran);
        let (place, theirs) = (Arc::clone(&taken.place), Arc::clone(&pool));
        let taker = thread::spawn(move || take_back(&theirs, &place));
        let came_back = usize::from(!submit(&pool, taken));
        assert_eq!(came_back + taker.join().unwrap(), 1);
        assert!(submit(&pool, job(&ran)));
        ran.wait_for(1);
        finish(&pool);
        assert_eq!(*ran.value.lock(), 1);
    });
}

/// Would catch: a job that is aborted while it is being submitted, and stays in the queue behind a
/// thread that is busy.
#[test]
fn a_job_that_is_aborted_while_it_is_queued_waits_no_longer() {
    check(3, || {
        let pool = Pool::new(1, FOREVER, 0, 0);
        let (ran, began, gate) = (Count::new(), Count::new(), Count::new());
        let busy = Work {
            began: Some(Arc::clone(&began)),
            waits_for: Some(Arc::clone(&gate)),
            ..job(&ran)
        };
        assert!(submit(&pool, busy));
        began.wait_for(1);
        let (aborted, is_aborted) = (job(&ran), Arc::new(AtomicUsize::new(0)));
        let place = Arc::clone(&aborted.place);
        let theirs = (Arc::clone(&pool), Arc::clone(&place), Arc::clone(&is_aborted));
        let aborter = thread::spawn(move || {
            theirs.2.store(1, Ordering::Relaxed);
            take_back(&theirs.0, &theirs.1)
        });
        assert!(submit(&pool, aborted));
        let mut taken = 0;
        if is_aborted.load(Ordering::Relaxed) == 1 {
            taken += take_back(&pool, &place);
        }
        taken += aborter.join().unwrap();
        assert_eq!((taken, pool.queue.metrics().queue_depth), (1, 0));
        gate.add();
        ran.wait_for(1);
        finish(&pool);
    });
}

/// Would catch: a job that the shutdown drops and that is taken back as well; places that are
/// counted wrongly, so that a job is left or a thread stays.
#[test]
fn a_job_is_taken_back_or_settled_by_the_shutdown() {
    check(2, || {
        let pool = Pool::new(1, FOREVER, 0, 0);
        let ran = Count::new();
        assert!(submit(&pool, job(&ran)));
        let taken = job(&ran);
        let (place, theirs) = (Arc::clone(&taken.place), Arc::clone(&pool));
        assert!(submit(&pool, taken));
        let taker = thread::spawn(move || take_back(&theirs, &place));
        let dropped = pool.queue.close().len();
        assert!(pool.queue.wait_gone(0, None));
        let taken = taker.join().unwrap();
        assert_eq!(*ran.value.lock() + dropped + taken, 2);
        assert_eq!(pool.queue.metrics().queue_depth, 0);
    });
}
