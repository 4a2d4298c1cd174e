//! What the gateway of the tests knows: people, keys, calls and budgets, and what it tells of them to whom.

use std::collections::BTreeMap;

use aifinops::model::time::{rfc3339, utc};
use aifinops::model::{Millis, Money, Tokens};
use chrono::Utc;
use serde_json::{Value, json};

use super::server::Asked;

/// The key of somebody who sees everything and may change nothing.
pub(super) const VIEWER: &str = "sk-viewer-Qm4v8sT2kXw9LzRb6NfY";
/// The key of somebody who may set budgets.
pub(super) const ADMIN: &str = "sk-chief-Zt7hPq3nVc5DyGm1KxUe";
/// A developer's own key.
pub(super) const ALICE: &str = "sk-alice-Jr6wBf9tSd2MhLp8CvQa";
/// The key that is in no table.
pub(super) const MASTER: &str = "sk-master-Xk1zGn5uYe8TbWq4RoDi";

/// The keys of people, and the numbers of their hashes.
const KEYS: [(&str, u8); 3] = [(ALICE, 1), (VIEWER, 9), (ADMIN, 10)];

pub(super) const VERSION: &str = "1.106.2";
const DAY: Millis = 86_400_000;

/// What a refusal says. Real ones tell a part of the key; this one tells all of it.
pub(super) const WORDS: &str =
    "Not today. Received API Key = KEY, Key Hash (Token) =88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b.";

/// Status and body.
pub(super) type Told = (u16, Value);

/// So many seconds into the day that began so many days ago, UTC; of today with zero days.
pub(super) fn ago(days: i64, seconds: i64) -> Millis {
    (Utc::now().timestamp_millis().div_euclid(DAY) - days) * DAY + seconds * 1000
}

/// A day as the gateway writes it.
pub(super) fn date(at: Millis) -> String {
    utc(at).format("%Y-%m-%d").to_string()
}

