//! What people and programs do to a tree between two builds.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::super::farm::random::Random;
use super::{Place, write_wikis};

/// Twenty years.
pub(super) const YEARS: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);

/// Somebody who edits a tree at random.
pub(super) struct Editor {
    tree: PathBuf,
    /// A directory beside the tree.
    elsewhere: PathBuf,
    random: Random,
    extensions: Vec<String>,
    /// How many edits there were, for new names.
    count: usize,
    /// JSON files that were edited, as they were.
    saved: BTreeMap<PathBuf, Vec<u8>>,
}

/// What lies in a tree, generated files and Composer's own left out.
#[derive(Default)]
struct Listing {
    php: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    links: Vec<PathBuf>,
}

type Edit = fn(&mut Editor, &Listing) -> Option<String>;

const EDITS: &[(&str, Edit)] = &[
    ("added", Editor::add),
    ("added", Editor::add),
    ("deleted", Editor::delete),
    ("renamed", Editor::rename),
    ("moved to another directory", Editor::move_away),
    ("no longer called .php, or again", Editor::change_suffix),
    ("edited in place, same size, times put back", |editor, listing| editor.edit_in_place(listing, Times::Kept)),
    ("edited in place, same size, times put back", |editor, listing| editor.edit_in_place(listing, Times::Kept)),
    ("edited in place, same size", |editor, listing| editor.edit_in_place(listing, Times::Now)),
    ("edited, then `touch -d @0`", |editor, listing| editor.edit_in_place(listing, Times::Epoch)),
    ("edited, time in the future", |editor, listing| editor.edit_in_place(listing, Times::Future)),
    ("edited, time before the last", |editor, listing| editor.edit_in_place(listing, Times::Backwards)),
    ("`touch -d @0`", Editor::touch_epoch),
    ("touched", Editor::touch),
    ("chmod", Editor::chmod),
    ("appended to", Editor::append),
    ("replaced by rename, same size and time", Editor::replace),
    ("edited through another name", Editor::edit_other_name),
    ("swapped with another", Editor::swap),
    ("overwritten by a copy of another", Editor::overwrite),
    ("directory renamed", Editor::rename_directory),
    ("directory made a link, or again a directory", Editor::link_directory),
    ("extension moved out and linked, or back", Editor::link_extension),
    ("two directories swapped", Editor::swap_directories),
    ("extension.json", Editor::bump_extension_json),
    ("installed.json", Editor::bump_installed_json),
    ("composer.json", Editor::bump_composer_json),
    ("wikis.yml", Editor::change_wikis),
];

#[derive(Clone, Copy)]
enum Times {
    Kept,
    Now,
    Epoch,
    Future,
    Backwards,
}

impl Editor {
    pub(super) fn new(place: &Place, extensions: Vec<String>, random: Random) -> Self {
        Self {
            tree: place.tree(),
            elsewhere: place.0.path().join("elsewhere"),
            random,
            extensions,
            count: 0,
            saved: BTreeMap::new(),
        }
    }

    /// Edits something; says what.
    pub(super) fn edit(&mut self) -> String {
        let listing = self.listing();
        loop {
            self.count += 1;
            let (what, edit) = EDITS[self.random.below(EDITS.len())];
            if let Some(path) = edit(self, &listing) {
                return format!("{path}: {what}");
            }
        }
    }

    /// Puts back the JSON files: what they said could not be built.
    pub(super) fn put_back(&mut self) {
        for (path, text) in std::mem::take(&mut self.saved) {
            // Somebody may have moved the directory meanwhile.
            if path.exists() {
                fs::write(path, text).expect("a file");
            }
        }
    }

