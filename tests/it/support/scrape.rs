//! Reads Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Service};

/// What a process told of itself.
#[derive(Debug)]
pub struct Scrape {
    pub text: String,
    /// Kind by metric.
    pub kinds: BTreeMap<String, String>,
    /// What each metric says, by metric.
    pub help: BTreeMap<String, String>,
    /// Value by series, as it is written.
    series: BTreeMap<String, String>,
}

impl Scrape {
    pub async fn of(client: &Client) -> Self {
        let answer = client.http.get(format!("{}/metrics", client.base)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Self::parse(answer.text().await.expect("a body"))
    }

    /// The metrics of an API.
    pub async fn api(service: &Service) -> Self {
        Self::of(&service.client()).await
    }

    /// The metrics of a worker that was told to show them.
    pub async fn worker(service: &Service) -> Self {
        let lines = service.log_json();
        let serving = lines.iter().find(|line| line["message"] == "serving metrics").expect("the worker said where");
        Self::of(&Client::new(&format!("http://{}", serving["address"].as_str().expect("an address")))).await
    }

    fn parse(text: String) -> Self {
        let word_after = |prefix: &str| -> BTreeMap<String, String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix)?.split_once(' '));
            lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
        };
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = samples.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
            (series.to_owned(), value.to_owned())
        });
        Self { kinds: word_after("# TYPE "), help: word_after("# HELP "), series: series.collect(), text }
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.kinds.keys().map(String::as_str).collect()
    }

    /// The names of all series with their labels.
    pub fn series(&self) -> BTreeSet<&str> {
        self.series.keys().map(String::as_str).collect()
    }

    /// The sum of all series of a metric that have these labels; `None` when there are none, or one that is no whole number.
    pub fn find(&self, name: &str, labels: &[&str]) -> Option<u64> {
        let found = self.series.iter().filter(|(series, _)| {
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        });
        found.map(|(_, value)| value.parse().ok()).reduce(|sum: Option<u64>, value| Some(sum? + value?)).flatten()
    }

    /// As [`Self::find`], where there must be one.
    pub fn value(&self, name: &str, labels: &[&str]) -> u64 {
        self.find(name, labels).unwrap_or_else(|| panic!("there is no {name} {labels:?} in\n{}", self.text))
    }
}
