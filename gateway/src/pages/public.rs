//! What everyone may read: the disclosure register, and the files that pages are made of.

use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Asset, notice, parameter};
use crate::ports::Ports;
use crate::register;
use crate::server::arrived::Arrived;
use crate::server::reply::{Content, Reply};

const STYLE: &str = include_str!("../../assets/portcullis.css");
const ICON: &str = include_str!("../../assets/portcullis.svg");

/// The disclosure register of today, as a page, JSON or CSV.
pub(super) fn register(arrived: &Arrived, ports: &Ports) -> Reply {
    let today = today(arrived);
    let settings = &ports.settings;
    let content = match parameter(arrived, "format").as_deref() {
        None | Some("html") => Content::Page(register::html(settings, today)),
        Some("json") => Content::Json(register::json(settings, today).into()),
        Some("csv") => Content::Csv(register::csv(settings, today)),
        Some(_) => {
            return notice(
                StatusCode::BAD_REQUEST,
                "Format not found",
                "Choose another format: html, json or csv.",
            );
        }
    };
    Reply::new(StatusCode::OK, content)
}

/// The day in London: agreements begin and end there.
fn today(arrived: &Arrived) -> Date {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    arrived.at.to_zoned(zone).date()
}

/// A file that pages are made of.
pub(super) fn asset(asset: Asset) -> Reply {
    let content = match asset {
        Asset::Style => Content::Style(STYLE),
        Asset::Icon => Content::Drawing(ICON),
    };
    Reply::new(StatusCode::OK, content)
}
