//! Moments: now, read, moved, compared, printed. Everything is UTC; null and empty text give null.

use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::{Misuse, Prepared};
use crate::expr::ast::{Node, NodeKind};
use crate::expr::datetime::{self, Format, Read, Styles};
use crate::expr::eval::{Call, Item, Stop, quote, shown};
use crate::expr::types::INTERVALS;
use crate::model::Value;

/// `Now()`: the moment of the context.
///
/// See [Now](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#now).
pub(super) fn now<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    match datetime::within(call.context().read_clock()) {
        Some(now) => Ok(Item::from(now)),
        None => Err(call.fault("now is not in the years 1 to 9999")),
    }
}

/// `CDate(expression)`.
///
/// See [CDate](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cdate).
pub(super) fn c_date<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map(0, |item| Ok(call.moment_of(0, &item.into_value_cow())?.map_or(Item::NULL, Item::from)))
}

/// `DateAdd(interval, value, dateTime)`: a month ends with its last day.
///
/// See [DateAdd](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#dateadd).
pub(super) fn date_add<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let interval = interval(call)?;
    let count = number(call, 1, &call.value(1)?.into_value_cow())?;
    let (Some(interval), Some(count), Some(moment)) = (interval, count, call.moment(2)?) else {
        return Ok(Item::NULL);
    };
    let moved = match interval {
        Interval::Months(months) => count.checked_mul(months).and_then(|months| add_months(moment, months)),
        Interval::Seconds(seconds) | Interval::Weeks(seconds) => {
            count.checked_mul(seconds).and_then(|seconds| moment.checked_add(Duration::seconds(seconds)))
        }
    };
    match moved.and_then(datetime::within) {
        Some(moved) => Ok(Item::from(moved)),
        None => Err(call.fault("the date is not in the years 1 to 9999")),
    }
}

/// `DateDiff(interval, date1, date2)`, as Visual Basic counts: years and months by the calendar, weeks by their Sundays,
/// everything else by the time that passed.
///
/// See [DateDiff](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#datediff).
pub(super) fn date_diff<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let interval = interval(call)?;
    let (Some(interval), Some(first), Some(second)) = (interval, call.moment(1)?, call.moment(2)?) else {
        return Ok(Item::NULL);
    };
    let months = |moment: OffsetDateTime| i64::from(moment.year()) * 12 + i64::from(u8::from(moment.month()));
    let sunday =
        |moment: OffsetDateTime| moment - Duration::days(i64::from(moment.weekday().number_days_from_sunday()));
    Ok(Item::from(match interval {
        Interval::Months(12) => i64::from(second.year()) - i64::from(first.year()),
        Interval::Months(_) => months(second) - months(first),
        Interval::Weeks(_) => (sunday(second) - sunday(first)).whole_days() / 7,
        Interval::Seconds(seconds) => (second - first).whole_seconds() / seconds,
    }))
}

#[derive(Debug, Clone, Copy)]
enum Interval {
    Months(i64),
    Weeks(i64),
    Seconds(i64),
}

/// The first argument; `None` for null.
fn interval(call: &Call<'_, '_>) -> Result<Option<Interval>, Stop> {
    const DAY: i64 = 86_400;
    let Some(code) = call.text(0)? else {
        return Ok(None);
    };
    Ok(Some(match &*code {
        "yyyy" => Interval::Months(12),
        "m" => Interval::Months(1),
        "ww" => Interval::Weeks(7 * DAY),
        "d" => Interval::Seconds(DAY),
        "h" => Interval::Seconds(3_600),
        "n" => Interval::Seconds(60),
        "s" => Interval::Seconds(1),
        other => return Err(call.fault_at(0, format!("{} is none of {}", quote(other), INTERVALS.join(", ")))),
    }))
}

/// A whole number; `None` for null and empty text.
fn number(call: &Call<'_, '_>, index: usize, value: &Value) -> Result<Option<i64>, Stop> {
    match value.as_text() {
        Some("") => Ok(None),
        _ => call.integer_of(index, value),
    }
}

fn add_months(moment: OffsetDateTime, months: i64) -> Option<OffsetDateTime> {
    let counted = i64::from(moment.year()) * 12 + i64::from(u8::from(moment.month())) - 1;
    let counted = counted.checked_add(months)?;
    let year = i32::try_from(counted.div_euclid(12)).ok().filter(|year| (1..=9999).contains(year))?;
    let month = Month::try_from(u8::try_from(counted.rem_euclid(12) + 1).ok()?).ok()?;
    let day = moment.day().min(month.length(year));
    let date = Date::from_calendar_date(year, month, day).ok()?;
    let time: Time = moment.time();
    Some(OffsetDateTime::new_utc(date, time))
}

/// `DateFromNum(value)`: of a Windows file time.
///
/// See [DateFromNum](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#datefromnum).
pub(super) fn date_from_num<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map(0, |item| {
        let value = item.into_value_cow();
        let Some(steps) = number(call, 0, &value)? else {
            return Ok(Item::NULL);
        };
        match datetime::of_file_time(steps) {
            Some(moment) => Ok(Item::from(moment)),
            None => Err(call.fault_at(0, format!("{steps} is no file time between the years 1601 and 9999"))),
        }
    })
}

