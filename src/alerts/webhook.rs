//! A webhook: JSON to an address. Its `text` is what Slack, Mattermost and Discord's Slack endpoint show.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use serde::Serialize;

use super::{Alert, Known, PATIENCE, Way, WayError, wait};
use crate::model::Webhook;
use crate::model::address::is_loopback;
use crate::model::text::clean;
use crate::model::time::rfc3339;

/// Slack's own limit is 40 000 characters; nobody reads as many.
const LONGEST: usize = 2000;

/// The way's line in the registry.
pub(super) const KNOWN: Known = Known {
    name: "webhook",
    about: "JSON to an address of your own, as Slack takes it",
    fits: |setup| setup.webhook.is_some(),
    make: |setup| Box::new(Hook { to: setup.webhook.clone() }),
};

/// An address that is told; without one every attempt says so.
#[derive(Debug, Clone)]
pub struct Hook {
    to: Option<Webhook>,
}

/// What is sent. Nothing else is: no prompt, no code.
#[derive(Serialize)]
struct Sent {
    text: String,
    kind: &'static str,
    title: String,
    body: String,
    at: String,
    key: String,
}

impl Way for Hook {
    fn name(&self) -> &'static str {
        KNOWN.name
    }

    fn tell(&self, alert: &Alert) -> Result<(), WayError> {
        let to = self.to.as_ref().ok_or(WayError::NoAddress)?;
        let fail = |why: &str| WayError::Network { host: to.host().to_owned(), why: why.to_owned() };
        let url = Url::parse(to.secret()).map_err(|_| fail("the address cannot be read"))?;
        // Whoever reads it last decides where it leads.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = is_loopback(host);
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(fail("the address is not https"));
        }
        let body = serde_json::to_vec(&sent(alert)).map_err(|error| WayError::System(error.into()))?;
        wait(to.host(), send(to, url, local, body))
    }
}

async fn send(to: &Webhook, url: Url, local: bool, body: Vec<u8>) -> Result<(), WayError> {
    let fail = |error: reqwest::Error| {
        if error.is_timeout() {
            return WayError::Late(to.host().to_owned());
        }
        // An error of the library's would show the address.
        WayError::Network { host: to.host().to_owned(), why: causes(&error.without_url()) }
    };
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(PATIENCE.saturating_sub(Duration::from_millis(200)))
        .user_agent(concat!("aifinops/", env!("CARGO_PKG_VERSION")));
    if local {
        client = client.no_proxy();
    }
    let client = client.build().map_err(fail)?;
    let answer = client.post(url).header(CONTENT_TYPE, "application/json").body(body).send().await.map_err(fail)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(WayError::Answer { host: to.host().to_owned(), status: status.as_u16() })
}

fn sent(alert: &Alert) -> Sent {
    let cut = |text: &str| -> String { text.lines().map(clean).collect::<Vec<_>>().join("\n").chars().take(LONGEST).collect() };
    let (title, body) = (cut(&alert.title), cut(&alert.body));
    let text = if body.is_empty() { slack(&title) } else { format!("*{}*\n{}", slack(&title), slack(&body)) };
    Sent { text, kind: alert.kind.word(), title, body, at: rfc3339(alert.at), key: clean(&alert.key) }
}

/// Text as Slack wants it: these three signs are its own, and `<!channel>` would wake everybody.
/// <https://docs.slack.dev/messaging/formatting-message-text/>
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The causes of an error, the last of which is usually the one that helps.
fn causes(error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    let mut last = None;
    while let Some(inner) = cause {
        last = Some(inner.to_string());
        cause = inner.source();
    }
    clean(&last.unwrap_or_else(|| error.to_string()))
}
