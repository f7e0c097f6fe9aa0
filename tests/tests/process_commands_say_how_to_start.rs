//! Each option of a command has its effect in the child.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::process::Command;
use tests::{current_thread, within};

/// What the shell prints that `prepare` has worked on.
fn says(
    script: &'static str,
    prepare: impl FnOnce(&mut Command) -> &mut Command + Send + 'static,
) -> String {
    within(move || {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        prepare(&mut shell);
        let output = current_thread().block_on(async move { shell.output().await.unwrap() });
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    })
}

#[test]
fn arguments_reach_the_program() {
    assert_eq!(says("echo $0 $1 $2", |c| c.arg("a b").args(["c", "d"])), "a b c d");
    assert_eq!(says("echo $0", |c| c.arg0("another")), "another");
}

#[test]
fn a_command_sets_the_environment() {
    assert_eq!(says("echo $A-$B", |c| c.env("A", "1").envs([("B", "2")])), "1-2");
    assert_eq!(says("echo $A-$B", |c| c.env("A", "1").env("B", "2").env_remove("A")), "-2");
    let path = std::env::var_os("PATH").unwrap();
    let cleared = says("echo ${A-none}", move |c| c.env("A", "1").env_clear().env("PATH", path));
    assert_eq!(cleared, "none");
}

#[test]
fn a_command_sets_the_directory() {
    assert_eq!(says("pwd", |c| c.current_dir("/")), "/");
}

#[test]
fn user_and_group() {
    // SAFETY: the calls take nothing and cannot fail.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    // One's own are always allowed.
    let own = says("id -u; id -g", move |c| c.uid(uid).gid(gid));
    assert_eq!(own, format!("{uid}\n{gid}"));
}

#[test]
fn the_process_group() {
    let own = says("ps -o pgid= -p $$; echo $$", |c| c.process_group(0));
    let numbers: Vec<_> = own.split_whitespace().collect();
    assert_eq!(numbers[0], numbers[1], "{own}");
}

#[test]
fn a_command_sets_the_streams() {
    within(|| {
        current_thread().block_on(async {
            let mut cat = Command::new("cat");
            let output = cat.stdin(Stdio::null()).output().await.unwrap();
            assert!(output.status.success() && output.stdout.is_empty());
            let mut silent = Command::new("echo");
            let mut child = silent.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn what_is_done_before_the_program_runs() {
    let called = Arc::new(AtomicUsize::new(0));
    let counts = called.clone();
    let mask = says("umask", move |c| {
        // SAFETY: the closure makes one system call and changes one atomic.
        unsafe {
            c.pre_exec(move || {
                counts.fetch_add(1, Ordering::Relaxed);
                libc::umask(0o027);
                Ok(())
            })
        }
    });
    assert_eq!(mask, "0027");
    assert_eq!(called.load(Ordering::Relaxed), 0, "it ran in the child");
}

#[test]
fn an_error_before_the_program_runs_is_the_spawns() {
    within(|| {
        current_thread().block_on(async {
            let mut command = Command::new("true");
            // SAFETY: the closure does nothing.
            unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(libc::EDOM))) };
            assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EDOM));
            let missing = Command::new("/there/is/no/such/program").spawn();
            assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
            let missing = Command::new("/there/is/no/such/program").output().await;
            assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
        });
    });
}

#[test]
fn the_command_of_std_is_within() {
    within(|| {
        current_thread().block_on(async {
            let mut std = std::process::Command::new("echo");
            std.arg("hello");
            let mut command = Command::from(std);
            command.as_std_mut().arg("there");
            assert_eq!(command.as_std().get_args().count(), 2);
            assert_eq!(command.output().await.unwrap().stdout, b"hello there\n");
            // One command starts any number of children.
            let mut child = command.stdout(Stdio::null()).spawn_with(|std| std.spawn()).unwrap();
            assert!(child.wait().await.unwrap().success());
            assert_eq!(command.into_std().get_program(), "echo");
        });
    });
}
