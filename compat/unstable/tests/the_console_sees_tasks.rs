//! tokio-console, as it would be: its layer in the program, its server on loopback, and a client
//! that asks as the console does.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use console_api::async_ops::AsyncOp;
use console_api::field::{Name, Value};
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use console_api::resources::Resource;
use console_api::tasks::{Stats, Task};
use console_api::{Field, Location};
use console_subscriber::{ConsoleLayer, Server, ServerParts};
use ecosystem::in_time;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task;
use tokio_stream::wrappers::TcpListenerStream;
use tracing_subscriber::layer::SubscriberExt;

/// Serves on a thread and a runtime of its own, which the layer does not see.
fn serve(server: Server) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let _unseen = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let ServerParts { instrument_server, aggregator, .. } = server.into_parts();
            task::spawn(aggregator.run());
            let incoming = TcpListenerStream::new(TcpListener::from_std(listener).unwrap());
            let router = tonic::transport::Server::builder().add_service(instrument_server);
            router.serve_with_incoming(incoming).await.unwrap();
        });
    });
    address
}

/// What the console knows.
#[derive(Default)]
struct Seen {
    tasks: Vec<Task>,
    stats: HashMap<u64, Stats>,
    resources: Vec<Resource>,
    waits: Vec<AsyncOp>,
    polls: Vec<(u64, String, bool)>,
}

impl Seen {
    fn take_in(&mut self, update: Update) {
        if let Some(tasks) = update.task_update {
            self.tasks.extend(tasks.new_tasks);
            self.stats.extend(tasks.stats_update);
        }
        if let Some(resources) = update.resource_update {
            self.resources.extend(resources.new_resources);
            let polls = resources.new_poll_ops.into_iter();
            self.polls.extend(
                polls.map(|op| (op.resource_id.unwrap_or_default().id, op.name, op.is_ready)),
            );
        }
        if let Some(waits) = update.async_op_update {
            self.waits.extend(waits.new_async_ops);
        }
    }

    fn task(&self, name: &str) -> Option<(&Task, &Stats)> {
        let mut tasks = self.tasks.iter();
        let task = tasks.find(|task| field(&task.fields, "task.name").as_deref() == Some(name))?;
        Some((task, self.stats.get(&task.id.as_ref()?.id)?))
    }

    fn resource(&self, concrete_type: &str, line: u32) -> Option<&Resource> {
        self.resources.iter().find(|resource| {
            let here = resource.location.as_ref().is_some_and(|place| is_here(place, line));
            resource.concrete_type == concrete_type && here
        })
    }
}

fn field(fields: &[Field], name: &str) -> Option<String> {
    let named = |field: &&Field| matches!(&field.name, Some(Name::StrName(known)) if known == name);
    Some(match fields.iter().find(named)?.value.clone()? {
        Value::DebugVal(text) | Value::StrVal(text) => text,
        Value::U64Val(number) => number.to_string(),
        Value::I64Val(number) => number.to_string(),
        Value::BoolVal(is) => is.to_string(),
    })
}

fn is_here(location: &Location, line: u32) -> bool {
    location.line == Some(line)
        && location.file.as_ref().is_some_and(|file| file.ends_with("the_console_sees_tasks.rs"))
}

#[test]
fn a_task_its_polls_its_wakes_and_what_it_waits_for() {
    let (layer, server) =
        ConsoleLayer::builder().publish_interval(Duration::from_millis(20)).build();
    let address = serve(server);
    let all = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(all).unwrap();

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(in_time(async {
        let mut client = InstrumentClient::connect(format!("http://{address}")).await.unwrap();
        let request = InstrumentRequest::default();
        let mut updates = client.watch_updates(request).await.unwrap().into_inner();
        let mut seen = Seen::default();
        // From here on it is told of everything.
        seen.take_in(updates.message().await.unwrap().unwrap());

        let mutex_line = line!() + 1;
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().lock_owned().await;

        let mut polls = 0;
        let three_polls = poll_fn(move |cx| {
            polls += 1;
            match polls {
                1 => cx.waker().wake_by_ref(),
                2 => {
                    let waker = cx.waker().clone();
                    thread::spawn(move || waker.wake());
                }
                _ => return Poll::Ready(()),
            }
            Poll::Pending
        });
        let task_line = line!() + 1;
        let task = task::Builder::new().name("three polls").spawn(three_polls).unwrap();
        task.await.unwrap();
        let waits = task::Builder::new().name("waits").spawn(async move {
            drop(mutex.lock().await);
        });
        let waits = waits.unwrap();
        let job = task::spawn_blocking(|| 7).await;
        assert_eq!(job.unwrap(), 7);

        // The task is over and counted; the other one waits.
        let dropped = |seen: &Seen, name| {
            seen.task(name).is_some_and(|(_, stats)| stats.dropped_at.is_some())
        };
        let polled =
            |seen: &Seen, id: u64, ready| seen.polls.contains(&(id, "poll".to_owned(), ready));
        while !dropped(&seen, "three polls") || seen.task("waits").is_none() {
            seen.take_in(updates.message().await.unwrap().unwrap());
        }
        let (task, stats) = seen.task("three polls").unwrap();
        assert!(is_here(task.location.as_ref().unwrap(), task_line), "{:?}", task.location);
        assert_eq!(field(&task.fields, "kind").as_deref(), Some("task"));
        // The drop of the future enters the span, too, and so counts as a poll; with tokio as well.
        assert_eq!(stats.poll_stats.as_ref().unwrap().polls, 3 + 1);
        assert_eq!((stats.wakes, stats.self_wakes), (2, 1));
        assert_eq!((stats.waker_clones, stats.waker_drops), (1, 1));

        let lock = loop {
            if let Some(lock) = seen.resource("Mutex", mutex_line) {
                break lock.id.unwrap().id;
            }
            seen.take_in(updates.message().await.unwrap().unwrap());
        };
        while !polled(&seen, lock, false) {
            seen.take_in(updates.message().await.unwrap().unwrap());
        }
        let of_lock = |wait: &&AsyncOp| wait.resource_id.is_some_and(|id| id.id == lock);
        let waits_for_it = seen.waits.iter().filter(of_lock);
        let sources: BTreeSet<&str> = waits_for_it.map(|wait| &*wait.source).collect();
        assert_eq!(sources, BTreeSet::from(["Mutex::lock", "Mutex::lock_owned"]));
        assert!(!dropped(&seen, "waits"));

        drop(guard);
        waits.await.unwrap();
        while !dropped(&seen, "waits") || !polled(&seen, lock, true) {
            seen.take_in(updates.message().await.unwrap().unwrap());
        }
        let kind = |task: &Task| field(&task.fields, "kind").unwrap_or_default();
        assert!(seen.tasks.iter().any(|task| kind(task) == "blocking"));
        assert!(seen.tasks.iter().any(|task| kind(task) == "block_on"));
    }));
}
