//! What the CapabilityStatement claims about searches.

use fhir::json::Node;

use crate::bench::Bench;
use crate::check::Otherwise;

/// What is claimed for one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offered {
    /// Names of parameters with their types.
    pub(super) parameters: Vec<(String, String)>,
    includes: Vec<String>,
    revincludes: Vec<String>,
}

impl Offered {
    /// What is claimed for `resource_type`, and for all types.
    ///
    /// # Errors
    /// Skips the check where the type cannot be searched.
    pub(super) fn of(bench: &Bench, resource_type: &str) -> Result<Self, Otherwise> {
        bench.claimed(resource_type, "search-type")?;
        let answer = bench.observed()?.metadata.answer()?;
        let root = super::super::judge::root(answer)?;
        let mut offered = Self::default();
        let server = |rest: &Node<'_>| rest.member("mode").is_some_and(|mode| mode.is_string("server"));
        for rest in root.walk(&["rest"]).filter(server) {
            offered.add_parameters(rest);
            let of = |held: &Node<'_>| held.member("type").is_some_and(|name| name.is_string(resource_type));
            for held in rest.walk(&["resource"]).filter(of) {
                offered.add_parameters(held);
                offered.includes.extend(super::super::judge::texts(held, &["searchInclude"]));
                offered.revincludes.extend(super::super::judge::texts(held, &["searchRevInclude"]));
            }
        }
        Ok(offered)
    }

    fn add_parameters(&mut self, held: Node<'_>) {
        for parameter in held.walk(&["searchParam"]) {
            if let (Some(name), Some(kind)) = (parameter.str_at(&["name"]), parameter.str_at(&["type"])) {
                self.parameters.push((name.into_owned(), kind.into_owned()));
            }
        }
    }

    /// Whether a parameter is claimed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(known, _)| known == name)
    }

    /// Goes on only where every one of `names` is claimed.
    ///
    /// # Errors
    /// Skips the check otherwise.
    pub(super) fn needs(&self, names: &[&str]) -> Result<(), Otherwise> {
        match names.iter().find(|name| !self.has(name)) {
            None => Ok(()),
            Some(name) => Err(Otherwise::skipped(format!("the parameter {name} is not advertised"))),
        }
    }

    /// Whether `_include` of `source:parameter` is claimed.
    pub(super) fn includes(&self, named: &str) -> bool {
        self.includes.iter().any(|known| known == "*" || claims(known, named))
    }

    /// Whether `_revinclude` of `source:parameter` is claimed.
    pub(super) fn revincludes(&self, named: &str) -> bool {
        self.revincludes.iter().any(|known| known == "*" || claims(known, named))
    }
}

/// Whether the claim `known` is about `named`: with a type at the end or without, or of all parameters of the source.
fn claims(known: &str, named: &str) -> bool {
    let source = named.split(':').next().unwrap_or_default();
    known == named
        || known.strip_prefix(named).is_some_and(|rest| rest.starts_with(':'))
        || known.strip_suffix(":*") == Some(source)
        || named.rsplit(':').next() == Some(known)
}
