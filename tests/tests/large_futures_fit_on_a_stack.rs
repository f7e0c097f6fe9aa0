//! A future that fits on the stack of whoever makes it fits on the stack of whoever spawns it, in
//! an unoptimized program, too: it is not copied again and again on its way into the task.

use std::future::Future;
use std::thread;

use runtime::runtime::{Builder, LocalOptions};
use runtime::task::{self, JoinSet, LocalSet, Scope};

/// A quarter of a stack of 2 MiB.
const SIZE: usize = 512 << 10;

/// Making it takes no place on the stack but its own.
fn large() -> impl Future<Output = usize> + Send + 'static {
    let bytes = [1u8; SIZE];
    async move {
        task::yield_now().await;
        bytes.iter().map(|byte| usize::from(*byte)).sum()
    }
}

/// Calls `f` on a stack of 2 MiB.
fn on_a_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(2 << 20).spawn(f).unwrap().join().unwrap();
}

macro_rules! each_on_a_stack {
    ($($name:ident: $spawn:expr;)*) => {
        $(
            #[test]
            fn $name() {
                on_a_stack(|| {
                    let rt = Builder::new_current_thread().enable_all().build().unwrap();
                    rt.block_on(async {
                        // One at a time: the stack is for one.
                        let output: usize = $spawn.await;
                        assert_eq!(output, SIZE);
                    });
                });
            }
        )*
    };
}

each_on_a_stack! {
    spawn: async { task::spawn(large()).await.unwrap() };
    spawn_by_a_builder: async {
        task::Builder::new().name("large").spawn(large()).unwrap().await.unwrap()
    };
    spawn_by_a_handle: async { runtime::Handle::current().spawn(large()).await.unwrap() };
    spawn_in_a_set: async {
        let mut set = JoinSet::new();
        set.spawn(large());
        set.join_next().await.unwrap().unwrap()
    };
    spawn_in_a_scope: async { Scope::new().spawn(large()).await.unwrap() };
    spawn_locally: async {
        let set = LocalSet::new();
        set.run_until(async { task::spawn_local(large()).await.unwrap() }).await
    };
    spawn_on_a_local_set: async {
        let set = LocalSet::new();
        let handle = set.spawn_local(large());
        set.await;
        handle.await.unwrap()
    };
    spawn_a_closure: async {
        let bytes = [1u8; SIZE];
        task::spawn_blocking(move || bytes.len()).await.unwrap()
    };
}

#[test]
fn large_futures_fit_in_block_on() {
    on_a_stack(|| {
        let rt = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(rt.block_on(large()), SIZE);
    });
    on_a_stack(|| {
        let rt = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        assert_eq!(rt.handle().block_on(large()), SIZE);
    });
}

#[test]
fn block_on_a_local_set() {
    on_a_stack(|| {
        let rt = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(LocalSet::new().block_on(&rt, large()), SIZE);
    });
}

#[test]
fn spawn_on_a_local_runtime() {
    on_a_stack(|| {
        let options = LocalOptions::default();
        let rt = Builder::new_current_thread().enable_all().build_local(options).unwrap();
        let handle = rt.spawn_local(large());
        assert_eq!(rt.block_on(handle).unwrap(), SIZE);
    });
}
