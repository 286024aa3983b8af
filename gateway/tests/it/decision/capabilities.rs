//! What `metadata` says is so: for each requestor everything it names is admitted, and nothing else is.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::json::{self, Limits};
use fhir::reference::{Bases, Id};
use fhir::search::{SearchQuery, grammar, names_person_by};
use fhir::tables::{self, SearchKind, SearchParameter, TypeId};
use gateway::capability;
use gateway::decision::admit;
use gateway::decision::refusal::Refusal;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::interaction::everything::EverythingRequest;
use gateway::interaction::{
    BinaryForm, BinaryTarget, FhirAction, HistoryRequest, Interaction, NewResource, ReadTarget,
    ResourceChange, ResourceDeletion, Return, SearchRequest, VersionTarget, Wanted,
};
use gateway::person::SystemName;
use gateway::settings::Settings;
use serde_json::Value;

use super::world::{Asking, DISCHARGE, EXAMPLE, Who, emergency_doctor, push, settings, social_worker};

/// Why somebody asks who breaks glass.
const REASON: &str = "collapsed on the ward";

/// What somebody is told of one face.
fn said(asking: &Asking, settings: &Settings, system: &SystemName) -> Value {
    let question = asking.question();
    let told = capability::of_system(system, &question.requestor, settings, question.at).to_json();
    json::parse_value(told.into(), &Limits::default()).unwrap()
}

fn admitted(asking: &Asking, settings: &Settings, system: &SystemName, action: FhirAction) -> Option<usize> {
    let mut question = asking.question();
    question.interaction = Interaction::Fhir { system: system.clone(), action };
    admit(question, settings).map(|admitted| admitted.includes_left_out()).ok()
}

fn search(owner: TypeId, query: &str) -> Option<FhirAction> {
    let parameters = grammar::parse(query).ok()?;
    let query = SearchQuery::compile(owner, &parameters, &Bases::none()).ok()?;
    Some(FhirAction::Search(SearchRequest { query, offset: 0, standing: None }))
}

/// The interactions and operations on one type, as FHIR spells them.
fn actions(owner: TypeId) -> Vec<(&'static str, FhirAction)> {
    let id = || Id::parse("x1").unwrap();
    let target = || ReadTarget::new(owner, id());
    let body = || Arc::new(Unfiltered::new(json::parse("{}".into(), &Limits::default()).unwrap()));
    let change = |wanted| {
        FhirAction::Change(ResourceChange {
            target: target(),
            if_match: "1".into(),
            wanted,
            told: Return::default(),
        })
    };
    let page = (None, 0, None);
    let history = FhirAction::History(HistoryRequest {
        resource: target(),
        since: None,
        count: page.0,
        offset: page.1,
        standing: page.2,
    });
    let deletion = ResourceDeletion { target: target(), if_match: "1".into() };
    let mut all = vec![
        ("create", FhirAction::Create(NewResource { resource_type: owner, body: body(), unless: None })),
        ("update", change(Wanted::Whole(body()))),
        ("patch", change(Wanted::Patch(body()))),
        ("delete", FhirAction::Delete(deletion)),
    ];
    match owner.name() {
        "Binary" => {
            let form = BinaryForm::Resource;
            all.push(("read", FhirAction::ReadBinary(BinaryTarget { binary: target(), form })));
        }
        _ => {
            all.push(("read", FhirAction::Read(target())));
            all.push(("vread", FhirAction::Vread(VersionTarget { resource: target(), version: id() })));
            all.push(("history-instance", history));
        }
    }
    match owner.name() {
        "Patient" => {
            let patient = id();
            let (types, since, start, end, count) = (BTreeSet::new(), None, None, None, None);
            let request =
                EverythingRequest { patient, types, since, start, end, count, offset: 0, standing: None };
            all.push(("everything", FhirAction::Everything(request)));
        }
        "Composition" => all.push(("document", FhirAction::Document(target()))),
        _ => {}
    }
    all
}

