//! A sharing agreement as it is written. `docs/configure.md` is made from the comments on these fields.
//!
//! Absence stays absence here; what it means, and whether the values make sense, is `agreement::check`.

use jiff::civil::Date;

use crate::settings::problem::Place;
use crate::settings::written::{Table, Written};

/// A sharing agreement: one file of the `agreements` folder.
///
/// Law, rules and publication in one: it is enforced while it is in force, and published in the disclosure register.
/// What no agreement in force covers is refused. [How to write one](agreements.md) goes through an example.
#[derive(Debug)]
pub(super) struct AgreementFile {
    /// The name that stands in every record made under it: lower-case letters, digits and hyphens.
    pub(super) id: Option<Written<String>>,
    /// What people call it.
    pub(super) title: Option<Written<String>>,
    /// `"draft"`, `"in-force"`, `"suspended"` or `"ended"`. Only what is in force lets anything through.
    pub(super) status: Option<Written<String>>,
    /// The first and the last day in force.
    pub(super) in_force: Option<InForceTable>,
    /// The day by which it must be looked at again.
    pub(super) review_by: Option<Written<Date>>,
    /// The Caldicott Guardian who signed it. Must be given once it is in force.
    pub(super) approved_by: Option<Written<String>>,
    /// The organisations that disclose, such as `["ods:RX1"]`.
    pub(super) discloser: Vec<Written<String>>,
    /// The organisations that receive.
    pub(super) recipient: Vec<Written<String>>,
    /// The purposes of use that are covered, such as `["TREAT", "COC"]`. They match exactly: `TREAT` does not cover
    /// `ETREAT`.
    pub(super) purposes: Vec<Written<String>>,
    /// On what the sharing rests in law.
    pub(super) legal_basis: Option<LegalBasisTable>,
    /// `"identifiable"`, `"pseudonymised"` or `"anonymised"`.
    pub(super) identifiability: Option<Written<String>>,
    /// The ties of care that count: `"care-team"`, `"encounter"`, `"episode-of-care"`, `"referral"`. An empty list asks
    /// for none and is allowed only inside one organisation.
    pub(super) relationship: Vec<Written<String>>,
    /// How many days a tie still counts after its period has ended. Default: 28, from 0 to 365.
    pub(super) lapses_after_days: Option<Written<i64>>,
    /// Purposes that may jump over a missing tie, a refused consent or a label when a reason is given, such as
    /// `["ETREAT", "BTG"]`. Never over this agreement, its elements or the record of it. Default: none.
    pub(super) overrides: Vec<Written<String>>,
    /// `"open"`: refusals say which kind of reason they have. `"withheld"`: what is hidden looks as if it were not
    /// there, in content and in time: such answers, and all searches, go at the
    /// step `limits.beat_ms`.
    pub(super) existence: Option<Written<String>>,
    /// Who may read, and what.
    pub(super) recipient_role: Vec<RecipientRoleTable>,
    /// Which systems may be sent to, and what.
    pub(super) recipient_system: Vec<RecipientSystemTable>,
    /// What is shared: `[share.NAME.TYPE]`, where NAME is yours and TYPE is a FHIR resource type.
    pub(super) share: Vec<ShareTable>,
}

/// The first and the last day in force.
#[derive(Debug)]
pub(super) struct InForceTable {
    /// The first day.
    pub(super) from: Option<Written<Date>>,
    /// The last day. Nothing is shared after it.
    pub(super) until: Option<Written<Date>>,
}

/// On what the sharing rests in law.
#[derive(Debug)]
pub(super) struct LegalBasisTable {
    /// Articles of the UK GDPR: one of article 6 and one of article 9, such as `["6(1)(e)", "9(2)(h)"]`.
    pub(super) uk_gdpr: Vec<Written<String>>,
    /// The basis under the common law duty of confidentiality: `"implied-consent"` (direct care only),
    /// `"explicit-consent"`, `"legal-duty"`, `"section-251"` or `"public-interest"`.
    pub(super) confidentiality: Option<Written<String>>,
}

/// Who may read, and what.
#[derive(Debug)]
pub(super) struct RecipientRoleTable {
    /// Job roles (UKCore-SDSJobRoleName), such as `["R1330", "R8014"]`. A role stands in one block only.
    pub(super) roles: Vec<Written<String>>,
    /// `"registered"`, or `"supervised"`: a registered colleague and an end date must stand in the token.
    pub(super) standing: Option<Written<String>>,
    /// The names of the shares they see.
    pub(super) share: Vec<Written<String>>,
    /// What of it they may change: nothing without this table.
    pub(super) write: Option<WriteTable>,
    /// Where the table stands.
    pub(super) place: Place,
}

