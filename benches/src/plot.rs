//! Plots, written as SVG by hand: one file a group, one band a figure, one bar a peer.
//!
//! A bar's length is the peer's figure relative to the best of its band, on a logarithmic axis; a
//! rate is drawn as its inverse. So in every band shorter is better, and the best bar ends at 1.

use std::fmt::Write;

use crate::harness::{Row, Unit};
use crate::table::number;

const LEFT: f64 = 290.0;
const WIDTH: f64 = 470.0;
const RIGHT: f64 = 170.0;
const BAR: f64 = 11.0;
const TOP: f64 = 64.0;
/// Beyond this the axis ends; the figure stands beside the bar.
const MOST: f64 = 1000.0;

fn colour(peer: &str) -> &'static str {
    match peer {
        "ours" => "#d1495b",
        "tokio" => "#2e4057",
        "smol" => "#66a182",
        "async-std" => "#c9a227",
        _ => "#888888",
    }
}

pub fn svg(group: &str, rows: &[&Row], peers: &[&str]) -> String {
    // Shortest bar: a tenth of the axis stands for 1, so that the best is still seen.
    let most = rows.iter().flat_map(|r| relative(r)).flatten().fold(2.0_f64, f64::max).min(MOST);
    let x = |times: f64| LEFT + WIDTH * (0.1 + 0.9 * times.max(1.0).min(most).ln() / most.ln());
    let band = BAR * peers.len() as f64 + 12.0;
    let height = TOP + band * rows.len() as f64 + 34.0;
    let width = LEFT + WIDTH + RIGHT;
    let mut s = String::new();
    let _ = writeln!(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">"
    );
    let _ = writeln!(s, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
    let _ = writeln!(
        s,
        "<text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{}: cost relative to the best \
         (shorter is better)</text>",
        escape(group)
    );
    for (i, peer) in peers.iter().enumerate() {
        let at = 12.0 + 110.0 * i as f64;
        let _ = writeln!(
            s,
            "<rect x=\"{at}\" y=\"34\" width=\"11\" height=\"11\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"44\">{}</text>",
            colour(peer),
            at + 16.0,
            escape(peer)
        );
    }
    for times in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0] {
        if times <= most {
            let at = x(times);
            let _ = writeln!(
                s,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\" stroke=\"#dddddd\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666666\">{times}x</text>",
                height - 28.0,
                height - 12.0
            );
        }
    }
    for (r, row) in rows.iter().enumerate() {
        let y = TOP + band * r as f64;
        let name = match row.label {
            "" => row.workload.to_owned(),
            label => format!("{}: {label}", row.workload),
        };
        let _ = writeln!(
            s,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + band / 2.0,
            escape(&name)
        );
        for (p, times) in relative(row).into_iter().enumerate() {
            let (Some(times), Some(value)) = (times, row.median(p)) else { continue };
            let top = y + 4.0 + BAR * p as f64;
            let _ = writeln!(
                s,
                "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" fill=\"#333333\">{} {}</text>",
                x(times) - LEFT,
                BAR - 1.0,
                colour(peers[p]),
                x(times) + 4.0,
                top + BAR - 2.5,
                number(value, row.unit),
                escape(row.unit.name())
            );
        }
    }
    s.push_str("</svg>\n");
    s
}

/// Each peer's cost in units of the best one's.
fn relative(row: &Row) -> Vec<Option<f64>> {
    let cost = |p| {
        row.median(p).map(|m| match row.unit {
            unit if unit.more_is_better() => 1.0 / m,
            // Of counts, less than this is noise.
            Unit::Each => m.max(0.05),
            _ => m,
        })
    };
    let costs: Vec<Option<f64>> = (0..row.values.len()).map(cost).collect();
    let best = costs.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    // A best of nothing at all (no wake-up, no call) has no multiples: the rest ends the axis.
    let times = |c: f64| match (c, best) {
        (c, b) if c <= b => 1.0,
        (_, b) if b <= 0.0 => MOST,
        (c, b) => c / b,
    };
    costs.into_iter().map(|c| c.map(times)).collect()
}

fn escape(s: &str) -> String {
    s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
