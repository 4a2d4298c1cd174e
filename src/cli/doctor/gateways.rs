//! Gateways: whether their keys are there, and whether they answer.

use std::io;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::gateway::ask::{self, wait};
use crate::cli::gateway::status::{age, state};
use crate::cli::out::{Out, STRONG};
use crate::engine::gateways::{Client, Trouble, look_up};
use crate::gateways::{DAY, Plan, by_kind};
use crate::model::text::clean;
use crate::model::{GatewaySetup, Millis};
use crate::store::Books;

/// A gateway.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct GatewayFound {
    pub name: String,
    pub kind: String,
    pub url: String,
    pub key_from: String,
    /// Why there is no key, or why the gateway does not answer to it.
    pub problem: Option<String>,
    pub state: &'static str,
    pub as_of: Option<String>,
    #[serde(skip)]
    age: String,
}

/// Looks at all of them; each is asked one question.
#[must_use]
pub fn gateways(context: &Context) -> Vec<GatewayFound> {
    let books = Books::open_existing(&context.settings.data_dir, ask::PATIENCE).ok().flatten();
    let one = |setup: &GatewaySetup| {
        let account = books.as_ref().and_then(|books| books.account(&setup.name).ok().flatten()).filter(|account| account.url == setup.url);
        let asked_at = account.as_ref().and_then(|account| account.asked_at);
        GatewayFound {
            name: clean(&setup.name),
            kind: clean(&setup.kind),
            url: clean(&setup.url),
            key_from: clean(&setup.key.words()),
            problem: question(setup, context.now).err(),
            state: state(account.as_ref(), context.now),
            as_of: asked_at.map(crate::model::time::rfc3339),
            age: age(asked_at, context.now),
        }
    };
    context.settings.gateways.iter().map(one).collect()
}

/// Asks the first of the questions that a round begins with.
fn question(setup: &GatewaySetup, now: Millis) -> Result<(), String> {
    let Some(gateway) = by_kind(&setup.kind) else { return Ok(()) };
    let text = |error: &dyn std::fmt::Display| clean(&error.to_string());
    let secret = look_up(&setup.name, &setup.key).map_err(|error| text(&error))?;
    let client = Client::new(&setup.url, gateway.auth(), Some(&secret)).map_err(|error| text(&error))?;
    let today = now.div_euclid(DAY);
    let plan = Plan { now, from_day: today, calls_from: None, whole: false, memory: std::collections::BTreeMap::new(), me: None };
    let Some(first) = gateway.begin(&plan).into_iter().next() else { return Ok(()) };
    let asked = async {
        let reply = client.send(&first.request).await?;
        gateway.read(&first, &reply.answer(), &plan).map_err(Trouble::from)
    };
    wait(asked).map(|_| ()).map_err(|error| text(&error))
}

/// Prints them.
pub fn print(gateways: &[GatewayFound], out: &mut Out) -> io::Result<()> {
    if gateways.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.styled(STRONG, "Gateways")?;
    for found in gateways {
        let what = format!("{} ({}) at {}, key from {}, figures as of {}", found.name, found.kind, found.url, found.key_from, found.age);
        match &found.problem {
            None => out.line(&format!("✓ {what}"))?,
            Some(why) => out.line(&format!("! {what}: {why}"))?,
        }
    }
    Ok(())
}
