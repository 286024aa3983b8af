//! A search is a read of the elements it compares (leaks/P3).
//!
//! Each criterion is held against what the share shows of them, before anything is asked of an upstream: the answer
//! depends on the request and the rules, never on data.
//!
//! | the elements are shown | positive criterion | criterion that absence can meet |
//! |---|---|---|
//! | in every shared resource | allowed | allowed |
//! | in some, or in part | allowed; each match must match again in its minimised form | refused |
//! | in none | refused | refused |
//!
//! Of a composite each component is weighed by itself, as the parameter would be that it stands for: the answer is met by one
//! item that holds all of them, so what each alone may not tell, none tells together.
//!
//! An order (`_sort`) counts like a criterion that absence can meet: only what is shown in every shared resource may be
//! sorted by. Following a reference (`_include`, `_revinclude`) counts like a positive one, but is left out, with a fixed
//! word, where the reference is shown in none: it is followed only where it is shown, and never back from what is about
//! nobody to people whom nobody named ([`super::following`]). A number of matches is told only where exactly one person is
//! named.

use std::collections::BTreeSet;

use fhir::instant::Precision;
use fhir::path::{ElementPath, Step};
use fhir::reference::Id;
use fhir::search::controls::{Projection, Total};
use fhir::search::{
    Compared, Criterion, Polarity, Prefix, SearchQuery, StringModifier, Test, TokenModifier, TokenTest,
    names_person_by,
};
use fhir::tables::{self, SearchKind, TypeId};

use super::refusal::SearchGuard;
use super::shield::{self, Compares};
use crate::agreement::{Share, SharedType};

mod partial;

/// The fewest letters of a family name that a search for an unnamed person must give.
const FAMILY_LETTERS_MIN: usize = 2;
/// Data types that leave only when an element of them is named itself.
const NAMED_ONLY: [&str; 5] = ["Attachment", "Annotation", "Narrative", "Extension", "Reference"];

/// How far an element is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// In no shared resource.
    Hidden,
    /// In some shared resources, or in part.
    Partly,
    /// In every shared resource.
    Shown,
}

/// Checks a search against what `share` shows of the type searched. Returns the parameters whose matches must match
/// again in their minimised form.
///
/// # Errors
/// [`SearchGuard`], the first in the order of the query, after whether it names anybody.
pub fn guard(query: &SearchQuery, share: &Share) -> Result<BTreeSet<&'static str>, SearchGuard> {
    if !names_somebody(query) {
        return Err(SearchGuard::NamesNoPerson);
    }
    let searched = query.resource_type();
    // Of Patients it is a question that none of them meets, and nobody is asked it (`Upstream::fetch`).
    if query.contradicts_itself() && searched.name() != "Patient" {
        return Err(SearchGuard::NamesApart);
    }
    let tables = share.types.get(&searched).map(Vec::as_slice).unwrap_or_default();
    let mut rematch = BTreeSet::new();
    let compared = |criterion| Criterion::compares(criterion).into_iter().map(move |one| (criterion, one));
    for (criterion, compared) in query.criteria().iter().flat_map(compared) {
        let most = match compared.reads().iter().any(|read| may_lack_items(searched, read)) {
            true => Visibility::Partly,
            false => Visibility::Shown,
        };
        let seen = visibility_of(criterion, &compared, searched, tables).min(most);
        match (seen, polarity(&compared, searched, tables)) {
            (Visibility::Shown, Polarity::Positive | Polarity::Negative) => {}
            (Visibility::Partly, Polarity::Positive) => {
                rematch.insert(criterion.code());
            }
            (Visibility::Partly, Polarity::Negative) => return Err(SearchGuard::NegatesPartlyHidden),
            (Visibility::Hidden, Polarity::Positive | Polarity::Negative) => {
                return Err(SearchGuard::ReadsHidden);
            }
        }
    }
    controls(query, share)?;
    Ok(rematch)
}

/// Whether what is read stands in items of which some are left out of an element that is shown: former names of protected
/// people, and items that name somebody who may not be seen.
fn may_lack_items(searched: TypeId, read: &str) -> bool {
    let Ok(path) = ElementPath::parse(searched, read) else { return true };
    let mut types = vec![searched];
    let mut so_far = String::new();
    for step in path.steps() {
        let (Step::Element(name) | Step::Item { list: name, .. } | Step::Choice { name, .. }) = step else {
            return false;
        };
        types = step.leads_to(&types);
        if types.iter().any(|found| found.name() == "HumanName") {
            return true;
        }
        so_far.push_str(name);
        so_far.push('.');
        let is_below = |person: &String| person.starts_with(&so_far);
        if tables::person_elements(searched).iter().any(is_below) {
            return true;
        }
    }
    false
}

