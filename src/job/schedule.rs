//! When a job runs: a cron expression, and nothing that waits.

use std::cmp::Ordering;
use std::fmt;
use std::ops::RangeInclusive;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDateTime, CronDateTime, Resolution, Weekday};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use crate::error::{Error, ErrorKind};

/// Moments given by a cron expression, at a fixed offset from UTC.
///
/// There are two dialects, and they are not told apart by guessing: [`quartz`](Self::quartz) has seconds first,
/// [`unix`](Self::unix) begins with minutes. The offset is part of both: there is no summer time in it, so that no moment
/// comes twice or never.
///
/// # Examples
///
/// ```
/// use entrant::job::Schedule;
/// use time::{UtcOffset, macros::{datetime, offset}};
///
/// let nightly = Schedule::unix("30 2 * * 1-5", offset!(+1))?;
/// assert_eq!(nightly.next_after(datetime!(2026-01-02 12:00 UTC)), Some(datetime!(2026-01-05 02:30 +1)));
/// // Every 15 seconds, although it looks like every 15 minutes.
/// let often = Schedule::quartz("*/15 * * * * ?", UtcOffset::UTC)?;
/// assert!(often.warning().is_some_and(|warning| warning.contains("every 15 seconds")));
/// # Ok::<(), entrant::job::ScheduleError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: String,
    dialect: Dialect,
    cron: Box<croner::Cron>,
    offset: UtcOffset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Quartz,
    Unix,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is no schedule: {reason}")]
#[non_exhaustive]
pub struct ScheduleError {
    /// The text.
    pub expression: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl From<ScheduleError> for Error {
    fn from(error: ScheduleError) -> Self {
        Error::new(ErrorKind::Invalid, error.to_string())
    }
}

impl Schedule {
    /// An expression of Quartz: seconds, minutes, hours, day of the month, month, day of the week (1 is Sunday) and, if
    /// need be, the year. One of the two days is `?`, or both are left open. `0/5`, `22-6`, `SAT-MON`, `L`, `6L`, `LW`, `15W`
    /// and `FRI#2` mean what they mean there. Days that are counted from the end of a month, `L-3` and `L-3W`, are not known.
    ///
    /// # Errors
    ///
    /// Which field is wrong, and what would be right; also if no moment ever comes, as on 30 February. Years that are past
    /// are no error, for nothing here reads a clock: [`next_after`](Self::next_after) gives `None` then, and a
    /// [`Scheduler`](super::Scheduler) logs a warning.
    pub fn quartz(expression: &str, offset: UtcOffset) -> Result<Self, ScheduleError> {
        Self::new(expression, Dialect::Quartz, offset)
    }

    /// An expression of Unix: minutes, hours, day of the month, month, day of the week (0 and 7 are Sunday). If both days
    /// are given, either will do. A range goes from the lesser to the greater, as cron has it, and names such as `@daily` are
    /// not known.
    ///
    /// # Errors
    ///
    /// Which field is wrong, and what would be right; also if no moment ever comes, as on 30 February.
    pub fn unix(expression: &str, offset: UtcOffset) -> Result<Self, ScheduleError> {
        Self::new(expression, Dialect::Unix, offset)
    }

    fn new(expression: &str, dialect: Dialect, offset: UtcOffset) -> Result<Self, ScheduleError> {
        let error = |reason: String| ScheduleError { expression: shown(expression), reason };
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let parser = match (dialect, fields.len()) {
            (Dialect::Quartz, 6 | 7) => {
                let open = |field: &str| matches!(field, "?" | "*");
                if !open(fields[3]) && !open(fields[5]) {
                    return Err(error(
                        "a day of the month or a day of the week is to be given, and the other as ?".into(),
                    ));
                }
                let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Optional);
                parser.alternative_weekdays(true).sloppy_ranges(true).build()
            }
            (Dialect::Unix, 5) => CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build(),
            (Dialect::Quartz, count) => {
                let reason = format!(
                    "it has {count} fields, and Quartz has 6, seconds first, or 7 with the year; 5 fields are those of \
                     Schedule::unix"
                );
                return Err(error(reason));
            }
            (Dialect::Unix, count) => {
                let reason = format!(
                    "it has {count} fields, and Unix has 5, minutes first; 6 or 7 with seconds first are those of \
                     Schedule::quartz"
                );
                return Err(error(reason));
            }
        };
        let table: &[Field] = if dialect == Dialect::Quartz { QUARTZ } else { UNIX };
        let spelled: Vec<String> = fields.iter().zip(table).map(|(text, field)| field.spelled_out(text)).collect();
        let cron = parser.parse(&spelled.join(" ")).map_err(|cause| {
            // The parser does not say which field it means.
            let alone = |at: usize| {
                let texts = spelled.iter().enumerate().map(|(own, text)| if own == at { text } else { "*" });
                texts.collect::<Vec<_>>().join(" ")
            };
            let wrong = (0..fields.len()).find(|at| parser.parse(&alone(*at)).is_err());
            error(wrong.map_or_else(|| shown(&cause.to_string()), |at| table[at].refusal(fields[at])))
        })?;
        let schedule = Self { expression: fields.join(" "), dialect, cron: Box::new(cron), offset };
        match schedule.next_after(OffsetDateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(error("no such moment ever comes".into())),
        }
    }

