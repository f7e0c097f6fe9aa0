//! The figures as a drawing: a band for each figure, in it a group of bars for each number of
//! connections. The axis is logarithmic and begins at half of the band's least value.

use std::fmt::Write;

use crate::{FIGURES, Row, Way, number};

const COLUMN: f64 = 310.0;
const LEFT: f64 = 20.0;
const BAR: f64 = 12.0;
const BAND: f64 = BAR * 4.0 + 34.0;
const TOP: f64 = 70.0;
/// The longest bar; its number stands behind it.
const LONGEST: f64 = 210.0;

fn colour(way: Way) -> &'static str {
    match way {
        Way::Threads => "#2e4057",
        Way::EventLoop => "#66a182",
        Way::Actors => "#c9a227",
        Way::Tasks => "#d1495b",
    }
}

pub(crate) fn svg(connections: &[usize], rows: &[Row]) -> String {
    let width = LEFT * 2.0 + COLUMN * connections.len() as f64;
    let height = TOP + BAND * FIGURES.len() as f64 + 8.0;
    let mut s = String::new();
    let _ = writeln!(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    for (i, way) in Way::ALL.into_iter().enumerate() {
        let x = LEFT + 110.0 * i as f64;
        let _ = writeln!(
            s,
            "<rect x=\"{x}\" y=\"14\" width=\"11\" height=\"11\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"24\" font-size=\"13\">{}</text>",
            colour(way),
            x + 16.0,
            way.name()
        );
    }
    for (column, &count) in connections.iter().enumerate() {
        let _ = writeln!(
            s,
            "<text x=\"{}\" y=\"52\" font-size=\"13\" font-weight=\"bold\">{count} connections</text>",
            LEFT + COLUMN * column as f64
        );
    }
    for (figure, (name, unit, units)) in FIGURES.into_iter().enumerate() {
        let y = TOP + BAND * figure as f64;
        let _ = writeln!(
            s,
            "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#555555\">{name}, {unit} ({} is better)</text>",
            y + 12.0,
            if name == "throughput" { "longer" } else { "shorter" }
        );
        let value = |row: &Row| row.figures[figure] * units;
        let all = || rows.iter().map(value).filter(|value| value.is_finite() && *value > 0.0);
        let (least, most) = (all().fold(f64::INFINITY, f64::min) / 2.0, all().fold(0.0, f64::max));
        let length = |value: f64| LONGEST * (value / least).ln() / (most / least).ln();
        for (at, row) in rows.iter().enumerate() {
            let column = at / Way::ALL.len();
            let x = LEFT + COLUMN * column as f64;
            let top = y + 18.0 + BAR * (at % Way::ALL.len()) as f64;
            let long = Some(length(value(row))).filter(|n| n.is_finite()).unwrap_or(0.0).max(0.0);
            let _ = writeln!(
                s,
                "<rect x=\"{x}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">{}</text>",
                BAR - 1.0,
                colour(row.way),
                x + long + 4.0,
                top + BAR - 3.0,
                number(value(row))
            );
        }
    }
    s.push_str("</svg>\n");
    s
}
