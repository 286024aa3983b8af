//! What a Consent permits and denies, one thing at a time.

use http::Method;
use jiff::{Span, Timestamp, ToSpan};
use serde_json::{Value, json};

use super::super::people::{Asked, BODY, JSON, ask, json as parsed};
use super::asking::{Way, way_of};
use super::stage::{Seen, Stage, Want, purpose, recipient};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::scene::{Baseline, Disagreement, Linked, Named};

/// A way of asking that needs the scene.
#[derive(Clone, Copy)]
pub(super) enum By {
    Read,
    Xml,
    FormatXml,
    Head,
    Search,
    SearchByPost,
    Vread,
    History,
}

impl By {
    pub(super) fn way(self, stage: &Stage<'_>) -> Way {
        match self {
            Self::Read => Way::Read,
            Self::Xml => Way::Xml,
            Self::FormatXml => Way::FormatXml,
            Self::Head => Way::Head,
            Self::Search => Way::Search(stage.consents.search.clone()),
            Self::SearchByPost => Way::SearchByPost(stage.consents.search.clone()),
            Self::Vread => Way::Vread,
            Self::History => Way::History,
        }
    }
}

/// Without a Consent what the scene claims is so.
pub(super) async fn default(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let want = stage.reads(
        Way::Read,
        match stage.consents.default {
            Baseline::Permit => Seen::Shown,
            Baseline::Deny => Seen::Withheld,
        },
    );
    let ways = way_of(&stage, &want).await?;
    stage.all_seen(&[want], &[ways], stage.consents.window).await
}

/// A denial of everything counts for this way of asking.
pub(super) async fn denied(bench: &Bench, by: By) -> Judgement {
    let stage = Stage::of(bench)?;
    let want = stage.reads(by.way(&stage), Seen::Withheld);
    stage.hold(&[stage.consent(&json!({"type": "deny"}))], &[want]).await
}

/// A permit of everything is a permit.
pub(super) async fn permitted(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let wants = [stage.reads(Way::Read, Seen::Shown), stage.reads(By::Search.way(&stage), Seen::Shown)];
    stage.hold(&[stage.consent(&json!({"type": "permit"}))], &wants).await
}

/// A search under a denial gives no hint: its total counts what it shows.
pub(super) async fn total(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    stage.ready(&[stage.reads(By::Search.way(&stage), Seen::Shown)]).await?;
    let recorded = stage.record(&stage.consent(&json!({"type": "deny"}))).await?;
    let answer = ask(bench, Asked::get(&stage.consents.actor, &stage.consents.search)).await;
    stage.withdraw(&recorded).await?;
    let answer = answer?;
    if answer.status != 200 {
        return Ok(());
    }
    let total = parsed(answer.body).and_then(|bundle| bundle.get("total").and_then(Value::as_u64));
    match total {
        None | Some(0) => Ok(()),
        Some(_) => Err(Otherwise::unmet("a total of 0, or none", "a total that counts what is withheld")),
    }
}

/// Only `active` Consents count.
pub(super) async fn status(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let seen = match stage.consents.default {
        Baseline::Permit => Seen::Shown,
        Baseline::Deny => Seen::Withheld,
    };
    let want = [stage.reads(Way::Read, seen)];
    let ways = stage.ready(&want).await?;
    let opposite = if seen == Seen::Shown { "deny" } else { "permit" };
    for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error"] {
        let mut consent = stage.consent(&json!({"type": opposite}));
        set(&mut consent, "status", status.into());
        let Some(recorded) = stage.offer(&consent).await? else { continue };
        // At once: one that counts for a moment only was counted.
        let judged = stage.all_seen(&want, &ways, std::time::Duration::ZERO).await;
        stage.withdraw(&recorded).await?;
        if judged.is_err() {
            return Err(Otherwise::unmet(
                "only active Consents to count",
                format!("one that is {status} does"),
            ));
        }
    }
    Ok(())
}

/// A Consent of one patient says nothing of another.
pub(super) async fn of_another(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    if stage.consents.default == Baseline::Deny {
        return Err(Otherwise::skipped("without a Consent nothing of another patient is shared anyway"));
    }
    let Some(public) = &stage.scene.reads.together else {
        return Err(Otherwise::skipped("the scene knows no second patient: reads.together"));
    };
    let other = public.patients.iter().find(|name| **name != stage.consents.patient);
    let Some(other) = other.and_then(|name| stage.scene.patient(name)) else {
        return Err(Otherwise::skipped("the scene knows no second patient: reads.together"));
    };
    let wants = [Want {
        actor: public.actor.clone(),
        way: Way::Search(public.search.clone()),
        resource: format!("Patient/{}", other.id),
        seen: Seen::Shown,
    }];
    stage.hold(&[stage.consent(&json!({"type": "deny"}))], &wants).await
}

