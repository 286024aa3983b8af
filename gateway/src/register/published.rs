//! One agreement as it is published: every code beside its meaning.

use fhir::purpose_of_use::PurposeOfUse;
use fhir::tables::TypeId;
use jiff::civil::Date;
use serde::Serialize;

use super::{organisation, words};
use crate::agreement::{Criterion, Place, Share, SharedType, SharingAgreement, Standing};
use crate::settings::Settings;

/// An organisation by code and name.
#[derive(Debug, Clone, Serialize)]
pub struct Organisation {
    /// `ods:RX1`.
    pub code: String,
    /// What people call it; the bare code when the settings name none.
    pub name: String,
}

/// A code beside its meaning.
#[derive(Debug, Clone, Serialize)]
pub struct Coded {
    /// The code.
    pub code: String,
    /// What it means.
    pub display: String,
}

/// One agreement.
#[derive(Debug, Serialize)]
pub struct Published {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Where it is in its life.
    pub status: String,
    /// SHA-256 of its file.
    pub version: String,
    /// First day in force.
    pub from: Date,
    /// Last day in force.
    pub until: Date,
    /// Both in words.
    pub dates: String,
    /// When it must be looked at again.
    pub review_by: Date,
    /// The same in words, and whether it is overdue.
    pub review: String,
    /// The Caldicott Guardian who signed it.
    pub approved_by: Option<String>,
    /// Who discloses.
    pub disclosed_by: Vec<Organisation>,
    /// Who receives.
    pub disclosed_to: Vec<Organisation>,
    /// Why.
    pub purposes: Vec<Coded>,
    /// Articles of the UK GDPR.
    pub uk_gdpr: Vec<String>,
    /// The basis under the duty of confidentiality.
    pub confidentiality: Coded,
    /// What people can do about it.
    pub choice: String,
    /// Whether people can be known from it.
    pub identifiability: Coded,
    /// The ties of care that are asked for.
    pub ties_of_care: Vec<Coded>,
    /// How long a tie counts after it ended.
    pub lapses_after_days: u16,
    /// Exceptions: purposes that jump over ties and objections with a reason.
    pub overrides: Vec<Coded>,
    /// Whether refusals tell their reason.
    pub existence: String,
    /// Who sees what.
    pub recipients: Vec<Recipient>,
}

/// Those who see the same.
#[derive(Debug, Serialize)]
pub struct Recipient {
    /// Job roles, or names of systems.
    pub who: Vec<Coded>,
    /// `registered`, `supervised`, or `system`.
    pub standing: String,
    /// The same in words.
    pub safeguard: String,
    /// What they see, by type.
    pub sees: Vec<Kind>,
}

/// What is seen of one resource type.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// The resource type.
    pub resource_type: String,
    /// The same in words.
    pub display: String,
    /// One entry for each share that speaks of the type.
    pub shares: Vec<Part>,
    /// Elements that come along because they change the meaning of others.
    pub modifiers: Vec<Coded>,
    /// Elements that they may change as far as they see them.
    pub changes: Vec<Coded>,
    /// Whether they may delete what they see whole.
    pub deletes: bool,
}

impl Kind {
    /// Why earlier versions are seen as well; nothing where one of the shares does not say so.
    #[must_use]
    pub fn earlier_versions(&self) -> Option<String> {
        let reasons: Option<Vec<&str>> =
            self.shares.iter().map(|part| part.earlier_versions.as_deref()).collect();
        reasons.filter(|reasons| !reasons.is_empty()).map(|reasons| reasons.join("; "))
    }
}

/// What one share says of a type.
#[derive(Debug, Serialize)]
pub struct Part {
    /// The name of the share.
    pub share: String,
    /// Elements and reasons.
    pub items: Vec<Element>,
    /// For which resources only.
    pub only_where: Vec<Condition>,
    /// Never when so labelled.
    pub never_labelled: Vec<Coded>,
    /// Modifiers kept back.
    pub withhold: Vec<String>,
    /// Why earlier versions are shared as well; nothing where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_versions: Option<String>,
}

/// An element and why it is needed.
#[derive(Debug, Serialize)]
pub struct Element {
    /// Its path.
    pub element: String,
    /// The same in words.
    pub display: String,
    /// Why it is needed.
    pub why: String,
}

/// A condition on a resource.
#[derive(Debug, Serialize)]
pub struct Condition {
    /// What is asked.
    pub asks: Asks,
    /// The element; empty for sets of conditions.
    pub element: String,
    /// Values of which it has one: `system|code`, texts, media types.
    pub codes: Vec<String>,
    /// Sets of conditions, of which one holds.
    pub sets: Vec<Vec<Condition>>,
    /// All of it in words.
    pub display: String,
}

/// What a condition asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// That the element has one of the values.
    OneOf,
    /// That it is there.
    Present,
    /// That it is not there.
    Absent,
    /// That one of the sets holds.
    AnySet,
    /// That the resource stands inside another one.
    Contained,
}

