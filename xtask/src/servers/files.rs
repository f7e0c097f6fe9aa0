//! dufs, a file server: pages, ranges, uploads, folders, archives.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{Client, Done, Load, Place, Running, Subject, read, traffic};
use crate::Outcome;
use crate::sides::{failed, output, wrk};

const CURL: Option<Client> = Some(("curl", "curl"));
const WRK: Option<Client> = Some(("wrk", "wrk"));

pub(super) const DUFS: Subject = Subject {
    name: "dufs",
    version: "0.47.0",
    newer: &[],
    features: "",
    programs: &["dufs"],
    what: "file server",
    start,
    client: CURL,
    check,
    loads: &[
        Load {
            name: "GET 1 KiB",
            unit: "requests",
            client: WRK,
            drive: |running, seconds| get(running, "small", seconds),
        },
        Load {
            name: "GET 1 MiB",
            unit: "requests",
            client: WRK,
            drive: |running, seconds| get(running, "large", seconds),
        },
        Load {
            name: "list of 50 files",
            unit: "requests",
            client: WRK,
            drive: |running, seconds| get(running, "many/?json", seconds),
        },
        Load { name: "PUT 256 KiB", unit: "requests", client: CURL, drive: put },
    ],
    signal: ("INT", 2),
};

const UPLOADS: usize = 40;
/// The files in the folder that is listed.
const FILES: usize = 50;

fn start(place: &Place) -> Result<Running, String> {
    let served = place.folder.join("served");
    let file = |name: &str, content: &[u8]| {
        let path = served.join(name);
        fs::write(&path, content).map_err(failed(&path))
    };
    for folder in ["many", "up"] {
        let path = served.join(folder);
        fs::create_dir_all(&path).map_err(failed(&path))?;
    }
    file("small", &traffic::bytes(1024, 1))?;
    file("large", &traffic::bytes(1 << 20, 2))?;
    for at in 0..FILES as u64 {
        file(&format!("many/{at}"), &traffic::bytes(100, at))?;
    }
    // The files that clients upload.
    for at in 0..UPLOADS {
        let path = place.folder.join(format!("upload-{at}"));
        fs::write(&path, traffic::bytes(256 * 1024, 1000 + at as u64)).map_err(failed(&path))?;
    }
    let address = place.free()?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    // Logs no line for each request, which would be most of the work.
    let arguments = ["--bind", &host, "--port", &port, "--allow-all", "--log-format", "", "served"];
    let process = place.start("dufs", &arguments)?;
    place.listens(address)?;
    Ok(Running { processes: vec![process], address, folder: place.folder.clone() })
}

fn get(running: &Running, path: &str, seconds: f64) -> Result<Done, String> {
    let wrk = wrk(&format!("http://{}/{path}", running.address), seconds)?;
    Ok(Done { operations: wrk.requests, seconds: wrk.requests / wrk.per_second })
}

fn put(running: &Running, seconds: f64) -> Result<Done, String> {
    let start = Instant::now();
    let mut operations = 0;
    while start.elapsed().as_secs_f64() < seconds {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "60", "--upload-file"]);
        curl.arg(format!("upload-[0-{}]", UPLOADS - 1)).current_dir(&running.folder);
        output(curl.arg(format!("http://{}/up/", running.address)))?;
        operations += UPLOADS;
    }
    let seconds = start.elapsed().as_secs_f64();
    for at in 0..UPLOADS {
        let name = format!("upload-{at}");
        let there = read(&running.folder.join("served/up").join(&name));
        if there != read(&running.folder.join(&name)) {
            return Err(format!("{name} is not what was uploaded, it has {} bytes", there.len()));
        }
    }
    Ok(Done { operations: operations as f64, seconds })
}

/// What `curl` gets for these arguments and this path: the status and the body.
fn curl(running: &Running, arguments: &[&str], path: &str) -> Result<(String, Vec<u8>), String> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--write-out", "%{http_code}"]).args(arguments);
    curl.arg(format!("http://{}/{path}", running.address)).current_dir(&running.folder);
    let mut body = output(&mut curl)?;
    let status = body.split_off(body.len().saturating_sub(3));
    Ok((String::from_utf8_lossy(&status).into_owned(), body))
}

fn check(running: &Running) -> Outcome {
    let served = running.folder.join("served");
    let is = |what: &str, is_right: bool| {
        if is_right { Ok(()) } else { Err(format!("{what} is wrong")) }
    };
    let expect = |arguments: &[&str], path: &str, status: &str, body: Option<&[u8]>| {
        let (code, got) = curl(running, arguments, path)?;
        let what = format!("{arguments:?} {path}: {code}, {} bytes", got.len());
        is(&what, code == status && body.is_none_or(|body| body == got))
    };
    let large = read(&served.join("large"));
    expect(&[], "small", "200", Some(&read(&served.join("small"))))?;
    expect(&[], "large", "200", Some(&large))?;
    expect(&["--range", "100000-299999"], "large", "206", Some(&large[100_000..300_000]))?;
    expect(&["--range", "-777"], "large", "206", Some(&large[large.len() - 777..]))?;
    expect(&["--range", "2000000-"], "large", "416", None)?;
    expect(&["--head"], "large", "200", None)?;
    expect(&[], "nothing", "404", None)?;
    let (_, list) = curl(running, &[], "many/?json")?;
    let names = String::from_utf8_lossy(&list).matches("\"name\":").count();
    is(&format!("a list with {names} names"), names == FILES)?;
    let (code, archive) = curl(running, &[], "many/?zip")?;
    is("an archive", code == "200" && archive.starts_with(b"PK") && archive.len() > FILES * 100)?;
    is_unpacked(running, &archive, &served.join("many"))?;
    // Uploads, overwrites, moves and deletes.
    expect(&["--upload-file", "upload-3"], "up/new", "201", None)?;
    expect(&[], "up/new", "200", Some(&read(&running.folder.join("upload-3"))))?;
    expect(&["--upload-file", "upload-4"], "up/new", "201", None)?;
    expect(&[], "up/new", "200", Some(&read(&running.folder.join("upload-4"))))?;
    let to = format!("Destination: http://{}/up/moved", running.address);
    expect(&["--request", "MOVE", "--header", &to], "up/new", "204", None)?;
    expect(&[], "up/new", "404", None)?;
    expect(&["--request", "DELETE"], "up/moved", "204", None)?;
    is("what was deleted", !served.join("up/moved").exists())?;
    expect(&["--request", "MKCOL"], "up/folder", "201", None)?;
    expect(&["--request", "DELETE"], "up/folder", "204", None)
}

/// Checks the archive, if `unzip` is there to do so.
fn is_unpacked(running: &Running, archive: &[u8], folder: &Path) -> Outcome {
    let path = running.folder.join("many.zip");
    fs::write(&path, archive).map_err(failed(&path))?;
    let there = Command::new("unzip").arg("-v").output().is_ok();
    if !there {
        return Ok(());
    }
    let got = output(Command::new("unzip").arg("-p").arg(&path).arg("7"))?;
    if got == read(&folder.join("7")) {
        Ok(())
    } else {
        Err("a file of the archive is wrong".into())
    }
}
