//! `pin!`: a value stays where it is, under its own name.

use std::future::Future;
use std::pin::Pin;

use futures::executor::block_on;

fn is_pinned<F: Future>(future: Pin<&mut F>) -> F::Output {
    block_on(future)
}

#[test]
fn pins_what_has_a_name() {
    let first = async { 1 };
    let second = async { 2 };
    runtime::pin!(first, second);
    assert_eq!(is_pinned(first.as_mut()), 1);
    assert_eq!(is_pinned(second), 2);
}

#[test]
fn makes_and_pins() {
    runtime::pin! {
        let first = async { 1 };
        let second = async { 2 };
    }
    assert_eq!(is_pinned(first) + is_pinned(second), 3);
}
