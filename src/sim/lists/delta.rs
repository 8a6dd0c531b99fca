//! `delta`: what users and groups there are, and what changed since.
//!
//! A token says all that a round needs: what was selected, from where to where in the logs of changes, and when it was
//! given out. Nothing is kept of a round.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::delta_token::{Link, Positions, Token};
use super::filter::{Filter, Mode, Terms};
use super::query::{delta_select, option_name};
use crate::sim::groups::membership::Relation;
use crate::sim::objects::object::{Object, odata_type};
use crate::sim::objects::shelf::{Item, Log, Mark, Shelf, Slot, What};
use crate::sim::state::State;
use crate::sim::trouble::lag::Reads;
use crate::sim::users::property::{Class, MANAGER, Prop, property};
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// A filter names so many ids at most.
const MAX_IDS: usize = 50;

/// What makes rounds of `delta` harder to follow, as the service does at times.
///
/// # Examples
///
/// ```
/// use entrant::sim::{DeltaQuirks, Sim};
///
/// let sim = Sim::builder().users(20).delta(DeltaQuirks::default().with_replays(5).with_empty_pages()).build();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeltaQuirks {
    /// A round tells this many changes of earlier rounds again; default 0.
    pub replays: usize,
    /// Whether each page tells its first object twice.
    pub duplicates: bool,
    /// Whether each round begins with a page that holds nothing.
    pub empty_pages: bool,
    /// Whether a first round also tells what lies in the recycle bin.
    pub deleted_at_start: bool,
    /// How many members and owners a page tells of a group, before the group comes again on the next; default 200.
    pub max_links: usize,
}

impl Default for DeltaQuirks {
    fn default() -> Self {
        Self { replays: 0, duplicates: false, empty_pages: false, deleted_at_start: false, max_links: 200 }
    }
}

impl DeltaQuirks {
    /// Tells this many changes of earlier rounds again.
    #[must_use]
    pub fn with_replays(mut self, changes: usize) -> Self {
        self.replays = changes;
        self
    }

    /// Tells the first object of each page twice.
    #[must_use]
    pub fn with_duplicates(mut self) -> Self {
        self.duplicates = true;
        self
    }

    /// Begins each round with a page that holds nothing.
    #[must_use]
    pub fn with_empty_pages(mut self) -> Self {
        self.empty_pages = true;
        self
    }

    /// Tells in a first round what lies in the recycle bin, too.
    #[must_use]
    pub fn with_deleted_at_start(mut self) -> Self {
        self.deleted_at_start = true;
        self
    }

    /// Tells this many members and owners of a group on a page, at least 1.
    #[must_use]
    pub fn with_max_links(mut self, links: usize) -> Self {
        self.max_links = links.max(1);
        self
    }
}

/// What is told of one object on one page.
struct Told {
    id: Uuid,
    /// Whether everything that is set is told, and not only what changed.
    is_whole: bool,
    changed: Vec<Prop>,
    links: Vec<Edge>,
    /// The manager that a user had when the round began.
    former: Option<Uuid>,
}

/// A member or an owner, come or gone.
struct Edge {
    relation: Relation,
    other: Uuid,
    is_gone: bool,
}

/// A page: what is told, and where the next one begins.
struct Page {
    told: Vec<Told>,
    next: Option<Link>,
}

impl State {
    /// `GET /users/delta` and `GET /groups/delta`.
    pub(crate) fn delta(&self, call: &Call<'_>, class: Class) -> Result<Answer, Refusal> {
        let mut token = self.delta_token(call, class)?;
        let context = token.context(class);
        if token.is_latest {
            return Ok(self.delta_page(call, class, &context, Vec::new(), ("deltatoken", &token.then(call.now))));
        }
        if self.settings.delta.empty_pages && !token.has_begun {
            token.has_begun = true;
            return Ok(self.delta_page(call, class, &context, Vec::new(), ("skiptoken", &token)));
        }
        token.has_begun = true;
        let now = self.clock(Reads::Changes, call.now);
        let page = match class {
            Class::Group => self.page_of(&self.groups, class, &token, now),
            _ => self.page_of(&self.people, class, &token, now),
        };
        let minimal = call.headers.prefers("return=minimal");
        let mut value: Vec<Value> = page.told.iter().map(|told| self.tell(class, told, &token, minimal, now)).collect();
        if self.settings.delta.duplicates {
            value.extend(value.first().cloned());
        }
        Ok(match page.next {
            Some(next) => {
                token.place = next;
                self.delta_page(call, class, &context, value, ("skiptoken", &token))
            }
            None => self.delta_page(call, class, &context, value, ("deltatoken", &token.then(call.now))),
        })
    }

