//! The block `root` of Composer's `vendor/composer/installed.php`. The file is parsed, never executed.

use super::Error;
use super::composer_json::ComposerJson;
use super::error::Place;
use super::paths;
use crate::build::package::RootBlock;
use crate::build::version;

/// The file, relative to the tree.
pub(super) const FILE: &str = "vendor/composer/installed.php";

/// The name of a root package that has none.
pub(super) const UNNAMED: &str = "__root__";

/// The version of a root package for which Composer finds none.
const NO_VERSION: &str = "1.0.0+no-version-set";

/// Where a tree lies seen from `vendor/composer`.
const TREE: &str = "../../";

/// What Composer would write for a tree outside of version control.
pub(super) fn derived(file: &str, json: &ComposerJson, name: &str, dev: bool) -> Result<RootBlock, Error> {
    let pretty_version = json.version.clone().unwrap_or_else(|| NO_VERSION.to_owned());
    let version =
        version::normalize(&pretty_version).map_err(|error| Place::top(file).error("version", error.to_string()))?;
    Ok(RootBlock {
        name: name.to_owned(),
        pretty_version,
        version,
        reference: None,
        kind: json.kind.as_deref().unwrap_or("library").to_ascii_lowercase(),
        install_path: TREE.to_owned(),
        aliases: Vec::new(),
        dev,
    })
}

/// Whether the block is about the tree; of Debian's `vendor/`, which was installed as a root of its own, it is not.
pub(super) fn is_of_tree(block: &RootBlock) -> bool {
    paths::join("vendor/composer", &block.install_path).as_deref() == Some("")
}

/// Reads the block, `dev` standing for it when the file does not say (Composer 2.0 did not).
pub(super) fn parse(bytes: &[u8], name: &str, dev: bool) -> Result<RootBlock, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::of_file(FILE, "is not UTF-8"))?;
    let Some(Value::Array(file)) = Parser::file(text) else {
        return Err(Error::of_file(FILE, "is not as Composer writes it: a `return array(…);` of constants"));
    };
    let Some(Value::Array(root)) = get(&file, "root") else {
        return Err(Place::top(FILE).error("root", "is missing"));
    };
    let place = Place { file: FILE, object: "root" };
    let text = |field: &str| match get(root, field) {
        Some(Value::Text(text)) if !text.chars().any(char::is_control) => Ok(Some(text.clone())),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(place.error(field, "is not a plain string")),
    };
    let needed = |field: &str| text(field)?.ok_or_else(|| place.error(field, "is missing"));
    let aliases = match get(root, "aliases") {
        None => Vec::new(),
        Some(Value::Array(aliases)) => aliases
            .iter()
            .map(|(_, alias)| match alias {
                Value::Text(alias) if !alias.chars().any(char::is_control) => Ok(alias.clone()),
                _ => Err(place.error("aliases", "is not a list of plain strings")),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(place.error("aliases", "is not a list of plain strings")),
    };
    let install_path = match get(root, "install_path") {
        None => TREE.to_owned(),
        Some(Value::Below(path)) if path.starts_with('/') && !path.chars().any(char::is_control) => {
            path[1..].to_owned()
        }
        Some(_) => return Err(place.error("install_path", "is not relative to the file")),
    };
    Ok(RootBlock {
        name: text("name")?.unwrap_or_else(|| name.to_owned()),
        pretty_version: needed("pretty_version")?,
        version: needed("version")?,
        reference: text("reference")?,
        kind: text("type")?.unwrap_or_else(|| "library".to_owned()),
        install_path,
        aliases,
        dev: match get(root, "dev") {
            None => dev,
            Some(Value::Bool(dev)) => *dev,
            Some(_) => return Err(place.error("dev", "is not a boolean")),
        },
    })
}

/// The constants that Composer writes.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Number,
    Text(String),
    /// `__DIR__ . '…'`.
    Below(String),
    Array(Vec<(Option<String>, Value)>),
}

fn get<'v>(array: &'v [(Option<String>, Value)], key: &str) -> Option<&'v Value> {
    array.iter().find(|(name, _)| name.as_deref() == Some(key)).map(|(_, value)| value)
}

/// Reads `<?php return array(…);`, in any white space. Anything else, a comment included, ends it with `None`.
struct Parser<'t> {
    rest: &'t str,
}

/// `installed.php` has three levels; deeper is not Composer's.
const MAX_DEPTH: usize = 16;

