//! Text into a moment by a format, exactly as .NET's `ParseExact` in the invariant culture.

use time::{Date, OffsetDateTime, UtcOffset, Weekday};

use super::pattern::{Format, Styles, Token};
use super::text::{assemble, date, nanoseconds, offset, time};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::expr) struct Read {
    pub(in crate::expr) moment: OffsetDateTime,
    /// Whether it said where on earth that is.
    pub(in crate::expr) has_offset: bool,
}

/// Reads a text; says what is wrong with it. What the format leaves out of the date is that of today, as in .NET.
pub(in crate::expr) fn read(
    text: &str,
    format: &Format,
    styles: Styles,
    today: OffsetDateTime,
) -> Result<Read, &'static str> {
    const MISMATCH: &str = "it does not have the input format";
    let mut rest = text;
    if styles.leading_white {
        rest = rest.trim_start();
    }
    if styles.trailing_white {
        rest = rest.trim_end();
    }
    let mut reader = Reader { rest, inner_white: styles.inner_white, parts: Parts::default() };
    for (index, token) in format.0.iter().enumerate() {
        let before_fraction = matches!(format.0.get(index + 1), Some(Token::ShortFraction(_)));
        reader.token(token, before_fraction).ok_or(MISMATCH)?;
    }
    reader.skip_inner_white();
    if !reader.rest.is_empty() {
        return Err(MISMATCH);
    }
    reader.parts.assemble(today)
}

/// What the tokens said so far.
#[derive(Debug, Default)]
struct Parts {
    year: Option<u32>,
    /// A year of two digits: within a century that is not said.
    short_year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    weekday: Option<Weekday>,
    hour12: Option<u32>,
    hour24: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    nanosecond: Option<u32>,
    afternoon: Option<bool>,
    offset: Option<UtcOffset>,
}

impl Parts {
    fn assemble(self, today: OffsetDateTime) -> Result<Read, &'static str> {
        const NO_MOMENT: &str = "there is no such date or time";
        let date = self.date(today.date())?;
        if self.weekday.is_some_and(|weekday| weekday != date.weekday()) {
            return Err("the day of the week is wrong");
        }
        let hour = match (self.hour24, self.hour12) {
            (Some(hour), _) => match self.afternoon {
                Some(afternoon) if afternoon != (hour >= 12) => return Err(NO_MOMENT),
                _ => hour,
            },
            (None, Some(hour)) if hour <= 12 => hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, Some(_)) => return Err(NO_MOMENT),
            (None, None) => match self.afternoon {
                Some(true) => 12,
                _ => 0,
            },
        };
        let minute = self.minute.unwrap_or(0);
        let second = self.second.unwrap_or(0);
        let time = time(hour, minute, second, self.nanosecond.unwrap_or(0)).ok_or(NO_MOMENT)?;
        let offset = self.offset.unwrap_or(UtcOffset::UTC);
        let moment = assemble(date, time, offset).ok_or(NO_MOMENT)?;
        Ok(Read { moment, has_offset: self.offset.is_some() })
    }

    fn date(&self, today: Date) -> Result<Date, &'static str> {
        let year = match (self.year, self.short_year) {
            (Some(year), _) => Some(year),
            // .NET's own answer changed between versions for these.
            (None, Some(30..=49)) => return Err("the year could be of two centuries; write it with four digits"),
            (None, Some(short @ 0..=29)) => Some(2000 + short),
            (None, Some(short)) => Some(1900 + short),
            (None, None) => None,
        };
        let this_year = u32::try_from(today.year()).unwrap_or_default();
        let found = match (year, self.month, self.day) {
            (None, None, None) => Some(today),
            (year, month, day) => date(year.unwrap_or(this_year), month.unwrap_or(1), day.unwrap_or(1)),
        };
        found.ok_or("there is no such date or time")
    }
}

struct Reader<'a> {
    rest: &'a str,
    inner_white: bool,
    parts: Parts,
}

