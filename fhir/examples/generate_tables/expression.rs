//! From the FHIRPath subset that search parameters use to the element paths that they read.

use crate::Tables;

/// The paths that a parameter of type `owner` reads, or nothing when its expression is outside the subset or touches
/// nothing of `owner`.
pub(crate) fn compile(tables: &Tables, owner: &str, expression: &str) -> Option<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    for alternative in split(expression, " | ") {
        for operand in split(alternative.trim(), " and ") {
            let operand = operand.split(" != ").next().unwrap_or_default();
            let chain = chain(operand)?;
            let (first, rest) = chain.split_first()?;
            let path = match (is_owner(first, owner), first.name.starts_with(char::is_uppercase)) {
                (true, _) => resolve(tables, owner, rest)?,
                (false, false) => resolve(tables, owner, &chain)?,
                (false, true) => continue,
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    (!paths.is_empty()).then_some(paths)
}

/// One of the parameters that a composite joins, as that parameter is defined, and where the composite looks.
pub(crate) struct Component {
    /// Its kind, and what it may refer to.
    pub(crate) kind: String,
    /// Where the parameter itself looks.
    pub(crate) defined: String,
    /// Where the composite looks, below one of its items.
    pub(crate) expression: String,
}

/// The items of a composite of type `owner` and what of them each component compares, as the tables write it, or nothing when
/// something of it is outside the subset.
pub(crate) fn composite(
    tables: &Tables,
    owner: &str,
    expression: &str,
    components: &[Component],
) -> Option<String> {
    let mut items: Vec<(String, Vec<String>)> = Vec::new();
    for alternative in split(expression, " | ") {
        let chain = chain(alternative)?;
        let (first, rest) = chain.split_first()?;
        if is_owner(first, owner) {
            let (path, ending, types) = walk(tables, vec![owner.to_owned()], rest)?;
            if !ending.is_empty() {
                return None;
            }
            items.push((path, types));
        }
    }
    let read: Vec<Vec<String>> = components
        .iter()
        .map(|component| below(tables, owner, &items, &component.expression))
        .collect::<Option<_>>()?;
    let mut line: Vec<String> =
        items.iter().map(|(path, _)| if path.is_empty() { ".".to_owned() } else { path.clone() }).collect();
    if line.is_empty() || components.is_empty() {
        return None;
    }
    for (at, component) in components.iter().enumerate() {
        let defined = compile(tables, owner, &component.defined)?;
        // R4 names the parameters of one composite and their expressions crosswise: what a component compares is what the
        // parameter reads that it names.
        let own = read.get(at).into_iter().chain(&read);
        let paths = own.into_iter().find_map(|paths| told_by(&defined, &items, paths))?;
        line.push(format!(";{}", component.kind));
        line.extend(paths);
    }
    Some(line.join(" "))
}

/// The paths of a component below an item, the same below each item; those of the resource begin with `/`.
fn below(
    tables: &Tables,
    owner: &str,
    items: &[(String, Vec<String>)],
    expression: &str,
) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    for part in split(expression, " | ") {
        let chain = chain(part.trim())?;
        let path = match chain.split_first()? {
            (first, rest) if first.name == "%resource" => format!("/{}", resolve(tables, owner, rest)?),
            _ => {
                let found: Option<Vec<String>> = items
                    .iter()
                    .map(|(_, types)| {
                        let (path, ending, _) = walk(tables, types.clone(), &chain)?;
                        (!path.is_empty()).then(|| path + &ending)
                    })
                    .collect();
                let mut found = found?;
                found.dedup();
                let [only] = found.as_slice() else { return None };
                only.clone()
            }
        };
        paths.push(path);
    }
    Some(paths)
}

/// What of `paths` the parameter reads that is `defined` so, with the types that it compares where the composite tells
/// none; nothing if it reads something else.
fn told_by(defined: &[String], items: &[(String, Vec<String>)], paths: &[String]) -> Option<Vec<String>> {
    let mut told = Vec::new();
    for path in paths {
        let whole: Vec<String> = match path.strip_prefix('/') {
            Some(path) => vec![path.to_owned()],
            None => items.iter().map(|(item, _)| joined(item, path)).collect(),
        };
        let bare = |path: &str| path.split([':', '>']).next().unwrap_or_default().to_owned();
        let known = |found: &&String| whole.iter().any(|path| bare(path) == bare(found));
        let found: Vec<&String> = defined.iter().filter(known).collect();
        if found.is_empty() {
            return None;
        }
        let mut endings: Vec<&str> =
            found.iter().map(|found| found.get(bare(found).len()..).unwrap_or_default()).collect();
        endings.sort_unstable();
        endings.dedup();
        match bare(path) == *path && !endings.contains(&"") {
            true => told.extend(endings.iter().map(|ending| format!("{path}{ending}"))),
            false => told.push(path.clone()),
        }
    }
    Some(told)
}

fn joined(item: &str, path: &str) -> String {
    if item.is_empty() { path.to_owned() } else { format!("{item}.{path}") }
}

fn is_owner(first: &Step, owner: &str) -> bool {
    matches!(first.name.as_str(), "Resource" | "DomainResource") || first.name == owner
}

/// A name or a call.
struct Step {
    name: String,
    argument: Option<String>,
}

/// Splits at `separator` where no bracket and no quote is open.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut from) = (0_u32, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        let here = text.get(at..).unwrap_or_default();
        if depth == 0 && !quoted && at >= from && here.starts_with(separator) {
            parts.push(text.get(from..at).unwrap_or_default());
            from = at + separator.len();
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// Reads `a.b.f(x)` and `(a.b as T).c`.
fn chain(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for segment in split(text.trim(), ".") {
        let segment = segment.trim();
        match segment.split_once('(') {
            None => steps.push(Step { name: segment.to_owned(), argument: None }),
            Some(("", inner)) => {
                let inner = inner.strip_suffix(')')?;
                let (inside, kind) = match split(inner, " as ").as_slice() {
                    [inside] => (*inside, None),
                    [inside, kind] => (*inside, Some(kind.trim().to_owned())),
                    _ => return None,
                };
                steps.extend(chain(inside)?);
                if let Some(kind) = kind {
                    steps.push(Step { name: "as".to_owned(), argument: Some(kind) });
                }
            }
            Some((name, argument)) => {
                let argument = argument.strip_suffix(')')?.trim().to_owned();
                steps.push(Step { name: name.to_owned(), argument: Some(argument) });
            }
        }
    }
    Some(steps)
}

/// Writes the path of `steps` from `owner` on, in the words of the tables.
fn resolve(tables: &Tables, owner: &str, steps: &[Step]) -> Option<String> {
    let (path, ending, _) = walk(tables, vec![owner.to_owned()], steps)?;
    (!path.is_empty()).then(|| path + &ending)
}

/// The path of `steps` from `types` on, how it ends, and the types that it leads to.
fn walk(tables: &Tables, mut types: Vec<String>, steps: &[Step]) -> Option<(String, String, Vec<String>)> {
    let mut path = String::new();
    let mut ending = String::new();
    for step in steps {
        match (step.name.as_str(), step.argument.as_deref()) {
            (name, None) => {
                if ending.starts_with('>') {
                    return None;
                }
                ending.clear();
                let (name, next) = child(tables, &types, name)?;
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
                types = next;
            }
            ("as" | "ofType", Some(kind)) => {
                // One expression of R4 says `DateTime` and means `dateTime`.
                types.retain(|found| found.eq_ignore_ascii_case(kind));
                ending = format!(":{}", types.first()?);
            }
            ("exists", Some("")) => {}
            ("where", Some(condition)) => {
                if let Some(kind) = condition.strip_prefix("resolve() is ") {
                    ending = format!(">{kind}");
                } else if let Some((name, value)) = condition.split_once('=') {
                    let (name, _) = child(tables, &types, name.trim())?;
                    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                    path.push_str(&format!("{{{name}={value}}}"));
                } else {
                    let address = quoted(condition.strip_prefix("hasExtension(")?.strip_suffix(')')?)?;
                    path.push_str(&format!("{{extension:{address}=}}"));
                }
            }
            ("extension", Some(address)) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&format!("extension:{}", quoted(address)?));
                types = vec!["Extension".to_owned()];
            }
            _ => return None,
        }
    }
    Some((path, ending, types))
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

/// The element that `name` stands for in any of `types`, and its own types.
fn child(tables: &Tables, types: &[String], name: &str) -> Option<(String, Vec<String>)> {
    let choice = format!("{name}[x]");
    for owner in types {
        for name in [name, &choice] {
            let Some(row) = tables.row(owner, name) else { continue };
            let next = row.types.iter().map(|found| match found.split_once('(') {
                _ if found == "@" => format!("{owner}.{name}"),
                Some((code, _)) => code.to_owned(),
                None => found.trim_start_matches('#').to_owned(),
            });
            return Some((name.to_owned(), next.collect()));
        }
    }
    None
}
