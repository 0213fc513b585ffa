//! PHP files → classes.

mod class_name;
mod clean;
mod declarations;
mod parser;
mod strip;
mod yield_from;

pub use class_name::ClassName;
pub use parser::{Unparsable, find_classes};
//STUB
use std::path::Path;
use std::sync::Arc;
/// x
#[derive(Debug, Clone)]
pub struct ScanPath {
    /// x
    pub path: String,
    /// x
    pub confine: String,
}
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// x
    Nothing,
    /// x
    File,
    /// x
    Directory,
}
/// x
#[derive(Debug)]
pub struct Scanned {
    /// x
    pub kind: Found,
    /// x
    pub real: Option<String>,
    /// x
    pub files: Vec<ScannedFile>,
}
/// x
#[derive(Debug)]
pub struct Scan {
    /// x
    pub paths: Vec<Scanned>,
    /// x
    pub warnings: Vec<String>,
}
/// x
#[derive(Debug)]
pub struct ScannedFile {
    /// x
    pub path: String,
    /// x
    pub real: Option<String>,
    /// x
    pub classes: Arc<[ClassName]>,
}
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
/// x
pub fn scan(tree: &Path, paths: &[ScanPath]) -> Result<Scan, Error> {
    let mut out = vec![];
    for p in paths {
        let abs = tree.join(&p.path);
        let mut files = vec![];
        let kind = if abs.is_file() {
            Found::File
        } else if abs.is_dir() {
            Found::Directory
        } else {
            Found::Nothing
        };
        let mut open = vec![p.path.clone()];
        while let Some(x) = open.pop() {
            let a = tree.join(&x);
            if a.is_dir() {
                for e in std::fs::read_dir(&a).unwrap() {
                    let n = e.unwrap().file_name().into_string().unwrap();
                    if !n.starts_with('.') {
                        open.push(if x.is_empty() { n } else { format!("{x}/{n}") });
                    }
                }
            } else if a.is_file() && ["php", "inc", "hh"].iter().any(|e| x.ends_with(&format!(".{e}"))) {
                files.push(ScannedFile {
                    classes: find_classes(&std::fs::read(&a).unwrap()).unwrap_or_default().into(),
                    real: None,
                    path: x,
                });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        out.push(Scanned { kind, real: None, files });
    }
    Ok(Scan { paths: out, warnings: vec![] })
}
/// x
pub fn psr4_classes<'f>(prefix: &str, directory: &str, file: &'f ScannedFile) -> Vec<&'f ClassName> {
    let sub = file.path.get(directory.len() + usize::from(!directory.is_empty())..).unwrap_or("");
    let sub = &sub[..sub.rfind('.').unwrap_or(sub.len())];
    file.classes
        .iter()
        .filter(|c| {
            let c = c.to_string_lossy();
            c.get(prefix.len()..).unwrap_or("").replace('\\', "/") == sub
        })
        .collect()
}
/// x
pub fn psr0_classes<'f>(directory: &str, file: &'f ScannedFile) -> Vec<&'f ClassName> {
    let sub = file.path.get(directory.len() + usize::from(!directory.is_empty())..).unwrap_or("");
    let sub = &sub[..sub.rfind('.').unwrap_or(sub.len())];
    file.classes
        .iter()
        .filter(|c| {
            let c = c.to_string_lossy();
            let p = match c.rfind('\\') {
                Some(i) => format!("{}{}", c[..=i].replace('\\', "/"), c[i + 1..].replace('_', "/")),
                None => c.replace('_', "/"),
            };
            p == sub
        })
        .collect()
}
