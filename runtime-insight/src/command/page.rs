//! The page in a browser.

use runtime::Builder;
use runtime::signal::unix::{SignalKind, signal};
use runtime_insight::{Client, Viewer};

use super::{Failed, print};

pub(super) fn run(mut client: Client, pid: u32, at: &str) -> Result<(), Failed> {
    let hello = client.hello()?;
    drop(client);
    let viewer = Viewer::of_process(pid, at)?;
    // This command must not appear among the programs to look at.
    let runtime = Builder::new_current_thread().enable_all().insight(false).build();
    let runtime = runtime.map_err(Failed::because)?;
    runtime.block_on(async {
        let told = |kind| signal(kind).map_err(Failed::because);
        let mut interrupt = told(SignalKind::interrupt())?;
        let mut terminate = told(SignalKind::terminate())?;
        let mut hang_up = told(SignalKind::hangup())?;
        let text = format!(
            "The page of {} ({pid}), until Ctrl-C:\n  {}\nWhoever has this address sees what the \
             page shows.\n",
            hello.program,
            viewer.url()
        );
        print(text.as_bytes())?;
        runtime::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        Ok(())
    })
}
