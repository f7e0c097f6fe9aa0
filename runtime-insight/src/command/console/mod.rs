//! Speaks the protocol of tokio-console, which can so be pointed at a program.
//!
//! tokio-console calls a gRPC service that is usually inside of the program, fed by its `tracing`
//! events. Here the service is outside, and fed by dumps. While a console watches, one dump after
//! the other is taken, and each client is sent what has changed since the dump before.
//!
//! | file         | content                                          |
//! |--------------|--------------------------------------------------|
//! | `grpc.rs`    | calls and answers over HTTP/2                    |
//! | `server.rs`  | the calls that there are                         |
//! | `picture.rs` | what a client has been told, and what it has not |
//! | `waits.rs`   | the same of the things that tasks wait for       |

mod grpc;
mod picture;
mod server;
mod waits;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use runtime::Builder;
use runtime::net::TcpListener;
use runtime::signal::unix::{SignalKind, signal};
use runtime::time::sleep;
use runtime_insight::{Client, Error};

use self::server::{Sample, Shared};
use super::{Failed, print};

/// The least pause between two dumps.
const REFRESH: Duration = Duration::from_millis(500);
/// The pause is also at least so many times as long as a dump took, to leave the program its time.
const REST: u32 = 4;

pub(super) fn run(pid: u32, mut client: Client, port: u16) -> Result<(), Failed> {
    let program = client.hello()?.program;
    // This command must not appear among the programs to look at.
    let runtime = Builder::new_current_thread().enable_all().insight(false).build();
    let runtime = runtime.map_err(Failed::because)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
            Failed::because(format_args!(
                "cannot listen on 127.0.0.1:{port}: {error}. Another port: --port 6670, and then \
                 `tokio-console http://127.0.0.1:6670`"
            ))
        })?;
        let address = listener.local_addr().map_err(Failed::because)?;
        let told = |kind| signal(kind).map_err(Failed::because);
        let mut interrupt = told(SignalKind::interrupt())?;
        let mut terminate = told(SignalKind::terminate())?;
        let mut hang_up = told(SignalKind::hangup())?;
        let text = format!(
            "{program} ({pid}) for tokio-console, until Ctrl-C:\n  tokio-console http://{address}\n\
             Whoever has a login on this machine can look in meanwhile.\n"
        );
        print(text.as_bytes())?;
        let shared = Shared::new();
        runtime::spawn(server::accept(listener, Arc::clone(&shared)));
        runtime::select! {
            error = refresh(pid, client, &shared) => Err(error),
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    })
}

/// Takes dump after dump while somebody watches. Ends when the program has.
async fn refresh(pid: u32, client: Client, shared: &Shared) -> Failed {
    let mut client = Some(client);
    let mut pause = REFRESH;
    loop {
        sleep(pause).await;
        if !shared.is_watched() {
            continue;
        }
        let taken = client.take();
        let began = Instant::now();
        // Asking the program blocks.
        let asked = runtime::task::spawn_blocking(move || sample(pid, taken)).await;
        match asked {
            Ok(Ok((next, sample))) => {
                client = Some(next);
                shared.publish(sample);
            }
            Ok(Err(error)) => return error.into(),
            Err(panic) => return Failed::because(panic),
        }
        pause = REFRESH.max(began.elapsed() * REST);
    }
}

fn sample(pid: u32, client: Option<Client>) -> Result<(Client, Sample), Error> {
    let fresh = || Client::attach(pid);
    let mut client = client.map_or_else(fresh, Ok)?;
    let dump = match client.dump() {
        // The program closes a connection after ten silent seconds, as without a console.
        Err(Error::Io(error)) => {
            // The error of a program that has gone would say less.
            client = fresh().map_err(|_| Error::Io(error))?;
            client.dump()?
        }
        other => other?,
    };
    Ok((client, Sample { at: SystemTime::now(), dump }))
}
