//! A list of sensitive codes as it is written. `docs/configure.md` is made from the comments on these fields.

use crate::settings::written::{Table, Written};

/// A list of sensitive codes: a file that `[[sensitive_codes]]` of the settings names.
///
/// What bears one of its codes has the labels of the entry, whatever labels it states itself. Codes are looked for in every
/// part of a resource. Capital and small letters, spaces around a code, dots in it and the many names of a code system
/// make no difference; `"F20*"` stands for every code that begins so.
#[derive(Debug)]
pub(super) struct ListFile {
    /// The name that stands in records, before the name of the entry: lower-case letters, digits and hyphens.
    pub(super) name: Option<Written<String>>,
    /// What people call it, and who keeps it.
    pub(super) title: Option<Written<String>>,
    /// What it knows.
    pub(super) entry: Vec<EntryTable>,
}

/// Codes that tell the same kind of thing.
#[derive(Debug)]
pub(super) struct EntryTable {
    /// The name that stands in records instead of the code: lower-case letters, digits and hyphens.
    pub(super) name: Option<Written<String>>,
    /// What these codes tell.
    pub(super) why: Option<Written<String>>,
    /// The security labels they earn, such as `["PSY", "MH"]`. With a category comes the degree `R`, unless a degree stands
    /// here.
    pub(super) labels: Vec<Written<String>>,
    /// The codes by code system: `"http://snomed.info/sct" = ["13746004"]`.
    pub(super) codes: Vec<(Written<String>, Vec<Written<String>>)>,
}

impl ListFile {
    /// Reads the file; what does not fit is noted.
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            name: table.required_text("name"),
            title: table.required_text("title"),
            entry: table.tables("entry").into_iter().map(EntryTable::read).collect(),
        };
        table.refuse_unknown();
        read
    }
}

impl EntryTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            name: table.required_text("name"),
            why: table.required_text("why"),
            labels: table.required_texts("labels"),
            codes: table.required_table("codes").map(codes).unwrap_or_default(),
        };
        table.refuse_unknown();
        read
    }
}

fn codes(mut table: Table<'_, '_>) -> Vec<(Written<String>, Vec<Written<String>>)> {
    table.rest().into_iter().map(|entry| (entry.key.clone(), entry.texts())).collect()
}