/// What those who read it may change or delete too.
///
/// Every key is a resource type that their shares name; its values are elements at the top of that type, such as
/// `Patient = ["gender", "telecom"]`. Each is shared whole of every resource of the type. Never among them: what says whose
/// or what a record is, what holds references, labels, what conditions read, and the types that decide who sees what.
#[derive(Debug)]
pub(super) struct WriteTable {
    /// Types of which they may delete a resource that they see whole, such as `["Condition"]`. Only with
    /// `existence = "open"`: a refusal tells that something of it is hidden.
    pub(super) delete: Vec<Written<String>>,
    /// Types and their elements.
    pub(super) types: Vec<(Written<String>, Vec<Written<String>>)>,
}

/// Which systems may be sent to, and what.
#[derive(Debug)]
pub(super) struct RecipientSystemTable {
    /// Names of `[[system]]` of the settings. A system stands in one block only.
    pub(super) systems: Vec<Written<String>>,
    /// The names of the shares they are sent.
    pub(super) share: Vec<Written<String>>,
    /// Where the table stands.
    pub(super) place: Place,
}

/// What is shared of the resource types, under a name of yours.
#[derive(Debug)]
pub(super) struct ShareTable {
    /// The name.
    pub(super) name: Written<String>,
    /// One table for each type.
    pub(super) types: Vec<SharedTypeTable>,
}

/// What is shared of one resource type: each element with the reason why the recipient needs it.
///
/// Every key but the ones below is an element of the type (`birthDate`), a path (`"address.postalCode"`), a choice
/// (`"onset[x]"`) or one type of it (`onsetAge`), one extension (`"extension:URL"`), the identifiers of one system
/// (`"identifier:SYSTEM"`), or items of a list by their key: questions by linkId (`"item:LINKID"`), sections, components and
/// the like by code (`"section:SYSTEM|CODE"`), each with what is inside it but for questions and sections that are not named
/// themselves, and contained resources by type (`"contained:Medication"`). Its value is the reason. An element comes
/// with everything inside it but extensions, notes, attachments, contained resources, the `display` of
/// references and identifiers other than NHS numbers: these are named by themselves. A contained resource goes by the tables
/// of its own type, and only where something that is shown refers to it. A table that names an attachment, or its `data` or
/// `url`, says in `where` which media types; an attachment in an extension is never shared. Elements that change the
/// meaning of others come without being named.
#[derive(Debug)]
pub(super) struct SharedTypeTable {
    /// The type.
    pub(super) resource_type: Written<String>,
    /// Elements and reasons.
    pub(super) elements: Vec<(Written<String>, Option<Written<String>>)>,
    /// For which resources the table holds. Default: for all.
    pub(super) criteria: Option<WhereTable>,
    /// Elements that change the meaning of others and are kept back all the same; a resource that has one is not
    /// shared at all. Default: none.
    pub(super) withhold: Vec<Written<String>>,
    /// Why the recipient needs earlier versions as well (`_history`). Without it they are told what is held now, as its only
    /// version. Where several tables speak of a type to one recipient, all of them must say it. Default: no earlier
    /// versions.
    pub(super) earlier_versions: Option<Written<String>>,
    /// `true`: the table holds only for resources that stand inside another one (`contained`), as a medicine does in its
    /// prescription. Default: `false`.
    pub(super) only_contained: Option<Written<bool>>,
    /// Where the table stands.
    pub(super) place: Place,
}

