//! Only tests: see `compat/simulated/tests`.