impl Reader<'_> {
    fn skip_inner_white(&mut self) {
        if self.inner_white {
            self.rest = self.rest.trim_start();
        }
    }

    fn token(&mut self, token: &Token, before_fraction: bool) -> Option<()> {
        self.skip_inner_white();
        match token {
            Token::Day(length @ 1..=2) => {
                let value = self.number(*length)?;
                set(&mut self.parts.day, value)
            }
            Token::Day(length) => {
                let names = DAYS.map(|name| if *length == 3 { &name[..3] } else { name });
                let weekday = Weekday::Monday.nth_next(u8::try_from(self.name(&names)?).ok()?);
                set(&mut self.parts.weekday, weekday)
            }
            Token::Month(length @ 1..=2) => {
                let value = self.number(*length)?;
                set(&mut self.parts.month, value)
            }
            Token::Month(length) => {
                let names = MONTHS.map(|name| if *length == 3 { &name[..3] } else { name });
                let value = u32::try_from(self.name(&names)? + 1).ok()?;
                set(&mut self.parts.month, value)
            }
            Token::Year(length @ 1..=2) => {
                let value = self.number(*length)?;
                set(&mut self.parts.short_year, value)
            }
            Token::Year(length) => {
                let value = self.digits(*length, *length)?.parse().ok()?;
                set(&mut self.parts.year, value)
            }
            Token::Hour12(length) => {
                let value = self.number(*length)?;
                set(&mut self.parts.hour12, value)
            }
            Token::Hour24(length) => {
                let value = self.number(*length)?;
                set(&mut self.parts.hour24, value)
            }
            Token::Minute(length) => {
                let value = self.number(*length)?;
                set(&mut self.parts.minute, value)
            }
            Token::Second(length) => {
                let value = self.number(*length)?;
                set(&mut self.parts.second, value)
            }
            Token::Fraction(length) => {
                let value = nanoseconds(self.digits(*length, *length)?)?;
                set(&mut self.parts.nanosecond, value)
            }
            Token::ShortFraction(length) => {
                let digits = self.digits(0, *length)?;
                match nanoseconds(digits) {
                    Some(value) => set(&mut self.parts.nanosecond, value),
                    None => Some(()),
                }
            }
            Token::Half(length) => {
                let names = if *length == 1 { ["A", "P"] } else { ["AM", "PM"] };
                let value = self.name(&names)? == 1;
                set(&mut self.parts.afternoon, value)
            }
            Token::Offset(length) => self.offset(*length),
            Token::Kind => {
                if self.take("Z") {
                    return set(&mut self.parts.offset, UtcOffset::UTC);
                }
                match self.rest.starts_with(['+', '-']) {
                    true => self.offset(3),
                    false => Some(()),
                }
            }
            Token::Text(text) if self.inner_white && text.trim().is_empty() => Some(()),
            // The point before a fraction that may be left out may be left out too.
            Token::Text(text) if text == "." && before_fraction => {
                self.take(text);
                Some(())
            }
            Token::Text(text) => self.take(text).then_some(()),
        }
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<&str> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(digits)
    }

    /// A letter alone takes one digit or two, a doubled one exactly two.
    fn number(&mut self, length: usize) -> Option<u32> {
        self.digits(length.min(2), 2)?.parse().ok()
    }

    /// Which of the names comes, in any case.
    fn name(&mut self, names: &[&str]) -> Option<usize> {
        let fits = |name: &str| self.rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        let index = names.iter().position(|name| fits(name))?;
        self.rest = &self.rest[names[index].len()..];
        Some(index)
    }

    fn offset(&mut self, length: usize) -> Option<()> {
        let minus = self.take("-");
        if !minus && !self.take("+") {
            return None;
        }
        let hours = self.number(length)?;
        let minutes = match length {
            1 | 2 => 0,
            _ => {
                self.take(":");
                self.number(2)?
            }
        };
        let value = offset(minus, hours, minutes)?;
        set(&mut self.parts.offset, value)
    }
}

/// Sets what was not set, or is the same.
fn set<T: PartialEq>(place: &mut Option<T>, value: T) -> Option<()> {
    match place {
        Some(before) => (*before == value).then_some(()),
        None => {
            *place = Some(value);
            Some(())
        }
    }
}

pub(super) fn month_name(month: usize) -> &'static str {
    MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default()
}

pub(super) fn day_name(weekday: Weekday) -> &'static str {
    DAYS[usize::from(weekday.number_days_from_monday())]
}