/// `NumFromDate(value)`: a Windows file time.
///
/// See [NumFromDate](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#numfromdate).
pub(super) fn num_from_date<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map(0, |item| {
        let value = item.into_value_cow();
        let Some(moment) = call.moment_of(0, &value)? else {
            return Ok(Item::NULL);
        };
        match datetime::file_time(moment) {
            Some(steps) => Ok(Item::from(steps)),
            None => Err(call.fault_at(0, format!("{} is before 1601", shown(&value)))),
        }
    })
}

/// What is known of the formats without data.
#[derive(Debug, PartialEq)]
pub(in crate::expr) struct Formats {
    styles: Option<Styles>,
    /// `None` if it is not constant.
    pub(in crate::expr) input: Option<Format>,
    output: Option<Format>,
}

/// For `FormatDateTime(source, dateTimeStyles?, inputFormat, outputFormat)`.
pub(super) fn check_long(arguments: &[Option<Node>]) -> Result<Prepared, Misuse> {
    let styles = match constant(arguments, 1) {
        Some(text) => Some(Styles::new(text).map_err(|message| format_misuse(1, message))?),
        None => None,
    };
    formats(arguments, styles, 2)
}

/// For `FormatDateTime(source, inputFormat, outputFormat)`.
pub(super) fn check_short(arguments: &[Option<Node>]) -> Result<Prepared, Misuse> {
    formats(arguments, None, 1)
}

fn formats(arguments: &[Option<Node>], styles: Option<Styles>, input: usize) -> Result<Prepared, Misuse> {
    let format = |index: usize| match constant(arguments, index) {
        Some(text) => Format::new(text).map(Some).map_err(|message| format_misuse(index, message)),
        None => Ok(None),
    };
    let formats = Formats { styles, input: format(input)?, output: format(input + 1)? };
    Ok(Prepared::Formats(Box::new(formats)))
}

fn format_misuse(index: usize, message: String) -> Misuse {
    Misuse {
        argument: Some(index),
        message,
        accepted: "a .NET format such as \"yyyy-MM-dd\" or \"M/d/yyyy h:mm:ss tt\"".to_owned(),
    }
}

fn constant(arguments: &[Option<Node>], index: usize) -> Option<&str> {
    match &arguments.get(index)?.as_ref()?.kind {
        NodeKind::Constant(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// `FormatDateTime(source, dateTimeStyles?, inputFormat, outputFormat)`: text that is a date in another form. What is a
/// date already needs no *inputFormat*. An offset in the text moves it to UTC.
///
/// See [FormatDateTime](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#formatdatetime).
pub(super) fn format_long<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let styles = match call.prepared() {
        Prepared::Formats(formats) if formats.styles.is_some() => formats.styles,
        _ => match call.text(1)?.filter(|names| !names.is_empty()) {
            Some(names) => Some(Styles::new(&names).map_err(|message| call.fault_at(1, message))?),
            None => None,
        },
    };
    reformat(call, styles.unwrap_or(Styles::DEFAULT), 2)
}

/// `FormatDateTime(source, inputFormat, outputFormat)`.
///
/// See [FormatDateTime](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#formatdatetime).
pub(super) fn format_short<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    reformat(call, Styles::DEFAULT, 1)
}

fn reformat<'a>(call: &Call<'a, '_>, styles: Styles, input: usize) -> Result<Item<'a>, Stop> {
    let (known_input, known_output) = match call.prepared() {
        Prepared::Formats(formats) => (formats.input.as_ref(), formats.output.as_ref()),
        _ => (None, None),
    };
    let dynamic = |index: usize, known: Option<&Format>| match known {
        Some(format) => Ok(format.clone()),
        None => {
            let text = call.text(index)?.unwrap_or_default();
            Format::new(&text).map_err(|message| call.fault_at(index, message))
        }
    };
    let today = call.context().as_of();
    call.map(0, |item| {
        let value = item.into_value_cow();
        let read = match &*value {
            Value::Null => return Ok(Item::NULL),
            Value::Text(text) if text.is_empty() => return Ok(Item::NULL),
            Value::DateTime(moment) => datetime::within(*moment)
                .map(|moment| Read { moment, has_offset: true })
                .ok_or_else(|| call.fault_at(0, "the date is not in the years 1 to 9999"))?,
            other => {
                let Some(text) = Item::Borrowed(other).into_text(call.place(0))? else {
                    return Ok(Item::NULL);
                };
                let format = dynamic(input, known_input)?;
                datetime::read(&text, &format, styles, today)
                    .map_err(|why| call.fault_at(0, format!("{} cannot be read: {why}", quote(&text))))?
            }
        };
        let format = dynamic(input + 1, known_output)?;
        Ok(Item::from(datetime::print(read, &format)))
    })
}