    /// The first moment after this one; `None` if there is none.
    #[must_use]
    pub fn next_after(&self, moment: OffsetDateTime) -> Option<OffsetDateTime> {
        let start = Moment(moment.checked_to_offset(self.offset)?);
        let next = self.cron.find_next_occurrence(&start, false).ok()?;
        Some(next.0)
    }

    /// What most likely was not meant: more than one run a minute. `None` otherwise.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        // A search that begins within a minute may see only its last second.
        let mut moment = self.next_after(OffsetDateTime::UNIX_EPOCH)?;
        let gaps = (0..3).map_while(|_| {
            let next = self.next_after(moment)?;
            Some(next - std::mem::replace(&mut moment, next))
        });
        let gap = gaps.min().filter(|gap| *gap < time::Duration::MINUTE)?;
        let seconds = gap.whole_seconds();
        let every = if seconds == 1 { "every second".to_owned() } else { format!("every {seconds} seconds") };
        let (_, rest) = self.expression.split_once(' ')?;
        let meant = match rest.split_once(' ') {
            Some(("*", rest)) => {
                let field = self.expression.split(' ').next().unwrap_or_default();
                format!("; for every so many minutes write `0 {field} {rest}`")
            }
            _ => format!("; for once a minute at most write `0 {rest}`"),
        };
        Some(format!("`{}` comes {every}, for its first field is seconds{meant}", self.expression))
    }

    /// The offset from UTC by which hours and days are counted.
    #[must_use]
    pub fn offset(&self) -> UtcOffset {
        self.offset
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = if self.dialect == Dialect::Quartz { "Quartz" } else { "Unix" };
        write!(f, "{} ({dialect}, UTC{})", self.expression, self.offset)
    }
}

/// A field of an expression.
struct Field {
    name: &'static str,
    /// What it may be, beside lists, ranges and steps.
    accepts: &'static str,
    /// All its values, if a range may run over the end, so that `22-6` is the night.
    ring: Option<RangeInclusive<usize>>,
    /// The names of the values of the ring, from the first on.
    names: &'static [&'static str],
    /// What `L` is, if it is said otherwise to the parser.
    last: Option<&'static str>,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const QUARTZ: &[Field] = &[
    Field::new("second", "0 to 59").ring(0..=59, &[]),
    Field::new("minute", "0 to 59").ring(0..=59, &[]),
    Field::new("hour", "0 to 23").ring(0..=23, &[]),
    Field::new("day of the month", "1 to 31, L, LW, 15W").ring(1..=31, &[]),
    Field::new("month", "1 to 12, JAN to DEC").ring(1..=12, MONTHS),
    Field::new("day of the week", "1 to 7, SUN to SAT, L, 6L, 6#2").ring(1..=7, DAYS).last("7"),
    Field::new("year", "years such as 2030"),
];
const UNIX: &[Field] = &[
    Field::new("minute", "0 to 59"),
    Field::new("hour", "0 to 23"),
    Field::new("day of the month", "1 to 31"),
    Field::new("month", "1 to 12, JAN to DEC"),
    // The parser would take `L` alone, and no day ever be the one.
    Field::new("day of the week", "0 to 7, SUN to SAT").last("-"),
];

impl Field {
    const fn new(name: &'static str, accepts: &'static str) -> Self {
        Self { name, accepts, ring: None, names: &[], last: None }
    }

