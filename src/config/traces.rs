//! Where traces go: the variables that every OpenTelemetry program knows (OpenTelemetry specification, "environment
//! variable specification").

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reader::Reader;

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    endpoint: Url,
    headers: Vec<(String, SecretString)>,
    /// What the service is called in traces, when not after the program.
    pub service_name: Option<String>,
    /// Which traces are exported.
    pub sampler: TraceSampler,
    /// What part of them, for the samplers that take a part.
    pub sampler_ratio: f64,
}

impl TraceConfig {
    /// Where spans are sent to (OTLP specification, "OTLP/HTTP request").
    #[must_use]
    pub fn traces_url(&self) -> String {
        format!("{}/v1/traces", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// Headers for the collector; they hold keys.
    #[must_use]
    pub fn headers(&self) -> HashMap<String, String> {
        self.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    }
}

/// Which traces are exported. `ParentOr` follows whoever began the trace, and decides only where nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceSampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A part, by the trace's identifier.
    Ratio,
    /// All that nobody else began.
    ParentOrOn,
    /// None that nobody else began.
    ParentOrOff,
    /// A part of those that nobody else began.
    ParentOrRatio,
}

const SAMPLERS: [(&str, TraceSampler); 6] = [
    ("always_on", TraceSampler::AlwaysOn),
    ("always_off", TraceSampler::AlwaysOff),
    ("traceidratio", TraceSampler::Ratio),
    ("parentbased_always_on", TraceSampler::ParentOrOn),
    ("parentbased_always_off", TraceSampler::ParentOrOff),
    ("parentbased_traceidratio", TraceSampler::ParentOrRatio),
];

/// Nowhere, unless there is an endpoint. All are checked even then.
pub(super) fn traces(reader: &mut Reader) -> Option<TraceConfig> {
    let word = reader.one_of("OTEL_TRACES_SAMPLER", SAMPLERS.map(|(word, _)| word));
    let sampler = SAMPLERS.into_iter().find(|(known, _)| *known == word);
    let sampler = sampler.map_or(TraceSampler::ParentOrOn, |(_, sampler)| sampler);
    let sampler_ratio = reader.fraction("OTEL_TRACES_SAMPLER_ARG");
    let headers = reader.pairs("OTEL_EXPORTER_OTLP_HEADERS");
    let service_name = reader.optional("OTEL_SERVICE_NAME");
    let wanted = reader.one_of("OTEL_TRACES_EXPORTER", ["otlp", "none"]) == "otlp";
    let endpoint = reader.optional_url("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|_| wanted)?;
    Some(TraceConfig { endpoint, headers, service_name, sampler, sampler_ratio })
}
