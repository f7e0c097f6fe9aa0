//! What the flight recorder has becomes a trace of Perfetto that says what has happened: each poll
//! once, under its task's name, with what has led to it. Read here by a decoder that shares nothing
//! with what writes it.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use runtime::insight::Insight;
use runtime::{Builder, Handle, Runtime};
use runtime_insight::perfetto::convert;

const EVER: Duration = Duration::from_secs(3600);
const LIMIT: Duration = Duration::from_secs(60);

/// A field of a message.
#[derive(Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return n;
            }
        }
        panic!("a number of more than ten bytes");
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_at(8);
                bytes = rest;
                Value::Number(u64::from_le_bytes(number.try_into().unwrap()))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(inner)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((tag >> 3, value));
    }
    fields
}

fn number(bytes: &[u8], field: u64) -> Option<u64> {
    fields(bytes).into_iter().find_map(|(number, value)| match value {
        Value::Number(n) if number == field => Some(n),
        _ => None,
    })
}

fn inner(bytes: &[u8], field: u64) -> Option<&[u8]> {
    fields(bytes).into_iter().find_map(|(number, value)| match value {
        Value::Bytes(inner) if number == field => Some(inner),
        _ => None,
    })
}

fn text(bytes: &[u8], field: u64) -> Option<String> {
    inner(bytes, field).map(|text| String::from_utf8(text.to_vec()).unwrap())
}

#[derive(Debug, Clone)]
struct Slice {
    track: String,
    name: String,
    begin: u64,
    end: Option<u64>,
    flow: Option<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    slices: Vec<Slice>,
    /// Track, name, time, flow.
    points: Vec<(String, String, u64, Option<u64>)>,
    /// Track, value.
    counters: Vec<(String, u64)>,
}

impl Seen {
    fn of(handle: &Handle) -> Seen {
        Seen::read(&convert(&handle.trace(EVER).to_bytes()).unwrap())
    }

    /// Checks on the way that everything refers to what is there.
    fn read(trace: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let (mut tracks, mut names) = (HashMap::new(), HashMap::new());
        let mut events = Vec::new();
        for (field, value) in fields(trace) {
            let Value::Bytes(packet) = value else { panic!("{value:?}") };
            assert_eq!((field, number(packet, 10)), (1, Some(1)));
            if let Some(track) = inner(packet, 60) {
                let name = text(track, 2).unwrap_or_default();
                assert!(tracks.insert(number(track, 1).unwrap(), name).is_none());
            }
            if let Some(interned) = inner(packet, 12) {
                let entry = inner(interned, 2).unwrap();
                let (id, name) = (number(entry, 1).unwrap(), text(entry, 2).unwrap());
                assert!(names.insert(id, name).is_none());
            }
            if let Some(event) = inner(packet, 11) {
                let track = tracks[&number(event, 11).unwrap()].clone();
                let name = number(event, 10).map(|name| names[&name].clone());
                events.push((number(packet, 8).unwrap(), event, track, name));
            }
        }
        // As Perfetto does: in order of time, and what has the same time as it was written.
        events.sort_by_key(|(time, ..)| *time);
        let mut open: HashMap<String, Vec<usize>> = HashMap::new();
        for (time, event, track, name) in events {
            match number(event, 9).unwrap() {
                1 => {
                    let open = open.entry(track.clone()).or_default();
                    open.push(seen.slices.len());
                    let flow = number(event, 48);
                    let name = name.unwrap();
                    seen.slices.push(Slice { track, name, begin: time, end: None, flow });
                }
                2 => {
                    let slice = open.get_mut(&track).and_then(Vec::pop).expect("it has begun");
                    seen.slices[slice].end = Some(time);
                }
                3 => seen.points.push((track, name.unwrap(), time, number(event, 47))),
                4 => seen.counters.push((track, number(event, 30).unwrap())),
                other => panic!("type {other}"),
            }
        }
        seen
    }

    fn polls(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|slice| !slice.track.starts_with("blocking"))
    }
}

fn polls(runtime: &Runtime) -> u64 {
    let metrics = runtime.handle().metrics();
    (0..metrics.num_workers()).map(|worker| metrics.worker_poll_count(worker)).sum()
}

/// Until it holds: a poll is counted a moment after the task has ended.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "{what} does not come about");
        std::thread::yield_now();
    }
}

fn multi_thread() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).spare_workers(0).insight(true).enable_all();
    builder
}

fn current_thread() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.insight(true).enable_all();
    builder
}

