//! Which resources meet criteria: by the members that a table names, one after the other.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

use super::super::json::Json;
use super::super::told::Refused;
use super::fault::SearchFault as Fault;
use super::meets;
use super::table::{self, Compares, Row};

/// What a search looks at.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) all: &'a [&'a Json],
    pub(crate) base: &'a str,
    pub(crate) fault: Fault,
}

/// What became of a parameter that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    No,
}

fn refused(code: &'static str, text: impl Into<String>) -> Refused {
    Refused::new(400, code, text)
}

/// Whether the parameter of this name, chain and modifier and all, is one of the type.
pub(crate) fn known(of: &str, name: &str) -> Known {
    let own = name.split([':', '.']).next().unwrap_or_default();
    if own == "_has" || table::row(of, own).is_some() { Known::Yes } else { Known::No }
}

/// `Type/id` of a resource.
pub(crate) fn key(held: &Json) -> String {
    format!("{}/{}", held["resourceType"].text().unwrap_or_default(), held["id"].text().unwrap_or_default())
}

impl<'a> Ground<'a> {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Whether `held` meets one criterion of a search of the type `of`.
    pub(crate) fn meets(&self, held: &'a Json, of: &str, name: &str, value: &str) -> Result<bool, Refused> {
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.reverse(held, rest, value);
        }
        if let Some((reference, rest)) = name.split_once('.') {
            return self.chain(held, of, reference, rest, value);
        }
        let (code, modifier) = name.split_once(':').map_or((name, None), |(code, rest)| (code, Some(rest)));
        let row = table::row(of, code).ok_or_else(|| refused("not-supported", "an unknown parameter"))?;
        let modifier = self.allowed(row.1, modifier)?;
        let values = found(held, row, self.fault);
        if modifier == Some("missing") {
            let absent = if row.1 == Compares::Composite { false } else { values.is_empty() };
            return match value {
                "true" => Ok(absent || self.has(Fault::MissingFindsAll)),
                "false" => Ok(!absent || self.has(Fault::PresentFindsAll)),
                _ if self.has(Fault::BadMissingIsFalse) => Ok(!absent),
                _ => Err(refused("invalid", "missing is true or false")),
            };
        }
        let mut wanted = meets::cut(value, ',');
        if self.has(Fault::CommaAlwaysSplits) {
            wanted = value.split(',').map(str::to_owned).collect();
        }
        if self.has(Fault::OrFirstOnly) {
            wanted.truncate(1);
        }
        if self.ignores(row, &values) {
            return Ok(true);
        }
        let mut any = false;
        for one in &wanted {
            any |= match row.1 {
                Compares::Composite => self.composite(held, row.2, one)?,
                kind => {
                    let mut met = false;
                    for (value, leads_to) in &values {
                        met |= self.one(kind, value, *leads_to, one, modifier)?;
                    }
                    if values.is_empty() && kind != Compares::Reference {
                        // A value that does not read is refused also where there is nothing to compare it with.
                        self.one(kind, &Json::Null, None, one, modifier)?;
                        met |= self.has(Fault::AbsentIsFalse) && one == "false";
                    }
                    met
                }
            };
        }
        Ok(match modifier {
            Some("not") => !(any || values.is_empty() && self.has(Fault::NotNeedsValue)),
            _ => any,
        })
    }

    /// What this store passes over, though it should not.
    fn ignores(&self, row: &Row, values: &[(Json, Option<&str>)]) -> bool {
        let code = matches!(row.0, "status" | "gender") && !values.is_empty();
        (code && self.has(Fault::CodesUnfiltered))
            || (row.0 == "_lastUpdated" && self.has(Fault::LastUpdatedIgnored))
    }

    /// The modifier, if it is one of this type of parameter.
    fn allowed<'m>(&self, kind: Compares, modifier: Option<&'m str>) -> Result<Option<&'m str>, Refused> {
        let Some(name) = modifier else { return Ok(None) };
        let fits = match kind {
            _ if name == "missing" => true,
            Compares::Token => name == "not",
            Compares::Text => matches!(name, "exact" | "contains"),
            Compares::Uri => matches!(name, "below" | "above"),
            Compares::Reference => name == "identifier" || fhir::tables::resource_type(name).is_some(),
            Compares::Date | Compares::Number | Compares::Quantity | Compares::Composite => false,
        };
        match (fits, self.fault) {
            (true, _) => Ok(Some(name)),
            (false, Fault::ModifierIgnored) => Ok(None),
            (false, _) => Err(refused("not-supported", "the modifier is not supported")),
        }
    }

    fn one(
        &self,
        kind: Compares,
        value: &Json,
        leads_to: Option<&str>,
        wanted: &str,
        modifier: Option<&str>,
    ) -> Result<bool, Refused> {
        match kind {
            Compares::Token if self.has(Fault::IdentifierNever) && value.get("value").is_some() => Ok(false),
            Compares::Token => Ok(meets::token(value, wanted, self.fault)),
            Compares::Text => Ok(meets::text(value, wanted, modifier, self.fault)),
            Compares::Date => meets::date(value, wanted, self.fault),
            Compares::Number => meets::number(value, wanted, self.fault),
            Compares::Quantity => meets::quantity(value, wanted, self.fault),
            Compares::Uri => Ok(meets::uri(value, wanted, modifier, self.fault)),
            Compares::Reference => Ok(self.reference(value, leads_to, wanted, modifier)),
            Compares::Composite => Ok(false),
        }
    }

    fn reference(&self, value: &Json, leads_to: Option<&str>, wanted: &str, modifier: Option<&str>) -> bool {
        if modifier == Some("identifier") {
            return self.has(Fault::ReferenceIdentifierIgnored)
                || meets::token(&value["identifier"], wanted, self.fault);
        }
        let own = |text: &str| {
            let prefix = format!("{}/", self.base);
            if self.has(Fault::OtherServersAreOwn) && text.contains("://") {
                let parts: Vec<&str> = text.rsplitn(3, '/').collect();
                return format!("{}/{}", parts.get(1).unwrap_or(&""), parts.first().unwrap_or(&""));
            }
            if self.has(Fault::OwnAddressUnknown) { text.to_owned() } else { text.replacen(&prefix, "", 1) }
        };
        let Some(held) = value["reference"].text().map(own) else { return false };
        let wanted = own(&meets::bare(wanted));
        let wanted = match modifier {
            Some(of) if !self.has(Fault::TypeModifierIgnored) => format!("{of}/{wanted}"),
            _ => wanted,
        };
        let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
        let of_type = leads_to.is_none_or(|of| held.starts_with(&format!("{of}/")));
        let bare = !wanted.contains('/') && !self.has(Fault::IdNeedsType);
        let same = if bare || self.has(Fault::ReferenceTypeIgnored) {
            last(&held) == last(&wanted)
        } else {
            held == wanted
        };
        of_type && same
    }

    fn composite(&self, held: &Json, paths: &[&str], wanted: &str) -> Result<bool, Refused> {
        let (items, parts) = paths.split_first().ok_or_else(|| refused("not-supported", "no parts"))?;
        let wanted = meets::cut(wanted, '$');
        if wanted.len() != parts.len() {
            return Err(refused("invalid", "a composite has a value for each part"));
        }
        let mut holders = Vec::new();
        walk(held, &items.split('.').filter(|step| !step.is_empty()).collect::<Vec<_>>(), &mut holders);
        let part = |holder: &Json, part: &str, wanted: &str| -> Result<bool, Refused> {
            let (kind, member) = part.split_once(' ').unwrap_or(("token", part));
            let kind = if kind == "quantity" { Compares::Quantity } else { Compares::Token };
            self.one(kind, &holder[member], None, wanted, None)
        };
        let mut any = vec![false; parts.len()];
        for holder in holders {
            let mut all = true;
            for (at, (name, wanted)) in parts.iter().zip(&wanted).enumerate() {
                let met = part(holder, name, wanted)?;
                all &= met;
                any[at] |= met;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(self.has(Fault::CompositeMixed) && any.iter().all(|met| *met))
    }

    fn chain(
        &self,
        held: &Json,
        of: &str,
        reference: &str,
        rest: &str,
        value: &str,
    ) -> Result<bool, Refused> {
        let (code, wanted) =
            reference.split_once(':').map_or((reference, None), |(code, of)| (code, Some(of)));
        let row = table::row(of, code).filter(|row| row.1 == Compares::Reference);
        let row = row.ok_or_else(|| refused("not-supported", "a chain follows references"))?;
        if self.has(Fault::ChainIgnored) {
            return Ok(true);
        }
        for (link, leads_to) in found(held, row, self.fault) {
            let text = link["reference"].text().unwrap_or_default().to_owned();
            let Some((other, _)) = text.split_once('/') else { continue };
            if wanted.or(leads_to).is_some_and(|wanted| wanted != other) {
                continue;
            }
            let target = self.all.iter().find(|one| key(one) == text);
            if let Some(target) = target
                && self.meets(target, other, rest, value)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn reverse(&self, held: &Json, rest: &str, value: &str) -> Result<bool, Refused> {
        let mut parts = rest.splitn(3, ':');
        let (Some(of), Some(code), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused("invalid", "_has needs a type, a reference and a parameter"));
        };
        let row = table::row(of, code).filter(|row| row.1 == Compares::Reference);
        let row = row.ok_or_else(|| refused("not-supported", "_has follows references"))?;
        if self.has(Fault::HasIgnored) {
            return Ok(true);
        }
        let wanted = key(held);
        for other in self.all.iter().filter(|other| other["resourceType"].text() == Some(of)) {
            let refers = found(other, row, self.fault)
                .iter()
                .any(|(link, _)| link["reference"].text() == Some(&wanted));
            if refers && self.meets(other, of, name, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The values of a parameter, each with the type that a reference must lead to.
pub(crate) fn found(held: &Json, row: &Row, fault: Fault) -> Vec<(Json, Option<&'static str>)> {
    let mut all = Vec::new();
    if row.1 == Compares::Composite {
        return all;
    }
    for path in row.2 {
        let (path, leads_to) = path.split_once('>').map_or((*path, None), |(path, of)| (path, Some(of)));
        let (path, system) = path.split_once('=').map_or((path, None), |(path, system)| (path, Some(system)));
        let mut values = Vec::new();
        walk(held, &path.split('.').collect::<Vec<_>>(), &mut values);
        let of_kind = |value: &&&Json| {
            fault == Fault::TelecomOfAnyKind
                || system.is_none_or(|system| value["system"].text() == Some(system))
        };
        let of_type = |value: &&&Json| {
            let reference = value["reference"].text();
            leads_to.is_none_or(|of| reference.is_some_and(|text| text.starts_with(&format!("{of}/"))))
        };
        all.extend(values.iter().filter(of_kind).filter(of_type).map(|value| ((*value).clone(), leads_to)));
    }
    all
}

fn walk<'a>(held: &'a Json, path: &[&str], out: &mut Vec<&'a Json>) {
    match (held, path) {
        (Json::Array(items), _) => items.iter().for_each(|item| walk(item, path, out)),
        (Json::Null, _) => {}
        (value, []) => out.push(value),
        (value, [first, rest @ ..]) => walk(&value[*first], rest, out),
    }
}
