//! The tree that is measured, and what Composer needs to make the same autoloader for each of its combinations.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use serde_json::{Value, json};

use crate::farm::{Farm, extension_directory};
use crate::home;

/// Extensions that are on together, and how many wikis have just them.
#[derive(Debug, Clone)]
pub(crate) struct Combination {
    /// The number of extensions; for the one without a wiki `list`.
    pub(crate) name: String,
    /// Directories of the extensions, with all that they require.
    pub(crate) extensions: Vec<String>,
    /// How many wikis have it; none has the list.
    pub(crate) wikis: usize,
}

impl Combination {
    /// A host of one of its wikis.
    pub(crate) fn host(&self, wiki: usize) -> String {
        format!("k{}-{wiki}.example.org", self.name)
    }

    fn names(&self, parent: &str) -> String {
        let of_parent = self.extensions.iter().filter_map(|directory| directory.strip_prefix(parent));
        of_parent.map(|name| name.trim_start_matches('/')).collect::<Vec<_>>().join(", ")
    }
}

/// What is measured in a farm of so many extensions and about so many wikis, most of which have the first combination:
/// one for each size, and at last the list, which has the greatest of these sizes up to ten.
pub(crate) fn combinations(extensions: usize, sizes: &[usize], wikis: usize) -> Vec<Combination> {
    // Extensions require only some whose number ends in a smaller digit: in this order each comes after those.
    let mut order: Vec<usize> = (0..extensions).collect();
    order.sort_by_key(|number| (number % 10, number / 10));
    let directories = |numbers: &[usize]| numbers.iter().map(|&number| extension_directory(number)).collect();
    // Of the others so many that a host of them is one of many; with 50 extensions in each line of 100,000 the file of
    // wikis would be larger than mwfarm reads.
    let others = (wikis / sizes.len()).clamp(1, 1000);
    let mut combinations: Vec<Combination> = sizes
        .iter()
        .enumerate()
        .map(|(index, &size)| Combination {
            name: size.to_string(),
            extensions: directories(&order[..size]),
            wikis: if index == 0 { wikis.saturating_sub(others * (sizes.len() - 1)).max(1) } else { others },
        })
        .collect();
    let size = sizes.iter().copied().filter(|&size| size <= 10 && size < extensions).max().unwrap_or(1);
    let mut numbers = order[..size].to_vec();
    numbers[size - 1] = order[size];
    combinations.push(Combination { name: "list".to_owned(), extensions: directories(&numbers), wikis: 0 });
    combinations
}

/// Writes `tree`, whose vendor directory holds the packages of a real MediaWiki already, `home` for Composer, and for
/// each combination the root's two files in `roots/NAME`: without the extensions that are off.
pub(crate) fn write(directory: &Path, extensions: usize, combinations: &[Combination]) -> Result<(), String> {
    let tree = directory.join("tree");
    let mut farm = Farm::new(extensions);
    lay_over(&mut farm, &tree)?;
    for combination in combinations {
        for wiki in 0..combination.wikis {
            let id = format!("k{}-{wiki}", combination.name);
            let (host, on) = (combination.host(wiki), combination.names("extensions"));
            let skins = combination.names("skins");
            let _ = writeln!(farm.wikis, "  {id}: {{ hosts: [{host}], extensions: [{on}], skins: [{skins}] }}");
        }
        let root = directory.join("roots").join(&combination.name);
        write_root(&farm, combination, &root).map_err(|error| format!("cannot write `{}`: {error}", root.display()))?;
    }
    let written = farm.write(&tree).and_then(|_| home::write(&farm.packages, &directory.join("home")));
    written.map_err(|error| format!("cannot write `{}`: {error}", directory.display()))
}

/// Adds a real MediaWiki's packages, which lie in the tree's vendor directory, to those of the farm: the root requires
/// all of them. (Of what both have, the real one stays.)
fn lay_over(farm: &mut Farm, tree: &Path) -> Result<(), String> {
    let core = read(&tree.join("core.json"))?;
    for link in ["require", "replace"] {
        for (name, constraint) in core[link].as_object().into_iter().flatten() {
            farm.root[link][name] = constraint.clone();
        }
    }
    let Value::Array(packages) = read(&tree.join("vendor/composer/installed.json"))?["packages"].take() else {
        return Err("MediaWiki's installed.json lists no packages".to_owned());
    };
    let real: BTreeSet<&str> = packages.iter().map(name).collect();
    farm.packages.retain(|package| !real.contains(name(package)));
    for package in &packages {
        // What a bundled extension needs, too: none of these is in the tree, so it is the base's.
        farm.root["require"][name(package)] = package["version"].clone();
    }
    farm.packages.extend(packages);
    farm.packages.sort_by(|a, b| name(a).cmp(name(b)));
    Ok(())
}

fn write_root(farm: &Farm, combination: &Combination, directory: &Path) -> io::Result<()> {
    let mut require = json!({});
    let mut include = json!([]);
    for extension in &combination.extensions {
        let (_, short) = extension.split_once('/').unwrap_or_default();
        let package = format!("mediawiki/{}", short.to_lowercase());
        let manifest = json!(format!("{extension}/composer.json"));
        let constraint = &farm.local["require"][&package];
        if !constraint.is_null() {
            require[package] = constraint.clone();
        }
        let includes = &farm.local["extra"]["merge-plugin"]["include"];
        if let (Some(all), Some(own)) = (includes.as_array(), include.as_array_mut())
            && all.contains(&manifest)
        {
            own.push(manifest);
        }
    }
    let local = json!({ "require": require, "extra": { "merge-plugin": { "include": include } } });
    fs::create_dir_all(directory)?;
    fs::write(directory.join("composer.json"), format!("{:#}\n", farm.root))?;
    fs::write(directory.join("composer.local.json"), format!("{local:#}\n"))
}

fn read(path: &Path) -> Result<Value, String> {
    let text = fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or_default()
}
