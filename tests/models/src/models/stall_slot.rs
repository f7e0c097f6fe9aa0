//! The slot of the stall signal: a question, its answer, and a question that is given up.

use loom::thread;

use crate::engine::primitive::Arc;
use crate::engine::stall::stack::slot::Slot;

/// Would catch: an answer that is read before it is written in full.
#[test]
fn an_answer_is_read_when_it_is_whole() {
    loom::model(|| {
        let slot = Arc::new(Slot::new((0, 0)));
        assert!(slot.ask(1));
        let theirs = Arc::clone(&slot);
        let handler = thread::spawn(move || theirs.answer(1, |value| *value = (1, 1)));
        let answer = loop {
            if let Some(answer) = slot.collect(|value| *value) {
                break answer;
            }
            thread::yield_now();
        };
        assert_eq!(answer, (1, 1));
        assert!(handler.join().unwrap());
    });
}

/// Would catch: a handler that comes late, to a question given up, and writes where another thread
/// answers or the asking thread still reads.
#[test]
fn a_late_handler_touches_nothing() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let slot = Arc::new(Slot::new((0, 0)));
        let handlers = [1, 2].map(|me| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.answer(me, |value| *value = (me, me)))
        });
        let mut answers = 0;
        for whom in [1, 2] {
            if !slot.ask(whom) {
                continue;
            }
            // It looks only once: the question is given up even if the answer has begun.
            match slot.collect(|value| *value) {
                Some(answer) => {
                    assert_eq!(answer, (whom, whom));
                    answers += 1;
                }
                None => {
                    let _ = slot.take_back(whom);
                }
            }
        }
        let answered = handlers.map(|handler| handler.join().unwrap());
        assert!(answers <= answered.iter().filter(|answered| **answered).count());
    });
}
