//! Lists that are asked for in a way that Graph can answer.

use std::fmt;
use std::marker::PhantomData;

use http::Method;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::filterable::{GROUPS, Support, USERS, support};
use crate::graph::{Call, GraphClient, List};
use crate::odata::{Condition, Feature};

/// The most items of a page.
const MAX_TOP: u16 = 999;

/// What a list can be asked for.
#[derive(Debug)]
pub(super) struct Collection {
    path: &'static str,
    filterable: &'static [(&'static str, &'static str)],
    sortable: &'static [&'static str],
    /// What is kept in another service, and no list has.
    unlisted: &'static [&'static str],
}

pub(super) const OF_USERS: Collection = Collection {
    path: "/users",
    filterable: USERS,
    sortable: &["displayName", "userPrincipalName"],
    unlisted: &[
        "aboutMe",
        "birthday",
        "hireDate",
        "interests",
        "mailboxSettings",
        "mySite",
        "pastProjects",
        "preferredName",
        "responsibilities",
        "schools",
        "skills",
    ],
};

pub(super) const OF_GROUPS: Collection =
    Collection { path: "/groups", filterable: GROUPS, sortable: &["displayName"], unlisted: &[] };

/// A list with options that go together.
///
/// What Graph answers only as an advanced query (`ne`, `endsWith`, `$search`, a count, an order beside a filter, many
/// properties) is made one: with `ConsistencyLevel: eventual` and `$count=true`. What it does not answer at all is
/// refused before it is sent, with a word on why: [`ErrorKind::Invalid`] is the first item of the list then.
///
/// # Examples
///
/// ```no_run
/// use entrant::odata::property;
/// use futures::TryStreamExt;
///
/// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
/// let guests = property("userType").eq("Guest").and(property("companyName").eq("Fabrikam"));
/// let query = graph.users().query().filter(guests).order_by("displayName").select(["id", "displayName"]);
/// println!("{} guests", query.clone().count().await?);
/// let mut users = query.list().items();
/// while let Some(user) = users.try_next().await? {
///     println!("{:?}", user.display_name);
/// }
/// # Ok(())
/// # }
/// ```
///
/// See [advanced queries](https://learn.microsoft.com/graph/aad-advanced-queries).
#[must_use = "a query is sent as its list is consumed"]
pub struct Query<T> {
    client: GraphClient,
    collection: &'static Collection,
    select: Vec<String>,
    filter: Option<Condition>,
    search: Vec<(String, String)>,
    order: Vec<(String, bool)>,
    expand: Option<String>,
    counted: bool,
    top: u16,
    items: PhantomData<fn() -> T>,
}

