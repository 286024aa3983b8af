//! Packs made from FHIR packages: folders, files or archives (`.tgz`) of definitions in JSON or XML.
//!
//! Taken are StructureDefinitions (the differential; a snapshot when there is no other), ValueSets and CodeSystems, also
//! those inside Bundles and one a line in `.ndjson`. Logical models and everything that only explains is left out.

mod archive;
mod terms;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::exact::Exact;
use super::pack::{HEAD, escaped};
use crate::tree::{Limits, Node, Tree};

/// Bytes of one file of a package.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Why no pack was made.
#[derive(Debug, thiserror::Error)]
pub enum Unmade {
    /// A file or folder that cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// It.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An archive that is none.
    #[error("{} is no archive of a package", path.display())]
    Archive {
        /// It.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("there is no definition in what was given")]
    Nothing,
    /// The pack cannot be compressed.
    #[error("the pack cannot be compressed")]
    Compression(#[source] std::io::Error),
}

/// A pack, and what was left out of it.
#[derive(Debug)]
pub struct Made {
    /// The pack, compressed.
    pub bytes: Vec<u8>,
    /// How many definitions it holds.
    pub definitions: usize,
    /// Files that are neither JSON nor XML that can be read.
    pub unread: Vec<String>,
}

/// Makes a pack of what `inputs` hold. `notes` go into its head, one a line: where it is from, whose it is, its licence.
///
/// # Errors
/// [`Unmade`] when an input cannot be read or holds no definition.
pub fn pack(inputs: &[PathBuf], notes: &[String]) -> Result<Made, Unmade> {
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut unread = Vec::new();
    for input in inputs {
        for (name, bytes) in files(input)? {
            let texts: Vec<&[u8]> = if name.ends_with(".ndjson") {
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect()
            } else {
                vec![bytes.as_slice()]
            };
            for text in texts {
                match Tree::read(text, &Limits::default()) {
                    Ok(tree) => resource(tree.root(), &mut sections),
                    Err(_) => unread.push(name.clone()),
                }
            }
        }
    }
    sections.sort();
    sections.dedup_by(|one, other| one.0 == other.0);
    if sections.is_empty() {
        return Err(Unmade::Nothing);
    }
    let mut text = HEAD.to_owned();
    for note in notes {
        text.push_str(&format!("# {}\n", note.replace(['\n', '\r'], " ")));
    }
    text.extend(sections.iter().map(|(_, section)| section.as_str()));
    let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    let bytes =
        encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(Unmade::Compression)?;
    Ok(Made { bytes, definitions: sections.len(), unread })
}

fn files(input: &Path) -> Result<Vec<(String, Vec<u8>)>, Unmade> {
    let unreadable = |source| Unmade::Unreadable { path: input.to_owned(), source };
    if input.is_dir() {
        let mut all = Vec::new();
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(input).map_err(unreadable)? {
            entries.push(entry.map_err(unreadable)?.path());
        }
        entries.sort();
        for entry in entries {
            if entry.is_dir() || wanted(&entry.to_string_lossy()) {
                all.extend(files(&entry)?);
            }
        }
        return Ok(all);
    }
    let length = std::fs::metadata(input).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        return Err(Unmade::Archive { path: input.to_owned() });
    }
    let bytes = std::fs::read(input).map_err(unreadable)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return archive::files(&bytes).ok_or_else(|| Unmade::Archive { path: input.to_owned() });
    }
    Ok(vec![(input.to_string_lossy().into_owned(), bytes)])
}

/// Whether a file may hold definitions.
fn wanted(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let ends = [".json", ".xml", ".ndjson", ".tgz"].iter().any(|end| last.ends_with(end));
    ends && !matches!(last, "package.json" | ".index.json" | "ig-r4.json" | "fhirpkg.lock.json")
}

fn resource(node: Node<'_>, sections: &mut Vec<(String, String)>) {
    match node.resource_type().unwrap_or_default() {
        "StructureDefinition" => sections.extend(structure(node)),
        "ValueSet" => sections.extend(terms::value_set(node)),
        "CodeSystem" => sections.extend(terms::code_system(node)),
        "Bundle" => {
            for entry in node.named("entry") {
                if let Some(inside) = entry.child("resource") {
                    resource(inside, sections);
                }
            }
        }
        _ => {}
    }
}

fn text<'t>(node: Node<'t>, name: &str) -> &'t str {
    node.child_text(name).unwrap_or_default()
}

/// The lines of a structure definition, behind what they are sorted by.
fn structure(node: Node<'_>) -> Option<(String, String)> {
    let url = node.child_text("url")?;
    let kind = match text(node, "kind") {
        "primitive-type" => "p",
        "complex-type" | "datatype" => "c",
        "resource" => "r",
        _ => return None,
    };
    let is_abstract = if text(node, "abstract") == "true" { "a" } else { "" };
    let derivation = if text(node, "derivation") == "constraint" { "c" } else { "s" };
    let mut out = String::new();
    let fields =
        [url, text(node, "version"), text(node, "name"), text(node, "type"), text(node, "baseDefinition")];
    out.push('S');
    for field in fields {
        out.push_str(&format!("\t{}", escaped(field)));
    }
    out.push_str(&format!("\t{kind}{is_abstract}\t{derivation}\n"));
    for context in node.named("context") {
        out.push_str(&format!("X\t{}\t{}\n", text(context, "type"), escaped(text(context, "expression"))));
    }
    for invariant in node.named("contextInvariant").filter_map(Node::text) {
        out.push_str(&format!("Y\t{}\n", escaped(invariant)));
    }
    let view = node.child("differential").or_else(|| node.child("snapshot"))?;
    let mut ids = Ids::default();
    for element in view.named("element") {
        out.push_str("E\t");
        out.push_str(&ids.of(element));
        change(element, &mut out);
        out.push('\n');
    }
    Some((format!("1 {url}"), out))
}

