//! What a program prints for people, and what it asks them.

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};

use entrant::job::{Event, Observer};
use entrant::{Error, ErrorKind, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// A heading between the parts of a demonstration.
pub(crate) fn title(text: &str) {
    println!("\n{}\n", bold(format_args!("─── {text}")));
}

/// Text that stands out on a terminal, and is left as it is elsewhere.
pub(crate) fn bold(text: impl Display) -> String {
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stdout().is_terminal() && !is_plain { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_string() }
}

/// Asks on a terminal; elsewhere `yes` must have been given.
pub(crate) async fn confirmed(yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(ErrorKind::Invalid, "nobody to ask: pass --yes to apply, or --plan to look"));
    }
    // In a thread of its own, so that Ctrl-C is heard meanwhile.
    let asked = tokio::task::spawn_blocking(|| {
        eprint!("Apply? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok::<_, std::io::Error>(matches!(answer.trim(), "y" | "Y" | "yes"))
    });
    let failed =
        |error: std::io::Error| Error::new(ErrorKind::Invalid, "cannot talk to the terminal").with_source(error);
    asked.await.map_err(|error| failed(error.into()))?.map_err(failed)
}

/// A progress bar on a terminal, and nothing elsewhere. Clones are the same bar.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Shown unless what is printed is for a program.
    pub(crate) fn new(json: bool) -> Self {
        let shown = !json && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("a template without faults");
        Self(bar.with_style(style))
    }

    /// Makes room for what is printed next.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Reading { store, objects, .. } => {
                self.0.set_message(format!("reading {store}"));
                self.0.set_length(*objects);
                self.0.reset();
                self.0.set_position(*objects);
            }
            Event::Applying { entries } => {
                self.0.set_message("applying");
                self.0.set_length(*entries);
                self.0.reset();
            }
            Event::Entry(_) => self.0.inc(1),
            Event::Finished(_) => self.clear(),
            _ => {}
        }
    }
}
