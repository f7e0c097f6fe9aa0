//! rumqttd, an MQTT broker: each of its servers is a runtime of one thread.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::SocketAddr;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Client, Done, Load, Place, Running, Subject, traffic};
use crate::Outcome;
use crate::sides::{Process, output, write};

const CLIENTS: Option<Client> = Some(("mosquitto_pub", "mosquitto-clients"));

pub(super) const RUMQTTD: Subject = Subject {
    name: "rumqttd",
    version: "0.20.0",
    newer: &[("metrics", "0.22.4")],
    features: "",
    programs: &["rumqttd"],
    what: "MQTT broker",
    start,
    client: CLIENTS,
    check,
    loads: &[
        Load {
            name: "4 publishers, 1 subscriber, QoS 0",
            unit: "messages",
            client: CLIENTS,
            drive: |running, seconds| stream(running, "0", seconds),
        },
        Load {
            name: "4 publishers, 1 subscriber, QoS 1",
            unit: "messages",
            client: CLIENTS,
            drive: |running, seconds| stream(running, "1", seconds),
        },
        Load { name: "connect, publish, go", unit: "clients", client: CLIENTS, drive: short },
    ],
    // The broker handles no signal, so this shows only that it can be ended.
    signal: ("TERM", 15),
};

fn start(place: &Place) -> Result<Running, String> {
    let address = place.free()?;
    // Small segments keep the stored messages from growing for long.
    let config = format!(
        "id = 0\n[router]\nid = 0\nmax_connections = 1000\nmax_outgoing_packet_count = 200\n\
         max_segment_size = 1048576\nmax_segment_count = 2\n[v4.1]\nname = \"v4-1\"\nlisten = \"{address}\"\n\
         next_connection_delay_ms = 1\n[v4.1.connections]\nconnection_timeout_ms = 60000\n\
         max_payload_size = 204800\nmax_inflight_count = 100\ndynamic_filters = true\n"
    );
    write(&place.folder.join("rumqttd.toml"), &config)?;
    let process = place.start("rumqttd", &["--config", "rumqttd.toml", "--quiet"])?;
    place.listens(address)?;
    Ok(Running { processes: vec![process], address, folder: place.folder.clone() })
}

fn client(program: &str, address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
    command.args(arguments);
    command
}

fn publish(running: &Running, arguments: &[&str]) -> Outcome {
    output(&mut client("mosquitto_pub", running.address, arguments)).map(drop)
}

/// A subscriber that gets messages, each a line. It is stopped when dropped.
struct Subscriber {
    _process: Process,
    lines: BufReader<ChildStdout>,
    /// The event that it has subscribed; it may come twice.
    ready: String,
    /// The messages that came before it had subscribed.
    early: VecDeque<String>,
}

impl Subscriber {
    /// Waits until it has subscribed: a kept message of another topic has come.
    fn start(running: &Running, topic: &str, qos: &str) -> Result<Subscriber, String> {
        Subscriber::start_with(running, topic, qos, &[])
    }

    fn start_with(
        running: &Running,
        topic: &str,
        qos: &str,
        more: &[&str],
    ) -> Result<Subscriber, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let ready = format!("ready/{}", COUNT.fetch_add(1, Ordering::Relaxed));
        publish(running, &["-t", &ready, "-m", &ready, "-r", "-q", "1"])?;
        // If no message comes any more, the subscriber's output ends after so many seconds.
        let arguments = ["-t", topic, "-t", &ready, "-q", qos, "-W", "60"];
        let mut command = client("mosquitto_sub", running.address, &arguments);
        command.args(more).stdout(Stdio::piped());
        let mut process = Process::start(command)?;
        let stdout = process.child.stdout.take().ok_or("no output of mosquitto_sub")?;
        let lines = BufReader::new(stdout);
        let mut subscriber = Subscriber { _process: process, lines, ready, early: VecDeque::new() };
        loop {
            match subscriber.any_line()? {
                line if line == subscriber.ready => break,
                // The message that the broker has kept of the topic.
                line => subscriber.early.push_back(line),
            }
        }
        // The message is not to be kept any longer.
        publish(running, &["-t", &subscriber.ready, "-n", "-r", "-q", "1"])?;
        Ok(subscriber)
    }

    fn any_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => Err("a message has not come".into()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        loop {
            let line = match self.early.pop_front() {
                Some(line) => line,
                None => self.any_line()?,
            };
            // An empty line is the empty message that deletes the kept one.
            if line != self.ready && !line.is_empty() {
                return Ok(line);
            }
        }
    }

    fn expect(&mut self, message: &str) -> Outcome {
        let line = self.line()?;
        let shown = |text: &str| text.chars().take(60).collect::<String>();
        let differs = || format!("{:?} came in place of {:?}", shown(&line), shown(message));
        if line == message { Ok(()) } else { Err(differs()) }
    }
}

