//! The page from inside a program: who is let in and who is not, what it answers, and its limits.
#![cfg(unix)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use runtime::sync::{Barrier, Mutex};
use runtime::{Builder, Runtime, task};
use runtime_insight::{Page, page};
use serde_json::Value;

/// Bounds how long a failure takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program with its page.
struct Program {
    runtime: Runtime,
    address: SocketAddr,
    token: String,
}

impl Program {
    fn start() -> Program {
        let (send, started) = mpsc::channel();
        let page = Page::at("127.0.0.1:0").on_start(move |url| send.send(url.to_owned()).unwrap());
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .name("web")
            .insight(page)
            .enable_metrics_poll_time_histogram()
            .enable_all()
            .build()
            .unwrap();
        let url = started.recv().unwrap();
        let (address, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
        Program { runtime, address: address.parse().unwrap(), token: token.to_owned() }
    }

    /// Sends a request as it is, and reads until the other side hangs up.
    fn send(&self, request: &str) -> Response {
        Response(String::from_utf8(self.exchange(request)).unwrap())
    }

    fn exchange(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            // What it had not read when it hung up.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
        answer
    }

    /// With the token as a bearer.
    fn with_token(&self, method: &str, path: &str, more: &str) -> String {
        let token = &self.token;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n{more}\r\n",
            self.address
        )
    }

    fn request(&self, method: &str, path: &str, more: &str) -> Response {
        self.send(&self.with_token(method, path, more))
    }

    /// The whole answer, head and body.
    fn bytes(&self, path: &str) -> Vec<u8> {
        self.exchange(&self.with_token("GET", path, ""))
    }

    #[track_caller]
    fn json(&self, path: &str) -> Value {
        let response = self.request("GET", path, "");
        assert_eq!(response.status(), 200, "{path}: {}", response.0);
        serde_json::from_str(response.body()).unwrap()
    }

    /// Asks until the answer is such.
    #[track_caller]
    fn wait_for(&self, path: &str, is_such: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.json(path);
            if is_such(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{answer:#}");
            std::thread::yield_now();
        }
    }
}

struct Response(String);

impl Response {
    fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0)
    }

    fn head(&self) -> &str {
        self.0.split("\r\n\r\n").next().unwrap()
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }
}

#[track_caller]
fn spawn(
    program: &Program,
    name: &str,
    future: impl Future<Output = ()> + Send + 'static,
) -> task::Id {
    let spawned = task::Builder::new().name(name).spawn_on(future, program.runtime.handle());
    spawned.unwrap().id()
}

/// Two tasks that wait for each other's lock, and one that waits behind.
fn deadlock(program: &Program) -> [u64; 3] {
    use std::sync::Arc;
    let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both_hold_one = Arc::new(Barrier::new(3));
    let two = [("ab", &a, &b), ("ba", &b, &a)].map(|(name, first, second)| {
        let (first, second) = (Arc::clone(first), Arc::clone(second));
        let barrier = Arc::clone(&both_hold_one);
        spawn(program, name, async move {
            let _first = first.lock().await;
            barrier.wait().await;
            let _second = second.lock().await;
        })
    });
    let behind = spawn(program, "behind", async move {
        both_hold_one.wait().await;
        let _a = a.lock().await;
    });
    let number = |id: task::Id| id.to_string().parse().unwrap();
    [number(two[0]), number(two[1]), number(behind)]
}

