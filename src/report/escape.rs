//! Makes text from outside safe to show.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything made visible that could move the cursor, switch colours or reverse what is read:
/// control characters, line ends, bidirectional marks and other invisible characters, as `\n` or `\u{202e}`.
///
/// Backslashes stay as they are, since class names are full of them; so text that was escaped before does not
/// change again.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(hidden));
            }
            shown => safe.push(shown),
        }
    }
    Cow::Owned(safe)
}

/// JSON with every such character within its texts written as `\u202e`: the same values, and safe to show.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    // Control characters below U+0020 are escaped in any JSON; line ends between values are not within texts.
    let shows = |character: char| character != '\n' && is_hidden(character);
    if !json.contains(shows) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if shows(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Whether a character has no shape of its own or changes the place of others.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        for text in ["", "Foo\\Bar", "Überraschung 維基 ویکی", "`a` 'b' \"c\""] {
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(escaped("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(escaped("\u{1b}[31mred\u{7}\u{0}\u{7f}"), "\\u{1b}[31mred\\u{7}\\u{0}\\u{7f}");
        assert_eq!(escaped("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn what_reverses_or_hides_is_shown() {
        assert_eq!(escaped("gpj\u{202e}php"), "gpj\\u{202e}php");
        assert_eq!(escaped("a\u{2066}b\u{2069}\u{200f}\u{61c}"), "a\\u{2066}b\\u{2069}\\u{200f}\\u{61c}");
        assert_eq!(escaped("Ci\u{200b}te\u{feff}\u{e0041}"), "Ci\\u{200b}te\\u{feff}\\u{e0041}");
        assert_eq!(escaped("\u{2028}\u{2029}"), "\\u{2028}\\u{2029}");
    }

    #[test]
    fn json_is_safe_and_says_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}2J", "\u{e0041}", "é\n\u{7f}"]});
        let json = serde_json::to_string_pretty(&value).unwrap();
        let safe = escaped_json(&json);
        assert!(!safe.contains(|character| character != '\n' && is_hidden(character)), "{safe}");
        assert!(safe.contains("\\u202e") && safe.contains("\\udb40\\udc41"), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        assert!(matches!(escaped_json("{\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_hidden_character_remains_and_twice_is_once() {
        for code in 0..=0x10_ffff_u32 {
            let Some(character) = char::from_u32(code) else { continue };
            let once = escaped(character.encode_utf8(&mut [0; 4])).into_owned();
            assert!(!once.chars().any(is_hidden), "{code:x}");
            assert_eq!(escaped(&once), once, "{code:x}");
        }
    }
}
