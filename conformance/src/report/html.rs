//! For people: one page that works offline, without script, by eye or ear, on screen and on paper.
//!
//! The page asks nothing of any network and says so to the browser (a Content-Security-Policy that allows its own style sheet and
//! nothing else). It is well-formed XML too. What does not fit into the bound is left out from the least telling on, and the
//! page says what.

mod markup;
mod parts;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::account::{Account, Group, Row};
use crate::check::Status;
use markup::Markup;

/// No page is larger.
pub const PAGE_BYTES_MAX: usize = 2_000_000;

const STYLE: &str = include_str!("html/style.css");

/// Every status, the most telling first.
const STATUSES: [Status; 6] =
    [Status::Fail, Status::Error, Status::Warning, Status::Note, Status::Pass, Status::Skip];

/// How much is told of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// All of it.
    Whole,
    /// Rows that are met, and those that were skipped, are told by name alone.
    MetByName,
    /// They are left out, and of the others what was done is.
    WrongOnly,
    /// Of those that are left so many, each in few words.
    First(usize),
}

/// The page of `account`.
#[must_use]
pub fn html(account: &Account) -> String {
    let details = [
        Detail::Whole,
        Detail::MetByName,
        Detail::WrongOnly,
        Detail::First(1_000),
        Detail::First(200),
        Detail::First(20),
    ];
    let mut page = String::new();
    for detail in details {
        page = whole(account, detail);
        if page.len() <= PAGE_BYTES_MAX {
            break;
        }
    }
    page
}

fn whole(account: &Account, detail: Detail) -> String {
    let mut out = Markup::default();
    out.raw("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
    out.text(&STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref()));
    out.raw("'; base-uri 'none'; form-action 'none'\"/>\n");
    out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    out.raw("<meta name=\"color-scheme\" content=\"light dark\"/>\n<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>");
    out.text(&format!("{}: {} of {}", account.verdict.word(), account.what, account.base));
    out.raw("</title>\n<style>");
    out.raw(STYLE);
    out.raw("</style>\n</head>\n<body>\n<a class=\"skip-link\" href=\"#main\">Skip to the verdict</a>\n");
    parts::header(&mut out, account);
    out.raw("<main id=\"main\">\n");
    parts::verdict(&mut out, account);
    parts::counts(&mut out, account);
    parts::untested(&mut out, account);
    results(&mut out, account, detail);
    parts::coverage(&mut out, account, detail);
    out.raw("</main>\n");
    parts::footer(&mut out);
    out.raw("</body>\n</html>\n");
    out.into_string()
}

fn results(out: &mut Markup, account: &Account, detail: Detail) {
    out.raw("<section aria-labelledby=\"results\">\n<h2 id=\"results\">Results</h2>\n");
    filter(out, account);
    parts::asked(out, account);
    let mut left = match detail {
        Detail::First(most) => most,
        Detail::Whole | Detail::MetByName | Detail::WrongOnly => usize::MAX,
    };
    let mut unshown = 0;
    for (place, group) in account.groups.iter().enumerate() {
        let (shown, named): (Vec<&Row>, Vec<&Row>) =
            group.rows.iter().partition(|row| is_shown(row.status, detail));
        let shown: Vec<&Row> = shown.into_iter().take(left).collect();
        left = left.saturating_sub(shown.len());
        let by_name = matches!(detail, Detail::MetByName) && !named.is_empty();
        if shown.is_empty() && !by_name {
            unshown += group.rows.len();
            continue;
        }
        unshown += group.rows.len() - shown.len() - if by_name { named.len() } else { 0 };
        let id = format!("group-{place}");
        out.raw("<section class=\"group");
        statuses(out, shown.iter().copied());
        out.raw("\" aria-labelledby=\"");
        out.text(&id);
        out.raw("\">\n");
        heading(out, &id, group);
        for row in shown {
            parts::row(out, row, detail);
        }
        if by_name {
            parts::names(out, &named);
        }
        out.raw("</section>\n");
    }
    if unshown > 0 {
        out.raw("<p class=\"left-out\">");
        out.text(&format!(
            "{unshown} more are in the numbers above, and not told here one by one: this page would be too large. The reports in JSON and \
             JUnit have all of them."
        ));
        out.raw("</p>\n");
    }
    out.raw("</section>\n");
}

const fn is_shown(status: Status, detail: Detail) -> bool {
    match detail {
        Detail::Whole => true,
        Detail::MetByName | Detail::WrongOnly | Detail::First(_) => match status {
            Status::Fail | Status::Error | Status::Warning | Status::Note => true,
            Status::Pass | Status::Skip => false,
        },
    }
}

/// The statuses of rows, as classes: a filter hides a group that has none of its own.
fn statuses<'a>(out: &mut Markup, rows: impl Iterator<Item = &'a Row> + Clone) {
    for status in STATUSES {
        if rows.clone().any(|row| row.status == status) {
            out.raw(" has-");
            out.raw(status.word());
        }
    }
}

fn heading(out: &mut Markup, id: &str, group: &Group) {
    out.raw("<h3 id=\"");
    out.text(id);
    out.raw("\">");
    out.text(&group.name);
    out.raw("</h3>\n<p class=\"about\">");
    out.text(&group.about);
    out.raw("</p>\n<p class=\"tally\">");
    let told: Vec<String> = STATUSES
        .into_iter()
        .map(|status| (status, group.count(status)))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", status.word()))
        .collect();
    out.text(&told.join(", "));
    out.raw("</p>\n");
}

/// Which rows are shown: radio buttons that the style sheet reads.
fn filter(out: &mut Markup, account: &Account) {
    out.raw("<fieldset class=\"filter\">\n<legend>Show by status</legend>\n");
    out.raw("<span class=\"choice\"><input type=\"radio\" name=\"show\" id=\"show-all\" checked=\"checked\"/><label for=\"show-all\">all ");
    out.text(&account.rows().count().to_string());
    out.raw("</label></span>\n");
    for status in STATUSES {
        let count = account.count(status);
        if count == 0 {
            continue;
        }
        out.raw("<span class=\"choice\"><input type=\"radio\" name=\"show\" id=\"show-");
        out.raw(status.word());
        out.raw("\"/><label for=\"show-");
        out.raw(status.word());
        out.raw("\">");
        out.text(&format!("{} {count}", status.word()));
        out.raw("</label></span>\n");
    }
    out.raw("</fieldset>\n");
}
