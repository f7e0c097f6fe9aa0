//! One dump, as the table of tasks needs it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::knots::Knots;
use super::query::Query;
use super::source::lock;
use super::task::{Dump, Root, Task};
use crate::answers::Job;

/// How many selections are kept: those of a few windows.
const KEPT: usize = 8;

/// All tasks at about one moment.
pub(super) struct Snapshot {
    /// The number of the snapshot.
    pub(super) number: u64,
    pub(super) taken: Instant,
    /// How long it took until the dump was here.
    pub(super) cost: Duration,
    /// How long the program took for it, in microseconds.
    pub(super) took_us: f64,
    pub(super) rows: Vec<Row>,
    pub(super) roots: Vec<Root>,
    pub(super) jobs: Vec<Job>,
    by_id: HashMap<u64, u32>,
    /// The texts that the search looks at.
    texts: OnceLock<Texts>,
    selections: Mutex<Vec<(Selection, Arc<Vec<u32>>)>>,
    knots: OnceLock<Knots>,
}

/// A task, with what is known of it beyond its dump.
pub(super) struct Row {
    /// The number of its runtime.
    pub(super) runtime: u64,
    /// The part of the time since the dump before in which it was polled.
    pub(super) load: Option<f64>,
    pub(super) task: Task,
}

/// How long each task was polled at the dump before.
pub(super) struct Before {
    pub(super) taken: Instant,
    pub(super) busy_us: HashMap<u64, f64>,
}

impl Snapshot {
    pub(super) fn new(
        number: u64,
        began: Instant,
        dump: Dump,
        before: Option<&Before>,
    ) -> Snapshot {
        let taken = Instant::now();
        let took_us = dump.runtimes.iter().map(|one| one.took_us).sum();
        let mut rows = Vec::with_capacity(dump.runtimes.iter().map(|one| one.tasks.len()).sum());
        let (mut roots, mut jobs) = (Vec::new(), Vec::new());
        for runtime in dump.runtimes {
            roots.extend(runtime.roots);
            jobs.extend(runtime.blocking);
            rows.extend(runtime.tasks.into_iter().map(|task| {
                let load = before.and_then(|before| {
                    let busy = busy_us(&task) - before.busy_us.get(&task.id)?;
                    let passed = taken.saturating_duration_since(before.taken).as_secs_f64() * 1e6;
                    Some((busy / passed.max(1.0)).clamp(0.0, 1.0))
                });
                Row { runtime: runtime.id, load, task }
            }));
        }
        let by_id = rows.iter().enumerate().map(|(at, row)| (row.task.id, at as u32)).collect();
        Snapshot {
            number,
            taken,
            cost: began.elapsed(),
            took_us,
            rows,
            roots,
            jobs,
            by_id,
            texts: OnceLock::new(),
            selections: Mutex::default(),
            knots: OnceLock::new(),
        }
    }

    pub(super) fn as_before(&self) -> Before {
        let busy = self.rows.iter().map(|row| (row.task.id, busy_us(&row.task)));
        Before { taken: self.taken, busy_us: busy.collect() }
    }

    pub(super) fn row(&self, id: u64) -> Option<&Row> {
        self.by_id.get(&id).map(|&at| &self.rows[at as usize])
    }

    pub(super) fn knots(&self) -> &Knots {
        self.knots.get_or_init(|| Knots::of(self))
    }

    /// The numbers of the selected rows, in order.
    pub(super) fn select(&self, selection: &Selection) -> Arc<Vec<u32>> {
        let known = |all: &[(Selection, Arc<Vec<u32>>)]| {
            let found = all.iter().find(|(other, _)| other == selection);
            found.map(|(_, rows)| Arc::clone(rows))
        };
        if let Some(rows) = known(&lock(&self.selections)) {
            return rows;
        }
        let rows = Arc::new(self.find(selection));
        let mut all = lock(&self.selections);
        if all.len() == KEPT {
            all.remove(0);
        }
        all.push((selection.clone(), Arc::clone(&rows)));
        rows
    }

