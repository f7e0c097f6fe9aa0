/// Waits for several futures, all in this task, and runs the handler of the first that is ready.
///
/// The other futures are dropped *before* the handler runs. The macro can only be used where
/// `.await` can, and is an expression: its value is the handler's.
///
/// ```text
/// select! {
///     biased;                                               // optional
///     <pattern> = <future> [, if <condition>] => <handler>,  // up to 64 of these
///     else => <handler>                                     // optional, last
/// }
/// ```
///
/// 1. All conditions are evaluated. A branch whose condition is false is disabled.
/// 2. All future expressions are evaluated, those of disabled branches too; but a disabled
///    branch's future is never polled.
/// 3. The enabled futures are polled until one is ready and its output matches the pattern.
///    An output that does not match is dropped and disables its branch.
/// 4. All futures are dropped, then that branch's handler runs. It may use `?`, `.await`,
///    `return`, and `break` and `continue` of loops around.
/// 5. When all branches are disabled, the `else` handler runs.
///
/// # Order
///
/// Each poll begins with a random branch, so that none starves. With `biased;` the branches are
/// always polled in the order written, which costs less and is deterministic. You must then make
/// sure that a branch which is always ready does not come before others that matter. A shutdown
/// signal, for example, belongs at the top.
///
/// # Budget
///
/// When the task has used up its budget, `select!` returns to the scheduler without polling any
/// branch: otherwise a future that spends no budget would win each time.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// In a loop, the losing futures are dropped and made anew in the next round. What such a future
/// had already done is lost, unless it is *cancel safe*: a cancel safe future that is dropped
/// before it is ready has done nothing, or has kept what it did for the next call.
///
/// Safe in a loop:
///
/// | what | why |
/// |---|---|
/// | [`mpsc::Receiver::recv`](crate::sync::mpsc::Receiver::recv), [`recv_many`](crate::sync::mpsc::Receiver::recv_many), the same of `UnboundedReceiver` | no value is lost |
/// | [`broadcast::Receiver::recv`](crate::sync::broadcast::Receiver::recv) | no value is lost |
/// | [`watch::Receiver::changed`](crate::sync::watch::Receiver::changed), [`wait_for`](crate::sync::watch::Receiver::wait_for) | a change that was not reported is still new |
/// | `&mut` [`oneshot::Receiver`](crate::sync::oneshot::Receiver) | by reference; the value stays inside |
/// | `closed` of every channel's sender, [`SetOnce::wait`](crate::sync::SetOnce::wait) | they change nothing |
/// | `&mut` [`JoinHandle`](crate::task::JoinHandle), [`JoinSet::join_next`](crate::task::JoinSet::join_next) | no result is lost |
/// | [`ScopeHandle::cancelled`](crate::task::ScopeHandle::cancelled), [`yield_now`](crate::task::yield_now) | they only wait |
/// | [`TcpListener::accept`](crate::net::TcpListener::accept), `UnixListener::accept` | no connection is lost |
/// | `connect` and `bind` of sockets | the attempt is given up; nothing is left behind |
/// | `readable`, `writable`, `ready`, `peek` of sockets, pipes and [`AsyncFd`](crate::io::unix::AsyncFd) | they only look |
/// | [`UdpSocket::send`](crate::net::UdpSocket::send), [`send_to`](crate::net::UdpSocket::send_to), [`recv`](crate::net::UdpSocket::recv), [`recv_from`](crate::net::UdpSocket::recv_from) | a whole datagram or nothing |
/// | [`read`](crate::io::AsyncReadExt::read), [`read_buf`](crate::io::AsyncReadExt::read_buf), [`write`](crate::io::AsyncWriteExt::write), [`write_buf`](crate::io::AsyncWriteExt::write_buf), [`fill_buf`](crate::io::AsyncBufReadExt::fill_buf), [`flush`](crate::io::AsyncWriteExt::flush), [`shutdown`](crate::io::AsyncWriteExt::shutdown) | one step, done or not begun |
/// | [`Lines::next_line`](crate::io::Lines::next_line), [`Split::next_segment`](crate::io::Split::next_segment), [`ReadDir::next_entry`](crate::fs::ReadDir::next_entry) | a part that was read is kept inside |
/// | [`write_all_buf`](crate::io::AsyncWriteExt::write_all_buf), [`copy_buf`](crate::io::copy_buf) | the rest stays in the buffer |
/// | [`Interval::tick`](crate::time::Interval::tick), [`sleep_until`](crate::time::sleep_until), `&mut` [`Sleep`](crate::time::Sleep) | the deadline stays |
/// | [`Signal::recv`](crate::signal::unix::Signal::recv), [`Child::wait`](crate::process::Child::wait) | no signal, no status is lost |
///
/// Safe, but each new call goes to the end of a queue. In a loop a call may never get its turn:
///
/// | what | better |
/// |---|---|
/// | [`Mutex::lock`](crate::sync::Mutex::lock), [`RwLock::read`](crate::sync::RwLock::read), [`write`](crate::sync::RwLock::write), [`Semaphore::acquire`](crate::sync::Semaphore::acquire), [`Notify::notified`](crate::sync::Notify::notified) | make the future once, and pass `&mut future` |
/// | [`mpsc::Sender::reserve`](crate::sync::mpsc::Sender::reserve) | the same |
///
/// Not safe in a loop:
///
/// | what | what is lost | better |
/// |---|---|---|
/// | [`mpsc::Sender::send`](crate::sync::mpsc::Sender::send), [`send_timeout`](crate::sync::mpsc::Sender::send_timeout) | the value | [`reserve`](crate::sync::mpsc::Sender::reserve), then send by the permit |
/// | [`reserve_owned`](crate::sync::mpsc::Sender::reserve_owned) | the sender | clone it before |
/// | [`read_exact`](crate::io::AsyncReadExt::read_exact), [`read_to_string`](crate::io::AsyncReadExt::read_to_string) | bytes that were read | [`read_buf`](crate::io::AsyncReadExt::read_buf) in a loop |
/// | [`read_line`](crate::io::AsyncBufReadExt::read_line) | part of a character | [`lines`](crate::io::AsyncBufReadExt::lines), or [`read_until`](crate::io::AsyncBufReadExt::read_until) |
/// | [`read_until`](crate::io::AsyncBufReadExt::read_until), [`read_to_end`](crate::io::AsyncReadExt::read_to_end) | only the count; the bytes are in the buffer | keep the buffer outside of the loop |
/// | [`write_all`](crate::io::AsyncWriteExt::write_all) | how much was written | [`write_all_buf`](crate::io::AsyncWriteExt::write_all_buf) |
/// | [`seek`](crate::io::AsyncSeekExt::seek) | whether the position has moved | seek before the loop |
/// | [`copy`](crate::io::copy()), [`copy_bidirectional`](crate::io::copy_bidirectional) | bytes that were read and not written | a task of its own |
/// | [`Barrier::wait`](crate::sync::Barrier::wait) | nothing, but the task stays counted as arrived | make the future once |
/// | [`OnceCell::get_or_init`](crate::sync::OnceCell::get_or_init) | the work on the value; the next begins anew | make the future once |
/// | [`sleep`](crate::time::sleep()) | the time that has passed: each round begins anew | `sleep_until`, or `&mut` a `Sleep` |
/// | [`Scope::close`](crate::task::Scope::close), [`JoinSet::join_all`](crate::task::JoinSet::join_all) | the tasks: they are aborted | `join_next`; [`Scope`](crate::task::Scope) outside of the loop |
/// | [`Command::output`](crate::process::Command::output), [`Child::wait_with_output`](crate::process::Child::wait_with_output) | what the child has written | a task of its own |
/// | [`ctrl_c`](crate::signal::ctrl_c) | what is pressed while nobody listens | keep a [`Signal`](crate::signal::unix::Signal) |
/// | functions of [`fs`](crate::fs) that change something | nothing, but the operation is still carried out | wait for it |
/// | [`timeout`](crate::time::timeout()), [`join!`](crate::join), [`LocalSet::run_until`](crate::task::LocalSet::run_until) | as for the future inside | |
///
/// Two ways always work: make the future once before the loop and pass `&mut future` (see the
/// example), or spawn a task for the work.
///
/// # Examples
///
/// The first that is ready:
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let winner = runtime::select! {
///     _ = std::future::pending::<()>() => "never",
///     number = async { 42 } => {
///         assert_eq!(number, 42);
///         "number"
///     }
/// };
/// assert_eq!(winner, "number");
/// # }
/// ```
///
/// Patterns that do not always match, and an end when nothing is left:
///
/// ```
/// use futures::stream::{self, StreamExt};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut odd = stream::iter([1, 3, 5]);
/// let mut even = stream::iter([2, 4]);
/// let mut sum = 0;
/// loop {
///     runtime::select! {
///         Some(n) = odd.next() => sum += n,
///         Some(n) = even.next() => sum += n,
///         else => break,
///     }
/// }
/// assert_eq!(sum, 15);
/// # }
/// ```
///
/// A future that is kept over several rounds, and a condition so that it is not polled after it has
/// finished:
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let slow = async { "done" };
/// runtime::pin!(slow);
/// let mut finished = false;
/// let mut rounds = 0;
/// while rounds < 10 {
///     runtime::select! {
///         text = &mut slow, if !finished => {
///             assert_eq!(text, "done");
///             finished = true;
///         }
///         () = async {} => rounds += 1,
///     }
/// }
/// # }
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)*) => {
        $crate::__select! { biased [$($branches)*] }
    };
    ($($branches:tt)*) => {
        $crate::__select! { fair [$($branches)*] }
    };
}

