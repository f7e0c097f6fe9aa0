//! A bug that only the network shows: found, replayed, made small, and mended.
//!
//! Two banks on hosts of their own, and a teller who moves money from one to the other. If the
//! deposit is not answered in time, the teller gives the money back. That loses nothing while the
//! network is well, and nothing when a request is lost. When the *answer* is lost the money is in
//! both banks.
//!
//! ```sh
//! # Finds it; the mended one passes.
//! cargo run -p runtime-sim --example simulated_bank
//! # One seed, with what it prints.
//! RUNTIME_SIM_SEED=737 cargo run -p runtime-sim --example simulated_bank
//! ```

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use runtime::net::{TcpListener, TcpStream};
use runtime::time::{sleep, timeout};
use runtime_sim::{Faults, Network, Sim, Test};

const MONEY: i64 = 1000;
const TRANSFERS: u64 = 100;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// What a bank knows. A transfer that comes again changes nothing.
#[derive(Default)]
struct Account {
    money: i64,
    done: BTreeSet<String>,
}

/// Answers `change NAME AMOUNT` and `show ANY 0` with what there is.
fn bank(money: i64) -> io::Result<()> {
    let account = Arc::new(Mutex::new(Account { money, ..Account::default() }));
    block_on(async {
        let listener = TcpListener::bind("0.0.0.0:700").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let account = account.clone();
            runtime::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while let Ok(1..) = stream.read_line(&mut line).await {
                    let answer = change(&mut account.lock().expect("the account"), &line);
                    line.clear();
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    })
}

fn change(account: &mut Account, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let ["change", name, amount] = words[..] {
        if account.done.insert(name.to_owned()) {
            account.money += amount.parse::<i64>().unwrap_or(0);
        }
    }
    format!("{}\n", account.money)
}

async fn ask(bank: &str, line: &str) -> io::Result<i64> {
    let asked = async {
        let mut stream = BufReader::new(TcpStream::connect((bank, 700)).await?);
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        answer.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    timeout(Duration::from_millis(500), asked).await?
}

/// Asks until there is an answer.
async fn insist(bank: &str, line: &str) -> i64 {
    loop {
        match ask(bank, line).await {
            Ok(money) => return money,
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

fn teller(gives_back: bool) {
    block_on(async {
        for number in 0..TRANSFERS {
            insist("east", &format!("change out-{number} -1")).await;
            let deposit = format!("change in-{number} 1");
            if !gives_back {
                insist("west", &deposit).await;
            } else if ask("west", &deposit).await.is_err() {
                insist("east", &format!("change back-{number} 1")).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let all = insist("east", "show it 0").await + insist("west", "show it 0").await;
        assert_eq!(all, MONEY, "money has come from nowhere, or gone there");
    });
}

fn world(sim: &mut Sim, gives_back: bool) {
    sim.network(Network::lan().loss(0.001));
    sim.faults(Faults::partitions());
    sim.host("east", || bank(MONEY));
    sim.host("west", || bank(0));
    sim.client("teller", move || teller(gives_back));
}

fn main() {
    let broken = Test::new("broken", |sim| world(sim, true)).in_program().seeds(1000).search();
    if let Some(found) = &broken.failure {
        println!("{}", found.text);
    }
    let mended = Test::new("mended", |sim| world(sim, false)).in_program().seeds(1000).search();
    match &mended.failure {
        Some(found) => println!("{}", found.text),
        None => println!(
            "mended: {} seeds, {} of them different, {:.1} s of the machine's time, {:.0} s of theirs",
            mended.seeds,
            mended.different,
            mended.took.as_secs_f64(),
            mended.simulated.as_secs_f64(),
        ),
    }
}
