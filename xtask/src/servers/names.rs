//! hickory-dns, a DNS server, with a zone of its own.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::{Client, Done, Load, Place, Running, Subject};
use crate::Outcome;
use crate::sides::{failed, text, write};

const DNSPERF: Option<Client> = Some(("dnsperf", "dnsperf"));

pub(super) const HICKORY: Subject = Subject {
    name: "hickory-dns",
    version: "0.26.3",
    newer: &[],
    features: "",
    programs: &["hickory-dns"],
    what: "DNS server",
    start,
    client: Some(("dig", "dnsutils")),
    check,
    loads: &[
        Load {
            name: "over UDP",
            unit: "queries",
            client: DNSPERF,
            drive: |running, seconds| load(running, "udp", seconds),
        },
        Load {
            name: "over TCP",
            unit: "queries",
            client: DNSPERF,
            drive: |running, seconds| load(running, "tcp", seconds),
        },
    ],
    signal: ("TERM", 15),
};

const HOSTS: usize = 500;

fn start(place: &Place) -> Result<Running, String> {
    let mut zone = String::from(
        "$TTL 300\n@ IN SOA ns.example.test. admin.example.test. 7 3600 600 86400 300\n\
         @ IN NS ns.example.test.\nns IN A 192.0.2.1\n@ IN MX 10 mail.example.test.\n\
         mail IN A 192.0.2.2\nalias IN CNAME mail.example.test.\nsix IN AAAA 2001:db8::6\n",
    );
    // The answer is too large for a datagram: it must be asked for again over TCP.
    for at in 0..40 {
        let _ = writeln!(zone, "long IN TXT \"{at:0>100}\"");
    }
    for at in 0..HOSTS {
        let _ = writeln!(zone, "host{at} IN A 198.51.{}.{}", at / 250, at % 250);
    }
    write(&place.folder.join("example.zone"), &zone)?;
    let address = place.free()?;
    let config = format!(
        "listen_addrs_ipv4 = [\"{}\"]\nlisten_port = {}\ndrop_privileges = false\n\n[[zones]]\n\
         zone = \"example.test\"\nzone_type = \"Primary\"\n\n[[zones.stores]]\ntype = \"file\"\n\
         zone_path = \"example.zone\"\n",
        address.ip(),
        address.port()
    );
    write(&place.folder.join("hickory.toml"), &config)?;
    // One name in ten does not exist.
    let mut queries = String::new();
    for at in 0..HOSTS {
        let name = if at % 10 == 9 { format!("nobody{at}") } else { format!("host{at}") };
        let _ = writeln!(queries, "{name}.example.test A");
    }
    write(&place.folder.join("queries"), &queries)?;
    let folder = place.folder.to_string_lossy().into_owned();
    let arguments = ["--quiet", "--config", "hickory.toml", "--zonedir", &folder];
    let process = place.start("hickory-dns", &arguments)?;
    place.listens(address)?;
    Ok(Running { processes: vec![process], address, folder: place.folder.clone() })
}

fn load(running: &Running, transport: &str, seconds: f64) -> Result<Done, String> {
    let SocketAddr::V4(address) = running.address else { return Err("it is IPv4".into()) };
    let mut dnsperf = Command::new("dnsperf");
    dnsperf.args(["-m", transport, "-c", "4", "-l", &format!("{}", seconds.ceil())]);
    dnsperf.args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()]);
    said(&text(dnsperf.arg("-d").arg(running.folder.join("queries")))?)
}

