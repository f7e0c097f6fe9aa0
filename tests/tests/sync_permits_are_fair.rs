//! Permits and locks go to those who wait, in order, and none is ever lost.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::executor::block_on;
use runtime::sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockReadGuard, RwLockWriteGuard, Semaphore, TryAcquireError,
};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn nobody_overtakes_who_waits() {
    let semaphore = Semaphore::new(1);
    let mut many = pin!(semaphore.acquire_many(2));
    assert!(poll(many.as_mut()).is_pending());
    // A permit is there, but it is not for those who come later.
    assert!(matches!(semaphore.try_acquire(), Err(TryAcquireError::NoPermits)));
    assert_eq!(semaphore.available_permits(), 0);
    let mut one = pin!(semaphore.acquire());
    assert!(poll(one.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll(one.as_mut()).is_pending());
    let Poll::Ready(permit) = poll(many) else { panic!("two permits are there") };
    drop(permit.unwrap());
    assert!(poll(one).is_ready());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_permit_goes_on_from_who_has_left() {
    let semaphore = Semaphore::new(0);
    let mut leaving = Box::pin(semaphore.acquire());
    let mut next = pin!(semaphore.acquire());
    assert!(poll(leaving.as_mut()).is_pending());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.add_permits(1);
    drop(leaving);
    assert!(poll(next).is_ready());
}

#[test]
fn a_waiter_for_many_that_leaves_lets_others_go() {
    let semaphore = Semaphore::new(1);
    let mut greedy = Box::pin(semaphore.acquire_many(5));
    let mut modest = pin!(semaphore.acquire());
    assert!(poll(greedy.as_mut()).is_pending());
    assert!(poll(modest.as_mut()).is_pending());
    drop(greedy);
    assert!(poll(modest).is_ready());
}

#[test]
fn close_refuses_those_in_line() {
    let semaphore = Semaphore::new(0);
    let mut waiting = pin!(semaphore.acquire());
    assert!(poll(waiting.as_mut()).is_pending());
    semaphore.close();
    assert!(matches!(poll(waiting), Poll::Ready(Err(_))));
    assert!(matches!(semaphore.try_acquire(), Err(TryAcquireError::Closed)));
    assert!(semaphore.is_closed());
}

#[test]
fn permits_split_merge_and_are_forgotten() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(4).unwrap();
    let part = permit.split(3).unwrap();
    assert!(permit.split(2).is_none());
    assert_eq!((permit.num_permits(), part.num_permits()), (1, 3));
    permit.merge(part);
    permit.forget();
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.forget_permits(7), 1);
    semaphore.add_permits(2);
    let owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    drop(owned);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
#[should_panic = "MAX_PERMITS"]
fn there_is_a_largest_number_of_permits() {
    Semaphore::new(Semaphore::MAX_PERMITS).add_permits(1);
}

#[test]
#[should_panic = "different semaphore"]
fn permits_of_two_semaphores_do_not_merge() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    a.try_acquire().unwrap().merge(b.try_acquire().unwrap());
}

#[test]
fn a_lock_is_handed_over_in_order() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut first = pin!(mutex.lock());
    let mut second = pin!(mutex.lock());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    drop(guard);
    assert!(mutex.try_lock().is_err());
    assert!(poll(second.as_mut()).is_pending());
    let Poll::Ready(guard) = poll(first) else { panic!("it is the first's turn") };
    drop(guard);
    assert!(poll(second).is_ready());
}

