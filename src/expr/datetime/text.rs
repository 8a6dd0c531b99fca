//! The texts that are moments wherever one is expected, and Windows file times.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// File times count from 1601, Unix times from 1970: the difference in steps of 100 ns.
const UNIX_EPOCH_AS_FILE_TIME: i128 = 116_444_736_000_000_000;

/// A moment, if it lies in the years 1 to 9999, in UTC and cut to 100 ns.
pub(in crate::expr) fn within(moment: OffsetDateTime) -> Option<OffsetDateTime> {
    let moment = moment.checked_to_offset(UtcOffset::UTC)?;
    let cut = moment.replace_nanosecond(moment.nanosecond() / 100 * 100).ok()?;
    (1..=9999).contains(&cut.year()).then_some(cut)
}

/// The moment so many steps of 100 ns after the beginning of 1601.
pub(in crate::expr) fn of_file_time(steps: i64) -> Option<OffsetDateTime> {
    if steps < 0 {
        return None;
    }
    let nanoseconds = (i128::from(steps) - UNIX_EPOCH_AS_FILE_TIME) * 100;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok().and_then(within)
}

/// The reverse of it; `None` before 1601.
pub(in crate::expr) fn file_time(moment: OffsetDateTime) -> Option<i64> {
    let steps = moment.unix_timestamp_nanos().div_euclid(100) + UNIX_EPOCH_AS_FILE_TIME;
    i64::try_from(steps).ok().filter(|steps| *steps >= 0)
}

/// Reads `yyyy-MM-dd` or `M/d/yyyy`, a time of day, an offset. Without an offset it is UTC.
pub(in crate::expr) fn parse(text: &str) -> Option<OffsetDateTime> {
    let mut reader = Scanner { rest: text };
    let iso = text.as_bytes().get(4) == Some(&b'-');
    let date = if iso { reader.iso_date()? } else { reader.american_date()? };
    let (time, offset) = reader.time_and_offset(iso)?;
    if !reader.rest.is_empty() {
        return None;
    }
    assemble(date, time, offset)
}

/// A date and a time at an offset from UTC, if .NET could hold it.
pub(super) fn assemble(date: Date, time: Time, offset: UtcOffset) -> Option<OffsetDateTime> {
    if !(1..=9999).contains(&date.year()) {
        return None;
    }
    within(OffsetDateTime::new_in_offset(date, time, offset))
}

/// An offset of at most 14 hours, as .NET has it.
pub(super) fn offset(minus: bool, hours: u32, minutes: u32) -> Option<UtcOffset> {
    let total = i32::try_from(hours.checked_mul(60)?.checked_add(minutes)?).ok()?;
    if minutes > 59 || total > 14 * 60 {
        return None;
    }
    UtcOffset::from_whole_seconds(if minus { -total } else { total } * 60).ok()
}

pub(super) fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

pub(super) fn time(hour: u32, minute: u32, second: u32, nanosecond: u32) -> Option<Time> {
    let byte = |number: u32| u8::try_from(number).ok();
    Time::from_hms_nano(byte(hour)?, byte(minute)?, byte(second)?, nanosecond).ok()
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.take(text).then_some(())
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at_checked(digits).filter(|_| digits >= least)?;
        self.rest = rest;
        number.parse().ok()
    }

    fn iso_date(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        self.expect("-")?;
        let month = self.number(2, 2)?;
        self.expect("-")?;
        date(year, month, self.number(2, 2)?)
    }

    fn american_date(&mut self) -> Option<Date> {
        let month = self.number(1, 2)?;
        self.expect("/")?;
        let day = self.number(1, 2)?;
        self.expect("/")?;
        date(self.number(4, 4)?, month, day)
    }

    fn time_and_offset(&mut self, iso: bool) -> Option<(Time, UtcOffset)> {
        let strict = iso && self.take("T");
        if !strict {
            if self.rest.is_empty() {
                return Some((Time::MIDNIGHT, UtcOffset::UTC));
            }
            if !self.take(" ") {
                // An offset stands directly after an ISO date.
                return iso.then(|| self.offset(false)).flatten().map(|offset| (Time::MIDNIGHT, offset));
            }
            if self.rest.starts_with(['+', '-', 'Z']) {
                return self.offset(true).map(|offset| (Time::MIDNIGHT, offset));
            }
        }
        let time = self.time(iso, strict)?;
        if self.rest.is_empty() {
            return Some((time, UtcOffset::UTC));
        }
        let apart = self.take(" ");
        self.offset(apart).map(|offset| (time, offset))
    }

    fn time(&mut self, iso: bool, strict: bool) -> Option<Time> {
        let mut hour = self.number(if strict { 2 } else { 1 }, 2)?;
        self.expect(":")?;
        let minute = self.number(2, 2)?;
        let mut second = 0;
        let mut nanosecond = 0;
        let mut fraction = false;
        if self.take(":") {
            second = self.number(2, 2)?;
            if iso && self.take(".") {
                fraction = true;
                nanosecond = self.fraction()?;
            }
        }
        if !strict && !fraction {
            let half = self.rest.get(..3).map(str::to_ascii_uppercase);
            let afternoon = match half.as_deref() {
                Some(" AM") => Some(false),
                Some(" PM") => Some(true),
                _ => None,
            };
            if let Some(afternoon) = afternoon {
                self.rest = &self.rest[3..];
                if !(1..=12).contains(&hour) {
                    return None;
                }
                hour = hour % 12 + if afternoon { 12 } else { 0 };
            }
        }
        time(hour, minute, second, nanosecond)
    }

    /// Digits after the point; what is finer than 100 ns is cut.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest;
        nanoseconds(text)
    }

    /// `Z`, `-07:00`; apart from the time by a blank also `-8` and `-08`.
    fn offset(&mut self, apart: bool) -> Option<UtcOffset> {
        if self.take("Z") {
            return Some(UtcOffset::UTC);
        }
        let minus = self.take("-");
        if !minus {
            self.expect("+")?;
        }
        let hours = self.number(if apart { 1 } else { 2 }, 2)?;
        let minutes = match (self.take(":"), apart) {
            (true, _) => self.number(2, 2)?,
            (false, true) => 0,
            (false, false) => return None,
        };
        offset(minus, hours, minutes)
    }
}

