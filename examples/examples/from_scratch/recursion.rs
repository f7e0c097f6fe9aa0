//! An async function that calls itself needs a box: its future would contain itself.

use futures::future::{BoxFuture, FutureExt};

async fn fibonacci(n: u32) -> u64 {
    match n {
        0 | 1 => n.into(),
        _ => Box::pin(fibonacci(n - 1)).await + Box::pin(fibonacci(n - 2)).await,
    }
}

/// The same, each branch a task of its own, on however many workers there are. Here the type says
/// that the future is `Send`: while the compiler still works that out, it cannot use it for the
/// call inside.
fn spread(n: u32) -> BoxFuture<'static, u64> {
    async move {
        if n < 2 {
            return n.into();
        }
        let (left, right) = (runtime::spawn(spread(n - 1)), runtime::spawn(spread(n - 2)));
        left.await.unwrap() + right.await.unwrap()
    }
    .boxed()
}

pub(crate) async fn both_ways() {
    assert_eq!(fibonacci(15).await, 610);
    assert_eq!(spread(15).await, 610);
    println!("recursion needs one box; as 1973 tasks it gives the same");
}
