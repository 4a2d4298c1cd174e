//! The address of a webhook: a secret, since whoever knows it may write there.

use std::fmt;

use super::address::{host, is_loopback};

/// An address that JSON may be sent to: `https`, or `http` to this very machine.
///
/// It is shown by its host only, also by `Debug`: the rest of it is usually the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    url: String,
    host: String,
}

/// Why a text is no address of a webhook. The text itself is left out: it may be a secret with a slip in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAWebhook {
    /// It begins with neither scheme.
    #[error("does not begin with https://")]
    Scheme,
    /// It names no host, or has a blank or a control character in it.
    #[error("is no address")]
    Address,
    /// Unencrypted, and not to this machine.
    #[error("is http:// and not to this machine; only https:// keeps it secret on its way")]
    Open,
}

impl Webhook {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Webhook, NotAWebhook> {
        let text = text.trim();
        let secure = match (begins(text, "https://"), begins(text, "http://")) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => return Err(NotAWebhook::Scheme),
        };
        if text.chars().any(|c| c.is_whitespace() || super::text::is_hostile(c) || c == '\\') {
            return Err(NotAWebhook::Address);
        }
        let host = host(text);
        if host.is_empty() {
            return Err(NotAWebhook::Address);
        }
        if !secure && !is_loopback(host) {
            return Err(NotAWebhook::Open);
        }
        Ok(Webhook { url: text.to_owned(), host: host.to_owned() })
    }

    /// All of it. Only for sending: it is not to be shown or logged.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.url
    }

    /// Where it leads.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn begins(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if begins(&self.url, "https://") { "https" } else { "http" };
        write!(f, "{scheme}://{}/…", self.host)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_is_ever_shown() {
        let hook = Webhook::parse("https://user:word@hooks.example.com:8443/services/T0/B0/secret?x=1");
        let shown = hook.map(|hook| format!("{hook} {hook:?} {}", hook.host()));
        assert_eq!(shown.as_deref(), Ok("https://hooks.example.com/… Webhook(https://hooks.example.com/…) hooks.example.com"));
    }

    #[test]
    fn unencrypted_only_to_this_machine() {
        for good in ["http://127.0.0.1:9/x", "http://localhost/", "http://[::1]:80/x", "HTTPS://example.com"] {
            assert!(Webhook::parse(good).is_ok(), "{good}");
        }
        let table = [
            ("http://example.com/x", NotAWebhook::Open),
            ("http://127.0.0.1@example.com/", NotAWebhook::Open),
            ("http://localhost.example.com/", NotAWebhook::Open),
            ("ftp://example.com", NotAWebhook::Scheme),
            ("example.com/x", NotAWebhook::Scheme),
            ("https://", NotAWebhook::Address),
            ("https:///path", NotAWebhook::Address),
            ("https://exa mple.com/", NotAWebhook::Address),
            ("http://127.0.0.1\\@example.com/", NotAWebhook::Address),
        ];
        for (text, why) in table {
            assert_eq!(Webhook::parse(text), Err(why), "{text}");
        }
    }
}
