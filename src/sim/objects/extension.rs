//! Directory extensions: properties that applications add to users and groups.

use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::stored::Stored;
use crate::sim::users::property::{Access, Class, GROUP_EXTENSIONS, Kind, Prop, Property, USER_EXTENSIONS, entry};
use crate::sim::wire::answer::{Refusal, read_date};

/// An object has so many values of extensions at most, over all applications.
const MAX_VALUES: usize = 100;
/// So many extensions of one class there are at most, over all tenants of the process.
const MAX_KNOWN: Prop = GROUP_EXTENSIONS - USER_EXTENSIONS;

/// What the values of a directory extension are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "these are all that there are")]
pub enum ExtensionType {
    /// Up to 256 bytes, as base64.
    Binary,
    /// Yes or no.
    Boolean,
    /// A moment.
    DateTime,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    LargeInteger,
    /// Up to 256 characters.
    String,
}

impl ExtensionType {
    /// As Microsoft calls them, in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let all = [Self::Binary, Self::Boolean, Self::DateTime, Self::Integer, Self::LargeInteger, Self::String];
        all.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binary => "Binary",
            Self::Boolean => "Boolean",
            Self::DateTime => "DateTime",
            Self::Integer => "Integer",
            Self::LargeInteger => "LargeInteger",
            Self::String => "String",
        }
    }

    /// One value, if it is one.
    fn read(self, value: &Value) -> Option<Stored> {
        let number = |fits: fn(&i64) -> bool| {
            value.as_i64().filter(fits).map(|number| Stored::Json(Box::new(Value::from(number))))
        };
        match self {
            Self::Boolean => value.as_bool().map(Stored::Bool),
            Self::DateTime => value.as_str().and_then(read_date).map(|text| Stored::Text(text.into())),
            Self::Integer => number(|number| i32::try_from(*number).is_ok()),
            Self::LargeInteger => number(|_| true),
            Self::Binary => value.as_str().filter(|text| is_base64(text, 256)).map(|text| Stored::Text(text.into())),
            Self::String => {
                let is_fine = |text: &&str| !text.is_empty() && text.chars().count() <= 256;
                value.as_str().filter(is_fine).map(|text| Stored::Text(text.into()))
            }
        }
    }
}

/// Whether a text is base64 of at most so many bytes.
fn is_base64(text: &str, max_bytes: usize) -> bool {
    let bare = text.trim_end_matches('=');
    let is_in = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.len().is_multiple_of(4)
        && text.len() - bare.len() <= 2
        && bare.len() * 3 / 4 <= max_bytes
        && bare.bytes().all(is_in)
}

/// One that an application has defined.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    pub(crate) id: Uuid,
    /// The id of the application object.
    pub(crate) application: Uuid,
    pub(crate) kind: ExtensionType,
    pub(crate) is_many: bool,
    /// As they were given, in Microsoft's spelling.
    pub(crate) targets: Vec<&'static str>,
    /// `extension_{client id without hyphens}_{name}`.
    pub(crate) name: &'static str,
    /// As a property of users and of groups.
    props: Vec<(Class, Prop)>,
    /// Whether its application lies in the recycle bin: nobody sees it meanwhile.
    is_hidden: bool,
}

/// All extensions of a tenant.
#[derive(Debug, Default)]
pub(crate) struct Extensions(Vec<Extension>);

impl Extensions {
    /// The properties of that name, extensions among them: of mixed classes there may be several.
    pub(crate) fn find(&self, class: Class, name: &str) -> impl Iterator<Item = Prop> {
        let is_meant =
            move |of: Class| of == class || (class == Class::Any && matches!(of, Class::User | Class::Group));
        let named = self.visible().filter(|known| known.name.eq_ignore_ascii_case(name));
        let added = named.flat_map(|known| &known.props).filter(move |(of, _)| is_meant(*of)).map(|(_, prop)| *prop);
        class.find(name).chain(added)
    }

    pub(crate) fn visible(&self) -> impl Iterator<Item = &Extension> {
        self.0.iter().filter(|known| !known.is_hidden)
    }

    /// Defines one for users, groups, or both. `targets` in Microsoft's spelling.
    pub(crate) fn define(
        &mut self,
        (id, application, app_id): (Uuid, Uuid, Uuid),
        name: &str,
        (kind, is_many): (ExtensionType, bool),
        targets: Vec<&'static str>,
    ) -> Result<&Extension, Refusal> {
        let is_named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let whole = format!("extension_{}_{name}", app_id.simple());
        if !is_named || whole.len() > 256 {
            return Err(Refusal::bad("Invalid value specified for property 'name' of resource 'ExtensionProperty'."));
        }
        if self.0.iter().any(|known| known.name.eq_ignore_ascii_case(&whole)) {
            return Err(Refusal::bad(format!("An extension property exists with the name {whole}.")));
        }
        let mut props = Vec::new();
        let mut interned = None;
        for (class, target) in [(Class::User, "User"), (Class::Group, "Group")] {
            if targets.contains(&target) || interned.is_none() {
                let (prop, name) = intern(class, &whole, kind, is_many).ok_or_else(|| {
                    Refusal::new(403, "Directory_QuotaExceeded", "There are too many extension properties.")
                })?;
                interned = Some(name);
                if targets.contains(&target) {
                    props.push((class, prop));
                }
            }
        }
        let name = interned.unwrap_or_default();
        self.0.push(Extension { id, application, kind, is_many, targets, name, props, is_hidden: false });
        Ok(&self.0[self.0.len() - 1])
    }