/// Whether absence can meet what is compared: where an element is shown in part also that of what is missing in it.
fn polarity(compared: &Compared<'_>, searched: TypeId, tables: &[SharedType]) -> Polarity {
    let is_in_part = |read: &String| {
        ElementPath::parse(searched, read).is_ok_and(|path| partial::is_shown_in_part(&path, tables))
    };
    let reads_absence = compared.tests().iter().any(|test| partial::reads_absence(test));
    match reads_absence && compared.reads().iter().any(is_in_part) {
        true => Polarity::Negative,
        false => compared.polarity(),
    }
}

/// Checks what shapes the answer, after the criteria.
fn controls(query: &SearchQuery, share: &Share) -> Result<(), SearchGuard> {
    let searched = query.resource_type();
    for key in query.sort() {
        match shown(key.code(), key.reads(), searched, share.tables(searched)) {
            Visibility::Shown => {}
            Visibility::Partly => return Err(SearchGuard::OrdersByHidden),
            Visibility::Hidden => return Err(SearchGuard::ReadsHidden),
        }
    }
    let counts = *query.projection() == Projection::Count || query.total() == Total::Accurate;
    match counts && !tells_total(query) {
        true => Err(SearchGuard::TotalNotTold),
        false => Ok(()),
    }
}

/// Whether it may be told how many match: the search names exactly one person (DESIGN 3).
#[must_use]
pub fn tells_total(query: &SearchQuery) -> bool {
    query.named_persons().len() == 1
}

/// Whether the search names its persons, one resource by id, or gives what it takes to identify one person: the
/// beginning of one family name and one day of birth.
fn names_somebody(query: &SearchQuery) -> bool {
    if !query.named_persons().is_empty() {
        return true;
    }
    // What cannot be an id is none: a system that skips it answers with everybody.
    let is_id = |one: &TokenTest| matches!(one, TokenTest::Code(id) if Id::parse(id).is_ok());
    let by_id = |criterion: &Criterion| match criterion.test() {
        Test::Token { modifier: TokenModifier::Is, any } => {
            criterion.code() == "_id" && any.iter().all(is_id)
        }
        Test::Token { modifier: TokenModifier::Not, .. }
        | Test::Missing(_)
        | Test::Reference(_)
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_)
        | Test::Together(_) => false,
    };
    if query.criteria().iter().any(by_id) {
        return true;
    }
    query.resource_type().name() == "Patient"
        && query.criteria().iter().any(is_one_family_name)
        && query.criteria().iter().any(is_one_day_of_birth)
}

fn is_one_family_name(criterion: &Criterion) -> bool {
    match criterion.test() {
        Test::String { modifier: StringModifier::StartsWith | StringModifier::Exact, any } => {
            match any.as_slice() {
                [name] => {
                    criterion.code() == "family"
                        && name.chars().filter(|letter| letter.is_alphabetic()).count() >= FAMILY_LETTERS_MIN
                }
                _ => false,
            }
        }
        Test::String { modifier: StringModifier::Contains, .. }
        | Test::Missing(_)
        | Test::Token { .. }
        | Test::Reference(_)
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_)
        | Test::Together(_) => false,
    }
}

fn is_one_day_of_birth(criterion: &Criterion) -> bool {
    match criterion.test() {
        Test::Date(any) => match any.as_slice() {
            [date] => {
                criterion.code() == "birthdate"
                    && date.prefix == Prefix::Eq
                    && date.time.precision() == Precision::Day
            }
            _ => false,
        },
        Test::Missing(_)
        | Test::Token { .. }
        | Test::Reference(_)
        | Test::String { .. }
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_)
        | Test::Together(_) => false,
    }
}

/// The least that is shown of what is compared. The ties to persons and the id are always kept.
fn visibility_of(
    criterion: &Criterion,
    compared: &Compared<'_>,
    searched: TypeId,
    tables: &[SharedType],
) -> Visibility {
    let is_tie = match criterion.test() {
        Test::Reference(_) => criterion.names_persons(searched).is_some(),
        // What is joined ties nothing to anybody.
        Test::Together(_) => false,
        Test::Missing(_)
        | Test::Token { .. }
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_) => true,
    };
    match is_tie {
        true => shown(criterion.code(), compared.reads(), searched, tables),
        // Something else than Patients, where it is hidden like any other reference.
        false => shown_by_tables(Some(compared.kind()), compared.reads(), searched, tables),
    }
}

