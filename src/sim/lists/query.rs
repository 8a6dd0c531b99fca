//! The address of a request: segments, options, page tokens.

use super::expand::{self, Expand};
use super::filter::{Filter, Mode, Terms};
use super::order::Order;
use super::search::Search;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::object::{Context, Object};
use crate::sim::seed::{base64url, seal};
use crate::sim::users::property::{Access, Class, Prop, property};
use crate::sim::wire::answer::Refusal;

/// An address taken apart: decoded, so that `%40` and `@` are the same from here on.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) segments: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
}

/// What a list or a read was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) select: Option<Vec<Prop>>,
    pub(crate) expand: Option<Expand>,
    pub(crate) mode: Mode,
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<Search>,
    pub(crate) order: Option<Order>,
    pub(crate) top: Option<usize>,
    pub(crate) count: bool,
    pub(crate) skip_token: Option<String>,
    /// Whether the addresses of objects are asked for, and not the objects.
    pub(crate) refs: bool,
}

impl Options {
    /// Nothing was asked for.
    pub(crate) fn none() -> Self {
        Self {
            select: None,
            expand: None,
            mode: Mode::Plain,
            filter: None,
            search: None,
            order: None,
            top: None,
            count: false,
            skip_token: None,
            refs: false,
        }
    }

    /// Whether an object is among those asked for.
    pub(crate) fn matches(&self, object: Object<'_>, context: Context<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(object, context))
            && self.search.as_ref().is_none_or(|search| search.matches(object, context))
    }

    /// What was asked for, as `@odata.context` shows it: `(id,manager(id))`.
    pub(crate) fn shown(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for prop in self.select.iter().flatten() {
            let name = property(*prop).name;
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names.extend(self.expand.as_ref().map(Expand::shown));
        if names.is_empty() { String::new() } else { format!("({})", names.join(",")) }
    }
}

/// What may be asked for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    List,
    Count,
}

impl Target {
    /// Takes `/users?$top=5` apart.
    pub(crate) fn parse(raw: &str) -> Result<Self, Refusal> {
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let segment = decode(segment, Plus::Literal)?;
            match key_in_brackets(&segment) {
                Some((name, key)) => segments.extend([name.to_owned(), key]),
                None => segments.push(segment),
            }
        }
        let options = query
            .split('&')
            .filter(|option| !option.is_empty())
            .map(|option| {
                let (name, value) = option.split_once('=').unwrap_or((option, ""));
                Ok((decode(name, Plus::Blank)?, decode(value, Plus::Blank)?))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { segments, options })
    }

    /// As text without escapes, for matching faults.
    pub(crate) fn plain(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            text.push_str(segment);
        }
        for (index, (name, value)) in self.options.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }

    /// The path behind the version, encoded.
    pub(crate) fn address(&self) -> String {
        self.segments.iter().skip(1).map(|segment| encode_segment(segment)).collect::<Vec<_>>().join("/")
    }

    /// The options again, encoded, with another page token: for `@odata.nextLink`.
    pub(crate) fn query_with_token(&self, token: &str) -> String {
        let kept = self.options.iter().filter(|(name, _)| option_name(name) != "skiptoken");
        let kept = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        kept.chain([format!("$skiptoken={}", encode(token))]).collect::<Vec<_>>().join("&")
    }

    /// What a page token belongs to: everything that was asked for.
    pub(crate) fn fingerprint(&self) -> u64 {
        let folded: Vec<_> = self.segments.iter().map(|segment| segment.to_lowercase()).collect();
        let kept = self.options.iter().filter(|(name, _)| option_name(name) != "skiptoken");
        let parts = kept.flat_map(|(name, value)| [name, value]);
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in folded.iter().chain(parts).flat_map(|part| part.bytes().chain([0])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash
    }

    pub(crate) fn options(
        &self,
        class: Class,
        shape: Shape,
        eventual: Consistency,
        max_values: usize,
        extensions: &Extensions,
    ) -> Result<Options, Refusal> {
        let mut options = Options::none();
        let (mut filter, mut search, mut order) = (None, None, None);
        for (name, value) in &self.options {
            match (option_name(name).as_str(), shape) {
                ("select", Shape::Single | Shape::List) => options.select = select(value, class, shape, extensions)?,
                ("expand", Shape::Single | Shape::List) => {
                    options.expand = Some(expand::parse(value, class, extensions)?)
                }
                ("filter", Shape::List | Shape::Count) => filter = Some(value),
                ("search", Shape::List | Shape::Count) if class != Class::Assignment => search = Some(value),
                ("orderby", Shape::List) if class != Class::Assignment => order = Some(value),
                ("top", Shape::List) => options.top = Some(top(value)?),
                ("count", Shape::List) => options.count = count(value)?,
                ("skiptoken", Shape::List) => options.skip_token = Some(value.clone()),
                (known, _) if name.starts_with('$') || PLAIN_NAMES.contains(&known) => {
                    return Err(Refusal::unsupported(format!("The query option '${known}' is not supported.")));
                }
                _ => {}
            }
        }
        // Without the header, a count is not asked for: Graph says nothing and leaves it out.
        options.count &= eventual == Consistency::Eventual;
        let mode = match (eventual, shape, options.count) {
            (Consistency::Eventual, Shape::Count, _) | (Consistency::Eventual, _, true) => Mode::Advanced,
            _ => Mode::Plain,
        };
        options.mode = mode;
        if let Some(expand) = &options.expand {
            expand.check(mode, search.is_some())?;
        }
        if search.is_some() && eventual == Consistency::Session {
            return Err(Refusal::unsupported(
                "Request with $search query parameter only works through MSGraph with a special request header: \
                 'ConsistencyLevel: eventual'",
            ));
        }
        options.search = search.map(|text| Search::parse(text, class)).transpose()?;
        options.filter =
            filter.map(|text| Filter::parse(text, Terms { class, mode, max_values, extensions })).transpose()?;
        options.order = order.map(|text| Order::parse(text, class, mode)).transpose()?;
        if options.order.is_some() && options.filter.is_some() && mode == Mode::Plain {
            return Err(Refusal::unsupported("Sorting not supported for current query."));
        }
        Ok(options)
    }
}

