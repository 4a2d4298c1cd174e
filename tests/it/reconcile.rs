//! Two ledgers of the same calls: each call is found once, and every difference has a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aifinops::insight::reconcile::{Class, Entry, Local, Reconciliation, Remote, model_name, reconcile};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{GatewayCall, GatewayRates, Key, Millis, Money, Tokens};
use proptest::prelude::*;

/// 2026-11-22, 12:00 UTC.
const NOON: Millis = 1_795_348_800_000;
const SECOND: Millis = 1000;
/// What the calls of these tests cost.
const PRICE: i64 = 5_100_000;

/// A call in a log.
fn local(key: u64, session: &str, at: Millis) -> Local {
    Local {
        key: Key(key),
        agent: Arc::from("claude-code"),
        session: Arc::from(session),
        root: Arc::from(session),
        model: Some(Arc::from("claude-sonnet-4-5")),
        at,
        tokens: Tokens { input: 1000, cache_read: 500, cache_write_5m: 200, cache_write_1h: 100, output: 40, reasoning: 0 },
        money: Some(Money::from_nanos(PRICE)),
        rates: GatewayRates::default(),
    }
}

/// The same call as a gateway writes it down that knows the id of the answer.
fn row(of: &Local) -> Remote {
    let call = GatewayCall {
        id: format!("row-{}", of.key.0),
        at: of.at - 2 * SECOND,
        ended: of.at,
        key: Some("k".to_owned()),
        model: of.model.as_deref().map(|model| format!("anthropic/{model}")),
        session: Some(of.root.to_string()),
        tokens: of.tokens,
        spend: of.money.unwrap_or_default(),
        ..GatewayCall::default()
    };
    Remote { call, keys: vec![of.key] }
}

/// As one writes it down that does not.
fn unnamed(of: &Local) -> Remote {
    Remote { keys: Vec::new(), ..row(of) }
}

/// With another price.
fn at_price(nanos: i64, row: Remote) -> Remote {
    Remote { call: GatewayCall { spend: Money::from_nanos(nanos), ..row.call }, ..row }
}

/// Under another session.
fn of_session(session: Option<&str>, row: Remote) -> Remote {
    Remote { call: GatewayCall { session: session.map(str::to_owned), ..row.call }, ..row }
}

/// Each entry's class and difference, sorted.
fn classes(joined: &Reconciliation) -> Vec<(Class, i64)> {
    let mut all: Vec<_> = joined.entries.iter().map(|entry| (entry.class, entry.difference.nanos())).collect();
    all.sort_unstable();
    all
}

fn found(locals: &[Local], remotes: &[Remote]) -> Vec<(Class, i64)> {
    classes(&reconcile(locals, remotes, &[]))
}

#[test]
fn a_call_that_both_have_is_the_same() {
    let one = local(1, "s", NOON);
    let joined = reconcile(std::slice::from_ref(&one), &[row(&one)], &[]);
    assert_eq!(joined.entries, [Entry { local: Some(0), remote: Some(0), class: Class::Same, difference: Money::ZERO }]);
    assert_eq!((joined.local, joined.gateway, joined.difference()), (Money::from_nanos(PRICE), Money::from_nanos(PRICE), Money::ZERO));
    // By the id of its answer wherever and whenever it is.
    let far = Local { at: NOON + 400 * HOUR, session: Arc::from("x"), root: Arc::from("x"), ..one.clone() };
    assert_eq!(found(&[far], &[row(&one)]), [(Class::Same, 0)]);
    // What costs nothing on either side, and what nobody knows the price of.
    let free = Local { money: None, ..one };
    assert_eq!(found(std::slice::from_ref(&free), &[row(&free)]), [(Class::Same, 0)]);
}

#[test]
fn the_last_nano_dollar_is_rounding() {
    let one = [local(1, "s", NOON)];
    for (nanos, class) in [(1, Class::Rounding), (-1, Class::Rounding), (2, Class::Rate), (-2, Class::Rate)] {
        assert_eq!(found(&one, &[at_price(PRICE + nanos, row(&one[0]))]), [(class, nanos)]);
    }
}

