//! Objects of Graph with typed properties and room for all others.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A struct of optional properties under Graph's names, with every other one kept in `extra`.
///
/// Those that are `rare` are in a struct of their own, which is there only if one of them is: a list of many objects
/// is not made of what none of them has. They are read and written like the others.
///
/// Written out rather than derived: a derived `flatten` holds each object in between, and a list is read at a third of
/// the speed.
macro_rules! resource {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $type:ty = $property:literal $(as $moment:ident)?,)+
    }
    $($(#[$rare_meta:meta])* rare $rare:ident {
        $($(#[$rare_doc:meta])* $rare_field:ident: $rare_type:ty = $rare_property:literal $(as $rare_moment:ident)?,)+
    })?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the fields are Graph's properties, under Graph's names")]
        pub struct $name {
            $($(#[$doc])* pub $field: Option<$type>,)+
            /// Every other property, under Graph's own name.
            pub extra: serde_json::Map<String, serde_json::Value>,
            $(rare: Option<Box<$rare>>,)?
        }

        $(
            $(#[$rare_meta])*
            #[derive(Debug, Clone, PartialEq, Default)]
            #[non_exhaustive]
            #[expect(missing_docs, reason = "the fields are Graph's properties, under Graph's names")]
            pub struct $rare {
                $($(#[$rare_doc])* pub $rare_field: Option<$rare_type>,)+
            }

            impl std::ops::Deref for $name {
                type Target = $rare;

                fn deref(&self) -> &$rare {
                    static NONE: $rare = $rare { $($rare_field: None,)+ };
                    self.rare.as_deref().unwrap_or(&NONE)
                }
            }

            impl std::ops::DerefMut for $name {
                fn deref_mut(&mut self) -> &mut $rare {
                    self.rare.get_or_insert_default()
                }
            }
        )?

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                $(self.$field == other.$field &&)+
                    self.extra == other.extra
                    $(&& <Self as std::ops::Deref>::deref(self) == (other as &$rare))?
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($property, $crate::graph::resource::written!(value $($moment)?))?;
                })+
                $($(if let Some(value) = &self.$rare_field {
                    map.serialize_entry($rare_property, $crate::graph::resource::written!(value $($rare_moment)?))?;
                })+)?
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
                    $($($rare_field,)+)?
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
                            $($($rare_property => Key::$rare_field,)+)?
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
                                $($(Key::$rare_field => {
                                    if object.$rare_field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($rare_property));
                                    }
                                    let value: Option<$rare_type> =
                                        $crate::graph::resource::read!(map $($rare_moment)?);
                                    if value.is_some() {
                                        object.$rare_field = value;
                                    }
                                })+)?
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
