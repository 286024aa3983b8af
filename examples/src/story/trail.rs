//! The person sees everyone who asked for her record, and everyone who was refused.

use http::Method;
use serde_json::Value;

use super::stage::{Ask, Broken, Stage, broken, expect_status};
use crate::json;
use crate::people::{ANN, EVERYONE, Person};
use crate::standin::query;

const PAGES_MAX: usize = 50;

/// Everything asked about a person stands in her trail exactly once, in nobody else's, and on her page.
pub(super) async fn patient_sees_trail(stage: &mut Stage<'_>) -> Result<String, Broken> {
    for person in EVERYONE {
        // Only Ann signs in here; the Caldicott Guardian may read the trail of anyone.
        let reader = if person == ANN { "patient_ann" } else { "guardian" };
        let events = events(stage, reader, person).await?;
        for asked in &stage.asked {
            let count = events.iter().filter(|event| names(event, &asked.request_id)).count();
            if count != usize::from(asked.person == person) {
                return broken(format!(
                    "{} stands {count} times in the trail of {}",
                    asked.what, person.name
                ));
            }
        }
    }
    let about_ann: Vec<_> = stage.asked.iter().filter(|asked| asked.person == ANN).cloned().collect();
    let pages = pages(stage).await?;
    for asked in &about_ann {
        let count = pages.matches(&asked.request_id).count();
        if count != 1 {
            return broken(format!("{} stands {count} times on Ann's page", asked.what));
        }
    }
    let all = stage.asked.len();
    Ok(format!(
        "{all} requests, each once in the trail of whom it was about; Ann's {} on her page",
        about_ann.len()
    ))
}

/// Every AuditEvent about `person` that `actor` may see, newest first.
pub(super) async fn events(stage: &Stage<'_>, actor: &str, person: Person) -> Result<Vec<Value>, Broken> {
    let identifier = query::encode(&format!("https://fhir.nhs.uk/Id/nhs-number|{}", person.nhs_number));
    let mut path = format!("/fhir/AuditEvent?patient.identifier={identifier}&_count=100");
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let ask = Ask { actor, method: Method::GET, path: &path, headers: &[], body: Vec::new() };
        let answer = stage.ask(ask).await?;
        expect_status(&answer, 200, "the trail")?;
        let bundle = answer.json();
        let resources = json::list(&bundle, "/entry").iter().filter_map(|entry| entry.get("resource"));
        found.extend(
            resources.filter(|held| json::text(held, "/resourceType") == Some("AuditEvent")).cloned(),
        );
        let next =
            json::list(&bundle, "/link").iter().find(|link| json::text(link, "/relation") == Some("next"));
        match next
            .and_then(|link| json::text(link, "/url"))
            .and_then(|url| url.strip_prefix(&stage.house.base()))
        {
            Some(next) => path = next.to_owned(),
            None => return Ok(found),
        }
    }
    broken("the trail has no end")
}

/// Whether an AuditEvent is of the exchange with this request id.
pub(super) fn names(event: &Value, request_id: &str) -> bool {
    json::is_of_exchange(event, request_id)
}

/// Ann's own page, with all earlier ones, as one text.
async fn pages(stage: &Stage<'_>) -> Result<String, Broken> {
    let base = stage.house.base();
    let form = format!("token={}", query::encode(stage.house.token("patient_ann")));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", stage.house.sign_in.as_str()),
        ("sec-fetch-site", "same-site"),
    ];
    let url = format!("{base}/me/session");
    let begun =
        stage.send("signing in to Ann's page", Method::POST, &url, &headers, form.into_bytes()).await?;
    let cookie = begun.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    if cookie.is_empty() {
        return broken(format!("signing in to Ann's page: status {} and no session", begun.status));
    }
    let mut text = String::new();
    let mut path = "/me".to_owned();
    for _ in 0..PAGES_MAX {
        let url = format!("{base}{path}");
        let page = stage.send("Ann's page", Method::GET, &url, &[("cookie", &cookie)], Vec::new()).await?;
        expect_status(&page, 200, "Ann's page")?;
        let html = String::from_utf8_lossy(&page.body).into_owned();
        let older = html.split_once("\">Earlier entries</a>").map(|(before, _)| before);
        let next = older
            .and_then(|before| before.rsplit_once("href=\""))
            .map(|(_, link)| link.replace("&amp;", "&"));
        text.push_str(&html);
        match next {
            Some(link) => path = link,
            None => return Ok(text),
        }
    }
    broken("Ann's page has no end")
}
