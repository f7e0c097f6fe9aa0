//! A process that is killed for looking into other processes still gets its stalls reported, with
//! the stack: the runtime looks into its own memory by a file.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::Builder;
use tests::process::{Forked, in_a_fork};
use tests::{Gate, eventually, isolated, within};

/// From now on this thread, and those that it starts, are killed with their process for such a
/// call.
fn killed_for(call: libc::c_long) {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the call is what the data begin with.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: the program points to a live filter of four statements, which the kernel copies; the
    // other arguments are numbers.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program);
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    }
}

#[inline(never)]
fn a_call_that_blocks(gate: &Gate) {
    gate.block();
    std::hint::black_box(gate);
}

#[inline(never)]
fn a_call_that_computes(gate: &Gate) {
    let start = Instant::now();
    while !gate.is_open() && start.elapsed() < tests::PATIENCE {
        std::hint::spin_loop();
    }
}

/// The stack that a stall in `call` is reported with.
fn stack_of(call: fn(&Gate)) -> String {
    let seen = Arc::new(Mutex::new(None));
    let sees = seen.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .stall_report(Duration::from_millis(30))
        .on_stall(move |report| *sees.lock().unwrap() = report.backtrace().map(str::to_owned))
        .build()
        .unwrap();
    let gate = Gate::default();
    let hold = gate.clone();
    let task = runtime.spawn(async move { call(&hold) });
    eventually("the stall is reported with a stack", || seen.lock().unwrap().is_some());
    gate.open();
    runtime.block_on(task).unwrap();
    seen.lock().unwrap().take().unwrap()
}

#[test]
fn that_kills_for_reading_another_process() {
    isolated("that_kills_for_reading_another_process", || {
        within(|| {
            killed_for(libc::SYS_process_vm_readv);
            let stack = stack_of(a_call_that_blocks);
            assert!(stack.contains("a_call_that_blocks"), "{stack}");
            let stack = stack_of(a_call_that_computes);
            assert!(stack.contains("a_call_that_computes"), "{stack}");
        });
    });
}

/// The file shows the memory of the process that opened it: a child opens its own.
#[test]
fn a_child_sees_its_own_stacks() {
    isolated("a_child_sees_its_own_stacks", || {
        drop(stack_of(a_call_that_blocks));
        let child = in_a_fork(|| {
            let stack = stack_of(a_call_that_computes);
            stack.contains("a_call_that_computes")
        });
        assert_eq!(child, Forked::Held);
        assert!(stack_of(a_call_that_blocks).contains("a_call_that_blocks"));
    });
}