impl Published {
    /// The agreement as published on a day.
    #[must_use]
    pub fn of(agreement: &SharingAgreement, settings: &Settings, day: Date) -> Self {
        let parties = |codes: &[_]| codes.iter().map(|code| organisation(settings, code)).collect();
        let basis = agreement.legal_basis.confidentiality;
        let roles = agreement.roles.iter().map(|block| Recipient {
            who: block
                .roles
                .iter()
                .map(|role| coded(&role.code(), role.display().unwrap_or("job role")))
                .collect(),
            standing: block.standing.as_str().to_owned(),
            safeguard: safeguard(block.standing).to_owned(),
            sees: kinds(&block.share),
        });
        let systems = agreement.systems.iter().map(|block| Recipient {
            who: block.systems.iter().map(|system| coded(system.as_str(), "a record system")).collect(),
            standing: "system".to_owned(),
            safeguard: "Sent to the system of the recipient".to_owned(),
            sees: kinds(&block.share),
        });
        Self {
            id: agreement.id.to_string(),
            title: agreement.title.clone(),
            status: agreement.status.as_str().to_owned(),
            version: agreement.version.clone(),
            from: agreement.from,
            until: agreement.until,
            dates: format!("from {} until {}", words::day(agreement.from), words::day(agreement.until)),
            review_by: agreement.review_by,
            review: review(agreement.review_by, day),
            approved_by: agreement.approved_by.clone(),
            disclosed_by: parties(&agreement.discloser),
            disclosed_to: parties(&agreement.recipient),
            purposes: purposes(&agreement.purposes),
            uk_gdpr: agreement.legal_basis.uk_gdpr.clone(),
            confidentiality: coded(basis.as_str(), words::confidentiality(basis)),
            choice: words::choice(basis).to_owned(),
            identifiability: coded(
                agreement.identifiability.as_str(),
                words::identifiability(agreement.identifiability),
            ),
            ties_of_care: agreement
                .relationship
                .iter()
                .map(|kind| coded(kind.as_str(), words::tie(*kind)))
                .collect(),
            lapses_after_days: agreement.lapses_after_days,
            overrides: purposes(&agreement.overrides),
            existence: agreement.existence.as_str().to_owned(),
            recipients: roles.chain(systems).collect(),
        }
    }
}

fn coded(code: &str, display: &str) -> Coded {
    Coded { code: code.to_owned(), display: display.to_owned() }
}

fn purposes(purposes: &[PurposeOfUse]) -> Vec<Coded> {
    purposes.iter().map(|purpose| coded(purpose.code(), purpose.display())).collect()
}

fn review(review_by: Date, day: Date) -> String {
    let due = words::day(review_by);
    if review_by < day { format!("was due by {due} and is overdue") } else { format!("due by {due}") }
}

const fn safeguard(standing: Standing) -> &'static str {
    match standing {
        Standing::Registered => "Registered professionals",
        Standing::Supervised => "Not registered: a registered colleague answers for them, until a stated day",
    }
}

/// What a share lets through, by type, the person first.
pub(crate) fn kinds(share: &Share) -> Vec<Kind> {
    let mut types: Vec<TypeId> = share.types.keys().copied().collect();
    types.sort_by_key(|resource_type| (resource_type.name() != "Patient", resource_type.name()));
    let kinds = types.into_iter().map(|resource_type| Kind {
        resource_type: resource_type.name().to_owned(),
        display: words::kind(resource_type.name()),
        shares: share.tables(resource_type).iter().map(part).collect(),
        modifiers: share
            .modifiers(resource_type)
            .iter()
            .map(|element| coded(element, &words::element(element)))
            .collect(),
        deletes: share.deletes(resource_type),
        changes: share
            .writable
            .get(&resource_type)
            .into_iter()
            .flatten()
            .map(|element| coded(element, &words::element(element)))
            .collect(),
    });
    kinds.collect()
}

fn part(shared: &SharedType) -> Part {
    let items = shared.items.iter().map(|item| {
        let element = item.path.text();
        Element { display: words::element(&element), element, why: item.reason.clone() }
    });
    Part {
        share: shared.share.to_string(),
        items: items.collect(),
        only_where: conditions(&shared.criteria),
        never_labelled: shared
            .not_labelled
            .iter()
            .map(|label| coded(label.code(), &words::label(label)))
            .collect(),
        withhold: shared.withhold.iter().map(fhir::path::ElementPath::text).collect(),
        earlier_versions: shared.earlier_versions.clone(),
    }
}

fn conditions(criteria: &[Criterion]) -> Vec<Condition> {
    criteria.iter().map(condition).collect()
}

fn condition(criterion: &Criterion) -> Condition {
    let of = |asks: Asks, element: &Place, codes: Vec<String>, says: &str| {
        let element = element.path().text();
        let display = format!("{} {says}", words::element(&element));
        Condition { asks, element, codes, sets: Vec::new(), display }
    };
    match criterion {
        Criterion::Code { element, codes } => {
            let plain: Vec<&str> = codes.iter().map(|(_, code)| code.as_str()).collect();
            let says = format!("is {}", plain.join(" or "));
            let written = codes.iter().map(|(system, code)| match system.is_empty() {
                true => code.clone(),
                false => format!("{system}|{code}"),
            });
            of(Asks::OneOf, element, written.collect(), &says)
        }
        Criterion::Text { element, texts: values } | Criterion::MediaType { element, types: values } => {
            of(Asks::OneOf, element, values.clone(), &format!("is {}", values.join(" or ")))
        }
        Criterion::Present(element) => of(Asks::Present, element, Vec::new(), "is there"),
        Criterion::Absent(element) => of(Asks::Absent, element, Vec::new(), "is not there"),
        Criterion::Any(sets) => {
            let sets: Vec<Vec<Condition>> = sets.iter().map(|set| conditions(set)).collect();
            let said: Vec<String> = sets.iter().map(|set| in_words(set)).collect();
            Condition {
                asks: Asks::AnySet,
                element: String::new(),
                codes: Vec::new(),
                sets,
                display: format!("either {}", said.join(", or ")),
            }
        }
        Criterion::Contained => Condition {
            asks: Asks::Contained,
            element: String::new(),
            codes: Vec::new(),
            sets: Vec::new(),
            display: "it stands inside another resource".to_owned(),
        },
    }
}

fn in_words(set: &[Condition]) -> String {
    let said: Vec<&str> = set.iter().map(|condition| condition.display.as_str()).collect();
    said.join(" and ")
}
