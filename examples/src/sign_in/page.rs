//! The pages: plain HTML that works without scripts, at any width, with a keyboard and a screen reader.

use super::actors::Actor;

/// A page and its status.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) html: String,
}

const STYLE: &str = "body{font:19px/1.5 system-ui,sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#212b32;\
background:#f0f4f5}li{background:#fff;margin:0 0 1em;padding:1em;list-style:none}ul{padding:0}\
button{font:inherit;padding:.5em 1em;background:#007f3b;color:#fff;border:0;border-radius:4px;cursor:pointer}\
button:focus,textarea:focus,a:focus{outline:4px solid #ffeb3b;outline-offset:2px}\
textarea,pre{width:100%;box-sizing:border-box;font:14px/1.4 ui-monospace,monospace;white-space:pre-wrap;\
overflow-wrap:anywhere}.note{border-left:8px solid #005eb8;padding:.5em 1em;background:#fff}";

/// Everyone who can sign in, a button each.
pub(super) fn choice(actors: &[Actor]) -> Page {
    let choices: String = actors
        .iter()
        .map(|actor| {
            format!(
                "<li><form method=\"post\" action=\"/sign-in\"><h2>{person}</h2><p>{about}</p>\
                 <input type=\"hidden\" name=\"actor\" value=\"{name}\">\
                 <button type=\"submit\">Sign in as {person} <small>({name})</small></button></form></li>",
                person = escape(actor.person),
                about = escape(actor.about),
                name = escape(actor.name),
            )
        })
        .collect();
    let body = format!(
        "<h1>Sign in to the demo</h1><p class=\"note\">Everyone here is invented. This page stands in for the sign-in \
         of staff and for NHS login; a real one asks for proof.</p><ul>{choices}</ul>"
    );
    page(200, "Sign in to the demo", &body)
}

/// The token of an actor, and what to do with it.
pub(super) fn token(actor: &Actor, token: &str, gateway: &str) -> Page {
    let (person, token, gateway) = (escape(actor.person), escape(token), escape(gateway));
    let next = if actor.is_person() {
        format!(
            "<form method=\"post\" action=\"{gateway}/me/session\"><input type=\"hidden\" name=\"token\" value=\"{token}\">\
             <button type=\"submit\">See who has seen my record</button></form>"
        )
    } else {
        format!(
            "<h2>Try it</h2><pre>curl -H 'Authorization: Bearer TOKEN' {gateway}/hospital/fhir/Patient/ann</pre>"
        )
    };
    let body = format!(
        "<h1>Signed in as {person}</h1><p>{about}</p>{next}<h2><label for=\"token\">Token</label></h2>\
         <p>Valid for two hours.</p><textarea id=\"token\" rows=\"10\" readonly>{token}</textarea>\
         <p><a href=\"/\">Sign in as someone else</a></p>",
        about = escape(actor.about),
    );
    page(200, &format!("Signed in as {person}"), &body)
}

/// What is shown for any other address or actor.
pub(super) fn unknown() -> Page {
    page(404, "Page not found", "<h1>Page not found</h1><p><a href=\"/\">Sign in to the demo</a></p>")
}

fn page(status: u16, title: &str, body: &str) -> Page {
    let html = format!(
        "<!doctype html><html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    Page { status, html }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
