//! YAML, with the line of each value: `granit-parser` knows the grammar, the meaning of scalars is Symfony's.

mod mapping;
mod scalar;

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::super::value::{FileId, Key, Mark, Node, Text, Value};
use super::problem::{Problem, said, shown};
use super::{MAX_DEPTH, MAX_VALUES};
use mapping::Mapping;

/// What anchors and aliases may copy of texts and keys, in bytes.
const MAX_COPIED: usize = 64 * 1024 * 1024;

/// What `!!` stands for.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

const QUOTE_STAR: &str = "a text that begins with a star is quoted, such as `'*'`";

/// Reads a document. An empty one is an empty map.
///
/// Values of a mapping are marked with the line of their key, others with the line on which they begin.
pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Problem> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        // As Symfony does.
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { text, file, root: None, open: Vec::new(), anchors: HashMap::new(), values: 0, copied: 0, end: 0 };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| builder.syntax(&error))?;
        builder.take(event, &span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node { value: Value::Map(Vec::new()), mark: Mark { file, line: 1 } }))
}

/// Makes nodes of events, without recursion.
struct Builder<'t> {
    text: &'t str,
    file: FileId,
    root: Option<Node>,
    /// The lists and maps around what comes next, the innermost last.
    open: Vec<Open>,
    /// What aliases stand for. Those of which the end is not yet seen are not among them.
    anchors: HashMap<usize, (Node, Size)>,
    /// How many values there are, with those that anchors and aliases copied.
    values: usize,
    copied: usize,
    /// Where the last scalar ended, in bytes.
    end: usize,
}

/// A list or map of which the end is not yet seen.
struct Open {
    content: Content,
    line: u32,
    anchor: usize,
    size: Size,
    /// Whether it is the map in `[a: b]`, without braces.
    is_pair: bool,
}

/// A scalar with what tells its type.
struct Scalar<'s> {
    text: &'s str,
    is_plain: bool,
    tag: Option<&'s Tag>,
}

enum Content {
    List(Vec<Node>),
    Map(Mapping),
}

