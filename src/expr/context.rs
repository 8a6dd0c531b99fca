//! What an expression needs from outside.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hmac_sha256::HMAC;
use time::OffsetDateTime;

use crate::model::{Name, Value, fold};

/// The moment, the parameters, the taken values and the seed with which expressions are evaluated. Cheap to clone.
///
/// # Examples
///
/// ```
/// use entrant::expr::{Context, Expression, Outcome};
/// use entrant::{Value, model::Attributes};
///
/// let expression = Expression::parse(r#"SelectUniqueValue("ann", "ann2", "ann3")"#)?;
/// let context = Context::new(time::OffsetDateTime::UNIX_EPOCH).with_taken(["Ann", "ANN2"]);
/// assert_eq!(expression.evaluate(&Attributes::new(), &context)?, Outcome::Value(Value::text("ann3")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    as_of: OffsetDateTime,
    parameters: Arc<BTreeMap<Name, Value>>,
    /// Folded.
    taken: Arc<HashSet<String>>,
    seed: Option<Seed>,
    hidden_seed: Option<Seed>,
    watch: Option<ClockWatch>,
}

/// Notes whether somebody looked at the clock.
#[derive(Debug, Clone)]
struct ClockWatch(Arc<AtomicBool>);

impl PartialEq for ClockWatch {
    /// Being watched makes no other context.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Context {
    /// A context as of a moment, without parameters, taken values and seed.
    #[must_use]
    pub fn new(as_of: OffsetDateTime) -> Self {
        Self { as_of, parameters: Arc::default(), taken: Arc::default(), seed: None, hidden_seed: None, watch: None }
    }

    /// Sets the value of `%name%`. Names are compared exactly.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        Arc::make_mut(&mut self.parameters).insert(name.into(), value.into());
        self
    }

    /// Says which values `SelectUniqueValue` passes over, beside those said before. They are compared without case.
    ///
    /// A value is taken in one attribute of one target: an expression for another attribute gets a context of its own.
    #[must_use]
    pub fn with_taken(mut self, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let taken = Arc::make_mut(&mut self.taken);
        taken.extend(values.into_iter().map(|value| fold(value.as_ref()).into_owned()));
        self
    }

    /// Sets what `RandomString` and `Guid` draw from. Without one they fail.
    ///
    /// The same seed and the same [subject](Self::with_subject) give the same values.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Makes the seed one of its own for a subject, such as an attribute of a record, so that no two of them get the
    /// same random value. Nothing without a seed.
    #[must_use]
    pub fn with_subject(mut self, subject: &str) -> Self {
        self.seed = self.seed.map(|seed| Seed(HMAC::mac(subject, seed.0)));
        self
    }

    /// Sets what values are drawn from that nobody may work out from a plan, secret and redacted ones, in place of the seed.
    pub(crate) fn with_hidden_seed(mut self, seed: Seed) -> Self {
        self.hidden_seed = Some(seed);
        self
    }

    /// The context for values that nobody may work out from a plan.
    pub(crate) fn into_hidden(mut self) -> Self {
        self.seed = self.hidden_seed.or(self.seed);
        self
    }

    /// The moment that counts as now.
    #[must_use]
    pub fn as_of(&self) -> OffsetDateTime {
        self.as_of
    }

    /// The same context, with word on whether an expression that is evaluated with it asks what time it is.
    pub(crate) fn watched(&self) -> (Self, impl Fn() -> bool + use<>) {
        let read = Arc::new(AtomicBool::new(false));
        let context = Self { watch: Some(ClockWatch(Arc::clone(&read))), ..self.clone() };
        (context, move || read.swap(false, Ordering::Relaxed))
    }

    /// The moment that counts as now, for an expression that asks for it.
    pub(super) fn read_clock(&self) -> OffsetDateTime {
        if let Some(ClockWatch(read)) = &self.watch {
            read.store(true, Ordering::Relaxed);
        }
        self.as_of
    }

    /// The value of `%name%`; `None` if it is not defined.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name)
    }

    /// Whether a value was said to be taken.
    #[must_use]
    pub fn is_taken(&self, value: &str) -> bool {
        !self.taken.is_empty() && self.taken.contains(fold(value).as_ref())
    }

    pub(super) fn seed(&self) -> Option<Seed> {
        self.seed
    }
}

/// 32 bytes that nobody can guess, from which random values come. Never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub(super) [u8; 32]);

impl Seed {
    /// A seed. For values that matter, such as passwords, the bytes come from the operating system's generator.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed as a plan keeps it.
    pub(crate) fn to_hex(self) -> String {
        crate::digest::hex(&self.0)
    }

    /// The seed that a plan kept.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}
