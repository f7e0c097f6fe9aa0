//! The waits of tasks, in the console's terms: a resource for each thing, and an operation for each
//! task that waits for it.
//!
//! A dump knows a thing only while somebody waits for it. So a resource appears with its first
//! waiter and disappears with its last, whenever it was made and however long it lives.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use runtime_insight::Wait;

use super::picture::{ASYNC_OP, RESOURCE, Updates, number_field, numbered, place, text_field};
use runtime_insight::protobuf::Message;

/// The things, with the tasks that wait for them.
#[derive(Default)]
pub(super) struct Waits {
    things: HashMap<Thing, Resource>,
    operations: HashMap<(u64, Thing, String), Operation>,
    next: u64,
}

/// Two waits with the same key are for the same thing.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Thing {
    /// A lock or a channel.
    Object(u64),
    Descriptor(i32),
    /// The end of a task or a blocking job.
    End(u64),
    /// A thing that a task has for itself, such as a timer: its kind, and where it was made.
    Own(u64, String, Option<String>),
}

impl Thing {
    fn of(task: u64, wait: &Wait) -> Thing {
        match (wait.object, wait.descriptor, wait.task) {
            (Some(object), _, _) => Thing::Object(object),
            (_, Some(descriptor), _) => Thing::Descriptor(descriptor),
            (_, _, Some(task)) => Thing::End(task),
            _ => Thing::Own(task, wait.kind.clone(), wait.made_at.clone()),
        }
    }
}

struct Resource {
    id: u64,
    created: SystemTime,
    told: Option<Attributes>,
    /// The attributes in this dump, if it is there.
    seen: Option<Attributes>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Attributes {
    waiting: u64,
    held_by: Option<u64>,
    local: Option<String>,
    peer: Option<String>,
}

struct Operation {
    id: u64,
    task: u64,
    created: SystemTime,
    is_seen: bool,
}

/// The name of a thing. Both ends of a channel wait for the same one.
fn name(wait: &Wait) -> &str {
    match (wait.kind.split_once('_'), wait.descriptor) {
        (_, Some(_)) => "descriptor",
        (Some((channel @ ("mpsc" | "oneshot" | "watch" | "broadcast" | "duplex"), _)), _) => {
            channel
        }
        _ => &wait.kind,
    }
}

impl Waits {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Notes that `task` waits, since `since`.
    pub(super) fn wait(
        &mut self,
        task: u64,
        wait: &Wait,
        since: SystemTime,
        updates: &mut Updates,
        now: SystemTime,
    ) {
        let thing = Thing::of(task, wait);
        let resource = match self.things.get(&thing) {
            Some(resource) => resource.id,
            None => {
                let id = self.next();
                updates.resources.message(1, |resource| describe(resource, id, wait));
                let new = Resource { id, created: now, told: None, seen: None };
                self.things.insert(thing.clone(), new);
                id
            }
        };
        if let Some(resource) = self.things.get_mut(&thing) {
            resource.created = resource.created.min(since);
            let seen = resource.seen.get_or_insert_default();
            seen.waiting += 1;
            seen.held_by = seen.held_by.or(wait.held_by);
            seen.local = seen.local.take().or_else(|| wait.local.clone());
            seen.peer = seen.peer.take().or_else(|| wait.peer.clone());
        }
        let key = (task, thing, wait.kind.clone());
        if let Some(operation) = self.operations.get_mut(&key) {
            operation.is_seen = true;
            return;
        }
        let operation = Operation { id: self.next(), task, created: since, is_seen: true };
        updates.ops.message(1, |op| {
            op.id(1, operation.id);
            op.id(2, ASYNC_OP);
            op.text(3, &wait.kind);
            op.id(5, resource);
        });
        numbered(&mut updates.ops, 2, operation.id, |stats| operation.write(stats, None));
        updates.entry_ends();
        self.operations.insert(key, operation);
    }

    /// Ends a dump: waits that are not in it are over.
    pub(super) fn end(&mut self, updates: &mut Updates, now: SystemTime) {
        self.operations.retain(|_, operation| {
            let is_seen = std::mem::replace(&mut operation.is_seen, false);
            if !is_seen {
                let id = operation.id;
                numbered(&mut updates.ops, 2, id, |stats| operation.write(stats, Some(now)));
                updates.entry_ends();
            }
            is_seen
        });
        self.things.retain(|_, resource| {
            let seen = resource.seen.take();
            let is_seen = seen.is_some();
            if resource.told != seen {
                let dropped = (!is_seen).then_some(now);
                resource.told = seen;
                let id = resource.id;
                numbered(&mut updates.resources, 2, id, |stats| resource.write(stats, dropped));
                updates.entry_ends();
            }
            is_seen
        });
    }
}

fn describe(resource: &mut Message, id: u64, wait: &Wait) {
    resource.id(1, id);
    resource.id(2, RESOURCE);
    resource.text(3, name(wait));
    resource.message(4, |kind| match wait.kind.as_str() {
        // Only this kind has a number.
        "timer" => kind.number(1, 0),
        _ => kind.text(2, name(wait)),
    });
    if let Some(made_at) = &wait.made_at {
        resource.message(5, |location| place(location, made_at));
    }
}

impl Resource {
    fn write(&self, stats: &mut Message, dropped: Option<SystemTime>) {
        stats.moment(1, self.created);
        stats.moment(2, dropped);
        let Some(told) = &self.told else { return };
        for (key, number) in [("waiting", Some(told.waiting)), ("held_by", told.held_by)] {
            if let Some(number) = number {
                stats.message(3, |attribute| {
                    attribute.message(1, |field| number_field(field, RESOURCE, key, number));
                });
            }
        }
        for (key, text) in [("local", &told.local), ("peer", &told.peer)] {
            if let Some(text) = text {
                stats.message(3, |attribute| {
                    attribute.message(1, |field| text_field(field, RESOURCE, key, text));
                });
            }
        }
    }
}

impl Operation {
    fn write(&self, stats: &mut Message, dropped: Option<SystemTime>) {
        stats.moment(1, self.created);
        stats.moment(2, dropped);
        stats.id(4, self.task);
        // A client expects these fields, but their values are not known.
        stats.message(5, |polls| polls.duration(6, Duration::ZERO));
    }
}