/// What a copy of a value costs.
#[derive(Clone, Copy)]
struct Size {
    values: usize,
    /// Bytes of texts and keys.
    bytes: usize,
    /// How deep arrays are nested in it.
    height: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        let line = line_of(span.start.line());
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Problem::new(line, "holds several documents").hint("take out the line `---` or `...`"))
            }
            // Nothing at all arrives as `~`.
            Event::Scalar(_, ScalarStyle::Plain, anchor, None) if span.start.index() == span.end.index() => {
                self.nothing(anchor, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.end = span.end.byte_offset().unwrap_or(self.end);
                let scalar = Scalar { text: &text, is_plain: style == ScalarStyle::Plain, tag: tag.as_deref() };
                self.scalar(&scalar, anchor, line)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tab(style, span)?;
                self.begin(Content::List(Vec::new()), anchor, tag.as_deref(), "seq", line)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tab(style, span)?;
                self.begin(Content::Map(Mapping::default()), anchor, tag.as_deref(), "map", line)?;
                let written = span.start.byte_offset().and_then(|offset| self.text.as_bytes().get(offset));
                if let Some(open) = self.open.last_mut() {
                    open.is_pair = style == StructureStyle::Flow && written != Some(&b'{');
                }
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span, line),
            Event::UnresolvedAlias(name) => {
                // A key such as `*:` is an alias of that name, colon included.
                let name = shown(name.trim_end_matches(':'));
                let message = format!("`*{name}` is an alias, and refers to nothing");
                Err(self.problem(line, message).hint(QUOTE_STAR))
            }
            _ => Ok(()),
        }
    }

    /// A node without text: null, but no key, and no document.
    fn nothing(&mut self, anchor: usize, line: u32) -> Result<(), Problem> {
        if self.awaits_key() {
            return Err(self.problem(line, "a key is missing before `:`"));
        }
        if anchor != 0 {
            return Err(self.problem(line, "an anchor stands before no value"));
        }
        if let Some(Open { content: Content::Map(mapping), is_pair, .. }) = self.open.last() {
            let name = shown(&mapping.key().map_or(String::new(), |key| key.to_string()));
            if *is_pair {
                let message = format!("`{name}:` is a map for some readers of YAML, and a text for others");
                return Err(self.problem(line, message).hint("quote it"));
            }
            if !self.text.get(self.end..).unwrap_or_default().trim_ascii_start().starts_with(':') {
                let problem = self.problem(line, format!("the key `{name}` has no value"));
                return Err(problem.hint("write `key: value`, with a space behind the colon"));
            }
        }
        self.count(1, 0, line)?;
        let value = if self.open.is_empty() { Value::Map(Vec::new()) } else { Value::Null };
        self.put(Node { value, mark: self.mark(line) }, Size { values: 1, bytes: 0, height: 0 }, anchor)
    }

    fn scalar(&mut self, scalar: &Scalar, anchor: usize, line: u32) -> Result<(), Problem> {
        let is_key = self.awaits_key();
        if is_key && scalar.is_plain && scalar.tag.is_none() && scalar.text == "<<" {
            let merge = self.mapping().map_or(Ok(()), |mapping| mapping.begin_merge(line));
            return merge.map_err(|problem| self.located(problem));
        }
        self.count(1, 0, line)?;
        let node = Node { value: self.scalar_value(scalar, line)?, mark: self.mark(line) };
        let size = Size { values: 1, bytes: scalar.text.len(), height: 0 };
        if !is_key {
            return self.put(node, size, anchor);
        }
        self.remember(anchor, &node, size)?;
        let key = match &node.value {
            Value::Int(number) => Key::Int(*number),
            Value::Text(text) => Key::of(text.as_bytes()),
            _ => {
                let message = format!("the key `{}` is {}, and no text", shown(scalar.text), node.kind());
                return Err(self.problem(line, message).hint("quote it"));
            }
        };
        if let Some(open) = self.open.last_mut() {
            open.size.bytes += size.bytes;
        }
        let expected = self.mapping().map_or(Ok(()), |mapping| mapping.begin_value(key, line));
        expected.map_err(|problem| self.located(problem))
    }

    fn scalar_value(&self, scalar: &Scalar, line: u32) -> Result<Value, Problem> {
        let text = scalar.text;
        match scalar.tag {
            None if scalar.is_plain => scalar::plain(text).map_err(|ambiguous| {
                let message = format!("`{}` {}", shown(text), ambiguous.reason);
                self.problem(line, message).hint(ambiguous.hint)
            }),
            None => Ok(Value::Text(Text::from(text))),
            Some(tag) => {
                let kind = tag.suffix_in_namespace(YAML_TAGS);
                let Some(kind) = kind.filter(|kind| scalar::TAGS.contains(&&**kind)) else {
                    return Err(self.unknown_tag(tag, line));
                };
                scalar::tagged(&kind, text)
                    .ok_or_else(|| self.problem(line, format!("`{}` does not fit its tag `!!{kind}`", shown(text))))
            }
        }
    }

    /// Tabs before what begins a block are no indentation, nor do all readers take them for white space there.
    fn refuse_tab(&self, style: StructureStyle, span: &Span) -> Result<(), Problem> {
        if style != StructureStyle::Block {
            return Ok(());
        }
        let before = span.start.byte_offset().and_then(|offset| self.text.get(..offset)).unwrap_or_default();
        let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
        if line.contains('\t') && line.trim_ascii().is_empty() {
            let problem = self.problem(line_of(span.start.line()), "a tab stands before it");
            return Err(problem.hint("indent with spaces"));
        }
        Ok(())
    }

    fn begin(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
        kind: &str,
        line: u32,
    ) -> Result<(), Problem> {
        if self.awaits_key() {
            return Err(self.problem(line, "a list or a map is no key").hint("a key is one line of text"));
        }
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(kind)) {
            return Err(self.unknown_tag(tag, line));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(self.too_deep(line));
        }
        self.count(1, 0, line)?;
        self.open.push(Open { content, line, anchor, size: Size { values: 1, bytes: 0, height: 1 }, is_pair: false });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(mapping) => Value::Map(mapping.pairs),
        };
        self.put(Node { value, mark: self.mark(open.line) }, open.size, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: &Span, line: u32) -> Result<(), Problem> {
        let name = shown(span.slice(self.text).unwrap_or("*"));
        if self.awaits_key() {
            return Err(self.problem(line, format!("the key `{name}` is an alias")).hint(QUOTE_STAR));
        }
        let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
            return Err(self.problem(line, format!("`{name}` stands inside of what it refers to")));
        };
        if self.open.len() + size.height > MAX_DEPTH {
            return Err(self.too_deep(line));
        }
        // Counted before it is copied.
        self.count(size.values, size.bytes, line)?;
        let value = self.anchors.get(&anchor).map_or(Value::Null, |(node, _)| node.value.clone());
        self.put(Node { value, mark: self.mark(line) }, size, 0)
    }

    /// Adds a complete value to what is around it.
    fn put(&mut self, node: Node, size: Size, anchor: usize) -> Result<(), Problem> {
        self.remember(anchor, &node, size)?;
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size.values += size.values;
        open.size.bytes += size.bytes;
        open.size.height = open.size.height.max(size.height + 1);
        match &mut open.content {
            Content::List(items) => {
                items.push(node);
                Ok(())
            }
            Content::Map(mapping) => mapping.put(node).map_err(|problem| self.located(problem)),
        }
    }

    /// Keeps a copy of a value for the aliases to come.
    fn remember(&mut self, anchor: usize, node: &Node, size: Size) -> Result<(), Problem> {
        if anchor != 0 {
            self.count(size.values, size.bytes, node.mark.line)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn count(&mut self, values: usize, copied: usize, line: u32) -> Result<(), Problem> {
        self.values = self.values.saturating_add(values);
        self.copied = self.copied.saturating_add(copied);
        if self.values > MAX_VALUES {
            let message = format!("holds more than {MAX_VALUES} values, those that aliases repeat included");
            return Err(self.problem(line, message));
        }
        if self.copied > MAX_COPIED {
            let message = format!("aliases repeat more than {} MiB", MAX_COPIED / 1024 / 1024);
            return Err(self.problem(line, message));
        }
        Ok(())
    }

    fn mapping(&mut self) -> Option<&mut Mapping> {
        match self.open.last_mut() {
            Some(Open { content: Content::Map(mapping), .. }) => Some(mapping),
            _ => None,
        }
    }

    /// Whether the next node is a key.
    fn awaits_key(&self) -> bool {
        match self.open.last() {
            Some(Open { content: Content::Map(mapping), .. }) => mapping.key().is_none(),
            _ => false,
        }
    }

    fn mark(&self, line: u32) -> Mark {
        Mark { file: self.file, line }
    }

    fn too_deep(&self, line: u32) -> Problem {
        self.problem(line, format!("is nested more than {MAX_DEPTH} deep"))
    }

    fn unknown_tag(&self, tag: &Tag, line: u32) -> Problem {
        let name = shown(&format!("{}{}", tag.original_handle(), tag.suffix()));
        let problem = self.problem(line, format!("the tag `{name}` is not known"));
        if tag.suffix().starts_with("php/") {
            problem
                .hint("nothing of PHP is evaluated in YAML: write the value itself, or use a file that ends in `.php`")
        } else {
            problem.hint("take it out, or quote a text that begins with `!`")
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let line = line_of(error.marker().line());
        let invalid = || self.problem(line, format!("is not valid YAML: {}", said(&error.info())));
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => self.too_deep(line),
            ErrorKind::UnexpectedCharacter { character } => {
                let message = format!("is not valid YAML: `{}` cannot stand here unquoted", character.escape_debug());
                self.problem(line, message).hint("quote the text")
            }
            ErrorKind::MissingAnchorOrAliasName => invalid().hint(QUOTE_STAR),
            ErrorKind::MappingValueNotAllowed => {
                invalid().hint("look at the indentation, and quote a text that holds a colon")
            }
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar => invalid().hint("indent with spaces"),
            _ => invalid(),
        }
    }

    fn problem(&self, line: u32, message: impl Into<String>) -> Problem {
        self.located(Problem::new(line, message))
    }

    /// Adds the key path of what is read at the moment.
    fn located(&self, problem: Problem) -> Problem {
        self.open.iter().rev().fold(problem, |problem, open| match &open.content {
            Content::List(items) => problem.in_item(items.len()),
            Content::Map(mapping) => match mapping.key() {
                Some(key) => problem.in_key(&key),
                None => problem,
            },
        })
    }
}

fn line_of(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
