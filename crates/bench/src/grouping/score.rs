//! The usual metrics for log grouping.
//!
//! GA, the share of lines whose predicted group holds exactly the lines of its true group: Zhu et al., "Tools
//! and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019. FGA, the harmonic mean of correct groups among
//! the predicted and among the true: Jiang et al., "A Large-Scale Evaluation for Log Parsing Techniques",
//! ISSTA 2024.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// How well predicted groups match the true ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Score {
    pub(super) ga: f64,
    pub(super) fga: f64,
    /// Predicted groups.
    pub(super) groups: usize,
    /// True groups.
    pub(super) labels: usize,
}

/// Scores predictions against labels, one of each per line.
#[expect(clippy::cast_precision_loss, reason = "a log has far fewer lines than 2^52")]
pub(super) fn score<P: Hash + Eq, L: Hash + Eq>(predicted: &[P], labels: &[L]) -> Score {
    let predicted_groups = members(predicted);
    let true_groups: HashSet<Vec<usize>> = members(labels).into_iter().collect();
    let correct: Vec<&Vec<usize>> =
        predicted_groups.iter().filter(|group| true_groups.contains(*group)).collect();
    let lines: usize = correct.iter().map(|group| group.len()).sum();
    let share = |of: usize| if of == 0 { 0.0 } else { correct.len() as f64 / of as f64 };
    let (precision, recall) = (share(predicted_groups.len()), share(true_groups.len()));
    let fga = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    Score {
        ga: lines as f64 / predicted.len().max(1) as f64,
        fga,
        groups: predicted_groups.len(),
        labels: true_groups.len(),
    }
}

/// The lines of each group, in order.
fn members<T: Hash + Eq>(names: &[T]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<&T, Vec<usize>> = HashMap::new();
    for (line, name) in names.iter().enumerate() {
        groups.entry(name).or_default().push(line);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn the_metrics_are_those_worked_out_by_hand() {
        // True: {0,1,2} {3,4} {5}. Predicted: {0,1,2} {3} {4,5}: one group and three lines are right.
        let found = score(&["x", "x", "x", "y", "z", "z"], &["a", "a", "a", "b", "b", "c"]);
        assert_eq!((found.ga, found.groups, found.labels), (0.5, 3, 3));
        assert!((found.fga - 1.0 / 3.0).abs() < 1e-12);
        // Everything in one group: no line is right unless there is one true group.
        assert_eq!(score(&[1, 1], &["a", "b"]).ga, 0.0);
        assert_eq!(score(&[1, 1], &["a", "a"]).fga, 1.0);
        // Precision 2/3, recall 2/2.
        assert!(
            (score(&[1, 2, 3, 4], &["a", "b", "c", "c"]).fga - 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0))
                .abs()
                < 1e-12
        );
    }
}
