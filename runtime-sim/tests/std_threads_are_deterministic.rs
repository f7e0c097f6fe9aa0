//! Programs of plain std threads run the same way under the same seed, and in other ways under
//! others.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use runtime_sim::{Sim, Test};

/// Locks, channels, parks, sleeps, random order of maps: all that std offers to threads.
fn a_bit_of_everything() {
    let (send, receive) = mpsc::channel();
    let shared = Arc::new((Mutex::new(0_u64), Condvar::new()));
    let counts = Arc::new(RwLock::new(HashMap::new()));
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4_u64)
        .map(|number| {
            let (send, shared) = (send.clone(), shared.clone());
            let (counts, barrier) = (counts.clone(), barrier.clone());
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    barrier.wait();
                    for round in 0..20 {
                        thread::sleep(Duration::from_micros(number * 7 + round));
                        *shared.0.lock().unwrap() += 1;
                        shared.1.notify_one();
                        counts.write().unwrap().insert((number, round), Instant::now());
                        send.send(number * 100 + round).unwrap();
                        if round % 5 == 0 {
                            thread::yield_now();
                        }
                    }
                })
                .unwrap()
        })
        .collect();
    drop(send);
    let waited = {
        let count = shared.0.lock().unwrap();
        let all = |count: &mut u64| *count < 80;
        let wait = shared.1.wait_timeout_while(count, Duration::from_secs(5), all);
        let (count, result) = wait.unwrap();
        assert!(!result.timed_out());
        *count
    };
    assert_eq!(waited, 80);
    let order: Vec<u64> = receive.iter().collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(order.len(), 80);
    // The order in which a map gives its keys is random; it sleeps by it.
    for &(number, round) in counts.read().unwrap().keys().take(5) {
        thread::sleep(Duration::from_nanos(number * 1000 + round + 1));
    }
    let parked = thread::spawn(|| {
        let began = Instant::now();
        thread::park_timeout(Duration::from_secs(3600));
        began.elapsed()
    });
    assert!(parked.join().unwrap() >= Duration::from_secs(3600));
    assert!(SystemTime::now().elapsed().unwrap() < Duration::from_secs(1));
}

fn everything(sim: &mut Sim) {
    sim.limit(Duration::from_secs(7200));
    sim.client("user", a_bit_of_everything);
}

#[test]
fn a_seed_is_the_same_run_in_each_process() {
    let test = Test::new("a_seed_is_the_same_run_in_each_process", everything);
    let pinned = test.hashes(0..20, 2);
    let anywhere = test.clone().random_addresses().hashes(0..20, 1);
    for (seed, (hashes, other)) in pinned.iter().zip(&anywhere).enumerate() {
        if !hashes.iter().chain(other).all(|hash| *hash == hashes[0]) {
            panic!("{}", test.first_difference(seed as u64).unwrap_or_default());
        }
    }
    let different: BTreeSet<u128> = pinned.iter().map(|hashes| hashes[0]).collect();
    assert_eq!(different.len(), 20);
}

#[test]
fn other_seeds_are_other_runs() {
    let report = Test::new("other_seeds_are_other_runs", everything).seeds(200).search();
    assert!(report.failure.is_none(), "{}", report.failure.unwrap().text);
    assert_eq!(report.seeds, 200);
    assert!(report.different >= 198, "{} of 200", report.different);
    eprintln!("{report:?}");
}

/// Reads, lets others run, writes: what two threads add gets lost.
fn counts_badly() {
    let count = Arc::new(AtomicU64::new(0));
    let add = |count: Arc<AtomicU64>| {
        move || {
            let before = count.load(Ordering::SeqCst);
            let (send, receive) = mpsc::sync_channel(1);
            send.send(before).unwrap();
            thread::spawn(move || receive.recv().unwrap()).join().unwrap();
            count.store(before + 1, Ordering::SeqCst);
        }
    };
    let both = [thread::spawn(add(count.clone())), thread::spawn(add(count.clone()))];
    for thread in both {
        thread.join().unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2, "an update was lost");
}

fn badly(sim: &mut Sim) {
    sim.client("user", counts_badly);
}

#[test]
fn a_lost_update_is_found_and_made_small() {
    let report = Test::new("a_lost_update_is_found_and_made_small", badly).seeds(1000).search();
    let found = report.failure.expect("the bug is found");
    eprintln!("{}", found.text);
    assert!(found.is_repeatable);
    assert!(found.text.contains("an update was lost"));
    assert!(found.schedule.unwrap().iter().filter(|made| made.preempts).count() <= 2);
}

/// Two threads take two locks in two orders.
fn locks_in_two_orders() {
    let locks = Arc::new((Mutex::new(1), Mutex::new(2)));
    let other = locks.clone();
    let thread = thread::spawn(move || {
        let first = other.0.lock().unwrap();
        thread::yield_now();
        assert_eq!(*first + *other.1.lock().unwrap(), 3);
    });
    {
        let second = locks.1.lock().unwrap();
        thread::yield_now();
        assert_eq!(*second + *locks.0.lock().unwrap(), 3);
    }
    thread.join().unwrap();
}

fn deadlocks(sim: &mut Sim) {
    sim.client("user", locks_in_two_orders);
}

#[test]
fn a_deadlock_says_who_waits_where() {
    let report = Test::new("a_deadlock_says_who_waits_where", deadlocks).seeds(1000).search();
    let found = report.failure.expect("the bug is found");
    eprintln!("{}", found.text);
    assert!(found.text.contains("deadlock"), "{}", found.text);
    assert!(found.text.contains("locks_in_two_orders"), "{}", found.text);
}

fn spins(sim: &mut Sim) {
    sim.patience(Duration::from_millis(500));
    sim.client("user", || {
        static NEVER: AtomicU64 = AtomicU64::new(0);
        while NEVER.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
    });
}

#[test]
fn whoever_spins_without_a_scheduling_point_is_named() {
    let test = Test::new("whoever_spins_without_a_scheduling_point_is_named", spins);
    let report = test.seeds(1).without_shrinking().search();
    let found = report.failure.expect("it is found");
    eprintln!("{}", found.text);
    assert!(found.text.contains("never comes to a scheduling point"), "{}", found.text);
    assert!(found.text.contains("\"user\" of user"), "{}", found.text);
}
