//! What operators see: logs, spans, numbers. Never a name, a number, a query, a path or a body, at any level.
//!
//! Only lines and spans of our own crates are shown; in them only fields of [`ALLOWED`]. Messages are fixed texts.

use std::panic;

use http::Uri;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub mod logs;
pub mod memory;
pub mod metrics;
pub mod spans;

use logs::Logs;
use spans::Export;

/// Every field a log line or span may have. Each is a name, a number or an id of ours.
pub const ALLOWED: [&str; 16] = [
    "address",
    "agreement",
    "count",
    "ending",
    "file",
    "interaction",
    "location",
    "phase",
    "place",
    "problem",
    "reason",
    "receipt",
    "request_id",
    "status",
    "system",
    "took_ms",
];

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryFault {
    /// The place for spans cannot be used.
    #[error("spans cannot be sent to the endpoint in the settings")]
    Endpoint(#[from] spans::EndpointFault),
    /// It was started before.
    #[error("telemetry was started before")]
    Twice(#[from] TryInitError),
}

/// Starts logs to standard error, and spans when there is an `endpoint`; silences panics but for their place.
///
/// Call once, inside the runtime.
///
/// # Errors
/// [`TelemetryFault`].
pub fn start(format: Format, endpoint: Option<&Uri>) -> Result<Option<Export>, TelemetryFault> {
    let logs = Logs::new(format, std::io::stderr).with_filter(ours());
    let registry = tracing_subscriber::registry().with(logs);
    let export = match endpoint {
        None => {
            registry.try_init()?;
            None
        }
        Some(endpoint) => {
            let (layer, export) = spans::layer(endpoint)?;
            registry.with(layer.with_filter(ours())).try_init()?;
            Some(export)
        }
    };
    panic::set_hook(Box::new(|panicked| {
        // The payload may hold anything; the place is ours.
        let location = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "the program failed at one place; the exchange there ended");
    }));
    Ok(export)
}

/// Lines and spans of our own crates, from `INFO` upwards: other crates may say what they were given.
fn ours() -> FilterFn {
    FilterFn::new(is_ours)
}

fn is_ours(metadata: &tracing::Metadata<'_>) -> bool {
    let first = metadata.target().split("::").next().unwrap_or_default();
    matches!(first, "gateway" | "portcullis") && *metadata.level() <= tracing::Level::INFO
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn other_crates_and_finer_levels_are_not_shown() {
        let sink = Sink::default();
        let to = sink.clone();
        let logs = Logs::new(Format::Text, move || to.clone()).with_filter(ours());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(logs), || {
            tracing::info!("shown");
            tracing::debug!("too fine");
            tracing::error!(target: "hyper::proto", "GET /Patient/9990000018");
            tracing::error!(target: "gatewayish", "another crate");
        });
        let told = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(told.contains("shown"));
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
