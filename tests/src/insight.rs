//! A program that is looked into: the test executable again, with its insight on.

use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

use crate::scratch::Scratch;
use crate::{again, patience};

/// What a program prints when there is something to see.
const READY: &str = "ready to be looked into";

/// For the program: says that there is something to see, and stays until it is told to end.
pub fn be_looked_into() {
    // After the line of the test's name.
    println!("\n{READY}");
    // Ends with the test.
    let _ = io::stdin().read(&mut [0]);
}

/// A program that runs `test` of this executable in the role `role`.
pub struct Program {
    child: Child,
    /// Its `XDG_RUNTIME_DIR`.
    pub place: Scratch,
}

impl Program {
    /// Starts it with `RUNTIME_INSIGHT=1` and waits until it says that it is ready.
    #[track_caller]
    pub fn start(test: &str, role: &str) -> Program {
        Program::start_with(test, role, Scratch::new(), &[])
    }

    /// [`start`](Program::start) with a place for the socket, and variables for the environment.
    #[track_caller]
    pub fn start_with(
        test: &str,
        role: &str,
        place: Scratch,
        variables: &[(&str, &str)],
    ) -> Program {
        let mut command = again(test, role);
        command
            .env("RUNTIME_INSIGHT", "1")
            .env("XDG_RUNTIME_DIR", place.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut program = Program { child: command.spawn().unwrap(), place };
        program.wait_ready();
        program
    }

    /// Lets it go on to its next [`be_looked_into`].
    #[track_caller]
    pub fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        self.wait_ready();
    }

    #[track_caller]
    fn wait_ready(&mut self) {
        // Not beyond the line: the rest is for the next time.
        let out = self.child.stdout.as_mut().unwrap();
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(format!("\n{READY}\n").as_bytes()) {
            match out.read(&mut byte) {
                Ok(1) => seen.push(byte[0]),
                _ => {
                    let out = String::from_utf8_lossy(&seen).into_owned();
                    panic!("the program ended:\n{out}\n{}", self.errors());
                }
            }
        }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its socket is to be.
    pub fn socket(&self) -> PathBuf {
        self.place.join("runtime-insight").join(format!("{}.sock", self.pid()))
    }

    /// A connection on which nothing waits for ever.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(patience())).unwrap();
        stream.set_write_timeout(Some(patience())).unwrap();
        stream
    }

    /// The answer to a request, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        ask(&mut stream, request).unwrap()
    }

    /// Tells it to end, and says how it did and what it wrote to stderr.
    pub fn end(mut self) -> (ExitStatus, String) {
        let _ = self.child.stdin.take().unwrap().write_all(b"x");
        let errors = self.errors();
        (self.child.wait().unwrap(), errors)
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut text);
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request and reads the answer. An error that the program answers is one of the kind
/// `Other`.
pub fn ask(stream: &mut UnixStream, request: &str) -> io::Result<String> {
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let Some(length) = head.strip_prefix("ok ") else {
        return Err(io::Error::other(head.trim_end().to_owned()));
    };
    let mut body = vec![0; length.trim_end().parse().unwrap()];
    stream.read_exact(&mut body)?;
    Ok(String::from_utf8(body).unwrap())
}

/// A directory that only this user can open.
pub fn private_directory(path: &std::path::Path) {
    std::fs::DirBuilder::new().mode(0o700).create(path).unwrap();
}
