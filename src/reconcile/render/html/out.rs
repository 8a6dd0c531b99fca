//! Where a page is written to. Markup is known when the program is built; all else is text, and escaped: nothing from
//! outside can be written as markup by mistake.

use std::fmt::{self, Write};

use super::super::words::thousands;
use crate::plain::plain_char;

/// Takes markup and text in turn; the first failure stops it.
pub(crate) struct Out<'a, 'b> {
    formatter: &'a mut fmt::Formatter<'b>,
    result: fmt::Result,
}

impl<'a, 'b> Out<'a, 'b> {
    pub(crate) fn new(formatter: &'a mut fmt::Formatter<'b>) -> Self {
        Self { formatter, result: Ok(()) }
    }

    pub(crate) fn finish(self) -> fmt::Result {
        self.result
    }

    /// Markup, styles and scripts of our own.
    pub(crate) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.write(|f| f.write_str(markup))
    }

    /// Text, fit to stand between tags and between the quotes of an attribute.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.write(|f| text.chars().try_for_each(|character| escaped(f, plain_char(character))))
    }

    /// Text from outside between tags: its direction of writing does not reach beyond it.
    pub(crate) fn outside(&mut self, text: &str) -> &mut Self {
        self.markup("<bdi>").text(text).markup("</bdi>")
    }

    /// A sentence from outside between tags. Messages put names and values between backticks.
    pub(crate) fn message(&mut self, text: &str) -> &mut Self {
        if text.split('`').count().is_multiple_of(2) {
            return self.outside(text);
        }
        self.markup("<bdi>");
        for (index, part) in text.split('`').enumerate() {
            match index % 2 {
                0 => self.text(part),
                _ => self.markup("<code>").text(part).markup("</code>"),
            };
        }
        self.markup("</bdi>")
    }

    /// A number for people.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.text(&thousands(number))
    }

    /// A number for an attribute.
    pub(crate) fn plain_number(&mut self, number: u64) -> &mut Self {
        self.write(|f| write!(f, "{number}"))
    }

    /// A value as JSON, fit to stand in a script element: no tag and no comment can begin or end in it.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> &mut Self {
        self.write(|f| {
            let json = serde_json::to_string(value).map_err(|_| fmt::Error)?;
            let mut rest = json.as_str();
            // Outside of texts JSON has none of these.
            while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
                let (before, after) = rest.split_at(at);
                f.write_str(before)?;
                let mut after = after.chars();
                if let Some(character) = after.next() {
                    write!(f, "\\u{:04x}", u32::from(character))?;
                }
                rest = after.as_str();
            }
            f.write_str(rest)
        })
    }

    fn write(&mut self, write: impl FnOnce(&mut fmt::Formatter<'b>) -> fmt::Result) -> &mut Self {
        if self.result.is_ok() {
            self.result = write(self.formatter);
        }
        self
    }

    pub(super) fn is_broken(&self) -> bool {
        self.result.is_err()
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\'' => f.write_str("&#39;"),
        other => f.write_char(other),
    }
}
