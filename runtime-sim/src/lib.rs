//! Runs unmodified programs under a seeded simulation of the operating system.

mod os;