/// For which resources a table of a share holds.
///
/// Every key but those below is an element (`category`), a path (`"type.text"`), `id`, or the identifiers of one system
/// (`"identifier:SYSTEM"`). Its values are codes as `"system|code"`, or `"code"` for an element of type `code`; texts and
/// ids to the letter; `"true"` and `"false"`; media types for a `contentType`. All keys must hold; of the values of one
/// key, one. A resource without the element does not match. Conditions look at the resource itself and at nothing else.
#[derive(Debug)]
pub(super) struct WhereTable {
    /// Elements that must be there, such as `["period.end"]`.
    pub(super) present: Vec<Written<String>>,
    /// Elements that must not be there, such as `["qualification"]`.
    pub(super) absent: Vec<Written<String>>,
    /// Sets of conditions, of which one must hold: `[{ id = ["a"] }, { absent = ["type"] }]`.
    pub(super) any: Vec<Self>,
    /// Sets of conditions that must all hold: for more than one `any`.
    pub(super) all: Vec<Self>,
    /// Security labels that keep a resource out, such as `["MH", "SEX"]`; narrower labels are kept out with them. Not
    /// inside `any` and `all`: a label keeps a resource out whatever else holds.
    pub(super) not_labelled: Vec<Written<String>>,
    /// Elements and the values of which each must have one.
    pub(super) values: Vec<(Written<String>, Vec<Written<String>>)>,
    /// Where the table stands.
    pub(super) place: Place,
}

impl AgreementFile {
    /// Reads the file; what does not fit is noted.
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            id: table.required_text("id"),
            title: table.required_text("title"),
            status: table.required_text("status"),
            in_force: table.required_table("in_force").map(InForceTable::read),
            review_by: table.required_date("review_by"),
            approved_by: table.text("approved_by"),
            discloser: table.required_texts("discloser"),
            recipient: table.required_texts("recipient"),
            purposes: table.required_texts("purposes"),
            legal_basis: table.required_table("legal_basis").map(LegalBasisTable::read),
            identifiability: table.required_text("identifiability"),
            relationship: table.required_texts("relationship"),
            lapses_after_days: table.number("lapses_after_days"),
            overrides: table.texts("overrides"),
            existence: table.required_text("existence"),
            recipient_role: table
                .tables("recipient_role")
                .into_iter()
                .map(RecipientRoleTable::read)
                .collect(),
            recipient_system: table
                .tables("recipient_system")
                .into_iter()
                .map(RecipientSystemTable::read)
                .collect(),
            share: table.table("share").map(shares).unwrap_or_default(),
        };
        table.refuse_unknown();
        read
    }
}

fn shares(mut table: Table<'_, '_>) -> Vec<ShareTable> {
    let mut shares = Vec::new();
    for entry in table.rest() {
        let Some(mut inside) = entry.table() else { continue };
        let types = inside.rest().into_iter();
        let types = types.filter_map(|entry| Some(SharedTypeTable::read(entry.key.clone(), entry.table()?)));
        shares.push(ShareTable { types: types.collect(), name: entry.key });
    }
    shares
}

impl InForceTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self { from: table.required_date("from"), until: table.required_date("until") };
        table.refuse_unknown();
        read
    }
}

impl LegalBasisTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            uk_gdpr: table.required_texts("uk_gdpr"),
            confidentiality: table.required_text("confidentiality"),
        };
        table.refuse_unknown();
        read
    }
}

impl RecipientRoleTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            roles: table.required_texts("roles"),
            standing: table.required_text("standing"),
            share: table.required_texts("share"),
            write: table.table("write").map(WriteTable::read),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl WriteTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let delete = table.texts("delete");
        Self {
            delete,
            types: table.rest().into_iter().map(|entry| (entry.key.clone(), entry.texts())).collect(),
        }
    }
}

impl RecipientSystemTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            systems: table.required_texts("systems"),
            share: table.required_texts("share"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl SharedTypeTable {
    fn read(resource_type: Written<String>, mut table: Table<'_, '_>) -> Self {
        let criteria = table.table("where").map(WhereTable::read);
        let withhold = table.texts("withhold");
        let earlier_versions = table.text("earlier_versions");
        let only_contained = table.flag("only_contained");
        let elements = table.rest().into_iter().map(|entry| (entry.key.clone(), entry.text())).collect();
        let place = table.place().clone();
        Self { resource_type, elements, criteria, withhold, earlier_versions, only_contained, place }
    }
}

impl WhereTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        Self {
            present: table.texts("present"),
            absent: table.texts("absent"),
            any: table.tables("any").into_iter().map(Self::read).collect(),
            all: table.tables("all").into_iter().map(Self::read).collect(),
            not_labelled: table.texts("not_labelled"),
            values: table.rest().into_iter().map(|entry| (entry.key.clone(), entry.texts())).collect(),
            place: table.place().clone(),
        }
    }

    /// Whether no condition is named.
    pub(super) const fn is_empty(&self) -> bool {
        let lists = self.values.is_empty() && self.present.is_empty() && self.absent.is_empty();
        lists && self.any.is_empty() && self.all.is_empty()
    }
}
