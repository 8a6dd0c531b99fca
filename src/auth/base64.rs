//! Base64 as tokens, thumbprints and challenges use it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG.with_encode_padding(true));

/// In the alphabet for addresses, without padding.
pub(super) fn url(bytes: &[u8]) -> String {
    URL.encode(bytes)
}

/// In the standard alphabet, with padding.
pub(super) fn standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64url, with or without padding.
pub(super) fn from_url(text: &str) -> Option<Vec<u8>> {
    URL.decode(text.trim_end_matches('=')).ok()
}

/// Reads either alphabet, with or without padding.
pub(super) fn from_any(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['+', '/']) { &STANDARD } else { &URL };
    engine.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read() {
        let table: &[(&str, Option<&[u8]>)] = &[
            ("", Some(b"")),
            ("Zm8=", Some(b"fo")),
            ("Zm8", Some(b"fo")),
            ("-_8", Some(&[0xfb, 0xff])),
            ("+/8=", Some(&[0xfb, 0xff])),
            ("+_8=", None),
            ("A", None),
            ("=", Some(b"")),
            ("Zm8 ", None),
            ("é", None),
        ];
        for (text, expected) in table {
            assert_eq!(from_any(text).as_deref(), *expected, "{text:?}");
        }
        assert_eq!(url(&[0xfb, 0xff]), "-_8");
        assert_eq!(standard(&[0xfb, 0xff]), "+/8=");
        assert_eq!(from_url("+/8="), None);
    }
}
