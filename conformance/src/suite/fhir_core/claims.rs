//! Whether the server does what its statement says, and nothing else.

use http::Method;

use super::hands::{acted, get, of_system, refused, send, stated, succeeded};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};

const CAPABILITIES: &str = "https://hl7.org/fhir/R4/http.html#capabilities";
const INTERACTION: &str = "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.interaction";

/// Types that are asked after, of those that are claimed.
const TYPES_MAX: usize = 200;

/// Types that are asked after, of those that are not.
const STRANGERS_MAX: usize = 8;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-claims-search",
        "every type whose search is claimed can be searched",
        "clients rely on the statement",
        INTERACTION,
        searches
    ),
    acted!(
        Shall,
        "core-claims-read",
        "every type whose read is claimed can be read: an unknown id is not found, not unsupported",
        "clients rely on the statement",
        INTERACTION,
        reads
    ),
    acted!(
        Shall,
        "core-claims-no-more",
        "an interaction with the whole system that is not claimed is refused",
        "whoever checks the statement does not see what is open",
        CAPABILITIES,
        no_more
    ),
    acted!(
        Should,
        "core-claims-no-type",
        "a type that is not claimed is neither read nor searched",
        "whoever checks the statement does not see what is open",
        CAPABILITIES,
        no_type
    ),
];

fn claimed_types(bench: &Bench, interaction: &str) -> Result<Vec<String>, Otherwise> {
    let claims = bench.claims()?;
    let types = claims.types().filter(|name| claims.offers(name, interaction));
    let types: Vec<String> = types.take(TYPES_MAX).map(str::to_owned).collect();
    if types.is_empty() {
        return Err(Otherwise::skipped(format!("{interaction} is not advertised")));
    }
    Ok(types)
}

async fn searches(bench: &Bench) -> Judgement {
    for name in claimed_types(bench, "search-type")? {
        let answer = get(bench, &format!("{name}?_count=1")).await?;
        // Some want a criterion before they search; that is a refusal of this search, not of all.
        if matches!(answer.status, 404 | 405) || answer.status >= 500 {
            return Err(Otherwise::unmet(format!("a search of {name}"), format!("status {}", answer.status)));
        }
    }
    Ok(())
}

async fn reads(bench: &Bench) -> Judgement {
    for name in claimed_types(bench, "read")? {
        let answer = get(bench, &format!("{name}/{}-never", bench.tag())).await?;
        if !matches!(answer.status, 404 | 410) {
            return Err(Otherwise::unmet(
                format!("404 for an unknown {name}"),
                format!("status {}", answer.status),
            ));
        }
    }
    Ok(())
}

async fn no_more(bench: &Bench) -> Judgement {
    let mut tried = 0;
    for (interaction, path) in
        [("history-system", "_history?_count=1"), ("search-system", "?_id=conformance-never")]
    {
        if of_system(bench, interaction).is_ok() {
            continue;
        }
        tried += 1;
        let answer = send(bench, Method::GET, path, &[], "").await?;
        // A page for people at the base is no interaction.
        if succeeded(&answer).is_ok() && answer.is("Bundle") {
            return Err(Otherwise::unmet(
                format!("a refusal of {interaction}, which is not claimed"),
                format!("status {}", answer.status),
            ));
        }
    }
    let claims_nothing = stated(bench, &["rest", "mode"])?.is_empty();
    if tried == 0 || claims_nothing {
        return Err(Otherwise::skipped("everything is claimed"));
    }
    Ok(())
}

async fn no_type(bench: &Bench) -> Judgement {
    let claims = bench.claims()?;
    let claimed: Vec<&str> = claims.types().collect();
    let strangers = fhir::tables::resource_types().filter(|found| !claimed.contains(&found.name()));
    let strangers: Vec<&str> = strangers.take(STRANGERS_MAX).map(fhir::tables::TypeId::name).collect();
    if strangers.is_empty() {
        return Err(Otherwise::skipped("every type of R4 is claimed"));
    }
    for name in strangers {
        for path in [format!("{name}?_count=1"), format!("{name}/{}-never", bench.tag())] {
            let answer = get(bench, &path).await?;
            // 501 says as well that it is not served.
            if refused(&answer).is_err() && answer.status != 501 {
                let found = format!("status {}", answer.status);
                return Err(Otherwise::unmet(format!("a refusal of {name}, which is not claimed"), found));
            }
        }
    }
    Ok(())
}
