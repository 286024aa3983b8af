//! Code maps, the systems behind OIDs, and the headings of sections, as `maps/cda` writes them.
//!
//! ```text
//! map NAME SYSTEM [of OID...] a code map; `-`: its codes have no system; the systems that its sources are of, `OID.*`: all below
//! SOURCE TARGET [display]     `=`: the same code; `~TARGET`: a broader one; `system|code`: of another system
//! ```
//! ```text
//! OID URI [name...]           a system, and what documents call it, in letters and digits alone
//! ```
//! ```text
//! heading CODE KIND display   a record-standard heading, and what its entries are about
//! code CODE...                section codes under it
//! title Some title            a title under it, for sections without a known code
//! ```

use std::collections::HashMap;

use super::maps::Words;
use crate::Context;
use crate::tree::{Node, Object};

/// The code system of the headings.
pub(super) const HEADINGS: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings";

/// All code tables.
#[derive(Debug, Default)]
pub(super) struct Codes {
    maps: HashMap<String, HashMap<String, Target>>,
    /// By map: the systems that its sources are of.
    sources: HashMap<String, Vec<String>>,
    systems: HashMap<String, System>,
    pub(super) headings: Vec<Heading>,
    by_code: HashMap<String, usize>,
    by_title: HashMap<String, usize>,
}

/// A system, and what documents call it.
#[derive(Debug)]
struct System {
    uri: String,
    names: Vec<String>,
}

/// What a code becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) system: Option<String>,
    pub(super) code: String,
    pub(super) display: String,
    /// The target says less than the source.
    pub(super) is_broader: bool,
}

/// A record-standard heading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) code: String,
    pub(super) kind: String,
    pub(super) display: String,
}

