//! The functions of dates and times, each by its table.

use serde_json::json;

use super::functions::{ERROR, holds};

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cdate>.
#[rustfmt::skip]
#[test]
fn c_date() {
    holds(&[
        ("CDate([date])", json!("2/29/2024 10:30:00 AM")),
        ("CDate([moment])", json!("2/29/2024 10:30:15 AM")),
        ("CDate([null])", json!(null)),
        ("CDate([empty])", json!(null)),
        ("CDate([n])", json!(ERROR)),
        (r#"CDate("12/31/9999 11:59:59 PM")"#, json!("12/31/9999 11:59:59 PM")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#dateadd>.
#[rustfmt::skip]
#[test]
fn date_add() {
    holds(&[
        (r#"DateAdd("m", 1, "2024-01-31")"#, json!("2/29/2024 12:00:00 AM")),
        (r#"DateAdd("m", -13, "2024-03-31")"#, json!("2/28/2023 12:00:00 AM")),
        (r#"DateAdd("yyyy", 1, [date])"#, json!("2/28/2025 10:30:00 AM")),
        (r#"DateAdd("ww", 2, "2024-01-01")"#, json!("1/15/2024 12:00:00 AM")),
        (r#"DateAdd("h", 25, "2024-01-01")"#, json!("1/2/2024 1:00:00 AM")),
        (r#"DateAdd("n", -1, "2024-01-01")"#, json!("12/31/2023 11:59:00 PM")),
        (r#"DateAdd("s", 1, [moment])"#, json!("2/29/2024 10:30:16 AM")),
        (r#"DateAdd("yyyy", 8000, Now())"#, json!(ERROR)),
        (r#"DateAdd("d", 9223372036854775807, Now())"#, json!(ERROR)),
        (r#"DateAdd("m", -9223372036854775808, Now())"#, json!(ERROR)),
        (r#"DateAdd("d", 1, [null])"#, json!(null)),
        (r#"DateAdd("d", 1, [empty])"#, json!(null)),
        (r#"DateAdd("d", [empty], Now())"#, json!(null)),
        (r#"DateAdd("d", "", "")"#, json!(null)),
        (r#"DateAdd("d", 1.5, Now())"#, json!(ERROR)),
        (r#"DateAdd([a], 1, Now())"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#datediff>.
#[rustfmt::skip]
#[test]
fn date_diff() {
    holds(&[
        (r#"DateDiff("d", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, json!("-3449")),
        (r#"DateDiff("ww", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, json!("-493")),
        (r#"DateDiff("m", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, json!("-113")),
        (r#"DateDiff("yyyy", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, json!("-9")),
        (r#"DateDiff("m", "2024-01-31", "2024-02-01")"#, json!("1")),
        (r#"DateDiff("ww", "2021-08-22", "2021-08-28T23:00Z")"#, json!("0")),
        (r#"DateDiff("ww", "0001-01-01", "0001-01-07")"#, json!("1")),
        (r#"DateDiff("h", "2024-01-01", "2024-01-01T01:59:59Z")"#, json!("1")),
        (r#"DateDiff("n", "2024-01-01", "2023-12-31T23:58:01Z")"#, json!("-1")),
        (r#"DateDiff("s", "0001-01-01", "9999-12-31T23:59:59Z")"#, json!("315537897599")),
        (r#"DateDiff("d", [null], Now())"#, json!(null)),
        (r#"DateDiff("d", [empty], Now())"#, json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#datefromnum>.
#[rustfmt::skip]
#[test]
fn file_times() {
    holds(&[
        ("DateFromNum(129699324000000000)", json!("1/1/2012 11:00:00 PM")),
        (r#"DateFromNum("0")"#, json!("1/1/1601 12:00:00 AM")),
        ("DateFromNum(-1)", json!(ERROR)),
        ("DateFromNum(9223372036854775807)", json!(ERROR)),
        ("DateFromNum([null])", json!(null)),
        (r#"DateFromNum("")"#, json!(null)),
        (r#"CDate("")"#, json!(null)),
        ("NumFromDate([date])", json!("133536762000000000")),
        ("NumFromDate(DateFromNum(129699324000000001))", json!("129699324000000001")),
        (r#"NumFromDate("1600-12-31")"#, json!(ERROR)),
        (r#"NumFromDate("12/31/9999 11:59:59 PM -8")"#, json!(ERROR)),
        ("NumFromDate([empty])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#formatdatetime>.
#[rustfmt::skip]
#[test]
fn format_date_time() {
    holds(&[
        (r#"FormatDateTime([date], , "yyyy-MM-ddTHH:mm:ssK", "dd.MM.yyyy HH:mm")"#, json!("29.02.2024 10:30")),
        (r#"FormatDateTime([date], "yyyy-MM-ddTHH:mm:ssZ", "d")"#, json!("02/29/2024")),
        (r#"FormatDateTime([moment], , "unused", "HH:mm:ss.ff")"#, json!("10:30:15.25")),
        (r#"FormatDateTime([moment], , [null], "yyyy")"#, json!("2024")),
        (r#"FormatDateTime(" 2024 ", , "yyyy", "yy")"#, json!("24")),
        (r#"FormatDateTime(" 2024 ", "None", "yyyy", "yy")"#, json!(ERROR)),
        (r#"FormatDateTime("2020-12-31-08:00", , "yyyy-MM-ddzzz", "yyyy-MM-dd HH")"#, json!("2020-12-31 08")),
        (r#"FormatDateTime("07-30", , "MM-dd", "yyyy")"#, json!("2025")),
        (r#"FormatDateTime([null], , "yyyy", "yy")"#, json!(null)),
        (r#"FormatDateTime([empty], , "yyyy", "yy")"#, json!(null)),
        (r#"FormatDateTime("2024", , [null], "yy")"#, json!(ERROR)),
        (r#"FormatDateTime([n], , "yy", "yyyy")"#, json!("2015")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#now>.
#[rustfmt::skip]
#[test]
fn now() {
    holds(&[
        ("Now()", json!("7/30/2025 12:00:00 PM")),
        (r#"Join("", Now())"#, json!("7/30/2025 12:00:00 PM")),
    ]);
}
