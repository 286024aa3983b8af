//! Text with `${names}` in it, split once and filled at each use.
//!
//! Names may hold names themselves (`${a-${b}}`). What is begun and never closed is text.

use std::fmt;

/// How deep names may stand within names.
const DEPTH_MAX: usize = 8;

/// Text with places to fill.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(Vec<Self>),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        let parts = split(text, DEPTH_MAX);
        Self { text: text.to_owned(), parts }
    }

    /// The text as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing to fill.
    pub(crate) fn is_plain(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The names that are written out, innermost too; a name that depends on another is not among them.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        named(&self.parts, &mut names);
        names
    }

    /// Fills every name by `value`.
    ///
    /// # Errors
    /// The first that `value` gives.
    pub(crate) fn fill<E>(&self, value: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        if self.is_plain() { Ok(self.text.clone()) } else { filled(&self.parts, value) }
    }
}

fn filled<E>(parts: &[Part], value: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Name(name) => {
                let name = filled(name, value)?;
                out.push_str(&value(name.trim())?);
            }
        }
    }
    Ok(out)
}

fn named<'a>(parts: &'a [Part], names: &mut Vec<&'a str>) {
    for part in parts {
        let Part::Name(inner) = part else { continue };
        match inner.as_slice() {
            [Part::Text(name)] => names.push(name.trim()),
            _ => named(inner, names),
        }
    }
}

fn split(text: &str, depth: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        plain.push_str(before);
        let Some((name, behind)) = closed(after).filter(|(name, _)| depth > 0 && !name.trim().is_empty())
        else {
            plain.push_str("${");
            rest = after;
            continue;
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Name(split(name, depth - 1)));
        rest = behind;
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

/// The name up to the brace that closes it, and what comes after.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    let mut dollar = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if dollar => open += 1,
            '}' if open == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            '}' => open -= 1,
            '\n' => return None,
            _ => {}
        }
        dollar = letter == '$';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Template;

    fn fill(text: &str) -> Result<String, String> {
        Template::new(text).fill(&mut |name| match name {
            "gone" => Err(name.to_owned()),
            name => Ok(format!("<{name}>")),
        })
    }

    #[test]
    fn names_are_filled_wherever_they_stand() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${a}", "<a>"),
            ("/${a}/${b}?x=$1", "/<a>/<b>?x=$1"),
            ("${nl-core- -1}", "<nl-core- -1>"),
            ("${DATE, T, D,-3}", "<DATE, T, D,-3>"),
            ("${a-${b}}", "<a-<b>>"),
            ("${never", "${never"),
            ("${}", "${}"),
            ("${a}${", "<a>${"),
            ("{${a}}", "{<a>}"),
        ] {
            assert_eq!(fill(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(fill("${a} ${gone}"), Err("gone".to_owned()));
    }

    #[test]
    fn names_are_told_without_filling() {
        assert_eq!(Template::new("a ${b} ${c-${d}}").names(), ["b", "d"]);
        assert!(Template::new("a $b {c}").is_plain());
    }

    #[test]
    fn nesting_ends() {
        let deep = format!("{}x{}", "${".repeat(5000), "}".repeat(5000));
        assert!(!Template::new(&deep).text().is_empty());
    }
}