impl Codes {
    pub(super) fn read_maps(&mut self, lines: &[Words<'_>]) -> Result<(), usize> {
        let mut current: Option<(String, Option<String>)> = None;
        for line in lines {
            match (line.words.as_slice(), &current) {
                (["map", name, system, of @ ..], _) => {
                    let sources = match of {
                        [] => &[],
                        ["of", sources @ ..] => sources,
                        _ => return Err(line.number),
                    };
                    let sources = sources.iter().map(|source| (*source).to_owned()).collect();
                    self.sources.insert((*name).to_owned(), sources);
                    self.maps.entry((*name).to_owned()).or_default();
                    current = Some(((*name).to_owned(), (*system != "-").then(|| (*system).to_owned())));
                }
                ([source, target, display @ ..], Some((name, system))) => {
                    let (target, is_broader) =
                        target.strip_prefix('~').map_or((*target, false), |target| (target, true));
                    let target = if target == "=" { source } else { target };
                    let (system, code) = match target.split_once('|') {
                        Some((system, code)) => (Some(system.to_owned()), code),
                        None => (system.clone(), target),
                    };
                    let (code, display) = (code.to_owned(), display.join(" "));
                    let target = Target { system, code, display, is_broader };
                    self.maps.entry(name.clone()).or_default().insert((*source).to_owned(), target);
                }
                _ => return Err(line.number),
            }
        }
        Ok(())
    }

    pub(super) fn read_systems(&mut self, lines: &[Words<'_>]) -> Result<(), usize> {
        for line in lines {
            let [oid, uri, names @ ..] = line.words.as_slice() else { return Err(line.number) };
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            self.systems.insert((*oid).to_owned(), System { uri: (*uri).to_owned(), names });
        }
        Ok(())
    }

    pub(super) fn read_headings(&mut self, lines: &[Words<'_>]) -> Result<(), usize> {
        for line in lines {
            let last = self.headings.len().checked_sub(1);
            match (line.words.as_slice(), last) {
                (["heading", code, kind, display @ ..], _) => self.headings.push(Heading {
                    code: (*code).to_owned(),
                    kind: (*kind).to_owned(),
                    display: display.join(" "),
                }),
                (["code", codes @ ..], Some(last)) => {
                    self.by_code.extend(codes.iter().map(|code| ((*code).to_owned(), last)));
                }
                (["title", words @ ..], Some(last)) => {
                    self.by_title.insert(plain(&words.join(" ")), last);
                }
                _ => return Err(line.number),
            }
        }
        Ok(())
    }

    pub(super) fn has(&self, map: &str) -> bool {
        self.maps.contains_key(map)
    }

    /// What `code` becomes by the map `map`, or by what this sender means with it.
    pub(super) fn find(&self, map: &str, code: &str, context: &Context) -> Option<&Target> {
        let held = self.maps.get(map)?;
        if !context.codes.is_empty() {
            let local = context.codes.get(&(map.to_owned(), code.to_ascii_uppercase()));
            if let Some(target) = local.and_then(|standard| held.get(standard.as_str())) {
                return Some(target);
            }
        }
        held.get(code)
    }

    /// The target that the map itself names so.
    pub(super) fn target(&self, map: &str, code: &str) -> Option<&Target> {
        self.maps
            .get(map)?
            .values()
            .filter(|target| target.code == code)
            .max_by_key(|target| !target.is_broader)
    }

    /// The system behind an OID or UUID; a name that is none of these is kept as it stands when it is a URI.
    pub(super) fn system(&self, root: &str) -> Option<String> {
        match self.systems.get(root) {
            Some(system) => Some(system.uri.clone()),
            None => uri(root),
        }
    }

    /// Whether documents call the system behind `root` so.
    pub(super) fn is_called(&self, root: &str, name: &str) -> bool {
        let name = letters(name);
        self.systems.get(root).is_some_and(|system| system.names.contains(&name))
    }

    /// Whether the codes of the map `map` are of the system `root`.
    pub(super) fn is_of(&self, map: &str, root: &str) -> bool {
        let is_this = |source: &String| match source.strip_suffix('*') {
            Some(above) => root.starts_with(above),
            None => source == root,
        };
        self.sources.get(map).is_some_and(|sources| sources.iter().any(is_this))
    }

    /// The heading that a section stands under, by its code or else its title.
    pub(super) fn heading(&self, code: Option<&str>, title: Option<&str>) -> Option<&Heading> {
        let by_code = code.and_then(|code| self.by_code.get(code));
        let by_title = || title.and_then(|title| self.by_title.get(&plain(title)));
        by_code.or_else(by_title).and_then(|at| self.headings.get(*at))
    }
}

impl Target {
    pub(super) fn coding(&self) -> Object {
        let mut coding = Object::new();
        if let Some(system) = &self.system {
            coding.put("system", Node::text(system.as_str()));
        }
        coding.put("code", Node::text(self.code.as_str()));
        if !self.display.is_empty() {
            coding.put("display", Node::text(self.display.as_str()));
        }
        coding
    }

    pub(super) fn concept(&self) -> Node {
        Object::new().with("coding", Node::List(vec![self.coding().into()])).into()
    }
}

impl Heading {
    pub(super) fn coding(&self) -> Node {
        Object::new()
            .with("system", Node::text(HEADINGS))
            .with("code", Node::text(self.code.as_str()))
            .with("display", Node::text(self.display.as_str()))
            .into()
    }
}

/// A title without what senders write differently: capitals, punctuation, `&` for *and*.
fn plain(title: &str) -> String {
    let spelt = title.to_lowercase().replace('&', " and ");
    let words = spelt.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The letters and digits of a name, small.
pub(super) fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// An OID, UUID or URI as a URI.
pub(super) fn uri(root: &str) -> Option<String> {
    if is_oid(root) {
        Some(format!("urn:oid:{root}"))
    } else if is_uuid(root) {
        Some(format!("urn:uuid:{}", root.to_ascii_lowercase()))
    } else if root.contains(':') && !root.contains(char::is_whitespace) {
        Some(root.to_owned())
    } else {
        None
    }
}

pub(super) fn is_oid(root: &str) -> bool {
    root.contains('.')
        && root.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}

pub(super) fn is_uuid(root: &str) -> bool {
    let lengths: Vec<usize> = root.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && root.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
