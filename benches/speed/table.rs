//! The table that the run prints.

use std::fmt;

/// What a figure must keep to.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// One line of the table.
pub struct Row {
    /// What was measured.
    pub figure: String,
    /// Its median and spread, with the unit.
    pub measured: String,
    /// What it is to be compared with, from the same run.
    pub reference: String,
    /// The number that the target is about.
    pub value: f64,
    /// How to show it.
    pub decimals: usize,
    /// Its unit; `x` for a ratio.
    pub unit: &'static str,
    /// What it must keep to.
    pub target: Target,
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let (sign, bound) = match self.target {
            Target::AtLeast(least) => (">=", least),
            Target::AtMost(most) => ("<=", most),
        };
        let decimals = self.decimals;
        let verdict = if self.target.is_met(self.value) { "ok" } else { "MISS" };
        [
            self.figure.clone(),
            self.measured.clone(),
            self.reference.clone(),
            format!("{:.decimals$} {}", self.value, self.unit),
            format!("{sign} {bound:.decimals$} {}", self.unit),
            verdict.to_owned(),
        ]
    }
}

/// All lines.
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "measured", "reference", "value", "target", ""].map(str::to_owned);
        let lines: Vec<_> = std::iter::once(head).chain(self.0.iter().map(Row::cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        for (number, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
            if number == 0 {
                writeln!(out, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)))?;
            }
        }
        Ok(())
    }
}
