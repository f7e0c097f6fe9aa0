//! A process that never forks.

#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth;

impl Birth {
    pub(crate) fn here() -> Birth {
        Birth
    }

    pub(crate) fn is_in_parent(self) -> bool {
        false
    }
}