    /// Takes one away; answers its name.
    pub(crate) fn remove(&mut self, application: Uuid, id: Uuid) -> Option<&'static str> {
        let at = self.0.iter().position(|known| known.application == application && known.id == id)?;
        Some(self.0.remove(at).name)
    }

    /// Hides, or shows again, those of an application.
    pub(crate) fn hide(&mut self, application: Uuid, is_hidden: bool) {
        for known in self.0.iter_mut().filter(|known| known.application == application) {
            known.is_hidden = is_hidden;
        }
    }

    /// Forgets those of an application.
    pub(crate) fn forget(&mut self, application: Uuid) {
        self.0.retain(|known| known.application != application);
    }
}

/// Whether a property is an extension.
pub(crate) fn is_extension(prop: Prop) -> bool {
    (USER_EXTENSIONS..GROUP_EXTENSIONS + MAX_KNOWN).contains(&prop)
}

/// Refuses more values than an object may have.
pub(crate) fn check_count(values: &[Prop]) -> Result<(), Refusal> {
    let count = values.len();
    match count > MAX_VALUES {
        true => Err(Refusal::new(
            403,
            "Directory_QuotaExceeded",
            format!("The object has {count} values of extension properties; {MAX_VALUES} is the limit."),
        )),
        false => Ok(()),
    }
}

/// One value of an extension, checked; `None` clears.
pub(crate) fn checked(prop: Prop, value: &Value) -> Result<Option<Stored>, Refusal> {
    let known = property(prop);
    let invalid = || Refusal::invalid_value_of(Class::of(prop), known.name);
    match (known.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Extension(kind), value) => kind.read(value).map(Some).ok_or_else(invalid),
        (Kind::Extensions(kind), Value::Array(items)) => {
            let all_fit = items.iter().all(|item| kind.read(item).is_some());
            all_fit.then(|| (!items.is_empty()).then(|| Stored::Json(Box::new(value.clone())))).ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

/// Properties are told apart by small numbers, and those of the tables live as long as the process. So do extensions: each
/// name and type is kept here once, whatever the number of tenants.
static KNOWN: RwLock<Vec<(Class, &'static Property)>> = RwLock::new(Vec::new());

pub(crate) fn property(prop: Prop) -> &'static Property {
    let class = Class::of(prop);
    let first = if class == Class::Group { GROUP_EXTENSIONS } else { USER_EXTENSIONS };
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known[usize::from(prop - first)].1
}

fn intern(class: Class, name: &str, kind: ExtensionType, is_many: bool) -> Option<(Prop, &'static str)> {
    let (shown, answers) = match (kind, is_many) {
        (ExtensionType::String, false) => (Kind::Extension(kind), "DD-A"),
        (ExtensionType::Binary, false) => (Kind::Extension(kind), "----"),
        (_, false) => (Kind::Extension(kind), "D--A"),
        (ExtensionType::String, true) => (Kind::Extensions(kind), "DD--"),
        (_, true) => (Kind::Extensions(kind), "----"),
    };
    let first = if class == Class::Group { GROUP_EXTENSIONS } else { USER_EXTENSIONS };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let same =
        |(of, property): &(Class, &'static Property)| *of == class && property.name == name && property.kind == shown;
    let at = match known.iter().position(same) {
        Some(at) => at,
        None if known.len() < usize::from(MAX_KNOWN) => {
            let name: &'static str = Box::leak(Box::from(name));
            known.push((class, Box::leak(Box::new(entry(name, shown, Access::Write, answers)))));
            known.len() - 1
        }
        None => return None,
    };
    let prop = Prop::try_from(at).ok()?.checked_add(first)?;
    Some((prop, known[at].1.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_their_type() {
        let long = "x".repeat(257);
        let binary = |bytes: usize| json!("A".repeat(bytes.div_ceil(3) * 4));
        for (kind, good, bad) in [
            (ExtensionType::Boolean, vec![json!(true)], vec![json!("true"), json!(1)]),
            (ExtensionType::Integer, vec![json!(5), json!(i32::MIN)], vec![json!(i64::from(i32::MAX) + 1), json!(1.5)]),
            (ExtensionType::LargeInteger, vec![json!(i64::MAX)], vec![json!(u64::MAX), json!("5")]),
            (ExtensionType::String, vec![json!("é".repeat(256))], vec![json!(""), json!(long), json!(5)]),
            (
                ExtensionType::DateTime,
                vec![json!("2026-03-04T10:15:30+02:00")],
                vec![json!("2026-03-04"), json!("9999-12-31T23:59:59-23:59")],
            ),
            (
                ExtensionType::Binary,
                vec![json!("AQ=="), binary(255)],
                vec![json!("AQ"), json!("A==="), json!("é==="), binary(258)],
            ),
        ] {
            assert!(good.iter().all(|value| kind.read(value).is_some()), "{kind:?}");
            assert!(bad.iter().all(|value| kind.read(value).is_none()), "{kind:?}");
        }
    }

    #[test]
    fn a_name_is_of_the_tenant_that_defined_it() {
        let (mut ours, theirs) = (Extensions::default(), Extensions::default());
        let ids = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let name = ours.define(ids, "badge", (ExtensionType::String, false), vec!["User"]).expect("fine").name;
        assert_eq!(name, "extension_00000000000000000000000000000003_badge");
        let prop = ours.find(Class::User, &name.to_uppercase()).next().expect("found");
        assert_eq!((Class::of(prop), crate::sim::users::property::property(prop).name), (Class::User, name));
        assert_eq!(ours.find(Class::Group, name).next(), None, "not of groups");
        assert_eq!(theirs.find(Class::User, name).next(), None);
        assert!(ours.define(ids, "Badge", (ExtensionType::String, false), vec!["User"]).is_err(), "taken");
        assert!(ours.define(ids, "a-b", (ExtensionType::String, false), vec!["User"]).is_err(), "no name");
        ours.hide(ids.1, true);
        assert_eq!(ours.find(Class::User, name).next(), None);
    }
}