/// A moment as questions for calls write it.
pub(super) fn stamp(at: Millis) -> String {
    utc(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The hash of a key.
pub(super) fn token(n: u8) -> String {
    format!("{n:064x}")
}

/// Dollars as a JSON number.
fn usd(nanos: i64) -> Value {
    serde_json::from_str(&Money::from_nanos(nanos).exact()).unwrap()
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obeys {
    /// It is done.
    Yes,
    /// It is said to be done.
    Nothing,
    /// The amount is taken, and another period.
    OtherPeriod,
}

/// A call of a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// The id of its row: that of the model's answer.
    pub(super) id: String,
    /// The id of the request.
    pub(super) request: String,
    pub(super) at: Millis,
    pub(super) user: String,
    pub(super) key: String,
    pub(super) team: String,
    pub(super) model: String,
    pub(super) session: String,
    pub(super) client: String,
    pub(super) tokens: Tokens,
    pub(super) nanos: i64,
    pub(super) tags: Vec<String>,
    /// Whether it was refused for want of a budget.
    pub(super) is_refused: bool,
    /// The prices that it was counted at.
    pub(super) prices: Value,
}

impl Call {
    /// A call of the model `house`: 1000 tokens in, 5000 from the cache, 400 into it, 200 out.
    pub(super) fn of(user: &str, id: &str, at: Millis, nanos: i64) -> Call {
        Call {
            id: id.to_owned(),
            request: format!("request-of-{id}"),
            at,
            user: user.to_owned(),
            key: token(if user == "alice" { 1 } else { 2 }),
            team: "team-1".to_owned(),
            model: "house".to_owned(),
            session: "a-session-of-nobody".to_owned(),
            client: "claude-cli/2.1.80 (external, cli)".to_owned(),
            tokens: Tokens { input: 1000, cache_read: 5000, cache_write_5m: 400, output: 200, ..Tokens::default() },
            nanos,
            tags: Vec::new(),
            is_refused: false,
            prices: Value::Null,
        }
    }

    fn row(&self) -> Value {
        let status = if self.is_refused { "failure" } else { "success" };
        let error = if self.is_refused {
            json!({"error_class": "BudgetExceededError", "error_message": "Budget has been exceeded! Current cost: 5.0, Max budget: 5.0"})
        } else {
            Value::Null
        };
        let at = |at: Millis| rfc3339(at).replace('Z', "+00:00");
        json!({
            "request_id": self.id, "call_type": "anthropic_messages", "api_key": self.key, "spend": usd(self.nanos),
            "prompt_tokens": self.tokens.prompt(), "completion_tokens": self.tokens.output, "total_tokens": self.tokens.total(),
            "startTime": at(self.at), "endTime": at(self.at + 400), "model": self.model, "user": self.user, "team_id": self.team,
            "end_user": "", "session_id": self.session, "status": status, "request_tags": self.tags, "litellm_call_id": self.request,
            "metadata": {
                "status": status, "user_agent": self.client, "error_information": error,
                "usage_object": {
                    "prompt_tokens": self.tokens.prompt(), "completion_tokens": self.tokens.output,
                    "cache_read_input_tokens": self.tokens.cache_read, "cache_creation_input_tokens": self.tokens.cache_write_5m,
                },
                "model_map_information": {"model_map_key": self.model, "model_map_value": self.prices},
            },
        })
    }
}

/// Who asks.
struct Caller {
    user: Option<String>,
    key: Option<String>,
    role: String,
}

/// What the gateway knows, as rows of its own shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ledger {
    pub(super) users: Vec<Value>,
    pub(super) teams: Vec<Value>,
    pub(super) keys: Vec<Value>,
    pub(super) customers: Vec<Value>,
    /// Budgets that customers can have.
    pub(super) budgets: Vec<Value>,
    pub(super) tags: Vec<Value>,
    pub(super) calls: Vec<Call>,
    /// Paths that are answered 403.
    pub(super) denied: Vec<&'static str>,
    /// Whether it is a release without sums, which tells days in pages, answers with an empty form for whom it does not know,
    /// and has no periods within a team.
    pub(super) is_old: bool,
    pub(super) obeys: Obeys,
}

pub(super) fn user(id: &str, alias: &str, role: &str) -> Value {
    json!({
        "user_id": id, "user_alias": alias, "user_email": null, "user_role": role, "spend": 0.0, "max_budget": null,
        "budget_duration": null, "budget_reset_at": null, "teams": [],
    })
}

pub(super) fn key(n: u8, alias: &str, user: &str, team: Option<&str>, kind: &str) -> Value {
    json!({
        "token": token(n), "key_name": "sk-...abcd", "key_alias": alias, "user_id": user, "team_id": team, "key_type": kind, "spend": 0.0,
        "max_budget": null, "budget_duration": null, "budget_reset_at": null, "blocked": null,
    })
}

impl Ledger {
    /// A team of two with budgets of several kinds, and two people who look after the gateway. Nobody has called a model.
    pub(super) fn new() -> Ledger {
        let with = |mut row: Value, more: Value| {
            for (name, value) in more.as_object().unwrap() {
                row[name] = value.clone();
            }
            row
        };
        let alice = json!({"max_budget": 10.0, "spend": 4.5, "budget_duration": "1d", "teams": ["team-1"]});
        let budget = |limit: f64| json!({"max_budget": limit, "budget_duration": "1d", "budget_reset_at": null});
        Ledger {
            users: vec![
                with(user("alice", "Alice", "internal_user"), alice),
                with(user("bob", "Bob", "internal_user"), json!({"teams": ["team-1"]})),
                user("monitor", "Monitor", "proxy_admin_viewer"),
                user("chief", "Chief", "proxy_admin"),
            ],
            teams: vec![json!({
                "team_id": "team-1", "team_alias": "platform", "spend": 20.0, "max_budget": 25.0, "budget_duration": "30d",
                "budget_reset_at": null, "blocked": false, "team_memberships": [
                    {"user_id": "alice", "team_id": "team-1", "spend": 0.3, "litellm_budget_table": budget(3.0)},
                    {"user_id": "bob", "team_id": "team-1", "spend": 0.0, "litellm_budget_table": null},
                ],
            })],
            keys: vec![
                key(1, "alice-laptop", "alice", Some("team-1"), "default"),
                with(key(2, "bob-laptop", "bob", Some("team-1"), "default"), json!({"max_budget": 5.0, "spend": 5.0})),
                key(9, "watching", "monitor", None, "management"),
                key(10, "ruling", "chief", None, "management"),
            ],
            customers: vec![json!({"user_id": "acme", "alias": "Acme", "spend": 0.02, "blocked": false, "budget_id": "a-dollar"})],
            budgets: vec![json!({"budget_id": "a-dollar", "max_budget": 1.0, "budget_duration": "1d"})],
            tags: vec![json!({"name": "feature:search", "spend": 0.4, "litellm_budget_table": budget(0.5)})],
            calls: Vec::new(),
            denied: Vec::new(),
            is_old: false,
            obeys: Obeys::Yes,
        }
    }

    /// The answer to a question or an order.
    pub(super) fn answer(&mut self, asked: &Asked) -> Told {
        match asked.place() {
            "/health/liveliness" => return (200, json!("I'm alive!")),
            "/public/model_hub/info" => return (200, json!({"docs_title": "house", "litellm_version": VERSION})),
            _ => {}
        }
        let secret = asked.key.as_deref().unwrap_or_default();
        let Some(caller) = self.caller(secret) else { return refusal(401, WORDS, secret) };
        let is_denied = self.denied.iter().any(|path| *path == asked.place());
        if is_denied || (asked.method == "POST" && caller.role != "proxy_admin") {
            return refusal(403, "this needs another role", "");
        }
        if asked.method == "POST" { self.order(asked) } else { self.question(asked, &caller) }
    }

    fn caller(&self, secret: &str) -> Option<Caller> {
        if secret == MASTER {
            return Some(Caller { user: None, key: None, role: "proxy_admin".to_owned() });
        }
        let (_, n) = KEYS.iter().find(|(key, _)| *key == secret)?;
        let user = row(&self.keys, "token", &token(*n))?["user_id"].as_str()?.to_owned();
        let role = row(&self.users, "user_id", &user)?["user_role"].as_str()?.to_owned();
        Some(Caller { user: Some(user), key: Some(token(*n)), role })
    }

    fn question(&self, asked: &Asked, caller: &Caller) -> Told {
        let of = |name: &str| asked.query(name).unwrap_or_default();
        let sees = |user: &Value| caller.role != "internal_user" || caller.user.as_deref() == user.as_str();
        let calls: Vec<&Call> = self.calls.iter().filter(|call| sees(&json!(call.user))).collect();
        let place = asked.place();
        match place {
            "/key/info" => {
                let token = asked.query("key").or_else(|| caller.key.clone()).unwrap_or_default();
                let told = row(&self.keys, "token", &token).map(|info| json!({"key": token, "info": info}));
                found(told, "Key not found in database")
            }
            "/v2/user/info" if !self.is_old => found(row(&self.users, "user_id", &of("user_id")).cloned(), "User not found"),
            "/user/info" => {
                let id = of("user_id");
                let info = row(&self.users, "user_id", &id);
                let keys: Vec<&Value> = self.keys.iter().filter(|key| key["user_id"] == id).collect();
                let told = json!({"user_id": id, "user_info": info, "keys": keys, "teams": []});
                found(Some(told).filter(|_| info.is_some() || self.is_old), "User not found")
            }
            "/user/daily/activity/aggregated" | "/tag/daily/activity/aggregated" if !self.is_old => {
                (200, json!({"results": self.days(asked, &calls), "metadata": {"has_more": false}}))
            }
            "/user/daily/activity" | "/tag/daily/activity" => {
                let (days, page) = (self.days(asked, &calls), of("page").parse::<usize>().unwrap());
                let day: Vec<&Value> = days.iter().skip(page - 1).take(1).collect();
                (200, json!({"results": day, "metadata": {"page": page, "has_more": page < days.len()}}))
            }
            "/key/list" => {
                let alias = asked.query("key_alias");
                let is_meant = |key: &&Value| sees(&key["user_id"]) && alias.as_deref().is_none_or(|alias| key["key_alias"] == alias);
                let keys: Vec<&Value> = self.keys.iter().filter(is_meant).collect();
                (200, json!({"keys": keys, "total_count": keys.len(), "current_page": 1, "total_pages": 1}))
            }
            "/user/list" => (200, json!({"users": self.users, "total": self.users.len(), "page": 1, "total_pages": 1})),
            "/team/list" => (200, json!(self.teams)),
            "/team/info" => {
                let told = row(&self.teams, "team_id", &of("team_id"));
                let told =
                    told.map(|team| json!({"team_id": team["team_id"], "team_info": team, "team_memberships": team["team_memberships"]}));
                found(told, "Team not found")
            }
            "/customer/list" => (200, self.customers.iter().map(|row| self.with_budget(row)).collect()),
            "/customer/info" => {
                let told = row(&self.customers, "user_id", &of("end_user_id"));
                found(told.map(|row| self.with_budget(row)), "End user not found")
            }
            "/tag/list" => (200, json!(self.tags)),
            "/spend/logs/v2" => (200, logs(asked, calls)),
            _ => {
                let team = place.strip_prefix("/team/").and_then(|rest| rest.strip_suffix("/members/me"));
                let members = team.and_then(|team| row(&self.teams, "team_id", team)?["team_memberships"].as_array());
                let me = members.and_then(|members| row(members, "user_id", caller.user.as_deref()?));
                me.map_or_else(|| (404, json!({"detail": "Not Found"})), |me| (200, me.clone()))
            }
        }
    }

    /// A customer and the budget that it has.
    fn with_budget(&self, customer: &Value) -> Value {
        let mut customer = customer.clone();
        let budget = row(&self.budgets, "budget_id", customer["budget_id"].as_str().unwrap_or_default());
        customer["litellm_budget_table"] = json!(budget);
        customer
    }

    /// What was spent by day: by model and key, by key, and by tag where that is asked.
    fn days(&self, asked: &Asked, calls: &[&Call]) -> Vec<Value> {
        let (from, to) = (asked.query("start_date").unwrap(), asked.query("end_date").unwrap());
        let is_by_tag = asked.place().starts_with("/tag/");
        let days = grouped(calls, |call| vec![date(call.at)]);
        let wanted = days.iter().filter(|(day, _)| **day >= from && **day <= to);
        wanted
            .map(|(day, calls)| {
                let models = self.parts(&grouped(calls, |call| vec![call.model.clone()]));
                let tags = grouped(calls, |call| if is_by_tag { call.tags.clone() } else { Vec::new() });
                let breakdown = json!({"models": models, "api_keys": self.by_key(calls), "entities": self.parts(&tags)});
                json!({"date": day, "metrics": metrics(calls), "breakdown": breakdown})
            })
            .collect()
    }

    fn parts(&self, groups: &Groups<'_>) -> Value {
        let part = |calls: &[&Call]| json!({"metrics": metrics(calls), "metadata": {}, "api_key_breakdown": self.by_key(calls)});
        groups.iter().map(|(name, calls)| (name.clone(), part(calls))).collect()
    }

    fn by_key(&self, calls: &[&Call]) -> Value {
        let names = |token: &str| {
            let names = |key: &Value| json!({"key_alias": key["key_alias"], "user_id": key["user_id"], "team_id": key["team_id"]});
            row(&self.keys, "token", token).map_or_else(|| json!({}), names)
        };
        let groups = grouped(calls, |call| vec![call.key.clone()]);
        groups.iter().map(|(token, calls)| (token.clone(), json!({"metrics": metrics(calls), "metadata": names(token)}))).collect()
    }

    fn order(&mut self, asked: &Asked) -> Told {
        let mut body = asked.json();
        match self.obeys {
            Obeys::Yes => {}
            Obeys::Nothing => return (200, json!({"status": "done"})),
            Obeys::OtherPeriod => body["budget_duration"] = json!("30d"),
        }
        let id = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match asked.place() {
            "/user/update" => {
                // As the real one: whoever is not known is made.
                if row(&self.users, "user_id", &id("user_id")).is_none() {
                    self.users.push(user(&id("user_id"), "", "internal_user"));
                }
                change(&mut self.users, "user_id", &id("user_id"), &body)
            }
            "/team/update" => change(&mut self.teams, "team_id", &id("team_id"), &body),
            "/key/update" => change(&mut self.keys, "token", &id("key"), &body),
            "/customer/update" => change(&mut self.customers, "user_id", &id("user_id"), &body),
            "/budget/new" if row(&self.budgets, "budget_id", &id("budget_id")).is_some() => refusal(400, "This budget already exists", ""),
            "/budget/new" => {
                self.budgets.push(body.clone());
                (200, body)
            }
            "/budget/update" => change(&mut self.budgets, "budget_id", &id("budget_id"), &body),
            "/budget/delete" => {
                self.budgets.retain(|budget| budget["budget_id"] != id("id"));
                (200, json!({"id": id("id")}))
            }
            "/team/member_update" => {
                let period = if self.is_old { Value::Null } else { body["budget_duration"].clone() };
                let table = json!({"max_budget": body["max_budget_in_team"], "budget_duration": period});
                self.change_member(&id("team_id"), &id("user_id"), &json!({"litellm_budget_table": table}))
            }
            place => {
                let spend = json!({"spend": body["reset_to"]});
                let holder = place.strip_suffix("/reset_spend").unwrap_or_default();
                if let Some(key) = holder.strip_prefix("/key/") {
                    return change(&mut self.keys, "token", key, &spend);
                }
                match holder.strip_prefix("/team/").and_then(|rest| rest.split_once("/member/")) {
                    Some((team, user)) => self.change_member(team, user, &spend),
                    None => (404, json!({"detail": "Not Found"})),
                }
            }
        }
    }

    fn change_member(&mut self, team: &str, user: &str, body: &Value) -> Told {
        let team = self.teams.iter_mut().find(|row| row["team_id"] == team);
        let members = team.and_then(|team| team["team_memberships"].as_array_mut());
        members.map_or_else(|| found(None, "Team not found"), |members| change(members, "user_id", user, body))
    }
}

fn row<'a>(rows: &'a [Value], name: &str, id: &str) -> Option<&'a Value> {
    rows.iter().find(|row| row[name] == id)
}

