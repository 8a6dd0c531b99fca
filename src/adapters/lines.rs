//! Lines of a file, one at a time and bounded.

use std::io::{self, BufRead};

/// The longest row or line that is taken in.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

/// What came when a line was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line and its end.
    Whole,
    /// The last line, which has no end: it may be torn.
    Unended,
    /// A line longer than [`MAX_ROW_BYTES`], which was skipped.
    TooLong,
    /// No line is left.
    End,
}

/// Reads the next line into `line`, without its end.
pub(super) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut size = 0_usize;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(match size {
                0 => Line::End,
                1..=MAX_ROW_BYTES => Line::Unended,
                _ => Line::TooLong,
            });
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let text = &buffer[..end.unwrap_or(buffer.len())];
        size = size.saturating_add(text.len());
        if size <= MAX_ROW_BYTES {
            line.extend_from_slice(text);
        }
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(if size <= MAX_ROW_BYTES { Line::Whole } else { Line::TooLong });
        }
    }
}

/// The input without the byte order mark at its start.
pub(super) fn without_bom(mut input: impl BufRead) -> io::Result<impl BufRead> {
    let mut head = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&mut input, 3), &mut head)?;
    if head == b"\xef\xbb\xbf" {
        head.clear();
    }
    Ok(io::Read::chain(io::Cursor::new(head), input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_bounded() {
        let long = "x".repeat(MAX_ROW_BYTES + 1);
        let text = format!("a\r\n\n{long}\nb");
        // A buffer of three bytes, so that lines cross its border.
        let mut input = io::BufReader::with_capacity(3, text.as_bytes());
        let mut line = Vec::new();
        let mut next = || {
            let kind = read_line(&mut input, &mut line).expect("memory does not fail");
            (kind, String::from_utf8_lossy(&line).len())
        };
        assert_eq!(next(), (Line::Whole, 1));
        assert_eq!(next(), (Line::Whole, 0));
        assert_eq!(next().0, Line::TooLong);
        assert_eq!(next(), (Line::Unended, 1));
        assert_eq!(next(), (Line::End, 0));
    }
}