#[test]
fn threads_count_correctly_under_a_lock() {
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let mutex = mutex.clone();
            std::thread::spawn(move || {
                for turn in 0..2000 {
                    match (n + turn) % 4 {
                        0 => *mutex.blocking_lock() += 1,
                        1 => *block_on(mutex.clone().lock_owned()) += 1,
                        2 => {
                            // Given up half of the time.
                            drop(mutex.lock().now_or_never());
                            *block_on(mutex.lock()) += 1;
                        }
                        _ => *block_on(mutex.lock()) += 1,
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*mutex.try_lock().unwrap(), 8000);
}

#[test]
fn guards_of_parts() {
    let mutex = Arc::new(Mutex::new((1, [2, 3])));
    let guard = MutexGuard::map(mutex.try_lock().unwrap(), |value| &mut value.1);
    let Err(guard) = MappedMutexGuard::try_map(guard, |part| part.get_mut(5)) else {
        panic!("there is no fifth")
    };
    let mut guard = MappedMutexGuard::map(guard, |part| &mut part[1]);
    *guard = 30;
    assert!(mutex.try_lock().is_err());
    drop(guard);
    let owned = mutex.clone().try_lock_owned().unwrap();
    drop(OwnedMutexGuard::map(owned, |value| &mut value.0));
    assert_eq!(Arc::try_unwrap(mutex).unwrap().into_inner(), (1, [2, 30]));
}

#[test]
fn an_unsized_value_can_be_locked() {
    let mutex: Arc<Mutex<dyn Iterator<Item = u8> + Send>> = Arc::new(Mutex::new([7].into_iter()));
    assert_eq!(mutex.try_lock().unwrap().next(), Some(7));
    let lock: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    assert_eq!(lock.try_read().unwrap().len(), 3);
}

#[test]
fn a_panic_under_a_lock_frees_it() {
    let mutex = Arc::new(Mutex::new(1));
    let other = mutex.clone();
    let thread = std::thread::spawn(move || {
        let _guard = other.try_lock().unwrap();
        std::panic::resume_unwind(Box::new("under the lock"));
    });
    assert!(thread.join().is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn a_waiting_writer_is_not_starved_by_readers() {
    let lock = RwLock::new(0);
    let reader = lock.try_read().unwrap();
    let second = lock.try_read().unwrap();
    let mut writer = pin!(lock.write());
    assert!(poll(writer.as_mut()).is_pending());
    assert!(lock.try_read().is_err());
    drop(reader);
    assert!(poll(writer.as_mut()).is_pending());
    drop(second);
    let Poll::Ready(mut guard) = poll(writer) else { panic!("nobody reads") };
    *guard = 1;
    let guard = guard.downgrade();
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert!(lock.try_write().is_err());
    drop(guard);
    drop(lock.try_write().unwrap());
}

#[test]
fn guards_of_parts_of_an_rwlock() {
    let lock = Arc::new(RwLock::with_max_readers((1, 2), 3));
    let read = RwLockReadGuard::map(lock.try_read().unwrap(), |value| &value.0);
    assert_eq!(*read, 1);
    drop(read);
    let mut part = RwLockWriteGuard::map(lock.try_write().unwrap(), |value| &mut value.1);
    *part = 20;
    drop(part);
    let write = lock.clone().try_write_owned().unwrap();
    let read = OwnedRwLockWriteGuard::downgrade_map(write, |value| &value.1);
    assert_eq!((*read, lock.try_read().unwrap().0), (20, 1));
    drop(read);
    let mapped = OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap());
    assert!(lock.try_read().is_err());
    drop(mapped);
    drop(lock.try_write().unwrap());
}

#[test]
fn permits_granted_before_a_close_are_refused_and_returned() {
    let semaphore = Semaphore::new(0);
    let mut granted = Box::pin(semaphore.acquire());
    assert!(poll(granted.as_mut()).is_pending());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(matches!(poll(granted.as_mut()), Poll::Ready(Err(_))));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_collected_for_the_first_in_line_return_when_it_leaves() {
    let semaphore = Semaphore::new(2);
    let mut many = Box::pin(semaphore.acquire_many(3));
    assert!(poll(many.as_mut()).is_pending());
    semaphore.close();
    assert_eq!(semaphore.available_permits(), 0);
    drop(many);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_task_without_budget_keeps_its_place_in_line() {
    tests::current_thread().block_on(async {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = semaphore.clone();
        let first = runtime::spawn(async move {
            while runtime::task::coop::consume_budget().now_or_never().is_some() {}
            first.acquire().await.unwrap().forget();
        });
        let second = semaphore.clone();
        let second = runtime::spawn(async move { second.acquire().await.unwrap().forget() });
        runtime::task::yield_now().await;
        semaphore.add_permits(1);
        first.await.unwrap();
        assert!(!second.is_finished());
        semaphore.add_permits(1);
        second.await.unwrap();
    });
}

#[test]
fn more_permits_than_fit_an_acquire_are_merged() {
    let many = 3_000_000_000;
    let semaphore = Semaphore::new(2 * many as usize);
    let mut all = semaphore.try_acquire_many(many).unwrap();
    all.merge(semaphore.try_acquire_many(many).unwrap());
    assert_eq!(all.num_permits(), 2 * many as usize);
    drop(all);
    assert_eq!(semaphore.available_permits(), 2 * many as usize);
}
