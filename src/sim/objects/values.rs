//! The values that a write gives, each checked by itself.

use serde_json::{Map, Value, json};

use super::extension::{self, Extensions};
use super::shelf::bare_address;
use super::stored::Stored;
use crate::secret::Secret;
use crate::sim::users::property::{self, Access, Class, Kind, Prop, property};
use crate::sim::users::user::User;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Refusal, read_date};

/// A body with its names resolved: unknown ones are refused first.
pub(crate) type Named<'a> = Vec<(Prop, &'a Value)>;

/// Set by the service from other facts, so not even an administrator writes them.
const DERIVED: &[Prop] = &[
    property::ID,
    property::CREATED,
    property::DELETED,
    property::PASSWORD_CHANGED,
    property::SESSIONS_VALID_FROM,
    property::SECURITY_IDENTIFIER,
    property::ASSIGNED_LICENSES,
    property::ASSIGNED_PLANS,
    property::LICENSE_STATES,
    property::PROVISIONED_PLANS,
];

/// The members of a password profile that are kept.
const SWITCHES: [&str; 2] = ["forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa"];

/// The stored spelling of a member of a property that has members.
pub(crate) fn member_of(prop: Prop, member: &str) -> Option<String> {
    match prop {
        property::ORG_DATA => {
            ["costCenter", "division"].into_iter().find(|known| known.eq_ignore_ascii_case(member)).map(str::to_owned)
        }
        property::PASSWORD_PROFILE => {
            SWITCHES.into_iter().find(|known| known.eq_ignore_ascii_case(member)).map(str::to_owned)
        }
        property::EXTENSION_ATTRIBUTES => (1..=15)
            .map(|number| format!("extensionAttribute{number}"))
            .find(|known| known.eq_ignore_ascii_case(member)),
        _ => None,
    }
}

/// Finds the properties that a body names.
pub(crate) fn resolve<'a>(body: &'a Value, extensions: &Extensions) -> Result<Named<'a>, Refusal> {
    let Value::Object(members) = body else {
        return Err(Refusal::protocol("The body of a write is a JSON object."));
    };
    let mut named = Vec::with_capacity(members.len());
    for (name, value) in members.iter().filter(|(name, _)| !is_annotation(name)) {
        let prop = extensions.find(Class::User, name).next();
        named.push((prop.ok_or_else(|| Refusal::unknown_property(Class::User, name))?, value));
    }
    Ok(named)
}

/// Whether a member of a body says something about it, such as `@odata.type` or `otherMails@odata.type`.
pub(crate) fn is_annotation(name: &str) -> bool {
    name.starts_with('@') || name.to_ascii_lowercase().ends_with("@odata.type")
}

/// Puts the values into the user, each checked by itself; answers the password, if one is set.
pub(crate) fn apply(user: &mut User, named: &Named<'_>, by: By) -> Result<Option<Secret>, Refusal> {
    let mut password = None;
    for (prop, value) in named {
        let known = property(*prop);
        if DERIVED.contains(prop) || (by == By::Client && known.access == Access::Read) {
            return Err(Refusal::read_only(known.name));
        }
        if by == By::Client && known.access == Access::Elsewhere {
            return Err(Refusal::denied());
        }
        match *prop {
            property::PASSWORD_PROFILE => {
                if let Some(given) = apply_profile(user, value)? {
                    password = Some(given);
                }
            }
            property::MAIL => set_mail(user, value)?,
            property::EXTENSION_ATTRIBUTES => merge_extension_attributes(user, value)?,
            property::PROXY_ADDRESSES => set_addresses(user, value)?,
            property::IDENTITIES => set_identities(user, value)?,
            _ => {
                let stored = checked(*prop, value)?;
                user.set(*prop, stored);
            }
        }
    }
    extension::check_count(&user.extensions())?;
    Ok(password)
}

