//! Reading the file of tables; its head explains the format.

use std::sync::OnceLock;

use super::{
    Component, ElementRow, ElementType, KeyRow, Names, Release, SearchKind, SearchParameter, SearchPath,
    TYPE_BITS, Tables, TypeId, TypeKind, TypeRow, XmlForm,
};

/// Decodes the whole file of a release, or nothing when a line of it is not understood.
pub(super) fn decode(release: Release, text: &'static str) -> Option<Tables> {
    let mut tables = Tables { by_name: names(release, text)?, ..Tables::default() };
    for line in lines(text) {
        if let Some(element) = line.strip_prefix(' ') {
            let row = element_row(element, &tables)?;
            let index = u32::try_from(tables.elements.len()).ok()?;
            tables.elements.push(row);
            tables.types.last_mut()?.elements.push(index);
        } else if let Some(search) = line.strip_prefix('?') {
            let search = search_parameter(search, &tables)?;
            tables.types.last_mut()?.searches.push(search);
        } else if let Some(codes) = line.strip_prefix('=') {
            tables.types.last_mut()?.compartment = codes.split(' ').collect();
        } else {
            let row = type_row(line, &tables)?;
            tables.types.push(row);
        }
    }
    let keys: Option<Vec<_>> = tables.types.iter().map(|row| keys(row, &tables)).collect();
    for (row, keys) in tables.types.iter_mut().zip(keys?) {
        row.keys = keys;
        row.searches.sort_unstable_by_key(SearchParameter::code);
    }
    Some(tables)
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn names(release: Release, text: &'static str) -> Option<Names> {
    let bits = u16::from(release.number()) << TYPE_BITS.count_ones();
    let mut names = Names::default();
    for line in lines(text).filter(|line| !line.starts_with([' ', '?', '='])) {
        let id = TypeId(bits | u16::try_from(names.len()).ok().filter(|index| *index <= TYPE_BITS)?);
        if names.insert(line.split(' ').next()?, id).is_some() {
            return None;
        }
    }
    Some(names)
}

fn type_row(line: &'static str, tables: &Tables) -> Option<TypeRow> {
    let mut words = line.split(' ');
    let (name, base, kind) = (words.next()?, words.next()?, words.next()?);
    let base = if base == "-" { None } else { Some(*tables.by_name.get(base)?) };
    let inherited = match base {
        Some(base) => tables.types.get(usize::from(base.0 & TYPE_BITS))?.elements.clone(),
        None => Vec::new(),
    };
    Some(TypeRow {
        name,
        kind: match kind {
            "resource" => TypeKind::Resource,
            "abstract" => TypeKind::Abstract,
            "complex" => TypeKind::Complex,
            "backbone" => TypeKind::Backbone,
            "string" => TypeKind::Text,
            "number" => TypeKind::Number,
            "boolean" => TypeKind::Boolean,
            _ => return None,
        },
        base,
        elements: inherited,
        keys: Vec::new(),
        searches: Vec::new(),
        compartment: Vec::new(),
        persons: OnceLock::new(),
    })
}

fn element_row(line: &'static str, tables: &Tables) -> Option<ElementRow> {
    let mut words = line.split(' ');
    let (name, card, flags) = (words.next()?, words.next()?, words.next()?);
    let types: Option<Vec<_>> = words.map(|word| element_type(word, name, tables)).collect();
    let types = types.filter(|types| !types.is_empty())?;
    Some(ElementRow {
        defined_by: *tables.by_name.get(tables.types.last()?.name)?,
        name,
        min: u8::from(matches!(card, "1" | "+")),
        array: matches!(card, "*" | "+"),
        modifier: flags.contains('M'),
        summary: flags.contains('S'),
        xml: if flags.contains('A') { XmlForm::Attribute } else { XmlForm::Element },
        types,
    })
}

fn element_type(word: &'static str, name: &str, tables: &Tables) -> Option<ElementType> {
    let (code, targets) = with_targets(word, tables)?;
    let id = match code {
        "@" => *tables.by_name.get(format!("{}.{name}", tables.types.last()?.name).as_str())?,
        _ => *tables.by_name.get(code.trim_start_matches('#'))?,
    };
    Some(ElementType { id, targets })
}

/// Splits `code(Target,...)`.
fn with_targets(word: &'static str, tables: &Tables) -> Option<(&'static str, Vec<TypeId>)> {
    match word.split_once('(') {
        None => Some((word, Vec::new())),
        Some((code, targets)) => {
            let names = targets.strip_suffix(')')?.split(',');
            let ids: Option<_> = names.map(|name| tables.by_name.get(name).copied()).collect();
            Some((code, ids?))
        }
    }
}

fn search_parameter(line: &'static str, tables: &Tables) -> Option<SearchParameter> {
    let mut words = line.split(' ');
    let (code, kind) = (words.next()?, words.next()?);
    let (kind, targets) = search_kind(kind, tables)?;
    let words: Vec<&'static str> = words.filter(|word| *word != "!").collect();
    if kind == SearchKind::Composite && !words.is_empty() {
        return composite(code, &words, tables);
    }
    let paths: Option<Vec<_>> = words.into_iter().map(|word| search_path(word, tables)).collect();
    let paths = paths?;
    let reads = sorted(paths.iter().flat_map(SearchPath::reads));
    Some(SearchParameter { code, kind, targets, paths, reads, items: Vec::new(), components: Vec::new() })
}

/// Reads `ITEM... ;KIND PATH... ;KIND PATH...`.
fn composite(code: &'static str, words: &[&'static str], tables: &Tables) -> Option<SearchParameter> {
    let mut items = Vec::new();
    let mut components: Vec<Component> = Vec::new();
    for word in words {
        if let Some(kind) = word.strip_prefix(';') {
            let (kind, targets) = search_kind(kind, tables)?;
            let (of_item, of_resource) = (Vec::new(), Vec::new());
            components.push(Component { kind, targets, of_item, of_resource, reads: Vec::new() });
            continue;
        }
        match (components.last_mut(), word.strip_prefix('/')) {
            (None, _) => items.push(if *word == "." { "" } else { word }),
            (Some(component), Some(path)) => component.of_resource.push(search_path(path, tables)?),
            (Some(component), None) => component.of_item.push(search_path(word, tables)?),
        }
    }
    let mut paths: Vec<SearchPath> = Vec::new();
    for component in &mut components {
        let below = items.iter().flat_map(|item| component.of_item.iter().map(|path| path.below(item)));
        let own: Vec<SearchPath> = below.chain(component.of_resource.iter().cloned()).collect();
        component.reads = sorted(own.iter().flat_map(SearchPath::reads));
        paths.extend(own);
    }
    let is_whole = !items.is_empty() && components.len() > 1;
    let reads = sorted(paths.iter().flat_map(SearchPath::reads));
    let (kind, targets) = (SearchKind::Composite, Vec::new());
    is_whole.then_some(SearchParameter { code, kind, targets, paths, reads, items, components })
}

