//! Rows of a CSV file (RFC 4180, with any delimiter), one at a time and within bounds.
//!
//! Read here and not by a library: what is malformed (a quote that never closes, letters after a closing quote) is
//! refused instead of being read in one of several ways, and each cell and row is bounded while it is read.

use std::io::{BufRead, Read};

use memchr::{memchr, memchr3};

use super::Refused;
use super::decode::{Decoded, refused};
use super::record::Rows;

/// Bytes of one cell.
const CELL_BYTES_MAX: usize = 1 << 20;
/// Cells of one row.
const COLUMNS_MAX: usize = 4_096;

/// Reads rows.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: Decoded<R>,
    delimiter: u8,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The rows so far, blank lines and the header counted.
    number: u64,
    line: Line,
}

/// Whether a line feed still belongs to the row before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Fresh,
    AfterReturn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuoteSeen,
    RowEnd,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: Decoded<R>, delimiter: u8) -> Self {
        Self { input, delimiter, bytes: Vec::new(), ends: Vec::new(), number: 0, line: Line::Fresh }
    }

    /// The number of the row that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The number of cells of that row.
    pub(super) fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell of that row.
    pub(super) fn cell(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        let cell = self.bytes.get(start..end).unwrap_or_default();
        std::str::from_utf8(cell).unwrap_or_default().trim()
    }

    /// Leaves out the cells of that row beyond `width`, where they hold nothing: exports write delimiters after the last column.
    pub(super) fn narrow(&mut self, width: usize) {
        if self.width() > width && (width..self.width()).all(|index| self.cell(index).is_empty()) {
            self.ends.truncate(width);
            self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }

    /// Whether that row is what spreadsheets write before the header to tell the delimiter.
    pub(super) fn tells_delimiter(&self) -> bool {
        self.width() == 2 && self.cell(0).eq_ignore_ascii_case("sep=") && self.cell(1).is_empty()
    }

    /// Adds that row to a record.
    pub(super) fn give(&self, rows: &mut Rows) -> Result<(), Refused> {
        let before = rows.text.len();
        let text = std::str::from_utf8(&self.bytes).map_err(|_| Refused::Encoding { byte: 0 })?;
        rows.text.push_str(text);
        rows.ends.extend(self.ends.iter().map(|end| before + end));
        rows.numbers.push(self.number);
        rows.width = self.ends.len();
        Ok(())
    }

    /// Reads the next row that holds anything. False at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Refused> {
        loop {
            let Some(is_blank) = self.row()? else { return Ok(false) };
            // Under a table spreadsheets leave rows of delimiters alone.
            let is_empty = self.width() > 1 && (0..self.width()).all(|index| self.cell(index).is_empty());
            if !is_blank && !is_empty {
                return Ok(true);
            }
        }
    }

    /// Reads a row; whether it is blank, or nothing at the end.
    fn row(&mut self) -> Result<Option<bool>, Refused> {
        self.bytes.clear();
        self.ends.clear();
        self.input.refresh();
        self.number += 1;
        let mut state = State::CellStart;
        let mut taken = 0_usize;
        loop {
            let Self { input, bytes, ends, line, delimiter, number } = self;
            let chunk = input.fill_buf().map_err(|error| refused(error).in_row(*number))?;
            if chunk.is_empty() {
                return match state {
                    State::Quoted => Err(Refused::Unterminated { row: *number }),
                    _ if taken == 0 => Ok(None),
                    State::CellStart | State::Plain | State::QuoteSeen | State::RowEnd => {
                        ends.push(bytes.len());
                        Ok(Some(is_blank(bytes, ends, state)))
                    }
                };
            }
            let mut at = 0;
            if *line == Line::AfterReturn {
                *line = Line::Fresh;
                at += usize::from(chunk.first() == Some(&b'\n'));
            }
            let from = at;
            let mut ended = None;
            while let Some(byte) = chunk.get(at) {
                let before = state;
                (state, at) = step(state, *byte, chunk, at, *delimiter, bytes, ends)
                    .ok_or(Refused::Quote { row: *number })?;
                within_bounds(bytes, ends, *number)?;
                if state == State::RowEnd {
                    ended = Some(before);
                    break;
                }
            }
            taken += at - from;
            let by_return = chunk.get(at.saturating_sub(1)) == Some(&b'\r');
            input.consume(at);
            if let Some(before) = ended {
                if by_return {
                    *line = Line::AfterReturn;
                }
                return Ok(Some(is_blank(bytes, ends, before)));
            }
        }
    }
}

fn within_bounds(bytes: &[u8], ends: &[usize], row: u64) -> Result<(), Refused> {
    let last = ends.last().copied().unwrap_or(0);
    let before = ends.len().checked_sub(2).and_then(|at| ends.get(at)).copied().unwrap_or(0);
    if (bytes.len() - last).max(last - before) > CELL_BYTES_MAX {
        return Err(Refused::TooLarge { max: CELL_BYTES_MAX, unit: "bytes in a cell", row });
    }
    if ends.len() > COLUMNS_MAX {
        return Err(Refused::TooLarge { max: COLUMNS_MAX, unit: "columns", row });
    }
    Ok(())
}