/// One value, checked for type, length and characters; `None` clears.
fn checked(prop: Prop, value: &Value) -> Result<Option<Stored>, Refusal> {
    let known = property(prop);
    let invalid = || Refusal::invalid_value(known.name);
    if value.is_null() {
        // A collection is emptied by `[]`.
        let clears = known.access != Access::Required && !known.is_collection();
        return clears.then_some(None).ok_or_else(invalid);
    }
    let stored = match (known.kind, value) {
        _ if extension::is_extension(prop) => return extension::checked(prop, value),
        (Kind::Bool, Value::Bool(value)) => Stored::Bool(*value),
        (Kind::Text(max), Value::String(text)) => {
            let is_short = max == 0 || text.chars().count() <= usize::from(max);
            if !is_short || !is_well_formed(prop, text) {
                return Err(invalid());
            }
            Stored::Text(text.as_str().into())
        }
        (Kind::Word(words), Value::String(text)) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(text)).ok_or_else(invalid)?;
            Stored::Text((*word).into())
        }
        (Kind::Date, Value::String(text)) => Stored::Text(read_date(text).ok_or_else(invalid)?.into()),
        (Kind::Texts, Value::Array(items)) => {
            let (count, length) = match prop {
                property::BUSINESS_PHONES => (1, 64),
                property::OTHER_MAILS => (250, 250),
                _ => (usize::MAX, usize::MAX),
            };
            let is_fine = |item: &Value| {
                item.as_str().is_some_and(|text| {
                    !text.is_empty()
                        && text.chars().count() <= length
                        && (prop != property::OTHER_MAILS || text.is_ascii())
                })
            };
            if items.len() > count || !items.iter().all(is_fine) {
                return Err(invalid());
            }
            return Ok((!items.is_empty()).then(|| Stored::Json(Box::new(value.clone()))));
        }
        (Kind::Object, Value::Object(members)) if prop == property::ORG_DATA => {
            let mut data = json!({"costCenter": null, "division": null});
            for (name, member) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
                let name = member_of(prop, name).ok_or_else(invalid)?;
                if !(member.is_null() || member.as_str().is_some_and(|text| !text.is_empty())) {
                    return Err(invalid());
                }
                data[name] = member.clone();
            }
            Stored::Json(Box::new(data))
        }
        // Only an administrator comes here: what the service sets.
        (Kind::Object, Value::Object(_)) | (Kind::Objects, Value::Array(_)) => Stored::Json(Box::new(value.clone())),
        _ => return Err(invalid()),
    };
    Ok(Some(stored))
}

/// Where licences can be used: the countries of [ISO 3166-1](https://www.iso.org/iso-3166-country-codes.html).
const COUNTRIES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

fn is_well_formed(prop: Prop, text: &str) -> bool {
    !text.is_empty()
        && !text.contains(char::is_control)
        && match prop {
            property::UPN => is_name(text),
            property::MAIL_NICKNAME => {
                text.bytes().all(|byte| byte.is_ascii_graphic() && !b"@()\\[]\";:<>,".contains(&byte))
            }
            property::USAGE_LOCATION => COUNTRIES.split(' ').any(|country| country == text),
            property::IMMUTABLE_ID => !text.contains(['$', '_']),
            property::PASSWORD_POLICIES => text.split(',').map(str::trim).all(|policy| {
                ["None", "DisablePasswordExpiration", "DisableStrongPassword"]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(policy))
            }),
            _ => true,
        }
}

/// `local@domain` of the characters, and within the lengths, that Entra allows.
fn is_name(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let in_local = |byte: u8| byte.is_ascii_alphanumeric() || b"'.-_!#^~$".contains(&byte);
    let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (1..=64).contains(&local.len())
        && (1..=48).contains(&domain.len())
        && local.bytes().all(in_local)
        && domain.bytes().all(in_domain)
        && !local.ends_with('.')
}

fn is_mail(text: &str) -> bool {
    text.is_ascii()
        && text.len() <= 256
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// A new primary address; the old one stays as a further one.
fn set_mail(user: &mut User, value: &Value) -> Result<(), Refusal> {
    let mail = value.as_str().filter(|mail| is_mail(mail)).ok_or_else(|| Refusal::invalid_value("mail"))?;
    let is_new = |address: &str| !bare_address(address).eq_ignore_ascii_case(mail);
    let before = user.text(property::MAIL).map(|before| format!("smtp:{before}"));
    let further: Vec<String> = before
        .into_iter()
        .chain(user.further_addresses().map(str::to_owned))
        .filter(|address| is_new(address))
        .collect();
    user.set(property::PROXY_ADDRESSES, stored_list(further));
    user.set_text(property::MAIL, mail);
    Ok(())
}

/// All addresses at once, as an administrator gives them: `SMTP:` before the primary one.
fn set_addresses(user: &mut User, value: &Value) -> Result<(), Refusal> {
    let invalid = || Refusal::invalid_value("proxyAddresses");
    let all: Option<Vec<&str>> = value.as_array().ok_or_else(invalid)?.iter().map(Value::as_str).collect();
    let mut further = Vec::new();
    for address in all.ok_or_else(invalid)? {
        match address.strip_prefix("SMTP:") {
            Some(mail) if is_mail(mail) => user.set_text(property::MAIL, mail),
            None if address.starts_with("smtp:") && is_mail(bare_address(address)) => further.push(address.to_owned()),
            _ => return Err(invalid()),
        }
    }
    user.set(property::PROXY_ADDRESSES, stored_list(further));
    Ok(())
}

pub(crate) fn stored_list(items: Vec<String>) -> Option<Stored> {
    (!items.is_empty()).then(|| Stored::Json(Box::new(items.into())))
}

/// Identities beside the one of the name itself, which must be among those given and is derived.
fn set_identities(user: &mut User, value: &Value) -> Result<(), Refusal> {
    let invalid = || Refusal::invalid_value("identities");
    let items = value.as_array().ok_or_else(invalid)?;
    let is_own = |item: &&Value| item.get("signInType") == Some(&json!("userPrincipalName"));
    let is_fine = |item: &Value| {
        let members = ["signInType", "issuer", "issuerAssignedId"];
        item.as_object().is_some_and(|item| item.keys().all(|key| members.contains(&key.as_str())))
    };
    if !items.iter().all(is_fine) || !items.iter().any(|item| is_own(&item)) {
        return Err(invalid());
    }
    let others: Vec<Value> = items.iter().filter(|item| !is_own(item)).cloned().collect();
    user.set(property::IDENTITIES, (!others.is_empty()).then(|| Stored::Json(Box::new(others.into()))));
    Ok(())
}

fn merge_extension_attributes(user: &mut User, value: &Value) -> Result<(), Refusal> {
    let invalid = || Refusal::invalid_value("onPremisesExtensionAttributes");
    let mut merged = match (user.json(property::EXTENSION_ATTRIBUTES), value) {
        (Some(Value::Object(stored)), Value::Object(_)) => stored.clone(),
        (_, Value::Object(_) | Value::Null) => Map::new(),
        _ => return Err(invalid()),
    };
    for (name, member) in value.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('@')) {
        let name = member_of(property::EXTENSION_ATTRIBUTES, name).ok_or_else(invalid)?;
        match member {
            Value::Null => merged.remove(&name),
            Value::String(text) if !text.is_empty() && text.chars().count() <= 1024 => {
                merged.insert(name, member.clone())
            }
            _ => return Err(invalid()),
        };
    }
    user.set(
        property::EXTENSION_ATTRIBUTES,
        (!merged.is_empty()).then(|| Stored::Json(Box::new(Value::Object(merged)))),
    );
    Ok(())
}

