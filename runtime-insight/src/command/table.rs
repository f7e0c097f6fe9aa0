//! Text in columns.

/// Rows under a head. Each column is as wide as its widest cell; the last one takes what is left.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Table {
        let head = head.iter().map(|cell| cell.to_string()).collect();
        Table { rows: vec![head], right: Vec::new() }
    }

    /// These columns hold numbers.
    pub(super) fn align_right(&mut self, columns: &[usize]) {
        self.right = columns.to_vec();
    }

    /// If a row is shorter than the head, its last cell extends over the columns that are left.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// The lines, none longer than `width`.
    pub(super) fn text(&self, width: usize) -> String {
        let columns = self.rows[0].len();
        let wide = |column: usize| {
            let whole = self.rows.iter().filter(|row| row.len() == columns);
            whole.map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(wide).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let fill = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                if column > 0 {
                    line.push_str("  ");
                }
                if self.right.contains(&column) && row.len() == columns {
                    line.push_str(&fill);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&fill);
                }
            }
            text.push_str(cut(line.trim_end(), width));
            text.push('\n');
        }
        text
    }
}

/// The first `width` characters of the text.
pub(super) fn cut(text: &str, width: usize) -> &str {
    text.char_indices().nth(width).map_or(text, |(end, _)| &text[..end])
}

/// Names come from the program: one could hold a command to the terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A time in the unit that reads best, from microseconds.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{:.1} ms", us / 1e3),
        us if us < 120e6 => format!("{:.1} s", us / 1e6),
        us if us < 120.0 * 60e6 => format!("{:.0} min", us / 60e6),
        us if us < 48.0 * 3600e6 => format!("{:.0} h", us / 3600e6),
        us => format!("{:.0} d", us / 86400e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_no_line_is_too_long() {
        let mut table = Table::new(&["ID", "NAME", "REST"]);
        table.align_right(&[0]);
        table.row(vec!["1".into(), "a\u{1b}[2J".into(), "one".into()]);
        table.row(vec!["100".into(), "bcdef".into(), "a long text".into()]);
        table.row(vec!["7".into(), "(across all of the columns)".into()]);
        assert_eq!(
            table.text(usize::MAX),
            " ID  NAME   REST\n  1  a\u{fffd}[2J  one\n100  bcdef  a long text\n\
             7    (across all of the columns)\n"
        );
        assert!(table.text(14).lines().all(|line| line.chars().count() <= 14));
    }

    #[test]
    fn times_are_in_the_unit_that_reads_best() {
        let shown: Vec<_> = [5.0, 1500.0, 2.5e6, 300e6, 7200e6, 1e12].map(time).to_vec();
        assert_eq!(shown, ["5 µs", "1.5 ms", "2.5 s", "5 min", "2 h", "12 d"]);
    }
}
