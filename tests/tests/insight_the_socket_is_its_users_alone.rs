//! Only the user of a program can look into it: the directory and the socket are closed to others,
//! a directory that others could have prepared is not used, and a peer is asked who he is.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use runtime::Builder;
use tests::insight::{Program, be_looked_into, private_directory};
use tests::scratch::Scratch;
use tests::{again, isolated, role};

fn program() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    be_looked_into();
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
}

/// The program runs, cannot be looked into, and says why.
#[track_caller]
fn refused(test: &str, place: Scratch, why: &str) {
    let running = Program::start_with(test, "program", place, &[]);
    let socket = running.socket();
    assert!(!socket.exists());
    let (status, errors) = running.end();
    assert!(status.success(), "{errors}");
    assert!(errors.contains("no program can look into this one"), "{errors}");
    assert!(errors.contains(why), "{errors}");
    let lines = errors.lines().filter(|line| line.contains("look into")).count();
    assert_eq!(lines, 1, "{errors}");
}

/// Whether this process may become another user.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn closed_to_others_whatever_the_umask() {
    if role().as_deref() == Some("program") {
        let mask = std::env::var("MASK").unwrap().parse().unwrap();
        // SAFETY: the call takes a number.
        unsafe { libc::umask(mask) };
        return program();
    }
    for mask in [0o000, 0o277] {
        let test = "closed_to_others_whatever_the_umask";
        let mask = [("MASK", &*mask.to_string())];
        let running = Program::start_with(test, "program", Scratch::new(), &mask);
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&running.socket()), 0o600);
        assert_eq!(mode(running.socket().parent().unwrap()), 0o700);
        assert!(running.ask("hello").contains("\"protocol\":1"));
    }
}

#[test]
fn not_in_a_directory_that_others_can_open() {
    if role().as_deref() == Some("program") {
        return program();
    }
    for mode in [0o777, 0o1777, 0o750, 0o701] {
        let place = Scratch::new();
        let directory = place.join("runtime-insight");
        private_directory(&directory);
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        let test = "not_in_a_directory_that_others_can_open";
        refused(test, place, "it is open to others: chmod 700");
    }
}

#[test]
fn not_through_a_link_and_not_over_a_file() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let test = "not_through_a_link_and_not_over_a_file";
    let (place, elsewhere) = (Scratch::new(), Scratch::new());
    let directory = elsewhere.join("own");
    private_directory(&directory);
    symlink(&directory, place.join("runtime-insight")).unwrap();
    refused(test, place, "it is no directory: remove it");
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    let place = Scratch::new();
    place.file("runtime-insight", "");
    refused(test, place, "it is no directory: remove it");
}

#[test]
fn not_where_others_can_put_another_directory_in_its_place() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let place = Scratch::new();
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let test = "not_where_others_can_put_another_directory_in_its_place";
    refused(test, place, "others can replace what is in it");
}

#[test]
fn not_in_another_users_directory() {
    if role().as_deref() == Some("program") {
        return program();
    }
    if !is_root() {
        // Only root can make one.
        return;
    }
    let place = Scratch::new();
    let directory = place.join("runtime-insight");
    private_directory(&directory);
    chown(&directory, Some(12345), None).unwrap();
    refused("not_in_another_users_directory", place, "it belongs to user 12345, not to 0");
}

/// A directory of the session that is somebody else's, as it is after `su`, is passed over.
#[test]
fn not_in_another_users_session() {
    let test = "not_in_another_users_session";
    if role().as_deref() == Some("program") {
        return program();
    }
    if !is_root() {
        return;
    }
    let place = Scratch::new();
    chown(place.path(), Some(12345), None).unwrap();
    let running = Program::start_with(test, "program", place, &[]);
    assert!(!running.socket().exists());
    let usual = format!("/tmp/runtime-insight-0/{}.sock", running.pid());
    assert!(fs::metadata(&usual).is_ok());
    running.end();
    assert!(fs::metadata(&usual).is_err());
}

/// The last wall: the modes were opened by somebody.
#[test]
fn a_peer_of_another_user_is_turned_away() {
    let test = "a_peer_of_another_user_is_turned_away";
    match role().as_deref() {
        Some("program") => return program(),
        Some("other user") => {
            let socket = std::env::var("SOCKET").unwrap();
            let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert_eq!(text, "error this is the program of another user\n");
            return;
        }
        _ => {}
    }
    if !is_root() {
        return;
    }
    let running = Program::start(test, "program");
    let socket = running.socket();
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    for directory in [socket.parent().unwrap(), running.place.path()] {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    }
    // A copy that the other user can run.
    let bin = Scratch::new();
    fs::set_permissions(bin.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = bin.join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new(&copy);
    for (key, value) in again(test, "other user").get_envs() {
        command.env(key, value.unwrap());
    }
    let output = command
        .args(["--exact", test, "--nocapture"])
        .env("SOCKET", &socket)
        .env("RUNTIME_INSIGHT", "0")
        .current_dir("/")
        .uid(12345)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert!(running.ask("hello").contains("\"protocol\":1"));
}

#[test]
fn without_a_descriptor_for_it_the_program_runs_all_the_same() {
    isolated("without_a_descriptor_for_it_the_program_runs_all_the_same", || {
        use tests::process::{leave_descriptors, limit};
        let build =
            |insight: bool| Builder::new_current_thread().enable_all().insight(insight).build();
        // As many as a runtime needs, found by trying.
        drop(build(false).unwrap());
        let before = limit(libc::RLIMIT_NOFILE, 20_000);
        let needs = (0..100).find(|&count| {
            leave_descriptors(count);
            let built = build(false).is_ok();
            limit(libc::RLIMIT_NOFILE, before);
            built
        });
        for more in 0..4 {
            leave_descriptors(needs.unwrap() + more);
            let runtime = build(true);
            limit(libc::RLIMIT_NOFILE, before);
            assert_eq!(runtime.unwrap().block_on(async { 1 }), 1);
        }
    });
}
