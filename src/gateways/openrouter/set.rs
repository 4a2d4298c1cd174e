//! Setting the limit of a key: `PATCH /api/v1/keys/{hash}`.

use serde::Deserialize;

use super::super::answer::{segment, some};
use super::super::sheet::word;
use super::super::{Answer, BudgetWish, Holder, Method, Refusal, Request};
use super::account::KeyRow;
use super::own::spent;
use crate::model::Whose;

#[derive(Deserialize)]
struct Told {
    data: KeyRow,
}

fn path(hash: &str) -> Option<String> {
    Some(format!("/api/v1/keys/{}", segment(hash)?))
}

pub(super) fn find(wish: &BudgetWish) -> Option<Request> {
    (wish.whose == Whose::Key).then(|| path(&wish.id))?.map(Request::get)
}

pub(super) fn found(wish: &BudgetWish, answer: &Answer<'_>) -> Result<Option<Holder>, Refusal> {
    if answer.status == 404 {
        return Ok(None);
    }
    let Told { data: row } = answer.json()?;
    let mut notes = Vec::new();
    if wish.reset {
        notes.push("what has been counted cannot be set back here".to_owned());
    }
    Ok(some(row.hash.clone()).filter(|hash| *hash == wish.id).map(|id| Holder {
        id,
        name: row.title(),
        limit: row.limit.0,
        period: some(row.limit_reset.clone()),
        spent: spent(row.limit, row.limit_remaining),
        notes,
    }))
}

/// The limit is written with the digits that it has: as a number of a program's own it could change on the way.
pub(super) fn requests(wish: &BudgetWish, holder: &Holder) -> Vec<Request> {
    let Some(path) = path(&holder.id).filter(|_| wish.whose == Whose::Key) else { return Vec::new() };
    let body = match wish.limit {
        Some(limit) => format!(r#"{{"limit":{},"limit_reset":"{}"}}"#, limit.exact(), word(wish.per)),
        None => r#"{"limit":null,"limit_reset":null}"#.to_owned(),
    };
    vec![Request { method: Method::Patch, path, headers: Vec::new(), body: Some(body) }]
}
