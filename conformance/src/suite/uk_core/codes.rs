//! Codes of SNOMED CT and dm+d in what the endpoint serves.

use serde_json::Value;

use super::served::{several, text, within};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};

/// Types whose records are looked at for codes.
const CODED: [&str; 9] = [
    "Condition",
    "Observation",
    "AllergyIntolerance",
    "Procedure",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Medication",
    "DiagnosticReport",
];
const SNOMED: &str = "http://snomed.info/sct";
const DMD: &str = "https://dmd.nhs.uk";

/// Codings of the records; skipped where there are none that `wanted` takes.
async fn codings(bench: &Bench, wanted: fn(&str) -> bool) -> Result<Vec<Value>, Otherwise> {
    let all = several(bench, &CODED).await?;
    let mut found = Vec::new();
    let coding =
        |held: &Value| held.get("code").is_some_and(Value::is_string) && wanted(text(held, "system"));
    all.iter().for_each(|held| within(held, &coding, &mut found));
    if found.is_empty() {
        return Err(Otherwise::skipped("no code of this system is shown"));
    }
    Ok(found.into_iter().cloned().collect())
}

fn means_snomed(system: &str) -> bool {
    let system = system.to_ascii_lowercase();
    system.contains("snomed") || system.ends_with("2.16.840.1.113883.6.96")
}

fn means_dmd(system: &str) -> bool {
    let system = system.to_ascii_lowercase();
    system.contains("dmd") || system.contains("dm+d") || system.ends_with("2.16.840.1.113883.2.1.3.2.4.27")
}

pub(super) async fn snomed_system(bench: &Bench) -> Judgement {
    if codings(bench, means_snomed).await?.iter().all(|held| text(held, "system") == SNOMED) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("the system {SNOMED}"), "another name of it"))
}

pub(super) async fn dmd_system(bench: &Bench) -> Judgement {
    let fine = |held: &Value| [DMD, SNOMED].contains(&text(held, "system"));
    if codings(bench, means_dmd).await?.iter().all(fine) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("the system {DMD}, or {SNOMED}"), "another name of it"))
}

/// The check digit of SNOMED CT identifiers: Verhoeff's, over the dihedral group of ten elements.
fn verhoeff(digits: &str) -> bool {
    // The product in the group: digits below five turn, the others mirror.
    let product = |left: u8, right: u8| match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left - 5 + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    };
    const FIRST: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |held, _| FIRST.get(usize::from(held)).copied().unwrap_or_default())
    };
    let sum =
        digits.bytes().rev().enumerate().fold(0_u8, |held, (place, byte)| {
            product(held, permuted(byte.saturating_sub(b'0').min(9), place))
        });
    sum == 0
}

pub(super) async fn snomed_codes(bench: &Bench) -> Judgement {
    let fits = |held: &Value| {
        let code = text(held, "code");
        (6..=18).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()) && verhoeff(code)
    };
    let all = codings(bench, |system| system == SNOMED).await?;
    // A code may be an expression, which begins with an identifier.
    let simple = |held: &&Value| text(held, "code").bytes().all(|byte| byte.is_ascii_alphanumeric());
    if all.iter().filter(simple).all(fits) {
        return Ok(());
    }
    Err(Otherwise::unmet("identifiers of SNOMED CT, whose check digit holds", "another code"))
}

#[cfg(test)]
mod tests {
    use super::verhoeff;

    #[test]
    fn a_check_digit_of_snomed_ct_holds_and_its_neighbours_do_not() {
        for good in ["138875005", "73211009", "22298006", "1104441000000107", "900000000000207008"] {
            assert!(verhoeff(good), "{good}");
        }
        for bad in ["138875006", "73211008", "22298060", "1104441000000108"] {
            assert!(!verhoeff(bad), "{bad}");
        }
    }
}
