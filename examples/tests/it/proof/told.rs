//! What `metadata` says of the scenario, held against what is served there: for each of its people everything that is named
//! is asked once and not refused by rule, and what is not named is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::asks::FACE;
use super::house::{Answer, House, Site};

/// Asked at once.
const AT_ONCE: usize = 64;
/// The id of nothing.
const ABSENT: &str = "absent-7c1f";
/// What is said of an include of which nothing can come by rule.
const LEFT_OUT: &str = "what was to go with the matches, and is not shared, was left out";
/// Types that are asked about though nobody shares them.
const OTHERS: [&str; 4] = ["Slot", "Basic", "PractitionerRole", "Consent"];

/// Parameters that are asked for though nobody is told of them.
const NOT_TOLD: [&str; 10] = [
    "_lastUpdated",
    "_security",
    "_tag",
    "_text",
    "address",
    "code-value-quantity",
    "component-code-value-quantity",
    "identifier",
    "near",
    "telecom",
];
/// What references lead to.
const TARGETS: [&str; 6] =
    ["Patient", "Practitioner", "Organization", "Encounter", "Medication", "DocumentReference"];

/// One thing that metadata may name.
struct Claim {
    who: &'static str,
    what: String,
    /// Method, target, body: it is served if one of these is.
    asks: Vec<(&'static str, String, String)>,
    is_named: bool,
}

fn is_refused(answer: &Answer) -> bool {
    let body = String::from_utf8_lossy(&answer.body);
    matches!(answer.status, 400 | 401 | 403 | 405 | 428) || body.contains(LEFT_OUT)
}

fn said(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    examples::json::parse(&answer.body).unwrap()
}

fn named(listed: &Value, element: &str, name: &str) -> BTreeSet<String> {
    let all = listed[element].as_array().into_iter().flatten();
    all.filter_map(|one| if name.is_empty() { one.as_str() } else { one[name].as_str() })
        .map(str::to_owned)
        .collect()
}

/// Values of a parameter, as a URL spells them: one of every kind fits one that nobody is told of.
fn values(code: &str, kind: Option<&str>) -> Vec<String> {
    let of_all_kinds = "2000".to_owned();
    match kind {
        _ if code == "_id" => vec![ABSENT.to_owned()],
        None => vec![of_all_kinds, format!("Patient/{ABSENT}")],
        Some("reference") => TARGETS.map(|name| format!("{name}/{ABSENT}")).to_vec(),
        Some("composite") => vec!["2000$2000".to_owned(), "2000$2000$2000".to_owned()],
        Some(_) => vec![of_all_kinds],
    }
}

/// What anybody at all is told of.
#[derive(Default)]
struct Known {
    types: BTreeSet<String>,
    /// By type: parameters and their kinds.
    parameters: BTreeMap<String, BTreeMap<String, String>>,
    /// By type and direction.
    includes: BTreeMap<(String, &'static str), BTreeSet<String>>,
}

/// Both ways in which something goes with matches, and what metadata calls them.
const WAYS: [(&str, &str); 2] = [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")];
/// Includes that would ask for people whom nobody named.
const OF_ANYBODY: [(&str, &str); 4] = [
    ("Organization", "Encounter:service-provider"),
    ("Practitioner", "Patient:general-practitioner"),
    ("Practitioner", "Encounter:participant"),
    ("Medication", "MedicationRequest:medication"),
];

impl Known {
    fn of(statements: &[(&'static str, Vec<Value>)]) -> Self {
        let mut known = Self { types: OTHERS.map(str::to_owned).into(), ..Self::default() };
        for listed in statements.iter().flat_map(|(_, listed)| listed) {
            let name = listed["type"].as_str().unwrap().to_owned();
            for one in listed["searchParam"].as_array().into_iter().flatten() {
                let text = |name: &str| one[name].as_str().unwrap().to_owned();
                known.parameters.entry(name.clone()).or_default().insert(text("name"), text("type"));
            }
            for (way, element) in WAYS {
                known.includes.entry((name.clone(), way)).or_default().extend(named(listed, element, ""));
            }
            known.types.insert(name);
        }
        for (name, value) in OF_ANYBODY {
            known.includes.entry((name.to_owned(), "_revinclude")).or_default().insert(value.to_owned());
        }
        known
    }
}

/// Every claim that metadata makes, or does not make, about one type.
fn claims(who: &'static str, name: &str, listed: &Value, known: &Known) -> Vec<Claim> {
    let at = |below: &str| format!("{FACE}/{name}{below}");
    let resource = format!(r#"{{"resourceType":"{name}","id":"{ABSENT}"}}"#);
    let get = |target: String| vec![("GET", target, String::new())];
    let one = at(&format!("/{ABSENT}"));
    let mut asked = vec![
        ("read", get(one.clone())),
        ("vread", get(format!("{one}/_history/1"))),
        ("history-instance", get(format!("{one}/_history"))),
        ("create", vec![("POST", at(""), format!(r#"{{"resourceType":"{name}"}}"#))]),
        ("update", vec![("PUT", one.clone(), resource)]),
        ("patch", vec![("PATCH", one.clone(), r#"[{"op":"test","path":"/id","value":"x"}]"#.to_owned())]),
        ("delete", vec![("DELETE", one.clone(), String::new())]),
    ];
    match name {
        "Patient" => asked.push(("everything", get(format!("{one}/$everything")))),
        "Composition" => asked.push(("document", get(format!("{one}/$document")))),
        _ => {}
    }
    let told: BTreeSet<String> =
        named(listed, "interaction", "code").union(&named(listed, "operation", "name")).cloned().collect();
    let claim = |what: String, asks, is_named| Claim { who, what: format!("{name} {what}"), asks, is_named };
    let mut claims: Vec<Claim> =
        asked.into_iter().map(|(what, asks)| claim(what.to_owned(), asks, told.contains(what))).collect();
    let parameters = named(listed, "searchParam", "name");
    let nothing = BTreeMap::new();
    let of_type = known.parameters.get(name).unwrap_or(&nothing);
    let others = NOT_TOLD.iter().map(|code| (*code).to_owned());
    for code in others.chain(of_type.keys().cloned()).collect::<BTreeSet<_>>() {
        let also = if code == "_id" { String::new() } else { format!("_id={ABSENT}&") };
        let ask = |value: String| ("GET", at(&format!("?{also}{code}={value}")), String::new());
        let kind = of_type.get(&code).map(String::as_str);
        let asks = values(&code, kind).into_iter().map(ask).collect();
        claims.push(claim(format!("by {code}"), asks, parameters.contains(&code)));
    }
    for (way, element) in WAYS {
        let told = named(listed, element, "");
        for value in known.includes.get(&(name.to_owned(), way)).into_iter().flatten() {
            let asks = get(at(&format!("?_id={ABSENT}&{way}={value}")));
            claims.push(claim(format!("{way} {value}"), asks, told.contains(value)));
        }
    }
    claims
}

/// What is wrong with a claim, if anything is.
async fn wrong(house: &House, token: &str, claim: &Claim) -> Option<String> {
    let mut answers = Vec::new();
    for (method, target, body) in &claim.asks {
        let media = if *method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
        let mut headers = vec![("authorization", format!("Bearer {token}"))];
        if !body.is_empty() {
            headers.push(("content-type", media.to_owned()));
        }
        if matches!(*method, "PUT" | "PATCH" | "DELETE") {
            headers.push(("if-match", "W/\"1\"".to_owned()));
        }
        let answer = house.ask(method, target, &headers, body.clone().into()).await.unwrap();
        if answer.status >= 500 {
            return Some(format!("{}: {} {target}: {}", claim.who, claim.what, answer.status));
        }
        answers.push(answer);
        if !answers.last().is_some_and(is_refused) {
            break;
        }
    }
    let is_served = answers.iter().any(|answer| !is_refused(answer));
    let told: Vec<String> = answers
        .iter()
        .map(|answer| format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)))
        .collect();
    (is_served != claim.is_named)
        .then(|| format!("{}: {} is named: {}; {told:?}", claim.who, claim.what, claim.is_named))
}

/// Asks all, some at once; what is wrong.
async fn all_wrong(house: &Arc<House>, token: &str, claims: Vec<Claim>) -> Vec<String> {
    let claims = Arc::new(claims);
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE {
        let (house, claims, token) = (Arc::clone(house), Arc::clone(&claims), token.to_owned());
        tasks.spawn(async move {
            let mut found = Vec::new();
            for claim in claims.iter().skip(first).step_by(AT_ONCE) {
                found.extend(wrong(&house, &token, claim).await);
            }
            found
        });
    }
    let mut found = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        found.extend(ended.unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_names_to_each_of_the_scenario_what_is_served_to_them_and_nothing_else() {
    let mut site = Site::new().await;
    let house = Arc::new(site.first().await);
    let mut statements = Vec::new();
    for (who, token) in &site.tokens {
        let headers = [("authorization", format!("Bearer {token}"))];
        let answer =
            house.ask("GET", &format!("{FACE}/metadata"), &headers, bytes::Bytes::new()).await.unwrap();
        let listed = said(&answer)["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
        statements.push((*who, listed));
    }
    let known = Known::of(&statements);
    let (mut count, mut found) = (0, Vec::new());
    for (who, listed) in &statements {
        let of = |name: &str| listed.iter().find(|one| one["type"] == name).unwrap_or(&Value::Null);
        // Versions and searches of a Binary have no place at all.
        let types = known.types.iter().filter(|name| *name != "Binary");
        let all: Vec<Claim> = types.flat_map(|name| claims(who, name, of(name), &known)).collect();
        count += all.iter().filter(|claim| claim.is_named).count();
        found.extend(all_wrong(&house, &site.tokens[who], all).await);
    }
    println!("{count} claims are named, {} are wrong", found.len());
    assert!(found.is_empty(), "{} of them:\n{}", found.len(), found[..found.len().min(20)].join("\n"));
    assert!(count > 200, "too little is named to prove anything: {count}");
    Arc::into_inner(house).unwrap().close().await;
}
