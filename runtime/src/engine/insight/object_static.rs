//! The one table of objects of the process. A model has one for each run.

use super::object_table::Table;

pub(super) fn table() -> &'static Table {
    static TABLE: Table = Table::new();
    &TABLE
}
