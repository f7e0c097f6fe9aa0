//! Signal masks: which signals a thread takes.
//!
//! # Problem
//!
//! A signal for the process goes to any thread that does not block it. A program that blocks
//! SIGTERM on its threads and calls `sigwait` relies on there being no other thread that takes it.
//! A program with a handler relies on it running on a thread that the program knows. So the
//! runtime's own threads (the monitor, the reporter's) must not take any signal.
//!
//! # How
//!
//! A new thread inherits the mask of the thread that starts it. So the starting thread blocks all
//! signals, starts the new thread, and restores its own mask ([`deafly`]): the new thread never
//! takes a signal. It is called *deaf*. Signals that a thread raises itself (SIGSEGV and the like)
//! are not blocked, since the kernel would then end the process without calling the handler.
//!
//! Threads that run tasks and jobs inherit the mask of the thread that starts them, as usual. If
//! that one is deaf, they get the mask of the thread that built the runtime ([`for_new_thread`]).
//!
//! SIGURG, which asks a computing thread for its stack, is sent only to threads that run tasks,
//! never to deaf ones.
#![allow(unsafe_code, reason = "pthread_sigmask; docs/unsafe.md, K1")]

use std::cell::Cell;
use std::mem::MaybeUninit;

thread_local! {
    static DEAF: Cell<bool> = const { Cell::new(false) };
}

/// Signals that a thread raises itself, and those that stop the process for a debugger.
const OWN: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// The signals that a thread blocks.
#[derive(Clone, Copy)]
pub(crate) struct Mask(libc::sigset_t);

impl Mask {
    /// The mask of this thread.
    pub(crate) fn here() -> Mask {
        let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: without a new mask the call writes the present one, into room that is lent for
        // it. A zeroed set is a valid one, should it fail.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
            Mask(mask.assume_init())
        }
    }

    /// A mask of all signals but [`OWN`].
    fn deaf() -> Mask {
        let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: `sigfillset` makes a set of the room that it is lent, and `sigdelset` takes
        // members out of it. The numbers are those of signals.
        unsafe {
            libc::sigfillset(mask.as_mut_ptr());
            for signal in OWN {
                libc::sigdelset(mask.as_mut_ptr(), signal);
            }
            Mask(mask.assume_init())
        }
    }

    /// Makes it the mask of this thread.
    pub(crate) fn apply(&self) {
        // SAFETY: the set is a valid one, and the old one is not asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut());
        }
    }
}

/// Calls `start` while this thread blocks signals: a thread that it starts never takes one.
pub(crate) fn deafly<R>(start: impl FnOnce() -> R) -> R {
    struct Restore(Mask);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.apply();
        }
    }
    let _restore = Restore(Mask::here());
    Mask::deaf().apply();
    start()
}

/// Records that this thread was started by [`deafly`].
pub(crate) fn is_deaf() {
    DEAF.set(true);
}

/// The mask to set in a new thread that runs user code: `usual` if this thread is deaf. `None` if
/// the new thread can inherit this thread's mask.
pub(crate) fn for_new_thread(usual: Mask) -> Option<Mask> {
    DEAF.get().then_some(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(mask: &Mask, signal: libc::c_int) -> bool {
        // SAFETY: the set is a valid one.
        unsafe { libc::sigismember(&mask.0, signal) == 1 }
    }

    #[test]
    fn a_thread_that_is_started_deafly_takes_no_signal_but_its_own() {
        let thread = || std::thread::spawn(Mask::here);
        let before = Mask::here();
        let deaf = deafly(thread).join().unwrap();
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGCHLD, libc::SIGURG] {
            assert!(blocks(&deaf, signal), "{signal}");
        }
        assert!(OWN.iter().all(|&signal| !blocks(&deaf, signal)));
        let after = thread().join().unwrap();
        for signal in 1..32 {
            assert_eq!(blocks(&before, signal), blocks(&after, signal), "{signal}");
        }
    }

    #[test]
    fn what_a_deaf_thread_starts_for_the_user_is_not_deaf() {
        let usual = Mask::here();
        assert!(for_new_thread(usual).is_none());
        let thread = deafly(|| {
            std::thread::spawn(move || {
                is_deaf();
                let mask = for_new_thread(usual).unwrap();
                mask.apply();
                Mask::here()
            })
        });
        assert_eq!(blocks(&thread.join().unwrap(), libc::SIGTERM), blocks(&usual, libc::SIGTERM));
    }
}