/// Whether a row is an empty line: one cell without a letter that is not in quotes.
fn is_blank(bytes: &[u8], ends: &[usize], state: State) -> bool {
    ends.len() == 1 && bytes.is_empty() && state != State::QuoteSeen
}

/// Takes a stretch of bytes. Nothing when something other than a delimiter follows a closing quote.
fn step(
    state: State,
    byte: u8,
    chunk: &[u8],
    at: usize,
    delimiter: u8,
    bytes: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Option<(State, usize)> {
    let rest = chunk.get(at..).unwrap_or_default();
    let mut ended = |bytes: &Vec<u8>, by: u8| {
        ends.push(bytes.len());
        if by == delimiter { State::CellStart } else { State::RowEnd }
    };
    Some(match state {
        State::CellStart if byte == b'"' => (State::Quoted, at + 1),
        State::CellStart | State::Plain => match memchr3(delimiter, b'\n', b'\r', rest) {
            None => {
                bytes.extend_from_slice(rest);
                (State::Plain, chunk.len())
            }
            Some(length) => {
                bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
                let by = rest.get(length).copied().unwrap_or(delimiter);
                (ended(bytes, by), at + length + 1)
            }
        },
        State::Quoted => match memchr(b'"', rest) {
            None => {
                bytes.extend_from_slice(rest);
                (State::Quoted, chunk.len())
            }
            Some(length) => {
                bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
                (State::QuoteSeen, at + length + 1)
            }
        },
        State::QuoteSeen if byte == b'"' => {
            bytes.push(b'"');
            (State::Quoted, at + 1)
        }
        State::QuoteSeen if byte == delimiter || byte == b'\n' || byte == b'\r' => {
            (ended(bytes, byte), at + 1)
        }
        State::QuoteSeen => return None,
        State::RowEnd => (State::RowEnd, at),
    })
}

/// Appends a row as CSV.
pub(super) fn write_row<'c>(cells: impl IntoIterator<Item = &'c str>, delimiter: u8, out: &mut Vec<u8>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        if cell.bytes().any(special) {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Decoded, Reader, write_row};
    use crate::mapping::Refused;
    use crate::mapping::plan::FileCharset;

    fn rows(text: &[u8]) -> Result<Vec<Vec<String>>, Refused> {
        let mut reader = Reader::new(Decoded::new(text, FileCharset::Utf8, 8 << 20), b',');
        let mut rows = Vec::new();
        while reader.advance()? {
            rows.push((0..reader.width()).map(|cell| reader.cell(cell).to_owned()).collect());
        }
        Ok(rows)
    }

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let found = rows(text.as_bytes()).unwrap();
        assert_eq!(found, expected.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), "{text:?}");
    }

    #[test]
    fn rows_end_with_any_line_end_and_quotes_hold_what_they_hold() {
        check("a,b\r\nc,d\n", &[&["a", "b"], &["c", "d"]]);
        check("a,b\rc,d", &[&["a", "b"], &["c", "d"]]);
        check("a,\r\n,b", &[&["a", ""], &["", "b"]]);
        check("a,b\n,\n , \nc,d\n,,,", &[&["a", "b"], &["c", "d"]]);
        check("\"a\r\nb\",\"c \"\"d\"\"\",e", &[&["a\r\nb", "c \"d\"", "e"]]);
        check("a\n\n\r\nb\n\"\"\n", &[&["a"], &["b"], &[""]]);
        check("5\" pipe,b", &[&["5\" pipe", "b"]]);
        check("", &[]);
        check("a,", &[&["a", ""]]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        assert_eq!(rows(b"a,b\n\"c,d\n"), Err(Refused::Unterminated { row: 2 }));
        assert_eq!(rows(b"a,b\n\"c\"d,e\n"), Err(Refused::Quote { row: 2 }));
    }

    #[test]
    fn rows_and_cells_have_bounds() {
        let wide = [b"a".to_vec(), b",".repeat(1_000_000)].concat();
        assert!(matches!(rows(&wide), Err(Refused::TooLarge { unit: "columns", row: 1, .. })));
        for huge in [b"x".repeat(3 << 20), [b"\"".to_vec(), b"x".repeat(3 << 20)].concat()] {
            assert!(matches!(rows(&huge), Err(Refused::TooLarge { unit: "bytes in a cell", .. })));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let cells = ["a", "b,c", "d \"e\"", "", "f\ng"];
        let mut out = Vec::new();
        write_row(cells, b',', &mut out);
        assert_eq!(rows(&out).unwrap(), [cells.to_vec()]);
    }
}