    fn find(&self, selection: &Selection) -> Vec<u32> {
        let words: Vec<_> = selection.filter.split_whitespace().map(str::to_lowercase).collect();
        let texts = (!words.is_empty()).then(|| self.texts.get_or_init(|| Texts::of(&self.rows)));
        let is_in = |at: &u32| {
            let row = &self.rows[*at as usize];
            selection.runtime.is_none_or(|id| row.runtime == id)
                && selection.state.as_deref().is_none_or(|state| &*row.task.state == state)
                && texts.is_none_or(|texts| {
                    let text = texts.get(*at as usize);
                    words.iter().all(|word| text.contains(word.as_str()))
                })
        };
        let mut rows: Vec<_> = (0..self.rows.len() as u32).filter(is_in).collect();
        // Equal rows stay in the order of their ids, in both directions.
        rows.sort_by(|&a, &b| {
            let (a, b) = (&self.rows[a as usize], &self.rows[b as usize]);
            selection.sort.order(a, b, selection.is_descending)
        });
        rows
    }
}

/// The time that a task was polled, with the poll that goes on.
fn busy_us(task: &Task) -> f64 {
    let now = task.since_us.filter(|_| &*task.state == "running");
    task.busy_us + now.unwrap_or(0.0)
}

fn first_wait(task: &Task) -> Option<&str> {
    task.waits.first().map(|wait| &*wait.text)
}

/// Which tasks are shown, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selection {
    filter: String,
    state: Option<String>,
    runtime: Option<u64>,
    sort: Sort,
    is_descending: bool,
}

impl Selection {
    pub(super) fn parse(query: &Query) -> Result<Selection, String> {
        let sort = query.get("sort").unwrap_or("id");
        let Some(&(_, sort)) = SORTS.iter().find(|(name, _)| *name == sort) else {
            let names: Vec<_> = SORTS.iter().map(|(name, _)| *name).collect();
            return Err(format!("sort is one of {}, not {sort:?}", names.join(", ")));
        };
        let is_descending = match query.get("order") {
            None | Some("up") => false,
            Some("down") => true,
            Some(other) => return Err(format!("order is up or down, not {other:?}")),
        };
        let runtime = query.get("runtime").map(|_| query.number("runtime", 0)).transpose()?;
        Ok(Selection {
            filter: query.get("filter").unwrap_or("").to_owned(),
            state: query.get("state").map(str::to_owned),
            runtime,
            sort,
            is_descending,
        })
    }
}

/// What the table can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Id,
    Name,
    Place,
    State,
    Since,
    Polls,
    Busy,
    Load,
    Age,
    Size,
    Woken,
    Wait,
}

const SORTS: &[(&str, Sort)] = &[
    ("id", Sort::Id),
    ("name", Sort::Name),
    ("place", Sort::Place),
    ("state", Sort::State),
    ("since", Sort::Since),
    ("polls", Sort::Polls),
    ("busy", Sort::Busy),
    ("load", Sort::Load),
    ("age", Sort::Age),
    ("size", Sort::Size),
    ("woken", Sort::Woken),
    ("wait", Sort::Wait),
];

