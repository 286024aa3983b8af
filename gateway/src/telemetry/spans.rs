//! Spans, sent by OTLP over HTTP. Attributes are those of the allow-list; events and links are left out.
//!
//! A span is a name and numbers of ours: no URL, no query, nothing a caller sent. A caller's own trace context is not
//! taken up. When the collector is gone, spans are dropped; an exchange never waits for one.

use std::time::Duration;

use http::Uri;
use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing_opentelemetry::OpenTelemetryLayer;

use super::ALLOWED;

/// Spans that may wait to be sent; more are dropped.
const WAITING_MAX: usize = 2_048;
/// Spans sent together.
const TOGETHER_MAX: usize = 256;
/// How long spans are gathered.
const GATHERED_FOR: Duration = Duration::from_secs(2);
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// The endpoint of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the otlp endpoint cannot be used")]
pub struct EndpointFault;

/// What sends spans.
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
    sending: JoinHandle<()>,
}

impl Export {
    /// Sends what is waiting, and ends.
    pub async fn finish(self) {
        // It drops the way in; the task then sends the rest and ends.
        drop(self.provider.shutdown());
        drop(self.provider);
        drop(timeout(SENT_WITHIN, self.sending).await);
    }
}

/// A layer that sends the spans of `S` to `endpoint` (`http`, as to a collector beside the gateway).
///
/// # Errors
/// [`EndpointFault`].
pub fn layer<S>(endpoint: &Uri) -> Result<(OpenTelemetryLayer<S, SdkTracer>, Export), EndpointFault>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(HyperClient::with_default_connector(SENT_WITHIN, None))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.to_string())
        .with_timeout(SENT_WITHIN)
        .build()
        .map_err(|_| EndpointFault)?;
    let (way_in, waiting) = mpsc::channel(WAITING_MAX);
    let resource = Resource::builder_empty().with_service_name("portcullis").build();
    let mut exporter = exporter;
    exporter.set_resource(&resource);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_span_processor(Closed { way_in: std::sync::Mutex::new(Some(way_in)) })
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("portcullis"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    let sending = tokio::spawn(send(exporter, waiting));
    Ok((layer, Export { provider, sending }))
}

/// Hands spans on, reduced to what may be shown.
#[derive(Debug)]
struct Closed {
    way_in: std::sync::Mutex<Option<mpsc::Sender<SpanData>>>,
}

impl SpanProcessor for Closed {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let way_in = self.way_in.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(way_in) = way_in.as_ref() {
            // A full queue drops the span: telemetry never holds an exchange up.
            drop(way_in.try_send(reduced(span)));
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        self.way_in.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        Ok(())
    }
}

fn reduced(mut span: SpanData) -> SpanData {
    span.attributes.retain(|attribute| ALLOWED.contains(&attribute.key.as_str()));
    span.events = Default::default();
    span.links = Default::default();
    span.status = opentelemetry::trace::Status::Unset;
    span
}

async fn send(exporter: SpanExporter, mut waiting: mpsc::Receiver<SpanData>) {
    let mut batch = Vec::with_capacity(TOGETHER_MAX);
    while let Some(first) = waiting.recv().await {
        batch.push(first);
        let gather = async {
            while batch.len() < TOGETHER_MAX {
                match waiting.recv().await {
                    Some(span) => batch.push(span),
                    None => return,
                }
            }
        };
        // Either is as good: the batch is full, or it has waited long enough.
        drop(timeout(GATHERED_FOR, gather).await);
        drop(exporter.export(std::mem::take(&mut batch)).await);
    }
}
