//! What is written: the store that a job keeps in step.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Anchor, Change, ChangeId, Class, Name, Record, Schema, Value, Written};
use crate::reconcile::{Constraints, NoConstraints};

/// A store that can be written.
///
/// The least is [`schema`](Self::schema) and [`write`](Self::write). One that can also look up by id
/// ([`Source::get`]) and by value ([`find`](Self::find)) is far safer: before a removal the object is looked at again, and
/// a create whose answer was lost is found and not made twice. `examples/own_store.rs` is a table in SQLite.
#[async_trait]
pub trait Target: Source {
    /// What objects of a class hold.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a class that the target does not have.
    fn schema(&self, class: &Class) -> Result<Arc<Schema>>;

    /// What else the target forbids, as it is now. Asked once when planning starts.
    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        Ok(Arc::new(NoConstraints))
    }

    /// How far the store's clock is ahead of this machine's, as far as that is known: what an object's moment of making
    /// is compared by, and by which it is young, so that setting the machine's clock makes nothing look old enough to be
    /// gone. Asked after each answer; of a store that does not tell its time the machine's counts.
    fn clock_ahead(&self) -> time::Duration {
        time::Duration::ZERO
    }

    /// Carries changes out, and answers each exactly once, in any order.
    ///
    /// Changes of one object are carried out in the order given; different objects as the target likes, in batches or
    /// at once. One change that fails stops no other. Deleting what is gone is success. An update does not fail for
    /// having been made before. Elements that cannot be given or taken are named in the answer, each with its reason
    /// (`NotFound` for a reference to what is not there), and the others are given and taken all the same; a single
    /// reference is taken only if it is the one that is held. What was to be taken and is not there is no failure; a
    /// target that can tell says so ([`Written::not_there`]). An error whose write may have happened all the same says
    /// [`is_outcome_in_doubt`](Error::is_outcome_in_doubt). Dropping the stream stops sending; what was sent may
    /// still be carried out.
    ///
    /// # Errors
    ///
    /// Each change has its own. [`ErrorKind::NotFound`] for an object that is not there, [`ErrorKind::Conflict`] for a
    /// value that another object holds, [`ErrorKind::Invalid`] for what can never be written,
    /// [`ErrorKind::Unsupported`] for an operation that the store does not know, [`ErrorKind::Store`] for its own trouble.
    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)>;

    /// Finds objects by the value of an attribute: all that hold one of the values, as the schema compares them.
    ///
    /// Called only where [`Capabilities::find`](super::Capabilities::find) says so.
    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let _ = (class, attribute, values);
        Err(Error::new(ErrorKind::Unsupported, "the store cannot find objects by attribute")
            .with_context("store", self.name()))
    }

    /// Finds deleted objects that can be restored: all to which one of the anchors leads.
    ///
    /// Called only where [`Capabilities::recycle_bin`](super::Capabilities::recycle_bin) says so.
    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        let _ = anchors;
        Err(Error::new(ErrorKind::Unsupported, "the store has no recycle bin").with_context("store", self.name()))
    }
}

macro_rules! forward_target {
    ($wrapper:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Target + ?Sized> Target for $wrapper<T> {
            fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
                (**self).schema(class)
            }

            async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
                (**self).constraints().await
            }

            fn clock_ahead(&self) -> time::Duration {
                (**self).clock_ahead()
            }

            fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
                (**self).write(changes)
            }

            async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
                (**self).find(class, attribute, values).await
            }

            async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
                (**self).deleted(anchors).await
            }
        }
    };
}

forward_target!(Arc);
forward_target!(Box);
