//! Sets of characters: `[a-z-[aeiou]]`, `\w`, `\p{Lu}`.

use icu_casemap::CaseMapper;
use icu_properties::props::GeneralCategoryGroup;

use crate::expr::unicode::category;

#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    pub(super) items: Vec<Item>,
    pub(super) negative: bool,
    pub(super) fold: bool,
    /// What is taken out again.
    pub(super) except: Option<Box<Class>>,
}

#[derive(Debug, Clone)]
pub(super) enum Item {
    Range(char, char),
    Set { set: Set, negative: bool },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Set {
    Digit,
    Space,
    Word,
    Category(GeneralCategoryGroup),
    Block(char, char),
}

impl Class {
    pub(super) fn of(set: Set, negative: bool) -> Self {
        Self { items: vec![Item::Set { set, negative }], ..Self::default() }
    }

    pub(super) fn holds(&self, character: char) -> bool {
        let mut found = self.items.iter().any(|item| item.holds(character));
        if self.fold && !found {
            let mapper = CaseMapper::new();
            let others =
                [mapper.simple_fold(character), mapper.simple_lowercase(character), mapper.simple_uppercase(character)];
            found =
                others.into_iter().any(|other| other != character && self.items.iter().any(|item| item.holds(other)));
        }
        found != self.negative && !self.except.as_ref().is_some_and(|except| except.holds(character))
    }

    /// How much work one look is.
    pub(super) fn cost(&self) -> usize {
        let items = if self.fold { 8 + self.items.len() } else { self.items.len() / 4 };
        1 + items + self.except.as_ref().map_or(0, |except| except.cost())
    }
}

impl Item {
    fn holds(&self, character: char) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&character),
            Self::Set { set, negative } => set.holds(character) != *negative,
        }
    }
}

impl Set {
    fn holds(self, character: char) -> bool {
        match self {
            Self::Digit => match character.is_ascii() {
                true => character.is_ascii_digit(),
                false => GeneralCategoryGroup::DecimalNumber.contains(category(character)),
            },
            Self::Space => character.is_whitespace(),
            Self::Word => is_word(character),
            Self::Category(group) => group.contains(category(character)),
            Self::Block(first, last) => (first..=last).contains(&character),
        }
    }

    /// A general category, such as `L` or `Lu`, or one of the common blocks, such as `IsCyrillic`. Case counts.
    pub(super) fn named(name: &str) -> Option<Self> {
        let block = |(known, first, last): &(&str, char, char)| (*known == name).then_some(Self::Block(*first, *last));
        let category =
            |(known, group): &(&str, GeneralCategoryGroup)| (*known == name).then_some(Self::Category(*group));
        CATEGORIES.iter().find_map(category).or_else(|| BLOCKS.iter().find_map(block))
    }
}

/// What `\w` holds in .NET: letters, nonspacing marks, decimal digits, connectors.
pub(super) fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    const WORD: GeneralCategoryGroup = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::NonspacingMark)
        .union(GeneralCategoryGroup::DecimalNumber)
        .union(GeneralCategoryGroup::ConnectorPunctuation);
    WORD.contains(category(character))
}

/// What `\b` takes for a part of a word: also the two joiners of no width.
pub(super) fn joins_words(character: char) -> bool {
    is_word(character) || matches!(character, '\u{200C}' | '\u{200D}')
}

#[rustfmt::skip]
const CATEGORIES: &[(&str, GeneralCategoryGroup)] = &[
    ("L", GeneralCategoryGroup::Letter), ("Lu", GeneralCategoryGroup::UppercaseLetter),
    ("Ll", GeneralCategoryGroup::LowercaseLetter), ("Lt", GeneralCategoryGroup::TitlecaseLetter),
    ("Lm", GeneralCategoryGroup::ModifierLetter), ("Lo", GeneralCategoryGroup::OtherLetter),
    ("M", GeneralCategoryGroup::Mark), ("Mn", GeneralCategoryGroup::NonspacingMark),
    ("Mc", GeneralCategoryGroup::SpacingMark), ("Me", GeneralCategoryGroup::EnclosingMark),
    ("N", GeneralCategoryGroup::Number), ("Nd", GeneralCategoryGroup::DecimalNumber),
    ("Nl", GeneralCategoryGroup::LetterNumber), ("No", GeneralCategoryGroup::OtherNumber),
    ("P", GeneralCategoryGroup::Punctuation), ("Pc", GeneralCategoryGroup::ConnectorPunctuation),
    ("Pd", GeneralCategoryGroup::DashPunctuation), ("Ps", GeneralCategoryGroup::OpenPunctuation),
    ("Pe", GeneralCategoryGroup::ClosePunctuation), ("Pi", GeneralCategoryGroup::InitialPunctuation),
    ("Pf", GeneralCategoryGroup::FinalPunctuation), ("Po", GeneralCategoryGroup::OtherPunctuation),
    ("S", GeneralCategoryGroup::Symbol), ("Sm", GeneralCategoryGroup::MathSymbol),
    ("Sc", GeneralCategoryGroup::CurrencySymbol), ("Sk", GeneralCategoryGroup::ModifierSymbol),
    ("So", GeneralCategoryGroup::OtherSymbol), ("Z", GeneralCategoryGroup::Separator),
    ("Zs", GeneralCategoryGroup::SpaceSeparator), ("Zl", GeneralCategoryGroup::LineSeparator),
    ("Zp", GeneralCategoryGroup::ParagraphSeparator), ("C", GeneralCategoryGroup::Other),
    ("Cc", GeneralCategoryGroup::Control), ("Cf", GeneralCategoryGroup::Format),
    ("Co", GeneralCategoryGroup::PrivateUse), ("Cn", GeneralCategoryGroup::Unassigned),
];

#[rustfmt::skip]
const BLOCKS: &[(&str, char, char)] = &[
    ("IsBasicLatin", '\u{0}', '\u{7F}'), ("IsLatin-1Supplement", '\u{80}', '\u{FF}'),
    ("IsLatinExtended-A", '\u{100}', '\u{17F}'), ("IsLatinExtended-B", '\u{180}', '\u{24F}'),
    ("IsLatinExtendedAdditional", '\u{1E00}', '\u{1EFF}'), ("IsCombiningDiacriticalMarks", '\u{300}', '\u{36F}'),
    ("IsGreek", '\u{370}', '\u{3FF}'), ("IsGreekandCoptic", '\u{370}', '\u{3FF}'), ("IsCyrillic", '\u{400}', '\u{4FF}'),
    ("IsHebrew", '\u{590}', '\u{5FF}'), ("IsArabic", '\u{600}', '\u{6FF}'), ("IsThai", '\u{E00}', '\u{E7F}'),
    ("IsHiragana", '\u{3040}', '\u{309F}'), ("IsKatakana", '\u{30A0}', '\u{30FF}'),
    ("IsCJKUnifiedIdeographs", '\u{4E00}', '\u{9FFF}'), ("IsHangulSyllables", '\u{AC00}', '\u{D7AF}'),
];