#[test]
fn a_call_of_a_session_that_the_gateway_never_saw_went_around_it() {
    let (one, other) = (local(1, "s", NOON), local(2, "t", NOON + MINUTE));
    assert_eq!(found(std::slice::from_ref(&one), &[]), [(Class::Bypassed, -PRICE)]);
    assert_eq!(found(&[one.clone(), other.clone()], &[row(&other)]), [(Class::Same, 0), (Class::Bypassed, -PRICE)]);
    // A call of no tokens that costs nothing is none.
    let empty = Local { tokens: Tokens::default(), money: None, ..one };
    assert_eq!(found(&[empty], &[]), []);
}

#[test]
fn a_call_of_a_session_that_the_gateway_knows_is_a_row_that_it_lost() {
    let (one, other) = (local(1, "s", NOON), local(2, "s", NOON + MINUTE));
    let lost = [(Class::Same, 0), (Class::RowLost, -PRICE)];
    assert_eq!(found(&[one.clone(), other.clone()], &[row(&other)]), lost);
    // An older release names another session for each call: then a call that was found tells of the others.
    assert_eq!(found(&[one.clone(), other.clone()], &[of_session(Some("random"), row(&other))]), lost);
    assert_eq!(found(&[one, other.clone()], &[of_session(None, row(&other))]), lost);
}

#[test]
fn a_row_that_was_there_once_is_lost() {
    let one = [local(1, "s", NOON)];
    let lost = |gone: &[Remote]| classes(&reconcile(&one, &[], gone));
    assert_eq!(lost(&[row(&one[0])]), [(Class::RowLost, -PRICE)]);
    assert_eq!(lost(&[unnamed(&one[0])]), [(Class::RowLost, -PRICE)], "by its session and tokens");
    assert_eq!(lost(&[of_session(Some("t"), unnamed(&one[0]))]), [(Class::Bypassed, -PRICE)]);
    let other = Local { tokens: Tokens { output: 41, ..one[0].tokens }, key: Key(9), ..one[0].clone() };
    assert_eq!(lost(&[row(&other)]), [(Class::Bypassed, -PRICE)], "another call of the same session");
    // What is gone is no part of the gateway's sum.
    assert_eq!(reconcile(&one, &[], &[row(&one[0])]).gateway, Money::ZERO);
}

/// A call that no log has.
fn aside(session: Option<&str>, at: Millis) -> Remote {
    let small = Local { tokens: Tokens { input: 50, output: 5, ..Tokens::default() }, ..local(77, "s", at) };
    of_session(session, at_price(300, unnamed(&small)))
}

#[test]
fn what_only_the_gateway_has_is_a_side_call_of_a_known_session_or_from_elsewhere() {
    let one = [local(1, "s", NOON)];
    for (session, class) in [(Some("s"), Class::SideCall), (Some("t"), Class::Elsewhere), (None, Class::Elsewhere)] {
        let told = found(&one, &[row(&one[0]), aside(session, NOON - MINUTE)]);
        assert_eq!(told, [(Class::Same, 0), (class, 300)], "{session:?}");
    }
    assert_eq!(found(&[], &[aside(Some("s"), NOON)]), [(Class::Elsewhere, 300)]);
}

#[test]
fn a_call_that_one_side_has_no_price_for_says_which() {
    let one = [local(1, "s", NOON)];
    assert_eq!(found(&one, &[at_price(0, row(&one[0]))]), [(Class::GatewayUnpriced, -PRICE)]);
    let unpriced = [Local { money: None, ..one[0].clone() }];
    assert_eq!(found(&unpriced, &[row(&one[0])]), [(Class::LocalUnpriced, PRICE)]);
    assert_eq!(found(&one, &[at_price(2 * PRICE, row(&one[0]))]), [(Class::Rate, PRICE)], "both have one");
}

