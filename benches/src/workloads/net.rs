//! Servers in a process of their own, asked by another process that is the same for all.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{cpu_time, ns_each};
use crate::peers::{Peer, on_worker};

/// This program again, in one of its other roles.
fn ourselves() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

fn has(program: &str) -> bool {
    let quiet = |c: &mut Command| c.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    quiet(Command::new(program).arg("-h"))
}

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    addr: String,
}

impl Server {
    fn start(mut command: Command) -> Server {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, input, output, addr: String::new() };
        server.addr = server.line();
        server
    }

    fn peer(peer: &str, kind: &str, plan: &Plan) -> Server {
        let mut command = ourselves();
        command.args(["serve", "--peer", peer, "--kind", kind]);
        command.args(["--workers", &plan.workers.to_string()]);
        Server::start(command)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the server answers");
        line.trim().to_owned()
    }

    /// CPU time that it has used, in microseconds.
    fn cpu_us(&mut self) -> f64 {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
        self.line().parse().expect("microseconds")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its order to exit.
        self.input.take();
        let _ = self.child.wait();
    }
}

struct Load<'a> {
    addr: &'a str,
    connections: usize,
    udp: bool,
    how_much: [&'a str; 2],
}

impl Load<'_> {
    fn args(&self) -> Vec<String> {
        let connections = self.connections.to_string();
        let all = ["load", "--addr", self.addr, "--connections", &connections];
        let udp: &[&str] = if self.udp { &["--udp"] } else { &[] };
        all.iter().chain(&self.how_much).chain(udp).map(|s| s.to_string()).collect()
    }

    /// Requests, nanoseconds, percentiles.
    fn run(&self) -> Vec<f64> {
        let mut command = ourselves();
        let output = command.args(self.args()).stderr(Stdio::inherit()).output();
        let output = output.expect("the load runs");
        let line = String::from_utf8_lossy(&output.stdout);
        line.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    }
}

fn echo(peer: &str, connections: usize, plan: &Plan) -> Vec<Figure> {
    there_and_back(peer, "echo", connections, plan)
}

fn there_and_back(peer: &str, kind: &str, connections: usize, plan: &Plan) -> Vec<Figure> {
    let udp = kind == "udp";
    let ms = plan.count(1000, 200).to_string();
    let mut server = Server::peer(peer, kind, plan);
    let warm_up = (connections * 20).to_string();
    let addr = server.addr.clone();
    let load = |how_much| Load { addr: &addr, connections, udp, how_much }.run();
    load(["--requests", &warm_up]);
    let before = server.cpu_us();
    let out = load(["--ms", &ms]);
    let cpu = server.cpu_us() - before;
    let mut figures = vec![
        figure("requests", Unit::PerSecond, out[0] / out[1] * 1e9),
        figure("p50", Unit::Us, out[2]),
        figure("p99", Unit::Us, out[4]),
        figure("p99.9", Unit::Us, out[5]),
        figure("server CPU a request", Unit::Us, cpu / out[0]),
    ];
    figures.extend(system_calls(&server, connections, udp, plan));
    figures
}

/// System calls a request, in a short run of its own.
///
/// `perf stat` counts in the kernel and hardly disturbs. `strace` takes its place where the
/// tracepoints are closed; it slows the server so much that an answer is often there before the
/// server would have waited for it, and then counts fewer `epoll_wait`s than there are.
fn system_calls(server: &Server, connections: usize, udp: bool, plan: &Plan) -> Vec<Figure> {
    let requests = plan.count(20_000, 5_000);
    let count = |requests: usize| {
        let of_load = Load {
            addr: &server.addr,
            connections,
            udp,
            how_much: ["--requests", &requests.to_string()],
        };
        by_perf(server.child.id(), &of_load).or_else(|| by_strace(server.child.id(), &of_load))
    };
    // What accepting and closing costs is in both, and cancels out.
    let (Some(base), Some(full)) = (count(connections), count(connections + requests)) else {
        return Vec::new();
    };
    let each = |of: fn(&Calls) -> f64| (of(&full) - of(&base)) / requests as f64;
    vec![
        figure("system calls a request", Unit::Each, each(|c| c.total)),
        figure("futex calls a request", Unit::Each, each(|c| c.futex)),
        figure("epoll_wait calls a request", Unit::Each, each(|c| c.epoll_wait)),
    ]
}

fn report_path() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("benches-calls-{}", std::process::id()))
}

