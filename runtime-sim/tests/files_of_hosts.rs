//! Each host has files of its own, on a disk that keeps what was synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use runtime_sim::{Fault, FaultKind, Faults, Sim, Test, world};

fn passes(name: &str, world: fn(&mut Sim), seeds: u64) {
    let report = Test::new(name, world).seeds(seeds).search();
    if let Some(found) = report.failure {
        panic!("{}", found.text);
    }
}

/// `File::lock` and its kin, which are newer than the oldest compiler that this must build with.
fn lock(file: &File, how: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the call takes numbers.
    if unsafe { libc::flock(file.as_raw_fd(), how) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

// ---- std::fs ----

fn uses_std(sim: &mut Sim) {
    sim.client("user", || -> io::Result<()> {
        assert_eq!(std::env::current_dir()?, Path::new("/data"));
        fs::create_dir_all("a/b/c")?;
        fs::write("a/one", "first\n")?;
        let mut file = OpenOptions::new().append(true).read(true).open("/data/a/one")?;
        file.write_all(b"second\n")?;
        file.seek(SeekFrom::Start(6))?;
        let mut rest = String::new();
        file.read_to_string(&mut rest)?;
        assert_eq!(rest, "second\n");
        let mut place = [0; 5];
        file.read_exact_at(&mut place, 0)?;
        assert_eq!(&place, b"first");
        assert_eq!(file.metadata()?.len(), 13);

        assert_eq!(fs::copy("a/one", "a/two")?, 13);
        assert_eq!(fs::read_to_string("a/two")?, "first\nsecond\n");
        fs::hard_link("a/two", "a/b/three")?;
        assert_eq!(fs::metadata("a/two")?.nlink(), 2);
        symlink("../two", "a/b/four")?;
        assert_eq!(fs::read("a/b/four")?.len(), 13);
        assert_eq!(fs::read_link("a/b/four")?, Path::new("../two"));
        assert_eq!(fs::canonicalize("a/b/../b/four")?, Path::new("/data/a/two"));
        fs::rename("a/two", "a/five")?;
        assert_eq!(fs::read("a/b/four").unwrap_err().kind(), ErrorKind::NotFound);

        let mut names: Vec<_> = fs::read_dir("a/b")?
            .map(|entry| {
                entry.map(|entry| (entry.file_name(), entry.file_type().unwrap().is_dir()))
            })
            .collect::<io::Result<_>>()?;
        names.sort();
        assert_eq!(names, [("c".into(), true), ("four".into(), false), ("three".into(), false)]);
        assert_eq!(fs::remove_dir("a").unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir_all("a")?;
        assert!(!fs::exists("a")?);

        // Times are those of the host.
        let file = File::create("/tmp/now")?;
        let age = SystemTime::now().duration_since(file.metadata()?.modified()?).unwrap();
        assert!(age < Duration::from_secs(1), "{age:?}");
        file.set_len(100)?;
        file.set_modified(SystemTime::UNIX_EPOCH)?;
        assert_eq!(fs::metadata("/tmp/now")?.modified()?, SystemTime::UNIX_EPOCH);
        assert_eq!(fs::read("/tmp/now")?, [0; 100]);

        // One holds a lock, and another waits for it.
        let (mine, other) = (File::create("lock")?, File::open("lock")?);
        lock(&mine, libc::LOCK_EX)?;
        assert!(lock(&other, libc::LOCK_SH | libc::LOCK_NB).is_err());
        let waiter = std::thread::spawn(move || lock(&other, libc::LOCK_EX));
        std::thread::sleep(Duration::from_millis(10));
        assert!(!waiter.is_finished());
        drop(mine);
        waiter.join().unwrap()
    });
}

#[test]
fn files_are_what_std_expects() {
    passes("files_are_what_std_expects", uses_std, 8);
}

#[test]
fn runs_with_files_are_the_same_in_each_process() {
    let test = Test::new("runs_with_files_are_the_same_in_each_process", uses_std);
    for seed in 0..5 {
        let runs = test.replay(seed, 3);
        assert!(runs.iter().all(|run| run.failure.is_none() && run.hash == runs[0].hash));
    }
    assert!(test.replay(0, 1)[0].hash != test.replay(1, 1)[0].hash);
}

// ---- whose files they are ----

fn separate(sim: &mut Sim) {
    sim.host("one", || fs::write("/tmp/name", "one"));
    sim.host("two", || fs::write("/tmp/name", "two"));
    sim.client("user", || {
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(world().file("one", "/tmp/name").unwrap(), b"one");
        assert_eq!(world().file("two", "/tmp/name").unwrap(), b"two");
        assert_eq!(fs::read("/tmp/name").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(world().file("one", "/tmp/no").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(world().file("one", "/etc/no").unwrap_err().kind(), ErrorKind::InvalidInput);
        // What is outside can be read, and not changed.
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(fs::read_to_string(manifest).unwrap().contains("runtime-sim"));
        assert!(fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().count() > 2);
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/must-not-be-there");
        for error in [
            fs::write(beside, "x").unwrap_err(),
            fs::create_dir(beside).unwrap_err(),
            fs::rename(manifest, beside).unwrap_err(),
            fs::remove_file(manifest).unwrap_err(),
            OpenOptions::new().append(true).open(manifest).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem, "{error}");
        }
        fs::write("/dev/null", "x").unwrap();
        fs::create_dir_all("/opt/app/cache").unwrap();
        fs::write("/opt/app/cache/x", "x").unwrap();
    });
    sim.own_directory("/opt/app");
}

#[test]
fn each_host_has_its_own_files_and_cannot_change_others() {
    passes("each_host_has_its_own_files_and_cannot_change_others", separate, 4);
    let left = concat!(env!("CARGO_MANIFEST_DIR"), "/must-not-be-there");
    assert!(!Path::new(left).exists() && !Path::new("/opt/app/cache/x").exists());
}

// ---- what a crash leaves ----

fn crash(sim: &mut Sim) {
    sim.host("db", || -> io::Result<()> {
        if world().starts("db") == 1 {
            fs::write("/data/unsynced", "x")?;
            let file = File::create("/data/synced")?;
            (&file).write_all(b"y")?;
            file.sync_all()?;
            File::open("/data")?.sync_all()?;
            fs::write("/data/late", "z")?;
        }
        Ok(())
    });
    sim.client("user", || -> () {
        let world = world();
        std::thread::sleep(Duration::from_millis(10));
        world.crash("db");
        let read = |name: &str| world.file("db", format!("/data/{name}"));
        // The kernel has lived on.
        assert_eq!(read("late").unwrap(), b"z");
        assert_eq!(read("unsynced").unwrap(), b"x");
        world.restart("db");
        std::thread::sleep(Duration::from_millis(10));
        world.cut_power("db");
        assert_eq!(read("synced").unwrap(), b"y");
        // Its name was synced with the directory, its byte was not.
        let unsynced = read("unsynced").unwrap();
        // Nothing of this one was.
        let late = read("late");
        let (kept, lost) = (late.is_ok(), late.is_err());
        panic!("{} {}", unsynced.len(), if kept && !lost { "kept" } else { "lost" });
    });
}

#[test]
fn a_crash_keeps_all_and_a_loss_of_power_keeps_what_was_synced() {
    let mut seen = std::collections::BTreeSet::new();
    let test = Test::new("a_crash_keeps_all_and_a_loss_of_power_keeps_what_was_synced", crash);
    for seed in 0..40 {
        let text = test.replay(seed, 1)[0].failure.as_ref().expect("it panics").text.clone();
        let what = ["0 lost", "0 kept", "1 lost", "1 kept"].into_iter();
        let found = what.filter(|what| text.contains(what)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{text}");
        seen.insert(found[0]);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

// ---- disks that are full or fail ----

fn at_once(kind: FaultKind) -> Faults {
    let (at, lasts) = (Duration::from_secs(1), Duration::from_secs(1));
    Faults::none().and(Fault { at, lasts, kind })
}

fn full(sim: &mut Sim) {
    sim.disk_size(64 << 10);
    sim.faults(at_once(FaultKind::DiskFull { host: "db".into() }));
    sim.host("db", || -> io::Result<()> {
        let mut file = File::create("small")?;
        assert_eq!(file.write(&[1; 100 << 10])?, 60 << 10);
        assert_eq!(file.write(b"x").unwrap_err().kind(), ErrorKind::StorageFull);
        fs::remove_file("small")?;
        assert_eq!(fs::write("other", "x").unwrap_err().kind(), ErrorKind::StorageFull);
        drop(file);
        fs::write("other", "x")?;
        std::thread::sleep(Duration::from_millis(1500));
        // There is room in its block, but not for another one.
        fs::OpenOptions::new().append(true).open("other")?.write_all(b"y")?;
        assert_eq!(fs::write("third", "x").unwrap_err().kind(), ErrorKind::StorageFull);
        std::thread::sleep(Duration::from_secs(1));
        fs::write("third", "x")
    });
    sim.client("clock", || std::thread::sleep(Duration::from_secs(4)));
}

#[test]
fn a_full_disk_says_so() {
    passes("a_full_disk_says_so", full, 4);
}

fn failing(sim: &mut Sim) {
    sim.faults(at_once(FaultKind::DiskErrors { host: "db".into() }));
    sim.host("db", || {
        let write = || -> io::Result<()> {
            let mut file = File::create("file")?;
            file.write_all(b"x")?;
            file.sync_all()
        };
        write().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let failed = (0..100).filter_map(|_| write().err()).collect::<Vec<_>>();
        assert!((20..80).contains(&failed.len()), "{}", failed.len());
        assert!(failed.iter().all(|error| error.raw_os_error() == Some(5)), "{failed:?}");
        std::thread::sleep(Duration::from_secs(1));
        write().unwrap();
    });
    sim.client("clock", || std::thread::sleep(Duration::from_secs(4)));
}

#[test]
fn a_disk_that_fails_says_so() {
    passes("a_disk_that_fails_says_so", failing, 4);
}

fn short(sim: &mut Sim) {
    sim.faults(at_once(FaultKind::ShortTransfers { host: "db".into() }));
    sim.host("db", || -> io::Result<()> {
        let mut file =
            File::options().create(true).truncate(true).write(true).read(true).open("f")?;
        std::thread::sleep(Duration::from_millis(1500));
        let counts: Vec<usize> =
            (0..50).map(|_| file.write(&[7; 1000])).collect::<Result<_, _>>()?;
        assert!(counts.iter().any(|&count| count < 1000) && counts.contains(&1000), "{counts:?}");
        file.seek(SeekFrom::Start(0))?;
        let mut all = Vec::new();
        file.read_to_end(&mut all)?;
        assert_eq!(all.len(), counts.iter().sum::<usize>());
        Ok(())
    });
    sim.client("clock", || std::thread::sleep(Duration::from_secs(4)));
}

#[test]
fn a_transfer_may_be_short() {
    passes("a_transfer_may_be_short", short, 4);
}

// ---- an async runtime on it ----

fn with_a_runtime(sim: &mut Sim) {
    sim.client("user", || {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            runtime::fs::create_dir("logs").await.unwrap();
            runtime::fs::write("logs/one", vec![1; 10_000]).await.unwrap();
            assert_eq!(runtime::fs::read("logs/one").await.unwrap(), [1; 10_000]);
            let mut entries = runtime::fs::read_dir("logs").await.unwrap();
            assert_eq!(entries.next_entry().await.unwrap().unwrap().file_name(), "one");
            assert!(entries.next_entry().await.unwrap().is_none());
        });
    });
}

#[test]
fn a_runtime_uses_them() {
    passes("a_runtime_uses_them", with_a_runtime, 8);
}