#[test]
fn other_tokens_are_other_tokens_whatever_they_cost() {
    let one = [local(1, "s", NOON)];
    let more = |output| Local { tokens: Tokens { output, ..one[0].tokens }, ..one[0].clone() };
    assert_eq!(found(&one, &[row(&more(41))]), [(Class::Tokens, 0)]);
    assert_eq!(found(&one, &[at_price(0, row(&more(41)))]), [(Class::Tokens, -PRICE)]);
    // The same moment and model cannot but be the same call, in its own session or where nobody knows the session.
    for session in [Some("s"), Some("random"), None] {
        for apart in [-3 * SECOND, 0, 3 * SECOND] {
            let late = Local { at: NOON + apart, ..more(41) };
            let told = found(&one, &[of_session(session, at_price(PRICE + 9, unnamed(&late)))]);
            assert_eq!(told, [(Class::Tokens, 9)], "{session:?} {apart}");
        }
    }
    let late = Local { at: NOON + 3 * SECOND + 1, ..more(41) };
    assert_eq!(found(&one, &[unnamed(&late)]), [(Class::RowLost, -PRICE), (Class::SideCall, PRICE)], "another moment");
    let other = Local { model: Some(Arc::from("gpt-5.2-codex")), ..more(41) };
    assert_eq!(found(&one, &[unnamed(&other)]), [(Class::RowLost, -PRICE), (Class::SideCall, PRICE)], "another model");
}

#[test]
fn how_long_a_cache_lives_is_compared_only_where_it_costs_something() {
    let one = [local(1, "s", NOON)];
    let tokens = Tokens { cache_write_5m: 300, cache_write_1h: 0, ..one[0].tokens };
    let other = Local { tokens, ..one[0].clone() };
    for gateway in [row(&other), unnamed(&other)] {
        assert_eq!(found(&one, std::slice::from_ref(&gateway)), [(Class::Same, 0)]);
        assert_eq!(found(&one, &[at_price(PRICE - 100, gateway)]), [(Class::Tokens, -100)]);
    }
}

#[test]
fn a_call_that_is_written_twice_is_spent_once() {
    let one = [local(1, "s", NOON)];
    let twin = |id: &str, request: Option<&str>, of: &Remote| Remote {
        call: GatewayCall { id: id.to_owned(), request: request.map(str::to_owned), ..of.call.clone() },
        keys: Vec::new(),
    };
    let first = Remote { call: GatewayCall { request: Some("r1".to_owned()), ..row(&one[0]).call }, ..row(&one[0]) };
    let twice = [(Class::Same, 0), (Class::Duplicate, PRICE)];
    // By the request, and by its looks where a row tells no request.
    assert_eq!(found(&one, &[first.clone(), twin("x", Some("r1"), &first)]), twice);
    assert_eq!(found(&one, &[twin("x", Some("r1"), &first), first.clone()]), twice);
    assert_eq!(found(&one, &[first.clone(), twin("x", None, &first)]), twice);
    assert_eq!(found(&one, &[row(&one[0]), twin("x", None, &row(&one[0]))]), twice);
    // Two requests are two calls, however alike they are; and so is what begins a second later, and what another key asked.
    let aside = [(Class::Same, 0), (Class::SideCall, PRICE)];
    assert_eq!(found(&one, &[first.clone(), twin("x", Some("r2"), &first)]), aside);
    let moved = |by| {
        let twin = twin("x", None, &first);
        Remote { call: GatewayCall { at: twin.call.at + by, ended: twin.call.ended + by, ..twin.call }, ..twin }
    };
    assert_eq!(found(&one, &[first.clone(), moved(SECOND)]), twice);
    assert_eq!(found(&one, &[first.clone(), moved(SECOND + 1)]), aside);
    let others = Remote { call: GatewayCall { key: Some("k2".to_owned()), ..twin("x", None, &first).call }, keys: Vec::new() };
    assert_eq!(found(&one, &[first.clone(), others]), aside);
    // Of calls of another machine as well.
    let (this, that) = (of_session(Some("t"), unnamed(&one[0])), of_session(Some("t"), twin("x", None, &first)));
    assert_eq!(found(&[], &[this, that]), [(Class::Elsewhere, PRICE), (Class::Duplicate, PRICE)]);
}

