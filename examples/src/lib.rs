//! One idea each, in `examples/`: read the header, run the command in it, change something.
//!
//! | example | what it shows |
//! |---|---|
//! | `from_scratch` | the code of the book (`docs/book/`), from a future by hand to its pitfalls |
//! | `echo` | the smallest server |
//! | `chat` | tasks that own their state and talk through channels |
//! | `kv` | a protocol with pipelining: enough of Redis' for `redis-cli` and `redis-benchmark` |
//! | `crawl` | `join!`, `select!`, `timeout` and a semaphore |
//! | `http_hello` | hyper on this runtime, HTTP/1.1 and HTTP/2, with a graceful end |
//! | `drain` | a server that ends in good order: a scope of tasks, told to end |
//! | `blocked` | what happens to the others when a task blocks its thread |
//! | `insight` | a deadlock, a slow poll and a leak, to be found from outside |
//! | `opentelemetry` | the runtime's numbers as OpenTelemetry's instruments |
//! | `four_ways` | one server as threads, event loop, actors and tasks, and what each costs |

/// The blocks of the book that are not quoted from `from_scratch` are doc tests.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/book/01-why-async.md")]
    mod why_async {}
    #[doc = include_str!("../../docs/book/02-futures.md")]
    mod futures {}
    #[doc = include_str!("../../docs/book/03-wakers.md")]
    mod wakers {}
    #[doc = include_str!("../../docs/book/04-an-executor.md")]
    mod an_executor {}
    #[doc = include_str!("../../docs/book/05-async-and-await.md")]
    mod async_and_await {}
    #[doc = include_str!("../../docs/book/06-pinning.md")]
    mod pinning {}
    #[doc = include_str!("../../docs/book/07-tasks.md")]
    mod tasks {}
    #[doc = include_str!("../../docs/book/08-join-and-select.md")]
    mod join_and_select {}
    #[doc = include_str!("../../docs/book/09-cancellation.md")]
    mod cancellation {}
    #[doc = include_str!("../../docs/book/10-streams.md")]
    mod streams {}
    #[doc = include_str!("../../docs/book/11-send.md")]
    mod send {}
    #[doc = include_str!("../../docs/book/12-recursion.md")]
    mod recursion {}
    #[doc = include_str!("../../docs/book/13-sharing-state.md")]
    mod sharing_state {}
    #[doc = include_str!("../../docs/book/14-pitfalls.md")]
    mod pitfalls {}
    #[doc = include_str!("../../docs/book/15-my-server-hangs.md")]
    mod my_server_hangs {}
}
