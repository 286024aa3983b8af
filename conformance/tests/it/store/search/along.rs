//! What goes along with matches.

use super::super::json::Json;
use super::super::told::Refused;
use super::Handling;
use super::criteria::{found, key};
use super::fault::SearchFault as Fault;
use super::table::{self, Compares, Row};

/// What `_include` and `_revinclude` bring, each once and none that is a match.
pub(crate) fn brought<'a>(
    shown: &[&'a Json],
    all: &[&'a Json],
    of: &str,
    query: &[(String, String)],
    handling: Handling,
    fault: Fault,
) -> Result<Vec<&'a Json>, Refused> {
    let mut out: Vec<&'a Json> = Vec::new();
    let mut asked: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if fault == Fault::IncludeAlways {
        asked.push(("_include", "Observation:subject"));
    }
    for (name, value) in asked.into_iter().filter(|(name, _)| matches!(*name, "_include" | "_revinclude")) {
        let mut parts = value.split(':');
        let (source, code, target) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
        let Some(row) = table::row(source, code).filter(|row| row.1 == Compares::Reference) else {
            if fault == Fault::IncludeUnknownLeaks {
                out.extend(
                    all.iter().filter(|held| held["resourceType"].text() == Some("Observation")).take(2),
                );
                continue;
            }
            match handling {
                Handling::Strict => {
                    return Err(Refused::new(400, "not-supported", "this cannot be followed"));
                }
                Handling::Lenient => continue,
            }
        };
        match name {
            "_include" if source == of => included(&mut out, shown, all, (source, row), target, fault),
            "_revinclude" if fault != Fault::RevincludeMissing => {
                let keys: Vec<String> = shown.iter().map(|held| key(held)).collect();
                let refers = |held: &&&Json| {
                    held["resourceType"].text() == Some(source)
                        && (fault == Fault::RevincludeLeaks
                            || links(held, row).iter().any(|link| keys.contains(link)))
                };
                out.extend(all.iter().filter(refers).copied());
            }
            _ => {}
        }
    }
    let mut once: Vec<&Json> = Vec::new();
    for held in out {
        let known = shown.iter().chain(&once).any(|known| key(known) == key(held));
        if !known || fault == Fault::IncludeTwice {
            once.push(held);
        }
    }
    Ok(once)
}

fn included<'a>(
    out: &mut Vec<&'a Json>,
    shown: &[&'a Json],
    all: &[&'a Json],
    (source, row): (&str, &Row),
    target: Option<&str>,
    fault: Fault,
) {
    for held in shown {
        let mut wanted = links(held, row);
        if fault == Fault::IncludeFollowsAll {
            let rows = table::rows(source).iter().filter(|row| row.1 == Compares::Reference);
            wanted.extend(rows.flat_map(|row| links(held, row)));
        }
        let of_type = |held: &Json| target.is_none_or(|target| held["resourceType"].text() == Some(target));
        out.extend(all.iter().filter(|held| wanted.contains(&key(held)) && of_type(held)).copied());
    }
    if fault == Fault::IncludeLeaks {
        out.extend(all.iter().filter(|held| held["resourceType"].text() == Some("Patient")).take(3).copied());
    }
}

fn links(held: &Json, row: &Row) -> Vec<String> {
    let all = found(held, row, Fault::None);
    all.iter().filter_map(|(link, _)| link["reference"].text().map(str::to_owned)).collect()
}
