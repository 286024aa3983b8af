//! The parts of the page.

use std::time::Duration;

use super::super::account::{Account, Action, Row, Said, Steps, Weight};
use super::markup::Markup;
use super::{Detail, STATUSES};
use crate::bench::Exchanged;
use crate::check::{Grade, Status};
use crate::coverage::{Covered, Standing};
use crate::run::Verdict;

/// Letters of a text that are shown where little room is left.
const SHORT_LETTERS: usize = 300;

pub(super) fn header(out: &mut Markup, account: &Account) {
    out.raw("<header>\n<p class=\"maker\">portcullis-conformance</p>\n<h1>");
    out.text(&format!("{} of ", account.what));
    out.element("span", &account.base);
    out.raw("</h1>\n</header>\n<nav aria-label=\"On this page\">\n<ul>\n");
    out.raw("<li><a href=\"#verdict\">Verdict</a></li>\n<li><a href=\"#counts\">In numbers</a></li>\n");
    out.raw(
        "<li><a href=\"#untested\">What was not tested</a></li>\n<li><a href=\"#results\">Results</a></li>\n",
    );
    if !account.coverage.is_empty() {
        out.raw("<li><a href=\"#coverage\">Coverage</a></li>\n");
    }
    out.raw("</ul>\n</nav>\n");
}

pub(super) fn verdict(out: &mut Markup, account: &Account) {
    out.raw("<section aria-labelledby=\"verdict\" class=\"verdict is-");
    out.raw(account.verdict.word());
    out.raw("\">\n<h2 id=\"verdict\">Verdict</h2>\n<p class=\"sentence\">");
    out.text(&account.sentence);
    out.raw("</p>\n");
    let steps = account.first_steps();
    if !steps.is_empty() {
        out.raw("<h3>What to do first</h3>\n<ol>\n");
        for step in &steps {
            out.element("li", step);
            out.raw("\n");
        }
        out.raw("</ol>\n");
    }
    out.raw("<h3>What was tested, and when</h3>\n<dl>\n");
    let ended = account.began + jiff::SignedDuration::try_from(account.took).unwrap_or_default();
    let parts: Vec<String> =
        account.groups.iter().map(|group| format!("{} ({})", group.name, group.rows.len())).collect();
    let parts = match parts.len() {
        0..=30 => parts.join(", "),
        many => format!("{many} parts, listed below"),
    };
    for (term, told) in [
        ("Endpoint", account.base.clone()),
        ("Tested", parts),
        ("Began", format!("{:.0}", account.began)),
        ("Ended", format!("{ended:.0}")),
        ("Took", long(account.took)),
        ("By", concat!("portcullis-conformance ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("Exit status", format!("{} ({})", account.verdict.code(), exit(account.verdict))),
    ] {
        pair(out, term, &told);
    }
    out.raw("</dl>\n");
    if !account.notes.is_empty() {
        out.raw("<h3>To be known</h3>\n<ul>\n");
        for note in &account.notes {
            out.element("li", note);
            out.raw("\n");
        }
        out.raw("</ul>\n");
    }
    out.raw("</section>\n");
}

const fn exit(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "nothing that binds is unmet",
        Verdict::Fail => "something that binds is unmet",
        Verdict::Error => "something could not be found out, or nothing was checked",
        Verdict::Unusable => "the target cannot be tested",
    }
}

/// How many ended how, by how binding they are.
pub(super) fn counts(out: &mut Markup, account: &Account) {
    out.raw("<section aria-labelledby=\"counts\">\n<h2 id=\"counts\">In numbers</h2>\n");
    let mut weights: Vec<&Weight> = Vec::new();
    for row in account.rows() {
        if !weights.contains(&&row.weight) {
            weights.push(&row.weight);
        }
    }
    weights.sort_by_key(|weight| rank(weight));
    out.raw("<div class=\"wide\"><table>\n<caption>How many ended how, by how binding they are</caption>\n<thead><tr><th scope=\"col\">Status</th>");
    for weight in &weights {
        out.raw("<th scope=\"col\">");
        out.text(if weight.word().is_empty() { "not graded" } else { weight.word() });
        out.raw("</th>");
    }
    if weights.len() != 1 {
        out.raw("<th scope=\"col\">all</th>");
    }
    out.raw("</tr></thead>\n<tbody>\n");
    for status in STATUSES {
        out.raw("<tr><th scope=\"row\">");
        badge(out, status, None);
        out.raw("</th>");
        for weight in &weights {
            let count = account.rows().filter(|row| row.weight == **weight && row.status == status).count();
            out.element("td", &count.to_string());
        }
        if weights.len() != 1 {
            out.element("td", &account.count(status).to_string());
        }
        out.raw("</tr>\n");
    }
    out.raw("</tbody>\n</table></div>\n<dl>\n");
    for status in STATUSES {
        out.raw("<dt>");
        badge(out, status, None);
        out.raw("</dt>");
        out.element("dd", meaning(status));
        out.raw("\n");
    }
    out.raw("</dl>\n</section>\n");
}

const fn meaning(status: Status) -> &'static str {
    match status {
        Status::Pass => "met",
        Status::Fail => "what binds (a SHALL, an assert, a secret) is not met",
        Status::Warning => "what is advised (SHOULD) is not met, or a gap that is known",
        Status::Note => "what is allowed (MAY) is not used, or does not count",
        Status::Skip => "it does not apply here or was not run, and says nothing about the endpoint",
        Status::Error => "it could not be found out, and is no pass",
    }
}

