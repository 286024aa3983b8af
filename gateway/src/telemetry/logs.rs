//! Log lines: time, level, a fixed message, and fields that are allowed. What is not allowed is counted, not shown.

use std::fmt;
use std::io::Write as _;

use fhir::json::Writer;
use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};

use super::{ALLOWED, Format};

/// The longest value that is shown.
const VALUE_LEN_MAX: usize = 300;

/// Writes log lines.
#[derive(Debug)]
pub struct Logs<W> {
    format: Format,
    to: W,
}

impl<W> Logs<W> {
    /// Lines in `format`, written to what `to` makes.
    pub const fn new(format: Format, to: W) -> Self {
        Self { format, to }
    }
}

impl<S, W> Layer<S> for Logs<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let bytes = match self.format {
            Format::Text => line.text(Timestamp::now(), event.metadata().level().as_str()),
            Format::Json => line.json(Timestamp::now(), event.metadata().level().as_str()),
        };
        // There is nobody left to tell when standard error is gone.
        drop(self.to.make_writer().write_all(&bytes));
    }
}

/// What of an event may be shown.
#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
    refused: u64,
}

impl Line {
    fn take(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name if ALLOWED.contains(&name) => self.fields.push((name, value)),
            _ => self.refused += 1,
        }
    }

    fn text(&self, at: Timestamp, level: &str) -> Vec<u8> {
        let mut line = format!("{at:.3} {level:>5} {}", self.message);
        for (name, value) in &self.fields {
            line.push_str(&format!(" {name}={value:?}"));
        }
        if self.refused > 0 {
            line.push_str(&format!(" fields_refused={}", self.refused));
        }
        line.push('\n');
        line.into_bytes()
    }

    fn json(&self, at: Timestamp, level: &str) -> Vec<u8> {
        let mut line = Vec::new();
        let mut writer = Writer::new(&mut line);
        writer.object().key("at").string(&format!("{at:.3}")).key("level").string(level);
        writer.key("message").string(&self.message);
        for (name, value) in &self.fields {
            writer.key(name).string(value);
        }
        if self.refused > 0 {
            writer.key("fields_refused").number(self.refused);
        }
        writer.close();
        writer.finish();
        line.push(b'\n');
        line
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, shown(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, shown(&format!("{value:?}")));
    }
}

/// One line, without control characters, and not too long.
fn shown(value: &str) -> String {
    value.chars().take(VALUE_LEN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

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

    fn logged(format: Format, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let to = sink.clone();
        let subscriber = tracing_subscriber::registry().with(Logs::new(format, move || to.clone()));
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_has_allowed_fields_and_no_other() {
        let log =
            || tracing::info!(status = 200, reason = "x\ny", nhs_number = "9990000018", "exchange ended");
        let text = logged(Format::Text, log);
        assert!(
            text.ends_with(" INFO exchange ended status=\"200\" reason=\"x y\" fields_refused=1\n"),
            "{text}"
        );
        let json = logged(Format::Json, log);
        assert!(
            json.contains(r#""message":"exchange ended","status":"200","reason":"x y","fields_refused":1}"#),
            "{json}"
        );
        assert!(!text.contains("9990000018") && !json.contains("9990000018"));
        assert_eq!((text.lines().count(), json.lines().count()), (1, 1));
    }

    #[test]
    fn a_long_value_is_cut() {
        let text = logged(Format::Text, || tracing::info!(reason = "x".repeat(9_999), "cut"));
        assert!(text.len() < 400);
    }
}
