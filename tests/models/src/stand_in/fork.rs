//! A process that never forks.

#[derive(Clone, Copy, Debug)]
pub(crate) struct ForkGeneration;

impl ForkGeneration {
    pub(crate) fn here() -> ForkGeneration {
        ForkGeneration
    }

    pub(crate) fn is_in_parent(self) -> bool {
        false
    }
}
