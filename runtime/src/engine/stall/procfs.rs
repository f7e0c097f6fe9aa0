//! Reads the kernel's files on a thread under `/proc/self/task`.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use super::{Registers, ThreadState, Tid, Why};

/// Whether the thread computes or sleeps in the kernel, at this moment.
pub(crate) fn thread_state(tid: Tid) -> Result<ThreadState, Why> {
    Ok(syscall(tid)?.state())
}

/// Whether the thread sleeps in the kernel, by itself. `None` if the system does not tell.
pub(crate) fn sleeps(os_id: u32) -> Option<bool> {
    let mut buffer = [0; 256];
    let text = read(tid_of(os_id)?, "syscall", &mut buffer).ok()?;
    Some(text.trim_end() != "running")
}

/// How long the thread has waited for a processor so far, without a wait that is not over. `None`
/// if the system does not tell.
pub(crate) fn queued(os_id: u32) -> Option<Duration> {
    let mut buffer = [0; 64];
    let text = read(tid_of(os_id)?, "schedstat", &mut buffer).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

fn tid_of(os_id: u32) -> Option<Tid> {
    i32::try_from(os_id).ok().filter(|&id| id != 0).map(Tid)
}

/// One reading of a thread's `syscall` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syscall {
    Running,
    Blocked { number: i64, sp: u64, pc: u64 },
}

impl Syscall {
    pub(super) fn state(self) -> ThreadState {
        match self {
            Syscall::Running => ThreadState::Running,
            Syscall::Blocked { number, .. } => {
                ThreadState::Blocked { syscall: (number >= 0).then_some(number) }
            }
        }
    }

    pub(super) fn registers(self) -> Option<Registers> {
        match self {
            Syscall::Running => None,
            Syscall::Blocked { number, sp, pc } => {
                Some(Registers { pc, sp, fp: None, lr: None, interrupted: number < 0 })
            }
        }
    }
}

/// Reads where the thread sleeps, if it sleeps.
pub(super) fn syscall(tid: Tid) -> Result<Syscall, Why> {
    let mut buffer = [0; 256];
    parse_syscall(read(tid, "syscall", &mut buffer)?)
}

/// Parses the file: `running`, or the system call's number (-1: none), six arguments if there is a
/// number, the stack pointer and the program counter.
fn parse_syscall(text: &str) -> Result<Syscall, Why> {
    if text.trim_end() == "running" {
        return Ok(Syscall::Running);
    }
    let hex = |word: Option<&str>| {
        let digits = word?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    };
    let mut words = text.split_ascii_whitespace();
    let number = words.next().and_then(|word| word.parse().ok()).ok_or_else(malformed)?;
    let pc = hex(words.next_back()).ok_or_else(malformed)?;
    let sp = hex(words.next_back()).ok_or_else(malformed)?;
    Ok(Syscall::Blocked { number, sp, pc })
}

fn read<'a>(tid: Tid, name: &str, buffer: &'a mut [u8]) -> Result<&'a str, Why> {
    let gone = |error: io::Error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => Why::Gone,
        _ => Why::Io(error),
    };
    let mut file = File::open(format!("/proc/self/task/{}/{name}", tid.0)).map_err(gone)?;
    let length = file.read(buffer).map_err(gone)?;
    if length == 0 {
        return Err(Why::Gone);
    }
    std::str::from_utf8(&buffer[..length]).map_err(|_| malformed())
}

fn malformed() -> Why {
    Why::Io(io::Error::new(io::ErrorKind::InvalidData, "/proc/self/task is not as expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_the_syscall_file_are_understood() {
        assert_eq!(parse_syscall("running\n").unwrap(), Syscall::Running);
        assert_eq!(
            parse_syscall("0 0x3 0x7f 0x1 0x0 0x0 0x0 0x7ffd10 0x7f20\n").unwrap(),
            Syscall::Blocked { number: 0, sp: 0x7ffd10, pc: 0x7f20 }
        );
        let fault = parse_syscall("-1 0x7ffd10 0x7f20\n").unwrap();
        assert_eq!(fault, Syscall::Blocked { number: -1, sp: 0x7ffd10, pc: 0x7f20 });
        assert_eq!(fault.state(), ThreadState::Blocked { syscall: None });
        assert!(parse_syscall("nonsense").is_err());
        assert!(parse_syscall("").is_err());
    }
}
