//! Each example that serves is started as a process of its own and spoken to over a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bounds how long a failure takes; nothing waits for it otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running example, and where it listens.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(example: &str) -> Server {
        let mut process = Command::new(path_of(example))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{example} does not start: {error}"));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit([' ', '/']).next().unwrap().to_string();
        Server { process, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    #[cfg(unix)]
    fn signal(&self, signal: libc::c_int) {
        // SAFETY: `kill` takes no pointer, and the process is our child that we have not yet
        // waited for, so the number is still its own.
        let sent = unsafe { libc::kill(self.process.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0);
    }

    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            match self.process.try_wait().unwrap() {
                Some(status) => return status,
                None if start.elapsed() > PATIENCE => panic!("still runs after {PATIENCE:?}"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where cargo put the example: next to the folder of the running test.
fn path_of(example: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

/// Sends `bytes`, says that no more will come, and reads to the end.
fn ask(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn echo_sends_back_what_it_gets() {
    let server = Server::start("echo");
    let text = "0123456789".repeat(50_000);
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let sent = text.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(sent.as_bytes()).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = String::new();
    stream.read_to_string(&mut back).unwrap();
    writing.join().unwrap();
    assert!(back == text, "{} bytes came back of {}", back.len(), text.len());
}

#[test]
fn chat_passes_lines_to_the_others() {
    let server = Server::start("chat");
    let line = |member: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        member.read_line(&mut line).unwrap();
        line
    };
    let mut first = BufReader::new(server.connect());
    assert_eq!(line(&mut first), "* 1 joined, 1 here\n");
    let mut second = BufReader::new(server.connect());
    assert_eq!(line(&mut second), "* 2 joined, 2 here\n");
    assert_eq!(line(&mut first), "* 2 joined, 2 here\n");
    first.get_mut().write_all(b"good morning\n").unwrap();
    assert_eq!(line(&mut second), "1: good morning\n");
    drop(second);
    // Not its own line: who wrote it is spared it.
    assert_eq!(line(&mut first), "* 2 left, 1 here\n");
}

#[test]
fn kv_answers_a_pipeline() {
    let server = Server::start("kv");
    let answer = ask(
        &server,
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb \r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nINCR n\r\nincr n\r\n\
          LPUSH l 1 2 3\r\nLRANGE l 0 -2\r\nGET l\r\nGET none\r\nINCR k\r\nPING\r\nBOO\r\nQUIT\r\nPING\r\n",
    );
    let expected = "+OK\r\n$5\r\na\r\nb \r\n:1\r\n:2\r\n:3\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n\
        -WRONGTYPE Operation against a key holding the wrong kind of value\r\n$-1\r\n\
        -ERR value is not an integer or out of range\r\n+PONG\r\n\
        -ERR unknown command or wrong arguments: 'BOO'\r\n+OK\r\n";
    assert_eq!(answer, expected);
}

#[test]
fn kv_takes_a_command_in_pieces() {
    let server = Server::start("kv");
    let mut stream = server.connect();
    for piece in b"*2\r\n$4\r\nECHO\r\n$300000\r\n".chunks(3) {
        stream.write_all(piece).unwrap();
    }
    let word = vec![b'x'; 300_000];
    stream.write_all(&word).unwrap();
    stream.write_all(b"\r\n").unwrap();
    let mut answer = vec![0; 9 + word.len() + 2];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"$300000\r\n") && answer[9..].starts_with(&word));
}

#[test]
fn kv_refuses_what_is_no_command() {
    let server = Server::start("kv");
    let answer = ask(&server, b"*1\r\n+what\r\n");
    assert_eq!(answer, "-ERR Protocol error: expected '$'\r\n");
    let answer = ask(&server, b"*99999999999\r\n");
    assert_eq!(answer, "-ERR Protocol error: invalid multibulk length\r\n");
}

#[test]
fn http_hello_speaks_http_1() {
    let server = Server::start("http_hello");
    // Two requests on one connection, the second in two pieces.
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\nGET /none HT").unwrap();
    stream.write_all(b"TP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Hello, world!\nHTTP/1.1 404 Not Found\r\n"), "{answer}");
}

#[test]
fn http_hello_tells_the_preface_of_http_2_from_a_request() {
    let server = Server::start("http_hello");
    let mut stream = server.connect();
    // The preface byte by byte, then an empty SETTINGS frame.
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[3..], [4, 0, 0, 0, 0, 0], "the first frame is the server's SETTINGS");

    // The same first letter, and no HTTP/2.
    let mut stream = server.connect();
    let put = b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(put).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[cfg(unix)]
#[test]
fn http_hello_finishes_what_is_under_way_and_ends_well() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut server = Server::start("http_hello");
        // An idle connection, one that has said nothing, and one in the midst of a slow request.
        let mut idle = server.connect();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut first = [0; 8];
        idle.read_exact(&mut first).unwrap();
        let mut silent = server.connect();
        let mut busy = server.connect();
        busy.write_all(
            b"POST /slow HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
        )
        .unwrap();
        // The server asks for the body once it is at work on the request.
        let mut go_on = [0; 25];
        busy.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        busy.write_all(b"x").unwrap();

        server.signal(signal);
        let mut answer = String::new();
        busy.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("Hello, patient world!"), "{answer}");
        assert_eq!(silent.read(&mut first).unwrap(), 0, "a silent connection is closed");
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).unwrap();
        assert!(server.wait().success());
        assert!(TcpStream::connect(&server.address).is_err());
    }
}

#[cfg(unix)]
#[test]
fn drain_finishes_what_is_under_way_and_no_more() {
    let mut server = Server::start("drain");
    let connect = |lines: &[u8], expected: &[&str]| {
        let mut stream = BufReader::new(server.connect());
        stream.get_mut().write_all(lines).unwrap();
        for expected in expected {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            assert_eq!(line.trim(), *expected);
        }
        stream
    };
    let idle = connect(b"0\n", &["begun", "worked for 0 ms"]);
    // Work that ends within the grace, and work that does not.
    let at_work = connect(b"300\n", &["begun"]);
    let endless = connect(b"3600000\n", &["begun"]);
    server.signal(libc::SIGINT);
    let rest = |mut stream: BufReader<TcpStream>| {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        rest
    };
    assert_eq!(rest(idle), "goodbye\n");
    assert_eq!(rest(at_work), "worked for 300 ms\ngoodbye\n");
    assert_eq!(rest(endless), "");
    assert!(server.wait().success());
}

#[test]
fn opentelemetry_is_told_the_numbers() {
    let output = Command::new(path_of("opentelemetry")).arg("0").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["runtime.tasks.alive", "runtime.tasks.spawned", "runtime.worker.polls"] {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
    // The hundred, which do not end.
    assert!(text.lines().any(|line| line.trim().ends_with(": 100")), "{text}");
}
