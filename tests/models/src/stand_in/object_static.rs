//! The table of objects: a new one for each run of a model.

use super::object_table::Table;

loom::lazy_static! {
    static ref TABLE: Table = Table::new();
}

pub(super) fn table() -> &'static Table {
    &TABLE
}
