//! Objects of Graph with typed properties and room for all others.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A struct of optional properties under Graph's names, with every other one kept in `extra`.
///
/// Written out rather than derived: a derived `flatten` holds each object in between, and a list is read at a third of
/// the speed.
macro_rules! resource {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $type:ty = $property:literal $(as $moment:ident)?,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the fields are Graph's properties, under Graph's names")]
        pub struct $name {
            $($(#[$doc])* pub $field: Option<$type>,)+
            /// Every other property, under Graph's own name.
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($property, $crate::graph::resource::written!(value $($moment)?))?;
                })+
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types, reason = "named like the fields")]
                enum Key {
                    $($field,)+
                    Other(String),
                }

                struct KeyVisitor;

                impl serde::de::Visitor<'_> for KeyVisitor {
                    type Value = Key;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("the name of a property")
                    }

                    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                        Ok(match name {
                            $($property => Key::$field,)+
                            other => Key::Other(other.to_owned()),
                        })
                    }
                }

                impl<'de> serde::Deserialize<'de> for Key {
                    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        deserializer.deserialize_identifier(KeyVisitor)
                    }
                }

                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key()? {
                            match key {
                                $(Key::$field => {
                                    if object.$field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($property));
                                    }
                                    object.$field = $crate::graph::resource::read!(map $($moment)?);
                                })+
                                Key::Other(name) => {
                                    let value = map.next_value()?;
                                    object.extra.insert(name, value);
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

macro_rules! read {
    ($map:ident) => {
        $map.next_value()?
    };
    ($map:ident moment) => {
        $map.next_value::<Option<$crate::graph::resource::Moment>>()?.map(|moment| moment.0)
    };
}

macro_rules! written {
    ($value:ident) => {
        $value
    };
    ($value:ident moment) => {
        &$crate::graph::resource::Moment(*$value)
    };
}

pub(super) use {read, resource, written};

/// A moment as Graph writes it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Moment(#[serde(with = "time::serde::rfc3339")] pub(super) OffsetDateTime);
