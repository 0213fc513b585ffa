//! Texts with `$variables`.

use std::fmt::Write;

/// The variables that the farm itself sets, besides those that `server` captures.
pub(super) const OWN: [&str; 9] =
    ["FARM", "SERVER", "SUFFIX", "WIKIID", "VERSION", "CODE", "DEPLOYMENTS", "VERSIONS", "DATA"];

/// A text with `$variables`. They are replaced in one pass, so that no value is searched for variables again, and the
/// longest name wins: `$wiki2` is never `$wiki` with a 2 behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Text(String),
    /// The value of a variable.
    Name(String),
}

impl Template {
    /// Takes a text. `captured` are the names that `server` captures.
    ///
    /// # Errors
    /// The first `$name` that nothing sets. A `$` that no name follows is text.
    pub(super) fn parse(text: &str, captured: &[String]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            let behind = &rest[dollar + 1..];
            let known = captured.iter().map(String::as_str).chain(OWN);
            if let Some(name) = known.filter(|name| behind.starts_with(name)).max_by_key(|name| name.len()) {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Name(name.to_owned()));
                rest = &behind[name.len()..];
                continue;
            }
            let end = behind.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(behind.len());
            if behind.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) {
                return Err(behind[..end].to_owned());
            }
            literal.push('$');
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// The parts, in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The names of the variables in it; one that stands there twice comes twice.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text, with every variable's value in its place.
    ///
    /// # Errors
    /// The first variable that has no value here.
    pub(super) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, &str> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) => filled.push_str(value(name).ok_or(name.as_str())?),
            }
        }
        Ok(filled)
    }

    /// The template with another one, or a text, in the place of a variable.
    pub(super) fn with(&self, name: &str, inner: &[Piece]) -> Self {
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Name(own) if own == name => pieces.extend_from_slice(inner),
                other => pieces.push(other.clone()),
            }
        }
        Self { pieces }
    }

    /// All values of the variables that make this text, at most `limit`. Those with a value already are given by
    /// `known`; `fits` says whether a value may stand for a variable.
    ///
    /// A text of n bytes and v unknown variables is cut in at most n to the power of v ways, so that v is limited.
    pub(super) fn invert<'v>(
        &self,
        text: &str,
        known: impl Fn(&str) -> Option<&'v str>,
        fits: impl Fn(&str, &str) -> bool,
        limit: usize,
    ) -> Vec<Vec<(String, String)>> {
        let mut found: Vec<Vec<(String, String)>> = Vec::new();
        let mut open = vec![(0, text, Vec::new())];
        while let Some((index, rest, values)) = open.pop() {
            let Some(piece) = self.pieces.get(index) else {
                if rest.is_empty() && !found.contains(&values) {
                    found.push(values);
                    if found.len() == limit {
                        break;
                    }
                }
                continue;
            };
            let fixed = match piece {
                Piece::Text(text) => Some(text.as_str()),
                Piece::Name(name) => known(name).or_else(|| {
                    values.iter().find_map(|(own, value)| (own == name).then_some(value)).map(|value: &String| &**value)
                }),
            };
            if let Some(fixed) = fixed {
                if let Some(rest) = rest.strip_prefix(fixed) {
                    open.push((index + 1, rest, values));
                }
                continue;
            }
            let Piece::Name(name) = piece else { continue };
            if values.len() == MAX_UNKNOWN {
                continue;
            }
            // The last piece takes all that is left.
            let last = index + 1 == self.pieces.len();
            let shortest = if last { rest.len() } else { 0 };
            for end in shortest..=rest.len() {
                if rest.is_char_boundary(end) && fits(name, &rest[..end]) {
                    let mut values = values.clone();
                    values.push((name.clone(), rest[..end].to_owned()));
                    open.push((index + 1, &rest[end..], values));
                }
            }
        }
        found
    }

    /// How many of its variables [`invert`](Self::invert) can find out at most.
    pub(super) fn can_invert(&self, known: impl Fn(&str) -> bool) -> bool {
        let mut unknown: Vec<&str> = self.names().filter(|name| !known(name)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.len() <= MAX_UNKNOWN && unknown.iter().all(|name| !OWN.contains(name))
    }

    /// The text as it is written.
    pub(super) fn written(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                // Writing to a string cannot fail.
                Piece::Name(name) => _ = write!(text, "${name}"),
            }
        }
        text
    }
}

/// More unknown variables in one text are not looked for.
const MAX_UNKNOWN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_longest_name_wins_and_values_are_not_searched() {
        let template = Template::parse("$wiki$wiki2fam $VERSIONS $", &names(&["wiki", "wiki2"])).expect("known");
        let value = |name: &str| match name {
            "wiki" => Some("$wiki2"),
            "wiki2" => Some("b"),
            "VERSIONS" => Some("v"),
            _ => None,
        };
        assert_eq!(template.fill(value).as_deref(), Ok("$wiki2bfam v $"));
        assert_eq!(template.written(), "$wiki$wiki2fam $VERSIONS $");
        assert_eq!(template.fill(|_| None), Err("wiki"));
    }

    #[test]
    fn unknown_names_are_refused() {
        for (text, name) in [("$x", "x"), ("a$Wiki.", "Wiki"), ("$_b", "_b"), ("$wik", "wik"), ("$Server", "Server")] {
            assert_eq!(Template::parse(text, &names(&["wiki"])), Err(name.to_owned()));
        }
        for text in ["$", "$1", "a$.", "$$wiki", ""] {
            assert_eq!(Template::parse(text, &names(&["wiki"])).expect(text).written(), text);
        }
    }

    #[test]
    fn inverting_finds_all_values() {
        let template = Template::parse("$a$b-$a", &names(&["a", "b"])).expect("known");
        let any = |_: &str, value: &str| !value.is_empty();
        let found = template.invert("xxx-x", |_| None, any, 9);
        assert_eq!(found, [[("a".to_owned(), "x".to_owned()), ("b".to_owned(), "xx".to_owned())]]);
        let template = Template::parse("$a$b", &names(&["a", "b"])).expect("known");
        assert_eq!(template.invert("xyz", |_| None, any, 9).len(), 2);
        assert_eq!(template.invert("xyz", |_| None, any, 1).len(), 1);
        assert_eq!(template.invert("xyz", |name| (name == "b").then_some("yz"), any, 9).len(), 1);
        assert!(template.invert("", |_| None, any, 9).is_empty());
    }
}
