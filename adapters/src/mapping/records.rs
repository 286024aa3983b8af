//! The records of a file, one after the other, in constant memory.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use super::bundle::{Done, Frame, Trace};
use super::csv::Reader;
use super::decode::Decoded;
use super::json::{Lines, Whole};
use super::plan::{Format, Plan, folded_column};
use super::record::{Header, Input, Rows, Tree};
use super::refused::{Reach, Refused};
use super::{Origin, xml};
use crate::{Context, Loss, Severity, Translated, Why};

/// Rows of one record.
const ROWS_MAX: usize = 10_000;
/// Keys of records of several rows that are remembered, to see one that comes back.
const KEYS_MAX: usize = 4_000_000;

/// The records of a file, translated one after the other.
///
/// After a refusal that reaches the whole file ([`Refused::reach`]) nothing more comes.
#[derive(Debug)]
pub struct Records<'m, R: Read> {
    frame: Frame<'m>,
    reading: Reading<R>,
    rows: Rows,
    tree: Tree,
    ended: Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

#[derive(Debug)]
enum Reading<R: Read> {
    Csv(Box<Csv<R>>),
    Json(Whole),
    Ndjson(Box<Lines<R>>),
    Xml(Box<xml::Records<R>>),
}

#[derive(Debug)]
struct Csv<R> {
    reader: Reader<R>,
    header: Header,
    width: usize,
    /// As the file writes them; none when the mapping names them.
    names: Option<Vec<String>>,
    delimiter: char,
    /// The columns of the key.
    key: Vec<usize>,
    seen: HashSet<u64>,
    hasher: RandomState,
    waiting: Waiting,
}

/// Whether the reader holds a row that no record has yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    Yes,
}

impl<'m, R: Read> Records<'m, R> {
    pub(super) fn new(
        plan: &'m Plan,
        input: R,
        context: &'m Context,
        origin: &Origin,
    ) -> Result<Self, Refused> {
        let source = &plan.source;
        let mut input = Decoded::new(input, source.charset, context.bytes_max);
        let reading = match source.format {
            Format::Csv => Reading::Csv(Box::new(Csv::new(plan, input)?)),
            Format::Json => Reading::Json(Whole::read(&mut input, &source.records, context.bytes_max)?),
            Format::Ndjson => Reading::Ndjson(Box::new(Lines::new(input, context.bytes_max))),
            Format::Xml => Reading::Xml(Box::new(xml::Records::new(input, source.records.clone()))),
        };
        let frame = Frame::new(plan, context, origin);
        Ok(Self { frame, reading, rows: Rows::default(), tree: Tree::default(), ended: Ended::No })
    }

    /// What stands outside the records and holds something: members of a JSON document, text and attributes of an
    /// XML one. Whole once the last record was read.
    #[must_use]
    pub fn outside(&self) -> Vec<Loss> {
        let places = match &self.reading {
            Reading::Csv(_) | Reading::Ndjson(_) => &[],
            Reading::Json(whole) => whole.outside.as_slice(),
            Reading::Xml(records) => records.outside.as_slice(),
        };
        let loss = |byte: &usize| Loss {
            place: format!("byte {byte}"),
            why: Why::NotMapped,
            severity: Severity::Minor,
        };
        places.iter().map(loss).collect()
    }

    /// The row that was read last as a file of its own, under the header of this one: content, for those who mend it.
    /// Nothing where a record is more than a row of CSV.
    #[must_use]
    pub fn last_row(&self) -> Option<String> {
        match &self.reading {
            Reading::Csv(csv) if csv.key.is_empty() => Some(csv.last_row()),
            Reading::Csv(_) | Reading::Json(_) | Reading::Ndjson(_) | Reading::Xml(_) => None,
        }
    }

    /// Reads and translates the next record.
    pub(super) fn advance(&mut self, trace: Trace) -> Option<Result<(Done, Input<'_>), Refused>> {
        if let Err(refused) = self.read()? {
            return Some(Err(refused));
        }
        let input = self.input();
        Some(self.frame.translate(input, trace).map(|done| (done, input)))
    }

    /// Reads the next record.
    pub(super) fn read(&mut self) -> Option<Result<(), Refused>> {
        if self.ended == Ended::Yes {
            return None;
        }
        let read = match &mut self.reading {
            Reading::Csv(csv) => csv.record(&mut self.rows),
            Reading::Json(whole) => whole.advance(&mut self.tree),
            Reading::Ndjson(lines) => lines.advance(&mut self.tree),
            Reading::Xml(records) => records.advance(&mut self.tree),
        };
        match read {
            Ok(true) => {}
            Ok(false) => {
                self.ended = Ended::Yes;
                return None;
            }
            Err(refused) => {
                if refused.reach() == Reach::File {
                    self.ended = Ended::Yes;
                }
                return Some(Err(refused));
            }
        }
        Some(Ok(()))
    }

    /// Every value of the record that was read last, as far as it could be read, without the white space around it.
    pub(super) fn said(&self) -> Vec<&str> {
        match &self.reading {
            Reading::Csv(csv) if self.rows.ends.is_empty() => {
                (0..csv.reader.width()).map(|cell| csv.reader.cell(cell).trim()).collect()
            }
            Reading::Csv(_) | Reading::Json(_) | Reading::Ndjson(_) | Reading::Xml(_) => {
                let input = self.input();
                (0..input.leaves()).map(|leaf| input.text(leaf)).collect()
            }
        }
    }

