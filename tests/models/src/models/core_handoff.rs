//! Models of `scheduler/core_handoff.rs`.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::engine::scheduler::core_handoff::{CoreHandoff, Root};

/// A core whose use by two threads at a time is seen.
struct Core(UnsafeCell<usize>);

impl Core {
    fn run(&self) {
        // SAFETY: whether whoever has the core has it alone is what the model checks.
        self.0.with_mut(|runs| unsafe { *runs += 1 });
    }
}

type Shared = Arc<CoreHandoff<Box<Core>>>;

fn shared() -> Shared {
    let shared = Arc::new(CoreHandoff::new());
    shared.put(Box::new(Core(UnsafeCell::new(0))));
    shared
}

/// Blocks on the runtime until it has had the core.
fn run_once(shared: &Shared, root: &Arc<Root>) {
    loop {
        if let Some(core) = shared.take(root) {
            core.run();
            return shared.put(core);
        }
        root.take_woken();
        root.wait();
    }
}

/// A root future that is polled without what the waking thread wrote.
#[test]
fn a_wake_of_the_root_is_seen_with_what_came_before_it() {
    loom::model(|| {
        let (root, written) = (Root::new(), Arc::new(AtomicUsize::new(0)));
        assert!(root.take_woken());
        let (other, write) = (root.clone(), written.clone());
        let thread = thread::spawn(move || {
            write.store(1, Ordering::Relaxed);
            other.wake();
        });
        // With the core: the thread sleeps elsewhere, and only looks at the mark here.
        if root.take_woken() {
            assert_eq!(written.load(Ordering::Relaxed), 1);
        }
        thread.join().unwrap();
    });
}

/// A thread without the core that sleeps through the wake of its root.
#[test]
fn who_waits_without_the_core_hears_its_root() {
    loom::model(|| {
        let (shared, root) = (shared(), Root::new());
        let core = shared.take(&root).unwrap();
        let mine = Root::new();
        assert!(shared.take(&mine).is_none() && mine.take_woken());
        let other = mine.clone();
        let thread = thread::spawn(move || other.wake());
        while !mine.take_woken() {
            mine.wait();
        }
        thread.join().unwrap();
        shared.give_up(&mine);
        shared.put(core);
    });
}

/// A core that lies there while somebody sleeps who wants it.
#[test]
fn whoever_wants_the_core_gets_it() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let shared = shared();
        let roots = [Root::new(), Root::new()];
        let threads = roots.clone().map(|root| {
            let shared = shared.clone();
            thread::spawn(move || run_once(&shared, &root))
        });
        // It may come to the core by a wake of its own, not by a call.
        roots[0].wake();
        run_once(&shared, &Root::new());
        for thread in threads {
            thread.join().unwrap();
        }
        let core = shared.take_last().expect("the last one has put it back");
        // SAFETY: all others have ended.
        assert_eq!(core.0.with(|runs| unsafe { *runs }), 3);
    });
}

/// A call that ends at a thread which is done without the core, while another one sleeps.
#[test]
fn a_call_that_comes_too_late_is_passed_on() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let shared = shared();
        let first = Root::new();
        let core = shared.take(&first).unwrap();
        let wants = {
            let shared = shared.clone();
            thread::spawn(move || run_once(&shared, &Root::new()))
        };
        let leaves = {
            let shared = shared.clone();
            thread::spawn(move || {
                let root = Root::new();
                match shared.take(&root) {
                    Some(core) => shared.put(core),
                    // Its own future is ready meanwhile.
                    None => shared.give_up(&root),
                }
            })
        };
        shared.put(core);
        wants.join().unwrap();
        leaves.join().unwrap();
    });
}
