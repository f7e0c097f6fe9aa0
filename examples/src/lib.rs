//! One idea each, in `examples/`: read the header, run the command in it, change something.
//!
//! | example | what it shows |
//! |---|---|
//! | `from_scratch` | futures, wakers and an executor from their parts; how futures combine |
//! | `echo` | the smallest server |
//! | `chat` | tasks that own their state and talk through channels |
//! | `kv` | a protocol with pipelining: enough of Redis' for `redis-cli` and `redis-benchmark` |
//! | `crawl` | `join!`, `select!`, `timeout` and a semaphore |
//! | `http_hello` | hyper on this runtime, HTTP/1.1 and HTTP/2, with a graceful end |
//! | `drain` | a server that ends in good order: a scope of tasks, told to end |
//! | `blocked` | what happens to the others when a task blocks its thread |