    /// The record that was read last.
    pub(super) fn input(&self) -> Input<'_> {
        match &self.reading {
            Reading::Csv(csv) => Input::Rows(&self.rows, &csv.header),
            Reading::Json(_) | Reading::Ndjson(_) | Reading::Xml(_) => Input::Tree(&self.tree),
        }
    }
}

impl<R: Read> Iterator for Records<'_, R> {
    type Item = Result<Translated, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.advance(Trace::No)?.map(|(done, _)| done.translated))
    }
}

impl<R: Read> Csv<R> {
    fn new(plan: &Plan, input: Decoded<R>) -> Result<Self, Refused> {
        let mut reader = Reader::new(input, plan.source.delimiter);
        let (names, waiting) = match &plan.source.columns {
            Some(columns) => (columns.clone(), Waiting::No),
            None => {
                let mut read = reader.advance()?;
                if read && reader.tells_delimiter() {
                    read = reader.advance()?;
                }
                if !read {
                    return Err(Refused::Empty);
                }
                ((0..reader.width()).map(|cell| reader.cell(cell).to_owned()).collect(), Waiting::No)
            }
        };
        let header = Header::bind(plan, &names)?;
        let written = plan.source.columns.is_none().then(|| names.clone());
        let key = plan.source.record_key.iter();
        let key = key.filter_map(|selector| header.columns.get(*selector).copied().flatten()).collect();
        let width = names.len();
        Ok(Self {
            reader,
            header,
            width,
            names: written,
            delimiter: char::from(plan.source.delimiter),
            key,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            waiting,
        })
    }

    /// Gathers the rows of the next record. False at the end.
    fn record(&mut self, rows: &mut Rows) -> Result<bool, Refused> {
        rows.clear();
        if self.waiting == Waiting::No && !self.row()? {
            return Ok(false);
        }
        self.waiting = Waiting::No;
        self.reader.give(rows)?;
        if self.key.is_empty() {
            return Ok(true);
        }
        if !self.seen.insert(self.hash()) {
            return Err(Refused::KeyReturns { row: self.reader.number() });
        }
        if self.seen.len() > KEYS_MAX {
            return Err(Refused::TooLarge { max: KEYS_MAX, unit: "records", row: self.reader.number() });
        }
        while self.row()? {
            if !self.key.iter().all(|column| rows.cell(*column) == self.reader.cell(*column)) {
                self.waiting = Waiting::Yes;
                break;
            }
            if rows.numbers.len() >= ROWS_MAX {
                return Err(Refused::TooLarge {
                    max: ROWS_MAX,
                    unit: "rows of one record",
                    row: self.reader.number(),
                });
            }
            self.reader.give(rows)?;
        }
        Ok(true)
    }

    fn last_row(&self) -> String {
        let mut text = String::new();
        if let Some(names) = &self.names {
            write_row(names.iter().map(String::as_str), self.delimiter, &mut text);
        }
        write_row((0..self.reader.width()).map(|cell| self.reader.cell(cell)), self.delimiter, &mut text);
        if !text.is_ascii() {
            // Whatever the mapping says of its files, this one is UTF-8.
            text.insert(0, '\u{feff}');
        }
        text
    }

    fn hash(&self) -> u64 {
        let cells: Vec<&str> = self.key.iter().map(|column| self.reader.cell(*column)).collect();
        self.hasher.hash_one(cells)
    }

    fn row(&mut self) -> Result<bool, Refused> {
        if !self.reader.advance()? {
            return Ok(false);
        }
        self.reader.narrow(self.width);
        if self.reader.width() != self.width {
            let reach = if self.key.is_empty() { Reach::Record } else { Reach::File };
            let found = self.reader.width();
            return Err(Refused::Ragged { row: self.reader.number(), found, wanted: self.width, reach });
        }
        Ok(true)
    }
}

/// Writes a row as RFC 4180 wants it.
fn write_row<'c>(cells: impl Iterator<Item = &'c str>, delimiter: char, out: &mut String) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            out.push(delimiter);
        }
        if cell.contains([delimiter, '"', '\r', '\n']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

impl Header {
    /// Finds the columns that the mapping names.
    pub(super) fn bind(plan: &Plan, names: &[String]) -> Result<Self, Refused> {
        let folded: Vec<String> = names.iter().map(|name| folded_column(name)).collect();
        let mut header = Self { columns: Vec::new(), names: vec![None; names.len()] };
        for (number, selector) in plan.selectors.iter().enumerate() {
            let mut found =
                folded.iter().enumerate().filter(|(_, name)| selector.path.first() == Some(*name));
            let column = found.next().map(|(column, _)| column);
            if found.next().is_some() {
                return Err(Refused::SameColumn { name: selector.written.clone() });
            }
            if column.is_none() && !plan.source.optional.contains(&number) {
                return Err(Refused::NoColumn { name: selector.written.clone() });
            }
            if let Some(place) = column.and_then(|column| header.names.get_mut(column)) {
                *place = Some(number);
            }
            header.columns.push(column);
        }
        Ok(header)
    }
}