fn by_perf(pid: u32, load: &Load<'_>) -> Option<Calls> {
    let path = report_path();
    let mut command = Command::new("perf");
    command.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter,syscalls:sys_enter_futex"]);
    command.args(["-e", "syscalls:sys_enter_epoll_wait,syscalls:sys_enter_epoll_pwait"]);
    command.args(["-e", "syscalls:sys_enter_epoll_pwait2", "-p", &pid.to_string(), "-o"]);
    command.arg(&path).arg("--").arg(std::env::current_exe().unwrap()).args(load.args());
    let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let report = fs::read_to_string(&path).ok()?;
    let _ = fs::remove_file(&path);
    let mut calls = Calls::default();
    for line in report.lines() {
        // count,unit,event,...
        let mut words = line.split(',');
        let (Some(n), Some(event)) = (words.next().and_then(|n| n.parse().ok()), words.nth(1))
        else {
            continue;
        };
        calls.add(event.rsplit("sys_enter").next().unwrap().trim_start_matches('_'), n);
    }
    (done.success() && calls.total > 0.0).then_some(calls)
}

fn by_strace(pid: u32, load: &Load<'_>) -> Option<Calls> {
    let path = report_path();
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-p", &pid.to_string(), "-o"]).arg(&path);
    let mut strace = command.stderr(Stdio::null()).spawn().ok()?;
    // Time to attach to every thread.
    thread::sleep(Duration::from_millis(200));
    load.run();
    // SAFETY: a signal to a child of ours that has not been waited for.
    unsafe { libc::kill(strace.id() as i32, libc::SIGINT) };
    let _ = strace.wait();
    let report = fs::read_to_string(&path).ok()?;
    let _ = fs::remove_file(&path);
    let mut calls = Calls::default();
    for line in report.lines() {
        // share, seconds, each, calls, maybe errors, name
        let words: Vec<&str> = line.split_whitespace().collect();
        if let (Some(name), Some(Ok(n))) = (words.last(), words.get(3).map(|w| w.parse())) {
            calls.add(if *name == "total" { "" } else { name }, n);
        }
    }
    (calls.total > 0.0).then_some(calls)
}

#[derive(Default)]
struct Calls {
    total: f64,
    futex: f64,
    epoll_wait: f64,
}

impl Calls {
    /// No name: the sum of all.
    fn add(&mut self, name: &str, n: f64) {
        match name {
            "" => self.total = n,
            "futex" => self.futex = n,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => self.epoll_wait += n,
            _ => {}
        }
    }
}

pub(super) fn echo_1(peer: &str, plan: &Plan) -> Vec<Figure> {
    echo(peer, 1, plan)
}
pub(super) fn echo_50(peer: &str, plan: &Plan) -> Vec<Figure> {
    echo(peer, 50, plan)
}
pub(super) fn echo_500(peer: &str, plan: &Plan) -> Vec<Figure> {
    echo(peer, 500, plan)
}

pub(super) fn udp_50(peer: &str, plan: &Plan) -> Vec<Figure> {
    there_and_back(peer, "udp", 50, plan)
}

