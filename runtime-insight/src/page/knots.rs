//! Who waits for whom: locks with those who wait for them, and circles.
//!
//! A circle counts if all of its tasks have waited for longer than the dump took: then all waits
//! existed at one moment. Which wait leads to which task, and which tasks are stuck, stands in the
//! dump.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::snapshot::{Row, Snapshot};
use super::task::{Task, Text, Wait};

/// How long all tasks of a circle must have waited, in microseconds.
const STANDS_FOR: f64 = 500_000.0;
/// A poll that goes on for longer is shown, in microseconds.
const LONG_POLL: f64 = 100_000.0;
/// How many waiters are listed; the others are counted.
const LISTED: usize = 50;

/// The tasks, locks and polls that block others.
pub(super) struct Knots {
    pub(super) locks: Vec<Lock>,
    pub(super) circles: Vec<Circle>,
    pub(super) long_polls: Vec<Node>,
    pub(super) lost: Vec<Node>,
    /// How many there are; not all are listed.
    pub(super) lost_count: usize,
}

/// A lock or a channel that somebody waits for.
#[derive(Serialize)]
pub(super) struct Lock {
    object: u64,
    kind: Text,
    made_at: Option<Text>,
    holder: Option<Node>,
    waiters: Vec<Node>,
    count: usize,
    /// How long the first one has waited.
    longest_us: f64,
}

/// Tasks that wait for each other.
#[derive(Serialize)]
pub(super) struct Circle {
    /// Each waits for the next one, the last for the first.
    pub(super) ring: Vec<Node>,
    /// Tasks outside the circle that wait for one of it, or for each other, and so for ever.
    behind: Vec<Node>,
    behind_count: usize,
}

/// A task, in short.
#[derive(Clone, Serialize)]
pub(super) struct Node {
    pub(super) id: u64,
    name: Option<Text>,
    place: Text,
    state: Text,
    worker: Option<u32>,
    since_us: Option<f64>,
    /// Its first wait, and the task that this leads to.
    wait: Option<Wait>,
    waits_for: Option<u64>,
}

impl Node {
    pub(super) fn of(task: &Task) -> Node {
        Node {
            id: task.id,
            name: task.name.clone(),
            place: task.spawned_at.clone(),
            state: task.state.clone(),
            worker: task.worker,
            since_us: task.since_us,
            wait: task.waits.first().cloned(),
            waits_for: task.waits.first().and_then(|wait| wait.leads_to),
        }
    }

    /// A task that has ended, or is of a runtime without insight.
    fn unknown(id: u64) -> Node {
        Node {
            id,
            name: None,
            place: Text::default(),
            state: Text::default(),
            worker: None,
            since_us: None,
            wait: None,
            waits_for: None,
        }
    }
}

impl Knots {
    pub(super) fn of(snapshot: &Snapshot) -> Knots {
        let tasks = || snapshot.rows.iter().map(|row| &row.task);
        let mut long: Vec<_> =
            tasks().filter(|task| &*task.state == "running" && since(task) >= LONG_POLL).collect();
        long.sort_by(|a, b| since(b).total_cmp(&since(a)));
        let lost = || tasks().filter(|task| task.lost);
        Knots {
            locks: locks(snapshot),
            circles: circles(snapshot),
            long_polls: long.into_iter().take(LISTED).map(Node::of).collect(),
            lost: lost().take(LISTED).map(Node::of).collect(),
            lost_count: lost().count(),
        }
    }
}

fn since(task: &Task) -> f64 {
    task.since_us.unwrap_or(0.0)
}

fn locks(snapshot: &Snapshot) -> Vec<Lock> {
    let mut by_object: BTreeMap<u64, Vec<(&Row, &Wait)>> = BTreeMap::new();
    for row in &snapshot.rows {
        for wait in row.task.waits.iter().filter(|wait| !wait.old) {
            if let Some(object) = wait.object {
                by_object.entry(object).or_default().push((row, wait));
            }
        }
    }
    let mut all: Vec<_> = by_object
        .into_iter()
        .map(|(object, mut waiters)| {
            waiters.sort_by(|(a, _), (b, _)| since(&b.task).total_cmp(&since(&a.task)));
            let (first, wait) = waiters[0];
            let node = |id| {
                let row = snapshot.row(id);
                row.map_or_else(|| Node::unknown(id), |row| Node::of(&row.task))
            };
            Lock {
                object,
                kind: wait.kind.clone(),
                made_at: wait.made_at.clone(),
                holder: wait.held_by.map(node),
                count: waiters.len(),
                longest_us: since(&first.task),
                waiters: waiters
                    .iter()
                    .take(LISTED)
                    .map(|(row, wait)| Node {
                        // The wait for this lock, which need not be the first one.
                        waits_for: wait.leads_to,
                        wait: Some((*wait).clone()),
                        ..Node::of(&row.task)
                    })
                    .collect(),
            }
        })
        .collect();
    // Held locks come first. The others are channels and the like, where waiting is usual.
    all.sort_by(|a, b| {
        let rank = |lock: &Lock| (lock.holder.is_none(), std::cmp::Reverse(lock.count));
        rank(a).cmp(&rank(b)).then(b.longest_us.total_cmp(&a.longest_us))
    });
    all
}

