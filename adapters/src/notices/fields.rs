//! The data set of the standard: which data items a notice has, which it must have, and where they stand in the message.

use super::dom::Element;

/// Lines of `maps/notices/fields.map`.
#[derive(Debug, Default)]
pub(super) struct DataSet {
    notices: Vec<(&'static str, Kind, &'static str)>,
    aliases: Vec<Alias>,
    pub(super) links: Vec<(Place, Role)>,
    pub(super) sets: Vec<(Place, &'static str)>,
    pub(super) fields: Vec<Field>,
}

/// A data item.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    levels: [Level; 3],
    pub(super) place: Place,
}

/// Where something stands: in which resource, and by which steps.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) role: Role,
    pub(super) steps: Vec<Step>,
}

/// An element of a path.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    alias: Option<&'static str>,
    number: usize,
}

/// Which of several elements is meant.
#[derive(Debug)]
struct Alias {
    name: &'static str,
    path: Vec<&'static str>,
    /// What its text has in it; else it is the value.
    holds: Option<&'static str>,
    value: &'static str,
}

/// What a notice gives notice of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Assessment,
    Discharge,
    Withdrawal,
}

/// How much a data item is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Must,
    Should,
    May,
}

/// A part in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Header,
    Request,
    Encounter,
    Patient,
    Liaison,
    Clinician,
    Council,
    Hospital,
    Ward,
    Team,
    Answers,
    Condition,
}

impl Role {
    /// All of them, in the order in which a notice has them.
    pub(super) const ALL: [(Self, &'static str, &'static str); 12] = [
        (Self::Header, "header", "MessageHeader"),
        (Self::Request, "request", "ReferralRequest"),
        (Self::Encounter, "encounter", "Encounter"),
        (Self::Patient, "patient", "Patient"),
        (Self::Liaison, "liaison", "Practitioner"),
        (Self::Clinician, "clinician", "Practitioner"),
        (Self::Hospital, "hospital", "Organization"),
        (Self::Council, "council", "Organization"),
        (Self::Team, "team", "Organization"),
        (Self::Ward, "ward", "Location"),
        (Self::Answers, "answers", "QuestionnaireResponse"),
        (Self::Condition, "condition", "Condition"),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name, _)| *name == word).map(|(role, _, _)| *role)
    }

    /// Where the reference to it stands, and in which part.
    fn referred(self) -> Option<(Self, &'static [&'static str])> {
        Some(match self {
            Self::Header | Self::Team => return None,
            Self::Request => (Self::Header, &["data", "reference"]),
            Self::Encounter => (Self::Request, &["encounter", "reference"]),
            Self::Patient => (Self::Request, &["patient", "reference"]),
            Self::Liaison => (Self::Header, &["author", "reference"]),
            Self::Clinician => (Self::Header, &["responsible", "reference"]),
            Self::Council => (Self::Header, &["receiver", "reference"]),
            Self::Hospital => (Self::Encounter, &["serviceProvider", "reference"]),
            Self::Ward => (Self::Encounter, &["location", "location", "reference"]),
            Self::Answers => (Self::Request, &["supportingInformation", "reference"]),
            Self::Condition => (Self::Encounter, &["hospitalization", "admittingDiagnosis", "reference"]),
        })
    }

    /// The resource of a DSTU2 message that has this part.
    pub(super) fn resource(self, bundle: &Element) -> Option<&Element> {
        let kind = Self::ALL.iter().find(|(role, _, _)| *role == self).map(|(_, _, kind)| *kind)?;
        let resources = || bundle.all("entry").filter_map(|entry| Some((entry, entry.child("resource")?)));
        let found = |reference: &str| {
            resources().find(|(entry, resource)| {
                let url = entry.peek("fullUrl").is_some_and(|url| url == reference);
                let id =
                    resource.peek("id").is_some_and(|id| reference == format!("{}/{id}", resource.kind()));
                resource.kind() == kind && (url || id)
            })
        };
        // A message has one of each, whether its header names the request or not.
        if matches!(self, Self::Header | Self::Request) {
            return resources().find(|(_, resource)| resource.kind() == kind).map(|(_, resource)| resource);
        }
        if self == Self::Team {
            let council = Self::Council.resource(bundle)?;
            let is_part = |resource: &Element| {
                let whole = resource.at(&["partOf", "reference"]);
                let held = resources().find(|(_, held)| std::ptr::eq(*held, council));
                held.is_some_and(|(entry, held)| {
                    let id = held.peek("id").map(|id| format!("Organization/{id}"));
                    whole.is_some() && (entry.peek("fullUrl") == whole || id.as_deref() == whole)
                })
            };
            return resources().map(|(_, resource)| resource).find(|resource| is_part(resource));
        }
        let (from, path) = self.referred()?;
        let mut references = Vec::new();
        values(from.resource(bundle)?, path, &mut references);
        references.into_iter().find_map(found).map(|(_, resource)| resource)
    }
}