pub(super) fn http(peer: &str, plan: &Plan) -> Vec<Figure> {
    if !has("wrk") || peer == "raw" {
        return Vec::new();
    }
    let mut server = Server::peer(peer, "http", plan);
    let url = format!("http://{}/", server.addr);
    let wrk = |seconds: &str| {
        let output = Command::new("wrk")
            .args(["-t1", "-c50", "--latency", "-d", seconds, &url])
            .output()
            .expect("wrk runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let before = server.cpu_us();
    let report = wrk(if plan.quick { "1s" } else { "2s" });
    let cpu = server.cpu_us() - before;
    let words: Vec<&str> = report.split_whitespace().collect();
    let after = |name: &str| words.iter().position(|w| *w == name).map(|i| words[i + 1]);
    let number = |w: Option<&str>| w.and_then(|w| w.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let at = words.iter().position(|w| *w == "requests").expect("wrk reports requests");
    let requests: f64 = words[at - 1].parse().expect("wrk's count");
    vec![
        figure("requests", Unit::PerSecond, number(after("Requests/sec:"))),
        figure("p99", Unit::Us, after("99%").map_or(f64::NAN, micros)),
        figure("server CPU a request", Unit::Us, cpu / requests),
    ]
}

/// wrk writes `1.25ms` or `730.00us`.
fn micros(s: &str) -> f64 {
    let number = s.trim_end_matches(char::is_alphabetic);
    let scale = match &s[number.len()..] {
        "us" => 1.0,
        "ms" => 1e3,
        _ => 1e6,
    };
    number.parse().map_or(f64::NAN, |n: f64| n * scale)
}

/// A process whose runtime has nothing to do: how often it wakes, and what it burns.
pub(super) fn idle(peer: &str, plan: &Plan) -> Vec<Figure> {
    if peer == "raw" {
        return Vec::new();
    }
    let server = Server::peer(peer, "idle", plan);
    thread::sleep(Duration::from_millis(500));
    // Not asked over its input while it is watched: that would wake it.
    let pid = server.child.id();
    let before = threads_of(pid);
    thread::sleep(Duration::from_millis(2000));
    let after = threads_of(pid);
    vec![
        figure("wake-ups", Unit::Each, after.0 - before.0),
        figure("CPU", Unit::Us, after.1 - before.1),
    ]
}

/// Voluntary switches and CPU microseconds of all threads of a process.
fn threads_of(pid: u32) -> (f64, f64) {
    let mut switches = 0.0;
    let mut cpu = 0.0;
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
        switches += line.and_then(|n| n.trim().parse::<f64>().ok()).unwrap_or(0.0);
        let stat = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
        let ns = stat.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
        cpu += ns.unwrap_or(0.0) / 1000.0;
    }
    (switches, cpu)
}

/// What the whole process grows by for an idle task, as the kernel sees it.
pub(super) fn resident(peer: &str, plan: &Plan) -> Vec<Figure> {
    if peer == "raw" {
        return Vec::new();
    }
    // It measures itself, and prints the bytes a task where another prints its address.
    let server = Server::peer(peer, "memory", plan);
    vec![figure("", Unit::Bytes, server.addr.parse().expect("bytes"))]
}

/// A task copies from one socket to another; plain threads write at one end and read at the other.
pub(super) fn copy<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    const BLOCK: usize = 256 * 1024;
    let blocks = plan.count(4096, 256);
    let source = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let (from, to) = (source.local_addr().unwrap(), sink.local_addr().unwrap());
    let (cpu, t) = (cpu_time(), Instant::now());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream: TcpStream = source.accept().unwrap().0;
            let block = vec![7; BLOCK];
            for _ in 0..blocks {
                stream.write_all(&block).unwrap();
            }
        });
        let end = scope.spawn(move || {
            let mut stream: TcpStream = sink.accept().unwrap().0;
            let (mut block, mut all) = (vec![0; BLOCK], 0);
            loop {
                match stream.read(&mut block).unwrap() {
                    0 => return all,
                    n => all += n,
                }
            }
        });
        let copied = on_worker::<P, _>(rt, async move {
            let (from, to) = (P::connect(from).await.unwrap(), P::connect(to).await.unwrap());
            P::copy(from, to).await.unwrap()
        });
        assert_eq!(copied as usize, blocks * BLOCK);
        assert_eq!(end.join().unwrap(), blocks * BLOCK);
    });
    let megabytes = (blocks * BLOCK) as f64 / 1e6;
    let cpu = (cpu_time() - cpu).as_nanos() as f64;
    vec![
        figure("megabytes", Unit::PerSecond, megabytes / t.elapsed().as_secs_f64()),
        figure("CPU a megabyte, both ends in it", Unit::Us, cpu / 1e3 / megabytes),
    ]
}

/// A process that copies lines from its standard input to its standard output.
pub(super) fn lines(peer: &str, plan: &Plan) -> Vec<Figure> {
    if peer == "raw" {
        return Vec::new();
    }
    let n = plan.count(500_000, 20_000);
    let mut command = ourselves();
    command.args(["serve", "--peer", peer, "--kind", "lines"]);
    command.args(["--workers", &plan.workers.to_string()]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the copier starts");
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let t = Instant::now();
    let writer = thread::spawn(move || {
        let block = "a line of some thirty characters\n".repeat(1000);
        for _ in 0..n / 1000 {
            input.write_all(block.as_bytes()).expect("the copier reads");
        }
    });
    let (mut block, mut ends) = (vec![0; 64 * 1024], 0);
    loop {
        match output.read(&mut block).expect("the copier writes") {
            0 => break,
            read => ends += block[..read].iter().filter(|byte| **byte == b'\n').count(),
        }
    }
    let took = ns_each(t, n);
    writer.join().unwrap();
    assert_eq!(ends, n);
    let _ = child.wait();
    vec![figure("", Unit::Ns, took)]
}
