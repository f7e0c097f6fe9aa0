//! What will happen by itself, in the order of time; what is due at one time happens in the order
//! in which it was planned.

use std::collections::BTreeMap;

use super::Nanos;

/// A planned event: it can be taken back.
pub(super) type Due = (Nanos, u64);

pub(super) struct Queue<T> {
    planned: BTreeMap<Due, T>,
    next: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue { planned: BTreeMap::new(), next: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn plan(&mut self, at: Nanos, event: T) -> Due {
        let due = (at, self.next);
        self.next += 1;
        self.planned.insert(due, event);
        due
    }

    /// Takes an event back; nothing happens if it has happened.
    pub(super) fn cancel(&mut self, due: Due) {
        self.planned.remove(&due);
    }

    pub(super) fn next(&self) -> Option<Nanos> {
        self.planned.keys().next().map(|due| due.0)
    }

    /// The first event that is due at `now`, with its time.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<(Nanos, T)> {
        let entry = self.planned.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_those_of_one_time_in_the_order_of_their_planning() {
        let mut queue = Queue::default();
        queue.plan(5, 'c');
        queue.plan(3, 'a');
        queue.plan(3, 'b');
        let gone = queue.plan(4, 'x');
        queue.cancel(gone);
        assert_eq!(queue.next(), Some(3));
        assert_eq!(queue.pop(2), None);
        assert_eq!(queue.pop(9), Some((3, 'a')));
        assert_eq!(queue.pop(9), Some((3, 'b')));
        assert_eq!(queue.pop(9), Some((5, 'c')));
        assert_eq!(queue.pop(9), None);
        assert_eq!(queue.next(), None);
    }
}
