//! From the FHIRPath subset that search parameters use to the element paths that they read.

use crate::Tables;

/// The paths that a parameter of type `owner` reads, or nothing when its expression is outside the subset or touches
/// nothing of `owner`.
pub(crate) fn compile(
    tables: &Tables,
    owner: &str,
    expression: &str,
    components: &[(String, String)],
) -> Option<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    for alternative in split(expression, " | ") {
        let alternative = alternative.trim();
        let mut read = Vec::new();
        if components.is_empty() {
            read.push(alternative.to_owned());
        }
        for (_, component) in components {
            for part in split(component, " | ") {
                read.push(format!("{alternative}.{}", part.trim()));
            }
        }
        for text in read {
            for operand in split(&text, " and ") {
                let operand = operand.split(" != ").next().unwrap_or_default();
                let chain = chain(operand)?;
                let (first, rest) = chain.split_first()?;
                let is_owner =
                    matches!(first.name.as_str(), "Resource" | "DomainResource") || first.name == owner;
                let is_type = first.name.starts_with(char::is_uppercase);
                let path = match (is_owner, is_type) {
                    (true, _) => resolve(tables, owner, rest)?,
                    (false, false) => resolve(tables, owner, &chain)?,
                    (false, true) => continue,
                };
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
    }
    (!paths.is_empty()).then_some(paths)
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
    let mut path = String::new();
    let mut types = vec![owner.to_owned()];
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
    (!path.is_empty()).then(|| path + &ending)
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