#[test]
fn whoever_has_no_token_or_comes_by_a_foreign_name_is_refused() {
    let program = Program::start();
    let own = program.address;
    let token = &program.token;
    let ask = |path: &str, host: &str, more: &str| {
        program.send(&format!("GET {path} HTTP/1.1\r\n{host}{more}\r\n"))
    };
    let host = format!("Host: {own}\r\n");
    let right = format!("Authorization: Bearer {token}\r\n");
    let wrong = format!("Authorization: Bearer {}\r\n", "0".repeat(token.len()));

    // Each of them is hung up on: `send` has read to the end.
    for path in ["/", "/page.js", "/api/dump.json", "/api/overview", "/nothing"] {
        let none = ask(path, &host, "");
        assert_eq!(none.status(), 403, "{path}");
        assert!(none.body().contains("?token="), "{}", none.0);
        assert_eq!(ask(path, &host, &wrong).status(), 403, "{path}");
        let foreign = ask(path, "Host: example.org\r\n", &right);
        assert_eq!(foreign.status(), 403, "{path}");
        assert!(foreign.body().contains("localhost"), "{}", foreign.0);
    }
    assert_eq!(ask("/", &format!("Host: example.org:{}\r\n", own.port()), &right).status(), 403);
    assert_eq!(ask("/", "", &right).status(), 403);
    let site = format!("{right}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(ask("/api/dump.json", &host, &site).status(), 403);
    for answer in [ask("/", &host, ""), ask("/", "Host: example.org\r\n", &right)] {
        assert!(!answer.0.contains(token) && !answer.0.contains("web"), "{}", answer.0);
    }
}

#[test]
fn the_first_address_gives_a_cookie_that_opens_the_rest() {
    let program = Program::start();
    let (address, token) = (program.address, &program.token);
    let head = format!("HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let first = program.send(&format!("GET /?token={token} {head}\r\n"));
    assert_eq!(first.status(), 200);
    let cookie = first.head().lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for path in ["/", "/page.css", "/page.js", "/charts.js", "/icon.svg", "/api/overview"] {
        let answer = program.send(&format!("GET {path} {head}Cookie: {cookie}\r\n\r\n"));
        assert_eq!(answer.status(), 200, "{path}");
        let policy = "content-security-policy: default-src 'none'; script-src 'self';";
        assert!(answer.head().contains(policy), "{}", answer.head());
        assert!(answer.head().contains("cache-control: no-store"));
    }
}

#[test]
fn it_can_only_be_read() {
    let program = Program::start();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "FROB"] {
        for path in ["/", "/api/dump.json", "/api/task/1"] {
            // The body is neither read nor waited for.
            let answer = program.request(method, path, "Content-Length: 1000000\r\n");
            let status = answer.status();
            // With CONNECT a path is no request at all.
            assert!(status == 405 || (method == "CONNECT" && status == 400), "{method} {path}");
            assert!(status == 400 || answer.head().contains("allow: GET, HEAD"));
        }
    }
    let head = program.request("HEAD", "/", "");
    assert_eq!((head.status(), head.body()), (200, ""));
    assert_eq!(program.request("GET", "/", "Content-Length: 5\r\n").status(), 200);
    assert_eq!(program.request("GET", "/nothing", "").status(), 404);
    assert_eq!(program.request("GET", "/api/task/x", "").status(), 404);
    let wrong = program.request("GET", "/api/tasks?sort=frob", "");
    assert_eq!(wrong.status(), 400);
    assert!(wrong.body().contains("sort is one of"), "{}", wrong.0);
    assert_eq!(program.request("GET", "/api/tasks?limit=-1", "").status(), 400);
    let long = format!("/{}", "x".repeat(1_000_000));
    assert!(matches!(program.request("GET", &long, "").status(), 0 | 414 | 431));
}

#[test]
fn an_address_that_others_can_reach_is_refused_and_the_error_says_why() {
    for (address, why) in [
        ("0.0.0.0:0", "loopback only"),
        ("[::]:0", "loopback only"),
        ("203.0.113.7:80", "tunnel"),
        ("8080", "127.0.0.1:0"),
    ] {
        let built = Builder::new_current_thread().insight(page(address)).build();
        let error = built.unwrap_err().to_string();
        assert!(error.contains(why), "{address}: {error}");
    }
    let program = Program::start();
    let taken = Builder::new_current_thread().insight(page(program.address.to_string())).build();
    let error = taken.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("port 0"), "{error}");
}