impl<'t> Parser<'t> {
    fn file(text: &'t str) -> Option<Value> {
        let mut parser = Self { rest: text.strip_prefix("<?php")? };
        parser.take("return")?;
        let value = parser.value(0)?;
        parser.take(";")?;
        parser.rest.trim().is_empty().then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if self.take("array").is_some() {
            self.take("(")?;
            return self.array(")", depth);
        }
        if self.take("[").is_some() {
            return self.array("]", depth);
        }
        if self.take("__DIR__").is_some() {
            self.take(".")?;
            return self.text().map(Value::Below);
        }
        for (word, value) in [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))] {
            if self.take_word(word) {
                return Some(value);
            }
        }
        if self.number().is_some() {
            return Some(Value::Number);
        }
        self.text().map(Value::Text)
    }

    fn array(&mut self, end: &str, depth: usize) -> Option<Value> {
        if depth == MAX_DEPTH {
            return None;
        }
        let mut items = Vec::new();
        while self.take(end).is_none() {
            let value = self.value(depth + 1)?;
            let item = if self.take("=>").is_some() {
                let key = match value {
                    Value::Text(key) => Some(key),
                    Value::Number => None,
                    _ => return None,
                };
                (key, self.value(depth + 1)?)
            } else {
                (None, value)
            };
            items.push(item);
            if self.take(",").is_none() {
                self.take(end)?;
                break;
            }
        }
        Some(Value::Array(items))
    }

    /// One string, or several with dots between them (`var_export` writes a NUL as `'' . "\0" . ''`).
    fn text(&mut self) -> Option<String> {
        let mut text = self.string()?;
        while self.take(".").is_some() {
            text.push_str(&self.string()?);
        }
        Some(text)
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => match (characters.next()?.1, quote) {
                    (escaped @ ('\\' | '\''), '\'') | (escaped @ ('\\' | '"'), '"') => text.push(escaped),
                    ('0', '"') => text.push('\0'),
                    (other, '\'') => text.extend(['\\', other]),
                    _ => return None,
                },
                // A variable inside of the string: not a constant.
                '$' | '{' if quote == '"' => return None,
                character => text.push(character),
            }
        }
        None
    }

    fn number(&mut self) -> Option<()> {
        let start = self.rest.trim_start();
        let digits = start.strip_prefix('-').unwrap_or(start);
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = &digits[end..];
        Some(())
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// A word in any case.
    fn take_word(&mut self, word: &str) -> bool {
        let start = self.rest.trim_start();
        let found = start.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
        if found {
            self.rest = &start[word.len()..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPOSER: &str = r"<?php return array(
    'root' => array(
        'name' => 'acme/wiki',
        'pretty_version' => 'dev-main',
        'version' => 'dev-main',
        'reference' => 'abc',
        'type' => 'project',
        'install_path' => __DIR__ . '/../../',
        'aliases' => array(
            0 => '1.x-dev',
        ),
        'dev' => true,
    ),
    'versions' => array(
        'acme/lib' => array(
            'pretty_version' => '1.0\'\\x',
            'aliases' => array(),
            'dev_requirement' => false,
        ),
    ),
);
";

    #[test]
    fn the_block_is_read() {
        let block = parse(COMPOSER.as_bytes(), "x/y", false).expect("good");
        let expected = RootBlock {
            name: "acme/wiki".into(),
            pretty_version: "dev-main".into(),
            version: "dev-main".into(),
            reference: Some("abc".into()),
            kind: "project".into(),
            install_path: "../../".into(),
            aliases: vec!["1.x-dev".into()],
            dev: true,
        };
        assert_eq!(block, expected);
        assert!(is_of_tree(&block));
        assert!(!is_of_tree(&RootBlock { install_path: "../".into(), ..block }));
    }

    #[test]
    fn the_form_of_older_composers_is_read() {
        let text = "<?php return array (\n  'root' => \n  array (\n    'pretty_version' => '1.0.0',\n    'version' => \
                    '1.0.0.0',\n    'aliases' => \n    array (\n    ),\n    'reference' => NULL,\n    'name' => \
                    '__root__',\n  ),\n  'versions' => \n  array (\n  ),\n);\n";
        let block = parse(text.as_bytes(), "x/y", true).expect("good");
        assert_eq!((block.name.as_str(), block.dev, block.reference), ("__root__", true, None));
        assert_eq!(block.install_path, "../../");
    }

    #[test]
    fn anything_but_constants_is_refused() {
        let broken = |from: &str, to: &str| {
            assert!(COMPOSER.contains(from), "{from}");
            parse(COMPOSER.replacen(from, to, 1).as_bytes(), "x/y", false).expect_err("refused").to_string()
        };
        let form = "`vendor/composer/installed.php` is not as Composer writes it: a `return array(…);` of constants";
        assert_eq!(broken("'dev-main'", "exec('id')"), form);
        assert_eq!(broken("'dev-main'", "\"$x\""), form);
        assert_eq!(broken("return", "exit; return"), form);
        assert_eq!(broken(");\n", "); echo 1;"), form);
        assert_eq!(broken("'dev' => true", "'dev' => true && f()"), form);
        assert_eq!(broken("array(", "[[[[[[[[[[[[[[[[[["), form);
        assert_eq!(
            broken("__DIR__ . ", ""),
            "`vendor/composer/installed.php`, field `root.install_path`: is not relative to the file"
        );
        assert_eq!(
            broken("'version' => 'dev-main',", ""),
            "`vendor/composer/installed.php`, field `root.version`: is missing"
        );
        assert_eq!(
            broken("'reference' => 'abc'", "'reference' => 'a\\\\' . \"\\0\" . ''"),
            "`vendor/composer/installed.php`, field `root.reference`: is not a plain string"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(at in 0..COMPOSER.len(), with in ".{0,6}") {
            if COMPOSER.is_char_boundary(at) {
                let text = format!("{}{with}{}", &COMPOSER[..at], &COMPOSER[(at + 1).min(COMPOSER.len())..]);
                let _ = parse(text.as_bytes(), "x/y", false);
            }
        }
    }
}
