//! Locks of pthread.
//!
//! A lock's state stays where it is, in the lock: a simulated thread only ever *tries* libc's own
//! function, and if that would wait it waits in the simulation for the next unlock. So kinds of
//! mutexes, owners and errors are libc's. A free lock is taken without a scheduling point (I2).
//! Condition variables and barriers have no state of their own while all who wait are simulated.

use std::ffi::c_int;

use libc::{
    clockid_t, pthread_barrier_t, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, sem_t,
    timespec,
};

use super::time::{at, nanos};
use super::{fail, real};
use crate::conductor::baton::{me, point, wait, with};
use crate::conductor::{BySignal, NEVER, On, Wait, Why};

const ANY: u32 = u32::MAX;

/// Waits for the next change at the lock.
fn wait_for(me: u32, on: On, key: usize, deadline: u64) -> Why {
    // Of these only the wait for a semaphore ends by a signal.
    let by_signal = if on == On::Semaphore { BySignal::Restarts } else { BySignal::Stays };
    wait(me, &Wait { on, key, mask: ANY, deadline, by_signal })
}

/// Tries until it is not `EBUSY`; `ETIMEDOUT` after the deadline.
fn take(me: u32, on: On, key: usize, deadline: u64, mut attempt: impl FnMut() -> c_int) -> c_int {
    loop {
        match attempt() {
            libc::EBUSY => {}
            done => return done,
        }
        match wait_for(me, on, key, deadline) {
            Why::Woken => {}
            Why::TimedOut => return libc::ETIMEDOUT,
            Why::Interrupted => return libc::EINTR,
        }
    }
}

/// Lets those who wait look again; a scheduling point if there are any.
fn changed(me: u32, on: On, key: usize, most: usize) {
    if with(|conductor| conductor.wake(me, on, key, ANY, most)) > 0 {
        point(me);
    }
}

unsafe fn deadline(me: u32, until: *const timespec) -> Option<u64> {
    let ns = nanos(unsafe { &*until })?;
    Some(with(|conductor| at(conductor, me, ns)))
}

// ---- mutexes ----

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int {
    let Some(me) = me() else {
        return unsafe { real!(c"pthread_mutex_lock", fn(*mut pthread_mutex_t) -> c_int)(mutex) };
    };
    unsafe { lock(me, mutex, NEVER) }
}

