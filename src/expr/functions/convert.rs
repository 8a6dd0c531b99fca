//! One type into another, and text into bytes and back.

use std::fmt::Write as _;

use crate::expr::coerce::{base64, base64_bytes};
use crate::expr::eval::{Call, Item, Stop, quote};
use crate::expr::types::ENCODINGS;
use crate::model::Value;

/// `CBool(expression)`: null and empty text are False.
///
/// See [CBool](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cbool).
pub(super) fn c_bool<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map(0, |item| call.truth_of(0, &item.into_value_cow()).map(Item::from))
}

/// `CStr(value)`: its text form.
///
/// See [CStr](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cstr).
pub(super) fn c_str<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, Ok)
}

/// `ConvertToBase64(source)`: of its UTF-16 bytes, the lower ones first.
///
/// See [ConvertToBase64](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#converttobase64).
pub(super) fn to_base64<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, |source| {
        let bytes: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Ok(base64(&bytes).into())
    })
}

/// `ConvertToUTF8Hex(source)`.
///
/// See [ConvertToUTF8Hex](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#converttoutf8hex).
pub(super) fn to_utf8_hex<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, |source| {
        let mut hex = String::with_capacity(source.len() * 2);
        for byte in source.bytes() {
            // Writing to a String does not fail.
            let _ = write!(hex, "{byte:02X}");
        }
        Ok(hex.into())
    })
}

/// `ConvertFromBase64(source, encoding?)`: UTF-16 unless it says otherwise.
///
/// See [ConvertFromBase64](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#convertfrombase64).
pub(super) fn from_base64<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let encoding = call.text(1)?.unwrap_or("Unicode".into());
    if !ENCODINGS.contains(&&*encoding) {
        return Err(call.fault_at(1, format!("{} is none of Unicode, ASCII, UTF8", quote(&encoding))));
    }
    call.map_text(0, |source| {
        let Some(bytes) = base64_bytes(&source) else {
            return Err(call.fault_at(0, format!("{} is no base64", quote(&source))));
        };
        let text = match &*encoding {
            "UTF8" => String::from_utf8(bytes).ok(),
            "ASCII" => String::from_utf8(bytes).ok().filter(|text| text.is_ascii()),
            _ => utf16(&bytes),
        };
        text.map(Into::into).ok_or_else(|| call.fault_at(0, format!("the bytes are no text in {encoding}")))
    })
}

fn utf16(bytes: &[u8]) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// `StringFromSid(bin)`: the `S-1-…` of the bytes of a security identifier.
///
/// See [StringFromSid](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#stringfromsid).
pub(super) fn string_from_sid<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map(0, |item| {
        let value = item.into_value_cow();
        let text = match &*value {
            Value::Null => return Ok(Item::NULL),
            Value::Binary(bytes) => sid(bytes),
            Value::Text(text) => base64_bytes(text).and_then(|bytes| sid(&bytes)),
            _ => None,
        };
        match text {
            Some(text) => Ok(Item::from(text)),
            None => Err(call.fault_at(0, "these are not the bytes of a security identifier")),
        }
    })
}

fn sid(bytes: &[u8]) -> Option<String> {
    let [revision, count, rest @ ..] = bytes else {
        return None;
    };
    let (authority, parts) = rest.split_at_checked(6)?;
    if *revision != 1 || *count > 15 || parts.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut text = match authority <= u64::from(u32::MAX) {
        true => format!("S-1-{authority}"),
        false => format!("S-1-0x{authority:012X}"),
    };
    for part in parts.chunks_exact(4) {
        let _ = write!(text, "-{}", u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
    }
    Some(text)
}

/// `CRef(x)` of Microsoft's examples: the text as it is.
pub(super) fn c_ref<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.value(0)
}

/// `DNComponent(dn, number)`: the value of a part of a distinguished name, counted from the left.
///
/// See [DNComponent](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#dncomponent).
pub(super) fn dn_component<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let number = call.required_integer(1)?;
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    call.map_text(0, |name| {
        let part = index.and_then(|index| parts_of(&name).nth(index));
        Ok(part.map(component_value).unwrap_or_default().into())
    })
}

/// The parts between commas that are neither escaped nor quoted.
fn parts_of(name: &str) -> impl Iterator<Item = &str> {
    let (mut escaped, mut quoted) = (false, false);
    name.split(move |character| {
        if escaped {
            escaped = false;
            return false;
        }
        match character {
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        matches!(character, ',' | ';') && !quoted
    })
}

/// What follows the equals sign, without escapes.
fn component_value(part: &str) -> String {
    let value = part.split_once('=').map_or(part, |(_, value)| value).trim_start();
    let value = match value.strip_prefix('"').and_then(|inner| inner.trim_end().strip_suffix('"')) {
        Some(inner) => inner,
        // A blank at the end belongs to the value only if it is escaped.
        None => match value.trim_end_matches(' ') {
            trimmed if trimmed.ends_with('\\') && trimmed.len() < value.len() => &value[..=trimmed.len()],
            trimmed => trimmed,
        },
    };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |at: usize| char::from(*tail.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, hex(0).zip(hex(1))) {
            (b'\\', Some((high, low))) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            (b'\\', None) if !tail.is_empty() => {
                bytes.push(tail[0]);
                rest = &tail[1..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
