//! The grammar of `server`: that of Rust's engine, without what PCRE reads differently.

use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::TranslatorBuilder;

use super::MAX_NESTING;
use super::tree::Tree;

/// Cuts a pattern at its first `/` outside classes and groups; the slash belongs to the path.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    let slash = outside(text).find(|&(_, byte)| byte == b'/').map(|(index, _)| index);
    slash.map_or((text, None), |slash| (&text[..slash], Some(&text[slash..])))
}

/// Whether there are alternatives outside of groups.
pub(super) fn has_alternatives(text: &str) -> bool {
    outside(text).any(|(_, byte)| byte == b'|')
}

/// The bytes outside of classes, groups and escapes, with their indices.
fn outside(text: &str) -> impl Iterator<Item = (usize, u8)> {
    plain(text).filter(|&(_, _, depth)| depth == 0).map(|(index, byte, _)| (index, byte))
}

/// The bytes outside of classes and escapes, with their indices and the number of groups around them.
fn plain(text: &str) -> impl Iterator<Item = (usize, u8, usize)> {
    let bytes = text.as_bytes();
    let (mut index, mut depth) = (0, 0_usize);
    std::iter::from_fn(move || {
        loop {
            let at = index;
            let byte = *bytes.get(at)?;
            index += 1;
            match byte {
                b'\\' => index += 1,
                b'[' => index = class_end(bytes, index),
                b'(' => {
                    depth += 1;
                    return Some((at, byte, depth));
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    // The parenthesis itself is inside.
                    return Some((at, byte, depth + 1));
                }
                _ => return Some((at, byte, depth)),
            }
        }
    })
}

/// The index behind a class that begins before `index`. A `]` in the first place is one of its bytes.
fn class_end(bytes: &[u8], mut index: usize) -> usize {
    if bytes.get(index) == Some(&b'^') {
        index += 1;
    }
    if bytes.get(index) == Some(&b']') {
        index += 1;
    }
    while let Some(&byte) = bytes.get(index) {
        index += 1;
        match byte {
            b'\\' => index += 1,
            b'[' if bytes.get(index) == Some(&b':') => {
                let end = bytes[index..].windows(2).position(|pair| pair == b":]");
                index = end.map_or(index, |end| index + end + 2);
            }
            b']' => break,
            _ => {}
        }
    }
    index
}

/// Reads a pattern of hosts, or one of paths.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence.
pub(super) fn parse(text: &str, is_host: bool) -> Result<Tree, String> {
    let text = &without_quoted_names(text);
    let parsed = ast::parse::ParserBuilder::new().nest_limit(MAX_NESTING).build().parse(text);
    let ast = parsed.map_err(|error| format!("is no pattern: {}", explain(&error)))?;
    ast::visit(&ast, Refuse { is_host })?;
    let translated = TranslatorBuilder::new().case_insensitive(is_host).build().translate(text, &ast);
    let hir = translated.map_err(|error| format!("is no pattern: {}", error.kind()))?;
    let allowed: &dyn Fn(u8) -> bool = if is_host {
        &|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.[:]".contains(&byte)
    } else {
        &|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte)
    };
    Tree::new(&hir, allowed).map_err(str::to_owned)
}

fn explain(error: &ast::Error) -> String {
    let at = error.span().start.offset;
    let rest = &error.pattern()[at.min(error.pattern().len())..];
    let is_flag = |kind: &ast::ErrorKind| matches!(kind, ast::ErrorKind::FlagUnrecognized);
    let only_pcre = ["(?=", "(?!", "(?<=", "(?<!", "(?>", "(?|", "(?#", "(?&", "(?P>", "(?P=", "(?("];
    if only_pcre.iter().any(|begin| rest.starts_with(begin))
        || (is_flag(error.kind()) && !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        || matches!(error.kind(), ast::ErrorKind::UnsupportedLookAround | ast::ErrorKind::UnsupportedBackreference)
    {
        return format!("look-around, back references and the like are not supported (byte {})", at + 1);
    }
    format!("{} (byte {})", error.kind(), at + 1)
}

/// Rust's engine does not know the third spelling of a named group, `(?'name'…)`.
fn without_quoted_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (index, byte, _) in plain(text) {
        if byte == b'('
            && let Some(rest) = text[index..].strip_prefix("(?'")
            && let Some(end) = rest.find('\'')
        {
            out.push_str(&text[done..index]);
            out.push_str("(?<");
            out.push_str(&rest[..end]);
            out.push('>');
            done = index + 3 + end + 1;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// Refuses what PCRE reads differently, and what no host can have.
struct Refuse {
    is_host: bool,
}

impl ast::Visitor for Refuse {
    type Output = ();
    type Err = String;

    fn finish(self) -> Result<(), String> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        let refuse = |reason: &str| Err(reason.to_owned());
        match ast {
            Ast::Literal(literal) if literal.c == '/' && self.is_host => {
                refuse("has a `/` in a group, or one behind a backslash: a path begins with a plain `/` outside groups")
            }
            Ast::Repetition(outer) if matches!(*outer.ast, Ast::Repetition(_)) => {
                refuse("repeats a repetition, which PCRE takes for a possessive one: put the inner one in a group")
            }
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::StartLine
                | ast::AssertionKind::EndLine
                | ast::AssertionKind::StartText
                | ast::AssertionKind::EndText
                | ast::AssertionKind::WordBoundary
                | ast::AssertionKind::NotWordBoundary => Ok(()),
                _ => refuse("has an anchor that PCRE reads differently"),
            },
            Ast::Flags(set) => Self::flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                ast::GroupKind::NonCapturing(flags) => Self::flags(flags),
                ast::GroupKind::CaptureName { name, .. } => {
                    let plain = name.name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
                    if plain && name.name.len() <= 32 {
                        return Ok(());
                    }
                    Err(format!(
                        "has a group called `{}`: names are made of at most 32 letters, digits and `_`",
                        name.name.escape_debug()
                    ))
                }
                ast::GroupKind::CaptureIndex(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), String> {
        match item {
            ast::ClassSetItem::Bracketed(_) => {
                Err("has a class within a class: write `\\[` for the bracket".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), String> {
        Err("has `&&`, `--` or `~~` in a class, which PCRE reads differently: put a backslash before each".to_owned())
    }
}

impl Refuse {
    fn flags(flags: &ast::Flags) -> Result<(), String> {
        for item in &flags.items {
            match item.kind {
                ast::FlagsItemKind::Negation
                | ast::FlagsItemKind::Flag(
                    ast::Flag::CaseInsensitive
                    | ast::Flag::MultiLine
                    | ast::Flag::DotMatchesNewLine
                    | ast::Flag::SwapGreed,
                ) => {}
                ast::FlagsItemKind::Flag(_) => return Err("has a flag other than `i`, `m`, `s`, `U`".to_owned()),
            }
        }
        Ok(())
    }
}