    const fn ring(self, values: RangeInclusive<usize>, names: &'static [&'static str]) -> Self {
        Self { ring: Some(values), names, ..self }
    }

    const fn last(self, last: &'static str) -> Self {
        Self { last: Some(last), ..self }
    }

    /// A text of this field in words that the parser knows.
    fn spelled_out(&self, text: &str) -> String {
        let part = |part: &str| match self.last {
            Some(last) if part.eq_ignore_ascii_case("L") => last.to_owned(),
            _ => self.over_the_end(part).unwrap_or_else(|| part.to_owned()),
        };
        text.split(',').map(part).collect::<Vec<_>>().join(",")
    }

    /// The values of a range that runs over the end.
    fn over_the_end(&self, part: &str) -> Option<String> {
        let ring = self.ring.as_ref()?;
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (from, to) = range.split_once('-')?;
        let (from, to) = (self.value(from)?, self.value(to)?);
        let step = step.parse().ok().filter(|step| *step > 0 && from > to)?;
        let around = ring.end() + 1 - ring.start();
        let values = (from..=to + around).step_by(step).map(|value| match ring.contains(&value) {
            true => value.to_string(),
            false => (value - around).to_string(),
        });
        Some(values.collect::<Vec<_>>().join(","))
    }

    fn value(&self, text: &str) -> Option<usize> {
        let ring = self.ring.as_ref()?;
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at + ring.start());
        named.or_else(|| text.parse().ok()).filter(|value| ring.contains(value))
    }

    /// What is wrong with a text of this field, and what would be right.
    fn refusal(&self, text: &str) -> String {
        let ranges = if self.ring.is_some() { "ranges" } else { "ranges from the lesser to the greater" };
        format!(
            "`{}` is no {}; right are {}, lists, {ranges}, and steps such as */2",
            shown(text),
            self.name,
            self.accepts
        )
    }
}