/// The very next request after a Consent is under it.
pub(super) async fn next_request(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let want = [stage.reads(Way::Read, Seen::Withheld)];
    let ways = stage.ready(&want).await?;
    // What may be remembered is remembered now.
    if stage.consents.default == Baseline::Permit {
        stage.all_seen(&[stage.reads(Way::Read, Seen::Shown)], &ways, std::time::Duration::ZERO).await?;
    }
    let recorded = stage.record(&stage.consent(&json!({"type": "deny"}))).await?;
    let judged = stage.all_seen(&want, &ways, std::time::Duration::ZERO).await;
    stage.withdraw(&recorded).await?;
    judged
}

/// So is the very next one after it was withdrawn.
pub(super) async fn next_after_withdrawal(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let (under, after) = match stage.consents.default {
        Baseline::Permit => (("deny", Seen::Withheld), Seen::Shown),
        Baseline::Deny => (("permit", Seen::Shown), Seen::Withheld),
    };
    let want = [stage.reads(Way::Read, under.1)];
    let ways = stage.ready(&want).await?;
    let recorded = stage.record(&stage.consent(&json!({"type": under.0}))).await?;
    let before = stage.all_seen(&want, &ways, stage.consents.window).await;
    stage.withdraw(&recorded).await?;
    before?;
    stage.all_seen(&[stage.reads(Way::Read, after)], &ways, std::time::Duration::ZERO).await
}

/// A denial of one organisation counts for it and no other.
pub(super) async fn actor_denied(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let other = stage.other()?;
    let named = stage.organisation_of(&stage.consents.actor)?;
    let wants = [
        stage.reads(Way::Read, Seen::Withheld),
        Want { actor: other.to_owned(), ..stage.reads(Way::Read, Seen::Shown) },
    ];
    stage.hold(&[stage.denying(json!({"actor": [named]}))], &wants).await
}

/// Who is meant is told by the identifier, not by a name beside it.
pub(super) async fn actor_by_identifier(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let other = stage.other()?;
    let mut named = stage.organisation_of(other)?;
    let own = stage.organisation_of(&stage.consents.actor)?;
    // Named like the actor, and yet another.
    let name = own.pointer("/reference/identifier/value").cloned().unwrap_or_default();
    if let Some(reference) = named.pointer_mut("/reference") {
        set(reference, "display", name);
    }
    let wants = [
        stage.reads(Way::Read, Seen::Shown),
        Want { actor: other.to_owned(), ..stage.reads(Way::Read, Seen::Withheld) },
    ];
    stage.hold(&[stage.denying(json!({"actor": [named]}))], &wants).await
}

/// A denial of the purpose for which somebody asks.
pub(super) async fn purpose_denied(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let own = stage.purpose_of(&stage.consents.actor)?;
    let wants = [stage.reads(Way::Read, Seen::Withheld), stage.reads(By::Search.way(&stage), Seen::Withheld)];
    stage.hold(&[stage.denying(json!({"purpose": [purpose(own)]}))], &wants).await
}

/// A denial of another purpose leaves theirs.
pub(super) async fn purpose_other(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let own = stage.purpose_of(&stage.consents.actor)?;
    let other = other_purpose(own);
    let wants = [stage.reads(Way::Read, Seen::Shown)];
    stage.hold(&[stage.denying(json!({"purpose": [purpose(other)]}))], &wants).await
}

/// One that has nothing to do with theirs.
pub(super) fn other_purpose(own: &str) -> &'static str {
    if own == "HMARKT" { "HPAYMT" } else { "HMARKT" }
}

/// When a provision holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Now,
    Past,
    Future,
}

impl When {
    /// A period that is so now.
    pub(super) fn period(self) -> Value {
        let now = Timestamp::now();
        let at = |span: Span| format!("{:.0}", now.saturating_add(span).unwrap_or(now));
        match self {
            Self::Now => json!({"start": at((-48).hours()), "end": at(48.hours())}),
            Self::Past => json!({"start": at((-96).hours()), "end": at((-48).hours())}),
            Self::Future => json!({"start": at(48.hours()), "end": at(96.hours())}),
        }
    }
}

/// A provision holds in its period.
pub(super) async fn period(bench: &Bench, when: When) -> Judgement {
    let stage = Stage::of(bench)?;
    let seen = if when == When::Now { Seen::Withheld } else { Seen::Shown };
    let denial = stage.denying(json!({"period": when.period()}));
    stage.hold(&[denial], &[stage.reads(Way::Read, seen)]).await
}

