//! `minimumId`: whether everything of one resource is in another, and everything that is not.
//!
//! Order of repeats is free and duplicates count: what repeats is matched so that no element of the one stands for two
//! of the other. The id of the resource itself is not compared (Testing IG, "minimumId").

use super::operator::compare;
use super::told::Telling;
use crate::tree::{Node, Written};

/// Differences that are listed; more are counted.
const LISTED_MAX: usize = 50;

/// Comparisons of two elements in all.
const STEPS_MAX: usize = 2_000_000;

/// What is missing or different.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Differences {
    pub(crate) listed: Vec<String>,
    pub(crate) more: usize,
}

/// Why two resources were not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the resources are too large to compare")]
pub(crate) struct TooLarge;

/// What of `least` is not in `whole`.
pub(crate) fn missing(least: Node<'_>, whole: Node<'_>, telling: Telling) -> Result<Differences, TooLarge> {
    let mut compared = Compared { steps: 0, telling, found: Differences::default() };
    if least.resource_type() != whole.resource_type() {
        compared.list(format!("{}: the other is another type", least.path()));
        return Ok(compared.found);
    }
    compared.list_missing(least, whole, Level::Resource)?;
    Ok(compared.found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Resource,
    Below,
}

struct Compared {
    steps: usize,
    telling: Telling,
    found: Differences,
}

impl Compared {
    fn list(&mut self, text: String) {
        if self.found.listed.len() < LISTED_MAX {
            self.found.listed.push(text);
        } else {
            self.found.more += 1;
        }
    }

    fn step(&mut self) -> Result<(), TooLarge> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(TooLarge) } else { Ok(()) }
    }

    /// Whether all of `least` is in `whole`.
    fn within(&mut self, least: Node<'_>, whole: Node<'_>) -> Result<bool, TooLarge> {
        self.step()?;
        if !same_value(least, whole)
            || least.resource_type().is_some_and(|kind| whole.resource_type() != Some(kind))
        {
            return Ok(false);
        }
        for name in names(least, Level::Below) {
            let wanted: Vec<Node<'_>> = least.named(name).collect();
            let there: Vec<Node<'_>> = whole.named(name).collect();
            if wanted.len() > there.len() || self.matched(&wanted, &there)?.iter().any(Option::is_none) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// For each of `wanted` the one of `there` that stands for it, by augmenting paths.
    fn matched(&mut self, wanted: &[Node<'_>], there: &[Node<'_>]) -> Result<Vec<Option<usize>>, TooLarge> {
        let mut fits: Vec<Vec<usize>> = Vec::with_capacity(wanted.len());
        for least in wanted {
            let mut row = Vec::new();
            for (at, whole) in there.iter().enumerate() {
                if self.within(*least, *whole)? {
                    row.push(at);
                }
            }
            fits.push(row);
        }
        let mut taken: Vec<Option<usize>> = vec![None; there.len()];
        for start in 0..wanted.len() {
            let mut seen = vec![false; there.len()];
            augment(start, &fits, &mut taken, &mut seen);
        }
        let mut matched = vec![None; wanted.len()];
        for (at, owner) in taken.iter().enumerate() {
            if let Some(slot) = owner.and_then(|owner| matched.get_mut(owner)) {
                *slot = Some(at);
            }
        }
        Ok(matched)
    }

    fn list_missing(&mut self, least: Node<'_>, whole: Node<'_>, level: Level) -> Result<(), TooLarge> {
        self.step()?;
        if !same_value(least, whole) {
            let text = match self.telling {
                Telling::Values => format!(
                    "{}: '{}' instead of '{}'",
                    least.path(),
                    whole.text().unwrap_or_default(),
                    least.text().unwrap_or_default()
                ),
                Telling::Redacted => format!("{}: another value", least.path()),
            };
            self.list(text);
        }
        for name in names(least, level) {
            let wanted: Vec<Node<'_>> = least.named(name).collect();
            let there: Vec<Node<'_>> = whole.named(name).collect();
            if let ([least], [whole]) = (wanted.as_slice(), there.as_slice()) {
                self.list_missing(*least, *whole, Level::Below)?;
                continue;
            }
            let matched = self.matched(&wanted, &there)?;
            let free = there.len() - matched.iter().flatten().count();
            let mut free = free;
            for least in
                wanted.iter().zip(&matched).filter(|(_, found)| found.is_none()).map(|(least, _)| least)
            {
                let why = if free == 0 { "missing" } else { "none of those that are there is like it" };
                free = free.saturating_sub(1);
                self.list(format!("{}: {why}", least.path()));
            }
        }
        Ok(())
    }
}

fn augment(at: usize, fits: &[Vec<usize>], taken: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    // The path is as long as there are repeats: it is kept in a list, not on the stack.
    let mut path: Vec<(usize, usize)> = vec![(at, 0)];
    while let Some((owner, next)) = path.pop() {
        let Some(candidate) = fits.get(owner).and_then(|row| row.get(next)).copied() else { continue };
        path.push((owner, next + 1));
        let Some(mark) = seen.get_mut(candidate) else { continue };
        if std::mem::replace(mark, true) {
            continue;
        }
        match taken.get(candidate).copied().flatten() {
            Some(other) => path.push((other, 0)),
            None => {
                for (owner, next) in path {
                    let won = fits.get(owner).and_then(|row| row.get(next.wrapping_sub(1))).copied();
                    if let Some(slot) = won.and_then(|won| taken.get_mut(won)) {
                        *slot = Some(owner);
                    }
                }
                return true;
            }
        }
    }
    false
}

fn names<'t>(node: Node<'t>, level: Level) -> Vec<&'t str> {
    let mut names: Vec<&'t str> = Vec::new();
    for child in node.children() {
        let skipped = level == Level::Resource && child.name() == "id";
        if !skipped && !names.contains(&child.name()) {
            names.push(child.name());
        }
    }
    names
}