/// Reads the report of `dnsperf`. Each query needs an answer: nine in ten with an address.
fn said(words: &str) -> Result<Done, String> {
    let after = |label: &str| {
        let line = words.lines().find_map(|line| line.trim().strip_prefix(label));
        line.map(str::trim).ok_or(format!("dnsperf printed no `{label}`"))
    };
    let number = |label: &str| {
        let word = after(label)?.split_whitespace().next().unwrap_or_default();
        word.parse::<f64>().map_err(|_| format!("dnsperf: `{label} {word}`"))
    };
    let completed = number("Queries completed:")?;
    let lost = number("Queries lost:")?;
    if lost > 0.0 {
        return Err(format!("{lost} queries of {completed} got no answer"));
    }
    let codes = after("Response codes:")?;
    let share = |code: &str| {
        let rest = codes.split(',').find_map(|part| part.trim().strip_prefix(code));
        let count = rest.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        count.unwrap_or(0.0) / completed
    };
    let (found, not_found) = (share("NOERROR"), share("NXDOMAIN"));
    if (found - 0.9).abs() > 0.02 || (found + not_found - 1.0).abs() > 1e-9 {
        return Err(format!("nine in ten names are there, but the answers are {codes}"));
    }
    Ok(Done { operations: completed, seconds: number("Run time (s):")? })
}

fn dig(running: &Running, arguments: &[&str]) -> Result<String, String> {
    let mut dig = Command::new("dig");
    dig.arg(format!("@{}", running.address.ip())).args(["-p", &running.address.port().to_string()]);
    text(dig.args(["+tries=1", "+time=10"]).args(arguments))
}

fn check(running: &Running) -> Outcome {
    let expect = |arguments: &[&str], answer: &str| {
        let mut lines: Vec<String> =
            dig(running, &[arguments, &["+short"]].concat())?.lines().map(str::to_owned).collect();
        lines.sort();
        if lines.join(" ") == answer {
            return Ok(());
        }
        Err(format!("dig {} says {lines:?}, not {answer:?}", arguments.join(" ")))
    };
    expect(&["host7.example.test", "A"], "198.51.0.7")?;
    expect(&["host300.example.test", "A", "+tcp"], "198.51.1.50")?;
    expect(&["six.example.test", "AAAA"], "2001:db8::6")?;
    expect(&["example.test", "MX"], "10 mail.example.test.")?;
    expect(&["alias.example.test", "A"], "192.0.2.2 mail.example.test.")?;
    expect(&["example.test", "SOA"], "ns.example.test. admin.example.test. 7 3600 600 86400 300")?;
    let texts: Vec<String> = (0..40).map(|at| format!("\"{at:0>100}\"")).collect();
    expect(&["long.example.test", "TXT"], &texts.join(" "))?;
    let status = |arguments: &[&str], status: &str| {
        let answer = dig(running, arguments)?;
        let is_right = answer.contains(&format!("status: {status}"));
        let wrong = || format!("dig {} is not {status}: {answer}", arguments.join(" "));
        if is_right { Ok(()) } else { Err(wrong()) }
    };
    status(&["nobody.example.test", "A"], "NXDOMAIN")?;
    status(&["example.org", "A"], "REFUSED")?;
    // Many queries over one connection.
    let path = running.folder.join("batch");
    let batch: String = (0..100).map(|at| format!("host{at}.example.test A\n")).collect();
    fs::write(&path, batch).map_err(failed(&path))?;
    let answers: Vec<String> = (0..100).map(|at| format!("198.51.0.{at}")).collect();
    let path = path.to_string_lossy();
    let got = dig(running, &["+tcp", "+keepopen", "+short", "-f", &path])?;
    let all = got.lines().eq(answers.iter().map(String::as_str));
    if all { Ok(()) } else { Err(format!("100 names over one connection: {got}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_dnsperf_are_understood() {
        let words = |lost: u32, found: u32| {
            format!(
                "Statistics:\n\n  Queries sent:         1000\n  Queries completed:    1000 (100.00%)\n  \
                 Queries lost:         {lost} (0.00%)\n\n  Response codes:       NOERROR {found} (90.00%), \
                 NXDOMAIN {} (10.00%)\n  Run time (s):         2.000\n  Queries per second:   500.0\n",
                1000 - found
            )
        };
        let done = said(&words(0, 900)).unwrap();
        assert_eq!((done.operations, done.seconds), (1000.0, 2.0));
        assert!(said(&words(1, 900)).is_err());
        assert!(said(&words(0, 500)).is_err());
        assert!(said("Error: no such file").is_err());
    }
}
