//! Which task must act before another one can go on, and which tasks can never go on.
//!
//! # Who waits for whom
//!
//! A wait for a lock or a once cell leads to its holder, one for the end of a task to that task,
//! one for room in a channel to the task that received last. All others lead nowhere: anybody may
//! end them. A task is stuck if each of its waits leads to a task that is stuck: of all sets of
//! tasks for which that holds, the largest is the one. So a task that has a timer beside its lock
//! is not stuck, nor who waits for it; nor is one whose last poll has left a wait that may be over.
//!
//! The holder of a lock is the task that has locked it. If a program passes the guard on to another
//! task, tasks may be taken to be stuck that the other task will free.

use super::dump::{TaskInfo, TaskState, WaitInfo};
use crate::engine::insight::Numbers;

/// Marks the tasks that nothing can free but one of themselves: those that are left when the others
/// have been taken off, each with the task that it leads to.
pub(super) fn mark(tasks: &mut [TaskInfo]) {
    let may_be = |task: &TaskInfo| {
        let is_waiting = matches!(task.state, TaskState::Waiting { .. });
        let leads = || task.waits.iter().all(|wait| wait.leads_to().is_some());
        is_waiting && !task.waits.is_empty() && task.more_waits == 0 && leads()
    };
    let mut places = Numbers::new();
    for (at, task) in tasks.iter_mut().enumerate() {
        task.is_stuck = may_be(task);
        if task.is_stuck {
            places.insert(task.id.as_u64(), at as u64);
        }
    }
    if places.is_empty() {
        return;
    }
    // By the place of a task: the places of those that wait for it.
    let mut behind: Vec<Vec<usize>> = tasks.iter().map(|_| Vec::new()).collect();
    let mut free = Vec::new();
    for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.is_stuck) {
        for id in task.waits.iter().filter_map(WaitInfo::leads_to) {
            match places.get(&id.as_u64()) {
                Some(&holder) => behind[holder as usize].push(at),
                None => free.push(at),
            }
        }
    }
    while let Some(at) = free.pop() {
        if std::mem::replace(&mut tasks[at].is_stuck, false) {
            free.append(&mut behind[at]);
        }
    }
}