fn rank(weight: &Weight) -> (u8, &str) {
    match weight {
        Weight::Graded(Grade::Shall) => (0, ""),
        Weight::Graded(Grade::Should) => (1, ""),
        Weight::Graded(Grade::May) => (2, ""),
        Weight::Severe(word) => (
            match word.as_str() {
                "critical" => 3,
                "high" => 4,
                "medium" => 5,
                "low" => 6,
                _ => 7,
            },
            word,
        ),
        Weight::Unsaid => (8, ""),
    }
}

pub(super) fn untested(out: &mut Markup, account: &Account) {
    out.raw("<section aria-labelledby=\"untested\">\n<h2 id=\"untested\">What was not tested</h2>\n");
    if account.untested.is_empty() {
        out.raw("<p>All that was asked for was tried.</p>\n");
    } else {
        out.raw("<p>The verdict says nothing about these.</p>\n<ul>\n");
        for told in account.untested.iter().take(200) {
            out.element("li", told);
            out.raw("\n");
        }
        out.raw("</ul>\n");
    }
    out.raw("</section>\n");
}

/// What was asked before anything was judged.
pub(super) fn asked(out: &mut Markup, account: &Account) {
    if account.asked.is_empty() {
        return;
    }
    out.raw("<details class=\"asked\">\n<summary>Questions that were asked first, which change nothing</summary>\n");
    requests(out, &account.asked);
    out.raw("</details>\n");
}

pub(super) fn row(out: &mut Markup, row: &Row, detail: Detail) {
    out.raw("<details class=\"row ");
    out.raw(row.status.word());
    out.raw("\"");
    if matches!(row.status, Status::Fail | Status::Error) {
        out.raw(" open=\"open\"");
    }
    out.raw(">\n<summary><h4>");
    badge(out, row.status, row.nuance);
    if !row.weight.word().is_empty() {
        out.raw(" <span class=\"grade\">");
        out.text(row.weight.word());
        out.raw("</span>");
    }
    out.raw(" <code>");
    out.text(&short(&row.id, detail));
    out.raw("</code> ");
    out.text(&short(&row.title, detail));
    out.raw("</h4></summary>\n<dl>\n");
    match &row.said {
        Said::Nothing => {}
        Said::Difference { expected, found } => {
            pair(out, "Expected", &short(expected, detail));
            pair(out, "Found", &short(found, detail));
        }
        Said::Reason(reason) => pair(out, "Because", &short(reason, detail)),
    }
    if let Some(why) = &row.why {
        pair(out, "Why it matters", &short(why, detail));
    }
    if let Some(clause) = &row.clause {
        out.raw("<dt>Clause</dt><dd>");
        out.address(clause);
        out.raw("</dd>\n");
    }
    if row.took.as_millis() > 0 {
        pair(out, "Took", &long(row.took));
    }
    out.raw("</dl>\n");
    match (&row.steps, detail) {
        (_, Detail::WrongOnly | Detail::First(_)) => {}
        (Steps::Requests(asked), _) if !asked.is_empty() => requests(out, asked),
        (Steps::Actions(done), _) if !done.is_empty() => actions(out, done),
        (Steps::Requests(_) | Steps::Actions(_), _) => {}
    }
    out.raw("</details>\n");
}

