//! What long histories of faults brought to light, each as the shortest story that shows it.

mod creates;
mod elements;

use entrant::job::{Apply, Run};
use entrant::{Error, ErrorKind, Job};

/// The answer was lost, and nobody knows whether it was carried out.
fn lost() -> Error {
    Error::new(ErrorKind::Transport, "the connection broke").with_outcome_in_doubt()
}

async fn run(job: &Job) -> entrant::Report {
    job.run(Run::full(), Apply::new()).await.expect("a report")
}
