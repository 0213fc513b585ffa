//! Tables of plain text, of fixed width so that the same result is the same text on every terminal.

use super::escaped;

/// The width that tables keep to, in characters, as far as names allow.
pub(super) const WIDTH: usize = 100;

/// How many rows of one table are listed before those that nothing happened to are left out.
pub(super) const LISTED: usize = 40;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// At the left, one line.
    Left,
    /// At the right, one line: numbers.
    Right,
    /// At the left, a list that takes as many lines as it needs within what the other columns leave.
    Wrapped,
}

/// A row: one list of items per column; only wrapped columns have several.
pub type Row = Vec<Vec<String>>;

/// The table, with `header` above; every line ends without spaces.
pub(super) fn table(columns: &[(Column, &str)], rows: &[Row]) -> String {
    let rows: Vec<Row> = rows
        .iter()
        .map(|row| row.iter().map(|items| items.iter().map(|item| escaped(item).into_owned()).collect()).collect())
        .collect();
    let widths = widths(columns, &rows);
    let mut text = String::new();
    let header: Vec<Vec<String>> = columns.iter().map(|(_, title)| vec![(*title).to_owned()]).collect();
    for row in std::iter::once(header).chain(rows) {
        let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(items, width)| wrap(items, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut written = String::new();
            for ((cell, width), (column, _)) in cells.iter().zip(&widths).zip(columns) {
                let word = cell.get(line).map_or("", String::as_str);
                let space = " ".repeat(width.saturating_sub(length(word)));
                match column {
                    Column::Right => written.extend([&space, word]),
                    Column::Left | Column::Wrapped => written.extend([word, &space]),
                }
                written.push_str("  ");
            }
            text.push_str(written.trim_end());
            text.push('\n');
        }
    }
    text
}

/// A list for people, with titles above: the first column is a name, the others wrap.
#[must_use]
pub fn list(titles: &[&str], rows: &[Row]) -> String {
    let columns: Vec<(Column, &str)> = titles
        .iter()
        .enumerate()
        .map(|(index, title)| (if index == 0 { Column::Left } else { Column::Wrapped }, *title))
        .collect();
    table(&columns, rows)
}

/// Lines of a list, its items with commas between, none longer than `width` unless an item is.
pub(super) fn wrap(items: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let comma = if index + 1 < items.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(item) + comma.len() <= width => {
                line.extend([" ", item, comma]);
            }
            _ => lines.push(format!("{item}{comma}")),
        }
    }
    lines
}

/// What every column takes: its longest line; wrapped ones share what is left of [`WIDTH`].
fn widths(columns: &[(Column, &str)], rows: &[Row]) -> Vec<usize> {
    let whole = |items: &Vec<String>| items.iter().map(|item| length(item) + 2).sum::<usize>().saturating_sub(2);
    let longest = |items: &Vec<String>| {
        let last = items.len().saturating_sub(1);
        items.iter().enumerate().map(|(index, item)| length(item) + usize::from(index < last)).max().unwrap_or(0)
    };
    let most = |index: usize, measure: &dyn Fn(&Vec<String>) -> usize| {
        let title = length(columns[index].1);
        rows.iter().filter_map(|row| row.get(index)).map(measure).fold(title, usize::max)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(|index| most(index, &whole)).collect();
    let over = |widths: &[usize]| (widths.iter().sum::<usize>() + 2 * widths.len()).saturating_sub(WIDTH + 2);
    // The widest wrapped column gives way first, but never below its longest item.
    let mut wrapped: Vec<usize> = (0..columns.len()).filter(|i| columns[*i].0 == Column::Wrapped).collect();
    wrapped.sort_by_key(|index| std::cmp::Reverse(widths[*index]));
    for index in wrapped {
        let room = widths[index].saturating_sub(over(&widths)).max(most(index, &longest));
        widths[index] = most(index, &|items| wrap(items, room).iter().map(|line| length(line)).max().unwrap_or(0));
    }
    widths
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&[&str]]) -> Row {
        cells.iter().map(|items| items.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let columns = [(Column::Left, "NAME"), (Column::Right, "N"), (Column::Wrapped, "LIST")];
        let rows = [row(&[&["a"], &["5"], &["x", "y"]]), row(&[&["longer"], &["1000"], &[]])];
        assert_eq!(table(&columns, &rows), "NAME       N  LIST\na          5  x, y\nlonger  1000\n");
    }

    #[test]
    fn lists_wrap_where_the_width_ends() {
        let items: Vec<String> = (0..12).map(|n| format!("extension-{n:02}")).collect();
        let rows = [vec![vec!["a".to_owned()], items]];
        let text = table(&[(Column::Left, "A"), (Column::Wrapped, "LIST")], &rows);
        assert_eq!(
            text,
            "A  LIST\n\
             a  extension-00, extension-01, extension-02, extension-03, extension-04, extension-05, extension-06,\n   \
             extension-07, extension-08, extension-09, extension-10, extension-11\n"
        );
        assert!(text.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn an_item_longer_than_the_width_stays_whole() {
        let long = "x".repeat(WIDTH + 20);
        let rows = [vec![vec!["a".to_owned(), long.clone(), "b".to_owned()]]];
        assert_eq!(table(&[(Column::Wrapped, "L")], &rows), format!("L\na,\n{long},\nb\n"));
    }

    #[test]
    fn cells_are_escaped() {
        let rows = [row(&[&["a\u{202e}\nb"]])];
        assert_eq!(table(&[(Column::Left, "A")], &rows), "A\na\\u{202e}\\nb\n");
    }
}
