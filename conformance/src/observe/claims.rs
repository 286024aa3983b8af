//! What a CapabilityStatement claims, as far as it decides what is asked.

use crate::target::Answer;

/// The types a server claims and the interactions on each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    types: Vec<(String, Vec<String>)>,
    /// Whether there is a CapabilityStatement at all.
    pub stated: Stated,
}

/// Whether there is a CapabilityStatement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stated {
    /// There is one.
    Yes,
    /// There is none: nothing is claimed.
    #[default]
    No,
}

impl Claims {
    /// Reads the claims of an answer.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let Some(document) = answer.document.as_ref().ok().filter(|_| answer.is("CapabilityStatement"))
        else {
            return Self::default();
        };
        let servers = document
            .root()
            .walk(&["rest"])
            .filter(|rest| rest.member("mode").is_some_and(|mode| mode.is_string("server")));
        let types = servers
            .flat_map(|rest| rest.walk(&["resource"]).collect::<Vec<_>>())
            .filter_map(|resource| {
                let name = resource.member("type")?.string()?.into_owned();
                let codes = resource.walk(&["interaction", "code"]);
                let offered = codes.filter_map(|code| code.string().map(String::from)).collect();
                is_type_name(&name).then_some((name, offered))
            })
            .collect();
        Self { types, stated: Stated::Yes }
    }

    /// The types claimed, Patient first.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        let (first, others): (Vec<&str>, Vec<&str>) =
            self.types.iter().map(|(name, _)| name.as_str()).partition(|name| *name == "Patient");
        first.into_iter().chain(others)
    }

    /// Whether `interaction` is claimed for `resource_type`.
    #[must_use]
    pub fn offers(&self, resource_type: &str, interaction: &str) -> bool {
        self.types
            .iter()
            .any(|(name, codes)| name == resource_type && codes.iter().any(|code| code == interaction))
    }

    /// The first type for which `interaction` is claimed.
    #[must_use]
    pub fn first_offering(&self, interaction: &str) -> Option<&str> {
        self.types().find(|name| self.offers(name, interaction))
    }
}

/// Whether `name` could be a type: it goes into addresses.
fn is_type_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_alphabetic())
}
