//! Setting a budget at a gateway: who is meant is looked up first, and what was done is read back.

use std::time::Duration;

use super::client::{Client, Trouble};
use crate::gateways::{BudgetWish, Gateway, Holder, Per, Refusal, Request};

/// A gateway shows a change after a moment.
const SETTLE: Duration = Duration::from_millis(1200);

/// What is to be done, once it is known who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The holder as it is now.
    pub holder: Holder,
    /// The requests, in their order.
    pub requests: Vec<Request>,
}

/// What has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The holder as it was read back with the budget; nothing where the budget is not to be seen there.
    pub holder: Option<Holder>,
}

impl Order {
    /// Looks up who is meant. Nobody of that name is nobody: a gateway would silently make one.
    pub async fn prepare(client: &Client, gateway: &dyn Gateway, wish: &BudgetWish) -> Result<Option<Order>, Trouble> {
        let Some(holder) = find(client, gateway, wish).await? else { return Ok(None) };
        let requests = gateway.set_budget(wish, &holder);
        Ok(Some(Order { holder, requests }))
    }

    /// Does it, and reads back what has become of it.
    pub async fn carry_out(&self, client: &Client, gateway: &dyn Gateway, wish: &BudgetWish) -> Result<Outcome, Trouble> {
        for request in &self.requests {
            let reply = client.send(request).await?;
            let answer = reply.answer();
            // What is there already is as good as made.
            if !(answer.is_good() || answer.status < 500 && answer.says("already exist")) {
                return Err(answer.refusal().into());
            }
        }
        tokio::time::sleep(SETTLE).await;
        let wish = BudgetWish { id: self.holder.id.clone(), ..wish.clone() };
        let holder = find(client, gateway, &wish).await?;
        // A limit that nobody is held to yet may not be shown at all.
        let shown = holder.as_ref().and_then(|holder| holder.limit);
        if shown.is_some() && shown != wish.limit {
            return Err(
                Refusal::Refused { status: 200, why: "it took the order and shows another budget than it was given".to_owned() }.into()
            );
        }
        let period = holder.as_ref().and_then(|holder| holder.period.as_deref());
        if shown.is_some() && period.is_some_and(|period| Per::from_period(period) != Some(wish.per)) {
            return Err(Refusal::Refused { status: 200, why: "it took the order and shows a budget for another period".to_owned() }.into());
        }
        Ok(Outcome { holder: holder.filter(|_| shown == wish.limit) })
    }
}

/// Pages that are looked through for one holder.
const MOST_PAGES: usize = 1000;

/// The holder as the gateway has it; nothing where it knows none, however many pages there are.
async fn find(client: &Client, gateway: &dyn Gateway, wish: &BudgetWish) -> Result<Option<Holder>, Trouble> {
    let mut next = gateway.find(wish);
    for _ in 0..MOST_PAGES {
        let Some(request) = next else { break };
        let reply = client.send(&request).await?;
        if let Some(holder) = gateway.found(wish, &reply.answer())? {
            return Ok(Some(holder));
        }
        next = gateway.find_more(wish, &request, &reply.answer());
    }
    Ok(None)
}