impl<T> Clone for Query<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            collection: self.collection,
            select: self.select.clone(),
            filter: self.filter.clone(),
            search: self.search.clone(),
            order: self.order.clone(),
            expand: self.expand.clone(),
            counted: self.counted,
            top: self.top,
            items: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Query<T> {
    pub(super) fn new(client: GraphClient, collection: &'static Collection) -> Self {
        Self {
            client,
            collection,
            select: Vec::new(),
            filter: None,
            search: Vec::new(),
            order: Vec::new(),
            expand: None,
            counted: false,
            top: MAX_TOP,
            items: PhantomData,
        }
    }

    /// Asks for these properties and no others.
    pub fn select<S: Into<String>>(mut self, properties: impl IntoIterator<Item = S>) -> Self {
        self.select.extend(properties.into_iter().map(Into::into));
        self
    }

    /// Lets only these through, and of them only those that earlier conditions let through.
    pub fn filter(mut self, condition: Condition) -> Self {
        self.filter = Some(match self.filter {
            Some(earlier) => earlier.and(condition),
            None => condition,
        });
        self
    }

    /// Lets only those through in which a word of the property begins like this: `displayName` and `description` are
    /// taken apart into words, others are not. Several searches must all be met.
    pub fn search(mut self, property: impl Into<String>, text: impl Into<String>) -> Self {
        self.search.push((property.into(), text.into()));
        self
    }

    /// Sorts them, and those that are alike by what is named next.
    pub fn order_by(mut self, property: impl Into<String>) -> Self {
        self.order.push((property.into(), false));
        self
    }

    /// Sorts them, the last first.
    pub fn order_by_descending(mut self, property: impl Into<String>) -> Self {
        self.order.push((property.into(), true));
        self
    }

    /// Asks for what a relation leads to, too; its options may stand in brackets: `manager($select=id)`. Graph expands
    /// 20 objects of each item at most, and not in an advanced query.
    pub fn expand(mut self, relation: impl Into<String>) -> Self {
        self.expand = Some(relation.into());
        self
    }

    /// Asks for the number of all on the first page.
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// How many items a page has, 1 to 999; the default is 999.
    pub fn top(mut self, items: u16) -> Self {
        self.top = items;
        self
    }

    /// The list.
    pub fn list(self) -> List<T> {
        let list = self.options(self.call("")).map(|call| call.list().top(self.top));
        list.unwrap_or_else(|error| self.call("").refused(error).list())
    }

    /// How many there are. Takes what is filtered and searched, nothing else.
    ///
    /// See [count](https://learn.microsoft.com/graph/query-parameters#count-parameter).
    pub fn count(self) -> Call<u64> {
        let call = match self.conditions(self.call("/$count")) {
            Ok((call, Mode::PlainOnly)) => call.refused(only_plain()),
            Ok((call, _)) => call.header("ConsistencyLevel", "eventual").header("Accept", "text/plain"),
            Err(error) => self.call("/$count").refused(error),
        };
        call.decode_with(|answer| {
            let text = String::from_utf8_lossy(answer.body());
            let number = text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
            number.parse().map_err(|_| Error::new(ErrorKind::Protocol, "Microsoft Graph's answer is not a number"))
        })
    }

    fn call(&self, segment: &str) -> Call {
        Call::new(self.client.clone(), Method::GET, Ok(format!("{}{segment}", self.collection.path)))
    }

    fn options(&self, call: Call) -> Result<Call> {
        let (mut call, mut mode) = self.conditions(call)?;
        if !(1..=MAX_TOP).contains(&self.top) {
            return Err(Error::new(ErrorKind::Invalid, "a page has 1 to 999 items").with_context("top", self.top));
        }
        for property in &self.select {
            if self.collection.unlisted.iter().any(|name| name.eq_ignore_ascii_case(property)) {
                return Err(Error::new(ErrorKind::Invalid, "the property is not in lists: read the object by itself")
                    .with_context("property", property));
            }
        }
        if !self.select.is_empty() {
            call = call.select(&self.select);
        }
        if !self.order.is_empty() {
            call = call.query("$orderby", self.sorted()?);
            // A search is one already.
            if self.filter.is_some() {
                mode = mode.with(Support::Advanced)?;
            }
        }
        if self.counted {
            mode = mode.with(Support::Advanced)?;
        }
        if let Some(relation) = &self.expand {
            if mode == Mode::Advanced {
                let message = "nothing can be expanded in an advanced query, which the other options make of it";
                return Err(Error::new(ErrorKind::Invalid, message).with_context("expand", relation));
            }
            call = call.expand(relation);
        }
        Ok(match mode {
            Mode::Advanced => call.query("$count", "true").header("ConsistencyLevel", "eventual"),
            Mode::Plain | Mode::PlainOnly => call,
        })
    }

    fn conditions(&self, mut call: Call) -> Result<(Call, Mode)> {
        let mut mode = Mode::Plain;
        if let Some(condition) = &self.filter {
            for (property, feature) in condition.features() {
                let how = support(self.collection.filterable, property, feature);
                mode = mode
                    .with(how)
                    .map_err(|error| error.with_context("property", property).with_context("asked", asked(feature)))?;
            }
            call = call.query("$filter", condition.text()?);
        }
        if !self.search.is_empty() {
            mode = mode.with(Support::Advanced)?;
            let clauses = self.search.iter().map(|(property, text)| clause(property, text));
            call = call.query("$search", clauses.collect::<Result<Vec<_>>>()?.join(" AND "));
        }
        Ok((call, mode))
    }

    fn sorted(&self) -> Result<String> {
        let keys = self.order.iter().map(|(property, descending)| {
            let known = self.collection.sortable.iter().find(|name| name.eq_ignore_ascii_case(property));
            let known = known.ok_or_else(|| {
                Error::new(ErrorKind::Invalid, "the list cannot be sorted by this property")
                    .with_context("property", property)
                    .with_context("sortable", self.collection.sortable.join(", "))
            })?;
            Ok(if *descending { format!("{known} desc") } else { (*known).to_owned() })
        });
        Ok(keys.collect::<Result<Vec<_>>>()?.join(","))
    }
}

impl<T> fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("path", &self.collection.path)
            .field("select", &self.select)
            .finish_non_exhaustive()
    }
}

/// What the options have made of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Advanced,
    PlainOnly,
}

impl Mode {
    fn with(self, how: Support) -> Result<Self> {
        match (self, how) {
            (_, Support::Never) => Err(Error::new(ErrorKind::Invalid, "the property cannot be asked this")),
            (Self::PlainOnly, Support::Advanced) | (Self::Advanced, Support::PlainOnly) => Err(only_plain()),
            (_, Support::Advanced) => Ok(Self::Advanced),
            (_, Support::PlainOnly) => Ok(Self::PlainOnly),
            (mode, Support::Plain) => Ok(mode),
        }
    }
}

fn only_plain() -> Error {
    Error::new(ErrorKind::Invalid, "a property that is never in an advanced query stands beside what needs one")
}

fn asked(feature: Feature) -> &'static str {
    match feature {
        Feature::Equals => "eq",
        Feature::Negation => "ne or not",
        Feature::Null => "null",
        Feature::Range => "ge or le",
        Feature::StartsWith => "startsWith",
        Feature::EndsWith => "endsWith",
        Feature::Count => "$count",
    }
}

/// One part of a `$search`, in double quotes; those within are escaped.
fn clause(property: &str, text: &str) -> Result<String> {
    let is_name = !property.is_empty() && property.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || text.trim().is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "a search names a property and a text")
            .with_context("property", format_args!("{property:?}")));
    }
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{property}:{text}\""))
}