    fn listing(&self) -> Listing {
        let tree = self.tree.clone();
        let mut listing = Listing::default();
        let mut waiting = vec![tree.clone()];
        while let Some(directory) = waiting.pop() {
            let mut entries: Vec<_> =
                fs::read_dir(&directory).expect("a directory").map(|entry| entry.expect("an entry")).collect();
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let path = entry.path();
                let kind = entry.file_type().expect("a kind");
                let name = path.strip_prefix(&tree).expect("below").to_str().expect("UTF-8").to_owned();
                let generated = name.starts_with("vendor/composer") || !name.contains('/');
                let in_vendor = name.strip_prefix("vendor/").is_some_and(|rest| !rest.contains('/'));
                if kind.is_symlink() {
                    listing.links.push(path);
                } else if kind.is_dir() {
                    if generated && name.starts_with("vendor/") || name.starts_with("vendor/mwfarm") {
                        continue;
                    }
                    // Deep enough to be within a package or an extension.
                    let depth = name.split('/').count();
                    if depth > 3 || depth > 2 && !name.starts_with("vendor/") {
                        listing.directories.push(path.clone());
                    }
                    waiting.push(path);
                } else if kind.is_file()
                    && !generated
                    && !in_vendor
                    && path.extension().is_some_and(|extension| extension == "php")
                {
                    listing.php.push(path);
                }
            }
        }
        listing
    }

    fn pick<'l>(&mut self, paths: &'l [PathBuf]) -> Option<&'l Path> {
        (!paths.is_empty()).then(|| paths[self.random.below(paths.len())].as_path())
    }

    /// A PHP file which no rule names, so that the build does without it.
    fn plain(&mut self, listing: &Listing) -> Option<PathBuf> {
        let path = self.pick(&listing.php)?.to_owned();
        let is_loaded = fs::read_to_string(&path).is_ok_and(|text| text.contains("['trace']"));
        (!is_loaded).then_some(path)
    }

    fn name(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.count)
    }

    fn add(&mut self, listing: &Listing) -> Option<String> {
        let model = self.plain(listing)?;
        let text = fs::read_to_string(&model).expect("a file");
        let name = self.name("Added");
        let text = match declared(&text) {
            Some(class) => text.replacen(&class, &name, 1),
            None => format!("<?php\nclass {name} {{}}\n"),
        };
        let path = model.with_file_name(format!("{name}.php"));
        fs::write(&path, text).expect("a file");
        said(&path)
    }

    fn delete(&mut self, listing: &Listing) -> Option<String> {
        let path = self.plain(listing)?;
        fs::remove_file(&path).expect("removed");
        said(&path)
    }

    fn rename(&mut self, listing: &Listing) -> Option<String> {
        let path = self.plain(listing)?;
        let to = path.with_file_name(format!("{}.php", self.name("Renamed")));
        fs::rename(&path, to).expect("renamed");
        said(&path)
    }

    fn move_away(&mut self, listing: &Listing) -> Option<String> {
        let path = self.plain(listing)?;
        let to = self.pick(&listing.directories)?.join(path.file_name().expect("a name"));
        fs::rename(&path, to).expect("moved");
        said(&path)
    }

    fn change_suffix(&mut self, listing: &Listing) -> Option<String> {
        let path = self.plain(listing)?;
        let to = path.with_extension(self.random.pick(&["txt", "inc", "hh"]));
        if to.exists() {
            fs::rename(&to, &path).expect("renamed");
        } else {
            fs::rename(&path, to).expect("renamed");
        }
        said(&path)
    }

    fn edit_in_place(&mut self, listing: &Listing, times: Times) -> Option<String> {
        let path = self.pick(&listing.php)?.to_owned();
        let text = self.changed(&path)?;
        let before = fs::metadata(&path).expect("a file").modified().expect("a time");
        write_over(&path, &text);
        let time = match times {
            Times::Kept => before,
            Times::Now => return said(&path),
            Times::Epoch => SystemTime::UNIX_EPOCH,
            Times::Future => SystemTime::now() + YEARS,
            Times::Backwards => before - Duration::from_secs(3600),
        };
        set_time(&path, time);
        said(&path)
    }

    /// The text of a file with another class in it, as long as before.
    fn changed(&mut self, path: &Path) -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let class = declared(&text)?;
        let letter = self.random.pick(&["A", "B", "C", "D", "X", "Y", "Z"]);
        let other = format!("{letter}{}", &class[1..]);
        (other != class).then(|| text.replacen(&class, &other, 1))
    }

    fn touch_epoch(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?;
        set_time(path, SystemTime::UNIX_EPOCH);
        said(path)
    }

    fn touch(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?;
        set_time(path, SystemTime::now());
        said(path)
    }

    fn chmod(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?.to_owned();
        let mode = [0o600, 0o644, 0o755, 0o444][self.random.below(4)];
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        said(&path)
    }

    fn append(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?.to_owned();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        let mut file = OpenOptions::new().append(true).open(&path).expect("a file");
        writeln!(file, "\nclass {} {{}}", self.name("Appended")).expect("written");
        said(&path)
    }

    fn replace(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?.to_owned();
        let text = self.changed(&path)?;
        let before = fs::metadata(&path).expect("a file").modified().expect("a time");
        let beside = path.with_extension("new");
        fs::write(&beside, text).expect("a file");
        set_time(&beside, before);
        fs::rename(&beside, &path).expect("replaced");
        said(&path)
    }

    fn edit_other_name(&mut self, listing: &Listing) -> Option<String> {
        let path = self.pick(&listing.php)?.to_owned();
        let text = self.changed(&path)?;
        let other = self.elsewhere.join("other-name");
        let before = fs::metadata(&path).expect("a file").modified().expect("a time");
        fs::hard_link(&path, &other).expect("a second name");
        write_over(&other, &text);
        set_time(&other, before);
        fs::remove_file(&other).expect("removed");
        said(&path)
    }

    fn swap(&mut self, listing: &Listing) -> Option<String> {
        let (one, other) = (self.pick(&listing.php)?.to_owned(), self.pick(&listing.php)?.to_owned());
        swap(&one, &other);
        said(&one)
    }

    fn overwrite(&mut self, listing: &Listing) -> Option<String> {
        let (from, to) = (self.pick(&listing.php)?.to_owned(), self.plain(listing)?);
        if from == to {
            return None;
        }
        fs::copy(&from, &to).expect("a copy");
        said(&to)
    }

    fn rename_directory(&mut self, listing: &Listing) -> Option<String> {
        // Rarely: rules that name it fail, or find nothing.
        if !self.random.chance(30) {
            return None;
        }
        let deep: Vec<PathBuf> =
            listing.directories.iter().filter(|path| path.components().count() > 8).cloned().collect();
        let path = self.pick(&deep)?;
        fs::rename(path, path.with_file_name(self.name("Dir"))).expect("renamed");
        said(path)
    }

    fn link_directory(&mut self, listing: &Listing) -> Option<String> {
        let is_ours = |path: &&PathBuf| path.with_extension("real").is_dir();
        let linked: Vec<PathBuf> = listing.links.iter().filter(is_ours).cloned().collect();
        if let Some(path) = self.pick(&linked).filter(|_| self.count.is_multiple_of(2)) {
            fs::remove_file(path).expect("removed");
            fs::rename(path.with_extension("real"), path).expect("renamed");
            return said(path);
        }
        let path = self.pick(&listing.directories)?;
        if path.extension().is_some() || path.with_extension("real").exists() {
            return None;
        }
        let real = path.with_extension("real");
        fs::rename(path, &real).expect("renamed");
        symlink(real.file_name().expect("a name"), path).expect("a link");
        said(path)
    }

    fn link_extension(&mut self, _: &Listing) -> Option<String> {
        let id = self.extensions[self.random.below(self.extensions.len())].clone();
        let path = self.tree.join(&id);
        let elsewhere = self.elsewhere.join(id.replace('/', "-"));
        if path.is_symlink() {
            fs::remove_file(&path).expect("removed");
            fs::rename(&elsewhere, &path).expect("renamed");
        } else {
            fs::rename(&path, &elsewhere).expect("renamed");
            symlink(format!("../../elsewhere/{}", id.replace('/', "-")), &path).expect("a link");
        }
        said(&path)
    }

    fn swap_directories(&mut self, listing: &Listing) -> Option<String> {
        let (one, other) = (self.pick(&listing.directories)?.to_owned(), self.pick(&listing.directories)?.to_owned());
        if one.starts_with(&other) || other.starts_with(&one) || !self.random.chance(30) {
            return None;
        }
        swap(&one, &other);
        said(&one)
    }

    fn bump_extension_json(&mut self, _: &Listing) -> Option<String> {
        let id = self.extensions[self.random.below(self.extensions.len())].clone();
        let path = ["extension.json", "skin.json"].map(|name| self.tree.join(&id).join(name));
        let path = path.into_iter().find(|path| path.is_file())?;
        let version = self.name("1.");
        self.change_json(&path, |json| json["version"] = json!(version))
    }

    fn bump_installed_json(&mut self, _: &Listing) -> Option<String> {
        let path = self.tree.join("vendor/composer/installed.json");
        let (at, new) = (self.random.next(), self.name("0."));
        let of_version = self.random.chance(25);
        self.change_json(&path, |json| {
            let packages = json["packages"].as_array_mut().expect("packages");
            let at = usize::try_from(at % packages.len() as u64).expect("small");
            if of_version {
                packages[at]["version"] = json!(new);
                packages[at]["version_normalized"] = json!(format!("{new}.0.0"));
            } else if packages[at]["dist"].is_object() {
                packages[at]["dist"]["reference"] = json!(new);
            }
        })
    }

    fn bump_composer_json(&mut self, _: &Listing) -> Option<String> {
        let id = self.extensions[self.random.below(self.extensions.len())].clone();
        let path = self.tree.join(&id).join("composer.json");
        let path = if path.is_file() { path } else { self.tree.join("composer.json") };
        let version = self.name("1.");
        let excluded = self.random.chance(30);
        self.change_json(&path, |json| {
            json["extra"]["of-a-test"] = json!(version);
            if excluded && json["autoload"].is_object() {
                json["autoload"]["exclude-from-classmap"] = json!(["**/Deep/"]);
            }
        })
    }

    fn change_json(&mut self, path: &Path, change: impl FnOnce(&mut Value)) -> Option<String> {
        let text = fs::read(path).expect("a file");
        let mut json: Value = serde_json::from_slice(&text).expect("JSON");
        change(&mut json);
        self.saved.entry(path.to_owned()).or_insert(text);
        fs::write(path, serde_json::to_vec_pretty(&json).expect("JSON")).expect("a file");
        said(path)
    }

    #[expect(clippy::unnecessary_wraps, reason = "what edits return")]
    fn change_wikis(&mut self, _: &Listing) -> Option<String> {
        write_wikis(&self.tree, &self.extensions, &mut self.random);
        Some("the list".to_owned())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what edits return")]
fn said(path: &Path) -> Option<String> {
    Some(path.display().to_string())
}

/// The short name of the first class that a file declares.
pub(super) fn declared(text: &str) -> Option<String> {
    let keywords = ["\nclass ", "\ninterface ", "\ntrait ", "\nenum ", "final class "];
    let at = keywords.iter().filter_map(|keyword| Some(text.find(keyword)? + keyword.len())).min()?;
    let name: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (name.len() > 1).then_some(name)
}

/// Writes into a file as it is, which keeps its inode and, here, its size.
pub(super) fn write_over(path: &Path, text: &str) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).expect("a mode");
    OpenOptions::new().write(true).open(path).expect("a file").write_all(text.as_bytes()).expect("written");
}

/// Sets the time of modification.
pub(super) fn set_time(path: &Path, time: SystemTime) {
    File::open(path).expect("a file").set_times(FileTimes::new().set_modified(time)).expect("a time");
}

fn swap(one: &Path, other: &Path) {
    if one != other {
        let aside = one.with_extension("aside");
        fs::rename(one, &aside).expect("renamed");
        fs::rename(other, one).expect("renamed");
        fs::rename(&aside, other).expect("renamed");
    }
}