/// Decimal digits of a second, cut to 100 ns; `None` for no digits.
pub(super) fn nanoseconds(digits: &str) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    let kept = &digits[..digits.len().min(7)];
    let steps: u32 = kept.parse().ok()?;
    Some(steps * 10_u32.pow(7 - u32::try_from(kept.len()).ok()?) * 100)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn texts_that_are_moments() {
        #[rustfmt::skip]
        let table = [
            ("2020-03-16", Some(datetime!(2020-03-16 0:00 UTC)), "no offset is UTC"),
            ("2020-03-16-07:00", Some(datetime!(2020-03-16 7:00 UTC)), "an offset after the date"),
            ("2020-03-16Z", Some(datetime!(2020-03-16 0:00 UTC)), "or Z"),
            ("2020-03-16 -8", Some(datetime!(2020-03-16 8:00 UTC)), "or apart"),
            ("2009-06-15T01:45:30-07:00", Some(datetime!(2009-06-15 8:45:30 UTC)), "ISO 8601"),
            ("2009-06-15 01:45", Some(datetime!(2009-06-15 1:45 UTC)), "with a blank"),
            ("2009-06-15T01:45:30.123456789Z", Some(datetime!(2009-06-15 1:45:30.1234567 UTC)), "a fraction is cut"),
            ("8/25/2021 5:41:18 PM", Some(datetime!(2021-08-25 17:41:18 UTC)), "American"),
            ("8/25/2021 12:00 am", Some(datetime!(2021-08-25 0:00 UTC)), "midnight, in small letters"),
            ("08/05/2021 17:41", Some(datetime!(2021-08-05 17:41 UTC)), "by 24 hours"),
            ("2013-01-10 4:00 PM -8", Some(datetime!(2013-01-11 0:00 UTC)), "an offset of one digit"),
            ("2020-12-31 23:59:59-08:00", Some(datetime!(2021-01-01 7:59:59 UTC)), "an offset after a time"),
            ("9999-12-31T23:59:59-04:00", None, "past the last moment"),
            ("0001-01-01T00:00:00+01:00", None, "before the first"),
            ("2024-02-30", None, "no such day"),
            ("2024-13-01", None, "no such month"),
            ("2024-01-01T24:00", None, "no such hour"),
            ("8/25/2021 13:00 PM", None, "no such hour of the afternoon"),
            ("2024-01-01T1:00", None, "two digits after T"),
            ("2024-01-01T01:00 PM", None, "no halves after T"),
            ("2024-01-01+7", None, "an offset of one digit stands apart"),
            ("2024-01-01+15:00", None, "no such offset"),
            ("2024-1-1", None, "two digits"),
            ("25.8.2021", None, "German"),
            (" 2024-01-01", None, "not trimmed"),
            ("2024-01-01 ", None, "not trimmed"),
            ("2024-01-01T", None, "no time"),
            ("2024-01-01T01:00:00.", None, "no fraction"),
            ("1/1/24", None, "two digits of a year"),
            ("２０２４-01-01", None, "other digits"),
            ("é", None, "no date"),
            ("", None, "nothing"),
        ];
        for (text, expected, why) in table {
            assert_eq!(parse(text), expected, "{why}: {text}");
        }
    }

    #[test]
    fn file_times() {
        for (steps, moment) in [
            (0, datetime!(1601-01-01 0:00 UTC)),
            (129_699_324_000_000_000, datetime!(2012-01-01 23:00 UTC)),
            (2_650_467_743_999_999_999, datetime!(9999-12-31 23:59:59.9999999 UTC)),
        ] {
            assert_eq!(of_file_time(steps), Some(moment));
            assert_eq!(file_time(moment), Some(steps));
        }
        assert_eq!(of_file_time(-1), None);
        assert_eq!(of_file_time(2_650_467_744_000_000_000), None);
        assert_eq!(of_file_time(i64::MAX), None, "what Active Directory writes for never");
        assert_eq!(file_time(datetime!(1600-12-31 23:59:59 UTC)), None);
    }
}
