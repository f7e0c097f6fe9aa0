//! Two servers through which TCP connections go: bore, a proxy that listens for a program
//! elsewhere, and shadowsocks, a SOCKS server that sends what comes encrypted to its other half.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use super::{Done, Load, Place, Running, Subject, traffic};
use crate::Outcome;
use crate::sides::{failed, output};

// ---- bore ----

pub(super) const BORE: Subject = Subject {
    name: "bore-cli",
    version: "0.6.0",
    newer: &[],
    features: "",
    programs: &["bore"],
    what: "proxy",
    start: start_bore,
    client: None,
    check: |running| traffic::check(running, to_bore),
    loads: &[
        load("round trips", "round trips", |running, seconds| {
            traffic::round_trips(running, to_bore, seconds)
        }),
        load("large amounts", "MiB", |running, seconds| traffic::bulk(running, to_bore, seconds)),
        load("short connections", "connections", |running, seconds| {
            traffic::connections(running, to_bore, seconds)
        }),
    ],
    // The server handles no signal, and a shell's background processes ignore SIGINT.
    signal: ("TERM", 15),
};

const fn load(
    name: &'static str,
    unit: &'static str,
    drive: fn(&Running, f64) -> Result<Done, String>,
) -> Load {
    Load { name, unit, client: None, drive }
}

/// The port of bore's server cannot be chosen, so each side has an address of its own.
const BORE_PORT: u16 = 7835;

fn start_bore(place: &Place) -> Result<Running, String> {
    let host = place.host.to_string();
    let server = place.start("bore", &["server", "--bind-addr", &host])?;
    place.listens(SocketAddr::from((place.host, BORE_PORT)))?;
    // Both programs name their log after themselves, so the log of the first one is kept.
    let log = place.folder.join("bore.log");
    fs::rename(&log, place.folder.join("bore-server.log")).map_err(failed(&log))?;
    let address = place.free()?;
    let (echo, port) = (traffic::echo()?, address.port().to_string());
    let local = [
        "local",
        &echo.port().to_string(),
        "--local-host",
        &echo.ip().to_string(),
        "--to",
        &host,
        "--port",
        &port,
    ];
    let client = place.start("bore", &local)?;
    place.listens(address)?;
    Ok(Running { processes: vec![client, server], address, folder: place.folder.clone() })
}

fn to_bore(running: &Running) -> Result<TcpStream, String> {
    traffic::connect(running.address)
}

// ---- shadowsocks ----

pub(super) const SHADOWSOCKS: Subject = Subject {
    name: "shadowsocks-rust",
    version: "1.25.0",
    newer: &[],
    features: "local,server,multi-threaded,aead-cipher",
    programs: &["sslocal", "ssserver"],
    what: "SOCKS server",
    start: start_shadowsocks,
    client: Some(("curl", "curl")),
    check: check_shadowsocks,
    loads: &[
        load("round trips", "round trips", |running, seconds| {
            traffic::round_trips(running, to_socks, seconds)
        }),
        load("large amounts", "MiB", |running, seconds| traffic::bulk(running, to_socks, seconds)),
        load("short connections", "connections", |running, seconds| {
            traffic::connections(running, to_socks, seconds)
        }),
    ],
    signal: ("TERM", 15),
};

fn start_shadowsocks(place: &Place) -> Result<Running, String> {
    let (far, near) = (place.free()?, place.free()?);
    let (at, socks) = (far.to_string(), near.to_string());
    let secret = ["--encrypt-method", "aes-256-gcm", "--password", "between the halves"];
    let mut arguments = vec!["--server-addr", &at];
    arguments.extend(secret);
    let server = place.start("ssserver", &arguments)?;
    place.listens(far)?;
    arguments.extend(["--local-addr", &socks]);
    let local = place.start("sslocal", &arguments)?;
    place.listens(near)?;
    Ok(Running { processes: vec![local, server], address: near, folder: place.folder.clone() })
}

/// A connection to the echo server, asked for by the SOCKS protocol, version 5, without a password.
fn to_socks(running: &Running) -> Result<TcpStream, String> {
    let said = |error: std::io::Error| format!("SOCKS: {error}");
    let mut stream = traffic::connect(running.address)?;
    let SocketAddr::V4(echo) = traffic::echo()? else { return Err("the echo is IPv4".into()) };
    let mut chosen = [0; 2];
    stream.write_all(&[5, 1, 0]).map_err(said)?;
    stream.read_exact(&mut chosen).map_err(said)?;
    let mut request = vec![5, 1, 0, 1];
    request.extend(echo.ip().octets());
    request.extend(echo.port().to_be_bytes());
    stream.write_all(&request).map_err(said)?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).map_err(said)?;
    match (chosen, &reply[..4]) {
        ([5, 0], [5, 0, 0, 1]) => Ok(stream),
        _ => Err(format!("SOCKS: {chosen:?}, then {reply:?}")),
    }
}

/// Checks that `curl` fetches a page by an address and by a name, and that a port where nobody
/// listens is an error. Then makes the checks of all tunnels.
fn check_shadowsocks(running: &Running) -> Outcome {
    let body = traffic::bytes(200_000, 5);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Two requests, and the connection that says that it is over.
            for mut stream in listener.incoming().flatten().take(3) {
                let mut request = [0; 4096];
                if matches!(stream.read(&mut request), Ok(1..)) {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ =
                        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                }
            }
        });
        let fetch = |scheme: &str, host: &str| {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "--fail", "--max-time", "20", "--noproxy", "", "--proxy"]);
            curl.arg(format!("{scheme}://{}", running.address));
            output(curl.arg(format!("http://{host}:{port}/page")))
        };
        let pages = [("socks5", "127.0.0.1"), ("socks5h", "localhost")]
            .map(|(scheme, host)| fetch(scheme, host).map(|page| (scheme, page == body)));
        // In any case the server's thread must not wait for more.
        for _ in 0..3 {
            let _ = TcpStream::connect(("127.0.0.1", port));
        }
        for page in pages {
            let (scheme, is_right) = page?;
            if !is_right {
                return Err(format!("the page through {scheme} is not what was served"));
            }
        }
        Ok(())
    })?;
    traffic::check(running, to_socks)
}
