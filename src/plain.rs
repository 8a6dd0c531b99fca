//! Text from outside, made safe to show: in a log, on a terminal, on a page.

/// Text on one line, without what rewrites the text around it: control characters, line breaks, marks of direction, and
/// characters that nobody sees. What joins letters and emoji stays.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(plain_char).collect()
}

/// What stands for a character in a text that is safe to show.
pub(crate) fn plain_char(character: char) -> char {
    let hostile = character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    if hostile { '\u{fffd}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forges_a_line_turns_the_writing_or_hides_is_shown_as_such() {
        let hostile = "a\nb\r\u{1b}[2J\u{202e}c\u{2066}\u{200f}\u{61c}\u{2029}\u{feff}\u{0}";
        assert!(plain(hostile).chars().all(|character| "abc[2J\u{fffd}".contains(character)), "{}", plain(hostile));
        for harmless in ["Zoë O'Hara", "👩\u{200d}👧", "می\u{200c}خواهم", "名前"] {
            assert_eq!(plain(harmless), harmless);
        }
    }
}
