//! One history: a company, its tenant, and a job that is met by whatever a seed has in store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrant::adapters::Entra;
use entrant::clock::Clock;
use entrant::connection::Connection;
use entrant::http::RetryPolicy;
use entrant::job::{Apply, EntryReport, Event, Observer, Outcome, Run, RunStatus};
use entrant::reconcile::{Guard, Plan};
use entrant::sim::{Fault, Reads, Sim, Sku};
use entrant::store::MemoryState;
use entrant::{ErrorKind, Job, Report, Result};
use serde_json::json;

use crate::chance::Chance;
use crate::company::{Company, Hr, PRODUCTS, Rules, people_mapping, teams_mapping};
use crate::fate::{Disk, Fate, Letters, Point, Post, Side, Stroke, StrokeKind, Wire};
use crate::oracles;
use crate::timeline::{Ended, MachineClock, Timeline};
use crate::watch::Watch;
use crate::witness::{Ear, Witness, Wrong};

/// How many runs without faults may be needed until nothing is left to do.
const CLEAN_RUNS: usize = 8;

/// What happens that the job does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incident {
    /// Someone works by hand; what at, a seed says.
    Administrator(u64),
    ExpireTokens,
    /// Every token is refused with a claims challenge, until one is asked for that answers it.
    ChallengeTokens,
    ExpirePages,
    ExpireChanges,
    /// Entra lets the application in no more, until all faults end.
    RefuseSignIn,
    /// The machine's clock is set so many seconds ahead of the right time.
    SetClock(i64),
    Fault(FaultOf),
    /// All faults of the tenant end.
    Heal,
}

/// A fault of the tenant by script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultOf {
    /// So many requests are answered 429, with this `Retry-After`.
    Throttle(usize, &'static str),
    /// So many requests are answered with this status.
    Status(usize, u16),
    /// So many connections break before the request is carried out, or after it.
    DropBefore(usize),
    DropAfter(usize),
    Truncated(usize),
    Garbage(usize),
    /// All is down.
    Outage(u16),
}

impl FaultOf {
    pub(crate) fn scripted(self) -> Fault {
        let all = Fault::on("*", "/v1.0/");
        match self {
            Self::Throttle(times, after) => all.times(times).throttle(after),
            Self::Status(times, status) => all.times(times).status(status),
            Self::DropBefore(times) => all.times(times).drop_before(),
            Self::DropAfter(times) => all.times(times).drop_after(),
            Self::Truncated(times) => all.times(times).truncated_body(),
            Self::Garbage(times) => all.times(times).garbage_body(),
            Self::Outage(status) => all.always().status(status),
        }
    }

    fn draw(chance: &mut Chance) -> Self {
        let times = 1 + chance.below(30);
        match chance.below(9) {
            0 | 1 => Self::Throttle(times, chance.one("1", &["", "2.5", "17", "90", "400"])),
            2 | 3 => Self::Status(times, chance.one(500, &[502, 503, 504])),
            4 => Self::DropBefore(times % 8),
            5 => Self::DropAfter(times % 8),
            6 => Self::Truncated(times % 8),
            7 => Self::Garbage(times % 8),
            _ => Self::Outage(chance.one(503, &[500, 504])),
        }
    }
}

/// What becomes of one process of the job.
#[derive(Debug)]
struct Process {
    fate: Fate,
    /// Of a hundred requests so many meet a fault.
    fault_percent: usize,
    /// Whether the connection is checked anew.
    checks: bool,
    /// What happens between plan and apply, and how long it takes.
    meanwhile: Vec<Incident>,
    hr_changes: usize,
    gap: Duration,
    /// HR breaks off in the middle of a read.
    breaks_after: Option<usize>,
    lifts_guards: bool,
    waits: Duration,
    /// It reads only what changed, if it may.
    incremental: bool,
    /// After so long it begins no more writes.
    longest: Option<Duration>,
}

impl Process {
    /// Nothing happens to it.
    fn quiet() -> Self {
        Self {
            fate: Fate::quiet(),
            fault_percent: 0,
            checks: false,
            meanwhile: Vec::new(),
            hr_changes: 0,
            gap: Duration::ZERO,
            breaks_after: None,
            lifts_guards: true,
            waits: Duration::from_secs(120),
            incremental: false,
            longest: None,
        }
    }

