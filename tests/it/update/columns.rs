//! Columns: which fit, what they say; and bars.

use aifinops::config::{COLUMNS, Currency};
use aifinops::engine::Span;
use aifinops::model::{Cost, SessionState};
use aifinops::ui::app::default_columns;
use aifinops::ui::columns::{ALL, Column, Look, fit, money_cell, short_model, state_sign};
use aifinops::ui::theme::Theme;
use aifinops::ui::widgets::bars::{Fold, bars};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::screens::stage::text;
use crate::screens::world::{NOW, cents, priced, session, some_of_each};

#[test]
fn every_column_has_a_name_of_its_own_that_the_configuration_knows() {
    for column in ALL {
        assert_eq!(Column::from_name(column.layout().name), Some(*column));
        assert!(COLUMNS.contains(&column.layout().name));
    }
    assert_eq!(ALL.len(), COLUMNS.len());
    assert_eq!(Column::from_name("no-such-column"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_never_take_more_than_there_is(width in 1_u16..300, wishes in proptest::collection::vec(0_u16..400, ALL.len()), picked in proptest::sample::subsequence(ALL.to_vec(), 1..=ALL.len())) {
        let wish = |column: Column| wishes[ALL.iter().position(|c| *c == column).unwrap()];
        let fitted = fit(&picked, width, &wish);
        let used: u16 = fitted.iter().map(|(_, w)| w + 1).sum::<u16>() - 1;
        prop_assert!(used <= width, "{used} of {width}: {fitted:?}");
        prop_assert!(!fitted.is_empty() && fitted.iter().all(|(_, w)| *w > 0));
        // What is left stands in the order that was asked for.
        let order: Vec<Column> = fitted.iter().map(|(c, _)| *c).collect();
        prop_assert!(picked.iter().filter(|c| order.contains(c)).eq(order.iter()));
    }

    #[test]
    fn bars_stay_in_their_area(values in proptest::collection::vec(any::<u64>(), 0..200), width in 0_u16..60, height in 0_u16..6) {
        let outer = Rect::new(0, 0, 64, 10);
        let inner = Rect::new(2, 2, width, height);
        let mut buf = Buffer::empty(outer);
        for fold in [Fold::Sum, Fold::Max] {
            bars(&values, fold, Style::new(), inner, &mut buf);
        }
        for (x, y) in (0..64).flat_map(|x| (0..10).map(move |y| (x, y))) {
            prop_assert!(inner.contains((x, y).into()) || buf[(x, y)].symbol() == " ");
        }
    }
}

#[test]
fn money_and_the_name_are_the_last_to_leave() {
    let kept = |width| fit(&default_columns(), width, &|_| 0).into_iter().map(|(c, _)| c).collect::<Vec<_>>();
    assert_eq!(kept(200), default_columns());
    let narrow = kept(30);
    for column in [Column::State, Column::Project, Column::Today, Column::Session] {
        assert!(narrow.contains(&column), "{narrow:?}");
    }
    // Nothing comes back when it gets narrower.
    for width in 2..200 {
        assert!(kept(width - 1).iter().all(|c| kept(width).contains(c)), "{width}");
    }
}

#[test]
fn names_take_what_is_left() {
    for width in 60..250 {
        let used: u16 = fit(&default_columns(), width, &|_| 0).iter().map(|(_, w)| w + 1).sum::<u16>() - 1;
        assert_eq!(used, width);
    }
}

#[test]
fn an_amount_says_how_sure_it_is() {
    let (currency, theme) = (Currency::default(), Theme::default());
    let cell = |cost: &Cost| money_cell(cost, &currency, &theme).0;
    assert_eq!(cell(&priced(123_456)), "1,234.56");
    assert_eq!(cell(&Cost::default()), "·");
    assert_eq!(cell(&Cost::unknown()), "?");
    assert_eq!(cell(&(priced(120) + Cost::unknown())), "≥1.20");
    assert_eq!(cell(&Cost { lower_bound_calls: 1, ..priced(120) }), "≥1.20");
    assert_eq!(cell(&Cost::reported(cents(5))), "0.05");
}

#[test]
fn a_model_is_called_by_what_tells_it_from_others() {
    let table = [
        ("claude-opus-4-7-20260401", "opus-4.7"),
        ("claude-haiku-4-5", "haiku-4.5"),
        ("anthropic/claude-sonnet-5", "sonnet-5"),
        ("us.anthropic.claude-3-5-sonnet-20241022", "3.5-sonnet"),
        ("gpt-5-codex", "gpt-5-codex"),
        ("openrouter/deepseek/v4", "v4"),
        ("", ""),
        ("claude-", ""),
    ];
    for (name, short) in table {
        assert_eq!(short_model(name), short, "{name}");
    }
}

#[test]
fn states_differ_in_shape() {
    use SessionState::{Ended, Idle, Waiting, Working};
    let signs = std::collections::BTreeSet::from([Working, Waiting, Idle, Ended].map(state_sign));
    assert_eq!(signs.len(), 4);
}

#[test]
fn every_cell_of_every_session_can_be_drawn_in_one_line() {
    let (currency, theme) = (Currency::default(), Theme::default());
    for span in [Span::Today, Span::Days(7), Span::Days(30), Span::All] {
        let look = Look { now: NOW, span, currency: &currency, theme: &theme };
        for session in some_of_each() {
            for column in ALL {
                let (value, _) = column.cell(&session, &look);
                assert!(!value.is_empty() && !value.contains('\n'), "{column:?} {value:?}");
            }
        }
    }
}

#[test]
fn the_heads_say_which_days_and_which_money() {
    let (currency, theme) = (Currency { symbol: "€".to_owned(), ..Currency::default() }, Theme::default());
    let title = |column: Column, span| column.title(&Look { now: NOW, span, currency: &currency, theme: &theme });
    assert_eq!(title(Column::Rate, Span::Today), "€/H");
    assert_eq!(
        [Span::Today, Span::Days(7), Span::Days(30), Span::All].map(|s| title(Column::Today, s)),
        ["TODAY", "7 DAYS", "30 DAYS", "ALL"]
    );
}

#[test]
fn a_context_of_unknown_size_is_a_dot() {
    let (currency, theme) = (Currency::default(), Theme::default());
    let look = Look { now: NOW, span: Span::Today, currency: &currency, theme: &theme };
    let cell = |context, context_window| {
        let session = aifinops::query::SessionView { context, context_window, ..session(1, "a") };
        Column::Context.cell(&session, &look).0
    };
    assert_eq!(cell(Some(171_000), Some(200_000)), "86%");
    for unknown in [(None, Some(200_000)), (Some(5), None), (Some(5), Some(0))] {
        assert_eq!(cell(unknown.0, unknown.1), "·");
    }
    assert_eq!(cell(Some(u64::MAX), Some(1)), "·", "more than can be said is not said");
}

#[test]
fn one_value_is_one_full_bar() {
    let area = Rect::new(0, 0, 3, 2);
    let mut buf = Buffer::empty(area);
    bars(&[7], Fold::Sum, Style::new(), area, &mut buf);
    assert_eq!(text(&buf), "█  \n█  ");
    let mut none = Buffer::empty(area);
    bars(&[0, 0], Fold::Sum, Style::new(), area, &mut none);
    assert_eq!(none, Buffer::empty(area));
}
