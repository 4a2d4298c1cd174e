//! How much of a limit is used, as a bar with half cells.

use crate::budgets::{NEAR, Standing};
use crate::ui::theme::Role;

/// A gauge: its full and its empty part, together so many cells.
#[must_use]
pub fn gauge(permille: u64, cells: u16) -> (String, String) {
    let cells = u64::from(cells);
    let halves = permille.min(1000) * cells * 2 / 1000;
    // Something is not nothing; and full is only what is full.
    let halves = halves.max(u64::from(permille > 0 && cells > 0));
    let count = |n: u64| usize::try_from(n).unwrap_or(0);
    let mut full = "█".repeat(count(halves / 2));
    if halves % 2 == 1 {
        full.push('▌');
    }
    (full, "░".repeat(count(cells - halves.div_ceil(2))))
}

/// What the colour of a cap's gauge means.
#[must_use]
pub fn role(standing: &Standing) -> Role {
    match standing.permille() {
        _ if standing.is_reached() => Role::Over,
        NEAR.. => Role::Warn,
        _ => Role::Ok,
    }
}

/// The same without colours: stops, has been reached or is close, has room.
#[must_use]
pub fn sign(standing: &Standing) -> &'static str {
    match role(standing) {
        _ if standing.halts() => "■",
        Role::Over | Role::Warn => "▲",
        _ => "●",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_has_all_its_cells_and_is_full_at_the_limit_only() {
        for cells in 0..40 {
            for permille in [0, 1, 10, 333, 500, 619, 999, 1000, 5000] {
                let (full, rest) = gauge(permille, cells);
                assert_eq!(full.chars().count() + rest.chars().count(), usize::from(cells), "{permille} {cells}");
                assert_eq!(rest.is_empty() && !full.contains('▌'), permille >= 1000 || cells == 0, "{permille} {cells}");
            }
        }
        assert_eq!(gauge(620, 16), ("█████████▌".to_owned(), "░░░░░░".to_owned()));
    }
}
