//! The classes of a document by their names: looked up once, however many mappings there are of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::{AttributeDefinition, ObjectDefinition, SynchronizationSchema};
use crate::expr::AttributePath;
use crate::model::Schema;

/// The classes of each directory. Of two directories, or two classes, of one name the first.
pub(super) struct Classes<'a>(HashMap<&'a str, HashMap<&'a str, Attributes<'a>>>);

/// A class, and its attributes by name.
pub(super) struct Attributes<'a> {
    pub(super) object: &'a ObjectDefinition,
    pub(super) by_name: HashMap<&'a str, &'a AttributeDefinition>,
    pub(super) schema: Arc<Schema>,
    /// What an object cannot be made without and has a default for.
    pub(super) required: Vec<(&'a str, &'a str)>,
}

impl<'a> Classes<'a> {
    pub(super) fn of(schema: &'a SynchronizationSchema) -> Self {
        let mut classes: HashMap<&str, HashMap<&str, Attributes<'_>>> = HashMap::new();
        for directory in &schema.directories {
            let own = classes.entry(&directory.name).or_default();
            for object in &directory.objects {
                own.entry(&object.name).or_insert_with(|| Attributes::of(object));
            }
        }
        Self(classes)
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.0.keys().copied()
    }

    pub(super) fn directory(&self, name: &str) -> Option<&HashMap<&'a str, Attributes<'a>>> {
        self.0.get(name)
    }

    pub(super) fn class(&self, directory: &str, object: &str) -> Option<&Attributes<'a>> {
        self.directory(directory)?.get(object)
    }
}

impl<'a> Attributes<'a> {
    fn of(object: &'a ObjectDefinition) -> Self {
        let by_name = object.attributes.iter().map(|attribute| (attribute.name.as_str(), attribute)).collect();
        let required = object.attributes.iter().filter(|own| own.is_given() && own.is_writable());
        let required = required.filter_map(|own| Some((own.name.as_str(), own.default_value.as_deref()?))).collect();
        Self { object, by_name, schema: Arc::new(object.to_schema()), required }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a AttributeDefinition> {
        self.by_name.get(name).copied()
    }

    /// The attribute that a path leads to, or starts at.
    pub(super) fn reached(&self, path: &AttributePath) -> Option<&'a AttributeDefinition> {
        path.names().find_map(|name| self.get(name))
    }
}