    fn draw(chance: &mut Chance) -> Self {
        let mut strokes = Vec::new();
        if chance.happens(60) {
            strokes.push(draw_stroke(StrokeKind::Death, chance));
        }
        if chance.happens(10) {
            strokes.push(draw_stroke(StrokeKind::Failure, chance));
        }
        let mut incidents = Vec::new();
        for _ in 0..chance.below(5) {
            incidents.push((1 + chance.below(60) as u64, draw_incident(chance)));
        }
        let meanwhile = (0..chance.one(0, &[0, 1, 4])).map(|_| Incident::Administrator(chance.next())).collect();
        Self {
            fate: Fate::new(strokes, incidents),
            fault_percent: chance.one(0, &[0, 2, 5, 15, 30]),
            checks: chance.happens(15),
            meanwhile,
            hr_changes: chance.one(0, &[0, 0, 0, 3]),
            gap: Duration::from_secs(chance.one(0, &[0, 0, 5, 90, 4_000])),
            breaks_after: chance.happens(8).then(|| chance.below(1_000)),
            lifts_guards: chance.happens(85),
            waits: Duration::from_secs(chance.one(0, &[0, 30, 120])),
            incremental: false,
            longest: None,
        }
    }

    /// One that is in a hurry: most read only what changed, and some have little time.
    fn hurried(mut self, chance: &mut Chance) -> Self {
        self.incremental = chance.happens(70);
        self.longest = chance.happens(15).then(|| Duration::from_secs(chance.one(2, &[30, 400])));
        self
    }
}

fn draw_stroke(kind: StrokeKind, chance: &mut Chance) -> Stroke {
    let side = chance.one(Side::Before, &[Side::After]);
    let points: &[(Point, usize)] = &[
        (Point::Poll, 300),
        (Point::Send, 60),
        (Point::Send, 60),
        (Point::Commit, 14),
        (Point::Commit, 14),
        (Point::Prepare, 2),
        (Point::Confirm, 4),
    ];
    let (point, most) = points[chance.below(points.len())];
    let point =
        if kind == StrokeKind::Failure && matches!(point, Point::Poll | Point::Send) { Point::Commit } else { point };
    Stroke { point, nth: 1 + chance.below(most) as u64, side, kind }
}

fn draw_incident(chance: &mut Chance) -> Incident {
    match chance.below(15) {
        0..=4 => Incident::Administrator(chance.next()),
        12 => Incident::ChallengeTokens,
        13 => Incident::ExpireChanges,
        14 => Incident::RefuseSignIn,
        5 => Incident::ExpireTokens,
        6 => Incident::ExpirePages,
        7 => Incident::SetClock(chance.one(0, &[-600, -30, 45, 400, 7_200])),
        8..=10 => Incident::Fault(FaultOf::draw(chance)),
        _ => Incident::Heal,
    }
}

/// What there is to tell of a history.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) wrongs: Vec<Wrong>,
    pub(crate) lines: Vec<String>,
    /// Of all that happened.
    pub(crate) digest: String,
    pub(crate) writes: usize,
}

/// What a run ended with.
struct Finished {
    plan: Plan,
    report: Report,
    told: Vec<EntryReport>,
}

struct History {
    chance: Chance,
    /// In half of all histories processes are in a hurry.
    hurry: Option<Chance>,
    witness: Witness,
    letters: Letters,
    connection: Connection,
}

/// Tells the history of a seed.
pub(crate) fn tell(seed: u64, people: usize) -> Told {
    let mut history = match History::begin(seed, people) {
        Ok(history) => history,
        Err(error) => {
            let wrong = Wrong { oracle: "harness", why: error.to_chain() };
            return Told { wrongs: vec![wrong], lines: Vec::new(), digest: String::new(), writes: 0 };
        }
    };
    history.times_of_trouble(people);
    history.times_of_peace();
    let writes = history.witness.sim.audit().len();
    let book = history.witness.book();
    let mut hash = hmac_sha256::Hash::new();
    for line in &book.lines {
        hash.update(line);
        hash.update("\n");
    }
    let digest = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Told { wrongs: book.wrongs.clone(), lines: book.lines.clone(), digest, writes }
}