/// Every value at a path of names.
fn values<'e>(element: &'e Element, path: &[&str], out: &mut Vec<&'e str>) {
    match path {
        [] => out.extend(element.value.as_deref()),
        [first, rest @ ..] => {
            element
                .children
                .iter()
                .filter(|child| child.name == *first)
                .for_each(|child| values(child, rest, out));
        }
    }
}

impl Place {
    fn read(text: &'static str) -> Option<Self> {
        let (role, path) = text.trim().split_once('.')?;
        let steps = path.split('.').map(Step::read).collect::<Option<Vec<_>>>()?;
        Some(Self { role: Role::of(role)?, steps })
    }
}

impl Step {
    fn read(text: &'static str) -> Option<Self> {
        let (text, number) = match text.split_once('#') {
            Some((text, number)) => (text, number.parse().ok()?),
            None => (text, 1),
        };
        let (name, alias) = match text.split_once('@') {
            Some((name, alias)) => (name, Some(alias)),
            None => (text, None),
        };
        Some(Self { name, alias, number })
    }
}

impl Alias {
    fn is(&self, element: &Element) -> bool {
        let mut said = Vec::new();
        values(element, &self.path, &mut said);
        said.iter().any(|said| match self.holds {
            Some(holds) => said.to_lowercase().contains(&holds.to_lowercase()),
            None => *said == self.value,
        })
    }
}

impl DataSet {
    /// Reads a line; `Some(false)` when it is of another table, `None` when it is faulty.
    pub(super) fn read(&mut self, line: &'static str) -> Option<bool> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "notice" => {
                let (code, rest) = rest.split_once(' ')?;
                let (kind, name) = rest.split_once(' ')?;
                let kind = match kind {
                    "assessment" => Kind::Assessment,
                    "discharge" => Kind::Discharge,
                    "withdrawal" => Kind::Withdrawal,
                    _ => return None,
                };
                self.notices.push((code, kind, name));
            }
            "alias" => {
                let (name, rest) = rest.split_once(' ')?;
                let (path, value) = rest.split_once('=')?;
                let (path, holds) = match path.split_once('~') {
                    Some((path, holds)) => (path, Some(holds)),
                    None => (path, None),
                };
                self.aliases.push(Alias { name, path: path.split('.').collect(), holds, value });
            }
            "link" => {
                let (place, role) = rest.split_once(' ')?;
                self.links.push((Place::read(place)?, Role::of(role)?));
            }
            "set" => {
                let (place, value) = rest.split_once(' ')?;
                self.sets.push((Place::read(place)?, value));
            }
            "field" => {
                let mut parts = rest.split('|').map(str::trim);
                let (name, levels, place) = (parts.next()?, parts.next()?, parts.next()?);
                let levels: Vec<Level> = levels.split(' ').map(level).collect::<Option<_>>()?;
                self.fields.push(Field { name, levels: levels.try_into().ok()?, place: Place::read(place)? });
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Which notice the code of an event is.
    pub(super) fn notice(&self, code: &str) -> Option<Kind> {
        self.notices.iter().find(|(held, _, _)| *held == code).map(|(_, kind, _)| *kind)
    }

    /// The code of the notice that is called `name`, or is the code.
    pub(super) fn code(&self, name: &str) -> Option<&'static str> {
        let found =
            self.notices.iter().find(|(code, _, held)| held.eq_ignore_ascii_case(name) || *code == name);
        found.map(|(code, _, _)| *code)
    }