const PUBLISHERS: u64 = 4;
/// How many messages a publisher sends before it waits for the subscriber: fewer than are kept.
const MESSAGES: u64 = 1500;

/// Messages of 100 bytes from several publishers to one subscriber. All must come, those of each
/// publisher in order.
fn stream(running: &Running, qos: &str, seconds: f64) -> Result<Done, String> {
    let mut subscriber = Subscriber::start(running, "stream/#", qos)?;
    let start = Instant::now();
    let mut operations = 0;
    while start.elapsed().as_secs_f64() < seconds {
        thread::scope(|scope| {
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| scope.spawn(move || send(running, publisher, qos)))
                .collect();
            let mut next = [0; PUBLISHERS as usize];
            for _ in 0..PUBLISHERS * MESSAGES {
                let line = subscriber.line()?;
                let numbers = line.split_once(' ').and_then(|(publisher, rest)| {
                    let number = rest.split_once(' ')?.0.parse::<u64>().ok()?;
                    Some((publisher.parse::<usize>().ok()?, number))
                });
                let (publisher, number) = numbers.ok_or(format!("a message is {line:?}"))?;
                if next.get(publisher) != Some(&number) || line.len() != 100 {
                    return Err(format!("{line:?} came out of order: {next:?} are expected"));
                }
                next[publisher] += 1;
            }
            publishers
                .into_iter()
                .try_for_each(|publisher| publisher.join().map_err(|_| "a publisher panicked")?)
        })?;
        operations += PUBLISHERS * MESSAGES;
    }
    Ok(Done { operations: operations as f64, seconds: start.elapsed().as_secs_f64() })
}

fn send(running: &Running, publisher: u64, qos: &str) -> Outcome {
    let topic = format!("stream/{publisher}");
    let mut command = client("mosquitto_pub", running.address, &["-t", &topic, "-q", qos, "-l"]);
    command.stdin(Stdio::piped());
    let mut process = Process::start(command)?;
    if let Some(stdin) = process.child.stdin.take() {
        let mut stdin = BufWriter::new(stdin);
        for number in 0..MESSAGES {
            let head = format!("{publisher} {number} ");
            writeln!(stdin, "{head:x<100}").map_err(|error| error.to_string())?;
        }
        stdin.flush().map_err(|error| error.to_string())?;
    }
    match process.ended(Duration::from_secs(60)) {
        Some(status) if status.success() => Ok(()),
        status => Err(format!("a publisher has ended with {status:?}")),
    }
}

/// Clients that come for one message.
fn short(running: &Running, seconds: f64) -> Result<Done, String> {
    traffic::in_parallel(vec![(); 4], seconds, |(), at, over| {
        let topic = format!("short/{at}");
        let mut count = 0;
        while !over() {
            publish(running, &["-t", &topic, "-m", "a message", "-q", "1"])?;
            count += 1;
        }
        Ok(f64::from(count))
    })
}

fn check(running: &Running) -> Outcome {
    for qos in ["0", "1", "2"] {
        let mut subscriber = Subscriber::start(running, "check/+/end", qos)?;
        publish(running, &["-t", "check/other", "-m", "for nobody", "-q", qos])?;
        for message in ["first", "second"] {
            publish(running, &["-t", "check/a/end", "-m", message, "-q", qos])?;
            subscriber.expect(message).map_err(|error| format!("QoS {qos}: {error}"))?;
        }
    }
    // A large message, to several subscribers.
    let large: String =
        traffic::bytes(100_000, 3).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let path = running.folder.join("large");
    write(&path, &large)?;
    let mut all =
        (0..5).map(|_| Subscriber::start(running, "large", "1")).collect::<Result<Vec<_>, _>>()?;
    publish(running, &["-t", "large", "-q", "1", "-f", &path.to_string_lossy()])?;
    all.iter_mut().try_for_each(|one| one.expect(&large))?;
    // A message that is kept for later subscribers.
    publish(running, &["-t", "kept", "-m", "kept", "-r", "-q", "1"])?;
    Subscriber::start(running, "kept", "1")?.expect("kept")?;
    publish(running, &["-t", "kept", "-n", "-r", "-q", "1"])?;
    // A last will: the broker sends it when its client disappears.
    let mut subscriber = Subscriber::start(running, "will", "1")?;
    let will = ["--will-topic", "will", "--will-payload", "is gone", "--will-qos", "1"];
    drop(Subscriber::start_with(running, "none", "1", &will)?);
    subscriber.expect("is gone")
}
