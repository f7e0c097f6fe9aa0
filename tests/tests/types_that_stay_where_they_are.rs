//! What may not be sent, shared or moved stays so: a type that allows more than is promised could
//! not take it back.

use std::cell::Cell;
use std::future::Pending;

use runtime::runtime::{EnterGuard, LocalOptions};
use runtime::sync::futures::{Notified, OwnedNotified};
use runtime::task::coop::RestoreOnPending;
use runtime::task::futures::TaskLocalFuture;

/// `lacks!(Type: Trait)` does not compile if the type has the trait: which of two `lacks` is meant
/// is then open.
macro_rules! lacks {
    ($($type:ty: $trait:path);+ $(;)?) => {
        $(const _: fn() = || {
            trait Lacks<Which> {
                fn lacks() {}
            }
            impl<T: ?Sized> Lacks<()> for T {}
            struct Has;
            impl<T: ?Sized + $trait> Lacks<Has> for T {}
            <$type as Lacks<_>>::lacks();
        };)+
    };
}

lacks! {
    Notified<'static>: Unpin;
    OwnedNotified: Unpin;
    TaskLocalFuture<u8, Pending<()>>: Unpin;
    TaskLocalFuture<Cell<u8>, Pending<()>>: Sync;
    EnterGuard<'static>: Send;
    RestoreOnPending: Send;
    RestoreOnPending: Sync;
    LocalOptions: Send;
    LocalOptions: Sync;
}

#[test]
fn a_guard_can_be_looked_at_from_elsewhere() {
    let runtime = runtime::Runtime::new().unwrap();
    let guard = runtime.enter();
    std::thread::scope(|scope| {
        scope.spawn(|| format!("{guard:?}")).join().unwrap();
    });
}
