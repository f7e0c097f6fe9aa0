//! The four servers of `four_ways` keep one protocol, and the comparison runs from end to end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WAYS: [&str; 4] = ["threads", "event-loop", "actors", "tasks"];

/// Bounds how long a failure takes; nothing waits for it otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(way: &str) -> Server {
        let mut process = Command::new(program())
            .args(["serve", way])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{way} does not start: {error}"));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { process, address: line.trim().into() }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where cargo put the example: next to the folder of the running test. `cargo test -p examples`
/// builds it; `cargo test --test four_ways` alone does not.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(format!("four_ways{}", std::env::consts::EXE_SUFFIX))
}

fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

#[test]
fn each_way_numbers_the_lines_of_all_connections() {
    for way in WAYS {
        let server = Server::start(way);
        let (mut first, mut second) = (server.connect(), server.connect());
        first.get_mut().write_all(b"one\n").unwrap();
        assert_eq!(line(&mut first), "1 one\n", "{way}");
        second.get_mut().write_all(b"two\nthree\nfo").unwrap();
        assert_eq!(line(&mut second), "2 two\n", "{way}");
        assert_eq!(line(&mut second), "3 three\n", "{way}");
        first.get_mut().write_all(b"\n").unwrap();
        assert_eq!(line(&mut first), "4 \n", "{way}");
        second.get_mut().write_all(b"ur\n").unwrap();
        assert_eq!(line(&mut second), "5 four\n", "{way}");
    }
}

#[test]
fn each_way_takes_a_line_as_long_as_its_buffer_and_no_longer() {
    for way in WAYS {
        let server = Server::start(way);
        let mut stream = server.connect();
        let mut longest = vec![b'x'; 1023];
        longest.push(b'\n');
        stream.get_mut().write_all(&longest).unwrap();
        assert_eq!(line(&mut stream).len(), 1024 + 2, "{way}");
        // The connection ends; the server goes on. A reset is as good an end as a close.
        stream.get_mut().write_all(&[b'x'; 1024]).unwrap();
        let rest = stream.read_to_end(&mut Vec::new());
        assert!(!matches!(rest, Ok(1..)), "{way}: {rest:?}");
        let mut other = server.connect();
        other.get_mut().write_all(b"still there\n").unwrap();
        assert_eq!(line(&mut other), "2 still there\n", "{way}");
    }
}

#[test]
fn each_way_serves_a_client_that_reads_late() {
    // More than fits into all buffers on the way, so that at some time neither side can write.
    const LINES: usize = 20_000;
    let lines = [[b'y'; 999].as_slice(), b"\n"].concat().repeat(LINES);
    for way in WAYS {
        let server = Server::start(way);
        let mut stream = server.connect();
        let mut writer = stream.get_ref().try_clone().unwrap();
        writer.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut sent = 0;
        while sent < lines.len() {
            let Ok(n) = writer.write(&lines[sent..]) else { break };
            sent += n;
        }
        assert!(sent < lines.len(), "{way}: nothing had to wait");
        writer.set_write_timeout(Some(PATIENCE)).unwrap();
        std::thread::scope(|scope| {
            let rest = &lines[sent..];
            scope.spawn(move || writer.write_all(rest).unwrap());
            for number in 1..=LINES {
                let answer = line(&mut stream);
                assert!(answer.starts_with(&format!("{number} y")), "{way}: {answer}");
                assert!(answer.ends_with("y\n"), "{way}");
            }
        });
    }
}

#[test]
fn the_comparison_has_a_row_for_each_way_and_number_of_connections() {
    let drawing = std::env::temp_dir().join(format!("four_ways_{}.svg", std::process::id()));
    let output = Command::new(program())
        .args(["--connections", "10,20", "--seconds", "0.1", "--plot"])
        .arg(&drawing)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let table = String::from_utf8(output.stdout).unwrap();
    for connections in [10, 20] {
        for way in WAYS {
            let head = format!("| {connections} | {way} |");
            let row = table.lines().find(|line| line.starts_with(&head));
            let row = row.unwrap_or_else(|| panic!("no row `{head}` in\n{table}{errors}"));
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 7, "{row}");
            // Without `/proc` there is no figure for memory.
            let figures = if cfg!(target_os = "linux") { &cells[2..] } else { &cells[3..] };
            for figure in figures {
                assert!(figure.parse::<f64>().is_ok(), "{figure} in {row}");
            }
        }
    }
    let plot = std::fs::read_to_string(&drawing).unwrap();
    std::fs::remove_file(&drawing).unwrap();
    assert!(plot.starts_with("<svg") && plot.ends_with("</svg>\n") && !plot.contains("NaN"));
}

#[test]
fn more_connections_than_descriptors_is_an_error_that_says_what_to_do() {
    let output = Command::new(program()).args(["--connections", "4000000000"]).output().unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("descriptors are needed") && errors.contains("ulimit"), "{errors}");
    let output = Command::new(program()).args(["--conections", "10"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no option"));
}
