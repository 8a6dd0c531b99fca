//! A moment into text by a format, in the invariant culture.

use std::fmt::Write as _;

use super::pattern::{Format, Token};
use super::reader::{Read, day_name, month_name};

/// What a moment is in a format.
pub(in crate::expr) fn print(read: Read, format: &Format) -> String {
    let moment = read.moment;
    let year = moment.year();
    let hour12 = match moment.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    // Steps of 100 ns.
    let steps = moment.nanosecond() / 100;
    let mut out = String::new();
    for token in &format.0 {
        // Writing to a String does not fail.
        let _ = match token {
            Token::Day(length @ 1..=2) => write!(out, "{:0length$}", moment.day()),
            Token::Day(3) => write!(out, "{}", &day_name(moment.weekday())[..3]),
            Token::Day(_) => write!(out, "{}", day_name(moment.weekday())),
            Token::Month(length @ 1..=2) => write!(out, "{:0length$}", u8::from(moment.month())),
            Token::Month(3) => write!(out, "{}", &month_name(usize::from(u8::from(moment.month())))[..3]),
            Token::Month(_) => write!(out, "{}", month_name(usize::from(u8::from(moment.month())))),
            Token::Year(length @ 1..=2) => write!(out, "{:0length$}", year % 100),
            Token::Year(length) => write!(out, "{year:0length$}"),
            Token::Hour12(length) => write!(out, "{hour12:0width$}", width = length.min(&2)),
            Token::Hour24(length) => write!(out, "{:0width$}", moment.hour(), width = length.min(&2)),
            Token::Minute(length) => write!(out, "{:0width$}", moment.minute(), width = length.min(&2)),
            Token::Second(length) => write!(out, "{:0width$}", moment.second(), width = length.min(&2)),
            Token::Fraction(length) => write!(out, "{}", &format!("{steps:07}")[..*length]),
            Token::ShortFraction(length) => {
                let digits = format!("{steps:07}");
                let digits = digits[..*length].trim_end_matches('0');
                if digits.is_empty() && out.ends_with('.') {
                    out.pop();
                }
                write!(out, "{digits}")
            }
            Token::Half(1) => write!(out, "{}", if moment.hour() < 12 { "A" } else { "P" }),
            Token::Half(_) => write!(out, "{}", if moment.hour() < 12 { "AM" } else { "PM" }),
            Token::Offset(1) => write!(out, "+0"),
            Token::Offset(2) => write!(out, "+00"),
            Token::Offset(_) => write!(out, "+00:00"),
            Token::Kind => write!(out, "{}", if read.has_offset { "Z" } else { "" }),
            Token::Text(text) => write!(out, "{text}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::{Format, Styles, read};
    use super::*;

    fn shown(format: &str) -> Result<String, String> {
        let moment = datetime!(2009-06-05 13:04:09.6175 UTC);
        Format::new(format).map(|format| print(Read { moment, has_offset: true }, &format))
    }

    #[test]
    fn moments_are_printed_as_in_dotnet() {
        #[rustfmt::skip]
        let table = [
            ("d MMM yyyy", "5 Jun 2009"), ("dd/MM/yy", "05/06/09"), ("dddd, MMMM", "Friday, June"), ("ddd", "Fri"),
            ("%d", "5"), ("%y", "9"), ("yyy", "2009"), ("yyyyy", "02009"), ("h:m:s tt", "1:4:9 PM"), ("hh:mm:ss t", "01:04:09 P"),
            ("H HH", "13 13"), ("s.f ss.fff", "9.6 09.617"), ("s.FFFFFFF", "9.6175"), ("z zz zzz", "+0 +00 +00:00"),
            ("yyyyK", "2009Z"), ("'day' d \"x\"\\d", "day 5 xd"), ("yyyyMMddHHmmss.fZ", "20090605130409.6Z"),
            ("d", "06/05/2009"), ("D", "Friday, 05 June 2009"), ("s", "2009-06-05T13:04:09"),
            ("o", "2009-06-05T13:04:09.6175000Z"), ("u", "2009-06-05 13:04:09Z"), ("R", "Fri, 05 Jun 2009 13:04:09 GMT"),
            ("'it\\'s' d", "it's 5"),
        ];
        for (format, expected) in table {
            assert_eq!(shown(format).as_deref(), Ok(expected), "{format}");
        }
        let round = Read { moment: datetime!(2009-06-05 0:00 UTC), has_offset: false };
        assert_eq!(print(round, &Format::new("s.FFK").expect("a format")), "0");
        assert_eq!(print(round, &Format::new("htt").expect("a format")), "12AM");
    }

    #[test]
    fn a_format_that_would_differ_is_refused() {
        for (format, message) in [
            ("", "the format is empty"),
            ("G", "there is no format 'G'; alone stand d, D, s, o, u and r"),
            ("ffffffff", "a fraction has at most 7 digits, and here are 8"),
            ("yyyy gg", "eras (g) are not supported"),
            ("yyyy 'x", "the text after ' is not closed"),
            ("yyyy\\", "the format ends with a backslash"),
            ("yyyy%", "a % stands before a letter"),
        ] {
            assert_eq!(shown(format), Err(message.to_owned()), "{format}");
        }
    }

    #[test]
    fn texts_are_read_as_in_dotnet() {
        let today = datetime!(2025-07-30 10:00 UTC);
        #[rustfmt::skip]
        let table = [
            ("20150123105347.1Z", "yyyyMMddHHmmss.fZ", Some(datetime!(2015-01-23 10:53:47.1 UTC)), "a Z that is text"),
            ("2020-12-31-08:00", "yyyy-MM-ddzzz", Some(datetime!(2020-12-31 8:00 UTC)), "an offset"),
            ("2020-12-31+0130", "yyyy-MM-ddzzz", Some(datetime!(2020-12-30 22:30 UTC)), "without a colon"),
            ("2020-12-31Z", "yyyy-MM-ddK", Some(datetime!(2020-12-31 0:00 UTC)), "K is Z"),
            ("2020-12-31", "yyyy-MM-ddK", Some(datetime!(2020-12-31 0:00 UTC)), "or nothing"),
            ("8/5/2025 12:00:00 AM", "M/d/yyyy hh:mm:ss tt", Some(datetime!(2025-08-05 0:00 UTC)), "midnight"),
            ("8/15/2025 1:00:00 pm", "M/d/yyyy h:mm:ss tt", Some(datetime!(2025-08-15 13:00 UTC)), "the afternoon"),
            ("12:30", "h:mm", Some(datetime!(2025-07-30 0:30 UTC)), "no half is the morning, no date is today"),
            ("05 02", "dd MM", Some(datetime!(2025-02-05 0:00 UTC)), "no year is this year"),
            ("2024", "yyyy", Some(datetime!(2024-01-01 0:00 UTC)), "no month and day is the first"),
            ("5 feb 2024", "d MMM yyyy", Some(datetime!(2024-02-05 0:00 UTC)), "names in any case"),
            ("Monday, 05 February 2024", "D", Some(datetime!(2024-02-05 0:00 UTC)), "a standard format"),
            ("Tuesday, 05 February 2024", "D", None, "the wrong day of the week"),
            (" 2024-02-05 ", "yyyy-MM-dd", Some(datetime!(2024-02-05 0:00 UTC)), "white space around"),
            ("2024- 02-05", "yyyy-MM-dd", None, "but not within"),
            ("24-02-05", "yy-MM-dd", Some(datetime!(2024-02-05 0:00 UTC)), "two digits of a year"),
            ("65-02-05", "yy-MM-dd", Some(datetime!(1965-02-05 0:00 UTC)), "of the last century"),
            ("35-02-05", "yy-MM-dd", None, "of nobody knows which"),
            ("2024-2-5", "yyyy-MM-dd", None, "two letters, two digits"),
            ("2024-02-05", "yyyy-M-d", Some(datetime!(2024-02-05 0:00 UTC)), "one letter, two digits"),
            ("05/02/2024", "yyyy-MM-dd", None, "another format"),
            ("2024-02-30", "yyyy-MM-dd", None, "no such day"),
            ("2024-02-05x", "yyyy-MM-dd", None, "more text"),
            ("13:00 AM", "HH:mm tt", None, "halves that contradict"),
            ("10:00:05.25", "HH:mm:ss.FFF", Some(datetime!(2025-07-30 10:00:05.25 UTC)), "a fraction"),
            ("10:00:05", "HH:mm:ss.FFF", Some(datetime!(2025-07-30 10:00:05 UTC)), "that may be left out"),
            ("05 06", "dd dd", None, "two days"),
            ("0001-01-01+01:00", "yyyy-MM-ddzzz", None, "before the first moment"),
            ("é", "yyyy", None, "no digit"),
        ];
        for (text, format, expected, why) in table {
            let parsed = Format::new(format).expect(format);
            let found = read(text, &parsed, Styles::DEFAULT, today).ok().map(|read| read.moment);
            assert_eq!(found, expected, "{why}: {text} as {format}");
        }
        let date = Format::new("yyyy-MM-dd").expect("a format");
        let none = Styles::new("None").expect("a style");
        assert!(read(" 2024-02-05", &date, none, today).is_err());
        let inner = Styles::new("AllowInnerWhite, AssumeUniversal").expect("styles");
        assert!(read("2024 - 02 - 05", &date, inner, today).is_ok());
        assert!(Styles::new("AllowNothing").is_err());
    }
}
