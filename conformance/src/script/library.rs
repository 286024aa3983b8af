//! The folder that a script and what belongs to it lie in. Nothing outside it is ever read.
//!
//! A folder of fixtures may be laid over it: what is not found in the one is looked for at the same place of the other.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::finding::Finding;
use super::parse;
use super::plan::{FixtureSource, Plan, Read, Variable};
use crate::tree::{Limits, Tree};

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Files and folders that are looked at in all.
const FILES_MAX: usize = 200_000;

/// How deep folders are looked into.
const DEPTH_MAX: usize = 32;

/// Where scripts are read from.
#[derive(Debug, Clone)]
pub struct Library {
    /// The scripts' own folder first, then those laid over it.
    roots: Vec<PathBuf>,
}

/// Why a file is no script that can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file or folder, or it may not be read.
    #[error("{0} cannot be read")]
    Missing(String),
    /// It lies outside the folder.
    #[error("{0} lies outside the folder of the scripts")]
    Outside(String),
    /// It is too large.
    #[error("{0} is larger than 64 MiB")]
    TooLarge(String),
    /// It is neither JSON nor XML.
    #[error("{0} reads as neither JSON nor XML")]
    Malformed(String),
    /// It holds another resource.
    #[error("{0} is no TestScript")]
    NoScript(String),
}

/// A script that was read and checked.
#[derive(Debug)]
pub struct Script {
    pub(crate) plan: Plan,
}

impl Script {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The file that it was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.plan.file
    }

    /// How many operations and asserts it has.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.plan.actions().count()
    }

    /// The files that its fixtures are read from, as it names them.
    pub fn fixture_files(&self) -> impl Iterator<Item = &str> {
        self.plan.fixtures.iter().filter_map(|fixture| match &fixture.source {
            FixtureSource::Reference(reference) if reference.is_plain() => Some(reference.text()),
            FixtureSource::Reference(_)
            | FixtureSource::Held(_)
            | FixtureSource::Fake(_)
            | FixtureSource::Part { .. }
            | FixtureSource::Later => None,
        })
    }

    /// The variables that only the user can give a value.
    pub fn wanted_variables(&self) -> impl Iterator<Item = &str> {
        let unset =
            |variable: &&Variable| matches!(variable.read, Read::Nothing) && variable.default.is_none();
        self.plan.variables.iter().filter(unset).map(|variable| variable.name.as_str())
    }

    /// What is wrong with the text of it; [`super::lint()`] finds more.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.plan.findings
    }
}

impl Library {
    /// Opens `folder`, with others laid over it.
    ///
    /// # Errors
    /// When one of them is no folder.
    pub fn open(folder: &Path, over: &[PathBuf]) -> Result<Self, Unreadable> {
        let real = |folder: &Path| {
            let real = folder.canonicalize().ok().filter(|real| real.is_dir());
            real.ok_or_else(|| Unreadable::Missing(shown(folder)))
        };
        let own = real(folder)?;
        let roots = std::iter::once(Ok(own)).chain(over.iter().map(|folder| real(folder)));
        Ok(Self { roots: roots.collect::<Result<_, _>>()? })
    }

    /// Every file under the folder whose name is that of JSON or XML, in order.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut seen = 0;
        if let Some(own) = self.roots.first() {
            collect(own, DEPTH_MAX, &mut seen, &mut found);
        }
        found.sort();
        found
    }

    /// Reads and plans the script in `file`.
    ///
    /// # Errors
    /// [`Unreadable`] says why it is none.
    pub fn load(&self, file: &Path) -> Result<Script, Unreadable> {
        let bytes = self.read(file)?;
        let tree = Tree::read(&bytes, &Limits::default()).map_err(|_| Unreadable::Malformed(shown(file)))?;
        let plan = parse::parse(&tree, file).map_err(|_| Unreadable::NoScript(shown(file)))?;
        Ok(Script { plan })
    }

    /// The script of the folder of `beside` that is called `name`.
    pub(crate) fn named(&self, beside: &Path, name: &str) -> Option<Script> {
        let mut found = Vec::new();
        collect(beside.parent()?, 1, &mut 0, &mut found);
        found.sort();
        let mut scripts = found.iter().filter_map(|file| self.load(file).ok());
        scripts.find(|script| script.plan.name == name || script.plan.id.as_deref() == Some(name))
    }

    /// Reads a file of the folder.
    pub(crate) fn read(&self, file: &Path) -> Result<Bytes, Unreadable> {
        let real = file.canonicalize().map_err(|_| Unreadable::Missing(shown(file)))?;
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            return Err(Unreadable::Outside(shown(file)));
        }
        let opened = File::open(&real).map_err(|_| Unreadable::Missing(shown(file)))?;
        if !opened.metadata().is_ok_and(|about| about.is_file()) {
            return Err(Unreadable::Missing(shown(file)));
        }
        let mut bytes = Vec::new();
        let read = opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|_| Unreadable::Missing(shown(file)))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(Unreadable::TooLarge(shown(file)));
        }
        Ok(Bytes::from(bytes))
    }

    /// The file that `reference` in the script `from` means.
    pub(crate) fn resolve(&self, from: &Path, reference: &str) -> Result<PathBuf, Unreadable> {
        let mut outside = false;
        for place in self.places(from, reference) {
            for suffix in ["", ".json", ".xml"] {
                let mut name = place.clone().into_os_string();
                name.push(suffix);
                let Ok(real) = PathBuf::from(name).canonicalize() else { continue };
                if !self.roots.iter().any(|root| real.starts_with(root)) {
                    outside = true;
                } else if real.is_file() {
                    return Ok(real);
                }
            }
        }
        let reference = reference.chars().take(200).collect();
        Err(if outside { Unreadable::Outside(reference) } else { Unreadable::Missing(reference) })
    }

    /// Where it may lie: beside the script, at the same place of the other folders, and, from the top, in each.
    fn places(&self, from: &Path, reference: &str) -> Vec<PathBuf> {
        let plain = reference.split(['?', '#']).next().unwrap_or(reference);
        let from = from.canonicalize().unwrap_or_else(|_| from.to_owned());
        let folder = from.parent().unwrap_or(&from);
        let within =
            self.roots.iter().find_map(|root| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
        let relative = plain.trim_start_matches('/');
        let beside =
            self.roots.iter().filter(|_| !plain.starts_with('/')).map(|root| joined(root, within, relative));
        let beside: Vec<PathBuf> = std::iter::once(joined(folder, Path::new(""), relative))
            .filter(|_| !plain.starts_with('/'))
            .chain(beside)
            .collect();
        let top = self.roots.iter().map(|root| joined(root, Path::new(""), relative));
        beside.into_iter().chain(top).collect()
    }
}

/// Joins by the letters of the path: `a/../b` is `b` whether or not there is an `a`.
fn joined(root: &Path, within: &Path, relative: &str) -> PathBuf {
    let mut out = root.to_owned();
    for part in within.components().chain(Path::new(relative).components()) {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    out
}

fn collect(folder: &Path, depth: usize, seen: &mut usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        *seen += 1;
        if *seen > FILES_MAX {
            return;
        }
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 1 => collect(&path, depth - 1, seen, found),
            Ok(kind) if kind.is_file() => {
                if path.extension().is_some_and(|end| end == "json" || end == "xml") {
                    found.push(path);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }
}

fn shown(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
