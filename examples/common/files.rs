//! Files that a program reads, and those for personal data that it writes.

use std::fmt::Display;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use entrant::{Error, ErrorKind, Plan, Report, Result};

pub(crate) fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| file_error("cannot read the file", file, error))
}

pub(crate) fn is_json_lines(file: &Path) -> bool {
    has_extension(file, "jsonl")
}

pub(crate) fn has_extension(file: &Path, wanted: &str) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// A saved plan.
pub(crate) fn read_plan(file: &Path) -> Result<Plan> {
    let context = |error: Error| error.with_context("file", file.display());
    if !is_json_lines(file) {
        return Plan::from_json(&read(file)?).map_err(context);
    }
    let open = std::fs::File::open(file).map_err(|error| file_error("cannot read the file", file, error))?;
    Plan::read_json_lines(BufReader::new(open)).map_err(context)
}

/// Saves a plan: as JSON, or as JSON Lines if the name ends so.
pub(crate) fn write_plan(file: &Path, plan: &Plan) -> Result<()> {
    if is_json_lines(file) {
        let out = BufWriter::new(open_private(file)?);
        return plan.write_json_lines(out).map_err(|error| error.with_context("file", file.display()));
    }
    write_private(file, plan.to_json())
}

/// Writes a report into a file that was opened before: JSON, or a page or Markdown if the name ends so.
pub(crate) fn write_report(file: &Path, out: std::fs::File, report: &Report) -> Result<()> {
    if has_extension(file, "html") {
        write(file, out, report.html())
    } else if has_extension(file, "md") {
        write(file, out, report.markdown())
    } else {
        write(file, out, serde_json::to_string_pretty(report).expect("a report is plain data"))
    }
}

/// A file for personal data, which only its owner can read; also if it was there before.
pub(crate) fn open_private(file: &Path) -> Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file);
    #[cfg(unix)]
    let opened = opened.and_then(|out| {
        // A pipe or a device has no rights that matter.
        if out.metadata()?.is_file() {
            out.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Ok(out)
    });
    opened.map_err(|error| file_error("cannot write the file", file, error))
}

pub(crate) fn write_private(file: &Path, text: impl Display) -> Result<()> {
    write(file, open_private(file)?, text)
}

fn write(file: &Path, out: std::fs::File, text: impl Display) -> Result<()> {
    let mut out = BufWriter::new(out);
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| file_error("cannot write the file", file, error))
}

pub(crate) fn file_error(message: &'static str, file: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, message).with_context("file", file.display()).with_source(error)
}
