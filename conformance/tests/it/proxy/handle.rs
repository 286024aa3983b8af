//! One exchange of the reference proxy: a request written anew, an answer written anew.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::front::{Asked, Given};
use super::upstream::{Got, Kept, ask};
use super::{BEHIND_PATH, Fault, Proxy, outcome};
use fhir::json::{Invalid, Limits};

impl Proxy {
    pub(super) async fn answer(&self, asked: &Asked, head: &str, kept: &mut Option<Kept>) -> Given {
        let mut given = self.exchange(asked, head, kept).await.unwrap_or_else(outcome);
        given = given.with("X-Request-Id", "p-1");
        if let Some(own) = asked.header("x-request-id").filter(|_| self.fault != Fault::OwnIdAlone) {
            given = given.with("X-Correlation-Id", own);
        }
        let wants = asked.header("accept-encoding").is_some_and(|held| held.contains("gzip"));
        let always = self.fault == Fault::GzipForIdentity && asked.header("accept-encoding").is_some();
        if (wants || always) && given.status == 200 {
            let mut out = GzEncoder::new(Vec::new(), Compression::fast());
            let half =
                if self.fault == Fault::GzipOfAnother { given.body.len() / 2 } else { given.body.len() };
            out.write_all(&given.body[..half]).unwrap();
            given.body = out.finish().unwrap();
            given = given.with("Content-Encoding", "gzip");
            if self.fault != Fault::NoVary {
                given = given.with("Vary", "Accept-Encoding");
            }
        }
        given
    }

