//! What a task can wait for, in two words: a kind, and an argument that tells two waits apart.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::engine::primitive::process_began;

pub(crate) use WaitKind as Kind;

/// One thing that a task waits for.
///
/// It is two whole words, also in an `Option`. With fields of several sizes the compiler copies the
/// four waits of each poll in overlapping pieces, so that loads wait 100 ns for the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The kind, [`OLD`], and a second argument of 32 bits from [`MORE`] on.
    what: NonZeroU64,
    argument: u64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $name:literal, $text:literal;)*) => {
        /// What kind of thing a task waits for.
        ///
        /// # Examples
        ///
        /// See [`TaskDump`](crate::insight::TaskDump).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum WaitKind {
            $($(#[$doc])* $kind = $number,)*
        }

        impl WaitKind {
            /// The name as one word, for programs.
            ///
            /// # Examples
            ///
            /// See [`TaskDump`](crate::insight::TaskDump).
            pub fn name(self) -> &'static str {
                match self {
                    $(WaitKind::$kind => $name,)*
                }
            }

            /// The name in words, as it follows "waits for".
            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(WaitKind::$kind => $text,)*
                }
            }

            /// The kind with this number.
            pub(super) fn from_number(number: u8) -> Option<WaitKind> {
                match number {
                    $($number => Some(WaitKind::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A [`Mutex`](crate::sync::Mutex).
    Mutex = 1, "mutex", "a mutex";
    /// An [`RwLock`](crate::sync::RwLock), to read or to write.
    RwLock = 2, "rwlock", "a read-write lock";
    /// Permits of a [`Semaphore`](crate::sync::Semaphore).
    Semaphore = 3, "semaphore", "a semaphore";
    /// The others at a [`Barrier`](crate::sync::Barrier).
    Barrier = 4, "barrier", "a barrier";
    /// A [`Notify`](crate::sync::Notify).
    Notify = 5, "notify", "a notification";
    /// The task that makes the value of a [`OnceCell`](crate::sync::OnceCell).
    OnceCell = 6, "once_cell", "a once cell";
    /// The value of a [`SetOnce`](crate::sync::SetOnce).
    SetOnce = 7, "set_once", "a value that is set once";
    /// Room in a bounded [`mpsc`](crate::sync::mpsc) channel.
    MpscSend = 8, "mpsc_send", "room in an mpsc channel";
    /// A message of an [`mpsc`](crate::sync::mpsc) channel.
    MpscReceive = 9, "mpsc_receive", "a message of an mpsc channel";
    /// The receiver of an [`mpsc`](crate::sync::mpsc) channel to close it.
    MpscClosed = 10, "mpsc_closed", "the receiver of an mpsc channel to go";
    /// The value of a [`oneshot`](crate::sync::oneshot) channel.
    OneshotReceive = 11, "oneshot_receive", "the value of a oneshot channel";
    /// A change of a [`watch`](crate::sync::watch) channel.
    WatchChanged = 12, "watch_changed", "a change of a watch channel";
    /// The receivers of a [`watch`](crate::sync::watch) channel to go.
    WatchClosed = 13, "watch_closed", "the receivers of a watch channel to go";
    /// A message of a [`broadcast`](crate::sync::broadcast) channel.
    BroadcastReceive = 14, "broadcast_receive", "a message of a broadcast channel";
    /// The receivers of a [`broadcast`](crate::sync::broadcast) channel to go.
    BroadcastClosed = 15, "broadcast_closed", "the receivers of a broadcast channel to go";
    /// A deadline: [`time`](mod@crate::time).
    Timer = 16, "timer", "a timer";
    /// Something to read from a descriptor, or somebody to accept.
    Readable = 17, "readable", "input";
    /// Room to write to a descriptor, or the end of a `connect`.
    Writable = 18, "writable", "room for output";
    /// A descriptor to become ready in one of several ways.
    Ready = 19, "ready", "a descriptor to become ready";
    /// The end of a task: its [`JoinHandle`](crate::task::JoinHandle).
    Join = 20, "join", "the end of task";
    /// The end of one of the tasks of a [`JoinSet`](crate::task::JoinSet).
    JoinSet = 21, "join_set", "the end of a task of a set";
    /// The tasks of a [`Scope`](crate::task::Scope).
    Scope = 22, "scope", "the tasks of a scope";
    /// The tasks of a [`LocalSet`](crate::task::LocalSet).
    LocalSet = 23, "local_set", "the tasks of a local set";
    /// A job of the blocking pool: [`spawn_blocking`](crate::spawn_blocking), files, names.
    Blocking = 24, "blocking", "blocking job";
    /// The end of a child process.
    Child = 25, "child", "the end of child process";
    /// A signal.
    Signal = 26, "signal", "signal";
    /// Bytes of the other end of a [`duplex`](crate::io::duplex) stream.
    DuplexRead = 27, "duplex_read", "bytes of the other end of a duplex stream";
    /// Room in a [`duplex`](crate::io::duplex) stream.
    DuplexWrite = 28, "duplex_write", "room in a duplex stream";
    /// The task's next turn: it has used up the [budget](mod@crate::task::coop) of a poll.
    Budget = 29, "budget", "its next turn, since its budget is used up";
    /// The receiver of a [`oneshot`](crate::sync::oneshot) channel to go.
    OneshotClosed = 30, "oneshot_closed", "the receiver of a oneshot channel to go";
}

/// The bit of [`Wait::is_old`]; below it is the kind.
const OLD: u64 = 1 << 8;
/// Where [`Wait::more`] begins.
const MORE: u32 = 32;

impl Wait {
    /// A wait of this kind. The kind tells what the argument means.
    #[inline]
    pub(crate) fn new(kind: Kind, argument: u64) -> Wait {
        let what = NonZeroU64::new(kind as u64).expect("no kind has the number 0");
        Wait { what, argument }
    }

    #[inline]
    pub(crate) fn with_more(self, more: u32) -> Wait {
        Wait { what: self.what | u64::from(more) << MORE, ..self }
    }

    /// A wait for a moment of a runtime's clock.
    pub(crate) fn until(deadline: Instant) -> Wait {
        let since_origin = deadline.saturating_duration_since(process_began());
        Wait::new(Kind::Timer, u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment of a timer's wait. `None` if it is too far for an [`Instant`].
    pub(crate) fn deadline(self) -> Option<Instant> {
        process_began().checked_add(Duration::from_nanos(self.argument))
    }

    pub(crate) fn kind(self) -> Kind {
        Kind::from_number(self.what.get() as u8).expect("made of a kind")
    }

    pub(crate) fn argument(self) -> u64 {
        self.argument
    }

    pub(crate) fn more(self) -> u32 {
        (self.what.get() >> MORE) as u32
    }

    /// Whether another leaf went on later in the same poll. Then the future that noted this wait
    /// may be gone.
    pub(crate) fn is_old(self) -> bool {
        self.what.get() & OLD != 0
    }

    pub(super) fn aged(self) -> Wait {
        Wait { what: self.what | OLD, ..self }
    }

    /// Whether they are the same wait, of whatever age.
    pub(super) fn is_same(self, other: Wait) -> bool {
        self.aged() == other.aged()
    }

    #[inline]
    pub(super) fn to_words(self) -> [u64; 2] {
        [self.what.get(), self.argument]
    }

    pub(super) fn from_words([what, argument]: [u64; 2]) -> Option<Wait> {
        Kind::from_number(what as u8)?;
        Some(Wait { what: NonZeroU64::new(what)?, argument })
    }
}