/// The lines of the structure definition at `node`, as a pack has them.
pub(crate) fn structure_text(node: Node<'_>) -> Option<String> {
    structure(node).map(|(_, text)| text)
}

/// Ids for elements that were given none: the slices of a path hold until the same path comes again.
#[derive(Default)]
struct Ids {
    slices: Vec<(String, String)>,
}

impl Ids {
    fn of(&mut self, element: Node<'_>) -> String {
        let path = text(element, "path");
        let slice = element.child_text("sliceName");
        let id = text(element, "id");
        let parts = |text: &str| text.split('.').count();
        if id.contains('.') && parts(id) == parts(path) || (id == path && slice.is_none()) {
            return below(id);
        }
        let within = |kept: &str| path.strip_prefix(kept).is_some_and(|rest| rest.starts_with('.'));
        self.slices.retain(|(kept, _)| within(kept));
        let mut found = path.to_owned();
        // The innermost slice that is still open tells the start of the id.
        if let Some((kept, with)) = self.slices.last() {
            found = format!("{with}{}", path.strip_prefix(kept.as_str()).unwrap_or_default());
        }
        if let Some(slice) = slice {
            found = format!("{found}:{slice}");
            self.slices.push((path.to_owned(), found.clone()));
        }
        below(&found)
    }
}

/// The id without its type, `.` for the root.
fn below(id: &str) -> String {
    id.split_once('.').map_or_else(|| ".".to_owned(), |(_, rest)| rest.to_owned())
}

fn change(element: Node<'_>, out: &mut String) {
    let (min, max) = (text(element, "min"), text(element, "max"));
    if !min.is_empty() || !max.is_empty() {
        out.push_str(&format!("\tc{min}..{max}"));
    }
    for kind in element.named("type") {
        out.push_str(&format!("\tt{}", type_use(kind)));
    }
    if let Some(content) = element.child_text("contentReference") {
        out.push_str(&format!("\tr{}", content.rsplit('#').next().unwrap_or(content)));
    }
    for child in element.children() {
        let letter = match child.name() {
            name if name.starts_with("fixed") => 'f',
            name if name.starts_with("pattern") => 'p',
            name if name.starts_with("minValue") => 'v',
            name if name.starts_with("maxValue") => 'w',
            _ => continue,
        };
        let mut value = String::new();
        exact(child).write(&mut value);
        out.push_str(&format!("\t{letter}{}", escaped(&value)));
    }
    if let Some(binding) = element.child("binding") {
        let set = text(binding, "valueSet");
        let letter = match text(binding, "strength") {
            "required" => 'r',
            "extensible" => 'e',
            "preferred" => 'p',
            _ => 'x',
        };
        if !set.is_empty() {
            out.push_str(&format!("\tb{letter}{}", escaped(set)));
        }
    }
    for constraint in element.named("constraint") {
        let severity = if text(constraint, "severity") == "error" { 'e' } else { 'w' };
        let (key, expression) = (text(constraint, "key"), text(constraint, "expression"));
        let said =
            format!("{key} {severity} {} {expression} {}", expression.len(), text(constraint, "human"));
        out.push_str(&format!("\ti{}", escaped(&said)));
    }
    if let Some(slicing) = element.child("slicing") {
        out.push_str(&format!("\ts{}", escaped(&sliced(slicing))));
    }
    if let Some(longest) = element.child_text("maxLength") {
        out.push_str(&format!("\tl{longest}"));
    }
    if text(element, "isModifier") == "true" {
        out.push_str("\tm");
    }
}

fn type_use(kind: Node<'_>) -> String {
    let mut out = text(kind, "code").to_owned();
    for profile in kind.named("profile").filter_map(Node::text) {
        out.push_str(&format!(" <{}", profile.replace(' ', "%20")));
    }
    for target in kind.named("targetProfile").filter_map(Node::text) {
        out.push_str(&format!(" >{}", target.replace(' ', "%20")));
    }
    for place in kind.named("aggregation").filter_map(Node::text) {
        if matches!(place, "contained" | "bundled" | "referenced") {
            out.push_str(&format!(" +{place}"));
        }
    }
    escaped(&out).into_owned()
}

fn sliced(slicing: Node<'_>) -> String {
    let mut out = match text(slicing, "rules") {
        "closed" => "c",
        "openAtEnd" => "e",
        _ => "o",
    }
    .to_owned();
    if text(slicing, "ordered") == "true" {
        out.push('!');
    }
    for discriminator in slicing.named("discriminator") {
        let path = text(discriminator, "path").replace(' ', "");
        out.push_str(&format!(" {}:{path}", text(discriminator, "type")));
    }
    out
}

fn exact(node: Node<'_>) -> Exact {
    let children = node.children().map(|child| (child.name().into(), exact(child))).collect();
    Exact { text: node.text().map(Into::into), children }
}