impl History {
    fn begin(seed: u64, people: usize) -> Result<Self> {
        let mut chance = Chance::new(seed);
        let timeline = Timeline::at(time::macros::datetime!(2026-03-02 06:00 UTC));
        let machine = MachineClock::new(&timeline);
        let rules = Rules::draw(&mut chance);
        let company = Company::draw(people, &mut chance);
        let ear = Ear::default();
        let lag = Duration::from_secs(chance.one(0, &[0, 0, 4, 25, 130, 600]));
        let mut tenant = Sim::builder()
            .domain("contoso.com")
            .seed(seed)
            .clock(timeline.clone())
            .latency(Duration::from_millis(chance.one(0, &[40, 300])))
            .lag(lag)
            .page_size(chance.one(100, &[7, 20]))
            .audit_writer(ear.clone());
        if chance.happens(20) {
            tenant = tenant.lag_of(Reads::Index, Duration::from_secs(chance.one(10, &[60, 300])));
        }
        if chance.happens(20) {
            tenant = tenant.collisions(Duration::from_secs(2));
        }
        if chance.happens(15) {
            tenant = tenant.write_limit(40, Duration::from_secs(10));
        }
        for product in PRODUCTS {
            tenant = tenant.sku(Sku::new(product, chance.below(people + people / 4 + 1)));
        }
        for number in 0..3 {
            tenant = tenant.user(json!({
                "userPrincipalName": format!("stranger{number}@contoso.com"), "displayName": format!("Stranger {number}")
            }));
        }
        // Some are there already, and some of them are not as HR says.
        for person in company.people.values() {
            if chance.happens(8) {
                tenant = tenant.user(json!({
                    "userPrincipalName": format!("{}@contoso.com", person.login),
                    "displayName": chance.one("Somebody", &["Somebody else"]),
                    "employeeId": person.id,
                    "usageLocation": "DE",
                }));
            }
        }
        for team in company.teams.values() {
            if chance.happens(15) {
                tenant = tenant.group(
                    json!({"displayName": team.name(), "mailNickname": team.id, "members": ["stranger1@contoso.com"]}),
                );
            }
        }
        let sim = tenant.build();
        let state = MemoryState::new().with_clock(machine.clone());
        let witness = Witness::new(sim.clone(), ear, Hr::new(company), state, machine.clone(), rules, !lag.is_zero());
        witness.note(format!("seed {seed}, {people} people, {rules:?}, lag {lag:?}"));
        let connection = Connection::builder(sim.tenant_id(), sim.client_id())
            .client_secret(sim.client_secret())
            .cloud(sim.cloud())
            .build()?;
        // The connection was checked when it was set up, in a quiet hour.
        let connect = Entra::builder(connection).transport(sim.transport()).clock(machine).connect();
        let connection = match timeline.run(connect, || true) {
            Ended::With(entra) => entra?.connection().clone(),
            _ => return Err(entrant::Error::new(ErrorKind::NotReady, "the check does not end")),
        };
        let mut hurry = Chance::new(!seed);
        let hurry = hurry.happens(50).then_some(hurry);
        Ok(Self { chance, hurry, witness, letters: Letters::default(), connection })
    }

    /// Rounds of changes, in which processes die and everything fails.
    fn times_of_trouble(&mut self, people: usize) {
        for round in 0..2 + self.chance.below(2) {
            if round > 0 {
                let mut chance = self.chance.split();
                self.witness.hr.company().change(2 + people / 4, &mut chance);
            }
            for _ in 0..1 + self.chance.below(3) {
                let mut process = Process::draw(&mut self.chance);
                if let Some(chance) = &mut self.hurry {
                    process = process.hurried(chance);
                }
                self.live(process);
                self.pass_time();
            }
            if self.chance.happens(30) {
                self.witness.befall(Incident::Heal);
                self.live(Process::quiet());
                self.pass_time();
            }
        }
    }

    fn pass_time(&mut self) {
        let seconds = self.chance.one(1, &[5, 61, 61, 300, 1_200, 7_200, 90_000]);
        self.witness.timeline.advance(Duration::from_secs(seconds));
        for _ in 0..self.chance.one(0, &[0, 0, 1, 3]) {
            let seed = self.chance.next();
            self.witness.befall(Incident::Administrator(seed));
        }
    }

