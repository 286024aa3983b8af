//! The register as comma-separated values (RFC 4180): one line for each element that a recipient sees.

use jiff::civil::Date;

use super::Register;
use super::published::{Asks, Coded, Kind, Organisation, Part, Published, Recipient};
use crate::settings::Settings;

const HEADER: [&str; 24] = [
    "agreement",
    "title",
    "status",
    "from",
    "until",
    "review_by",
    "approved_by",
    "disclosed_by",
    "disclosed_to",
    "recipient",
    "standing",
    "purposes",
    "uk_gdpr",
    "confidentiality",
    "identifiability",
    "ties_of_care",
    "overrides",
    "data",
    "element",
    "why",
    "only_where",
    "never_labelled",
    "may_be_changed",
    "may_be_deleted",
];

/// What stands for an element where earlier versions are shared.
const HISTORY: &str = "_history";

/// The register on one day.
#[must_use]
pub fn csv(settings: &Settings, day: Date) -> String {
    let register = Register::of(settings, day);
    let mut text = line(&HEADER.map(str::to_owned));
    for agreement in register.current.iter().chain(&register.other) {
        let head = head(agreement);
        for recipient in &agreement.recipients {
            for kind in &recipient.sees {
                rows(&head, recipient, kind, &mut text);
            }
        }
    }
    text
}

/// What every line of an agreement says: before and after the recipient.
struct Head {
    before: [String; 9],
    after: [String; 6],
}

fn head(agreement: &Published) -> Head {
    let organisations = |all: &[Organisation]| {
        let named: Vec<_> =
            all.iter().map(|one| format!("{} ({})", one.name, one.code.trim_start_matches("ods:"))).collect();
        named.join("; ")
    };
    Head {
        before: [
            agreement.id.clone(),
            agreement.title.clone(),
            agreement.status.clone(),
            agreement.from.to_string(),
            agreement.until.to_string(),
            agreement.review_by.to_string(),
            agreement.approved_by.clone().unwrap_or_default(),
            organisations(&agreement.disclosed_by),
            organisations(&agreement.disclosed_to),
        ],
        after: [
            codes(&agreement.purposes),
            agreement.uk_gdpr.join("; "),
            agreement.confidentiality.code.clone(),
            agreement.identifiability.code.clone(),
            codes(&agreement.ties_of_care),
            codes(&agreement.overrides),
        ],
    }
}

fn rows(head: &Head, recipient: &Recipient, kind: &Kind, text: &mut String) {
    let who = [codes(&recipient.who), recipient.standing.clone()];
    for part in &kind.shares {
        let conditions = conditions(part);
        let named = part.items.iter().map(|item| (item.element.clone(), item.why.clone()));
        let earlier = kind.earlier_versions().map(|why| (HISTORY.to_owned(), why));
        let is_last = kind.shares.last().is_some_and(|last| std::ptr::eq(last, part));
        for (element, why) in named.chain(earlier.filter(|_| is_last)) {
            let mut fields = head.before.to_vec();
            fields.extend(who.iter().chain(&head.after).cloned());
            fields.extend([kind.resource_type.clone(), element, why]);
            fields.extend(conditions.iter().cloned());
            fields.push(codes(&kind.changes));
            fields.push(if kind.deletes { "where seen whole" } else { "" }.to_owned());
            text.push_str(&line(&fields));
        }
    }
}

fn conditions(part: &Part) -> [String; 2] {
    let only: Vec<_> = part
        .only_where
        .iter()
        .map(|rule| match rule.asks {
            Asks::OneOf => format!("{}: {}", rule.element, rule.codes.join(" or ")),
            Asks::Present | Asks::Absent | Asks::AnySet | Asks::Contained => rule.display.clone(),
        })
        .collect();
    [only.join("; "), codes(&part.never_labelled)]
}

fn codes(coded: &[Coded]) -> String {
    let codes: Vec<_> = coded.iter().map(|coded| coded.code.as_str()).collect();
    codes.join("; ")
}

fn line(fields: &[String]) -> String {
    let fields: Vec<_> = fields.iter().map(|text| field(text)).collect();
    format!("{}\r\n", fields.join(","))
}

/// A field in quotes. A text that a spreadsheet would take for a formula gets an apostrophe in front.
fn field(text: &str) -> String {
    let formula = text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
