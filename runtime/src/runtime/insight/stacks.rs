//! Where tasks wait: [`Handle::task_dump_with_stacks`].

#[cfg(feature = "taskdump")]
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Stacks, TaskDump, TaskInfo, TaskState};
use crate::engine::insight::Numbers;
#[cfg(feature = "taskdump")]
use crate::engine::stall::Trace;
use crate::engine::stall::{Capture, How, Tid, Unwinder, capture, prepare};
use crate::runtime::handle::Handle;
use crate::task::Id;

/// Tasks whose stacks are copied before they are unwound: some 3 KiB each.
const BATCH: usize = 1024;

impl Handle {
    /// As [`task_dump`](Handle::task_dump), with the stacks of the tasks for which `which` returns
    /// true. A stack has the async functions from the leaf that the task waits at to the future
    /// that was spawned.
    ///
    /// A task that waits is woken and polled once, as by any other wake; futures must allow for
    /// that. So it needs a worker. If it is not polled within the time `within`, the dump says so.
    /// For a running task the stack of its thread is taken, as in a stall report. Names and lines
    /// need symbols and debug information. Futures that poll others with wakers of their own, such
    /// as `FuturesUnordered`, hide those others.
    ///
    /// Each task costs one poll with a copy of its stack on a worker, and some 0.1 ms of this
    /// thread (100,000 tasks took 9.8 s). Call it outside of tasks: it blocks its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::insight::Stacks;
    ///
    /// async fn outer(notify: &runtime::sync::Notify) {
    ///     notify.notified().await;
    /// }
    ///
    /// let runtime = runtime::Builder::new_multi_thread().insight(true).build()?;
    /// let task = runtime.spawn(async {
    ///     outer(&runtime::sync::Notify::new()).await;
    /// });
    /// let dump = runtime.handle().task_dump_with_stacks(Duration::from_secs(10), |_| true);
    /// let info = dump.tasks.iter().find(|info| info.id == task.id()).unwrap();
    /// match info.stacks.as_ref().unwrap() {
    ///     Stacks::Taken(stacks) => println!("{}", stacks[0]),
    ///     Stacks::NotInTime => println!("all workers are busy"),
    ///     Stacks::Failed(why) => println!("{why}"),
    ///     _ => {}
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn task_dump_with_stacks(
        &self,
        within: Duration,
        which: impl Fn(&TaskInfo) -> bool,
    ) -> TaskDump {
        let mut dump = self.task_dump();
        let began = Instant::now();
        let far = Duration::from_secs(3600);
        let deadline = began + within.min(far);
        if let Err(why) = prepare() {
            fail(&mut dump, &which, &why.to_string());
            return dump;
        }
        if !self.is_insight_on() {
            fail(&mut dump, &which, "insight is off");
            return dump;
        }
        let chosen: Vec<usize> = (0..dump.tasks.len()).filter(|&i| which(&dump.tasks[i])).collect();
        self.reporter().unwind(|unwinder| {
            self.observe().stacks.alone(|| {
                for batch in chosen.chunks(BATCH) {
                    self.batch(&mut dump.tasks, batch, deadline, unwinder);
                }
            });
        });
        dump.took += began.elapsed();
        dump
    }

    fn batch(
        &self,
        tasks: &mut [TaskInfo],
        batch: &[usize],
        deadline: Instant,
        unwinder: &mut Unwinder,
    ) {
        let mut places = Numbers::new();
        for &place in batch {
            match tasks[place].state {
                TaskState::Running { worker, .. } => {
                    tasks[place].stacks = Some(self.of_running(worker, unwinder));
                }
                _ => drop(places.insert(tasks[place].id.as_u64(), place as u64)),
            }
        }
        let mut count = 0;
        self.each_place(|list, _| {
            count += list.look_at(|task| places.contains_key(&task.id().as_u64()))
        });
        let left = || deadline.saturating_duration_since(Instant::now());
        let is_wanted = |id: Id| places.contains_key(&id.as_u64());
        let all = self.observe().stacks.wait(count, is_wanted, left);
        for taken in all {
            if let Some(place) = places.remove(&taken.task.as_u64()) {
                let texts = taken.stacks.iter().map(|stack| text(stack, unwinder)).collect();
                tasks[place as usize].stacks = Some(Stacks::Taken(texts));
            }
        }
        for place in places.into_values() {
            tasks[place as usize].stacks = Some(Stacks::NotInTime);
        }
    }

    /// The stacks of all tasks that are polled within the time: each is polled once, and one that
    /// runs is polled after that.
    #[cfg(feature = "taskdump")]
    pub(in crate::runtime) fn stacks_of_all(&self, within: Duration) -> Vec<(Id, Vec<Trace>)> {
        let mut all = Vec::new();
        if prepare().is_err() {
            return all;
        }
        let began = Instant::now();
        let left = || within.saturating_sub(began.elapsed());
        let tasks: Vec<Id> = self.task_dump().tasks.iter().map(|task| task.id).collect();
        self.reporter().unwind(|unwinder| {
            self.observe().stacks.alone(|| {
                for batch in tasks.chunks(BATCH) {
                    let batch: HashSet<&Id> = batch.iter().collect();
                    let mut count = 0;
                    self.each_place(|list, _| {
                        count += list.look_at(|task| batch.contains(&task.id()));
                    });
                    let is_wanted = |id| batch.contains(&id);
                    for taken in self.observe().stacks.wait(count, is_wanted, left) {
                        let stacks = taken.stacks.iter();
                        let stacks = stacks.map(|stack| stack.trace(unwinder).without_wakers());
                        all.push((taken.task, stacks.collect()));
                    }
                }
            });
        });
        all
    }

    /// The stack of a thread that polls.
    fn of_running(&self, worker: Option<usize>, unwinder: &mut Unwinder) -> Stacks {
        let Some(tid) = worker.and_then(|worker| self.scheduler().os_thread_of(worker)) else {
            return Stacks::Failed("it runs on a thread that is no worker".to_owned());
        };
        match capture(Tid(tid as i32), How::ANY) {
            Ok(stack) => Stacks::Taken(vec![text(&stack, unwinder)]),
            Err(why) => Stacks::Failed(why.to_string()),
        }
    }
}

fn text(stack: &Capture, unwinder: &mut Unwinder) -> String {
    stack.trace(unwinder).without_wakers().to_string()
}

fn fail(dump: &mut TaskDump, which: &impl Fn(&TaskInfo) -> bool, why: &str) {
    for task in &mut dump.tasks {
        if which(task) {
            task.stacks = Some(Stacks::Failed(why.to_owned()));
        }
    }
}
