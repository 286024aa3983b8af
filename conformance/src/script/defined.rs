//! Profiles as the definitions of this crate have them: R4, UK Core, BALP, and what the user adds.

use std::fmt;

use super::profile::{Checked, ProfileCheck};
use super::told::Telling;
use crate::definitions::Definitions;
use crate::model::Tables;
use crate::tree::{Limits, Node, Tree};
use crate::validate::{Finding, Severity, validate};

/// Checks against definitions.
pub struct Defined {
    definitions: Definitions,
    telling: Telling,
}

impl fmt::Debug for Defined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Defined")
    }
}

impl Defined {
    /// Checks against `definitions`; messages tell what `telling` lets them.
    #[must_use]
    pub const fn new(definitions: Definitions, telling: Telling) -> Self {
        Self { definitions, telling }
    }

    fn told(&self, finding: &Finding) -> String {
        match self.telling {
            Telling::Redacted => {
                format!("{}: {} [{}]", finding.path, finding.severity.word(), finding.code())
            }
            Telling::Values => {
                format!("{}: {} [{}] {}", finding.path, finding.severity.word(), finding.code(), finding.text)
            }
        }
    }
}

impl ProfileCheck for Defined {
    fn check(&self, resource: Node<'_>, profile: &str) -> Checked {
        let known = self.definitions.structure_at(profile).is_some();
        if !known {
            return Checked::Unsupported(format!("the profile {profile}, which no pack defines"));
        }
        let whole = resource.parent().is_none();
        let findings = if whole {
            validate(resource.tree(), &self.definitions, &[profile])
        } else {
            let json = resource.to_json(&Tables::R4);
            match Tree::from_json(json.as_bytes(), &Limits::default()) {
                Ok(tree) => validate(&tree, &self.definitions, &[profile]),
                Err(_) => return Checked::Unsupported("a part that is no resource".to_owned()),
            }
        };
        let told = |wanted: fn(&Finding) -> bool| {
            findings
                .iter()
                .filter(|finding| wanted(finding))
                .map(|finding| self.told(finding))
                .collect::<Vec<_>>()
        };
        let errors = told(|finding| finding.severity == Severity::Error);
        if errors.is_empty() {
            Checked::Conforms { warnings: told(|finding| finding.severity != Severity::Error) }
        } else {
            Checked::Breaks { errors }
        }
    }
}
