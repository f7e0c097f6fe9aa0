//! The table of those who wait for tasks to end: a new one for each run of a model.

use super::Id;
use super::ended_table::Table;
use crate::engine::primitive::Mutex;

loom::lazy_static! {
    static ref TABLE: Mutex<Table> = Mutex::new(Table::new());
}

pub(super) fn table(_: Id) -> &'static Mutex<Table> {
    &TABLE
}