/// Tasks that yield, wake each other, sleep and end.
async fn work() {
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (sender, receiver) = runtime::sync::oneshot::channel();
            let waits = runtime::spawn(async move { receiver.await.unwrap() });
            runtime::spawn(async move {
                for _ in 0..n {
                    runtime::task::yield_now().await;
                }
                runtime::time::sleep(Duration::from_millis(1)).await;
                sender.send(n).unwrap();
                assert_eq!(waits.await.unwrap(), n);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn slices_are_the_difference_of_the_poll_counters() {
    for mut builder in [multi_thread(), current_thread()] {
        let runtime = builder.build().unwrap();
        let mut before = (0, 0);
        for _ in 0..3 {
            runtime.block_on(async { runtime::spawn(work()).await.unwrap() });
            let mut now = before;
            eventually("as many slices as polls", || {
                let counted = polls(&runtime);
                now = (counted, Seen::of(runtime.handle()).polls().count() as u64);
                counted == polls(&runtime) && now.0 - before.0 == now.1 - before.1
            });
            assert!(now.0 - before.0 > 80, "{now:?} {before:?}");
            before = now;
        }
    }
}

#[test]
fn each_poll_has_its_task_its_end_and_what_has_led_to_it() {
    let runtime = multi_thread().build().unwrap();
    let named = async {
        let task = runtime::task::Builder::new().name("named").spawn(work()).unwrap();
        task.await.unwrap();
    };
    runtime.block_on(named);
    eventually("the last event", || {
        let seen = Seen::of(runtime.handle());
        // The end of a task is recorded after others can see it.
        seen.polls().count() as u64 == polls(&runtime)
    });
    let seen = Seen::of(runtime.handle());
    assert!(seen.polls().any(|slice| slice.name == "named"), "its name outlives it");
    let this_file = |slice: &&Slice| slice.name.starts_with(&format!("{}:", file!()));
    assert!(seen.polls().filter(this_file).count() > 60, "{seen:?}");
    let mut begins: HashMap<u64, u64> = HashMap::new();
    for slice in seen.polls() {
        assert!(slice.name == "named" || this_file(&slice), "{slice:?}");
        assert!(slice.end.unwrap() >= slice.begin, "{slice:?}");
        if let Some(flow) = slice.flow {
            assert!(begins.insert(flow, slice.begin).is_none());
        }
    }
    let mut flows = 0;
    for (_, name, time, flow) in &seen.points {
        if name.starts_with("wake ") || name.starts_with("spawn ") {
            let begins = begins[&flow.expect("it has come to a poll")];
            assert!(*time <= begins);
            flows += 1;
        }
    }
    assert_eq!(flows, begins.len());
    // All but those of tasks that have woken themselves: 190 yields, and their budget's.
    assert!(flows > 60, "{flows} of {}", seen.polls().count());
    let alive = seen.counters.iter().filter(|(track, _)| track == "tasks alive");
    assert_eq!(alive.clone().next_back().unwrap().1, 0);
    assert!(alive.map(|(_, value)| *value).max().unwrap() > 1);
}

#[test]
fn a_poll_that_goes_on_is_a_slice_without_an_end() {
    let runtime = multi_thread().build().unwrap();
    let (began, has_begun) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        began.send(()).unwrap();
        waits.recv().unwrap();
    });
    has_begun.recv().unwrap();
    let seen = Seen::of(runtime.handle());
    let open: Vec<_> = seen.slices.iter().filter(|slice| slice.end.is_none()).collect();
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].track.starts_with("worker "), "{open:?}");
    go_on.send(()).unwrap();
    runtime.block_on(task).unwrap();
    eventually("its end", || {
        Seen::of(runtime.handle()).slices.iter().all(|slice| slice.end.is_some())
    });
}

#[test]
fn jobs_and_pinned_threads_have_tracks_of_their_own() {
    let runtime = multi_thread().build().unwrap();
    let (began, has_begun) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let runs = runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        waits.recv().unwrap();
    });
    has_begun.recv().unwrap();
    // At the same time as the other one.
    runtime
        .block_on(runtime.spawn_blocking(|| std::thread::sleep(Duration::from_millis(8))))
        .unwrap();
    runtime.block_on(async {
        runtime::task::spawn_pinned(|| async { runtime::task::yield_now().await }).await.unwrap();
    });
    let both = |seen: &Seen| {
        let jobs = seen.slices.iter().filter(|slice| slice.track.starts_with("blocking "));
        let jobs: Vec<_> = jobs.cloned().collect();
        let pinned = seen.slices.iter().filter(|slice| slice.track.starts_with("pinned "));
        (jobs, pinned.count())
    };
    eventually("the end of the second job", || {
        let (jobs, pinned) = both(&Seen::of(runtime.handle()));
        let ended: Vec<_> = jobs.iter().filter_map(|job| Some(job.end? - job.begin)).collect();
        // 24 bits of ticks are less than that: the time has an event of its own.
        let is_there = ended.len() == 1 && ended[0] >= 8_000_000 && pinned == 2;
        is_there && jobs.len() == 2 && jobs[0].track != jobs[1].track
    });
    go_on.send(()).unwrap();
    runtime.block_on(runs).unwrap();
}

