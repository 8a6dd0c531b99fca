//! The default mapping of groups, made from the headers of a table.

use super::builder::Mapping;
use super::headers::{HeaderMapping, NotMapped, Recognised, plain, sort};
use crate::expr::{quote, without_marks};
use crate::model::{Name, Record, Value};

/// What is recognised for each target attribute, the better name first. Compared without case, blanks, `_`, `-` and `.`.
#[rustfmt::skip]
const ATTRIBUTES: Recognised = &[
    ("displayName", &["displayName", "groupName", "name", "group"]),
    ("uniqueName", &["uniqueName", "groupId", "groupKey", "externalId", "id"]),
    ("mailNickname", &["mailNickname", "mailAlias", "alias"]),
    ("description", &["description", "purpose"]),
    ("visibility", &["visibility", "privacy"]),
    ("groupTypes", &["groupType", "groupKind", "groupTypes", "kind", "type"]),
    ("mailEnabled", &["mailEnabled", "isMailEnabled"]),
    ("securityEnabled", &["securityEnabled", "isSecurityEnabled"]),
];

/// What is recognised and cannot be mapped, and why.
const NOT_MAPPED: NotMapped = &[(
    &["members", "memberIds", "member", "memberGroups", "groups", "owners", "ownerIds", "owner"],
    "memberships come from a table of their own, a row for each",
)];

/// The longest mail nickname, in characters.
const LONGEST_NICKNAME: usize = 64;

impl Mapping {
    /// The default mapping of groups, from the headers of a table.
    ///
    /// A header is recognised by its name, without regard to case, blanks, `_`, `-` and `.`:
    ///
    /// | target attribute | headers |
    /// | --- | --- |
    /// | `displayName` | displayName, groupName, name, group |
    /// | `uniqueName` | uniqueName, groupId, groupKey, externalId, id |
    /// | `mailNickname` | mailNickname, mailAlias, alias; else derived from the name |
    /// | `description` | description, purpose |
    /// | `visibility` | visibility, privacy |
    /// | `groupTypes` | groupType, groupKind, groupTypes, kind, type |
    /// | `mailEnabled` | mailEnabled, isMailEnabled; else by the kind |
    /// | `securityEnabled` | securityEnabled, isSecurityEnabled; else by the kind |
    /// | not mapped: memberships | members, memberIds, member, memberGroups, groups, owners, ownerIds, owner |
    ///
    /// Of several headers for one attribute the one named first in the table is mapped. A group cannot be made without a
    /// display name.
    ///
    /// - A derived `mailNickname` is written on create only: it is part of an address, which should not follow a name. It
    ///   is the name in lower case, ASCII letters and digits only, without diacritics and 64 characters at most; where
    ///   nothing is left of the name, the unique name in that form.
    /// - The kind of a group is `security`, or `microsoft365` (also `m365`, `office365` and `unified`), in any case; a
    ///   blank says nothing, and any other word is a problem of that group. Without a column for it the target's own
    ///   default holds.
    /// - Existing groups are looked for by `uniqueName` alone. To take over groups by their names, which are not unique and
    ///   anybody's, match on `displayName` too: `made.mapping.match_on("displayName")`. Two of one name are ambiguous and
    ///   nobody's, and whoever takes over a single one is held up by the guard on adoptions.
    /// - Members, owners and nested groups are mapped by [`HeaderMapping::with_memberships`].
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::Mapping;
    ///
    /// let made = Mapping::from_group_headers(&["GroupID", "Name", "Cost"]).with_memberships();
    /// assert_eq!(made.recognised[0], ("Name".to_owned(), "displayName".into()));
    /// assert_eq!(made.unrecognised, ["Cost"]);
    /// assert!(made.mapping.to_string().contains("memberGroups  ← [groups]"));
    /// ```
    pub fn from_group_headers<H: AsRef<str>>(headers: &[H]) -> HeaderMapping {
        let sorted = sort(headers, ATTRIBUTES, NOT_MAPPED);
        let mut mapping = Mapping::groups().named("groups");
        for (target, header) in &sorted.recognised {
            mapping = match target.as_str() {
                "groupTypes" => by_kind(mapping, target, header),
                _ => mapping.attribute(target, header.as_str()),
            };
        }
        if let Some(header) = sorted.header("groupTypes") {
            for target in ["mailEnabled", "securityEnabled"].map(Name::from_static) {
                if sorted.header(&target).is_none() {
                    mapping = by_kind(mapping, &target, header);
                }
            }
        }
        if sorted.header("mailNickname").is_none() && sorted.header("displayName").is_some() {
            let names = ["displayName", "uniqueName"].into_iter().filter_map(|target| sorted.header(target));
            mapping = nickname(mapping, names.map(Name::from).collect());
        }
        // Not by name: a group of somebody else's that happens to have it would be filled with people.
        if sorted.header("uniqueName").is_some() {
            mapping = mapping.match_on("uniqueName");
        }
        sorted.into_mapping(mapping)
    }
}

impl HeaderMapping {
    /// Maps memberships: `members`, `memberGroups` and `owners` from the attributes `members`, `groups` and `owners`, lists
    /// of ids of the source, such as those of a file of memberships.
    #[must_use]
    pub fn with_memberships(mut self) -> Self {
        self.mapping = self.mapping.attribute("members", "members").attribute("memberGroups", "groups");
        self.mapping = self.mapping.attribute("owners", "owners");
        self
    }
}

fn nickname(mapping: Mapping, attributes: Vec<Name>) -> Mapping {
    const TARGET: Name = Name::from_static("mailNickname");
    let reads = attributes.clone();
    let function = move |record: &Record| {
        // The name that decides: what is absent says nothing.
        if record.get(&attributes[0]).is_none() {
            return Ok(None);
        }
        let mut plain = attributes.iter().filter_map(|name| record.get(name)).map(plain_name);
        Ok(Some(plain.find(|name| !name.is_empty()).into()))
    };
    mapping.closure(TARGET, "mail-nickname", 1, function).reads(TARGET, reads).create_only(TARGET)
}

/// Lower-case ASCII letters and digits of a value.
fn plain_name(value: &Value) -> String {
    let text = if value.is_null() { String::new() } else { without_marks(&value.to_string()) };
    let kept = text.chars().filter(char::is_ascii_alphanumeric).take(LONGEST_NICKNAME);
    kept.map(|character| character.to_ascii_lowercase()).collect()
}

/// What the kind of a group, in a word, means for an attribute.
fn by_kind(mapping: Mapping, target: &Name, header: &str) -> Mapping {
    let (attribute, own) = (Name::from(header), target.clone());
    let reads = attribute.clone();
    let function = move |record: &Record| {
        let Some(value) = record.get(&attribute).filter(|value| !value.is_blank()) else {
            return Ok(None);
        };
        let text = value.to_string();
        let unified = match plain(text.trim()).as_str() {
            "security" | "securitygroup" => false,
            "microsoft365" | "microsoft365group" | "m365" | "office365" | "unified" => true,
            _ => return Err(format!("{attribute} is {}, which is neither security nor microsoft365", quote(&text))),
        };
        Ok(Some(match own.as_str() {
            "groupTypes" => Value::list(unified.then(|| Value::from("Unified"))),
            "mailEnabled" => Value::Bool(unified),
            _ => Value::Bool(!unified),
        }))
    };
    mapping.closure(target, format!("group-kind-{target}"), 1, function).reads(target, [reads])
}
