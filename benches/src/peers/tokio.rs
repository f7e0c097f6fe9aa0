//! tokio, multi-thread.

tokio_shape!(Tokio, tokio, "tokio", "full; multi_thread, enable_all, its own channels and locks");

/// It has no such options.
fn tune(_: &mut Builder) {}
