//! The forms in which names are compared, whole and word by word. No IO.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// Words of one name that are listed at most; a name may be found by these and no others.
pub const WORDS_MAX: usize = 16;
/// Characters of a word that are compared.
const CHARACTERS_MAX: usize = 32;

/// The words of a text in their one form, each once, in their order: what stands between characters that are neither letters
/// nor digits, in lower case, without accents, compatible forms as the usual one.
pub fn words_of(text: &str) -> Vec<String> {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let plain: String = decomposed.chars().filter(|c| classes.get_u8(*c) == 0).collect();
    let folded = fold_name(&plain);
    let mut words: Vec<String> = Vec::new();
    for word in folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(CHARACTERS_MAX).collect();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The words under which a name is listed.
pub fn words_of_name(name: &str) -> Vec<String> {
    let mut words = words_of(name);
    words.truncate(WORDS_MAX);
    words
}

/// Whether a name has all words that are asked for, of which there must be one.
pub fn has_words(name: &[String], asked: &[String]) -> bool {
    !asked.is_empty() && asked.iter().all(|word| name.contains(word))
}

/// The form in which names are compared: lower case by Unicode, each character by itself, so that the beginning of a name
/// is folded as the name is. What depends on neighbours is one: every small sigma is σ, and İ is i without a dot on its own.
pub fn fold_name(name: &str) -> String {
    let folded = name.chars().flat_map(|c| match c {
        'İ' => 'i'.to_lowercase(),
        c => c.to_lowercase(),
    });
    folded.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_one_form_whatever_their_case_accents_and_what_stands_between_them() {
        for (text, words) in [
            ("Green tea, first flush (100 g)", &["green", "tea", "first", "flush", "100", "g"][..]),
            ("  Crème-BRÛLÉE\u{a0}crème ", &["creme", "brulee"]),
            ("ΟΔΥΣΣΕΎΣ Οδυσσεύς", &["οδυσσευσ"]),
            ("İSTANBUL ﬁne ½ ①", &["istanbul", "fine", "1", "2"]),
            ("हिन्दी 緑茶", &["हिनदी", "緑茶"]),
            ("-- !? 🦀", &[]),
        ] {
            assert_eq!(words_of(text), words, "{text}");
            assert_eq!(words_of(&words.join(" ")), words, "{text}: the one form is its own");
            assert_eq!(words_of(&text.to_uppercase()), words_of(&text.to_lowercase()), "{text}");
        }
    }

    #[test]
    fn words_of_a_name_are_bounded_and_so_is_each() {
        let many: Vec<String> = (0..40).map(|at| format!("w{at}")).collect();
        assert_eq!(words_of_name(&many.join(" ")), many[..WORDS_MAX]);
        assert_eq!(words_of(&"é".repeat(150)), ["e".repeat(CHARACTERS_MAX)]);
        // Each of these becomes eighteen characters.
        assert!(words_of_name(&"\u{fdfa}".repeat(150)).iter().all(|word| word.chars().count() <= CHARACTERS_MAX));
    }

    #[test]
    fn every_beginning_of_a_name_is_folded_as_the_name_is() {
        for name in ["ΣΟΦΟΣΑ ΒΙΒΛΙΟ", "ΑΣΠΡΟ ΧΑΡΤΙ", "Οδυσσεύς", "İSTANBUL HALI", "Straße", "ǅungla"]
        {
            let folded = fold_name(name);
            for (at, _) in name.char_indices() {
                assert!(folded.starts_with(&fold_name(&name[..at])), "{} of {name}", &name[..at]);
            }
            assert!(folded.starts_with(&fold_name(&name.to_uppercase().chars().take(2).collect::<String>())), "{name}");
        }
        assert_eq!(fold_name("ΣΟΦΟΣ"), fold_name("σοφος"));
        assert_eq!(fold_name("İS"), fold_name("is"));
    }
}