    /// What the notice of a code is called.
    pub(super) fn name(&self, code: &str) -> Option<&'static str> {
        self.notices.iter().find(|(held, _, _)| *held == code).map(|(_, _, name)| *name)
    }

    fn is(&self, step: &Step, element: &Element) -> bool {
        element.name == step.name
            && step
                .alias
                .is_none_or(|alias| self.aliases.iter().any(|held| held.name == alias && held.is(element)))
    }

    /// The element at `steps`.
    pub(super) fn find<'e>(&self, element: &'e Element, steps: &[Step]) -> Option<&'e Element> {
        let Some((first, rest)) = steps.split_first() else { return Some(element) };
        let matching = element.children.iter().filter(|child| self.is(first, child));
        matching.skip(first.number - 1).find_map(|child| self.find(child, rest))
    }

    /// Puts a value at `steps`, in elements that are there or are made.
    pub(super) fn put(&self, element: &mut Element, steps: &[Step], made: Element) {
        let [first, rest @ ..] = steps else { return };
        if rest.is_empty() {
            element.push(made);
            return;
        }
        let found = element.children.iter().position(|child| self.is(first, child));
        let at = found.unwrap_or_else(|| {
            let mut child = Element::new(first.name);
            let alias = first.alias.and_then(|alias| self.aliases.iter().find(|held| held.name == alias));
            if let Some(alias) = alias {
                let names: Vec<String> = alias.path.iter().map(|name| (*name).to_owned()).collect();
                let last = alias.path.last().copied().unwrap_or_default();
                super::walk::place(&mut child, &names, Element::with_value(last, alias.value));
            }
            element.push(child);
            element.children.len() - 1
        });
        if let Some(child) = element.children.get_mut(at) {
            self.put(child, rest, made);
        }
    }

    /// The known question that a text asks.
    pub(super) fn question(&self, text: &str) -> Option<&'static str> {
        let asks = |alias: &&Alias| {
            alias.holds.is_some_and(|holds| text.to_lowercase().contains(&holds.to_lowercase()))
        };
        self.aliases.iter().find(asks).map(|alias| alias.name)
    }

    /// The data items that a DSTU2 message of `kind` does not have, of those that it must or should have.
    pub(super) fn missing(&self, bundle: &Element, kind: Kind) -> Vec<(&'static str, Level)> {
        let has = |field: &Field| {
            let resource = field.place.role.resource(bundle);
            let found = resource.and_then(|resource| self.find(resource, &field.place.steps));
            found.is_some_and(Element::says)
        };
        let wanted = self.fields.iter().filter(|field| field.level(kind) != Level::May);
        wanted.filter(|field| !has(field)).map(|field| (field.name, field.level(kind))).collect()
    }
}

impl Field {
    fn level(&self, kind: Kind) -> Level {
        let [assessment, discharge, withdrawal] = self.levels;
        match kind {
            Kind::Assessment => assessment,
            Kind::Discharge => discharge,
            Kind::Withdrawal => withdrawal,
        }
    }
}

fn level(word: &str) -> Option<Level> {
    match word {
        "must" => Some(Level::Must),
        "should" => Some(Level::Should),
        "may" | "-" => Some(Level::May),
        _ => None,
    }
}