fn same_value(least: Node<'_>, whole: Node<'_>) -> bool {
    match (least.value(), whole.value()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(least), Some(whole)) if least.text == whole.text => true,
        (Some(least), Some(whole)) => {
            let number = least.written == Written::Number || whole.written == Written::Number;
            let markup =
                least.text.trim_start().starts_with("<div") && whole.text.trim_start().starts_with("<div");
            number && compare(least.text, whole.text) == Some(std::cmp::Ordering::Equal)
                || markup && least.text.split_whitespace().eq(whole.text.split_whitespace())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::Telling;
    use super::{Differences, missing};
    use crate::tree::{Limits, Tree};

    fn differences(least: &str, whole: &str) -> Differences {
        let read = |text: &str| {
            let text = format!(r#"{{"resourceType":"Patient",{text}}}"#);
            Tree::read(text.as_bytes(), &Limits::default()).unwrap()
        };
        let (least, whole) = (read(least), read(whole));
        missing(least.root(), whole.root(), Telling::Redacted).unwrap()
    }

    #[test]
    fn more_is_allowed_less_is_not() {
        for (least, whole) in [
            (r#""active":true"#, r#""active":true,"gender":"male""#),
            (r#""id":"a","active":true"#, r#""id":"b","active":true"#),
            (
                r#""name":[{"given":["A","B"]}]"#,
                r#""name":[{"family":"X"},{"given":["B","C","A"],"family":"Y"}]"#,
            ),
            (
                r#""identifier":[{"value":"1"},{"value":"1"}]"#,
                r#""identifier":[{"value":"1"},{"value":"2"},{"value":"1"}]"#,
            ),
            (r#""multipleBirthDecimal":1.0"#, r#""multipleBirthDecimal":1.00"#),
            // A greedy match gives the first of the one to the wrong one of the other.
            (
                r#""name":[{"family":"X"},{"family":"X","use":"old"}]"#,
                r#""name":[{"family":"X","use":"old"},{"family":"X"}]"#,
            ),
        ] {
            assert_eq!(differences(least, whole), Differences::default(), "{least} in {whole}");
        }
    }

    #[test]
    fn every_difference_is_listed() {
        for (least, whole, expected) in [
            (r#""active":true"#, r#""gender":"male""#, &["Patient.active: missing"][..]),
            (r#""active":true"#, r#""active":false"#, &["Patient.active: another value"]),
            (
                r#""active":true,"gender":"male","name":[{"family":"X"}]"#,
                r#""name":[{"family":"Y"}]"#,
                &[
                    "Patient.active: missing",
                    "Patient.gender: missing",
                    "Patient.name[0].family: another value",
                ],
            ),
            (
                r#""identifier":[{"value":"1"},{"value":"1"}]"#,
                r#""identifier":[{"value":"1"}]"#,
                &["Patient.identifier[1]: missing"],
            ),
            (
                r#""name":[{"given":["A","A"]}]"#,
                r#""name":[{"given":["A","B"]}]"#,
                &["Patient.name[0].given[1]: none of those that are there is like it"],
            ),
        ] {
            assert_eq!(differences(least, whole).listed, expected, "{least} in {whole}");
        }
    }

    #[test]
    fn another_type_is_a_difference_and_size_is_bounded() {
        let read = |text: &str| Tree::read(text.as_bytes(), &Limits::default()).unwrap();
        let (one, two) = (read(r#"{"resourceType":"Patient"}"#), read(r#"{"resourceType":"Group"}"#));
        assert_eq!(missing(one.root(), two.root(), Telling::Redacted).unwrap().listed.len(), 1);
        let many = |count: usize| {
            let rows: Vec<String> = (0..count).map(|at| format!(r#"{{"value":"{at}"}}"#)).collect();
            read(&format!(r#"{{"resourceType":"Patient","identifier":[{}]}}"#, rows.join(",")))
        };
        let (one, two) = (many(1500), many(1501));
        assert!(missing(one.root(), two.root(), Telling::Redacted).is_err());
        let (one, two) = (many(300), many(200));
        let found = missing(one.root(), two.root(), Telling::Redacted).unwrap();
        assert_eq!((found.listed.len(), found.more), (50, 50));
    }
}