#[test]
fn a_thousand_connections_are_bounded_and_end() {
    const LIMIT: usize = 32;
    let program = Program::start();
    let mut all: Vec<_> = (0..1000)
        .map(|_| {
            let stream = TcpStream::connect(program.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    // Those beyond the limit are told so at once. The others are hung up on when no request has
    // come for a while.
    let refused = all.iter_mut().filter_map(|stream| {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 503 ").then_some(())
    });
    assert_eq!(refused.count(), 1000 - LIMIT);
    assert_eq!(program.request("GET", "/", "").status(), 200);
}

#[test]
fn it_tells_of_tasks_locks_and_deadlocks() {
    let program = Program::start();
    let [ab, ba, behind] = deadlock(&program);
    for _ in 0..300 {
        spawn(&program, "sleeper", async {
            runtime::time::sleep(Duration::from_secs(3600)).await;
        });
    }
    let found = program.wait_for("/api/findings", |found| found["circle_count"] == 1);
    let circle = &found["circles"][0];
    let ids: Vec<_> = circle["ring"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [ab, ba]);
    assert_eq!((&circle["behind"][0]["id"], &circle["behind_count"]), (&behind.into(), &1.into()));

    let locks = program.json("/api/locks");
    let lock = &locks["locks"][0];
    assert_eq!((&lock["kind"], &lock["count"]), (&"mutex".into(), &2.into()));
    assert!(lock["made_at"].as_str().unwrap().contains("the_page.rs"));
    assert_eq!(lock["holder"]["name"], "ab");

    let task = program.json(&format!("/api/task/{ab}"));
    assert_eq!((&task["task"]["name"], &task["waiter_count"]), (&"ab".into(), &2.into()));
    assert_eq!(task["names"][ba.to_string()]["name"], "ba");
    assert_eq!(task["circle"]["ring"].as_array().unwrap().len(), 2);
    assert_eq!(program.request("GET", "/api/task/999999999", "").status(), 404);

    let path = "/api/tasks?filter=sleeper+timer&sort=id&order=down&offset=290&limit=100";
    let sleepers = program.wait_for(path, |tasks| tasks["matched"] == 300);
    let rows = sleepers["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    // Pieces of one dump are asked for by its number.
    let number = &sleepers["snapshot"]["number"];
    let same = program.json(&format!("/api/tasks?snapshot={number}&limit=0"));
    assert_eq!(&same["snapshot"]["number"], number);
    let most = program.json("/api/tasks?limit=100000&offset=0");
    assert!(most["rows"].as_array().unwrap().len() <= 500);
    let past = program.json("/api/tasks?offset=18446744073709551615");
    assert!(past["rows"].as_array().unwrap().is_empty());

    let groups = program.json("/api/groups");
    assert_eq!(
        (&groups["groups"][0]["count"], &groups["groups"][0]["wait"]),
        (&300.into(), &"timer".into())
    );

    let overview = program.wait_for("/api/overview", |all| all["next"].as_u64() >= Some(1));
    assert_eq!(overview["hello"]["runtimes"][0]["name"], "web");
    let runtime = &overview["last"]["runtimes"][0];
    assert_eq!(runtime["numbers"]["tasks_alive"], 303);
    assert!(!runtime["per_worker"][0]["poll_duration_seconds"].as_array().unwrap().is_empty());
    assert_eq!(overview["samples"][0]["runtimes"][0]["busy"].as_array().unwrap().len(), 2);
    let later = program.json(&format!("/api/overview?after={}", 1_000_000));
    assert!(later["samples"].as_array().unwrap().is_empty());

    let stacks = program.json(&format!("/api/stacks/{behind}"));
    let text = stacks["text"].as_str().unwrap_or_else(|| panic!("{stacks}"));
    assert!(text.contains("deadlock") && text.contains("lock"), "{text}");
    let none = program.json("/api/stacks/999999999");
    assert!(none["error"].as_str().unwrap().contains("no task"), "{none}");
    let trace = program.bytes("/api/trace?seconds=10");
    assert!(trace.windows(7).any(|part| part == b"sleeper"));
    assert_eq!(program.request("GET", "/api/trace?seconds=0", "").status(), 400);
    // What the program finds by itself is there as well.
    program.wait_for("/api/findings", |found| {
        let told = found["findings"].as_array().unwrap();
        told.iter().any(|one| one["kind"] == "deadlock" && one["stands"] == true)
    });
    // It blocks until the report is there, however late that is.
    let (send, told) = mpsc::channel::<()>();
    spawn(&program, "stalls", async move {
        let _ = told.recv_timeout(PATIENCE);
    });
    program.wait_for("/api/findings", |found| {
        let stalls = found["stalls"].as_array().unwrap();
        stalls.iter().any(|stall| stall["text"].as_str().unwrap().contains("\"stalls\""))
    });
    drop(send);

    for (path, word) in [
        ("/api/dump.json", "\"runtimes\":["),
        ("/api/dump.txt", "waits for a mutex"),
        ("/api/metrics.txt", "runtime_tasks_alive{"),
    ] {
        let file = program.request("GET", path, "");
        assert!(file.head().contains("content-disposition: attachment; filename="), "{path}");
        assert!(file.body().contains(word), "{path}");
    }
}

#[test]
fn it_ends_with_the_last_runtime_and_can_be_used_again() {
    let (send, started) = mpsc::channel();
    let page = Page::at("127.0.0.1:0").on_start(move |url| send.send(url.to_owned()).unwrap());
    let mut builder = Builder::new_current_thread();
    builder.insight(page).enable_all();
    let address = |url: &str| -> SocketAddr {
        url["http://".len()..].split('/').next().unwrap().parse().unwrap()
    };
    let first = builder.build().unwrap();
    let url = started.recv().unwrap();
    // Another one is on the same page.
    let second = builder.build().unwrap();
    assert!(started.try_recv().is_err());
    drop(first);
    assert!(TcpStream::connect(address(&url)).is_ok());
    drop(second);
    let began = Instant::now();
    while TcpStream::connect(address(&url)).is_ok() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let third = builder.build().unwrap();
    let url = started.recv().unwrap();
    assert!(TcpStream::connect(address(&url)).is_ok());
    // It does not end with the builder, which only made it.
    drop(builder);
    assert!(TcpStream::connect(address(&url)).is_ok());
    drop(third);
}

#[test]
fn all_that_the_browser_loads_is_small_and_names_no_other_site() {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page/assets");
    let mut sum = 0;
    for file in std::fs::read_dir(assets).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        sum += text.len();
        for (at, _) in text.match_indices("://") {
            // The names of XML's languages are loaded from nowhere.
            assert!(text[at..].starts_with("://www.w3.org/2000/svg"), "{:?}", file.path());
        }
    }
    assert!((10_000..=150_000).contains(&sum), "{sum} bytes");
}
