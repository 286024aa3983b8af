//! Elements of which only parts are shown, and criteria to which a missing part says something.
//!
//! A period without an end goes on, a quantity without a comparator is exact, a code without a system has none. Compared with
//! a view that shows the rest alone, such a criterion would be met by each match, and the answer would be that of the hidden
//! part.

use fhir::path::{ElementPath, Step};
use fhir::search::{Test, TokenTest};

use crate::agreement::SharedType;

/// Whether what is missing inside the element can meet the test.
pub(super) fn reads_absence(test: &Test) -> bool {
    match test {
        Test::Date(_) | Test::Quantity(_) => true,
        Test::Token { any, .. } => any.iter().any(|token| match token {
            TokenTest::WithoutSystem(_) => true,
            TokenTest::Code(_) | TokenTest::Coded { .. } | TokenTest::System(_) => false,
        }),
        Test::Together(any) => any.iter().flatten().any(reads_absence),
        Test::Missing(_) | Test::Reference(_) | Test::String { .. } | Test::Number(_) | Test::Uri(_) => false,
    }
}

/// Whether a table shows parts of the element and not the element.
pub(super) fn is_shown_in_part(read: &ElementPath, tables: &[SharedType]) -> bool {
    tables.iter().any(|table| {
        let is_part =
            |item: &ElementPath| item.steps().len() > read.steps().len() && leads(read.steps(), item.steps());
        let is_whole = |item: &ElementPath| {
            item.steps().len() <= read.steps().len() && leads(item.steps(), read.steps())
        };
        let paths = || table.items.iter().map(|item| &item.path);
        paths().any(is_part) && !paths().any(is_whole)
    })
}

/// Whether the longer way begins as the shorter goes; one type of a choice is on the way of the choice.
fn leads(shorter: &[Step], longer: &[Step]) -> bool {
    shorter.iter().zip(longer).all(|(one, other)| match (one, other) {
        (Step::Choice { name, .. }, Step::Element(stem))
        | (Step::Element(stem), Step::Choice { name, .. }) => name == stem,
        (one, other) => one == other,
    })
}