fn search_kind(text: &'static str, tables: &Tables) -> Option<(SearchKind, Vec<TypeId>)> {
    let (kind, targets) = with_targets(text, tables)?;
    let kind = match kind {
        "token" => SearchKind::Token,
        "reference" => SearchKind::Reference,
        "string" => SearchKind::String,
        "date" => SearchKind::Date,
        "number" => SearchKind::Number,
        "quantity" => SearchKind::Quantity,
        "uri" => SearchKind::Uri,
        "composite" => SearchKind::Composite,
        "special" => SearchKind::Special,
        _ => return None,
    };
    Some((kind, targets))
}

fn search_path(text: &'static str, tables: &Tables) -> Option<SearchPath> {
    SearchPath::decode(text, |name| tables.by_name.get(name).copied())
}

fn sorted(paths: impl Iterator<Item = String>) -> Vec<String> {
    let mut paths: Vec<String> = paths.collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The JSON names of the elements of a type, sorted.
fn keys(row: &TypeRow, tables: &Tables) -> Option<Vec<KeyRow>> {
    let mut keys = Vec::with_capacity(row.elements.len());
    for index in &row.elements {
        let element = tables.elements.get(*index as usize)?;
        match element.name.strip_suffix("[x]") {
            None => keys.push(KeyRow { key: element.name.to_owned(), element: *index, choice: 0 }),
            Some(stem) => {
                for (choice, found) in element.types.iter().enumerate() {
                    let name = tables.types.get(usize::from(found.id.0 & TYPE_BITS))?.name;
                    let first = name.chars().next()?.to_ascii_uppercase();
                    let key = format!("{stem}{first}{}", name.get(1..)?);
                    keys.push(KeyRow { key, element: *index, choice });
                }
            }
        }
    }
    keys.sort_unstable_by(|left, right| left.key.cmp(&right.key));
    Some(keys)
}