impl Sort {
    fn order(self, a: &Row, b: &Row, is_descending: bool) -> Ordering {
        let order = |by: Ordering| if is_descending { by.reverse() } else { by };
        // Unknown values come last, in both directions.
        let numbers = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => order(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let words = |a: Option<&str>, b: Option<&str>| match (a, b) {
            (Some(a), Some(b)) => order(a.cmp(b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let (x, y) = (&a.task, &b.task);
        match self {
            Sort::Id => order(x.id.cmp(&y.id)),
            Sort::Name => words(x.name.as_deref(), y.name.as_deref()),
            Sort::Place => order(x.spawned_at.cmp(&y.spawned_at)),
            Sort::State => order(x.state.cmp(&y.state)),
            Sort::Since => numbers(x.since_us, y.since_us),
            Sort::Polls => order(x.polls.cmp(&y.polls)),
            Sort::Busy => order(busy_us(x).total_cmp(&busy_us(y))),
            Sort::Load => numbers(a.load, b.load),
            Sort::Age => numbers(x.age_us, y.age_us),
            Sort::Size => order(x.future_size.cmp(&y.future_size)),
            Sort::Woken => numbers(x.woken_us_ago, y.woken_us_ago),
            Sort::Wait => words(first_wait(x), first_wait(y)),
        }
    }
}

/// The text of each task that is searched, in small letters, one after the other.
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn of(rows: &[Row]) -> Texts {
        let (mut all, mut ends) = (String::new(), Vec::with_capacity(rows.len()));
        for Row { task, .. } in rows {
            let mut add = |text: &str| {
                let begin = all.len();
                // Nearly all texts are ASCII, and the other way takes ten times as long.
                if text.is_ascii() {
                    all.push_str(text);
                    all[begin..].make_ascii_lowercase();
                } else {
                    all.extend(text.chars().flat_map(char::to_lowercase));
                }
                all.push(' ');
            };
            add("task");
            add(&task.id.to_string());
            add(task.name.as_deref().unwrap_or_default());
            add(&task.spawned_at);
            add(&task.state);
            add(&task.place);
            add(if task.lost { "lost" } else { "" });
            task.waits.iter().for_each(|wait| add(&wait.text));
            ends.push(all.len());
        }
        Texts { all, ends }
    }

    fn get(&self, at: usize) -> &str {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[begin..self.ends[at]]
    }
}

/// A row of the table, for the browser.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    id: u64,
    runtime: u64,
    name: Option<&'a str>,
    place: &'a str,
    /// Where it lives, if not on any worker.
    home: Option<&'a str>,
    state: &'a str,
    worker: Option<u32>,
    since_us: Option<f64>,
    polls: u64,
    busy_us: f64,
    load: Option<f64>,
    age_us: Option<f64>,
    size: u64,
    woken_us_ago: Option<f64>,
    wait: Option<&'a str>,
    waits: usize,
    lost: bool,
}

impl<'a> From<&'a Row> for Line<'a> {
    fn from(row: &'a Row) -> Line<'a> {
        let task = &row.task;
        Line {
            id: task.id,
            runtime: row.runtime,
            name: task.name.as_deref(),
            place: &task.spawned_at,
            home: (&*task.place != "runtime").then_some(&*task.place),
            state: &task.state,
            worker: task.worker,
            since_us: task.since_us,
            polls: task.polls,
            busy_us: busy_us(task),
            load: row.load,
            age_us: task.age_us,
            size: task.future_size,
            woken_us_ago: task.woken_us_ago,
            wait: first_wait(task),
            waits: task.waits.len() + task.more_waits as usize,
            lost: task.lost,
        }
    }
}

/// Tasks that were spawned at one place.
#[derive(Serialize)]
pub(super) struct Group<'a> {
    place: &'a str,
    /// The name of one of them.
    name: Option<&'a str>,
    count: usize,
    running: usize,
    queued: usize,
    polls: u64,
    busy_us: f64,
    /// The load of all together.
    load: f64,
    oldest_us: f64,
    /// What most of them wait for.
    wait: Option<&'a str>,
}

impl Snapshot {
    /// The places at which tasks were spawned, those with the most tasks first.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: HashMap<&str, (Group<'_>, HashMap<&str, usize>)> = HashMap::new();
        for row in &self.rows {
            let task = &row.task;
            let (group, kinds) = groups.entry(&task.spawned_at).or_insert_with(|| {
                let group = Group {
                    place: &task.spawned_at,
                    name: None,
                    count: 0,
                    running: 0,
                    queued: 0,
                    polls: 0,
                    busy_us: 0.0,
                    load: 0.0,
                    oldest_us: 0.0,
                    wait: None,
                };
                (group, HashMap::new())
            });
            group.name = group.name.or(task.name.as_deref());
            group.count += 1;
            group.running += usize::from(&*task.state == "running");
            group.queued += usize::from(&*task.state == "queued");
            group.polls += task.polls;
            group.busy_us += busy_us(task);
            group.load += row.load.unwrap_or(0.0);
            group.oldest_us = group.oldest_us.max(task.age_us.unwrap_or(0.0));
            if let Some(wait) = task.waits.first() {
                *kinds.entry(&wait.kind).or_default() += 1;
            }
        }
        let mut groups: Vec<_> = groups
            .into_values()
            .map(|(group, kinds)| {
                let most = kinds.into_iter().max_by_key(|&(kind, count)| (count, kind));
                Group { wait: most.map(|(kind, _)| kind), ..group }
            })
            .collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.place));
        groups
    }
}

