//! Channels, locks and other ways for tasks to wait for each other.
//!
//! | need | use |
//! |---|---|
//! | hand one value to one receiver, once | [`oneshot`] |

pub mod oneshot;
