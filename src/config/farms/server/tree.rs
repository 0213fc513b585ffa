//! A pattern, reduced to the bytes that a host or a path can have.
//!
//! Trees are made from patterns that nest [`MAX_NESTING`](super::MAX_NESTING) deep at most, so that recursion over them
//! is bounded.

use std::fmt::Write;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// Nothing matches, not even the empty text: a class without any byte that is allowed.
    Never,
    /// ASCII text, perhaps empty.
    Text(String),
    /// One of these bytes, at least two, in ascending order.
    Class(Vec<u8>),
    /// A place: `\A`, `\z`, `\b` or `\B`.
    Place(&'static str),
    /// Repetition; greedy or not.
    Repeat(Box<Tree>, u32, Option<u32>, bool),
    /// A named group.
    Group(String, Box<Tree>),
    /// One after the other.
    Concat(Vec<Tree>),
    /// One of them, the first that fits.
    Either(Vec<Tree>),
}

/// A part of a [`Shape`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Part {
    /// Text as it is.
    Text(String),
    /// The value of this variable.
    Hole(String),
}

/// One way in which a pattern can look.
pub(in super::super) type Shape = Vec<Part>;

/// A pattern has no more shapes than this.
const MAX_SHAPES: usize = 1000;

impl Tree {
    /// Reduces a pattern to the bytes that are allowed.
    ///
    /// # Errors
    /// What the two engines would read differently.
    pub(super) fn new(hir: &Hir, allowed: &dyn Fn(u8) -> bool) -> Result<Self, &'static str> {
        Ok(match hir.kind() {
            HirKind::Empty => Self::Text(String::new()),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) if text.bytes().all(allowed) => Self::Text(text.to_owned()),
                _ => Self::Never,
            },
            HirKind::Class(class) => {
                let has = |byte: u8| match class {
                    Class::Unicode(class) => {
                        class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&char::from(byte)))
                    }
                    Class::Bytes(class) => {
                        class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&byte))
                    }
                };
                // Those of IP literals are only ever meant when they are written.
                let allowed = |byte: u8| allowed(byte) && !b"[:]".contains(&byte);
                let bytes: Vec<u8> = (0..=0x7f).filter(|&byte| allowed(byte) && has(byte)).collect();
                match bytes[..] {
                    [] => Self::Never,
                    [byte] => Self::Text(char::from(byte).to_string()),
                    _ => Self::Class(bytes),
                }
            }
            HirKind::Look(Look::Start | Look::StartLF) => Self::Place("\\A"),
            HirKind::Look(Look::End | Look::EndLF) => Self::Place("\\z"),
            HirKind::Look(Look::WordAscii | Look::WordUnicode) => Self::Place("\\b"),
            HirKind::Look(Look::WordAsciiNegate | Look::WordUnicodeNegate) => Self::Place("\\B"),
            HirKind::Look(_) => return Err("has an anchor that is not supported"),
            HirKind::Repetition(repetition) => match Self::new(&repetition.sub, allowed)? {
                Self::Never if repetition.min == 0 => Self::Text(String::new()),
                Self::Never => Self::Never,
                sub => Self::Repeat(Box::new(sub), repetition.min, repetition.max, repetition.greedy),
            },
            HirKind::Capture(capture) => match (Self::new(&capture.sub, allowed)?, &capture.name) {
                (Self::Never, _) => Self::Never,
                (sub, Some(name)) => Self::Group(name.to_ascii_lowercase(), Box::new(sub)),
                (sub, None) => sub,
            },
            HirKind::Concat(parts) => {
                let parts = parts.iter().map(|part| Self::new(part, allowed)).collect::<Result<Vec<_>, _>>()?;
                Self::concat(parts)
            }
            HirKind::Alternation(parts) => {
                let parts = parts.iter().map(|part| Self::new(part, allowed)).collect::<Result<Vec<_>, _>>()?;
                let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Self::Never).collect();
                match parts.len() {
                    0 => Self::Never,
                    1 => parts.remove(0),
                    _ => Self::Either(parts),
                }
            }
        })
    }

    /// Joins neighbouring texts: letters are classes of both cases until they are reduced.
    fn concat(parts: Vec<Self>) -> Self {
        let mut joined: Vec<Self> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Self::Never) => return Self::Never,
                (Some(Self::Text(text)), Self::Text(more)) => text.push_str(&more),
                (_, part) => joined.push(part),
            }
        }
        Self::Concat(joined)
    }

    /// The pattern in words that Rust's engine and PCRE read alike, without flags and without numbered groups.
    pub(super) fn print(&self, out: &mut String) {
        match self {
            // No byte is both a word's and none.
            Self::Never => out.push_str("[^\\x00-\\xff]"),
            Self::Text(text) => text.bytes().for_each(|byte| print_byte(out, byte, b"-_")),
            Self::Class(bytes) => {
                out.push('[');
                let mut rest = &bytes[..];
                while let [first, ..] = *rest {
                    let run = rest.iter().zip(first..).take_while(|&(&byte, expected)| byte == expected).count();
                    let last = rest[run - 1];
                    print_byte(out, first, b"_.");
                    if run > 1 {
                        out.push('-');
                        print_byte(out, last, b"_.");
                    }
                    rest = &rest[run..];
                }
                out.push(']');
            }
            Self::Place(place) => out.push_str(place),
            Self::Repeat(sub, min, max, greedy) => {
                out.push_str("(?:");
                sub.print(out);
                out.push(')');
                match (min, max) {
                    (0, Some(1)) => out.push('?'),
                    (0, None) => out.push('*'),
                    (1, None) => out.push('+'),
                    (_, None) => _ = write!(out, "{{{min},}}"),
                    (_, Some(max)) => _ = write!(out, "{{{min},{max}}}"),
                }
                if !greedy {
                    out.push('?');
                }
            }
            Self::Group(name, sub) => {
                _ = write!(out, "(?<{name}>");
                sub.print(out);
                out.push(')');
            }
            Self::Concat(parts) => parts.iter().for_each(|part| part.print(out)),
            Self::Either(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    out.push_str(if index == 0 { "(?:" } else { "|" });
                    part.print(out);
                }
                out.push(')');
            }
        }
    }

    /// All ways the pattern can look, with holes for the named groups that are asked for; nothing when there are too
    /// many or endless ones. What is repeated comes with the fewest repetitions first.
    pub(super) fn shapes(&self, is_hole: &dyn Fn(&str) -> bool) -> Option<Vec<Shape>> {
        match self {
            Self::Never => Some(Vec::new()),
            Self::Text(text) => Some(vec![vec![Part::Text(text.clone())]]),
            Self::Class(bytes) => {
                Some(bytes.iter().map(|&byte| vec![Part::Text(char::from(byte).to_string())]).collect())
            }
            Self::Place(_) => Some(vec![Vec::new()]),
            Self::Group(name, _) if is_hole(name) => Some(vec![vec![Part::Hole(name.clone())]]),
            Self::Group(_, sub) => sub.shapes(is_hole),
            Self::Concat(parts) => {
                let mut all = vec![Vec::new()];
                for part in parts {
                    all = product(&all, &part.shapes(is_hole)?)?;
                }
                Some(all)
            }
            Self::Either(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.shapes(is_hole)?);
                }
                (all.len() <= MAX_SHAPES).then_some(all)
            }
            Self::Repeat(sub, min, max, _) => {
                let max = (*max)?;
                let sub = sub.shapes(is_hole)?;
                let mut all = Vec::new();
                let mut repeated = vec![Vec::new()];
                for count in 0..=max {
                    if count >= *min {
                        all.extend(repeated.iter().cloned());
                    }
                    if all.len() > MAX_SHAPES || repeated.is_empty() {
                        break;
                    }
                    if count < max {
                        repeated = product(&repeated, &sub)?;
                    }
                }
                (all.len() <= MAX_SHAPES).then_some(all)
            }
        }
    }

    /// The names of the groups, in order.
    pub(super) fn groups<'t>(&'t self, found: &mut Vec<(&'t str, &'t Tree)>) {
        match self {
            Self::Group(name, sub) => {
                found.push((name, sub));
                sub.groups(found);
            }
            Self::Repeat(sub, ..) => sub.groups(found),
            Self::Concat(parts) | Self::Either(parts) => parts.iter().for_each(|part| part.groups(found)),
            _ => {}
        }
    }

    /// Whether a backtracking engine may need exponential time: something of no fixed form is repeated without end.
    pub(super) fn may_explode(&self) -> bool {
        match self {
            Self::Repeat(sub, _, max, _) => (max.is_none_or(|max| max > 9) && !sub.is_fixed()) || sub.may_explode(),
            Self::Group(_, sub) => sub.may_explode(),
            Self::Concat(parts) | Self::Either(parts) => parts.iter().any(Self::may_explode),
            _ => false,
        }
    }

    fn is_fixed(&self) -> bool {
        match self {
            Self::Repeat(sub, min, max, _) => *max == Some(*min) && sub.is_fixed(),
            Self::Group(_, sub) => sub.is_fixed(),
            Self::Concat(parts) => parts.iter().all(Self::is_fixed),
            Self::Either(_) => false,
            _ => true,
        }
    }

    /// The text that everything which matches ends with.
    pub(super) fn tail(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Concat(parts) => parts.last().map_or("", Self::tail),
            _ => "",
        }
    }
}

fn print_byte(out: &mut String, byte: u8, plain: &[u8]) {
    if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
        out.push(char::from(byte));
    } else if byte == b'.' {
        out.push_str("\\.");
    } else {
        _ = write!(out, "\\x{byte:02x}");
    }
}

/// Every shape of the first followed by every one of the second.
pub(super) fn product(first: &[Shape], second: &[Shape]) -> Option<Vec<Shape>> {
    if first.len() * second.len() > MAX_SHAPES {
        return None;
    }
    let mut all = Vec::with_capacity(first.len() * second.len());
    for start in first {
        for end in second {
            let mut shape = start.clone();
            for part in end {
                match (shape.last_mut(), part) {
                    (Some(Part::Text(text)), Part::Text(more)) => text.push_str(more),
                    _ => shape.push(part.clone()),
                }
            }
            all.push(shape);
        }
    }
    Some(all)
}