/// Reads the branches of `select!`, one in each step, gives each a number and a name, and expands.
///
/// `order [names left] [branches read] branches to read`
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    ($order:ident [$($branches:tt)*]) => {
        $crate::__select! {
            $order
            [
                _0 0 _1 1 _2 2 _3 3 _4 4 _5 5 _6 6 _7 7 _8 8 _9 9 _10 10 _11 11 _12 12 _13 13
                _14 14 _15 15 _16 16 _17 17 _18 18 _19 19 _20 20 _21 21 _22 22 _23 23 _24 24
                _25 25 _26 26 _27 27 _28 28 _29 29 _30 30 _31 31 _32 32 _33 33 _34 34 _35 35
                _36 36 _37 37 _38 38 _39 39 _40 40 _41 41 _42 42 _43 43 _44 44 _45 45 _46 46
                _47 47 _48 48 _49 49 _50 50 _51 51 _52 52 _53 53 _54 54 _55 55 _56 56 _57 57
                _58 58 _59 59 _60 60 _61 61 _62 62 _63 63
            ]
            []
            $($branches)*
        }
    };

    // ---- the end ----

    ($order:ident [$($names:tt)*] []) => {
        ::core::compile_error!(
            "`select!` has nothing to wait for: write `pattern = future => handler`"
        )
    };
    ($order:ident [$($names:tt)*] [] else => $else:expr $(,)?) => {
        $else
    };
    ($order:ident [$($names:tt)*] [$($done:tt)+]) => {
        $crate::__select! {
            @expand $order [$($done)+]
            ::core::panic!(
                "all branches are disabled and there is no else branch: add \
                 `else => ..` to the `select!`, or a branch that is never disabled"
            )
        }
    };
    ($order:ident [$($names:tt)*] [$($done:tt)+] else => $else:expr $(,)?) => {
        $crate::__select! { @expand $order [$($done)+] $else }
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] else => $else:expr, $($rest:tt)+) => {
        ::core::compile_error!("`else` is the last branch of a `select!`: move it to the end")
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] else => $else:block $($rest:tt)+) => {
        ::core::compile_error!("`else` is the last branch of a `select!`: move it to the end")
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] else $($rest:tt)*) => {
        ::core::compile_error!("the last branch of a `select!` is written `else => handler`")
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] biased; $($rest:tt)*) => {
        ::core::compile_error!("`biased;` stands before all branches of a `select!`, once")
    };
    ($order:ident [] [$($done:tt)*] $($rest:tt)+) => {
        ::core::compile_error!(
            "a `select!` has at most 64 branches: nest another one in a branch's future"
        )
    };

    // ---- one branch: with a block, then with any expression ----

    (
        $order:ident [$name:ident $number:tt $($names:tt)*] [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::__select! {
            $order [$($names)*]
            [$($done)* { $name $number ($pattern) ($future) ($($condition)?) ($handler) }]
            $($rest)*
        }
    };
    (
        $order:ident [$name:ident $number:tt $($names:tt)*] [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select! {
            $order [$($names)*]
            [$($done)* { $name $number ($pattern) ($future) ($($condition)?) ($handler) }]
            $($rest)*
        }
    };
    (
        $order:ident [$name:ident $number:tt $($names:tt)*] [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr
    ) => {
        $crate::__select! {
            $order [$($names)*]
            [$($done)* { $name $number ($pattern) ($future) ($($condition)?) ($handler) }]
        }
    };
    (
        $order:ident [$name:ident $number:tt $($names:tt)*] [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr, $($rest:tt)*
    ) => {
        $crate::__select! {
            $order [$($names)*]
            [$($done)* { $name $number ($pattern) ($future) ($($condition)?) ($handler) }]
            $($rest)*
        }
    };

    // ---- no branch ----

    ($order:ident [$($names:tt)*] [$($done:tt)*] $pattern:pat = $future:expr, $($rest:tt)*) => {
        ::core::compile_error!(
            "a branch of a `select!` has no handler: write `pattern = future => handler`"
        )
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] $pattern:pat = $future:expr) => {
        ::core::compile_error!(
            "a branch of a `select!` has no handler: write `pattern = future => handler`"
        )
    };
    ($order:ident [$($names:tt)*] [$($done:tt)*] $pattern:pat => $($rest:tt)*) => {
        ::core::compile_error!(
            "a branch of a `select!` has no pattern: write `_ = future => handler`"
        )
    };

    // ---- what comes out ----

    (
        @expand $order:ident
        [$({
            $name:ident $number:tt
            ($pattern:pat) ($future:expr) ($($condition:expr)?) ($handler:expr)
        })+]
        $else:expr
    ) => {{
        // The output of the winning branch. User code can see this name (unlike variables), so it
        // is an unusual one.
        #[doc(hidden)]
        enum __SelectOutput<$($name),+> {
            $($name($name),)+
            Disabled,
        }

        // One bit for each branch that must not be polled.
        #[allow(unused_mut)]
        let mut disabled = 0_u64;
        $($(
            if !$condition {
                disabled |= 1_u64 << $number;
            }
        )?)+

        // The futures live only in this block, so they are dropped before a handler runs. `mut` is
        // for patterns with `ref mut`.
        #[allow(unused_mut)]
        let mut output = {
            // A separate `let`, so that temporaries of the expressions live as long as usual.
            let made = ($($future,)+);
            // One value and one reference to it, however many futures.
            let mut parts = $crate::macros_support::pin!({
                let parts = ();
                $(let parts = $crate::macros_support::select_part(parts, made.$number);)+
                parts
            });
            let output = $crate::macros_support::poll_fn(move |cx| {
                if $crate::macros_support::poll_budget_available(cx).is_pending() {
                    return $crate::macros_support::Poll::Pending;
                }
                let count = [$($number),+].len() as u32;
                let mut pending = false;
                let mut branch = $crate::__select!(@start $order count);
                for _ in 0..count {
                    let this = branch;
                    branch = if this + 1 < count { this + 1 } else { 0 };
                    let pins = $crate::macros_support::SelectParts::pins(parts.as_mut(), ());
                    $(let ($name, pins) = pins;)+
                    let () = pins;
                    match this {
                        $(
                            #[allow(unreachable_code)]
                            $number => {
                                if disabled & (1_u64 << $number) != 0 {
                                    continue;
                                }
                                // For patterns with `ref mut`.
                                #[allow(unused_mut)]
                                let mut value = match $crate::macros_support::Future::poll(
                                    $name, cx,
                                ) {
                                    $crate::macros_support::Poll::Ready(value) => value,
                                    $crate::macros_support::Poll::Pending => {
                                        pending = true;
                                        continue;
                                    }
                                };
                                disabled |= 1_u64 << $number;
                                // Tests the pattern without a move into it: bindings are filled
                                // after the guard, and this guard is false.
                                let mut matches = false;
                                let value = match value {
                                    #[allow(unused_variables, unused_mut, clippy::all)]
                                    $pattern if { matches = true; false } => {
                                        ::core::unreachable!()
                                    }
                                    value => value,
                                };
                                if matches {
                                    return $crate::macros_support::Poll::Ready(
                                        __SelectOutput::$name(value)
                                    );
                                }
                            }
                        )+
                        _ => ::core::unreachable!(),
                    }
                }
                if pending {
                    $crate::macros_support::Poll::Pending
                } else {
                    $crate::macros_support::Poll::Ready(__SelectOutput::Disabled)
                }
            })
            .await;
            output
        };

        match output {
            $(__SelectOutput::$name($pattern) => $handler,)+
            __SelectOutput::Disabled => $else,
            #[allow(unreachable_patterns)]
            _ => ::core::unreachable!(),
        }
    }};

    (@start biased $count:ident) => {
        0_u32
    };
    (@start fair $count:ident) => {
        $crate::macros_support::thread_below($count)
    };
}

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use crate::engine::coop::{self, Budget};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn polls_nothing_when_the_budget_is_used_up() {
        let wakes = Arc::new(Count::default());
        let waker = Waker::from(wakes.clone());
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(async {
            crate::select! {
                () = ready(()) => 1,
            }
        });
        let full = coop::set(Budget::FULL);
        let mut spent = 0;
        while let Poll::Ready(unit) = coop::poll_proceed(&mut cx) {
            unit.made_progress();
            spent += 1;
        }
        assert!(spent > 0);
        assert_eq!(wakes.0.swap(0, Ordering::Relaxed), 1);
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "it must come back by itself");
        drop(full);
        assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(1));
    }
}
