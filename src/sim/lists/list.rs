//! Lists, pages and counts, of whatever objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

use super::filter::{Filter, Lookup};
use super::query::{Consistency, Options, PageKey, Shape};
use crate::sim::objects::object::{Context, Object, close, open};
use crate::sim::objects::shelf::{Item, Shelf, Slot, parse_id};
use crate::sim::objects::stored::write_text;
use crate::sim::state::State;
use crate::sim::trouble::lag::Reads;
use crate::sim::users::property::Class;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// The objects of a list from a place on, each with its place.
pub(crate) type Objects<'a> = Box<dyn Iterator<Item = (u32, Object<'a>)> + 'a>;

/// What a list is of.
pub(crate) struct Source<'a> {
    /// As `@odata.context` calls it, such as `users`.
    pub(crate) context: String,
    pub(crate) class: Class,
    /// The place after the last.
    pub(crate) end: u32,
    pub(crate) objects: Box<dyn Fn(u32) -> Objects<'a> + 'a>,
}

impl State {
    /// What an object's properties depend on.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            issuer: self.initial_domain(),
            skus: &self.skus,
            members: Some((&self.people, &self.members)),
            now: self.now,
        }
    }

    /// What time it is for the replica that answers a list.
    pub(crate) fn listed_at(&self, call: &Call<'_>) -> OffsetDateTime {
        let reads = match call.headers.consistency() {
            Consistency::Session => Reads::Lists,
            Consistency::Eventual => Reads::Index,
        };
        self.clock(reads, call.now)
    }

    pub(crate) fn options(&self, call: &Call<'_>, class: Class, shape: Shape) -> Result<Options, Refusal> {
        call.target.options(class, shape, call.headers.consistency(), self.settings.max_filter_values, &self.extensions)
    }

    /// A page, with the address of the next.
    pub(crate) fn answer_list(
        &self,
        call: &Call<'_>,
        options: &Options,
        source: &Source<'_>,
    ) -> Result<Answer, Refusal> {
        let target = &call.target;
        let pages = PageKey {
            fingerprint: target.fingerprint(),
            generation: self.page_generation,
            key: self.settings.token_key,
        };
        let from = match &options.skip_token {
            Some(token) => pages.read(token, source.end)?,
            None => 0,
        };
        let context = self.context();
        let matches = |(_, object): &(u32, Object<'_>)| options.matches(*object, context);
        let size = options.top.unwrap_or(self.settings.page_size);
        let props = options.select.as_deref().unwrap_or(source.class.default_set());
        let mut value = Vec::with_capacity(size * props.len().min(16) * 24);
        let mut next = None;
        // A sorted list goes on by its order, any other by the places of its objects.
        let (mut plain, mut sorted);
        let objects: &mut dyn Iterator<Item = (u32, Object<'_>)> = match &options.order {
            None => {
                plain = (source.objects)(from).filter(matches);
                &mut plain
            }
            Some(order) => {
                let mut all: Vec<_> = (source.objects)(0).filter(matches).collect();
                order.sort(&mut all, context);
                sorted = (0..).zip(all.into_iter().map(|(_, object)| object)).skip(from as usize);
                &mut sorted
            }
        };
        for (index, (place, object)) in objects.enumerate() {
            if index == size {
                next = Some(place);
                break;
            }
            if index > 0 {
                value.push(b',');
            }
            if options.refs {
                value.extend_from_slice(b"{\"@odata.id\":");
                write_text(&self.location(call, object), &mut value);
                value.push(b'}');
                continue;
            }
            let kind = [("@odata.type", object.odata_type())];
            let annotations = if source.class == Class::Any { kind.as_slice() } else { &[] };
            self.write_expanded(call, object, options, annotations, &mut value);
        }
        let mut out = Vec::with_capacity(value.len() + 400);
        out.extend_from_slice(b"{\"@odata.context\":");
        write_text(&format!("{}/v1.0/$metadata#{}{}", call.origin, source.context, options.shown()), &mut out);
        if options.count && options.skip_token.is_none() {
            let count = (source.objects)(0).filter(matches).count();
            out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        if let Some(next) = next {
            let query = target.query_with_token(&pages.token(next));
            out.extend_from_slice(b",\"@odata.nextLink\":");
            write_text(&format!("{}/v1.0/{}?{query}", call.origin, target.address()), &mut out);
        }
        out.extend_from_slice(b",\"value\":[");
        out.extend_from_slice(&value);
        out.extend_from_slice(b"]}");
        Ok(Answer::json(200, out))
    }

    /// How many there are: the segment `$count`.
    pub(crate) fn answer_count(&self, call: &Call<'_>, source: &Source<'_>) -> Result<Answer, Refusal> {
        if call.headers.consistency() == Consistency::Session {
            return Err(Refusal::bad("$count is not currently supported."));
        }
        let options = self.options(call, source.class, Shape::Count)?;
        let context = self.context();
        let matches = |(_, object): &(u32, Object<'_>)| options.matches(*object, context);
        Ok(Answer::text((source.objects)(0).filter(matches).count().to_string()))
    }

    /// One object; `context` is what `@odata.context` calls its collection.
    pub(crate) fn answer_one(
        &self,
        call: &Call<'_>,
        status: u16,
        object: Object<'_>,
        options: &Options,
        context: &str,
    ) -> Answer {
        let is_mixed = context == "directoryObjects";
        let context = format!("{}/v1.0/$metadata#{context}{}/$entity", call.origin, options.shown());
        let annotations = [("@odata.context", context.as_str()), ("@odata.type", object.odata_type())];
        let mut out = Vec::with_capacity(512);
        let annotations = if is_mixed { annotations.as_slice() } else { &annotations[..1] };
        self.write_expanded(call, object, options, annotations, &mut out);
        Answer::json(status, out)
    }

    /// One object with its default properties.
    pub(crate) fn answer_whole(&self, call: &Call<'_>, status: u16, object: Object<'_>, context: &str) -> Answer {
        self.answer_one(call, status, object, &Options::none(), context)
    }

    /// An object with what `$expand` asks for beside it.
    fn write_expanded(
        &self,
        call: &Call<'_>,
        object: Object<'_>,
        options: &Options,
        annotations: &[(&str, &str)],
        out: &mut Vec<u8>,
    ) {
        let context = self.context();
        open(object, options.select.as_deref(), context, annotations, out);
        if let Some(expand) = &options.expand {
            self.write_expansion(call, object, expand, out);
        }
        close(out);
    }
}

/// Where to look: everywhere, unless the filter names keys.
pub(crate) enum Slots {
    Before(Slot),
    These(Arc<[Slot]>),
}

impl Slots {
    /// In the order of creation.
    pub(crate) fn of<T: Item>(shelf: &Shelf<T>, filter: Option<&Filter>) -> Self {
        let Some(lookups) = filter.and_then(Filter::lookups) else {
            return Self::Before(shelf.end());
        };
        let found = lookups.iter().flat_map(|lookup| match lookup {
            Lookup::Id(id) => parse_id(id).and_then(|id| shelf.by_id(id)).into_iter().collect::<Vec<_>>(),
            Lookup::Key(field, key) => shelf.candidates(*field, key).collect(),
        });
        let found: BTreeSet<Slot> = found.chain(shelf.unsettled()).collect();
        Self::These(found.into_iter().collect())
    }

    /// From a place on.
    pub(crate) fn from(&self, from: Slot) -> Box<dyn Iterator<Item = Slot>> {
        match self {
            Self::Before(end) => Box::new(from..*end),
            Self::These(slots) => {
                let left = slots.partition_point(|slot| *slot < from);
                let slots = Arc::clone(slots);
                Box::new((left..slots.len()).map(move |at| slots[at]))
            }
        }
    }
}