/// The header `ConsistencyLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    Session,
    Eventual,
}

/// What `$name` and `name` mean alike.
const PLAIN_NAMES: &[&str] =
    &["filter", "select", "top", "count", "expand", "orderby", "search", "skip", "skiptoken", "deltatoken"];

/// Encodes an option so that it survives an address.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b',' | b'(' | b')' | b':' | b'@' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn encode_segment(text: &str) -> String {
    encode(text).replace('/', "%2F")
}

/// What `+` means: a blank in a query and in a form, itself in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Blank,
    Literal,
}

/// Takes percent escapes out.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = rest.next().zip(rest.next()).and_then(|(high, low)| Some(hex(high)? << 4 | hex(low)?));
                bytes.push(digits.ok_or_else(|| Refusal::protocol("The address has a malformed escape sequence."))?);
            }
            b'+' if plus == Plus::Blank => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Refusal::protocol("The address is not valid UTF-8."))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `users('ada@contoso.com')` is `users` and `ada@contoso.com`; `groups(uniqueName='x')` is `groups` and
/// `uniqueName='x'`.
fn key_in_brackets(segment: &str) -> Option<(&str, String)> {
    let (name, rest) = segment.split_once('(')?;
    let key = rest.strip_suffix("')")?;
    match key.split_once('\'')? {
        ("", key) => Some((name, key.replace("''", "'"))),
        (named, _) if named.ends_with('=') => Some((name, format!("{key}'"))),
        _ => None,
    }
}

/// The value of a key such as `uniqueName='x'`.
pub(crate) fn named_key(key: &str, name: &str) -> Option<String> {
    let (named, value) = key.split_once("='")?;
    let value = value.strip_suffix('\'')?;
    named.trim().eq_ignore_ascii_case(name).then(|| value.replace("''", "'"))
}

pub(crate) fn option_name(name: &str) -> String {
    name.strip_prefix('$').unwrap_or(name).to_ascii_lowercase()
}

pub(crate) fn select(
    value: &str,
    class: Class,
    shape: Shape,
    extensions: &Extensions,
) -> Result<Option<Vec<Prop>>, Refusal> {
    let mut props = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let found: Vec<_> = extensions.find(class, name).collect();
        if found.is_empty() {
            return Err(unknown_selected(name, class.name()));
        }
        for prop in found {
            if shape == Shape::List && property(prop).access == Access::Elsewhere {
                return Err(Refusal::new(501, "NotImplemented", "This operation target is not yet supported."));
            }
            if !props.contains(&prop) {
                props.push(prop);
            }
        }
    }
    Ok((!props.is_empty()).then_some(props))
}

/// What `delta` is asked to tell: names in Microsoft's spelling, links among them.
pub(crate) fn delta_select(value: &str, class: Class, extensions: &Extensions) -> Result<Vec<String>, Refusal> {
    let links: &[&str] = match class {
        Class::Group => &["members", "owners"],
        _ => &["manager"],
    };
    let mut names: Vec<String> = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let known = match links.iter().find(|link| link.eq_ignore_ascii_case(name)) {
            Some(link) => *link,
            None => {
                let prop = select(name, class, Shape::List, extensions)?.and_then(|props| props.first().copied());
                prop.map(|prop| property(prop).name).ok_or_else(|| unknown_selected(name, class.name()))?
            }
        };
        if !names.iter().any(|name| name == known) {
            names.push(known.to_owned());
        }
    }
    Ok(names)
}

pub(crate) fn unknown_selected(name: &str, kind: &str) -> Refusal {
    Refusal::protocol(format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
         'microsoft.graph.{kind}'."
    ))
}

