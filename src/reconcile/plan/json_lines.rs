//! A plan as JSON Lines: what big plans are kept as, since neither side ever holds more than a line beside the plan.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::reconcile::plan::value::{FORMAT, Header};
use crate::reconcile::{Entry, Plan};

/// The longest line, in bytes: a group that half a million members are added to.
const LONGEST_LINE: usize = 64 << 20;

/// One line, by what it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line<H, E> {
    Plan(H),
    Entry(E),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct End {
    entries: usize,
    digest: String,
}

impl Plan {
    /// Writes the plan as JSON Lines: one line for the plan as a whole, one for each entry, and a last one with their
    /// number and the digest, which is that of the plan in any form. Give it a buffered writer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the writer fails, [`ErrorKind::Invalid`] if an entry is longer than 64 MiB or the entries
    /// are not in the order of their keys: such a plan could not be read again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::{Plan, Result};
    /// # fn example(plan: &Plan) -> Result<()> {
    /// let mut file = Vec::new();
    /// plan.write_json_lines(&mut file)?;
    /// assert_eq!(Plan::read_json_lines(file.as_slice())?.digest(), plan.digest());
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_json_lines(&self, mut writer: impl Write) -> Result<()> {
        let mut text = Vec::new();
        let mut number = 0_usize;
        let mut put = |line: &Line<&Header, &Entry>| {
            number += 1;
            text.clear();
            serde_json::to_writer(&mut text, line).expect("a plan has only text keys and no values that could fail");
            if text.len() > LONGEST_LINE {
                return Err(at(number, invalid("an entry is longer than a line of a plan may be; use Plan::to_json"))
                    .with_context("bytes", text.len())
                    .with_context("longest", LONGEST_LINE));
            }
            text.push(b'\n');
            writer.write_all(&text).map_err(|error| failed("cannot write the plan", error))
        };
        put(&Line::Plan(self.header()))?;
        let mut last = None;
        for entry in self.entries() {
            if let Some(key) = last.filter(|last| *last >= &entry.key) {
                return Err(invalid("the entries are not in the order of their keys, or two have the same key")
                    .with_context("key", &entry.key)
                    .with_context("before", key));
            }
            last = Some(&entry.key);
            put(&Line::Entry(entry))?;
        }
        put(&Line::End(End { entries: self.entries().len(), digest: self.digest().to_owned() }))?;
        writer.flush().map_err(|error| failed("cannot write the plan", error))
    }

    /// Reads a plan that was written with [`Plan::write_json_lines`].
    ///
    /// # Errors
    ///
    /// Each names the line at fault. [`ErrorKind::Invalid`] if a line is damaged, is longer than 64 MiB, or is out of
    /// place: the plan was cut off, goes on after its end, has two entries with one key, or another order; and if another
    /// version wrote it. [`ErrorKind::Stale`] if it was changed since. [`ErrorKind::Store`] if the reader fails.
    pub fn read_json_lines(reader: impl BufRead) -> Result<Self> {
        let mut lines = Lines { reader, text: Vec::new(), number: 0 };
        let header = match lines.next()? {
            Some(text) => header(text).map_err(|error| at(1, error))?,
            None => return Err(at(1, invalid("there is nothing to read: a plan begins with a line of its own"))),
        };
        let mut entries: Vec<Entry> = Vec::new();
        let end = loop {
            let Some(text) = lines.next()? else {
                return Err(at(
                    lines.number,
                    invalid("the plan was cut off: this is the last line, and not the end line"),
                ));
            };
            let line = serde_json::from_slice::<Line<serde::de::IgnoredAny, Box<Entry>>>(text)
                .map_err(|error| at(lines.number, invalid("this line is damaged").with_source(error)))?;
            match line {
                Line::Plan(_) => return Err(at(lines.number, invalid("another plan begins here"))),
                Line::End(end) => break end,
                Line::Entry(entry) => match entries.last() {
                    Some(last) if last.key == entry.key => {
                        return Err(at(lines.number, invalid("this entry has the same key as the one before"))
                            .with_context("key", &entry.key));
                    }
                    Some(last) if last.key > entry.key => {
                        return Err(at(lines.number, invalid("this entry is out of order: entries go by their keys"))
                            .with_context("key", &entry.key)
                            .with_context("before", &last.key));
                    }
                    _ => entries.push(*entry),
                },
            }
        };
        if end.entries != entries.len() {
            return Err(at(lines.number, invalid("entries are missing, or too many: the end line counts others"))
                .with_context("counted", end.entries)
                .with_context("read", entries.len()));
        }
        let number = lines.number;
        if lines.next()?.is_some() {
            return Err(at(number + 1, invalid("the plan goes on after its end line")));
        }
        let plan = Self::from_parts(header, entries, end.digest);
        plan.verify().map_err(|error| at(number, error))?;
        Ok(plan)
    }
}

/// The first line. Of another version's nothing is taken for granted but its number.
fn header(text: &[u8]) -> Result<Header> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct First<H> {
        plan: H,
    }
    let no_plan = |error| {
        invalid("this is no plan, or a damaged one: its first line is to hold the plan as a whole").with_source(error)
    };
    let First { plan: Format { format } } = serde_json::from_slice(text).map_err(no_plan)?;
    if format != FORMAT {
        return Err(invalid("the plan was written by another version; make a new one")
            .with_context("format", format)
            .with_context("expected", FORMAT));
    }
    serde_json::from_slice::<First<Header>>(text).map(|first| first.plan).map_err(no_plan)
}

struct Lines<R> {
    reader: R,
    text: Vec<u8>,
    /// Of the line read last, from 1.
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The next line; `None` at the end. No more of it is held than a line may have.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.text.clear();
        let most = LONGEST_LINE as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.text);
        let read = read.map_err(|error| at(self.number + 1, failed("cannot read the plan", error)))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.text.last() != Some(&b'\n') && self.text.len() > LONGEST_LINE {
            return Err(at(self.number, invalid("this line is longer than a line of a plan may be"))
                .with_context("longest", LONGEST_LINE));
        }
        Ok(Some(&self.text))
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn failed(message: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Store, message).with_source(error)
}

fn at(line: usize, error: Error) -> Error {
    error.with_context("line", line)
}
