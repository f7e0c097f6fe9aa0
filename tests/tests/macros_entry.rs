//! `#[runtime::main]` and `#[runtime::test]`: the body runs on a runtime, with what was asked for.

use std::future::Future;

#[runtime::main]
async fn number() -> u32 {
    later().await;
    42
}

async fn later() {
    let mut polled = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[test]
fn main_returns_what_the_body_returns() {
    assert_eq!(number(), 42);
}

/// Generics, parameters, a borrowed result, attributes inside, an early return and `?`.
#[runtime::main(flavor = "current_thread")]
pub async fn first_word<'a, T>(text: &'a T, mut nth: usize) -> Result<&'a str, &'static str>
where
    T: AsRef<str> + ?Sized,
{
    #![allow(clippy::explicit_counter_loop)]
    later().await;
    for word in text.as_ref().split(' ') {
        if nth == 0 {
            return Ok(word);
        }
        nth -= 1;
    }
    let found: Option<&str> = None;
    let word = found.ok_or("too short")?;
    Ok(word)
}

#[test]
fn any_signature_passes_through() {
    assert_eq!(first_word("a b c", 1), Ok("b"));
    assert_eq!(first_word("a b c", 3), Err("too short"));
}

struct Counter(u32);

impl Counter {
    #[runtime::main(worker_threads = 2)]
    async fn add(&mut self, n: u32) -> u32 {
        later().await;
        self.0 += n;
        self.0
    }

    #[runtime::main(flavor = "local")]
    async fn describe(&self) -> impl std::fmt::Display + use<> {
        format!("{} so far", self.0)
    }
}

#[test]
fn methods_block_on_their_body() {
    let mut counter = Counter(1);
    assert_eq!(counter.add(2), 3);
    assert_eq!(counter.describe().to_string(), "3 so far");
}

#[runtime::main(flavor = "current_thread")]
async fn never() -> ! {
    panic!("it never returns")
}

#[test]
#[should_panic(expected = "it never returns")]
fn body_may_never_return() {
    never()
}

mod renamed {
    pub(crate) mod nested {
        pub(crate) use ::runtime::runtime;
    }
}

#[runtime::main(crate = "crate::renamed::nested", start_paused = false)]
async fn by_another_name() -> u8 {
    1
}

#[runtime::main(crate = renamed::nested, unhandled_panic = "ignore", flavor = "current_thread")]
async fn by_a_bare_path() -> u8 {
    2
}

#[test]
fn crate_may_have_another_name() {
    assert_eq!((by_another_name(), by_a_bare_path()), (1, 2));
}

/// A body that names what the expansion names.
#[runtime::main]
async fn same_names(body: u32) -> u32 {
    #[allow(non_snake_case)]
    let RUN = |n: u32| n + 1;
    RUN(body)
}

#[test]
fn names_of_the_expansion_are_not_seen() {
    assert_eq!(same_names(1), 2);
}

macro_rules! make {
    ($name:ident, $output:ty, $value:expr) => {
        #[runtime::main(flavor = "current_thread")]
        async fn $name() -> $output {
            $value
        }
    };
}

make!(made_by_a_macro, u32, 5);

#[test]
fn function_may_come_from_a_macro() {
    assert_eq!(made_by_a_macro(), 5);
}

#[runtime::test]
async fn test_runs_the_body() {
    later().await;
}

#[runtime::test]
#[should_panic(expected = "inside")]
async fn panic_fails_the_test() {
    later().await;
    panic!("inside");
}

#[runtime::test(flavor = "multi_thread", worker_threads = 1)]
async fn test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let one: u32 = "1".parse()?;
    assert_eq!(one, 1);
    Ok(())
}

#[runtime::test(flavor = "local", unhandled_panic = "shutdown_runtime")]
async fn test_body_need_not_be_send() {
    let local = std::rc::Rc::new(1);
    later().await;
    assert_eq!(*local, 1);
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[runtime::test]
async fn select_and_join_futures_are_send() {
    is_send(async {
        runtime::join!(later(), async {});
        let _ = runtime::try_join!(async { Ok::<_, ()>(1) });
        runtime::select! {
            () = later() => {}
            () = std::future::pending() => {}
        }
    })
    .await;
}

#[runtime::main(name = "by name", unhandled_panic = "report")]
async fn named() -> Option<String> {
    runtime::Handle::current().name().map(str::to_owned)
}

#[runtime::test(name = "a test", unhandled_panic = "abort")]
async fn the_runtime_may_have_a_name() {
    assert_eq!(runtime::Handle::current().name(), Some("a test"));
    let outside = std::thread::spawn(named);
    assert_eq!(outside.join().unwrap().as_deref(), Some("by name"));
}
