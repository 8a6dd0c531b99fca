//! Latin letters without their marks.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

use crate::expr::eval::{Call, Item, Stop};

/// `NormalizeDiacritics(source)`: Latin letters lose their marks, `æ ø œ ß ł ı` become plain letters. Other scripts keep
/// theirs.
///
/// See [NormalizeDiacritics](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#normalizediacritics).
pub(super) fn normalize_diacritics<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, |source| {
        Ok(match source {
            text if text.is_ascii() => text,
            text => Cow::Owned(without_marks(&text)),
        })
    })
}

pub(crate) fn without_marks(text: &str) -> String {
    let decomposed = DecomposingNormalizer::new_nfd().normalize(text);
    let mut plain = String::with_capacity(decomposed.len());
    let mut after_latin = false;
    for character in decomposed.chars() {
        if is_mark(character) {
            if !after_latin {
                plain.push(character);
            }
            continue;
        }
        after_latin = is_latin(character);
        match character {
            'æ' => plain.push_str("ae"),
            'Æ' => plain.push_str("AE"),
            'ø' => plain.push_str("oe"),
            'Ø' => plain.push_str("OE"),
            'œ' => plain.push_str("oe"),
            'Œ' => plain.push_str("OE"),
            'ß' => plain.push_str("ss"),
            'ł' => plain.push('l'),
            'Ł' => plain.push('L'),
            'ı' => plain.push('i'),
            other => plain.push(other),
        }
    }
    match ComposingNormalizer::new_nfc().normalize(&plain) {
        Cow::Borrowed(_) => plain,
        Cow::Owned(composed) => composed,
    }
}

/// Letters of the Latin script that a mark can follow after decomposition.
fn is_latin(character: char) -> bool {
    character.is_ascii_alphabetic()
        || (matches!(character,
            '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{2AF}' | '\u{1D00}'..='\u{1D25}' | '\u{1D2C}'..='\u{1D5C}'
            | '\u{1D62}'..='\u{1D65}' | '\u{1D6B}'..='\u{1D77}' | '\u{1D79}'..='\u{1DBE}' | '\u{1E00}'..='\u{1EFF}'
            | '\u{2C60}'..='\u{2C7F}' | '\u{A722}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB64}' | '\u{FF21}'..='\u{FF3A}'
            | '\u{FF41}'..='\u{FF5A}')
            && !matches!(character, '×' | '÷'))
}

/// Nonspacing marks that are used with Latin letters.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1ABD}' | '\u{1ABF}'..='\u{1ADF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20DC}' | '\u{20E1}' | '\u{20E5}'..='\u{20F0}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_latin_letters_lose_their_marks() {
        for (text, expected) in [
            ("Ängström Ærøskøbing", "Angstrom AEroeskoebing"),
            ("e\u{301}\u{302}", "e"),
            ("Ǻ ǿ ẞ đ ð þ", "A oe ẞ đ ð þ"),
            ("Йод й", "Йод й"),
            ("が ガ", "が ガ"),
            ("한글", "한글"),
            ("1\u{301}", "1\u{301}"),
            ("ﬁ", "ﬁ"),
        ] {
            assert_eq!(without_marks(text), expected, "{text}");
        }
    }
}
