//! The countries of ISO 3166-1.

/// All alpha-2 codes, two letters each, sorted.
const CODES: &str = "\
ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZ\
DEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISIT\
JEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZ\
NANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZ\
TCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// Whether a code is one of a country, in capital letters.
pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && codes().any(|own| own == code)
}

/// The code that someone may have meant.
pub(super) fn meant(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    let known = match text.as_str() {
        "UK" | "GBR" => "GB",
        "EL" | "GRC" => "GR",
        "USA" => "US",
        "DEU" | "GER" => "DE",
        "AUT" => "AT",
        "CHE" => "CH",
        "FRA" => "FR",
        other => other,
    };
    is_country(known).then(|| known.to_owned())
}

fn codes() -> impl Iterator<Item = &'static str> {
    (0..CODES.len()).step_by(2).map(|at| &CODES[at..at + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_iso_3166_1() {
        let all: Vec<_> = codes().collect();
        assert_eq!(all.len(), 249);
        assert!(all.is_sorted_by(|left, right| left < right), "sorted, and none twice");
        assert!(all.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_uppercase())));
        for code in ["DE", "GB", "XK", "UK", "de", "", "D", "DEA", "ÄÖ", "\u{e4}"] {
            assert_eq!(is_country(code), matches!(code, "DE" | "GB"), "{code}");
        }
        for (text, code) in [("UK", Some("GB")), ("de", Some("DE")), (" us ", Some("US")), ("Germany", None)] {
            assert_eq!(meant(text).as_deref(), code, "{text}");
        }
    }
}