/// Values that somebody may search for.
fn values(parameter: &SearchParameter) -> Vec<String> {
    match parameter.kind() {
        SearchKind::Token if parameter.code() == "_id" => vec!["x1".into()],
        SearchKind::Token => vec!["http://codes.example|c1".into()],
        SearchKind::Reference => {
            let some = parameter.targets().iter().map(|target| format!("{}/x1", target.name()));
            some.chain(["Patient/x1".to_owned()]).collect()
        }
        SearchKind::String => vec!["Exam".into()],
        SearchKind::Date => vec!["2026-01-02".into()],
        SearchKind::Number => vec!["0.5".into()],
        SearchKind::Quantity => vec!["5.4|http://unitsofmeasure.org|mg".into()],
        SearchKind::Uri => vec!["urn:x".into()],
        SearchKind::Composite => {
            let of_two = |first: &str| ["5.4", "2026", "c2"].map(|second| format!("{first}${second}"));
            let some = ["c1", "DocumentReference/x1"].iter().flat_map(|first| of_two(first));
            some.chain(["c1$5$6".to_owned()]).collect()
        }
        SearchKind::Special => vec!["1|1|1|km".into()],
    }
}

fn names(listed: &Value, element: &str, name: &str) -> BTreeSet<String> {
    let all = listed[element].as_array().into_iter().flatten();
    all.filter_map(|one| if name.is_empty() { one.as_str() } else { one[name].as_str() })
        .map(str::to_owned)
        .collect()
}

/// Compares what is said of one type with what the rules say. How much was named.
fn compare(
    asking: &Asking,
    settings: &Settings,
    system: &SystemName,
    owner: TypeId,
    listed: &Value,
) -> usize {
    let case = format!("{asking:?} at {system} of {}", owner.name());
    let may = |action| admitted(asking, settings, system, action);
    let told: BTreeSet<String> =
        names(listed, "interaction", "code").union(&names(listed, "operation", "name")).cloned().collect();
    let mut allowed: BTreeSet<String> = actions(owner)
        .into_iter()
        .filter_map(|(name, action)| may(action).is_some().then(|| name.to_owned()))
        .collect();
    let by_person = names_person_by(owner).map(|code| format!("{code}=Patient/x1"));
    let asked_by = |query: &str| search(owner, query).is_some_and(|action| may(action).is_some());
    let parameters: BTreeSet<String> = tables::search_parameters(owner)
        .into_iter()
        .filter(|_| owner.name() != "Binary")
        .filter(|parameter| {
            values(parameter).iter().any(|value| {
                let asks = format!("{}={value}", parameter.code());
                asked_by(&asks) || parameter.code() != "_id" && asked_by(&format!("_id=x1&{asks}"))
            })
        })
        .map(|parameter| parameter.code().to_owned())
        .collect();
    assert_eq!(names(listed, "searchParam", "name"), parameters, "{case}: the parameters");
    if !parameters.is_empty() {
        allowed.insert("search-type".to_owned());
    }
    assert_eq!(told, allowed, "{case}: the interactions");
    let follows = |parameter: &str, value: &str| {
        search(owner, &format!("_id=x1&{parameter}={value}")).is_some_and(|action| may(action) == Some(0))
    };
    let sources = owners(settings);
    for (parameter, element) in [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")] {
        let of = |source: &TypeId| -> Vec<String> {
            let codes = tables::search_parameters(*source).into_iter();
            codes
                .filter(|code| code.kind() == SearchKind::Reference)
                .map(|code| format!("{}:{}", source.name(), code.code()))
                .collect()
        };
        let all =
            sources.iter().filter(|source| parameter == "_revinclude" || **source == owner).flat_map(of);
        let followed: BTreeSet<String> = all.filter(|value| follows(parameter, value)).collect();
        assert_eq!(names(listed, element, ""), followed, "{case}: {parameter}");
    }
    if told.contains("create") {
        let identifier = "identifier=urn:x|y";
        let looked_for = by_person.map_or(identifier.to_owned(), |person| format!("{person}&{identifier}"));
        assert_eq!(listed["conditionalCreate"], asked_by(&looked_for), "{case}: If-None-Exist");
    }
    let is_read = allowed.contains("read") && owner.name() != "Binary";
    assert_eq!(listed["conditionalRead"].as_str(), is_read.then_some("not-match"), "{case}: If-None-Match");
    told.len() + parameters.len()
}

/// The types that any agreement shares, and some that none does.
fn owners(settings: &Settings) -> BTreeSet<TypeId> {
    let agreements = settings.agreements.all().iter();
    let shares = agreements.flat_map(|agreement| {
        let roles = agreement.roles.iter().map(|block| &block.share);
        roles.chain(agreement.systems.iter().map(|block| &block.share))
    });
    let shared: BTreeSet<TypeId> = shares.flat_map(|share| share.types.keys().copied()).collect();
    let others =
        ["Binary", "Consent", "PractitionerRole", "Slot"].map(|name| tables::resource_type(name).unwrap());
    shared.into_iter().chain(others).collect()
}