/// A text as an error shows it.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A moment as the cron library searches it: at a fixed offset, so that each time of the day comes once.
#[derive(Debug, Clone, Copy)]
struct Moment(OffsetDateTime);

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let (date, time) = (self.0.date(), self.0.time());
        let (month, day) = (u32::from(u8::from(date.month())), u32::from(date.day()));
        let (hour, minute, second) = (u32::from(time.hour()), u32::from(time.minute()), u32::from(time.second()));
        CivilDateTime::from_ymd_hms_opt(date.year(), month, day, hour, minute, second)
            .expect("a moment is a date and a time")
    }

    fn civil_weekday(&self) -> Weekday {
        match self.0.weekday() {
            time::Weekday::Monday => Weekday::Monday,
            time::Weekday::Tuesday => Weekday::Tuesday,
            time::Weekday::Wednesday => Weekday::Wednesday,
            time::Weekday::Thursday => Weekday::Thursday,
            time::Weekday::Friday => Weekday::Friday,
            time::Weekday::Saturday => Weekday::Saturday,
            time::Weekday::Sunday => Weekday::Sunday,
        }
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let number = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        let date = Month::try_from(number(civil.month()))
            .and_then(|month| Date::from_calendar_date(civil.year(), month, number(civil.day())))
            .map_err(|_| CronError::InvalidDate)?;
        let time = Time::from_hms(number(civil.hour()), number(civil.minute()), number(civil.second()))
            .map_err(|_| CronError::InvalidTime)?;
        Ok(Resolution::Single(Self(date.with_time(time).assume_offset(self.0.offset()))))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(time::Duration::seconds(seconds)).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{datetime, offset};

    #[test]
    fn moments_come_as_the_expressions_say() {
        let from = datetime!(2026-01-02 03:04:05.5 UTC); // a Friday
        #[rustfmt::skip]
        let table: &[(Result<Schedule, ScheduleError>, &[OffsetDateTime], &str)] = &[
            (Schedule::quartz("0 0/15 * * * ?", UtcOffset::UTC), &[datetime!(2026-01-02 03:15 UTC), datetime!(2026-01-02 03:30 UTC)], "every 15 minutes"),
            (Schedule::quartz("*/15 * * * * ?", UtcOffset::UTC), &[datetime!(2026-01-02 03:04:15 UTC), datetime!(2026-01-02 03:04:30 UTC)], "R45: every 15 seconds"),
            (Schedule::quartz("0 0 6 ? * 2", UtcOffset::UTC), &[datetime!(2026-01-05 06:00 UTC), datetime!(2026-01-12 06:00 UTC)], "2 is Monday in Quartz"),
            (Schedule::quartz("0 0 6 ? * MON-FRI", UtcOffset::UTC), &[datetime!(2026-01-02 06:00 UTC), datetime!(2026-01-05 06:00 UTC)], "days by name"),
            (Schedule::quartz("0 0 0 L * ?", UtcOffset::UTC), &[datetime!(2026-01-31 00:00 UTC), datetime!(2026-02-28 00:00 UTC)], "the last of the month"),
            (Schedule::quartz("0 0 0 ? * 6#2", UtcOffset::UTC), &[datetime!(2026-01-09 00:00 UTC)], "the second Friday"),
            (Schedule::quartz("0 0 12 1 1 ? 2030", UtcOffset::UTC), &[datetime!(2030-01-01 12:00 UTC)], "a year"),
            (Schedule::quartz("0 0 22-1 * * ?", UtcOffset::UTC), &[datetime!(2026-01-02 22:00 UTC), datetime!(2026-01-02 23:00 UTC), datetime!(2026-01-03 00:00 UTC), datetime!(2026-01-03 01:00 UTC), datetime!(2026-01-03 22:00 UTC)], "over midnight"),
            (Schedule::quartz("0 0 21-4/3,12 * * ?", UtcOffset::UTC), &[datetime!(2026-01-02 12:00 UTC), datetime!(2026-01-02 21:00 UTC), datetime!(2026-01-03 00:00 UTC), datetime!(2026-01-03 03:00 UTC)], "over midnight in steps"),
            (Schedule::quartz("0 0 6 ? * sat-mon", UtcOffset::UTC), &[datetime!(2026-01-03 06:00 UTC), datetime!(2026-01-04 06:00 UTC), datetime!(2026-01-05 06:00 UTC), datetime!(2026-01-10 06:00 UTC)], "over the end of the week"),
            (Schedule::quartz("0 0 6 ? * FRI-SUN", UtcOffset::UTC), &[datetime!(2026-01-02 06:00 UTC), datetime!(2026-01-03 06:00 UTC), datetime!(2026-01-04 06:00 UTC), datetime!(2026-01-09 06:00 UTC)], "Sunday is the first, and the end of a range"),
            (Schedule::quartz("0 0 6 30-2 * ?", UtcOffset::UTC), &[datetime!(2026-01-02 06:00 UTC), datetime!(2026-01-30 06:00 UTC), datetime!(2026-01-31 06:00 UTC), datetime!(2026-02-01 06:00 UTC), datetime!(2026-02-02 06:00 UTC), datetime!(2026-03-01 06:00 UTC)], "over the end of the month"),
            (Schedule::quartz("0 0 6 1 NOV-2 ?", UtcOffset::UTC), &[datetime!(2026-02-01 06:00 UTC), datetime!(2026-11-01 06:00 UTC), datetime!(2026-12-01 06:00 UTC), datetime!(2027-01-01 06:00 UTC)], "over the end of the year"),
            (Schedule::quartz("0 0 6 ? * L", UtcOffset::UTC), &[datetime!(2026-01-03 06:00 UTC), datetime!(2026-01-10 06:00 UTC)], "the last of the week is Saturday"),
            (Schedule::quartz("0 0 6 ? * 6L", UtcOffset::UTC), &[datetime!(2026-01-30 06:00 UTC)], "the last Friday of the month"),
            (Schedule::quartz("0 0 6 LW * ?", UtcOffset::UTC), &[datetime!(2026-01-30 06:00 UTC)], "the last working day of the month"),
            (Schedule::unix("*/15 * * * *", UtcOffset::UTC), &[datetime!(2026-01-02 03:15 UTC)], "every 15 minutes"),
            (Schedule::unix("0 6 * * 1", UtcOffset::UTC), &[datetime!(2026-01-05 06:00 UTC)], "1 is Monday in Unix"),
            (Schedule::unix("0 6 * * 7", UtcOffset::UTC), &[datetime!(2026-01-04 06:00 UTC)], "7 is Sunday"),
            (Schedule::unix("0 6 13 * 5", UtcOffset::UTC), &[datetime!(2026-01-02 06:00 UTC), datetime!(2026-01-09 06:00 UTC), datetime!(2026-01-13 06:00 UTC)], "either day will do"),
            (Schedule::unix("0 0 29 2 *", UtcOffset::UTC), &[datetime!(2028-02-29 00:00 UTC)], "a leap day"),
            (Schedule::unix("0 1 * * *", offset!(-11)), &[datetime!(2026-01-02 12:00 UTC)], "far west: still the day before there"),
            (Schedule::unix("30 8 * * *", offset!(+5:30)), &[datetime!(2026-01-03 03:00 UTC)], "half an hour"),
        ];
        for (schedule, expected, why) in table {
            let schedule = schedule.as_ref().expect(why);
            let mut moment = from;
            for expected in *expected {
                moment = schedule.next_after(moment).expect(why);
                assert_eq!(moment, *expected, "{why}: {schedule}");
                assert_eq!(moment.offset(), schedule.offset(), "{why}");
            }
        }
        // Not the moment itself, but the next; and none when all are past.
        let yearly = Schedule::quartz("0 0 12 1 1 ? 2030", UtcOffset::UTC).expect("a schedule");
        assert_eq!(yearly.next_after(datetime!(2030-01-01 12:00 UTC)), None);
    }

    #[test]
    fn what_is_no_schedule_says_what_would_be() {
        type Make = fn(&str, UtcOffset) -> Result<Schedule, ScheduleError>;
        let table: &[(Make, &str, &str)] = &[
            (Schedule::quartz, "*/15 * * * *", "5 fields are those of Schedule::unix"),
            (Schedule::unix, "*/15 * * * * ?", "those of Schedule::quartz"),
            (Schedule::unix, "@daily", "it has 1 fields"),
            (Schedule::unix, "", "it has 0 fields"),
            (Schedule::quartz, "0 0 0 1 * MON", "the other as ?"),
            (Schedule::unix, "0 0 30 2 *", "no such moment ever comes"),
            (Schedule::unix, "60 * * * *", "60"),
            (Schedule::unix, "0 0 * * funday", "`funday` is no day of the week; right are 0 to 7, SUN to SAT, lists"),
            (
                Schedule::unix,
                "0 22-6 * * *",
                "`22-6` is no hour; right are 0 to 23, lists, ranges from the lesser to the greater",
            ),
            (Schedule::unix, "0 6 * * L", "`L` is no day of the week"),
            (Schedule::unix, "0 6 * * l,1", "`l,1` is no day of the week"),
            (Schedule::quartz, "0 0 0 L-3 * ?", "`L-3` is no day of the month; right are 1 to 31, L, LW, 15W"),
            (Schedule::quartz, "0 0 6 L-3W * ?", "`L-3W` is no day of the month"),
            (Schedule::quartz, "0 0 22-24 * * ?", "`22-24` is no hour; right are 0 to 23"),
            (Schedule::quartz, "0 0 25-6 * * ?", "`25-6` is no hour"),
            (Schedule::quartz, "0 22-6/0 * * * ?", "`22-6/0` is no minute"),
            (Schedule::quartz, "0 0 6 ? * 0", "`0` is no day of the week; right are 1 to 7"),
            (Schedule::quartz, "0 0 6 ? * 2#6", "`2#6` is no day of the week"),
            (Schedule::quartz, "0 0 6 ? * MON 2030-2028", "`2030-2028` is no year"),
            (Schedule::quartz, "@daily * * * * ?", "`@daily` is no second"),
            (Schedule::quartz, "x y z 🦀 é \u{0}", "no schedule"),
            (Schedule::quartz, "x y z ? 🦀 \u{0}", "`x` is no second"),
        ];
        for (make, expression, why) in table {
            let error = make(expression, UtcOffset::UTC).expect_err(why);
            assert!(error.to_string().contains(why), "{expression}: {error}");
        }
        let long = "1".repeat(10_000);
        for long in [long.clone(), format!("* * * * {long}"), format!("* * * * é{long}")] {
            assert!(Schedule::unix(&long, UtcOffset::UTC).expect_err("too long").to_string().len() < 400);
        }
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let schedule = Schedule::unix("0 6 * * *", offset!(+14)).expect("a schedule");
        let (first, last) = (time::Date::MIN.midnight().assume_utc(), time::Date::MAX.midnight().assume_utc());
        let _ = (schedule.next_after(first), schedule.next_after(last));
        assert_eq!(schedule.next_after(last + time::Duration::hours(23)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_does_harm(text in "[0-9*/,?LW#A-Zé -]{0,24}") {
            for made in [Schedule::unix(&text, UtcOffset::UTC), Schedule::quartz(&text, UtcOffset::UTC)] {
                let Ok(schedule) = made else { continue };
                let next = schedule.next_after(datetime!(2026-01-02 03:04:05 UTC));
                proptest::prop_assert!(next.is_none_or(|next| next > datetime!(2026-01-02 03:04:05 UTC)));
                let _ = schedule.warning();
            }
        }
    }

    /// R45.
    #[test]
    fn r45_more_than_once_a_minute_is_warned_of() {
        let warning = |expression| Schedule::quartz(expression, UtcOffset::UTC).expect("a schedule").warning();
        let text = warning("*/15 * * * * ?").expect("a warning");
        assert!(text.contains("every 15 seconds") && text.contains("`0 */15 * * * ?`"), "{text}");
        assert!(warning("0,59 0 0 1 1 ?").is_some() && warning("* * * * * ?").is_some());
        for calm in ["0 */15 * * * ?", "30 * * * * ?", "0/60 * * * * ?", "59 59 23 31 12 ?"] {
            assert_eq!(warning(calm), None, "{calm}");
        }
        assert_eq!(Schedule::unix("* * * * *", UtcOffset::UTC).expect("a schedule").warning(), None);
    }
}
