//! What a store yields, held against what it was asked for.

use futures::StreamExt;
use futures::stream::BoxStream;

use super::{Query, Read, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Completeness, Origin};

/// Reads a store, and lets nothing through that must not be acted on, whatever the store takes it for: an object of
/// another class than was asked for ends the read, one without an id is unreadable, and a read with something unreadable
/// in it is not complete. What a feed tells of other classes is left to the caller.
pub(crate) fn heeded<'a, S: Source + ?Sized>(store: &'a S, query: &Query) -> BoxStream<'a, Result<Read>> {
    let (class, whole) = (query.class.clone(), query.since.is_none());
    let mut unreadable: Option<String> = None;
    let heed = move |step| match step {
        Ok(Read::Record(record)) if whole && record.id.class != class => {
            let message = format!(
                "{class} objects were asked for, and what came is {}: yield what Query::class names",
                record.id
            );
            Err(Error::new(ErrorKind::Store, message).with_context("store", store.name()))
        }
        Ok(Read::Record(record)) if record.id.class == class && record.id.id.trim().is_empty() => {
            let origin = record.origin.unwrap_or_else(|| Origin::new(store.name()));
            let reason = "it has no id; each object needs one of its own, the same in every read".to_owned();
            unreadable.get_or_insert_with(|| format!("{reason} ({origin})"));
            Ok(Read::Unreadable { id: record.id, origin, reason })
        }
        Ok(Read::Unreadable { id, origin, reason }) => {
            unreadable.get_or_insert_with(|| format!("{reason} ({origin})"));
            Ok(Read::Unreadable { id, origin, reason })
        }
        Ok(Read::End { completeness: Completeness::Complete, cursor }) => match unreadable.take() {
            Some(reason) => Ok(Read::partial(reason)),
            None => Ok(Read::End { completeness: Completeness::Complete, cursor }),
        },
        step => step,
    };
    store.read(query).map(heed).boxed()
}
