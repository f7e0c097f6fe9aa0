//! What threads did in the last seconds, as a file for the Perfetto UI.

use runtime_insight::{Client, perfetto};

use super::{Failed, print};

pub(super) fn run(
    pid: u32,
    client: &mut Client,
    last: f64,
    runtime: Option<u64>,
    file: Option<String>,
) -> Result<(), Failed> {
    let known: Vec<u64> = client.hello()?.runtimes.iter().map(|runtime| runtime.id).collect();
    let runtime = match runtime {
        Some(number) if known.contains(&number) => number,
        Some(number) => {
            return Err(Failed::because(format_args!(
                "there is no runtime {number}: there are {known:?}"
            )));
        }
        None => *known.first().ok_or(Failed::because("the program has no runtime any more"))?,
    };
    let bytes = client.ask(&format!("trace {last} {runtime}"))?;
    let trace = perfetto::convert(&bytes).map_err(Failed::because)?;
    let file = file.unwrap_or_else(|| format!("{pid}.pftrace"));
    std::fs::write(&file, &trace)
        .map_err(|error| Failed::because(format_args!("cannot write {file}: {error}")))?;
    print(
        format!("{file}: {} KiB; open it in https://ui.perfetto.dev\n", trace.len() / 1024)
            .as_bytes(),
    )
}