fn place(stage: &Stage<'_>, resource: &str) -> Value {
    json!({"reference": format!("{}/{resource}", stage.bench.target().base())})
}

/// A denial of one resource, and not of another.
pub(super) async fn data_instance(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let own = &stage.consents.resource;
    let data = json!([{"meaning": "instance", "reference": place(&stage, own)}]);
    let mut wants =
        vec![stage.reads(Way::Read, Seen::Withheld), stage.reads(By::Search.way(&stage), Seen::Withheld)];
    if let Some(beside) = &stage.consents.beside {
        wants.push(Want { resource: beside.clone(), ..stage.reads(Way::Read, Seen::Shown) });
    }
    stage.hold(&[stage.denying(json!({"data": data}))], &wants).await
}

/// A denial of what refers to something, or was written by somebody.
pub(super) async fn data_linked(bench: &Bench, meaning: &'static str) -> Judgement {
    let stage = Stage::of(bench)?;
    let linked = match meaning {
        "related" => &stage.consents.related,
        _ => &stage.consents.authored,
    };
    let Some(Linked { resource, to }) = linked else {
        return Err(Otherwise::skipped(format!("the scene knows nothing of this kind: consents.{meaning}")));
    };
    let data = json!([{"meaning": meaning, "reference": place(&stage, to)}]);
    let want = Want { resource: resource.clone(), ..stage.reads(Way::Read, Seen::Withheld) };
    stage.hold(&[stage.denying(json!({"data": data}))], &[want]).await
}

/// A denial of what is from some time.
pub(super) async fn data_period(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(dated) = &stage.consents.dated else {
        return Err(Otherwise::skipped("the scene knows nothing of a time: consents.dated"));
    };
    let want = |seen| Want { resource: dated.resource.clone(), ..stage.reads(Way::Read, seen) };
    let of = |start: &str, end: &str| stage.denying(json!({"dataPeriod": {"start": start, "end": end}}));
    stage.hold(&[of(&dated.start, &dated.end)], &[want(Seen::Withheld)]).await?;
    // Long before there were computers.
    stage.hold(&[of("1890-01-01", "1890-12-31")], &[want(Seen::Shown)]).await
}

/// Inside a permit, a denial for one organisation.
pub(super) async fn nested_deny(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let other = stage.other()?;
    let named = stage.organisation_of(&stage.consents.actor)?;
    let provision = json!({"type": "permit", "provision": [{"type": "deny", "actor": [named]}]});
    let wants = [
        stage.reads(Way::Read, Seen::Withheld),
        Want { actor: other.to_owned(), ..stage.reads(Way::Read, Seen::Shown) },
    ];
    stage.hold(&[stage.consent(&provision)], &wants).await
}

/// Inside a denial, a permit for one organisation.
pub(super) async fn nested_permit(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let other = stage.other()?;
    let named = stage.organisation_of(&stage.consents.actor)?;
    let provision = json!({"type": "deny", "provision": [{"type": "permit", "actor": [named]}]});
    let wants = [
        stage.reads(Way::Read, Seen::Shown),
        Want { actor: other.to_owned(), ..stage.reads(Way::Read, Seen::Withheld) },
    ];
    stage.hold(&[stage.consent(&provision)], &wants).await
}

fn label(named: &Named) -> Value {
    json!([{"system": named.system, "code": named.value}])
}

/// A denial of a security label: what has it is withheld in this way, and the rest is shown.
pub(super) async fn label_denied(bench: &Bench, by: By) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(labelled) = &stage.consents.labelled else {
        return Err(Otherwise::skipped("the scene knows nothing with a label: consents.labelled"));
    };
    let way = match by {
        By::Search => Way::Search(labelled.search.clone()),
        By::Read | By::Xml | By::FormatXml | By::Head | By::SearchByPost | By::Vread | By::History => {
            by.way(&stage)
        }
    };
    let wants = [
        Want { resource: labelled.resource.clone(), ..stage.reads(way, Seen::Withheld) },
        stage.reads(Way::Read, Seen::Shown),
    ];
    stage.hold(&[stage.denying(json!({"securityLabel": label(&labelled.label)}))], &wants).await
}