    /// Faults have stopped: some runs later all is as it should be.
    fn times_of_peace(&mut self) {
        self.witness.note("peace");
        self.witness.befall(Incident::Heal);
        self.witness.machine.set_ahead(time::Duration::ZERO);
        // Once for what is to be done now, as soon as the leases of those that died have run out, also by a clock that was
        // set; once for what a grace period put off.
        for wait in [Duration::from_secs(3 * 3_600), Duration::from_secs(3 * 86_400)] {
            self.witness.timeline.advance(wait);
            let mut runs = 0;
            while !self.is_quiet() {
                runs += 1;
                if runs > CLEAN_RUNS {
                    self.witness
                        .wrong("desired-state", format!("still not quiet after {CLEAN_RUNS} runs without faults"));
                    break;
                }
                self.witness.timeline.advance(Duration::from_secs(3_600));
            }
        }
        if self.hurry.is_some() {
            let hurried = Process { incremental: true, ..Process::quiet() };
            if self.live(hurried).is_none_or(|plan| !plan.is_converged()) {
                self.witness.wrong("desired-state", "a run that reads only what changed finds something to do");
            }
        }
        oracles::no_duplicate(&self.witness);
        oracles::desired_state(&self.witness);
        oracles::passwords_are_known(&self.witness, &self.letters, true);
    }

    /// Runs without faults; whether there was nothing to do.
    fn is_quiet(&mut self) -> bool {
        // What was in doubt is settled beside the plan, and shows in the next.
        let was_in_doubt = !self.witness.journal().is_empty();
        match self.live(Process::quiet()) {
            Some(plan) => plan.is_converged() && !was_in_doubt,
            None => {
                self.witness.wrong("desired-state", "a run without faults did not come to its end");
                true
            }
        }
    }

    /// One process: it plans and applies, if it lives so long.
    fn live(&mut self, process: Process) -> Option<Plan> {
        let seed = self.chance.next();
        if process.fault_percent > 0 {
            #[expect(clippy::cast_precision_loss, reason = "it is below 100")]
            self.witness.sim.random_faults(seed, process.fault_percent as f64 / 100.0);
        }
        {
            let mut book = self.witness.book();
            book.deeds.clear();
            (book.is_running, book.hr_moved) = (true, process.hr_changes > 0);
            (book.is_applying, book.disabled_meanwhile) = (false, BTreeMap::new());
            book.hr_then = self.witness.hr.company().clone();
        }
        self.witness.note(format!("process {process:?}"));
        let fate = process.fate.clone();
        let mut chance = Chance::new(seed);
        let timeline = self.witness.timeline.clone();
        let ended = timeline.run(self.run(&process, &mut chance), || fate.goes_on());
        self.witness.look();
        self.witness.book().is_running = false;
        let plan = self.judge(&process, ended);
        oracles::journal_is_readable(&self.witness, &self.letters);
        oracles::passwords_are_known(&self.witness, &self.letters, false);
        plan
    }