/// Rows that are told by name alone.
pub(super) fn names(out: &mut Markup, rows: &[&Row]) {
    for (status, word) in [(Status::Pass, "Passed: "), (Status::Skip, "Skipped: ")] {
        let names: Vec<&str> =
            rows.iter().filter(|row| row.status == status).map(|row| row.id.as_str()).collect();
        if !names.is_empty() {
            out.raw("<p class=\"names\">");
            out.text(&format!("{word}{}", names.join(", ")));
            out.raw("</p>\n");
        }
    }
}

fn requests(out: &mut Markup, asked: &[Exchanged]) {
    let several = asked.iter().any(|exchanged| exchanged.system != 1);
    out.raw("<div class=\"wide\"><table class=\"steps\">\n<caption>Requests, without what could name a record</caption>\n<thead><tr>");
    if several {
        out.raw("<th scope=\"col\">System</th>");
    }
    out.raw("<th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">Status</th><th scope=\"col\">ms</th></tr></thead>\n<tbody>\n");
    for exchanged in asked {
        out.raw("<tr>");
        if several {
            out.element("td", &exchanged.system.to_string());
        }
        out.element("td", exchanged.method.as_str());
        out.raw("<th scope=\"row\"><code>");
        out.text(&exchanged.path);
        out.raw("</code></th>");
        let status = exchanged.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        out.element("td", &status);
        out.element("td", &exchanged.took.as_millis().to_string());
        out.raw("</tr>\n");
    }
    out.raw("</tbody>\n</table></div>\n");
}

fn actions(out: &mut Markup, done: &[Action]) {
    out.raw("<div class=\"wide\"><table class=\"steps\">\n<caption>Actions</caption>\n<thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Action</th>");
    out.raw("<th scope=\"col\">Why</th></tr></thead>\n<tbody>\n");
    for action in done {
        out.raw("<tr><td>");
        badge(out, action.status, None);
        out.raw("</td><th scope=\"row\">");
        out.text(&action.label);
        out.raw("</th><td>");
        out.text(&action.message);
        if !action.details.is_empty() {
            out.raw("<ul>");
            for detail in &action.details {
                out.element("li", detail);
            }
            out.raw("</ul>");
        }
        out.raw("</td></tr>\n");
    }
    out.raw("</tbody>\n</table></div>\n");
}

