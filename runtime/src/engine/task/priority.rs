//! Which tasks go first.

/// How urgent a task is. Set by [`task::Builder::priority`](crate::task::Builder::priority), which
/// says what it changes.
///
/// # Examples
///
/// ```
/// use runtime::task::Priority;
///
/// assert_eq!(Priority::default(), Priority::Normal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// The priority of every task that is given none.
    #[default]
    Normal,
    /// The task runs when the others leave time for it.
    Background,
}