/// Keeps the switches; answers the password, which is never stored with the user.
fn apply_profile(user: &mut User, value: &Value) -> Result<Option<Secret>, Refusal> {
    let invalid = || Refusal::invalid_value("passwordProfile");
    let members = value.as_object().ok_or_else(invalid)?;
    let mut kept = json!({"forceChangePasswordNextSignIn": false, "forceChangePasswordNextSignInWithMfa": false});
    let mut password = None;
    for (name, member) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
        let switch = SWITCHES.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        match (switch, member) {
            (Some(switch), Value::Bool(_)) => kept[switch] = member.clone(),
            (Some(_), Value::Null) => {}
            (None, Value::String(text)) if name.eq_ignore_ascii_case("password") => {
                password = Some(Secret::new(text.as_str()));
            }
            (None, Value::Null) if name.eq_ignore_ascii_case("password") => {}
            _ => return Err(invalid()),
        }
    }
    user.set(property::PASSWORD_PROFILE, Some(Stored::Json(Box::new(kept))));
    Ok(password)
}

pub(crate) fn check_password(password: Option<&Secret>, user: &User) -> Result<(), Refusal> {
    let Some(password) = password else { return Ok(()) };
    let password = password.expose();
    let is_typable = password.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let has = |class: fn(&u8) -> bool| usize::from(password.as_bytes().iter().any(class));
    let classes = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric());
    let policies = user.text(property::PASSWORD_POLICIES).unwrap_or_default().to_ascii_lowercase();
    let is_strong = classes >= 3 || policies.contains("disablestrongpassword");
    if (8..=256).contains(&password.len()) && is_typable && is_strong { Ok(()) } else { Err(weak_password()) }
}

pub(crate) fn weak_password() -> Refusal {
    Refusal::bad(
        "The specified password does not comply with password complexity requirements. Please provide a different \
         password.",
    )
}

pub(crate) fn missing_value(prop: Prop) -> Refusal {
    Refusal::missing_value_of(Class::User, property(prop).name)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn names_follow_the_rules_of_entra() {
        let long = format!("{}@{}", "a".repeat(64), "b".repeat(48));
        for good in ["ada@contoso.com", "o'neil_x-1!#^~@contoso.com", long.as_str()] {
            assert!(is_name(good), "{good}");
        }
        let longer = format!("{}@contoso.com", "a".repeat(65));
        for bad in ["ada", "@contoso.com", "ada@", "a@b@c", "ada.@contoso.com", "zoë@contoso.com", "a b@c.d", &longer]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn passwords_need_three_kinds_of_characters() {
        let user = User::new(Uuid::nil(), 0);
        let check = |password: &str| check_password(Some(&Secret::new(password)), &user).is_ok();
        for good in ["Abcdefg1", "abcdef 1", "ABCDEFG-1", &format!("Aa1{}", "x".repeat(253))] {
            assert!(check(good), "{good}");
        }
        for bad in ["Abcde1!", "abcdefgh", "Abcdefgh", "Abcdéfg1", "Abcdefg1\n", &format!("Aa1{}", "x".repeat(254))] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn a_new_mail_keeps_the_old_address() {
        let mut user = User::new(Uuid::nil(), 0);
        for mail in ["a@x.example", "b@x.example", "A@x.example"] {
            set_mail(&mut user, &json!(mail)).expect("valid");
        }
        assert_eq!(user.text(property::MAIL), Some("A@x.example"));
        assert_eq!(user.further_addresses().collect::<Vec<_>>(), ["smtp:b@x.example"]);
    }
}