#[test]
fn a_subagents_calls_are_known_by_the_conversation_they_belong_to() {
    let main = local(1, "main", NOON);
    let sub = Local { root: Arc::from("main"), ..local(2, "main/agent-1", NOON + 500) };
    let rows = [unnamed(&sub), unnamed(&main)];
    assert_eq!(rows[0].call.session.as_deref(), Some("main"));
    let joined = reconcile(&[main.clone(), sub.clone()], &rows, &[]);
    assert_eq!(classes(&joined), [(Class::Same, 0), (Class::Same, 0)]);
    assert!(joined.entries.iter().all(|entry| entry.local != entry.remote), "each has its own row, the nearest");
    // By its own name, too; and it makes its conversation known.
    assert_eq!(found(std::slice::from_ref(&sub), &[of_session(Some("main/agent-1"), unnamed(&sub))]), [(Class::Same, 0)]);
    assert_eq!(found(&[sub], &[aside(Some("main"), NOON - MINUTE)]), [(Class::RowLost, -PRICE), (Class::SideCall, 300)]);
}

#[test]
fn equal_calls_of_a_session_find_each_other_in_any_order() {
    let calls: Vec<Local> = (0..3).map(|n| local(n, "s", NOON + Millis::try_from(n).unwrap() * 10 * SECOND)).collect();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let rows = order.map(|at| unnamed(&calls[at]));
        let joined = reconcile(&calls, &rows, &[]);
        assert_eq!(classes(&joined), [(Class::Same, 0); 3], "{order:?}");
        let right = joined.entries.iter().all(|entry| order[entry.remote.unwrap()] == entry.local.unwrap());
        assert!(right, "the nearest in time are the same call: {joined:?}");
    }
    // One of them is missing: the others still find their own.
    let joined = reconcile(&calls, &[unnamed(&calls[2]), unnamed(&calls[0])], &[]);
    let lost: Vec<_> = joined.entries.iter().filter(|entry| entry.class == Class::RowLost).map(|entry| entry.local).collect();
    assert_eq!(lost, [Some(1)]);
}

#[test]
fn equal_calls_of_two_models_are_not_taken_for_each_other() {
    let named = |key, model: &str, at| Local { model: Some(Arc::from(model)), ..local(key, "s", at) };
    let calls = [named(1, "claude-sonnet-4-5", NOON), named(2, "claude-opus-4-5", NOON + SECOND)];
    // Their clocks cross: the nearest in time is the other one.
    let rows = [unnamed(&Local { at: NOON + SECOND, ..calls[0].clone() }), unnamed(&Local { at: NOON, ..calls[1].clone() })];
    let joined = reconcile(&calls, &rows, &[]);
    assert!(joined.entries.iter().all(|entry| entry.local == entry.remote), "{joined:?}");
    // Under a name of the gateway's own it is still the only one that it can be.
    let alias = Remote { call: GatewayCall { model: Some("our-best".to_owned()), ..rows[0].call.clone() }, keys: Vec::new() };
    assert_eq!(found(&calls[..1], &[alias]), [(Class::Same, 0)]);
}

#[test]
fn a_row_with_two_ids_finds_the_call_that_is_left() {
    let calls = [local(1, "s", NOON), local(2, "s", NOON + SECOND)];
    let both = Remote { keys: vec![Key(1), Key(2)], ..row(&calls[1]) };
    assert_eq!(found(&calls, &[row(&calls[0]), both]), [(Class::Same, 0), (Class::Same, 0)]);
}

#[test]
fn within_a_session_equal_tokens_are_the_same_call_for_an_hour() {
    let one = [local(1, "s", NOON)];
    for (apart, same) in [(HOUR, true), (-HOUR, true), (HOUR + 1, false), (-HOUR - 1, false)] {
        let told = found(&one, &[unnamed(&Local { at: NOON + apart, ..one[0].clone() })]);
        let expected = if same { vec![(Class::Same, 0)] } else { vec![(Class::RowLost, -PRICE), (Class::SideCall, PRICE)] };
        assert_eq!(told, expected, "{apart}");
    }
}