fn found(told: Option<Value>, else_why: &str) -> Told {
    told.map_or_else(|| refusal(404, else_why, ""), |told| (200, told))
}

/// Changes what the body says of a row's budget.
fn change(rows: &mut [Value], name: &str, id: &str, body: &Value) -> Told {
    let Some(row) = rows.iter_mut().find(|row| row[name] == id) else { return found(None, "nobody of this name") };
    for part in ["max_budget", "budget_duration", "spend", "litellm_budget_table", "budget_id"] {
        if let Some(value) = body.get(part) {
            row[part] = value.clone();
        }
    }
    (200, row.clone())
}

pub(super) fn refusal(status: u16, words: &str, key: &str) -> Told {
    (status, json!({"error": {"message": words.replace("KEY", key), "type": "error", "param": null, "code": status.to_string()}}))
}

/// Calls by something that they have in common.
type Groups<'a> = BTreeMap<String, Vec<&'a Call>>;

fn grouped<'a>(calls: &[&'a Call], of: impl Fn(&Call) -> Vec<String>) -> Groups<'a> {
    let mut groups = Groups::new();
    for call in calls.iter().copied() {
        for name in of(call) {
            groups.entry(name).or_default().push(call);
        }
    }
    groups
}

fn metrics(calls: &[&Call]) -> Value {
    let tokens = calls.iter().fold(Tokens::default(), |sum, call| sum + call.tokens);
    let failed = calls.iter().filter(|call| call.is_refused).count();
    let nanos: i64 = calls.iter().map(|call| call.nanos).sum();
    json!({
        "spend": usd(nanos), "prompt_tokens": tokens.prompt(), "completion_tokens": tokens.output,
        "cache_read_input_tokens": tokens.cache_read, "cache_creation_input_tokens": tokens.cache_write_5m,
        "total_tokens": tokens.total(), "api_requests": calls.len(), "successful_requests": calls.len() - failed,
        "failed_requests": failed,
    })
}

/// A page of calls.
fn logs(asked: &Asked, calls: Vec<&Call>) -> Value {
    let number = |name: &str| asked.query(name).unwrap().parse::<usize>().unwrap();
    let (from, to) = (asked.query("start_date").unwrap(), asked.query("end_date").unwrap());
    let is_inside = |call: &&Call| {
        let at = stamp(call.at);
        at >= from && at <= to
    };
    let (page, size) = (number("page"), number("page_size"));
    let mut inside: Vec<&Call> = calls.into_iter().filter(is_inside).collect();
    inside.sort_by_key(|call| (call.at, call.id.clone()));
    let rows: Vec<Value> = inside.iter().skip((page - 1) * size).take(size).map(|call| call.row()).collect();
    let pages = inside.len().div_ceil(size);
    json!({"data": rows, "total": inside.len(), "page": page, "page_size": size, "total_pages": pages, "total_is_capped": false})
}