    async fn run(&self, process: &Process, chance: &mut Chance) -> Result<Finished> {
        let witness = &self.witness;
        let fate = &process.fate;
        let wire = Wire { inner: witness.sim.transport(), fate: fate.clone(), witness: witness.clone() };
        let entra = Entra::builder(self.connection.clone())
            .transport(wire)
            .clock(witness.machine.clone())
            .retry(RetryPolicy::default().with_deadline(Watch::DEADLINE));
        let entra = if process.checks { entra.connect().await? } else { entra.unchecked()? };
        let told = Ears::default();
        let job = Job::builder("staff")
            .source(witness.hr.breaking_after(process.breaks_after))
            .target(Watch::new(entra, witness.clone()))
            .mapping(people_mapping()?)
            .mapping(teams_mapping())
            .policy(witness.rules.policy())
            .passwords(Post { letters: self.letters.clone(), fate: fate.clone(), witness: witness.clone() })
            .state(Disk { inner: witness.state.clone(), fate: fate.clone() })
            .observer(told.clone())
            .clock(witness.machine.clone())
            .build()?;
        self.release(&job).await?;
        let run = if process.incremental { Run::incremental() } else { Run::full() };
        let plan = job.plan(run).await?;
        witness.timeline.advance(process.gap);
        process.meanwhile.iter().for_each(|incident| witness.befall(*incident));
        witness.hr.company().change(process.hr_changes, chance);
        let lifted: &[Guard] = if process.lifts_guards { Guard::ALL } else { &[] };
        let mut apply = lifted.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard)).wait(process.waits);
        if let Some(longest) = process.longest {
            apply = apply.deadline(longest);
        }
        witness.book().is_applying = true;
        let report = job.apply(&plan, apply).await;
        witness.book().is_applying = false;
        let report = report?;
        let told = std::mem::take(&mut *told.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Finished { plan, report, told })
    }

    /// An administrator has seen to what put the job in quarantine.
    async fn release(&self, job: &Job) -> Result<()> {
        let Some(quarantine) = job.quarantine().await? else { return Ok(()) };
        self.witness.note(format!("released: {}", without_random(&quarantine.reason)));
        for _ in 0..5 {
            match job.release().await {
                // What a dead process held runs out.
                Err(error) if error.kind() == ErrorKind::Leased => {
                    self.witness.machine.sleep(Duration::from_secs(30)).await;
                }
                done => return done,
            }
        }
        job.release().await
    }

    fn judge(&self, process: &Process, ended: Ended<Result<Finished>>) -> Option<Plan> {
        let witness = &self.witness;
        match ended {
            Ended::With(Ok(Finished { plan, report, told })) => {
                let status = match &report.status {
                    RunStatus::Stopped { breaches } => format!("stopped by {} guards", breaches.len()),
                    status => without_random(&format!("{status:?}")),
                };
                witness.note(format!("ended {status}"));
                for entry in &report.troubles {
                    witness.note(format!("  {} {}: {}", entry.action, entry.key, said(&entry.outcome)));
                }
                let is_clean = process.fault_percent == 0 && self.is_peace();
                // What is older than a replica may be shows in a run that read everything.
                let is_whole = process.fault_percent == 0 && !process.incremental;
                if is_whole && !matches!(report.status, RunStatus::Stopped { .. }) {
                    witness.seen(plan.as_of() - time::Duration::minutes(20));
                }
                oracles::report_is_true(witness, &plan, &report, &told, is_clean);
                oracles::giving_up_is_said(witness, &report);
                Some(plan)
            }
            Ended::With(Err(error)) => {
                witness.note(format!("failed {:?}", error.kind()));
                let is_right = match error.kind() {
                    ErrorKind::Store => process.fate.has_failed(),
                    ErrorKind::Invalid | ErrorKind::EmptySource | ErrorKind::TenantChanged => false,
                    _ => true,
                };
                if !is_right || self.is_peace() {
                    witness.wrong("journal-readable", format!("the run failed: {}", error.to_chain()));
                }
                None
            }
            Ended::Cut => {
                witness.note("died");
                None
            }
            Ended::Stuck(why) => {
                witness.wrong("deadlines-kept", why);
                None
            }
        }
    }

    fn is_peace(&self) -> bool {
        self.witness.book().lines.iter().rev().any(|line| line.ends_with(" peace"))
    }
}

/// An outcome in words, without what is another each time.
fn said(outcome: &Outcome) -> String {
    without_random(&format!("{outcome:?}"))
}

/// A text without the ids that tell requests apart.
pub(crate) fn without_random(text: &str) -> String {
    ["client-request-id=", "correlation-id="].iter().fold(text.to_owned(), |text, name| {
        let mut parts = text.split(name);
        let first = parts.next().unwrap_or_default().to_owned();
        let is_of_id = |next: char| next.is_ascii_hexdigit() || next == '-';
        parts.fold(first, |said, part| said + part.trim_start_matches(is_of_id))
    })
}

/// Who hears what the job tells.
#[derive(Debug, Clone, Default)]
struct Ears(Arc<Mutex<Vec<EntryReport>>>);

impl Observer for Ears {
    fn event(&self, event: &Event<'_>) {
        if let Event::Entry(entry) = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*entry).clone());
        }
    }
}
