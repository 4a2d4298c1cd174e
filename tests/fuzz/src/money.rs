//! Money.

use aifinops::model::cap::Amount;
use aifinops::model::{Money, Rate};
use aifinops::sources::cost;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    if let Some(nanos) = data.first_chunk::<8>().map(|bytes| i64::from_le_bytes(*bytes)) {
        let money = Money::from_nanos(nanos);
        assert_eq!(Money::parse_usd(&money.exact()), Some(money));
        assert_eq!(Money::near_usd(&money.exact()), Some(money));
        let _ = (money.display(), money.cents(), -money, money + money, money - -money, money.scale(nanos, nanos.wrapping_add(1)));
        let rate = Rate::from_nanos_per_million(nanos.unsigned_abs());
        if nanos != i64::MIN {
            assert_eq!(Rate::parse_usd_per_million(&rate.per_million()), Some(rate));
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let exact = Money::parse_usd(text);
    if let Some(money) = exact {
        // Exactly read, there is nothing to round; and blanks around it say nothing.
        assert_eq!(Money::near_usd(text), Some(money));
        assert_eq!(Money::parse_usd(&format!(" {text}\t")), Some(money));
        let is_believed = (Money::ZERO..=Money::MOST_OF_A_CALL).contains(&money);
        assert_eq!(cost::parse(text), is_believed.then_some(money));
        let (read, exact): (f64, f64) = (text.trim().parse().unwrap(), money.exact().parse().unwrap());
        assert!((read - exact).abs() <= 1e-9 + read.abs() * 1e-12, "{text}: {money:?}");
    }
    if let (Some(near), Some(told)) = (Money::near_usd(text), cost::parse(text)) {
        assert_eq!(near, told, "{text:?}: two ways to round");
    }
    if let (Some(usd), Some(cents)) = (Money::near_usd(text), Money::near_cents(text)) {
        assert!((usd.nanos() / 100 - cents.nanos()).abs() <= 1);
    }
    if let (Some(token), Some(million)) = (Rate::parse_usd_per_token(text), Rate::parse_usd_per_million(text)) {
        assert_eq!(Some(token.nanos_per_million()), million.nanos_per_million().checked_mul(1_000_000));
    }
    if let Ok(amount) = Amount::parse(text) {
        assert!(amount.count > 0);
        assert_eq!(Amount::parse(&amount.text()), Ok(amount));
        let _ = amount.to_string();
    }
}