#[test]
fn without_a_session_the_same_tokens_of_the_same_model_are_found_by_their_time() {
    // It began two seconds before it ended, and the log's line comes when the tool has run.
    for (apart, same) in [(0, true), (10 * MINUTE, true), (10 * MINUTE + 1, false), (-4 * SECOND, true), (-4 * SECOND - 1, false)] {
        let one = [local(1, "s", NOON + apart)];
        for session in [None, Some("random")] {
            let told = found(&one, &[of_session(session, unnamed(&local(1, "s", NOON)))]);
            let expected = if same { vec![(Class::Same, 0)] } else { vec![(Class::Bypassed, -PRICE), (Class::Elsewhere, PRICE)] };
            assert_eq!(told, expected, "{session:?} {apart}");
        }
    }
    // A row that names a session which has a log here belongs to that one.
    let known = [local(1, "s", NOON), Local { tokens: Tokens { input: 9, ..Tokens::default() }, ..local(2, "t", NOON - HOUR) }];
    let told = found(&known, &[of_session(Some("t"), unnamed(&known[0]))]);
    assert_eq!(told, [(Class::Bypassed, -PRICE), (Class::RowLost, -PRICE), (Class::SideCall, PRICE)]);
}

#[test]
fn models_are_the_same_with_and_without_a_provider_and_a_date() {
    for (told, name) in [
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("bedrock/us-east-1/Claude-Sonnet-4-5", "claude-sonnet-4-5"),
        ("openai/gpt-5.2-codex", "gpt-5.2-codex"),
        ("gpt-5.2-2026-01", "gpt-5.2-2026-01"),
        ("m-2025092", "m-2025092"),
        ("m-2025092x", "m-2025092x"),
        ("20250929", "20250929"),
        ("", ""),
        ("/", ""),
    ] {
        assert_eq!(model_name(told), name, "{told}");
    }
    let with_model = |model: &str| Local { model: Some(Arc::from(model)), ..local(1, "s", NOON) };
    let gateways = |model: &str| {
        let row = of_session(None, unnamed(&local(1, "s", NOON)));
        Remote { call: GatewayCall { model: Some(model.to_owned()), ..row.call }, ..row }
    };
    let dated = with_model("claude-sonnet-4-5-20250929");
    assert_eq!(found(&[dated], &[gateways("anthropic/claude-sonnet-4-5")]), [(Class::Same, 0)]);
    let other = with_model("claude-opus-4-5");
    assert_eq!(found(&[other], &[gateways("anthropic/claude-sonnet-4-5")]), [(Class::Bypassed, -PRICE), (Class::Elsewhere, PRICE)]);
    // A model that one of them does not tell is no reason against it.
    assert_eq!(found(&[Local { model: None, ..with_model("") }], &[gateways("anthropic/claude-sonnet-4-5")]), [(Class::Same, 0)]);
}

#[test]
fn a_call_that_failed_is_none_unless_it_cost_something() {
    let one = [local(1, "s", NOON)];
    let failed = |nanos| {
        let row = at_price(nanos, row(&one[0]));
        Remote { call: GatewayCall { failed: true, ..row.call }, ..row }
    };
    assert_eq!(found(&[], &[failed(0)]), []);
    assert_eq!(found(&[], &[failed(7)]), [(Class::Elsewhere, 7)]);
    assert_eq!(found(&one, &[failed(0), unnamed(&one[0])]), [(Class::Same, 0)]);
    assert_eq!(found(&one, &[failed(PRICE)]), [(Class::Same, 0)]);
    assert_eq!(found(&one, &[failed(0)]), [(Class::RowLost, -PRICE)], "the gateway knows the session, by a failure at least");
}

