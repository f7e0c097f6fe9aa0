//! Dumps as they are when something is wrong, or is not.

use std::panic::Location;
use std::time::Duration;

use super::super::{TaskPlace, WaitInfo, WaitKind};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn id(number: u64) -> Id {
    Id::from_u64(number).unwrap()
}

fn wait(kind: WaitKind) -> WaitInfo {
    WaitInfo {
        kind,
        made_at: Some(Location::caller()),
        object: None,
        held_by: None,
        task: None,
        count: None,
        left: None,
        descriptor: None,
        number: None,
        is_old: false,
    }
}

fn for_lock(holder: u64) -> WaitInfo {
    WaitInfo { held_by: Some(id(holder)), ..wait(WaitKind::Mutex) }
}

fn for_end(task: u64) -> WaitInfo {
    WaitInfo { task: Some(id(task)), ..wait(WaitKind::Join) }
}

fn for_room(receiver: u64) -> WaitInfo {
    WaitInfo { held_by: Some(id(receiver)), ..wait(WaitKind::MpscSend) }
}

#[track_caller]
fn task(number: u64, waits: &[WaitInfo]) -> TaskInfo {
    TaskInfo {
        id: id(number),
        name: None,
        spawned_at: Location::caller(),
        scope: None,
        place: TaskPlace::Runtime,
        state: TaskState::Waiting { since: Some(2 * SECOND) },
        polls: 1,
        busy: Duration::ZERO,
        age: Some(2 * SECOND),
        woken: None,
        future_size: 8,
        waits: waits.to_vec(),
        more_waits: 0,
        stacks: None,
        is_lost: false,
        is_stuck: false,
    }
}

fn dump(mut tasks: Vec<TaskInfo>) -> TaskDump {
    super::super::stuck::mark(&mut tasks);
    TaskDump {
        runtime: None,
        is_insight_on: true,
        tasks,
        roots: Vec::new(),
        blocking: Vec::new(),
        took: Duration::ZERO,
    }
}

/// What two looks find, one like the other.
fn found(tasks: Vec<TaskInfo>) -> Vec<(FindingKind, Vec<u64>)> {
    let mut lints = Lints::default();
    let dump = dump(tasks);
    assert!(lints.look(&dump, 0, SECOND).is_empty(), "one look is not enough");
    let found = lints.look(&dump, 0, SECOND);
    assert!(lints.look(&dump, 0, SECOND).is_empty(), "each is told once");
    let ids =
        |finding: Finding| (finding.kind, finding.tasks.into_iter().map(Id::as_u64).collect());
    found.into_iter().map(ids).collect()
}

#[test]
fn circles_of_one_two_and_three_are_named_in_order() {
    let expected = |ids: &[u64]| vec![(FindingKind::Deadlock, ids.to_vec())];
    assert_eq!(found(vec![task(7, &[for_lock(7)])]), expected(&[7]));
    assert_eq!(found(vec![task(2, &[for_lock(1)]), task(1, &[for_lock(2)])]), expected(&[1, 2]));
    let three = vec![task(3, &[for_end(1)]), task(1, &[for_room(2)]), task(2, &[for_lock(3)])];
    assert_eq!(found(three), expected(&[1, 2, 3]));
}

#[test]
fn who_waits_behind_a_circle_is_not_in_it() {
    let tasks = vec![task(1, &[for_lock(2)]), task(2, &[for_lock(1)]), task(3, &[for_lock(1)])];
    assert_eq!(found(tasks), [(FindingKind::Deadlock, vec![1, 2])]);
}

#[test]
fn a_circle_that_something_else_can_break_is_none() {
    let timer = || wait(WaitKind::Timer);
    let old = WaitInfo { is_old: true, ..for_lock(1) };
    for second in
        [vec![for_lock(1), timer()], vec![timer()], vec![wait(WaitKind::Semaphore)], vec![old]]
    {
        let found = found(vec![task(1, &[for_lock(2)]), task(2, &second)]);
        assert!(found.iter().all(|(kind, _)| *kind != FindingKind::Deadlock), "{second:?}");
    }
    let runs = TaskInfo {
        state: TaskState::Running { worker: None, since: None },
        ..task(2, &[for_lock(1)])
    };
    assert_eq!(found(vec![task(1, &[for_lock(2)]), runs]), []);
    let more = TaskInfo { more_waits: 1, ..task(2, &[for_lock(1)]) };
    assert_eq!(found(vec![task(1, &[for_lock(2)]), more]), []);
}

#[test]
fn a_circle_that_moves_between_two_looks_is_none() {
    let mut lints = Lints::default();
    let at = |polls| {
        let second = TaskInfo { polls, ..task(2, &[for_lock(1)]) };
        dump(vec![task(1, &[for_lock(2)]), second])
    };
    assert!(lints.look(&at(1), 0, SECOND).is_empty());
    assert!(lints.look(&at(2), 0, SECOND).is_empty());
    assert_eq!(lints.look(&at(2), 0, SECOND).len(), 1);
    // Polled for a look at its stack, it is the same deadlock.
    assert!(lints.look(&at(3), 0, SECOND).is_empty());
    assert!(lints.look(&at(3), 0, SECOND).is_empty());
}

#[test]
fn lost_tasks_busy_loops_and_locks_in_a_sleep_are_named() {
    let lost = TaskInfo { is_lost: true, ..task(1, &[]) };
    assert_eq!(found(vec![lost]), [(FindingKind::LostTask, vec![1])]);

    let sleeper = task(2, &[wait(WaitKind::Timer)]);
    let tasks = vec![sleeper, task(3, &[for_lock(2)]), task(4, &[for_lock(2)])];
    assert_eq!(found(tasks), [(FindingKind::LockHeldInSleep, vec![2])]);

    let mut lints = Lints::default();
    let at = |polls| {
        let woken = Some((WokenBy::Task(id(5)), Duration::ZERO));
        dump(vec![TaskInfo { polls, woken, ..task(5, &[]) }])
    };
    assert!(lints.look(&at(0), 0, SECOND).is_empty());
    assert!(lints.look(&at(100_000), 0, SECOND).is_empty());
    assert_eq!(lints.look(&at(200_000), 0, SECOND)[0].kind, FindingKind::BusyLoop);
    assert!(lints.look(&at(300_000), 0, SECOND).is_empty());
}

#[test]
fn a_queue_that_only_grows_is_named() {
    let mut lints = Lints::default();
    let dump = dump(Vec::new());
    let mut look = |depth| lints.look(&dump, depth, SECOND).len();
    assert_eq!([1001, 1002, 1003, 1004].map(&mut look), [0; 4]);
    assert_eq!([1000, 1001, 1002, 1003, 1004, 1005].map(&mut look), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_large_future_is_told_once_for_each_place() {
    let mut lints = Lints::default();
    let large = |number| TaskInfo { future_size: LARGE + 1, ..task(number, &[]) };
    let mut kinds = |tasks| {
        let found = lints.look(&dump(tasks), 0, SECOND);
        found.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(vec![large(1), task(2, &[])]), [FindingKind::LargeFuture]);
    assert!(kinds(vec![large(3), large(4)]).is_empty());
    let there = large(5);
    let here = TaskInfo { spawned_at: Location::caller(), ..there };
    assert_eq!(kinds(vec![here]), [FindingKind::LargeFuture]);
    let just = TaskInfo { future_size: LARGE, spawned_at: Location::caller(), ..task(6, &[]) };
    assert!(kinds(vec![just]).is_empty());
}
