//! Pages for people: her own page, the disclosure register, and what both are made of.
//!
//! `/me` goes the road of every share: identified by its session, admitted as a question about herself, recorded by
//! one entry with her part in it, and released. The register and the style sheet are about nobody and are public.
//! No page runs a script, and none needs a mouse.

use http::StatusCode;

use crate::ports::Ports;
use crate::server::arrived::{Arrived, Method};
use crate::server::reply::{Content, Reply};
use crate::server::target::percent_decoded;
use crate::trail::page;

mod listing;
mod me;
mod public;
mod session;

/// What a request for a page comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// `GET /me`: who has seen my record.
    Me,
    /// `POST /me/session`: a token of NHS login becomes a session.
    SignIn,
    /// `POST /me/sign-out`.
    SignOut,
    /// `GET /register`.
    Register,
    /// A file that pages are made of.
    Asset(Asset),
    /// Places that lead to her page: the root, and addresses of forms that were opened by themselves.
    ToMe,
    /// A place under those of the pages where there is none.
    Missing,
    /// A page that does not take this method.
    WrongMethod {
        /// Those it takes.
        allow: &'static str,
    },
}

/// The files that pages are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    /// `portcullis.css`.
    Style,
    /// `portcullis.svg`.
    Icon,
}

/// The page that a request asks for; nothing when it asks for something else than a page.
#[must_use]
pub fn route(arrived: &Arrived) -> Option<Page> {
    let place = match arrived.target.segments().as_slice() {
        [] => Page::ToMe,
        ["me"] => Page::Me,
        ["me", "session"] => Page::SignIn,
        ["me", "sign-out"] => Page::SignOut,
        ["register"] => Page::Register,
        ["assets", "portcullis.css"] => Page::Asset(Asset::Style),
        ["assets", "portcullis.svg"] | ["favicon.ico"] => Page::Asset(Asset::Icon),
        ["me" | "register" | "assets", ..] => Page::Missing,
        [..] => return None,
    };
    Some(match (place, arrived.method) {
        (Page::SignIn | Page::SignOut, Method::Get) => Page::ToMe,
        (Page::SignIn | Page::SignOut, Method::Post) | (Page::Missing, _) | (Page::Me, Method::Get) => place,
        (Page::SignIn | Page::SignOut, _) => Page::WrongMethod { allow: "POST" },
        (Page::Me, _) => Page::WrongMethod { allow: "GET" },
        (_, Method::Get | Method::Head) => place,
        (_, _) => Page::WrongMethod { allow: "GET, HEAD" },
    })
}

/// Answers a request for a page.
pub async fn answer(page: Page, arrived: Arrived, ports: &Ports) -> Reply {
    match page {
        Page::Me => me::answer(&arrived, ports).await,
        Page::SignIn => session::begin(arrived, ports).await,
        Page::SignOut => session::end(&arrived, ports),
        Page::Register => public::register(&arrived, ports),
        Page::Asset(asset) => public::asset(asset),
        Page::ToMe => Reply::see_other("/me"),
        Page::Missing => notice(
            StatusCode::NOT_FOUND,
            "Page not found",
            "Check the address. If you came here by a link, the page may have moved.",
        ),
        Page::WrongMethod { allow } => notice(
            StatusCode::METHOD_NOT_ALLOWED,
            "This does not work",
            "The page was opened in a way that it is not made for.",
        )
        .with_allow(allow),
    }
}

/// A page about nobody; when even that cannot be written, the status alone.
fn public_page(status: StatusCode, html: Result<String, askama::Error>) -> Reply {
    match html {
        Ok(html) => Reply::new(status, Content::Page(html)),
        Err(_) => Reply::new(StatusCode::INTERNAL_SERVER_ERROR, Content::Empty),
    }
}

fn notice(status: StatusCode, heading: &str, text: &str) -> Reply {
    public_page(status, page::notice(heading, text))
}

/// The value of the query parameter of this name; nothing when it is not there or stands twice.
fn parameter(arrived: &Arrived, name: &str) -> Option<String> {
    let mut values = arrived.target.query()?.split('&').filter_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (percent_decoded(found)? == name.as_bytes()).then_some(value)
    });
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    String::from_utf8(percent_decoded(value)?).ok()
}