#[test]
fn each_class_has_its_own_words() {
    let words: BTreeSet<_> = Class::ALL.iter().map(|class| (class.word(), class.why())).collect();
    let short: BTreeSet<_> = Class::ALL.iter().map(|class| class.short()).collect();
    let sentences: BTreeSet<_> = Class::ALL.iter().map(|class| class.sentence()).collect();
    assert_eq!([words.len(), short.len(), sentences.len()], [Class::ALL.len(); 3]);
}

/// What a made-up call is made of: session, model, tokens, time, money and failure.
type Look = (usize, usize, u8, Millis, Option<i64>, bool);

/// Sessions and the conversations that they belong to; the last one has no log.
const SESSIONS: [(&str, &str); 4] = [("a", "a"), ("a/1", "a"), ("b", "b"), ("c", "c")];
const MODELS: [&str; 3] = ["claude-sonnet-4-5", "openai/gpt-5.2-codex", ""];

/// Calls that are alike so often that everything can be taken for everything.
fn look() -> impl Strategy<Value = Look> {
    let time = prop_oneof![0..4 * SECOND, (0..40_i64).prop_map(|n| n * 500), 0..2 * HOUR];
    (0..4_usize, 0..3_usize, 0..3_u8, time, prop::option::weighted(0.8, 0..4_i64), prop::bool::weighted(0.2))
}

fn tokens_of(kind: u8) -> Tokens {
    Tokens { input: 10 * u64::from(kind), output: u64::from(kind), ..Tokens::default() }
}

fn logged(looks: &[Look]) -> Vec<Local> {
    let call = |(key, (session, model, tokens, at, nanos, _)): (u64, &Look)| {
        let (session, root) = SESSIONS[(*session).min(2)];
        Local {
            key: Key(key),
            agent: Arc::from("codex"),
            session: Arc::from(session),
            root: Arc::from(root),
            model: Some(MODELS[*model]).filter(|model| !model.is_empty()).map(Arc::from),
            at: NOON + at,
            tokens: tokens_of(*tokens),
            money: nanos.map(Money::from_nanos),
            rates: GatewayRates::default(),
        }
    };
    (0..).zip(looks).map(call).collect()
}

/// Rows, some of which have the identity of a call of the logs, and some the request of another row.
fn written(looks: &[(Look, Option<u64>, Option<u8>)]) -> Vec<Remote> {
    let mut named = BTreeMap::new();
    let row = |(at, ((session, model, tokens, begun, nanos, failed), key, request)): (usize, &(Look, Option<u64>, Option<u8>))| {
        // A row's id is its own, and so is the answer that it has the id of.
        let key = key.filter(|key| *named.entry(*key).or_insert(at) == at);
        let call = GatewayCall {
            id: format!("row-{at:03}"),
            request: request.map(|request| format!("r{request}")),
            at: NOON + begun - SECOND,
            ended: NOON + begun,
            model: Some(MODELS[*model].to_owned()).filter(|model| !model.is_empty()),
            session: (*session > 0).then(|| SESSIONS[*session].0.to_owned()),
            tokens: tokens_of(*tokens),
            spend: Money::from_nanos(nanos.unwrap_or(0)),
            failed: *failed,
            ..GatewayCall::default()
        };
        Remote { call, keys: key.into_iter().map(Key).collect() }
    };
    looks.iter().enumerate().map(row).collect()
}

fn rows() -> impl Strategy<Value = Vec<Remote>> {
    let one = (look(), prop::option::weighted(0.4, 0..14_u64), prop::option::weighted(0.3, 0..4_u8));
    prop::collection::vec(one, 0..14).prop_map(|looks| written(&looks))
}

fn logs() -> impl Strategy<Value = Vec<Local>> {
    prop::collection::vec(look(), 0..14).prop_map(|looks| logged(&looks))
}

/// Whether a row is a call that was paid for, or could have been.
fn counts(row: &Remote) -> bool {
    !row.call.failed || row.call.spend != Money::ZERO
}

/// Classes and their sums.
fn totals(joined: &Reconciliation) -> Vec<(Class, u64, i64)> {
    joined.totals().into_iter().map(|(class, total)| (class, total.calls, total.difference.nanos())).collect()
}