fn top(value: &str) -> Result<usize, Refusal> {
    match value.trim().parse() {
        Ok(top @ 1..=999) => Ok(top),
        _ => {
            let shown: String = value.chars().take(40).collect();
            Err(Refusal::unsupported(format!(
                "Invalid page size specified: '{shown}'. Must be between 1 and 999 inclusive."
            )))
        }
    }
}

fn count(value: &str) -> Result<bool, Refusal> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            Err(Refusal::protocol("Invalid value for $count query option found. Valid values are 'true' and 'false'."))
        }
    }
}

/// What a page token belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageKey {
    pub(crate) fingerprint: u64,
    pub(crate) generation: u32,
    /// With which the tenant seals its tokens.
    pub(crate) key: u64,
}

impl PageKey {
    /// A page token: where to go on, for which query, of which generation.
    pub(crate) fn token(self, from: u32) -> String {
        let mut bytes = Vec::from(*b"DSpt");
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(from.to_be_bytes());
        bytes.extend(self.fingerprint.to_be_bytes());
        let sealed = seal(self.key, &bytes);
        bytes.truncate(12);
        bytes.extend(sealed.to_be_bytes());
        base64url(&bytes)
    }

    /// Where a page token goes on, if it is one of ours for this query.
    pub(crate) fn read(self, token: &str, end: u32) -> Result<u32, Refusal> {
        let expired = || {
            Refusal::new(
                400,
                "Directory_ExpiredPageToken",
                "The specified page token value has expired and can no longer be included in your request.",
            )
        };
        let from = base64url_decode(token)
            .filter(|bytes| bytes.len() == 20)
            .and_then(|bytes| <[u8; 4]>::try_from(&bytes[8..12]).ok())
            .map(u32::from_be_bytes)
            .ok_or_else(expired)?;
        // What is not exactly what we would have issued was not issued by us, or long ago.
        if token == self.token(from) && from <= end { Ok(from) } else { Err(expired()) }
    }
}

pub(crate) fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut group, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        group = (group << 6 | u32::from(value)) & 0xFFF_FFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_and_plain_addresses_are_the_same() {
        let plain = Target::parse("/v1.0/users/ada@contoso.com?$filter=surname eq 'a b'&$top=5").expect("valid");
        let encoded = Target::parse("/v1.0//users/ada%40contoso.com?%24filter=surname+eq%20%27a+b%27&%24top=5");
        let encoded = encoded.expect("valid");
        assert_eq!(plain.segments, encoded.segments);
        assert_eq!(plain.options, encoded.options);
        assert_eq!(plain.fingerprint(), encoded.fingerprint());
    }

    #[test]
    fn keys_stand_in_brackets_too() {
        let target = Target::parse("/users('$o''neil@contoso.com')/x").expect("valid");
        assert_eq!(target.segments, ["users", "$o'neil@contoso.com", "x"]);
        let target = Target::parse("/groups(uniqueName='o''neil')/members").expect("valid");
        assert_eq!(target.segments, ["groups", "uniqueName='o''neil'", "members"]);
        assert_eq!(named_key(&target.segments[1], "UNIQUENAME").as_deref(), Some("o'neil"));
        assert_eq!(named_key("uniqueName='x", "uniqueName"), None);
        assert_eq!(Target::parse("/users/a+b").expect("valid").segments, ["users", "a+b"]);
    }

    #[test]
    fn bad_escapes_are_refused() {
        for raw in ["/%", "/%4", "/%zz", "/%ff", "/users?$filter=%e2%28", "/%-1"] {
            assert_eq!(Target::parse(raw).expect_err(raw).status, 400, "{raw}");
        }
    }

    #[test]
    fn a_page_token_fits_its_query_only() {
        let key = |fingerprint, generation, key| PageKey { fingerprint, generation, key };
        let token = key(42, 0, 7).token(7);
        assert_eq!(key(42, 0, 7).read(&token, 100).expect("ours"), 7);
        for (token, key, end) in [
            (token.as_str(), key(43, 0, 7), 100),
            (token.as_str(), key(42, 1, 7), 100),
            (token.as_str(), key(42, 0, 8), 100),
            (token.as_str(), key(42, 0, 7), 6),
            ("", key(42, 0, 7), 100),
            ("RFNwdAIAAQAAABcold", key(42, 0, 7), 100),
            ("é", key(42, 0, 7), 100),
        ] {
            assert_eq!(key.read(token, end).expect_err(token).code, "Directory_ExpiredPageToken");
        }
        let bytes = base64url_decode(&token).expect("ours");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(key(42, 0, 7).read(&base64url(&bytes), u32::MAX).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn options_are_kept_in_the_next_link() {
        let target = Target::parse("/users?$select=id,mail&$filter=surname eq 'a%26b'&$skiptoken=old").expect("valid");
        let query = target.query_with_token("new");
        assert_eq!(query, "$select=id,mail&$filter=surname%20eq%20%27a%26b%27&$skiptoken=new");
    }
}