/// Compares all that is said to somebody of every face. How much was named.
fn check(asking: &Asking, settings: &Settings) -> usize {
    let mut count = 0;
    for system in &settings.systems {
        let said = said(asking, settings, &system.name);
        let listed = said["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
        assert!(listed.iter().all(|one| owners(settings).iter().any(|owner| one["type"] == owner.name())));
        for owner in owners(settings) {
            let of_type = listed.iter().find(|one| one["type"] == owner.name()).unwrap_or(&Value::Null);
            count += compare(asking, settings, &system.name, owner, of_type);
        }
        let patches = listed.iter().any(|one| names(one, "interaction", "code").contains("patch"));
        assert_eq!(said["patchFormat"].is_array(), patches, "{asking:?} at {}", system.name);
    }
    count
}

fn supervised(until: Option<&'static str>) -> Asking {
    Asking { role: "R1460", supervised_until: until, ..social_worker() }
}

#[test]
fn metadata_names_what_is_admitted_and_nothing_else() {
    let doctor = Asking { organisation: "RX1", role: "R0050", ..social_worker() };
    let some = [
        social_worker(),
        Asking { purpose: "COC", ..social_worker() },
        supervised(Some("2026-06-30")),
        doctor,
        emergency_doctor(),
        push(),
    ];
    for asking in some {
        assert!(check(&asking, &EXAMPLE) > 0, "{asking:?} may do something");
    }
    let none = [
        // The purpose is not covered, the supervision is over, nobody supervises, the role is not named.
        Asking { purpose: "HRESCH", ..social_worker() },
        supervised(Some("2026-05-31")),
        supervised(None),
        Asking { role: "R0001", ..social_worker() },
        Asking { organisation: "E10000001", ..social_worker() },
        Asking { at: "2035-06-01T10:00:00Z", ..social_worker() },
        Asking { who: Who::Herself, ..social_worker() },
    ];
    for asking in none {
        assert_eq!(check(&asking, &EXAMPLE), 0, "{asking:?} may do nothing");
    }
}

#[test]
fn metadata_is_so_where_more_and_less_is_shared() {
    // What is written and deleted; proof of care in the share of who sends; who they are is hidden.
    let settings = settings(&[
        (
            DISCHARGE,
            "share = [\"core\", \"visit\", \"clinical\"]",
            "share = [\"core\", \"visit\", \"clinical\"]\nwrite.Condition = [\"clinicalStatus\"]",
        ),
        (DISCHARGE, "[share.core.Organization]", "[share.core.Organization]\npartOf = \"whose ward it is\""),
        (
            DISCHARGE,
            "[share.clinical.Condition]",
            "[share.clinical.Condition]\n\"identifier:https://ids.example\" = \"to find it again\"\n\
             clinicalStatus = \"whether it is still so\"",
        ),
        (
            DISCHARGE,
            "[share.letter.Composition]",
            "[share.letter.CareTeam]\nname = \"who\"\n\n[share.letter.Composition]",
        ),
    ]);
    for asking in [social_worker(), Asking { purpose: "COC", ..social_worker() }, push()] {
        assert!(check(&asking, &settings) > 0, "{asking:?} may do something");
    }
}

#[test]
fn a_client_that_has_a_job_role_is_told_what_it_reads() {
    let site = crate::site::Site::example();
    let text = std::fs::read_to_string(site.settings()).unwrap();
    let client = "\n[[client]]\nsan = \"dns:adt.northshire.example\"\norganisation = \"ods:E10000099\"\n\
                  role = \"R1330\"\npurposes = [\"TREAT\"]\n";
    // The example has a client of this name already.
    let text = text.replace("dns:adt.northshire.example", "dns:other.northshire.example");
    site.write("portcullis.toml", &(text + client));
    let settings = site.load().unwrap_or_else(|unusable| panic!("{:#?}", unusable.problems)).settings;
    let asking = Asking { who: Who::System, ..social_worker() };
    assert!(check(&asking, &settings) > 0);
}

#[test]
fn a_reason_is_asked_of_who_breaks_glass_and_metadata_says_what_they_may_then() {
    let without = Asking { override_reason: None, ..emergency_doctor() };
    let question = without.question();
    assert_eq!(admit(question, &EXAMPLE).err(), Some(Refusal::OverrideReasonMissing));
    let hospital = SystemName::new("hospital");
    let with = Asking { override_reason: Some(REASON.to_owned()), ..emergency_doctor() };
    assert_eq!(said(&without, &EXAMPLE, &hospital), said(&with, &EXAMPLE, &hospital));
}