/// The least that is shown of what a parameter reads, the ties to persons apart.
pub(super) fn shown(code: &str, reads: &[String], searched: TypeId, tables: &[SharedType]) -> Visibility {
    if matches!(code, "patient" | "subject" | "_id") || names_person_by(searched) == Some(code) {
        return Visibility::Shown;
    }
    let kind = tables::search_parameter(searched, code).map(|parameter| parameter.kind());
    shown_by_tables(kind, reads, searched, tables)
}

fn shown_by_tables(
    kind: Option<SearchKind>,
    reads: &[String],
    searched: TypeId,
    tables: &[SharedType],
) -> Visibility {
    let compares = if kind == Some(SearchKind::String) { Compares::Words } else { Compares::Other };
    let shown = reads.iter().map(|read| match ElementPath::parse(searched, read) {
        // Words about people whose whereabouts are protected are not shown.
        Ok(path) if shield::is_worded(&path, compares) => visibility(&path, tables).min(Visibility::Partly),
        Ok(path) => visibility(&path, tables),
        Err(_) => Visibility::Hidden,
    });
    shown.min().unwrap_or(Visibility::Hidden)
}

/// How far the tables of a type show an element.
///
/// A resource that any table shares shows the elements of each table that shares it, so an element is in every shared
/// resource when a table without conditions shows it, or when all tables do.
#[must_use]
pub fn visibility(path: &ElementPath, tables: &[SharedType]) -> Visibility {
    let by_table = |table: &SharedType| {
        table.items.iter().map(|item| shows(&item.path, path)).max().unwrap_or(Visibility::Hidden)
    };
    let unconditional = |table: &&SharedType| table.is_unconditional();
    let least = tables.iter().map(by_table).min().unwrap_or(Visibility::Hidden);
    let always = tables.iter().filter(unconditional).map(by_table).max().unwrap_or(Visibility::Hidden);
    let most = tables.iter().map(by_table).max().unwrap_or(Visibility::Hidden);
    let found = match (least.max(always), most) {
        (Visibility::Shown, _) => Visibility::Shown,
        (Visibility::Hidden | Visibility::Partly, Visibility::Hidden) => Visibility::Hidden,
        (Visibility::Hidden | Visibility::Partly, Visibility::Partly | Visibility::Shown) => {
            Visibility::Partly
        }
    };
    if found == Visibility::Shown && shield::hides(path) { Visibility::Partly } else { found }
}

/// How far one shared item shows the element that is read.
fn shows(item: &ElementPath, read: &ElementPath) -> Visibility {
    let (mut named, mut wanted) = (item.steps().iter(), read.steps().iter());
    let mut types = vec![read.owner()];
    loop {
        match (named.next(), wanted.next()) {
            (Some(one), Some(other)) if one == other => types = below(&types, other),
            (Some(Step::Identifier(_)), Some(Step::Element("identifier"))) => return Visibility::Partly,
            // One type of the choice, or some items of the list.
            (Some(Step::Choice { name, .. } | Step::Item { list: name, .. }), Some(Step::Element(other)))
                if name == other =>
            {
                return Visibility::Partly;
            }
            (Some(_), Some(_)) => return Visibility::Hidden,
            (Some(_), None) => return Visibility::Partly,
            (None, None) => return whole(&types, item),
            (None, Some(first)) => {
                let mut rest = Some(first);
                while let Some(step) = rest {
                    types = below(&types, step);
                    if types.iter().any(|found| NAMED_ONLY.contains(&found.name())) {
                        return Visibility::Hidden;
                    }
                    rest = wanted.next();
                }
                return whole(&types, item);
            }
        }
    }
}

/// Of identifiers only the NHS number is shown; a reference is shown only where its target may be seen.
fn whole(types: &[TypeId], item: &ElementPath) -> Visibility {
    let identifiers = item.steps().last() == Some(&Step::Element("identifier"));
    let references = types.iter().any(|found| found.name() == "Reference");
    if identifiers || references { Visibility::Partly } else { Visibility::Shown }
}

fn below(types: &[TypeId], step: &Step) -> Vec<TypeId> {
    match step {
        Step::Element(_) | Step::Choice { .. } | Step::Item { .. } => step.leads_to(types),
        Step::Extension(_) => tables::type_named("Extension").into_iter().collect(),
        Step::Identifier(_) => tables::type_named("Identifier").into_iter().collect(),
    }
}
