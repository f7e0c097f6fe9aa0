//! Whatever part of the value a guard shows, and whichever way it came about, it holds the whole
//! lock until it is dropped, and then the next in line has it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime::sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard,
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
use tests::{Census, current_thread, within, workers};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

type Value = (u8, Vec<u8>);

fn value() -> Value {
    (1, vec![2, 3])
}

/// Nobody else has the mutex while `guard` lives; then the one who waits does.
fn excludes_all<G>(mutex: &Arc<Mutex<Value>>, guard: G) {
    assert!(mutex.try_lock().is_err());
    assert!(mutex.clone().try_lock_owned().is_err());
    let mut next = Box::pin(mutex.lock());
    assert!(poll(&mut next).is_pending());
    drop(guard);
    assert!(poll(&mut next).is_ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn guards_of_a_mutex_hold_the_lock() {
    let mutex = Arc::new(Mutex::new(value()));
    let lock = || mutex.try_lock().unwrap();
    let owned = || mutex.clone().try_lock_owned().unwrap();

    excludes_all(&mutex, lock());
    excludes_all(&mutex, owned());
    excludes_all(&mutex, MutexGuard::map(lock(), |value| &mut value.1));
    excludes_all(&mutex, OwnedMutexGuard::map(owned(), |value| &mut value.1));
    let mapped = MutexGuard::map(lock(), |value| &mut value.1);
    excludes_all(&mutex, MappedMutexGuard::map(mapped, |part| &mut part[0]));
    let mapped = OwnedMutexGuard::map(owned(), |value| &mut value.1);
    excludes_all(&mutex, OwnedMappedMutexGuard::map(mapped, |part| &mut part[0]));

    // What cannot be shown gives the guard back, as it was.
    let back = MutexGuard::try_map(lock(), |value| value.1.get_mut(7)).unwrap_err();
    assert!(std::ptr::eq(MutexGuard::mutex(&back), &*mutex));
    excludes_all(&mutex, back);
    let back = OwnedMutexGuard::try_map(owned(), |value| value.1.get_mut(7)).unwrap_err();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&back), &mutex));
    let mut part = OwnedMutexGuard::try_map(back, |value| value.1.get_mut(1)).unwrap();
    *part += 10;
    let back = OwnedMappedMutexGuard::try_map(part, |_| None::<&mut u8>).unwrap_err();
    excludes_all(&mutex, back);
    let mut part = MutexGuard::try_map(lock(), |value| value.1.get_mut(0)).unwrap();
    *part += 10;
    let part = MappedMutexGuard::try_map(part, |part| Some(part)).unwrap();
    assert_eq!((format!("{part}"), format!("{part:?}")), ("12".into(), "12".into()));
    excludes_all(&mutex, part);
    assert_eq!(*lock(), (1, vec![12, 13]));
}

/// As [`excludes_all`] for a guard that writes.
fn writes<G>(lock: &Arc<RwLock<Value>>, guard: G) {
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    assert!(lock.clone().try_read_owned().is_err());
    let mut next = Box::pin(lock.read());
    assert!(poll(&mut next).is_pending());
    drop(guard);
    assert!(poll(&mut next).is_ready());
    drop(next);
    assert!(lock.try_write().is_ok());
}

/// Others read beside `guard`, nobody writes.
fn reads<G>(lock: &Arc<RwLock<Value>>, guard: G) {
    assert!(lock.try_write().is_err());
    assert!(lock.clone().try_write_owned().is_err());
    drop((lock.try_read().unwrap(), lock.clone().try_read_owned().unwrap()));
    let mut next = Box::pin(lock.write());
    assert!(poll(&mut next).is_pending());
    assert!(lock.try_read().is_err(), "who writes next is not overtaken");
    drop(guard);
    assert!(poll(&mut next).is_ready());
    drop(next);
    assert!(lock.try_write().is_ok());
}

#[test]
fn write_guards_of_an_rwlock_hold_the_lock() {
    let lock = Arc::new(RwLock::new(value()));
    let write = || lock.try_write().unwrap();
    let owned = || lock.clone().try_write_owned().unwrap();

    writes(&lock, write());
    writes(&lock, owned());
    writes(&lock, RwLockWriteGuard::into_mapped(write()));
    writes(&lock, OwnedRwLockWriteGuard::into_mapped(owned()));
    writes(&lock, RwLockWriteGuard::map(write(), |value| &mut value.1));
    writes(&lock, OwnedRwLockWriteGuard::map(owned(), |value| &mut value.1));
    let mapped = RwLockWriteGuard::map(write(), |value| &mut value.1);
    writes(&lock, RwLockMappedWriteGuard::map(mapped, |part| &mut part[0]));
    let mapped = OwnedRwLockWriteGuard::map(owned(), |value| &mut value.1);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&mapped), &lock));
    let mut mapped = OwnedRwLockMappedWriteGuard::map(mapped, |part| &mut part[0]);
    *mapped += 10;
    writes(&lock, mapped);

    let back = RwLockWriteGuard::try_map(write(), |value| value.1.get_mut(7)).unwrap_err();
    let part = RwLockWriteGuard::try_map(back, |value| value.1.get_mut(1)).unwrap();
    let back = RwLockMappedWriteGuard::try_map(part, |_| None::<&mut u8>).unwrap_err();
    writes(&lock, back);
    let back = OwnedRwLockWriteGuard::try_map(owned(), |value| value.1.get_mut(7)).unwrap_err();
    let part = OwnedRwLockWriteGuard::try_map(back, |value| value.1.get_mut(1)).unwrap();
    let back = OwnedRwLockMappedWriteGuard::try_map(part, |_| None::<&mut u8>).unwrap_err();
    writes(&lock, back);
    assert_eq!(write().1, [12, 3]);
}