    async fn exchange(&self, asked: &Asked, head: &str, kept: &mut Option<Kept>) -> Result<Given, u16> {
        match asked.method.as_str() {
            "TRACE" if self.fault == Fault::TraceEchoed => {
                return Ok(Given { status: 200, headers: Vec::new(), body: head.as_bytes().to_vec() });
            }
            "HEAD" if self.fault == Fault::HeadNotFound => return Err(404),
            "GET" | "HEAD" | "POST" | "DELETE" => {}
            _ => return Err(405),
        }
        if let Some(rest) = asked.target.strip_prefix("http://") {
            if self.fault != Fault::OpenProxy {
                return Err(400);
            }
            let (host, path) = rest.split_once('/').ok_or(400_u16)?;
            let bytes = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let got =
                ask(host.parse().map_err(|_| 400_u16)?, bytes.as_bytes(), "GET", self.fault, kept).await?;
            return Ok(Given { status: got.status, headers: Vec::new(), body: got.body });
        }
        let rest = asked.target.strip_prefix("/fhir/").ok_or(404_u16)?;
        let path = rest.split('?').next().unwrap_or_default();
        let plain = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
                && !part.is_empty()
                && part != ".."
        };
        if !path.split('/').all(plain) && self.fault != Fault::PathsPassed {
            return Err(400);
        }
        if asked.method == "POST" && !path.ends_with("_search") {
            let parsed = fhir::json::parse(asked.body.clone().into(), &Limits::default());
            match (parsed, self.fault) {
                (Err(_), Fault::MalformedAccepted) => {
                    return Ok(outcome(201).with("Location", &format!("{}/Patient/x", self.base)));
                }
                (Err(_), _) => return Err(400),
                (Ok(_), _) => {}
            }
        }
        let bytes = self.request(asked, rest);
        let mut got = match ask(self.behind, &bytes, &asked.method, self.fault, kept).await {
            Err(_) if self.fault == Fault::SilentAsAbsent => return Err(404),
            other => other?,
        };
        if let (Fault::RedirectFollowed, 300..=399, Some(to)) =
            (self.fault, got.status, got.header("location"))
        {
            let (host, path) = to.trim_start_matches("http://").split_once('/').ok_or(502_u16)?;
            let bytes = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            got = ask(host.parse().map_err(|_| 502_u16)?, bytes.as_bytes(), "GET", self.fault, kept).await?;
        }
        self.told(asked, path, got)
    }

    fn request(&self, asked: &Asked, rest: &str) -> Vec<u8> {
        let mut target = rest.to_owned();
        match self.fault {
            Fault::QueryDecoded => {
                target = target.replace("%26", "&").replace("%3D", "=").replace("%2B", "+")
            }
            Fault::QueryDoubled => {
                if let Some((_, query)) = rest.split_once('?') {
                    target = format!("{rest}&{query}");
                }
            }
            Fault::NextPageSame => target = target.replace("_page=1", "_page=0"),
            _ => {}
        }
        let own = self.behind.to_string();
        let host = if self.fault == Fault::HostSent { asked.header("host").unwrap_or(&own) } else { &own };
        let mut out = format!("{} {BEHIND_PATH}/{target} HTTP/1.1\r\nHost: {host}\r\n", asked.method);
        if self.fault != Fault::NoVia {
            out.push_str("Via: 1.1 reference-proxy\r\n");
        }
        if self.fault != Fault::LeftoversKept {
            out.push_str("Connection: close\r\n");
        }
        let passed: &[&str] = match self.fault {
            Fault::HopHeadersSent => &["connection", "x-of-this-hop", "proxy-connection"],
            Fault::CookiesSent => &["cookie"],
            Fault::AuthorizationSent => &["authorization"],
            Fault::ForwardedSent => &["x-forwarded-for", "forwarded", "x-real-ip"],
            Fault::OverrideSent => &["x-http-method-override"],
            _ => &[],
        };
        for name in passed.iter().chain(&["accept", "content-type", "if-none-match"]) {
            if let Some(value) = asked.header(name) {
                out.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if self.fault == Fault::FramingDoubtful {
            out.push_str("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
            return out.into_bytes();
        }
        if !asked.body.is_empty() {
            out.push_str(&format!("Content-Length: {}\r\n", asked.body.len()));
        }
        out.push_str("\r\n");
        [out.as_bytes(), &asked.body].concat()
    }

    fn told(&self, asked: &Asked, path: &str, got: Got) -> Result<Given, u16> {
        let as_it_is = |got: &Got| Given { status: got.status, headers: Vec::new(), body: got.body.clone() };
        if let Some(_tag) = asked.header("if-none-match") {
            match self.fault {
                Fault::UnchangedFails => return Err(412),
                Fault::AnyTagUnchanged => return Ok(Given { status: 304, ..as_it_is(&got) }),
                _ => {}
            }
        }
        if got.raw {
            return Ok(as_it_is(&got));
        }
        match (got.status, self.fault) {
            (200 | 201, _) => self.shown(asked, path, &got),
            (204 | 304, _) => Ok(as_it_is(&got)),
            (404 | 410, Fault::AbsenceFails) => Err(500),
            (404 | 410, _) => Err(404),
            (400 | 409 | 412 | 422, _) => Err(got.status),
            (401, Fault::ChallengePassed) => {
                Ok(outcome(401).with("WWW-Authenticate", got.header("www-authenticate").unwrap_or_default()))
            }
            (300..=399, Fault::RedirectPassed) => {
                Ok(as_it_is(&got).with("Location", got.header("location").unwrap_or_default()))
            }
            (500.., Fault::ErrorPagePassed) => Ok(as_it_is(&got)),
            (500.., Fault::FailureAsAbsent) => Err(404),
            (500.., Fault::FailurePlain) => Ok(Given { status: 502, headers: Vec::new(), body: Vec::new() }),
            (500.., Fault::DiagnosticsPassed) if got.body.starts_with(b"{") => Ok(as_it_is(&got)),
            _ => Err(502),
        }
    }

    fn shown(&self, asked: &Asked, path: &str, got: &Got) -> Result<Given, u16> {
        if self.fault == Fault::ReadFails && path.split('/').count() == 2 {
            return Err(500);
        }
        let media = got.header("content-type").unwrap_or_default();
        let raw = || Given { status: got.status, headers: self.headers(got), body: got.body.clone() };
        if !media.starts_with("application/fhir+json") {
            return if self.fault == Fault::WebPagePassed { Ok(raw()) } else { Err(502) };
        }
        if asked.method == "HEAD" {
            return Ok(raw());
        }
        let mut held =
            match (fhir::json::parse_value(got.body.clone().into(), &Limits::default()), self.fault) {
                (Ok(held), _) => held,
                (Err(Invalid::Ended { .. } | Invalid::Unexpected { .. }), Fault::MalformedPassed)
                | (Err(Invalid::Trailing { .. }), Fault::GarbagePassed)
                | (Err(Invalid::Duplicate { .. }), Fault::DuplicatesPassed)
                | (Err(Invalid::Utf8 { .. }), Fault::NotUtf8Passed) => return Ok(raw()),
                (Err(_), _) => return Err(502),
            };
        let parts: Vec<&str> = path.split('/').collect();
        if let (["GET"], [kind, id]) = ([asked.method.as_str()], parts.as_slice()) {
            if held["resourceType"] != *kind && self.fault != Fault::OtherTypePassed {
                return Err(502);
            }
            if held["id"] != *id && self.fault != Fault::OtherIdPassed {
                return Err(502);
            }
        }
        self.changed(&mut held);
        let to = match (self.fault, asked.header("host")) {
            (Fault::HostBelieved, Some(host)) => format!("http://{host}/fhir"),
            _ => self.base.clone(),
        };
        let from = format!("http://{}{BEHIND_PATH}", self.behind);
        self.rewritten(&mut held, "", &from, &to);
        if self.fault == Fault::RangeCut && asked.header("range").is_some() {
            return Ok(Given {
                status: 206,
                headers: self.headers(got),
                body: held.to_string().into_bytes()[..10].to_vec(),
            });
        }
        Ok(Given { status: got.status, headers: self.headers(got), body: held.to_string().into_bytes() })
    }

    /// What is passed on of the headers.
    fn headers(&self, got: &Got) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let mut pass = |name: &str, value: String| out.push((name.to_owned(), value));
        for (name, value) in &got.headers {
            let lower = name.to_ascii_lowercase();
            let from = format!("http://{}{BEHIND_PATH}", self.behind);
            match (lower.as_str(), self.fault) {
                ("content-type" | "last-modified", _) => pass(name, value.clone()),
                ("etag", Fault::StrongTag) => pass(name, value.trim_start_matches("W/").to_owned()),
                ("etag", _) => pass(name, value.clone()),
                ("location", Fault::LocationKept | Fault::TrailersMerged) => pass(name, value.clone()),
                ("location", _) => pass(name, value.replace(&from, &self.base)),
                ("x-of-this-hop" | "keep-alive", Fault::HopHeadersPassed)
                | ("set-cookie", Fault::SetCookiePassed)
                | ("server" | "x-powered-by" | "x-backend-server", Fault::ServerPassed)
                | ("content-location" | "link", Fault::ContentLocationPassed)
                | ("x-wide", Fault::WideHeadPassed) => pass(name, value.chars().take(4_000).collect()),
                _ => {}
            }
        }
        if self.fault == Fault::HeaderNamesBehind {
            out.push(("X-Upstream".to_owned(), self.behind.to_string()));
        }
        out
    }

    /// What the proxy leaves out, and what a fault makes of a record.
    fn changed(&self, held: &mut Value) {
        if held["resourceType"] == "Patient" {
            held.as_object_mut().unwrap().remove("address");
            match self.fault {
                Fault::IdChanged => held["id"] = json!("another"),
                Fault::ValueChanged => held["birthDate"] = json!("1901-01-01"),
                _ => {}
            }
        }
        if held["resourceType"] == "CapabilityStatement" && self.fault == Fault::ClaimsMore {
            held["rest"][0]["resource"][0]["interaction"]
                .as_array_mut()
                .unwrap()
                .push(json!({"code": "patch"}));
        }
        if let Some(entries) = held["entry"].as_array_mut() {
            let first = entries[0].clone();
            match self.fault {
                Fault::MatchTwice => entries.push(first),
                Fault::MatchesAnother => {
                    entries.push(json!({"resource": {"resourceType": "Patient", "id": "stray"}}));
                }
                _ => {}
            }
            entries
                .iter_mut()
                .for_each(|entry| drop(entry["resource"].as_object_mut().unwrap().remove("address")));
        }
    }

    /// Every address of the endpoint behind becomes one of the proxy.
    fn rewritten(&self, held: &mut Value, name: &str, from: &str, to: &str) {
        match held {
            Value::Object(members) => {
                let statement = members.get("resourceType").is_some_and(|kind| kind == "CapabilityStatement");
                if !(statement && self.fault == Fault::StatementKept) {
                    members.iter_mut().for_each(|(name, held)| self.rewritten(held, name, from, to));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|held| self.rewritten(held, name, from, to)),
            Value::String(text) => {
                let kept = match name {
                    "url" => self.fault == Fault::LinksKept,
                    "fullUrl" => self.fault == Fault::FullUrlsKept,
                    "reference" => self.fault == Fault::ReferencesKept,
                    _ => false,
                };
                if !kept {
                    *text = text.replace(from, to);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
