//! Values that nobody can guess, drawn from the seed of the context.

use std::fmt::Write as _;

use crate::expr::eval::{Call, Item, Stop};

/// Longest random text, as Entra has it.
const MAX_LENGTH: usize = 256;

const DIGITS: &str = "0123456789";
/// What Windows takes for special characters when it judges a password.
const SPECIALS: &str = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";

/// `Guid()`: of version 4.
///
/// See [Guid](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#guid).
pub(super) fn guid<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let mut bytes: [u8; 16] = call.random(|random| random.bytes())?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Item::from(text))
}

/// `RandomString(Length, MinimumNumbers, MinimumSpecialCharacters, MinimumCapital, MinimumLowerCase,
/// CharactersToAvoid?)`.
///
/// See [RandomString](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#randomstring).
pub(super) fn random_string<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let length = number(call, 0)?;
    let avoid = call.text(5)?.unwrap_or_default();
    // Each character that may come is looked for.
    call.burn(avoid.len() * 10)?;
    let allowed = |class: &str| class.chars().filter(|character| !avoid.contains(*character)).collect::<Vec<_>>();
    let mut classes = Vec::new();
    let mut least = 0;
    for (index, class) in [(1, DIGITS), (2, SPECIALS), (3, CAPITALS), (4, SMALL)] {
        let count = number(call, index)?;
        let class = allowed(class);
        if class.is_empty() && count > 0 {
            return Err(call.fault_at(index, "all characters of this kind are to be avoided"));
        }
        least += count;
        classes.push((class, count));
    }
    if length < least {
        return Err(call.fault_at(0, format!("the length {length} is below the sum of the minimums, {least}")));
    }
    let all: Vec<char> = classes.iter().flat_map(|(class, _)| class.iter().copied()).collect();
    if all.is_empty() && length > 0 {
        return Err(call.fault_at(5, "all characters are to be avoided"));
    }
    classes.push((all, length - least));
    call.random(|random| {
        let mut text = Vec::with_capacity(length);
        for (class, count) in &classes {
            text.extend((0..*count).filter_map(|_| random.pick(class)));
        }
        random.shuffle(&mut text);
        Item::from(text.into_iter().collect::<String>())
    })
}

fn number(call: &Call<'_, '_>, index: usize) -> Result<usize, Stop> {
    let number = call.required_integer(index)?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= MAX_LENGTH)
        .ok_or_else(|| call.fault_at(index, format!("{number} is not between 0 and {MAX_LENGTH}")))
}