fn circles(snapshot: &Snapshot) -> Vec<Circle> {
    let stands_for = STANDS_FOR.max(2.0 * snapshot.took_us);
    let tasks = snapshot.rows.iter().map(|row| &row.task);
    let stuck = tasks.filter(|task| task.stuck && since(task) >= stands_for);
    let stuck: HashMap<_, _> = stuck.map(|task| (task.id, task)).collect();
    let next = |id: u64| stuck.get(&id).and_then(|task| task.waits.first()?.leads_to);
    let mut order: Vec<_> = stuck.keys().copied().collect();
    order.sort_unstable();
    let mut seen = HashSet::new();
    let mut rings: Vec<Vec<u64>> = Vec::new();
    for &first in &order {
        let mut at = first;
        let mut way = Vec::new();
        while seen.insert(at) {
            way.push(at);
            let Some(after) = next(at) else { break };
            at = after;
        }
        let Some(begin) = way.iter().position(|&id| id == at) else { continue };
        if next(way[way.len() - 1]) == Some(at) {
            let mut ring = way.split_off(begin);
            let least = (0..ring.len()).min_by_key(|&i| ring[i]).unwrap_or(0);
            ring.rotate_left(least);
            rings.push(ring);
        }
    }
    let of_ring: HashMap<u64, usize> = rings
        .iter()
        .enumerate()
        .flat_map(|(at, ring)| ring.iter().map(move |&id| (id, at)))
        .collect();
    // A stuck task outside of a circle goes with the circle that its first waits lead to.
    let mut behind: Vec<(Vec<Node>, usize)> = vec![(Vec::new(), 0); rings.len()];
    let mut end_of = of_ring.clone();
    for &id in &order {
        let mut way = Vec::new();
        let mut at = id;
        while let (None, Some(after)) = (end_of.get(&at), next(at)) {
            way.push(at);
            at = after;
        }
        let Some(&ring) = end_of.get(&at) else { continue };
        end_of.extend(way.into_iter().map(|id| (id, ring)));
        if !of_ring.contains_key(&id) {
            let (nodes, count) = &mut behind[ring];
            *count += 1;
            if nodes.len() < LISTED {
                nodes.push(Node::of(stuck[&id]));
            }
        }
    }
    let rings = rings.into_iter().zip(behind);
    rings
        .map(|(ring, (behind, behind_count))| Circle {
            ring: ring.into_iter().map(|id| Node::of(stuck[&id])).collect(),
            behind,
            behind_count,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::of_json;
    use super::*;

    fn task(id: u64, waits: &str) -> String {
        format!(
            r#"{{"id":{id},"spawned_at":"a","state":"waiting","stuck":true,"since_us":1e6,"waits":[{waits}]}}"#
        )
    }

    fn for_lock(object: u64, holder: u64) -> String {
        format!(
            r#"{{"kind":"mutex","text":"","object":{object},"held_by":{holder},"leads_to":{holder}}}"#
        )
    }

    fn knots(tasks: &[String]) -> Knots {
        let tasks = tasks.join(",");
        Knots::of(&of_json(&format!(r#"{{"runtimes":[{{"id":1,"tasks":[{tasks}]}}]}}"#)))
    }

    fn rings(tasks: &[String]) -> Vec<Vec<u64>> {
        let ids = |circle: &Circle| circle.ring.iter().map(|node| node.id).collect();
        knots(tasks).circles.iter().map(ids).collect()
    }

    #[test]
    fn circles_are_told_in_order_with_those_behind() {
        let join = r#"{"kind":"join","text":"","task":2,"leads_to":2}"#;
        let all = knots(&[
            task(1, &for_lock(10, 2)),
            task(2, &for_lock(11, 3)),
            task(3, &for_lock(12, 1)),
            task(4, join),
            task(5, &for_lock(13, 4)),
            task(6, &for_lock(13, 99)),
            task(7, &for_lock(14, 7)),
        ]);
        let ids = |nodes: &[Node]| nodes.iter().map(|node| node.id).collect::<Vec<_>>();
        assert_eq!(all.circles.len(), 2);
        assert_eq!(ids(&all.circles[0].ring), [1, 2, 3]);
        assert_eq!(ids(&all.circles[0].behind), [4, 5]);
        assert_eq!(ids(&all.circles[1].ring), [7]);
        assert!(all.circles[1].behind.is_empty());
    }

    #[test]
    fn a_circle_counts_when_all_of_its_tasks_have_waited() {
        let circle = [task(1, &for_lock(10, 2)), task(2, &for_lock(11, 1))];
        assert_eq!(rings(&circle), [[1, 2]]);
        let just = circle[0].replace("1e6", "1e5");
        assert!(rings(&[just, circle[1].clone()]).is_empty());
        let free = circle[0].replace("\"stuck\":true", "\"stuck\":false");
        assert!(rings(&[free, circle[1].clone()]).is_empty());
    }

    #[test]
    fn waiters_are_counted_and_the_first_of_them_listed() {
        let tasks: Vec<_> = (100..300).map(|id| task(id, &for_lock(5, 1))).collect();
        let all = knots(&tasks);
        assert_eq!(all.locks.len(), 1);
        let lock = &all.locks[0];
        assert_eq!((lock.object, lock.count, lock.waiters.len()), (5, 200, LISTED));
        assert_eq!(lock.holder.as_ref().unwrap().id, 1);
    }
}