/// A denial of another label leaves it.
pub(super) async fn label_other(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(labelled) = &stage.consents.labelled else {
        return Err(Otherwise::skipped("the scene knows nothing with a label: consents.labelled"));
    };
    let other =
        Named { system: labelled.label.system.clone(), value: other_label(&labelled.label.value).to_owned() };
    let want = Want { resource: labelled.resource.clone(), ..stage.reads(Way::Read, Seen::Shown) };
    stage.hold(&[stage.denying(json!({"securityLabel": label(&other)}))], &[want]).await
}

/// A sensitivity that the scene's label is not.
pub(super) fn other_label(own: &str) -> &'static str {
    if own == "SICKLE" { "GDIS" } else { "SICKLE" }
}

/// A label on what stands inside something counts for it.
pub(super) async fn label_contained(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(contained) = &stage.consents.contained else {
        return Err(Otherwise::skipped(
            "the scene knows nothing labelled inside something: consents.contained",
        ));
    };
    let read = async || {
        let asked = Asked::get(&stage.consents.actor, &contained.resource);
        let answer = ask(bench, asked).await?;
        let holds = String::from_utf8_lossy(&answer.body).contains(&contained.marker);
        Ok::<_, Otherwise>(answer.status == 200 && holds)
    };
    if stage.consents.default == Baseline::Permit && !read().await? {
        return Err(Otherwise::error("the scene's marker is not in what is read while nothing denies it"));
    }
    let denial = stage.denying(json!({"securityLabel": label(&contained.label)}));
    let recorded = stage.record(&denial).await?;
    let shown = read().await;
    stage.withdraw(&recorded).await?;
    match shown? {
        false => Ok(()),
        true => Err(Otherwise::unmet("what is inside to be withheld", "its words are shown")),
    }
}

/// What a search includes is under the Consent too.
pub(super) async fn included(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(include) = &stage.consents.include else {
        return Err(Otherwise::skipped(
            "the scene knows no search that includes something: consents.include",
        ));
    };
    let data = json!([{"meaning": "instance", "reference": place(&stage, &include.resource)}]);
    let want = Want {
        resource: include.resource.clone(),
        ..stage.reads(Way::Search(include.search.clone()), Seen::Withheld)
    };
    stage.hold(&[stage.denying(json!({"data": data}))], &[want]).await
}

/// Two Consents that disagree are resolved as it is claimed.
pub(super) async fn disagree(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(claimed) = stage.consents.disagreement else {
        return Err(Otherwise::skipped(
            "PCF leaves it to the domain, and the scene does not say: consents.disagree",
        ));
    };
    let of = |effect: &str, hours: i64| {
        let mut consent = stage.consent(&json!({"type": effect}));
        let at = Timestamp::now().saturating_sub(hours.hours()).unwrap_or_default();
        set(&mut consent, "dateTime", format!("{at:.0}").into());
        consent
    };
    let later_permits = match claimed {
        Disagreement::Stricter => Seen::Withheld,
        Disagreement::Later => Seen::Shown,
    };
    let want = |seen| [stage.reads(Way::Read, seen)];
    stage.hold(&[of("deny", 48), of("permit", 1)], &want(later_permits)).await?;
    stage.hold(&[of("permit", 48), of("deny", 1)], &want(Seen::Withheld)).await
}

/// Whom Consents are not for to write writes none.
pub(super) async fn recorder_only(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let Some(outsider) = &stage.consents.outsider else {
        return Err(Otherwise::skipped(
            "the scene knows nobody who may not write Consents: consents.outsider",
        ));
    };
    let body = stage.consent(&json!({"type": "deny", "period": When::Past.period()})).to_string();
    let headers = [JSON, BODY];
    let asked = Asked {
        actor: Some(outsider),
        base: stage.consents.base.as_deref(),
        method: &Method::POST,
        path: "Consent",
        headers: &headers,
        body: &body,
    };
    match ask(bench, asked).await?.status {
        401 | 403 | 404 | 405 => Ok(()),
        200..=299 => Err(Otherwise::unmet("a refusal", "a Consent that was taken")),
        other => Err(Otherwise::error(format!("status {other}"))),
    }
}

pub(super) fn set(resource: &mut Value, name: &str, value: Value) {
    if let Some(members) = resource.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// For tables: a recipient that is not the actor's own organisation.
pub(super) fn somebody_else(stage: &Stage<'_>) -> Result<Value, Otherwise> {
    match stage.consents.other.as_deref().map(|other| stage.organisation_of(other)) {
        Some(named) => named,
        None => {
            let own = stage.organisation_of(&stage.consents.actor)?;
            let system = own.pointer("/reference/identifier/system").and_then(Value::as_str);
            let system = system.unwrap_or_default().to_owned();
            Ok(recipient(&Named { system, value: "E99999999".to_owned() }))
        }
    }
}
