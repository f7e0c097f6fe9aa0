//! zbus on async-io, from peer to peer over a Unix socket: calls, errors, signals, properties.

use std::os::unix::net::UnixListener;

use smol::Async;
use smol::stream::StreamExt;
use smol_ecosystem::in_time;
use zbus::connection::Builder;
use zbus::object_server::SignalEmitter;
use zbus::{Guid, Message, MessageStream, fdo, interface, message, proxy};

const PATH: &str = "/org/example/Counter";

#[derive(Default)]
struct Counter {
    sum: u64,
}

#[interface(name = "org.example.Counter")]
impl Counter {
    async fn add(
        &mut self,
        number: u64,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<u64> {
        let sum = self.sum.checked_add(number);
        self.sum = sum.ok_or_else(|| fdo::Error::InvalidArgs("too much".into()))?;
        emitter.added(number).await?;
        Ok(self.sum)
    }

    #[zbus(property)]
    fn sum(&self) -> u64 {
        self.sum
    }

    #[zbus(signal)]
    async fn added(emitter: &SignalEmitter<'_>, number: u64) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.example.Counter",
    default_service = "org.example.Counter",
    default_path = "/org/example/Counter",
    gen_blocking = false
)]
trait Remote {
    fn add(&self, number: u64) -> zbus::Result<u64>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn sum(&self) -> zbus::Result<u64>;
}

#[test]
fn calls_and_signals_go_from_peer_to_peer() {
    in_time(|| smol::block_on(calls()));
}

async fn calls() {
    let file = std::env::temp_dir().join(format!("zbus-{}", std::process::id()));
    let listener = Async::<UnixListener>::bind(&file).unwrap();
    let server = smol::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        Builder::async_io_unix_stream(stream.into_inner().unwrap())
            .server(Guid::generate())
            .unwrap()
            .p2p()
            .serve_at(PATH, Counter::default())
            .unwrap()
            .build()
            .await
            .unwrap()
    });
    let address = format!("unix:path={}", file.display());
    let client = Builder::address(address.as_str()).unwrap().p2p().build().await.unwrap();
    let server = server.await;

    let remote = RemoteProxy::new(&client).await.unwrap();
    // Between peers nobody has a name on a bus, so signals are not looked for by their sender.
    let signal = |message: &Message| message.message_type() == message::Type::Signal;
    let messages = MessageStream::from(&client).map(Result::unwrap);
    let mut added = messages.filter(signal).map(|signal| signal.body().deserialize::<u64>());
    for n in 1..=100 {
        assert_eq!(remote.add(n).await.unwrap(), n * (n + 1) / 2);
        assert_eq!(added.next().await.unwrap().unwrap(), n);
    }
    assert_eq!(remote.sum().await.unwrap(), 5050);
    let error = remote.add(u64::MAX).await.unwrap_err();
    assert!(error.to_string().contains("too much"), "{error}");

    // Many calls at once, from tasks of smol and of async-std. A stream that nobody reads holds the
    // connection up when it is full.
    drop(added);
    let (a, b) = (remote.clone(), remote.clone());
    let half = smol::spawn(async move {
        for _ in 0..100 {
            a.add(1).await.unwrap();
        }
    });
    let other = async_std::task::spawn(async move {
        for _ in 0..100 {
            b.add(1).await.unwrap();
        }
    });
    half.await;
    other.await;
    assert_eq!(remote.sum().await.unwrap(), 5250);
    drop(server);
    std::fs::remove_file(&file).unwrap();
}
