//! Panics where the first argument says; the program of `tests/panic_abort.rs`.

use std::time::Duration;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        runtime::time::sleep(Duration::from_millis(1)).await;
        match what.as_str() {
            "task" => drop(runtime::spawn(async { panic!("as planned: task") }).await),
            "job" => drop(runtime::spawn_blocking(|| panic!("as planned: job")).await),
            "root" => panic!("as planned: root"),
            "drop" => {
                let bomb = tests::OnDrop::new(|| panic!("as planned: drop"));
                let task = runtime::spawn(tests::forever(bomb));
                runtime::task::yield_now().await;
                task.abort();
                let _ = task.await;
            }
            _ => {
                let task = runtime::spawn(tests::forever(()));
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
        }
    });
}
