//! Scopes of resources, as SMART v1 and v2 write them.

/// A scope that read: who, which type, and what may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    who: String,
    kind: String,
    /// Letters of `cruds`, in that order.
    may: String,
    v1: bool,
    query: String,
}

impl Scope {
    /// Whether this is meant to be a scope of resources.
    pub(super) fn is_clinical(text: &str) -> bool {
        ["patient/", "user/", "system/"].iter().any(|start| text.starts_with(start))
    }

    /// Reads one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (who, rest) = text.split_once('/')?;
        if !["patient", "user", "system"].contains(&who) {
            return None;
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, may) = rest.rsplit_once('.')?;
        if kind != "*" && fhir::tables::resource_type(kind).is_none() {
            return None;
        }
        let old = match may {
            "read" => Some("rs"),
            "write" => Some("cud"),
            "*" => Some("cruds"),
            _ => None,
        };
        let in_order = |may: &str| {
            let mut left = "cruds".chars();
            !may.is_empty() && may.chars().all(|letter| left.any(|one| one == letter))
        };
        if old.is_none() && !in_order(may) {
            return None;
        }
        let v1 = old.is_some();
        let may = old.unwrap_or(may).to_owned();
        Some(Self { who: who.to_owned(), kind: kind.to_owned(), may, v1, query: query.to_owned() })
    }

    /// Whether it is written as v1 does.
    pub(super) const fn is_v1(&self) -> bool {
        self.v1
    }

    /// Whether all that `other` allows is allowed here; searches inside scopes only cover themselves.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let kind = self.kind == "*" || self.kind == other.kind;
        let query = self.query.is_empty() || self.query == other.query;
        self.who == other.who && kind && query && other.may.chars().all(|letter| self.may.contains(letter))
    }

    /// Whether records of this type may be searched.
    pub(super) fn searches(&self, kind: &str) -> bool {
        (self.kind == "*" || self.kind == kind) && self.may.contains('s')
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn both_versions_read_and_nothing_else_does() {
        for good in [
            "patient/Observation.rs",
            "system/*.cruds",
            "user/Patient.read",
            "patient/*.*",
            "system/Patient.r?_id=1",
        ] {
            assert!(Scope::read(good).is_some(), "{good}");
        }
        for bad in [
            "patient/Observation",
            "patient/Wizard.rs",
            "system/Patient.sr",
            "system/Patient.rr",
            "admin/Patient.rs",
        ] {
            assert!(Scope::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_scope_covers_what_is_narrower() {
        let read = |text| Scope::read(text).unwrap();
        assert!(read("system/*.cruds").covers(&read("system/Patient.read")));
        assert!(read("system/Patient.rs").covers(&read("system/Patient.s?_id=1")));
        assert!(!read("system/Patient.rs").covers(&read("system/Patient.cud")));
        assert!(!read("system/Patient.rs").covers(&read("user/Patient.rs")));
        assert!(!read("system/Patient.rs?_id=1").covers(&read("system/Patient.rs")));
    }
}