/// A list in another order, which the numbers say.
fn shuffled<T: Clone>(list: &[T], order: &[u32]) -> Vec<T> {
    let mut places: Vec<usize> = (0..list.len()).collect();
    places.sort_by_key(|at| order[*at]);
    places.into_iter().map(|at| list[at].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_of_either_side_is_in_one_entry(locals in logs(), remotes in rows(), gone in rows()) {
        let joined = reconcile(&locals, &remotes, &gone);
        for (at, one) in locals.iter().enumerate() {
            let entries = joined.entries.iter().filter(|entry| entry.local == Some(at)).count();
            let is_nothing = one.tokens.total() == 0 && one.money.unwrap_or_default() == Money::ZERO;
            prop_assert!(entries == 1 || (is_nothing && entries == 0), "local call {at} is in {entries} entries");
        }
        for (at, one) in remotes.iter().enumerate() {
            let entries = joined.entries.iter().filter(|entry| entry.remote == Some(at)).count();
            prop_assert_eq!(entries, usize::from(counts(one)), "row {}", at);
        }
        prop_assert!(joined.entries.iter().all(|entry| entry.local.is_some() || entry.remote.is_some()));
    }

    #[test]
    fn the_differences_add_up_to_the_difference(locals in logs(), remotes in rows(), gone in rows()) {
        let joined = reconcile(&locals, &remotes, &gone);
        let local: Money = locals.iter().filter_map(|one| one.money).sum();
        let gateway: Money = remotes.iter().map(|one| one.call.spend).sum();
        let differences: Money = joined.entries.iter().map(|entry| entry.difference).sum();
        prop_assert_eq!((joined.local, joined.gateway), (local, gateway));
        prop_assert_eq!(local + differences, gateway);
        prop_assert_eq!(joined.difference(), differences);
        let of_classes: Money = joined.totals().into_values().map(|total| total.difference).sum();
        prop_assert_eq!(of_classes, differences);
        prop_assert_eq!(joined.totals().into_values().map(|total| total.calls).sum::<u64>(), joined.entries.len() as u64);
        for entry in &joined.entries {
            let money = entry.local.and_then(|at| locals[at].money).unwrap_or_default();
            let spend = entry.remote.map(|at| remotes[at].call.spend).unwrap_or_default();
            prop_assert_eq!(entry.difference, spend - money);
        }
    }

    /// Also where two calls are equally near to a third one.
    #[test]
    fn the_order_of_the_lists_does_not_matter(
        locals in logs(),
        remotes in rows(),
        gone in rows(),
        orders in prop::array::uniform3(prop::collection::vec(any::<u32>(), 14)),
    ) {
        let expected = totals(&reconcile(&locals, &remotes, &gone));
        let (left, right) = (shuffled(&locals, &orders[0]), shuffled(&remotes, &orders[1]));
        prop_assert_eq!(totals(&reconcile(&left, &right, &shuffled(&gone, &orders[2]))), expected);
    }

    #[test]
    fn a_ledger_and_its_copy_are_the_same(
        looks in prop::collection::vec(look(), 0..14),
        named in prop::collection::vec(any::<bool>(), 14),
    ) {
        // The price is that of the tokens, and so is the model: of two calls that are alike in all of it each may be the other.
        let priced = looks.into_iter().map(|(session, _, tokens, at, _, _)| {
            let money = (tokens != 1).then(|| 100 * i64::from(tokens));
            (session, usize::from(tokens), tokens, at, money, false)
        });
        let locals = logged(&priced.collect::<Vec<Look>>());
        let remotes: Vec<Remote> = locals.iter().zip(&named).map(|(one, named)| if *named { row(one) } else { unnamed(one) }).collect();
        let joined = reconcile(&locals, &remotes, &[]);
        prop_assert_eq!(joined.entries.len(), locals.len());
        let is_same = |entry: &Entry| entry.class == Class::Same && entry.difference == Money::ZERO;
        prop_assert!(joined.entries.iter().all(is_same), "{:?}", joined.entries);
        prop_assert_eq!(joined.local, joined.gateway);
    }
}