#[test]
fn polls_of_local_sets_are_on_the_track_of_who_polls_them() {
    let local = || async {
        let set = runtime::task::LocalSet::new();
        let tasks = (0..3).map(|_| {
            set.spawn_local(async {
                for _ in 0..10 {
                    runtime::task::yield_now().await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        set.await;
        drop(tasks);
    };
    let runtime = current_thread().build().unwrap();
    runtime.block_on(local());
    let seen = Seen::of(runtime.handle());
    let polls: Vec<_> = seen.polls().filter(|slice| slice.name.starts_with(file!())).collect();
    assert_eq!(polls.len(), 33, "{seen:?}");
    assert!(polls.iter().all(|slice| slice.track == "current thread"), "{polls:?}");
}

#[test]
fn stalls_and_panics_are_marked() {
    let mut builder = multi_thread();
    let runtime = builder.stall_report(Duration::from_millis(5)).on_stall(|_| ()).build().unwrap();
    let (go_on, waits) = mpsc::channel::<()>();
    let stalls = runtime.spawn(async move {
        let _ = waits.recv();
    });
    let points = |what: &str| {
        let seen = Seen::of(runtime.handle());
        let found = seen.points.iter().find(|(_, name, ..)| name.starts_with(what));
        found.map(|(track, ..)| track.clone())
    };
    eventually("the stall", || points("stall ").is_some_and(|on| on.starts_with("worker ")));
    go_on.send(()).unwrap();
    runtime.block_on(stalls).unwrap();
    eventually("its end", || points("goes on after a stall").is_some());
    let panics = runtime.spawn(async { std::panic::resume_unwind(Box::new("on purpose")) });
    assert!(runtime.block_on(panics).is_err());
    assert!(points("panic ").is_some_and(|on| on.starts_with("worker ")));
}

#[test]
fn what_is_overwritten_while_it_is_read_is_left_out() {
    let mut builder = multi_thread();
    // The least that there is: 1,024 events, which are overwritten all the time.
    let runtime = builder.insight(Insight::on().recorder_bytes(1)).build().unwrap();
    let work: Vec<_> = (0..4)
        .map(|_| {
            runtime.spawn(async {
                loop {
                    runtime::task::yield_now().await;
                }
            })
        })
        .collect();
    eventually("a full ring", || runtime.handle().trace(EVER).event_count() >= 1000);
    for _ in 0..50 {
        let seen = Seen::of(runtime.handle());
        let mut last: HashMap<&str, u64> = HashMap::new();
        for slice in seen.polls() {
            assert!(slice.name.starts_with(file!()), "{slice:?}");
            let end = last.entry(&slice.track).or_default();
            assert!(slice.begin >= *end, "they overlap: {slice:?}");
            *end = slice.end.unwrap_or(slice.begin);
            // From one poll to the next, and by that much shorter than the whole run.
            assert!(*end - slice.begin < LIMIT.as_nanos() as u64);
        }
    }
    work.iter().for_each(|task| task.abort());
}

#[test]
fn bytes_that_are_no_trace_are_refused() {
    let runtime = multi_thread().build().unwrap();
    runtime.block_on(work());
    let bytes = runtime.handle().trace(EVER).to_bytes();
    assert!(convert(&bytes).is_ok());
    let said = |bytes: &[u8]| convert(bytes).unwrap_err().to_string();
    assert_eq!(said(b"something else"), "this is no trace of a flight recorder");
    assert_eq!(said(b""), "the trace ends in the middle: it was cut off");
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert!(said(&newer).contains("version 2"), "{}", said(&newer));
    // Between two sections it is a shorter trace, and everywhere else cut off.
    let lengths = (0..bytes.len()).step_by(bytes.len() / 500);
    let whole = lengths.filter(|&length| convert(&bytes[..length]).is_ok()).count();
    assert!(whole < 32, "{whole}");
    // Whatever stands there, it is refused or shown, and nothing else happens.
    let mut random = 1_u64;
    for _ in 0..500 {
        let mut broken = bytes.clone();
        for _ in 0..4 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % broken.len().min(1500);
            broken[at] = (random >> 20) as u8;
        }
        let _ = convert(&broken);
    }
}

#[test]
fn a_section_that_is_not_known_is_skipped() {
    let runtime = current_thread().build().unwrap();
    runtime.block_on(work());
    let mut bytes = runtime.handle().trace(EVER).to_bytes();
    let slices = Seen::read(&convert(&bytes).unwrap()).slices.len();
    bytes.extend_from_slice(&77_u32.to_le_bytes());
    bytes.extend_from_slice(&3_u64.to_le_bytes());
    bytes.extend_from_slice(b"new");
    assert_eq!(Seen::read(&convert(&bytes).unwrap()).slices.len(), slices);
}
