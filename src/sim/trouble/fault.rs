//! Faults by script.

use std::time::Duration;

/// Something that goes wrong, where and as often as the script says.
///
/// A fault matches requests by method and path, at the top level and inside a batch alike, unless
/// [`in_batch`](Fault::in_batch) or [`outside_batch`](Fault::outside_batch) says otherwise. It strikes the first request
/// that matches, once; [`after`](Fault::after) lets some pass before, [`times`](Fault::times) repeats it. Of several
/// faults that match one request the one scripted first strikes, and the others do not count that request.
///
/// Inside a batch, a dropped connection drops the whole answer: the items before it were carried out, those after it
/// not.
///
/// # Examples
///
/// ```
/// use entrant::sim::{Fault, Sim};
///
/// let sim = Sim::new();
/// // The third page of the list of users does not come.
/// sim.fail(Fault::on("GET", "/v1.0/users").containing("$skiptoken").after(1).drop_before());
/// // One create passes, and the next ten are throttled.
/// sim.fail(Fault::on("POST", "/v1.0/users").in_batch().after(1).times(10).throttle("2"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Fault {
    method: String,
    prefix: String,
    match_path: MatchPath,
    containing: Option<String>,
    place: Option<Place>,
    after: usize,
    times: usize,
    kind: FaultKind,
    carried_out: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchPath {
    Prefix,
    Whole,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    TopLevel,
    Batch,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Drop,
    Status(u16),
    Throttle(Option<String>),
    TruncatedBody,
    GarbageBody,
    Slow(Duration),
}

impl Fault {
    /// A fault for a method (`*` for any) and the beginning of a path, such as `/v1.0/users`, without regard to case.
    ///
    /// Until another kind is chosen it answers 503.
    pub fn on(method: impl Into<String>, path_prefix: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            prefix: path_prefix.into().to_lowercase(),
            match_path: MatchPath::Prefix,
            containing: None,
            place: None,
            after: 0,
            times: 1,
            kind: FaultKind::Status(503),
            carried_out: false,
        }
    }

    /// Matches the whole path only: `/v1.0/users` without `/v1.0/users/{id}`.
    pub fn exact(mut self) -> Self {
        self.match_path = MatchPath::Whole;
        self
    }

    /// Matches only if the decoded path and query contain this text, without regard to case.
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into().to_lowercase());
        self
    }

    /// Matches items of batches only.
    pub fn in_batch(mut self) -> Self {
        self.place = Some(Place::Batch);
        self
    }

    /// Matches requests of their own only.
    pub fn outside_batch(mut self) -> Self {
        self.place = Some(Place::TopLevel);
        self
    }

    /// Lets this many matching requests pass first; default 0.
    pub fn after(mut self, matches: usize) -> Self {
        self.after = matches;
        self
    }

    /// Strikes this many times; default 1.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Strikes until [`Sim::clear_faults`](crate::sim::Sim::clear_faults).
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// The connection breaks before the request is carried out.
    pub fn drop_before(mut self) -> Self {
        self.kind = FaultKind::Drop;
        self.carried_out = false;
        self
    }

    /// The request is carried out, and the connection breaks before the answer.
    pub fn drop_after(mut self) -> Self {
        self.kind = FaultKind::Drop;
        self.carried_out = true;
        self
    }

    /// The request is not carried out but answered with this status (400 to 599) and an error that fits it.
    pub fn status(mut self, status: u16) -> Self {
        self.kind = FaultKind::Status(status.clamp(400, 599));
        self
    }

    /// Answers 429 with this `Retry-After`, such as `1` or `2.128`; for none give `""`.
    pub fn throttle(mut self, retry_after: impl Into<String>) -> Self {
        let text = Some(retry_after.into());
        self.kind = FaultKind::Throttle(text.filter(|text| !text.is_empty()));
        self
    }

    /// With a status: the request is carried out all the same, as behind a gateway that gave up waiting.
    pub fn carried_out(mut self) -> Self {
        self.carried_out = true;
        self
    }

    /// The request is carried out, and half of the answer's body is missing.
    pub fn truncated_body(mut self) -> Self {
        self.kind = FaultKind::TruncatedBody;
        self.carried_out = true;
        self
    }

    /// The request is carried out, and a page of HTML stands where JSON is expected.
    pub fn garbage_body(mut self) -> Self {
        self.kind = FaultKind::GarbageBody;
        self.carried_out = true;
        self
    }

    /// The request is carried out, and its answer comes so much later.
    pub fn slow(mut self, by: Duration) -> Self {
        self.kind = FaultKind::Slow(by);
        self.carried_out = true;
        self
    }

    fn matches(&self, place: Place, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        let path_fits = match self.match_path {
            MatchPath::Prefix => path.starts_with(&self.prefix),
            MatchPath::Whole => path == self.prefix.trim_end_matches('/'),
        };
        (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && self.place.is_none_or(|only| only == place)
            && path_fits
            && self.containing.as_ref().is_none_or(|text| target.contains(text))
    }
}

/// A fault that strikes now.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) kind: FaultKind,
    pub(crate) carried_out: bool,
}

/// Finds the fault that strikes this request, and counts.
pub(crate) fn strike(faults: &mut Vec<Fault>, place: Place, method: &str, target: &str) -> Option<Strike> {
    if faults.is_empty() {
        return None;
    }
    let target = target.to_lowercase();
    let mut found = None;
    for fault in faults.iter_mut().filter(|fault| fault.times > 0) {
        if !fault.matches(place, method, &target) {
            continue;
        }
        if fault.after > 0 {
            fault.after -= 1;
            continue;
        }
        fault.times = if fault.times == usize::MAX { usize::MAX } else { fault.times - 1 };
        found = Some(Strike { kind: fault.kind.clone(), carried_out: fault.carried_out });
        break;
    }
    faults.retain(|fault| fault.times > 0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_counts_what_matches() {
        let mut faults = vec![Fault::on("get", "/v1.0/Users").containing("$SKIP").after(1).times(2)];
        let mut hits = |method: &str, target: &str| strike(&mut faults, Place::TopLevel, method, target).is_some();
        assert!(!hits("GET", "/v1.0/users"));
        assert!(!hits("POST", "/v1.0/users?$skiptoken=a"));
        assert!(!hits("GET", "/v1.0/users?$skiptoken=a"), "the first passes");
        assert!(hits("GET", "/v1.0/users?$skiptoken=b"));
        assert!(hits("GET", "/v1.0/users?$skiptoken=c"));
        assert!(!hits("GET", "/v1.0/users?$skiptoken=d"));
        assert!(faults.is_empty());
    }

    #[test]
    fn place_and_whole_path_narrow_it() {
        let mut faults = vec![
            Fault::on("*", "/v1.0/users").exact().in_batch().status(500),
            Fault::on("*", "/v1.0/users").outside_batch().always().status(504).carried_out(),
        ];
        let mut kind = |place, target: &str| strike(&mut faults, place, "GET", target).map(|strike| strike.kind);
        assert_eq!(kind(Place::Batch, "/v1.0/users/1"), None);
        assert_eq!(kind(Place::TopLevel, "/v1.0/users/1"), Some(FaultKind::Status(504)));
        assert_eq!(kind(Place::Batch, "/v1.0/users?$top=1"), Some(FaultKind::Status(500)));
        assert_eq!(kind(Place::TopLevel, "/v1.0/users"), Some(FaultKind::Status(504)));
    }
}