unsafe fn lock(me: u32, mutex: *mut pthread_mutex_t, deadline: u64) -> c_int {
    let attempt = real!(c"pthread_mutex_trylock", fn(*mut pthread_mutex_t) -> c_int);
    take(me, On::Mutex, mutex as usize, deadline, || unsafe { attempt(mutex) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_timedlock(
    mutex: *mut pthread_mutex_t,
    until: *const timespec,
) -> c_int {
    let Some(me) = me() else {
        let function =
            real!(c"pthread_mutex_timedlock", fn(*mut pthread_mutex_t, *const timespec) -> c_int);
        return unsafe { function(mutex, until) };
    };
    match unsafe { deadline(me, until) } {
        Some(deadline) => unsafe { lock(me, mutex, deadline) },
        None => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_clocklock(
    mutex: *mut pthread_mutex_t,
    clock: clockid_t,
    until: *const timespec,
) -> c_int {
    if me().is_none() {
        let function = real!(
            c"pthread_mutex_clocklock",
            fn(*mut pthread_mutex_t, clockid_t, *const timespec) -> c_int
        );
        return unsafe { function(mutex, clock, until) };
    }
    unsafe { pthread_mutex_timedlock(mutex, until) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int {
    let function = real!(c"pthread_mutex_unlock", fn(*mut pthread_mutex_t) -> c_int);
    let result = unsafe { function(mutex) };
    if let (Some(me), 0) = (me(), result) {
        changed(me, On::Mutex, mutex as usize, 1);
    }
    result
}

// ---- condition variables ----

unsafe fn wait_on(
    me: u32,
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    deadline: u64,
) -> c_int {
    let unlock = real!(c"pthread_mutex_unlock", fn(*mut pthread_mutex_t) -> c_int);
    match unsafe { unlock(mutex) } {
        0 => {}
        error => return error,
    }
    // Nobody runs between the unlock and the wait, so no signal gets lost.
    with(|conductor| conductor.wake(me, On::Mutex, mutex as usize, ANY, 1));
    let why = wait_for(me, On::Condition, condition as usize, deadline);
    match (unsafe { lock(me, mutex, NEVER) }, why) {
        (0, Why::TimedOut) => libc::ETIMEDOUT,
        (result, _) => result,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_wait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
) -> c_int {
    let Some(me) = me() else {
        let function =
            real!(c"pthread_cond_wait", fn(*mut pthread_cond_t, *mut pthread_mutex_t) -> c_int);
        return unsafe { function(condition, mutex) };
    };
    unsafe { wait_on(me, condition, mutex, NEVER) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    until: *const timespec,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"pthread_cond_timedwait",
            fn(*mut pthread_cond_t, *mut pthread_mutex_t, *const timespec) -> c_int
        );
        return unsafe { function(condition, mutex, until) };
    };
    match unsafe { deadline(me, until) } {
        Some(deadline) => unsafe { wait_on(me, condition, mutex, deadline) },
        None => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_clockwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    clock: clockid_t,
    until: *const timespec,
) -> c_int {
    if me().is_none() {
        let function = real!(
            c"pthread_cond_clockwait",
            fn(*mut pthread_cond_t, *mut pthread_mutex_t, clockid_t, *const timespec) -> c_int
        );
        return unsafe { function(condition, mutex, clock, until) };
    }
    unsafe { pthread_cond_timedwait(condition, mutex, until) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_signal(condition: *mut pthread_cond_t) -> c_int {
    let Some(me) = me() else {
        return unsafe {
            real!(c"pthread_cond_signal", fn(*mut pthread_cond_t) -> c_int)(condition)
        };
    };
    changed(me, On::Condition, condition as usize, 1);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_broadcast(condition: *mut pthread_cond_t) -> c_int {
    let Some(me) = me() else {
        let function = real!(c"pthread_cond_broadcast", fn(*mut pthread_cond_t) -> c_int);
        return unsafe { function(condition) };
    };
    changed(me, On::Condition, condition as usize, usize::MAX);
    0
}

// ---- read-write locks ----

unsafe fn share(me: u32, lock: *mut pthread_rwlock_t, deadline: u64) -> c_int {
    let attempt = real!(c"pthread_rwlock_tryrdlock", fn(*mut pthread_rwlock_t) -> c_int);
    take(me, On::RwLock, lock as usize, deadline, || unsafe { attempt(lock) })
}

unsafe fn own(me: u32, lock: *mut pthread_rwlock_t, deadline: u64) -> c_int {
    let attempt = real!(c"pthread_rwlock_trywrlock", fn(*mut pthread_rwlock_t) -> c_int);
    take(me, On::RwLock, lock as usize, deadline, || unsafe { attempt(lock) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t) -> c_int {
    let Some(me) = me() else {
        return unsafe {
            real!(c"pthread_rwlock_rdlock", fn(*mut pthread_rwlock_t) -> c_int)(lock)
        };
    };
    unsafe { share(me, lock, NEVER) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t) -> c_int {
    let Some(me) = me() else {
        return unsafe {
            real!(c"pthread_rwlock_wrlock", fn(*mut pthread_rwlock_t) -> c_int)(lock)
        };
    };
    unsafe { own(me, lock, NEVER) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_timedrdlock(
    lock: *mut pthread_rwlock_t,
    until: *const timespec,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"pthread_rwlock_timedrdlock",
            fn(*mut pthread_rwlock_t, *const timespec) -> c_int
        );
        return unsafe { function(lock, until) };
    };
    match unsafe { deadline(me, until) } {
        Some(deadline) => unsafe { share(me, lock, deadline) },
        None => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_timedwrlock(
    lock: *mut pthread_rwlock_t,
    until: *const timespec,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"pthread_rwlock_timedwrlock",
            fn(*mut pthread_rwlock_t, *const timespec) -> c_int
        );
        return unsafe { function(lock, until) };
    };
    match unsafe { deadline(me, until) } {
        Some(deadline) => unsafe { own(me, lock, deadline) },
        None => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int {
    let function = real!(c"pthread_rwlock_unlock", fn(*mut pthread_rwlock_t) -> c_int);
    let result = unsafe { function(lock) };
    if let (Some(me), 0) = (me(), result) {
        changed(me, On::RwLock, lock as usize, usize::MAX);
    }
    result
}

// ---- barriers ----

/// Where glibc keeps how many a barrier waits for (`struct pthread_barrier`, since 2.25), in words
/// of 32 bits.
const COUNT: usize = 2;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrier_wait(barrier: *mut pthread_barrier_t) -> c_int {
    let Some(me) = me() else {
        return unsafe {
            real!(c"pthread_barrier_wait", fn(*mut pthread_barrier_t) -> c_int)(barrier)
        };
    };
    let wanted = unsafe { *barrier.cast::<u32>().add(COUNT) } as usize;
    let key = barrier as usize;
    let arrived = with(|conductor| conductor.waiting(On::Barrier, key)) + 1;
    if arrived < wanted {
        wait_for(me, On::Barrier, key, NEVER);
        return 0;
    }
    changed(me, On::Barrier, key, usize::MAX);
    libc::PTHREAD_BARRIER_SERIAL_THREAD
}

// ---- semaphores ----

unsafe fn down(me: u32, semaphore: *mut sem_t, deadline: u64) -> c_int {
    let attempt = real!(c"sem_trywait", fn(*mut sem_t) -> c_int);
    let result = take(me, On::Semaphore, semaphore as usize, deadline, || {
        match unsafe { attempt(semaphore) } {
            0 => 0,
            _ => match unsafe { *libc::__errno_location() } {
                libc::EAGAIN => libc::EBUSY,
                other => other,
            },
        }
    });
    if result == 0 { 0 } else { fail(result) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_wait(semaphore: *mut sem_t) -> c_int {
    let Some(me) = me() else {
        return unsafe { real!(c"sem_wait", fn(*mut sem_t) -> c_int)(semaphore) };
    };
    unsafe { down(me, semaphore, NEVER) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_timedwait(semaphore: *mut sem_t, until: *const timespec) -> c_int {
    let Some(me) = me() else {
        let function = real!(c"sem_timedwait", fn(*mut sem_t, *const timespec) -> c_int);
        return unsafe { function(semaphore, until) };
    };
    match unsafe { deadline(me, until) } {
        Some(deadline) => unsafe { down(me, semaphore, deadline) },
        None => fail(libc::EINVAL),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_clockwait(
    semaphore: *mut sem_t,
    clock: clockid_t,
    until: *const timespec,
) -> c_int {
    if me().is_none() {
        let function = real!(c"sem_clockwait", fn(*mut sem_t, clockid_t, *const timespec) -> c_int);
        return unsafe { function(semaphore, clock, until) };
    }
    unsafe { sem_timedwait(semaphore, until) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_post(semaphore: *mut sem_t) -> c_int {
    let result = unsafe { real!(c"sem_post", fn(*mut sem_t) -> c_int)(semaphore) };
    if let (Some(me), 0) = (me(), result) {
        changed(me, On::Semaphore, semaphore as usize, 1);
    }
    result
}

// ---- once ----

const BEGUN: c_int = 1;
/// The same as glibc's, so that what was initialised before the run is not again.
const DONE: c_int = 2;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_once(control: *mut c_int, function: extern "C" fn()) -> c_int {
    let Some(me) = me() else {
        let once = real!(c"pthread_once", fn(*mut c_int, extern "C" fn()) -> c_int);
        return unsafe { once(control, function) };
    };
    loop {
        match unsafe { control.read_volatile() } {
            DONE => return 0,
            BEGUN => {
                wait_for(me, On::Once, control as usize, NEVER);
            }
            _ => {
                unsafe { control.write_volatile(BEGUN) };
                function();
                unsafe { control.write_volatile(DONE) };
                changed(me, On::Once, control as usize, usize::MAX);
                return 0;
            }
        }
    }
}