pub(super) fn coverage(out: &mut Markup, account: &Account, detail: Detail) {
    if account.coverage.is_empty() {
        return;
    }
    out.raw("<section aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">Coverage</h2>\n<p>");
    let count =
        |standing: Standing| account.coverage.iter().filter(|covered| covered.standing() == standing).count();
    let told: Vec<String> = [Standing::Unmet, Standing::Unknown, Standing::Met, Standing::Untested]
        .into_iter()
        .map(|standing| format!("{} {}", count(standing), standing.words()))
        .collect();
    out.text(&format!("{} clauses and requirements: {}.", account.coverage.len(), told.join("; ")));
    out.raw("</p>\n");
    if matches!(detail, Detail::First(_)) {
        out.raw("<p class=\"left-out\">They are not told here one by one: this page would be too large. The report in JSON has all of them.</p>\n</section>\n");
        return;
    }
    let mut pages: Vec<(&str, Vec<&Covered>)> = Vec::new();
    for covered in &account.coverage {
        let page = match &covered.demanded {
            Some(_) => covered.what.split('@').next().unwrap_or_default(),
            None => covered.what.split('#').next().unwrap_or_default(),
        };
        match pages.last_mut() {
            Some((held, of_page)) if *held == page => of_page.push(covered),
            Some(_) | None => pages.push((page, vec![covered])),
        }
    }
    for (page, of_page) in pages {
        out.raw("<details>\n<summary><h3>");
        out.text(page);
        out.raw("</h3></summary>\n");
        covered(out, &of_page);
        out.raw("</details>\n");
    }
    out.raw("</section>\n");
}

fn covered(out: &mut Markup, of_page: &[&Covered]) {
    let demanding = of_page.iter().any(|covered| covered.demanded.is_some());
    out.raw("<div class=\"wide\"><table class=\"steps\">\n<caption>What is known of it, and by which checks</caption>\n<thead><tr><th scope=\"col\">");
    out.raw(if demanding { "Requirement" } else { "Clause" });
    out.raw("</th>");
    if demanding {
        out.raw("<th scope=\"col\">Grade</th><th scope=\"col\">Whose</th><th scope=\"col\">Covered</th>");
    }
    out.raw("<th scope=\"col\">Known</th><th scope=\"col\">Checks</th></tr></thead>\n<tbody>\n");
    for held in of_page {
        out.raw("<tr><th scope=\"row\">");
        match (&held.demanded, &held.clause) {
            (Some(demanded), _) => {
                out.element("code", &held.what);
                out.raw(" ");
                out.text(&demanded.words);
            }
            (None, _) => out.address(&held.what),
        }
        out.raw("</th>");
        if let Some(demanded) = &held.demanded {
            out.element("td", &demanded.grade);
            out.element("td", &demanded.actors);
            out.element("td", held.how.word());
        } else if demanding {
            out.raw("<td></td><td></td><td></td>");
        }
        out.element("td", held.standing().words());
        let by: Vec<String> = held
            .by
            .iter()
            .map(|looked| match looked.status {
                Some(status) => format!("{} ({})", looked.check, status.word()),
                None => looked.check.clone(),
            })
            .collect();
        out.element("td", &by.join(", "));
        out.raw("</tr>\n");
    }
    out.raw("</tbody>\n</table></div>\n");
}

pub(super) fn footer(out: &mut Markup) {
    out.raw("<footer>\n<p>");
    out.text(
        "Nothing of the endpoint's records, and no token, is on this page. A check says what it looked at, and no more: a pass is no proof of \
         what no check looks at.",
    );
    out.raw("</p>\n</footer>\n");
}

fn badge(out: &mut Markup, status: Status, nuance: Option<&'static str>) {
    out.raw("<span class=\"status ");
    out.raw(status.word());
    out.raw("\">");
    out.raw(status.word());
    if let Some(nuance) = nuance {
        out.raw(": ");
        out.raw(nuance);
    }
    out.raw("</span>");
}

fn pair(out: &mut Markup, term: &'static str, told: &str) {
    out.element("dt", term);
    out.element("dd", told);
    out.raw("\n");
}

/// A text, cut where little room is left.
fn short(text: &str, detail: Detail) -> String {
    match detail {
        Detail::Whole | Detail::MetByName | Detail::WrongOnly => text.to_owned(),
        Detail::First(_) if text.chars().count() <= SHORT_LETTERS => text.to_owned(),
        Detail::First(_) => {
            let start: String = text.chars().take(SHORT_LETTERS).collect();
            format!("{start}…")
        }
    }
}

/// A time for people.
fn long(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..60 => format!("{seconds}.{} s", time.subsec_millis() / 100),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