#[cfg(test)]
pub(super) fn of_json(text: &str) -> Snapshot {
    let dump = super::task::read(text.as_bytes()).unwrap();
    Snapshot::new(1, Instant::now(), dump, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Snapshot {
        of_json(
            r#"{"runtimes":[{"id":1,"tasks":[
            {"id":7,"name":"B\u00c9","spawned_at":"src/a.rs:1:2","state":"waiting","polls":3,
             "since_us":5.0,"waits":[{"kind":"timer","text":"a timer in 3 s"}]},
            {"id":8,"spawned_at":"src/a.rs:1:2","state":"running","polls":9,"since_us":50.0},
            {"id":9,"name":"a","spawned_at":"src/b.rs:9:9","state":"waiting","polls":3}]}]}"#,
        )
    }

    fn ids(snapshot: &Snapshot, query: &str) -> Vec<u64> {
        let selection = Selection::parse(&Query::parse(query)).unwrap();
        let rows = snapshot.select(&selection);
        rows.iter().map(|&at| snapshot.rows[at as usize].task.id).collect()
    }

    #[test]
    fn tasks_are_found_by_all_words_in_any_letters() {
        let all = three();
        assert_eq!(ids(&all, ""), [7, 8, 9]);
        assert_eq!(ids(&all, "filter=A.RS"), [7, 8]);
        assert_eq!(ids(&all, "filter=TIMER+b%C3%A9"), [7]);
        assert_eq!(ids(&all, "filter=timer+running"), [0; 0]);
        assert_eq!(ids(&all, "filter=task+9"), [9]);
        assert_eq!(ids(&all, "state=running"), [8]);
        assert_eq!(ids(&all, "runtime=2"), [0; 0]);
        assert_eq!(ids(&all, "state=waiting&filter=a"), [7, 9]);
    }

    #[test]
    fn the_order_is_that_of_a_column_and_what_is_not_known_comes_last() {
        let all = three();
        assert_eq!(ids(&all, "order=down"), [9, 8, 7]);
        assert_eq!(ids(&all, "sort=polls"), [7, 9, 8]);
        assert_eq!(ids(&all, "sort=polls&order=down"), [8, 7, 9]);
        assert_eq!(ids(&all, "sort=name"), [7, 9, 8]);
        assert_eq!(ids(&all, "sort=name&order=down"), [9, 7, 8]);
        assert_eq!(ids(&all, "sort=since&order=down"), [8, 7, 9]);
        assert_eq!(ids(&all, "sort=wait&order=down"), [7, 8, 9]);
        for (name, _) in SORTS {
            assert_eq!(ids(&all, &format!("sort={name}")).len(), 3);
        }
        let parse = |text| Selection::parse(&Query::parse(text)).unwrap_err();
        assert!(parse("sort=x").contains("sort is one of id, name"));
        assert!(parse("order=x").contains("up or down"));
    }

    #[test]
    fn selections_are_kept_and_few() {
        let all = three();
        let select = |text: &str| all.select(&Selection::parse(&Query::parse(text)).unwrap());
        assert!(Arc::ptr_eq(&select("filter=a"), &select("filter=a")));
        (0..3 * KEPT).for_each(|n| drop(select(&format!("filter={n}"))));
        assert_eq!(lock(&all.selections).len(), KEPT);
    }

    #[test]
    fn load_is_the_part_of_the_time_between_two_dumps() {
        let first = three();
        let before = first.as_before();
        let text = r#"{"runtimes":[{"id":1,"tasks":[
            {"id":8,"spawned_at":"a","state":"running","since_us":1e12},
            {"id":7,"spawned_at":"a","state":"waiting"},
            {"id":10,"spawned_at":"a","state":"waiting"}]}]}"#;
        let dump = super::super::task::read(text.as_bytes()).unwrap();
        let second = Snapshot::new(2, Instant::now(), dump, Some(&before));
        let load = |id| second.row(id).unwrap().load;
        assert_eq!((load(8), load(7), load(10)), (Some(1.0), Some(0.0), None));
    }

    #[test]
    fn groups_are_places_and_the_largest_comes_first() {
        let all = three();
        let groups = all.groups();
        let seen: Vec<_> = groups.iter().map(|group| (group.place, group.count)).collect();
        assert_eq!(seen, [("src/a.rs:1:2", 2), ("src/b.rs:9:9", 1)]);
        assert_eq!((groups[0].running, groups[0].wait), (1, Some("timer")));
    }
}
