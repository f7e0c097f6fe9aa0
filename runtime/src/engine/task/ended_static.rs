//! The one table of the process of those who wait for tasks to end. A model has one for each run.

use crossbeam_utils::CachePadded;

use super::Id;
use super::ended_table::Table;
use crate::engine::primitive::Mutex;

/// A power of two.
const SHARDS: usize = 16;

pub(super) fn table(task: Id) -> &'static Mutex<Table> {
    static TABLE: [CachePadded<Mutex<Table>>; SHARDS] =
        [const { CachePadded::new(Mutex::new(Table::new())) }; SHARDS];
    &TABLE[task.as_u64() as usize % SHARDS]
}
