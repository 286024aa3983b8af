//! A value that a definition fixes, or gives as a pattern.
//!
//! Written as a quoted text, or the children in brackets, or both: `("system" ...)` would be
//! `(system"http://loinc.org" code"85354-9")`. What FHIR tells apart (a boolean, a number) is a text all the same: the type of
//! the element says what it is.

/// How deep a value may be.
const DEPTH_MAX: usize = 24;

/// One value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exact {
    /// The primitive value.
    pub text: Option<Box<str>>,
    /// Its children, in order; what repeats stands there again.
    pub children: Vec<(Box<str>, Exact)>,
}

impl Exact {
    /// Reads what [`Self::write`] wrote.
    #[must_use]
    pub fn read(written: &str) -> Option<Self> {
        let mut rest = written;
        let value = value(&mut rest, DEPTH_MAX)?;
        rest.is_empty().then_some(value)
    }

    /// Writes it at the end of `out`.
    pub fn write(&self, out: &mut String) {
        if let Some(text) = &self.text {
            out.push('"');
            for letter in text.chars() {
                if matches!(letter, '"' | '\\') {
                    out.push('\\');
                }
                out.push(letter);
            }
            out.push('"');
        }
        if self.children.is_empty() {
            return;
        }
        out.push('(');
        for (name, child) in &self.children {
            out.push_str(&format!("{name}"));
            child.write(out);
        }
        out.push(')');
    }

    /// The first child called `name`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|(is, _)| &**is == name).map(|(_, child)| child)
    }
}

fn value(rest: &mut &str, depth: usize) -> Option<Exact> {
    let depth = depth.checked_sub(1)?;
    let mut found = Exact::default();
    if let Some(after) = rest.strip_prefix('"') {
        *rest = after;
        found.text = Some(quoted(rest)?.into());
    }
    let Some(after) = rest.strip_prefix('(') else {
        return Some(found);
    };
    *rest = after;
    loop {
        if let Some(after) = rest.strip_prefix(')') {
            *rest = after;
            return Some(found);
        }
        let end = rest.find(['"', '(', ')'])?;
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() || after.starts_with(')') {
            return None;
        }
        *rest = after;
        found.children.push((name.into(), value(rest, depth)?));
    }
}

fn quoted(rest: &mut &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                *rest = rest.get(at.checked_add(1)?..)?;
                return Some(out);
            }
            '\\' => out.push(letters.next()?.1),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Exact;

    #[test]
    fn a_value_reads_as_it_was_written() {
        for written in [
            "\"a \\\"b\\\" \\\\\"",
            "(system\"http://loinc.org\"code\"1-8\")",
            "(coding(code\"x\")coding(code\"y\")text\"both\")",
            "\"v\"(extension(url\"u\"))",
        ] {
            let value = Exact::read(written).expect("reads");
            let mut again = String::new();
            value.write(&mut again);
            assert_eq!(again, written);
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for bad in ["\"open", "(a", "(a)", "(\"x\")", "x", "\"a\"b"] {
            assert_eq!(Exact::read(bad), None, "{bad}");
        }
        let deep = format!("{}\"x\"{}", "(a".repeat(100), ")".repeat(100));
        assert_eq!(Exact::read(&deep), None);
    }
}
