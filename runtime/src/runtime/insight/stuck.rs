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

use std::collections::HashMap;

use super::dump::{TaskInfo, TaskState, WaitInfo};
use crate::task::Id;

/// Marks the tasks that nothing can free but one of themselves: those that are left when the others
/// have been taken off, each with the task that it leads to.
pub(super) fn mark(tasks: &mut [TaskInfo]) {
    let may_be = |task: &TaskInfo| {
        let is_waiting = matches!(task.state, TaskState::Waiting { .. });
        let leads = || task.waits.iter().all(|wait| wait.leads_to().is_some());
        is_waiting && !task.waits.is_empty() && task.more_waits == 0 && leads()
    };
    let mut stuck: HashMap<Id, usize> = HashMap::new();
    for (at, task) in tasks.iter().enumerate().filter(|(_, task)| may_be(task)) {
        stuck.insert(task.id, at);
    }
    let mut behind: HashMap<Id, Vec<Id>> = HashMap::new();
    let mut free = Vec::new();
    for &at in stuck.values() {
        let task = &tasks[at];
        for id in task.waits.iter().filter_map(WaitInfo::leads_to) {
            if stuck.contains_key(&id) {
                behind.entry(id).or_default().push(task.id);
            } else {
                free.push(task.id);
            }
        }
    }
    while let Some(id) = free.pop() {
        if stuck.remove(&id).is_some() {
            free.extend(behind.remove(&id).into_iter().flatten());
        }
    }
    stuck.into_values().for_each(|at| tasks[at].is_stuck = true);
}
