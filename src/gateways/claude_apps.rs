//! The Claude apps gateway, which a team runs itself: `claude gateway`.
//!
//! Its answers were recorded on a real server, of npm `@anthropic-ai/claude-code` 2.1.330; the rules are those of the page
//! "Claude apps gateway: spend limits" on code.claude.com:
//!
//! * It keeps what each member has spent in the running day, week and month, all in UTC, and nothing about single calls,
//!   models or earlier days. So the spend of a day is told as long as the day goes on.
//! * Amounts are strings of cents: limits whole ones, what was spent with fractions.
//! * A limit of a group or of the organization is each member's default, not a pool.
//! * Keys are of two kinds. One that may only read is answered 403 when it writes; a wrong one is answered 401, with a
//!   word about admins that is no word about rights.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::escaped;
use super::sheet::{in_cents, is_closed, next_page, packed, page_after, unpacked, whole_cents, word};
use super::{Answer, Ask, Auth, BudgetWish, Gateway, Holder, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::time::MINUTE;
use crate::model::{DaySpend, GatewayFact, Me, Money, Whose};

pub(crate) mod effective;

use effective::{ORGANIZATION, Page};

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct ClaudeApps;

/// Where limits are listed and set.
const LIMITS: &str = "/v1/organizations/spend_limits";
/// Members of a page; each has up to three rows.
const PAGE: usize = 100;
/// What is asked.
const WHAT: &str = "limits and what was spent of them";

/// What was spent today, in nano-dollars, by user.
type Today = BTreeMap<String, i64>;

fn ask(today: &Today, page: Option<&str>) -> Ask {
    let mut path = format!("{LIMITS}/effective?limit={PAGE}");
    if let Some(page) = page {
        path.push_str("&page=");
        path.push_str(&escaped(page));
    }
    Ask::at(WHAT, packed(today), Request::get(path))
}

impl Gateway for ClaudeApps {
    fn kind(&self) -> &'static str {
        "claude-apps"
    }

    fn title(&self) -> &'static str {
        "Claude apps gateway"
    }

    fn proof(&self) -> Proof {
        Proof::Real
    }

    fn auth(&self) -> Auth {
        Auth::Header("x-api-key")
    }

    fn pace(&self) -> Pace {
        Pace { every: MINUTE, between: 0 }
    }

    fn is_home(&self, _: &str) -> bool {
        false
    }

    fn knock(&self) -> Option<Request> {
        Some(Request::get(LIMITS))
    }

    fn is_it(&self, answer: &Answer<'_>) -> bool {
        answer.status == 401 && answer.says("authentication_error") && answer.says("missing or invalid admin credentials")
    }

    fn begin(&self, _: &Plan) -> Vec<Ask> {
        vec![ask(&Today::new(), None)]
    }

    fn read(&self, asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        if is_closed(answer) {
            return Ok(News::cannot("budgets and what was spent of them"));
        }
        let mut today: Today = unpacked(asked)?;
        let page: Page = answer.json()?;
        for row in &page.data {
            if let (Some((Whose::User, user)), Some("daily"), Some(spent)) = (row.holder(), row.period(), row.spent()) {
                today.insert(user, spent.nanos());
            }
        }
        let me = Me { role: "admin key".to_owned(), sees_all: true, may_write: true, ..Me::default() };
        let mut facts = vec![GatewayFact::Me(me)];
        facts.extend(effective::facts(&page.data, plan.now));
        if let Some(next) = next_page(asked, page.next) {
            return Ok(News { facts, asks: vec![ask(&today, Some(&next))] });
        }
        facts.extend(spent_today(today, plan.today()));
        Ok(News::facts(facts))
    }

    fn advice(&self, _: &Me) -> Vec<String> {
        vec![
            "this key sees what each member may spend, and has spent in the running day, week and month".to_owned(),
            "this gateway keeps neither models nor single calls: what they cost is known from the agents' own logs only".to_owned(),
            "for looking on, the gateway's read key does: it is answered 403 when it is used to set a limit".to_owned(),
            "`aifinops gateway cap set` needs the gateway's write key, which can be asked for when it is used".to_owned(),
        ]
    }

    fn find(&self, wish: &BudgetWish) -> Option<Request> {
        let period = word(wish.per);
        let path = match wish.whose {
            Whose::User => format!("{LIMITS}/effective?user_ids[]={}&period[]={period}", escaped(&wish.id)),
            // A group is known by its members, whether or not it has a limit.
            Whose::Team => format!("{LIMITS}/effective?period[]={period}&limit={PAGE}"),
            Whose::Organization => format!("{LIMITS}?limit={PAGE}"),
            _ => return None,
        };
        Some(Request::get(path))
    }

    fn found(&self, wish: &BudgetWish, answer: &Answer<'_>) -> Result<Option<Holder>, Refusal> {
        let page: Page = answer.json()?;
        let period = word(wish.per);
        let rows = || page.data.iter().filter(move |row| row.period() == Some(period));
        let holder = Holder { id: wish.id.clone(), period: Some(period.to_owned()), ..Holder::default() };
        Ok(match wish.whose {
            Whose::User => {
                let is_theirs = |row: &&effective::Row| row.holder() == Some((Whose::User, wish.id.clone()));
                // The gateway has a row for whoever is asked about; who has ever signed in has a name there, or a limit.
                let is_known = |row: &&effective::Row| {
                    row.name().is_some() || row.source() == Some((Whose::User, wish.id.clone())) || row.spent() > Some(Money::ZERO)
                };
                page.data.iter().filter(is_theirs).find(is_known).map(|known| {
                    let row = rows().find(is_theirs);
                    // What is inherited cannot be taken away from one member.
                    let is_own = |row: &&effective::Row| wish.limit.is_some() || row.source() == row.holder();
                    Holder {
                        name: known.name(),
                        limit: row.filter(is_own).and_then(effective::Row::limit),
                        spent: row.and_then(effective::Row::spent),
                        notes: row.and_then(effective::Row::inherited).into_iter().chain(without_limit(wish)).collect(),
                        ..holder
                    }
                })
            }
            Whose::Team => {
                let source = Some((Whose::Team, wish.id.clone()));
                let limit = rows().find(|row| row.source() == source).and_then(effective::Row::limit);
                let is_known = limit.is_some() || page.data.iter().any(|row| row.is_in(&wish.id));
                is_known.then(|| Holder { limit, notes: for_each_member(wish), ..holder })
            }
            Whose::Organization => {
                let limit = rows().find(|row| matches!(row.holder(), Some((Whose::Organization, _)))).and_then(effective::Row::limit);
                // It is there whether or not it has a limit, which may stand on a later page.
                let is_told = limit.is_some() || page.last().is_none();
                is_told.then(|| Holder { id: ORGANIZATION.to_owned(), limit, notes: for_each_member(wish), ..holder })
            }
            _ => None,
        })
    }

    fn find_more(&self, wish: &BudgetWish, asked: &Request, answer: &Answer<'_>) -> Option<Request> {
        let (first, page) = (self.find(wish)?.path, answer.json::<Page>().ok()?);
        let path = match page.last() {
            Some(last) => format!("{first}&after_id={}", escaped(last)),
            None => format!("{first}&page={}", escaped(&page_after(&asked.path, page.next)?)),
        };
        Some(Request::get(path)).filter(|next| next != asked)
    }

    fn kept(&self, amount: Money) -> Money {
        in_cents(amount)
    }

    fn set_budget(&self, wish: &BudgetWish, holder: &Holder) -> Vec<Request> {
        let scope = match wish.whose {
            // To take away what is not there would lift the inherited limit.
            Whose::User if wish.limit.is_none() && holder.limit.is_none() => return Vec::new(),
            Whose::User => json!({"type": "user", "user_id": holder.id}),
            Whose::Team => json!({"type": "rbac_group", "rbac_group_id": holder.id}),
            Whose::Organization => json!({"type": "organization"}),
            _ => return Vec::new(),
        };
        let amount = wish.limit.map_or(Value::Null, |limit| json!(whole_cents(limit)));
        vec![Request::post(LIMITS, &json!({"scope": scope, "amount": amount, "period": word(wish.per)}))]
    }
}

/// Today's spend of all members. Nothing where no row of a day has come: that is not the same as no spend.
fn spent_today(today: Today, day: i64) -> Option<GatewayFact> {
    if today.is_empty() {
        return None;
    }
    let rows = today.into_iter().filter(|(_, nanos)| *nanos != 0).map(|(user, nanos)| DaySpend {
        day,
        user: Some(user),
        spend: Some(Money::from_nanos(nanos)),
        ..DaySpend::default()
    });
    Some(GatewayFact::Days { from: day, to: day, rows: rows.collect() })
}

/// What a person should know of the limit of many.
fn for_each_member(wish: &BudgetWish) -> Vec<String> {
    let note = "this is each member's limit, not what all of them may spend together".to_owned();
    std::iter::once(note).chain(without_limit(wish)).collect()
}

/// What a person should know who takes a limit away, or wants to begin at nothing.
fn without_limit(wish: &BudgetWish) -> Vec<String> {
    let mut notes = Vec::new();
    if wish.limit.is_none() {
        notes.push("without an amount there is no limit for this period at all, not even an inherited one".to_owned());
    }
    if wish.reset {
        notes.push("what has been counted cannot be set back here".to_owned());
    }
    notes
}
