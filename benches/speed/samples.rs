//! Numbers of several rounds.

/// What the rounds gave. There is at least one number before it is asked for anything.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a round's number.
    pub fn add(&mut self, number: f64) {
        self.0.push(number);
        self.0.sort_by(f64::total_cmp);
    }

    /// The one in the middle, or between the two in the middle.
    pub fn median(&self) -> f64 {
        let (low, high) = (self.0[(self.0.len() - 1) / 2], self.0[self.0.len() / 2]);
        low.midpoint(high)
    }

    /// Median and spread.
    pub fn show(&self, decimals: usize) -> String {
        let median = self.median();
        match (self.0.first(), self.0.last()) {
            (Some(least), Some(most)) if self.0.len() > 1 => {
                format!("{median:.decimals$} ({least:.decimals$}-{most:.decimals$})")
            }
            _ => format!("{median:.decimals$}"),
        }
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut samples = Self::default();
        numbers.into_iter().for_each(|number| samples.add(number));
        samples
    }
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^53")]
pub fn real(count: usize) -> f64 {
    count as f64
}
