//! A forked child has nothing of its parent's socket: it neither answers there nor takes it away,
//! and a runtime of its own has its own.
#![cfg(target_os = "linux")]

use std::io::Read;

use runtime::Builder;
use tests::insight::{Program, ask, be_looked_into};
use tests::process::{Forked, in_a_fork};
use tests::{eventually, role};

fn runtime(name: &str) -> runtime::Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().name(name).build().unwrap()
}

fn own_socket() -> std::path::PathBuf {
    let place = std::env::var("XDG_RUNTIME_DIR").unwrap();
    let name = format!("{}.sock", std::process::id());
    std::path::Path::new(&place).join("runtime-insight").join(name)
}

#[test]
fn the_parent_answers_and_the_child_takes_nothing_away() {
    if role().as_deref() == Some("program") {
        let mut parent = Some(runtime("parent"));
        let child = in_a_fork(|| {
            drop(parent.take());
            true
        });
        assert_eq!(child, Forked::Held);
        let child = in_a_fork(|| {
            // The child's process has a socket only with a runtime of its own.
            let before = own_socket().exists();
            let own = runtime("child");
            let mut stream = std::os::unix::net::UnixStream::connect(own_socket()).unwrap();
            let hello = ask(&mut stream, "hello").unwrap();
            drop(own);
            !before
                && hello.contains("\"child\"")
                && !hello.contains("\"parent\"")
                && !own_socket().exists()
        });
        assert_eq!(child, Forked::Held);
        be_looked_into();
        return;
    }
    let test = "the_parent_answers_and_the_child_takes_nothing_away";
    let program = Program::start(test, "program");
    let hello = program.ask("hello");
    assert!(hello.contains("\"parent\"") && !hello.contains("\"child\""), "{hello}");
}

/// A child that lives on keeps the descriptors of the parent's connections: hanging up must be more
/// than closing them.
#[test]
fn a_child_that_lives_on_holds_up_no_client() {
    if role().as_deref() == Some("program") {
        let parent = runtime("parent");
        be_looked_into();
        // SAFETY: the child only sleeps, and ends with the process that reads its end of the pipe.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: neither call takes a pointer.
            unsafe {
                libc::alarm(600);
                libc::pause();
                libc::_exit(0);
            }
        }
        drop(parent);
        be_looked_into();
        // SAFETY: the child is this process's own.
        unsafe { libc::kill(child, libc::SIGKILL) };
        return;
    }
    let mut program = Program::start("a_child_that_lives_on_holds_up_no_client", "program");
    let mut stream = program.connect();
    assert!(ask(&mut stream, "hello").is_ok());
    program.go_on();
    // The runtime has ended: so does the connection, though the child has it, too.
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    eventually("the path is free", || !program.socket().exists());
    let (status, errors) = program.end();
    assert!(status.success(), "{errors}");
}
