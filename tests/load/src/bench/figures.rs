//! Medians and ranges of repeated measurements. Pure.

use serde::{Deserialize, Serialize};

/// Figures of the same thing measured several times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Figure {
    /// Of the measurements in any order; zeros of none.
    pub fn of(measurements: &[f64]) -> Self {
        let mut sorted = measurements.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => return Self::default(),
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Figure { median, least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    /// Of the ratios of two things measured in the same rounds.
    pub fn of_ratios(these: &[f64], to: &[f64]) -> Self {
        Self::of(&these.iter().zip(to).map(|(these, to)| these / to).collect::<Vec<_>>())
    }

    /// `median (least–most)` with `digits` places.
    pub fn show(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_between_the_extremes() {
        assert_eq!(Figure::of(&[3.0, 1.0, 2.0]), Figure { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Figure::of(&[4.0, 1.0]).median, 2.5);
        assert_eq!(Figure::of(&[]), Figure::default());
        assert_eq!(Figure::of(&[1.0, 2.0, 3.0]).show(1), "2.0 (1.0–3.0)");
    }
}
