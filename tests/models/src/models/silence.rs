//! A model of `scheduler/silence.rs`.

use loom::sync::Arc;
use loom::thread;

use crate::engine::scheduler::silence::Silence;
use crate::engine::task::Watch;

/// A report of an announced poll: the monitor hears that the announcement is over, and takes the
/// announced poll that it still sees for a later one.
#[test]
fn who_hears_of_the_end_sees_another_poll() {
    loom::model(|| {
        let shared = Arc::new((Watch::new(), Silence::new()));
        shared.0.begin(1, None);
        assert!(!shared.1.fall());
        let announced = shared.0.look();
        let owner = {
            let shared = shared.clone();
            thread::spawn(move || shared.1.end(&shared.0))
        };
        if !shared.1.lasts() {
            assert_ne!(shared.0.look(), announced);
        }
        owner.join().unwrap();
    });
}