#[test]
fn read_guards_of_an_rwlock_hold_the_lock() {
    let lock = Arc::new(RwLock::with_max_readers(value(), 3));
    let read = || lock.try_read().unwrap();
    let owned = || lock.clone().try_read_owned().unwrap();
    let write = || lock.try_write().unwrap();
    let owned_write = || lock.clone().try_write_owned().unwrap();

    reads(&lock, read());
    reads(&lock, owned());
    reads(&lock, RwLockReadGuard::map(read(), |value| &value.1));
    reads(&lock, OwnedRwLockReadGuard::map(owned(), |value| &value.1));
    let back = RwLockReadGuard::try_map(read(), |value| value.1.get(7)).unwrap_err();
    reads(&lock, RwLockReadGuard::try_map(back, |value| value.1.get(1)).unwrap());
    let back = OwnedRwLockReadGuard::try_map(owned(), |value| value.1.get(7)).unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&back), &lock));
    reads(&lock, OwnedRwLockReadGuard::try_map(back, |value| value.1.get(1)).unwrap());

    // From writing to reading, with nobody in between.
    reads(&lock, write().downgrade());
    reads(&lock, owned_write().downgrade());
    reads(&lock, RwLockWriteGuard::downgrade_map(write(), |value| &value.1));
    reads(&lock, OwnedRwLockWriteGuard::downgrade_map(owned_write(), |value| &value.1));
    let back = RwLockWriteGuard::try_downgrade_map(write(), |_| None::<&u8>).unwrap_err();
    writes(&lock, back);
    let part = RwLockWriteGuard::try_downgrade_map(write(), |value| value.1.first()).unwrap();
    reads(&lock, part);
    let back = OwnedRwLockWriteGuard::try_downgrade_map(owned_write(), |_| None::<&u8>);
    let back = back.unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&back), &lock));
    writes(&lock, back);
    let part = OwnedRwLockWriteGuard::try_downgrade_map(owned_write(), |value| value.1.first());
    reads(&lock, part.unwrap());

    // All places are back.
    let all = [read(), read(), read()];
    assert!(lock.try_read().is_err());
    drop(all);
}

#[test]
fn a_closure_that_panics_gives_it_up() {
    let (mutex, lock) = (Arc::new(Mutex::new(value())), Arc::new(RwLock::new(value())));
    fn boom(_: &mut Value) -> &mut u8 {
        panic!("boom")
    }
    fn boom_shared(_: &Value) -> &u8 {
        panic!("boom")
    }
    let panics = |body: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
        assert!(mutex.try_lock().is_ok());
        assert!(lock.try_write().is_ok());
    };
    panics(&|| drop(MutexGuard::map(mutex.try_lock().unwrap(), boom)));
    panics(&|| {
        let owned = mutex.clone().try_lock_owned().unwrap();
        drop(OwnedMutexGuard::try_map(owned, |value| Some(boom(value))));
    });
    panics(&|| drop(RwLockReadGuard::map(lock.try_read().unwrap(), boom_shared)));
    panics(&|| drop(RwLockWriteGuard::map(lock.try_write().unwrap(), boom)));
    panics(&|| {
        let owned = lock.clone().try_write_owned().unwrap();
        drop(OwnedRwLockWriteGuard::downgrade_map(owned, boom_shared));
    });
}

#[test]
fn an_owned_one_keeps_the_value() {
    let census = Census::default();
    let mutex = Arc::new(Mutex::new((census.clone(), 1)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    drop(mutex);
    let part = OwnedMutexGuard::map(guard, |value| &mut value.1);
    assert_eq!((*part, census.alive()), (1, 1));
    drop(part);
    assert_eq!(census.alive(), 0);

    let lock = Arc::new(RwLock::new((census.clone(), 1)));
    let (first, second) = (lock.clone().try_read_owned(), lock.try_read_owned());
    let part = OwnedRwLockReadGuard::map(first.unwrap(), |value| &value.1);
    drop(second);
    assert_eq!((*part, census.alive()), (1, 1));
    drop(part);
    assert_eq!(census.alive(), 0);
}

#[test]
fn guards_can_be_used_on_other_threads() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            let lock = Arc::new(RwLock::new(vec![0; 4]));
            runtime.block_on(async {
                let tasks: Vec<_> = (0..4)
                    .map(|task| {
                        let lock = lock.clone();
                        runtime::spawn(async move {
                            for turn in 1..=50 {
                                let guard = lock.clone().write_owned().await;
                                let mut own =
                                    OwnedRwLockWriteGuard::map(guard, |value| &mut value[task]);
                                *own += 1;
                                runtime::task::yield_now().await;
                                assert_eq!(*own, turn);
                                drop(own);
                                let guard = lock.clone().read_owned().await;
                                let own = OwnedRwLockReadGuard::map(guard, |value| &value[task]);
                                runtime::task::yield_now().await;
                                assert_eq!(*own, turn);
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(*lock.read().await, [50; 4]);
            });
        }
    });
}
