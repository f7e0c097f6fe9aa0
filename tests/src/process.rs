//! What the operating system knows of a process: threads, descriptors, memory, limits.

use std::fs;
use std::io::Read;
use std::process::{Child, Output};
use std::thread;
use std::time::{Duration, Instant};

/// Threads of this process.
#[cfg(target_os = "linux")]
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Names of the threads of this process.
#[cfg(target_os = "linux")]
pub fn thread_names() -> Vec<String> {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim_end().to_string())
        .collect()
}

/// Whether all other threads of this process wait: one that has just been started does not yet.
#[cfg(target_os = "linux")]
pub fn others_wait() -> bool {
    // SAFETY: the call takes nothing and gives a number.
    let own = unsafe { libc::gettid() }.to_string();
    // The monitor reads from its alarm.
    let waits = [
        libc::SYS_futex,
        libc::SYS_epoll_pwait,
        libc::SYS_clock_nanosleep,
        libc::SYS_ppoll,
        libc::SYS_read,
    ];
    #[cfg(target_arch = "x86_64")]
    let waits = [waits.as_slice(), &[libc::SYS_epoll_wait, libc::SYS_poll]].concat();
    fs::read_dir("/proc/self/task").unwrap().flatten().all(|task| {
        // The number of the call comes first; one that has ended has no such file.
        let Ok(call) = fs::read_to_string(task.path().join("syscall")) else { return true };
        let number = call.split(' ').next().and_then(|number| number.parse().ok());
        task.file_name().to_string_lossy() == own
            || number.is_some_and(|number: libc::c_long| waits.contains(&number))
    })
}

/// Open descriptors of this process.
#[cfg(target_os = "linux")]
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count() - 1 // the one that reads the folder
}

/// A figure in kB from `/proc/self/status`, as bytes: `VmRSS`, `VmSize`.
#[cfg(target_os = "linux")]
pub fn memory(figure: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(&format!("{figure}:"))).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Has the allocator give back what it keeps, so that what remains is in use.
///
/// glibc keeps freed memory in an arena for each thread; how much depends on which thread
/// allocated.
#[cfg(target_os = "linux")]
pub fn give_back_memory() {
    // SAFETY: the call takes no pointer and touches free memory only.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How often the threads of this process have gone to sleep or were set aside, all together.
#[cfg(target_os = "linux")]
pub fn context_switches() -> u64 {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .flat_map(|status| {
            status
                .lines()
                .filter(|line| line.contains("ctxt_switches"))
                .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
                .collect::<Vec<_>>()
        })
        .sum()
}

/// Processor time of all threads of this process but the calling one, so far.
#[cfg(target_os = "linux")]
pub fn processor_time_of_others() -> Duration {
    used_by(libc::RUSAGE_SELF).saturating_sub(used_by(libc::RUSAGE_THREAD))
}

#[cfg(target_os = "linux")]
fn used_by(who: libc::c_int) -> Duration {
    // SAFETY: an all-zero `rusage` is a valid value of a plain struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage` that the call fills in.
    let result = unsafe { libc::getrusage(who, &mut usage) };
    assert_eq!(result, 0);
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Sets the soft limit of `resource` (`libc::RLIMIT_NOFILE` and so on) and returns the one before.
#[cfg(target_os = "linux")]
pub fn limit(resource: libc::__rlimit_resource_t, soft: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live `rlimit` that the call fills in.
    assert_eq!(unsafe { libc::getrlimit(resource, &mut limit) }, 0);
    let before = limit.rlim_cur;
    limit.rlim_cur = soft.min(limit.rlim_max);
    // SAFETY: the pointer is to a live `rlimit` that the call reads.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
    before
}

/// Sets the limit of descriptors so that `count` more can be opened.
///
/// The limit is one of numbers, not of descriptors: those above it stay open and do not count.
#[cfg(target_os = "linux")]
pub fn leave_descriptors(count: usize) {
    let listed: Vec<u64> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    // The one that read the folder is closed by now.
    let is_open = |number: &u64| {
        // SAFETY: F_GETFD takes no pointer and changes nothing.
        listed.contains(number) && unsafe { libc::fcntl(*number as i32, libc::F_GETFD) } != -1
    };
    let mut free = 0;
    let number = (0..).find(|number| {
        free += usize::from(!is_open(number));
        free > count
    });
    limit(libc::RLIMIT_NOFILE, number.unwrap());
}

/// What the child wrote and how it ended; a child that takes longer than `limit` is killed (under a
/// sanitizer, as much later as the program is slower).
#[track_caller]
pub fn output_within(mut child: Child, limit: Duration) -> Output {
    let limit = limit * crate::slowness();
    fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            bytes
        })
    }
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            let text = |stream: thread::JoinHandle<Vec<u8>>| {
                String::from_utf8_lossy(&stream.join().unwrap()).into_owned()
            };
            panic!("a child was killed after {limit:?}:\n{}\n{}", text(out), text(err));
        }
        thread::sleep(Duration::from_millis(2));
    };
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
}

/// What a forked child found out; see [`in_a_fork`].
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
pub enum Forked {
    /// The check held.
    Held,
    /// The check failed or panicked.
    Failed,
    /// It did not come to an end.
    Hung,
    /// It died of the signal.
    Died(i32),
}

/// Forks, runs `check` in the child and says what became of it.
///
/// The child ends without running exit handlers; an alarm ends it if `check` hangs. Only the
/// forking thread lives on in the child, so `check` may do only what needs no lock that another
/// thread could have held.
#[cfg(unix)]
pub fn in_a_fork(check: impl FnOnce() -> bool) -> Forked {
    // SAFETY: the child runs `check` on a copy of this thread and leaves through `_exit`; glibc
    // makes its allocator usable in the child of a fork.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: neither call takes a pointer; the default action of SIGALRM ends the process.
            unsafe {
                libc::signal(libc::SIGALRM, libc::SIG_DFL);
                libc::alarm(20 * crate::slowness());
            }
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            let code = if matches!(held, Ok(true)) { 0 } else { 1 };
            // SAFETY: `_exit` takes no pointer and does not come back.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is to a live integer; the process is our child.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            if libc::WIFEXITED(status) {
                if libc::WEXITSTATUS(status) == 0 { Forked::Held } else { Forked::Failed }
            } else if libc::WTERMSIG(status) == libc::SIGALRM {
                Forked::Hung
            } else {
                Forked::Died(libc::WTERMSIG(status))
            }
        }
    }
}

/// The children of this process with their states: `Z` is one that has ended and nobody has asked
/// for. The one with which a sanitizer gives stacks their names is not counted.
#[cfg(target_os = "linux")]
pub fn children() -> Vec<(u32, char)> {
    let own = std::process::id().to_string();
    let child = |pid: u32| {
        // "number (name) state parent ...", and the name may contain anything.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        if name.ends_with("(llvm-symbolizer") {
            return None;
        }
        let mut fields = fields.split_whitespace();
        let state = fields.next()?.chars().next()?;
        (fields.next()? == own).then_some((pid, state))
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(child)
        .collect()
}