    /// What the request carries on, or begins.
    fn delta_token(&self, call: &Call<'_>, class: Class) -> Result<Token, Refusal> {
        let option = |wanted: &str| {
            let found = call.target.options.iter().find(|(name, _)| option_name(name) == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let refused = ["expand", "top", "orderby", "search", "count", "skip"];
        if let Some(name) = refused.iter().find(|name| option(name).is_some()) {
            return Err(Refusal::unsupported(format!("The query option '${name}' is not supported on delta.")));
        }
        let select = option("select").map(|text| delta_select(text, class, &self.extensions)).transpose()?;
        let carried = option("skiptoken").or(option("deltatoken").filter(|text| !text.is_empty() && *text != "latest"));
        if let Some(text) = carried {
            let is_page = option("skiptoken").is_some();
            let token = Token::read(text, class, is_page, (self.settings.token_key, self.delta_generation), call.now);
            let mut token = token.ok_or_else(|| resync(call, class))?;
            if option("filter").is_some() || select.is_some_and(|select| Some(select) != token.select) {
                return Err(Refusal::unsupported(
                    "The token carries the query options of the first request; they cannot be changed.",
                ));
            }
            if !is_page {
                token.to = self.positions(class);
                token.at = token.at.back(self.settings.delta.replays);
            }
            return Ok(token);
        }
        let ids = match option("filter") {
            None => Vec::new(),
            Some(text) => {
                let filter = Filter::parse(
                    text,
                    Terms { class, mode: Mode::Plain, max_values: MAX_IDS, extensions: &self.extensions },
                )?;
                filter.only_ids().filter(|ids| ids.len() <= MAX_IDS).ok_or_else(|| {
                    Refusal::unsupported(format!(
                        "On delta $filter takes 'id eq' alone, joined with 'or', {MAX_IDS} at most."
                    ))
                })?
            }
        };
        let is_latest = option("deltatoken") == Some("latest");
        Ok(Token::first(class, select, ids, is_latest, self.positions(class), self.delta_generation, call.now))
    }

    /// How much of the logs readers know.
    fn positions(&self, class: Class) -> Positions {
        let known = |log: usize| u32::try_from(log).unwrap_or(u32::MAX);
        match class {
            Class::Group => Positions([
                known(self.groups.log().known()),
                known(self.members.log().known()),
                known(self.owners.log().known()),
            ]),
            _ => Positions([known(self.people.log().known()), 0, 0]),
        }
    }

    fn page_of<T: Item>(&self, shelf: &Shelf<T>, class: Class, token: &Token, now: OffsetDateTime) -> Page {
        if token.is_first {
            self.first_page(shelf, class, token, now)
        } else {
            self.later_page(shelf.log(), class, token)
        }
    }

    /// Everybody that there is, from a place on.
    fn first_page<T: Item>(&self, shelf: &Shelf<T>, class: Class, token: &Token, now: OffsetDateTime) -> Page {
        let mut page = Page { told: Vec::new(), next: None };
        let (size, max_links) = (self.settings.page_size, self.settings.delta.max_links);
        for slot in token.place.object..shelf.end() {
            let binned =
                || shelf.current(slot).filter(|item| item.is_deleted() && self.settings.delta.deleted_at_start);
            let Some(item) = shelf.visible(slot, now).or_else(binned).filter(|item| token.wants(item.id())) else {
                continue;
            };
            let id = item.id();
            if page.told.len() == size {
                page.next = Some(Link { object: slot, ..Link::default() });
                break;
            }
            let begin = if slot == token.place.object { token.place } else { Link { object: slot, ..Link::default() } };
            let mut links = Vec::new();
            for (turn, relation) in token.relations(class) {
                let from = match turn.cmp(&begin.turn) {
                    std::cmp::Ordering::Less => continue,
                    std::cmp::Ordering::Equal => begin.link,
                    std::cmp::Ordering::Greater => 0,
                };
                for (number, other) in self.links(relation).shown_from(id, from, now) {
                    if links.len() == max_links {
                        page.next = Some(Link { object: slot, turn, link: number });
                        break;
                    }
                    links.push(Edge { relation, other, is_gone: false });
                }
                if page.next.is_some() {
                    break;
                }
            }
            page.told.push(Told { id, is_whole: true, changed: Vec::new(), links, former: None });
            if page.next.is_some() {
                break;
            }
        }
        page
    }

    /// What changed in a stretch of the logs, from a place on: an object's place is that of its first change.
    fn later_page(&self, log: &Log<Mark>, class: Class, token: &Token) -> Page {
        let mut order: Vec<Told> = Vec::new();
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        let mut told = |order: &mut Vec<Told>, id: Uuid| {
            *places.entry(id).or_insert_with(|| {
                order.push(Told { id, is_whole: false, changed: Vec::new(), links: Vec::new(), former: None });
                order.len() - 1
            })
        };
        let tracked = token.tracked(class, &self.extensions);
        for mark in token.stretch(log, 0).iter().filter(|mark| token.wants(mark.id)) {
            match &mark.what {
                What::Changed(props) => {
                    let props: Vec<Prop> = props.iter().filter(|prop| tracked.contains(prop)).copied().collect();
                    if !props.is_empty() {
                        let at = told(&mut order, mark.id);
                        if props.contains(&MANAGER) && !order[at].changed.contains(&MANAGER) {
                            order[at].former = mark.former;
                        }
                        order[at].changed.extend(props);
                    }
                }
                What::Came | What::Went => {
                    let at = told(&mut order, mark.id);
                    order[at].is_whole = true;
                }
            }
        }
        for (turn, relation) in token.relations(class) {
            let links = self.links(relation);
            let mut seen: HashMap<(Uuid, Uuid), ()> = HashMap::new();
            // Applications have owners too.
            let is_ours =
                |id| self.find_object(id).map(Object::class).or(self.departed.get(&id).copied()) == Some(class);
            let stretch = token.stretch(links.log(), usize::from(turn) + 1).iter();
            for change in stretch.filter(|turn| token.wants(turn.from) && is_ours(turn.from)) {
                if seen.insert((change.from, change.to), ()).is_none() {
                    let is_gone = !links.has(change.from, change.to);
                    let at = told(&mut order, change.from);
                    order[at].links.push(Edge { relation, other: change.to, is_gone });
                }
            }
        }
        let mut page = Page { told: Vec::new(), next: None };
        let max_links = self.settings.delta.max_links;
        let begin = token.place;
        let rest = order.into_iter().enumerate().skip(begin.object as usize);
        for (at, mut told) in rest {
            let at = Slot::try_from(at).unwrap_or(Slot::MAX);
            if page.told.len() == self.settings.page_size {
                page.next = Some(Link { object: at, ..Link::default() });
                break;
            }
            let skipped = if at == begin.object { begin.link as usize } else { 0 };
            let mut links = told.links.split_off(skipped.min(told.links.len()));
            let is_more = links.len() > max_links;
            links.truncate(max_links);
            told.links = links;
            page.told.push(told);
            if is_more {
                let link = u32::try_from(skipped + max_links).unwrap_or(u32::MAX);
                page.next = Some(Link { object: at, turn: 0, link });
                break;
            }
        }
        page
    }

    /// One object as an item of the answer.
    fn tell(&self, class: Class, told: &Told, token: &Token, minimal: bool, now: OffsetDateTime) -> Value {
        let mut item = Map::new();
        item.insert("id".to_owned(), json!(told.id));
        let Some(object) = self.visible_object(told.id, now).filter(|object| object.class() == class) else {
            let reason = if self.find_object(told.id).is_some() { "changed" } else { "deleted" };
            item.insert("@removed".to_owned(), json!({ "reason": reason }));
            return Value::Object(item);
        };
        let context = self.context();
        let is_whole = told.is_whole || !minimal;
        for prop in token.tracked(class, &self.extensions) {
            let is_changed = told.changed.contains(&prop);
            if prop == MANAGER {
                let manager = match object {
                    Object::User(user) if is_changed || is_whole => user.manager,
                    _ => None,
                };
                let gone = told.former.filter(|former| is_changed && Some(*former) != manager);
                let edges = gone.map(|gone| (gone, true)).into_iter().chain(manager.map(|manager| (manager, false)));
                let edges: Vec<Value> = edges.filter_map(|(other, is_gone)| self.edge(other, is_gone)).collect();
                if !edges.is_empty() {
                    item.insert("manager@delta".to_owned(), Value::Array(edges));
                }
                continue;
            }
            let value = object.read(prop, context).into_value();
            // What was never set is left out, and what was cleared is null.
            let is_set = !(value.is_null() || value.as_array().is_some_and(Vec::is_empty));
            if is_changed || (is_whole && is_set) {
                item.insert(property(prop).name.to_owned(), value);
            }
        }
        for (_, relation) in token.relations(class) {
            let edges: Vec<Value> = told
                .links
                .iter()
                .filter(|edge| edge.relation == relation)
                .filter_map(|edge| self.edge(edge.other, edge.is_gone))
                .collect();
            if !edges.is_empty() {
                item.insert(format!("{}@delta", relation.name()), Value::Array(edges));
            }
        }
        Value::Object(item)
    }

    /// The other end of a link.
    fn edge(&self, other: Uuid, is_gone: bool) -> Option<Value> {
        let class = self.find_object(other).map(Object::class).or_else(|| self.departed.get(&other).copied())?;
        let mut edge = json!({"@odata.type": odata_type(class), "id": other});
        if is_gone {
            edge["@removed"] = json!({"reason": "deleted"});
        }
        Some(edge)
    }

    fn delta_page(
        &self,
        call: &Call<'_>,
        class: Class,
        context: &str,
        value: Vec<Value>,
        (kind, token): (&str, &Token),
    ) -> Answer {
        let link = format!(
            "{}/v1.0/{}/delta?${kind}={}",
            call.origin,
            class.collection(),
            token.text(self.settings.token_key)
        );
        let name = if kind == "skiptoken" { "@odata.nextLink" } else { "@odata.deltaLink" };
        let context = format!("{}/v1.0/$metadata#{context}", call.origin);
        Answer::value(200, &json!({"@odata.context": context, name: link, "value": value}))
    }
}

/// A token that is not good any more: all begins anew.
fn resync(call: &Call<'_>, class: Class) -> Refusal {
    let mut refusal = Refusal::new(410, "resyncRequired", "Resync required.");
    let again = format!("{}/v1.0/{}/delta?$deltatoken=", call.origin, class.collection());
    refusal.headers.push(("Location", again));
    refusal
}
