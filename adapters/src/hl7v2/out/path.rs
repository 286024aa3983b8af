//! Paths of the tables: `Patient.name[use!=old]`, `Encounter.participant[type.coding.code=ATND].individual`,
//! `DiagnosticReport.basedOn>ServiceRequest.identifier`, `@.value[x]`.

/// A path from what is open to elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// A resource type, or `@` for the open element.
    pub(crate) root: String,
    pub(crate) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The element of this name; of a list, each.
    Member(String),
    /// The element of a choice, whatever its type.
    Choice(String),
    /// What the references lead to, of this type; any when it is empty.
    Follow(String),
    /// Only what has, or has not, one of these values.
    Filter(Filter),
}

/// A condition on the elements a step came to. The value `$` is a reference to the resource that was
/// opened last, `system|code` a coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) path: Vec<String>,
    pub(crate) values: Vec<String>,
    pub(crate) sense: Sense,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    Is,
    IsNot,
}

impl Path {
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut pieces = pieces(text)?.into_iter();
        let root = pieces
            .next()
            .map(|(_, root)| root)
            .filter(|root| !root.is_empty())
            .ok_or("a path without a root")?;
        let plain = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let mut steps = Vec::new();
        for (mark, piece) in pieces {
            match mark {
                '.' if plain(&piece) => steps.push(Step::Member(piece)),
                '>' if piece.is_empty() || plain(&piece) => steps.push(Step::Follow(piece)),
                '[' if piece == "x" => match steps.pop() {
                    Some(Step::Member(name)) => steps.push(Step::Choice(name)),
                    _ => return Err("a choice of nothing"),
                },
                '[' => steps.push(Step::Filter(Filter::read(&piece)?)),
                _ => return Err("a faulty path"),
            }
        }
        if root != "@" && !plain(&root) {
            return Err("a faulty root");
        }
        Ok(Self { root, steps })
    }
}

impl Path {
    /// The element that the path ends in, for people.
    pub(crate) fn element(&self) -> String {
        let mut text = self.root.clone();
        for step in &self.steps {
            match step {
                Step::Member(name) | Step::Choice(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::Follow(kind) => text.clone_from(kind),
                Step::Filter(_) => {}
            }
        }
        text
    }
}

impl Filter {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (path, values, sense) = match text.split_once("!=") {
            Some((path, values)) => (path, values, Sense::IsNot),
            None => {
                let (path, values) = text.split_once('=').ok_or("a filter without a value")?;
                (path, values, Sense::Is)
            }
        };
        Ok(Self {
            path: path.split('.').map(str::to_owned).collect(),
            values: values.split(',').map(str::to_owned).collect(),
            sense,
        })
    }
}

/// The steps of a path with the characters that lead them in.
fn pieces(text: &str) -> Result<Vec<(char, String)>, &'static str> {
    let mut pieces = vec![('.', String::new())];
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            ']' if inside => inside = false,
            other if inside => pieces.last_mut().ok_or("a faulty path")?.1.push(other),
            '[' => {
                inside = true;
                pieces.push(('[', String::new()));
            }
            '.' | '>' => pieces.push((letter, String::new())),
            other => match pieces.last_mut() {
                Some((mark, _)) if *mark == '[' => return Err("a step without a dot"),
                Some((_, piece)) => piece.push(other),
                None => return Err("a faulty path"),
            },
        }
    }
    if inside { Err("an open bracket") } else { Ok(pieces) }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Path, Sense, Step};

    #[test]
    fn a_path_is_read_step_by_step() {
        let member = |name: &str| Step::Member(name.to_owned());
        let read = |text: &str| Path::read(text).unwrap().steps;
        assert_eq!(read("@.value[x]"), vec![Step::Choice("value".to_owned())]);
        let filter = |sense| {
            Step::Filter(Filter { path: vec!["use".to_owned()], values: vec!["old".to_owned()], sense })
        };
        assert_eq!(read("Patient.name[use!=old]"), vec![member("name"), filter(Sense::IsNot)]);
        assert_eq!(
            read("Encounter.location[use=old].location>Location.name"),
            vec![
                member("location"),
                filter(Sense::Is),
                member("location"),
                Step::Follow("Location".to_owned()),
                member("name")
            ]
        );
        for faulty in
            ["", ".x", "Patient.", "Patient.[x]", "Patient.a[b", "Patient.a[b]", "Pa tient.a", "P.a[x=1]b"]
        {
            assert!(Path::read(faulty).is_err(), "{faulty}");
        }
    }
}
