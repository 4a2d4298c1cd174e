//! One request and its answer, within limits of time and size.

use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};

use super::secret::{KeyError, Secret};
use crate::gateways::{self, Answer, Auth, Gateway, Refusal, Request, is_release};
use crate::model::Millis;
use crate::model::address::{host, is_loopback};
use crate::model::text::{chain, clean};
use crate::store::StoreError;

/// How long an answer may take, and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an answer may take as a whole.
    pub whole: Duration,
    /// The largest answer that is taken, decompressed, in MB.
    pub largest: usize,
}

/// A large team's month takes a slow gateway a while.
const GATEWAY: Limits = Limits { connect: Duration::from_secs(10), whole: Duration::from_secs(90), largest: 64 };

/// Why a gateway could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The network, or TLS.
    #[error("{host} cannot be reached: {why}")]
    Network {
        /// Where to.
        host: String,
        /// What the network says.
        why: String,
    },
    /// It takes too long.
    #[error("{0} has not answered in time")]
    Late(String),
    /// Its answer has no end.
    #[error("{0} answers with more than {1} MB, which is no answer")]
    Large(String, usize),
    /// It always has one page more.
    #[error("{0} has more pages than any list: the round was given up, and what was known before it stays")]
    Endless(String),
    /// It refuses.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// What it told could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer, and when it asks to be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The version in a header.
    pub version: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait, where it says so.
    pub retry_after: Option<Duration>,
    /// What its clock says.
    pub date: Option<Millis>,
}

impl Reply {
    /// As gateways read it.
    #[must_use]
    pub fn answer(&self) -> Answer<'_> {
        Answer { status: self.status, version: self.version.as_deref(), body: &self.body }
    }
}

/// The way to one gateway.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    host: String,
    key: Option<(HeaderName, HeaderValue)>,
    /// The key, so that an answer that repeats it is not repeated once more.
    secret: Option<Secret>,
    limits: Limits,
}

impl Client {
    /// A way that knows the key; without one it asks as anybody.
    pub fn new(base: &str, auth: Auth, secret: Option<&Secret>) -> Result<Client, Trouble> {
        Client::within(base, auth, secret, GATEWAY)
    }

    /// The same, within other limits.
    pub fn within(base: &str, auth: Auth, secret: Option<&Secret>, limits: Limits) -> Result<Client, Trouble> {
        let host = host(base).to_owned();
        let fail = |why: String| Trouble::Network { host: host.clone(), why };
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(limits.connect)
            .timeout(limits.whole)
            .user_agent(concat!("aifinops/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&host) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| fail(chain(&error.without_url())))?;
        let key = secret.map(|secret| key_header(auth, secret)).transpose()?;
        Ok(Client { http, base: base.trim_end_matches('/').to_owned(), host, key, secret: secret.cloned(), limits })
    }

    /// Sends a request and takes its answer whole.
    pub async fn send(&self, request: &Request) -> Result<Reply, Trouble> {
        let fail = |why: String| Trouble::Network { host: self.host.clone(), why };
        let url = Url::parse(&format!("{}{}", self.base, request.path)).map_err(|error| fail(error.to_string()))?;
        // A path out of an answer must not lead the key elsewhere: to another host, scheme or port.
        if Url::parse(&self.base).map(|base| base.origin()) != Ok(url.origin()) {
            return Err(fail("a question would have led to another address".to_owned()));
        }
        let method = Method::from_bytes(request.method.word().as_bytes()).map_err(|error| fail(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &request.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some((name, value)) = &self.key {
            headers.insert(name.clone(), value.clone());
        }
        let mut sent = self.http.request(method, url).headers(headers);
        if let Some(body) = &request.body {
            sent = sent.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        let mut answer = sent.send().await.map_err(|error| self.trouble(error))?;
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let to = if to.contains("//") { host(to) } else { "another path of the same host" };
            return Err(Refusal::Elsewhere(clean(to)).into());
        }
        let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(clean);
        let (version, retry_after) =
            (text("x-litellm-version").filter(|text| is_release(text)), text("retry-after").and_then(|text| wait(&text)));
        let date = text("date").and_then(|text| Some(chrono::DateTime::parse_from_rfc2822(&text).ok()?.timestamp_millis()));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.trouble(error))? {
            if body.len() + chunk.len() > self.limits.largest << 20 {
                return Err(Trouble::Large(self.host.clone(), self.limits.largest));
            }
            body.extend_from_slice(&chunk);
        }
        if let Some(secret) = &self.secret {
            secret.black_out(&mut body);
        }
        Ok(Reply { status: status.as_u16(), version, body, retry_after, date })
    }

    fn trouble(&self, error: reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return Trouble::Late(self.host.clone());
        }
        // An error of the library's would show the whole address.
        let why = clean(&chain(&error.without_url()));
        let speaks_no_tls = self.base.starts_with("https") && why.contains("InvalidContentType");
        let why = if speaks_no_tls { "what answers there speaks no TLS: it is not https://, or another port".to_owned() } else { why };
        Trouble::Network { host: self.host.clone(), why }
    }
}

fn key_header(auth: Auth, secret: &Secret) -> Result<(HeaderName, HeaderValue), KeyError> {
    let (name, text) = match auth {
        Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {}", secret.reveal())),
        Auth::Header(name) => (HeaderName::from_static(name), secret.reveal().to_owned()),
        Auth::Basic => {
            let pair = if secret.reveal().contains(':') { secret.reveal().to_owned() } else { format!("{}:", secret.reveal()) };
            (header::AUTHORIZATION, format!("Basic {}", base64(pair.as_bytes())))
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| KeyError::Characters)?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// RFC 4648, for one header: no package is worth it.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sign = |bits: u32| SIGNS.get((bits & 63) as usize).copied().map_or('=', char::from);
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            (0..4).map(move |at| if at <= chunk.len() { sign(bits >> (18 - 6 * at)) } else { '=' })
        })
        .collect()
}

/// `Retry-After`: seconds, or a moment as HTTP writes it.
fn wait(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = SystemTime::from(chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?);
    at.duration_since(SystemTime::now()).ok()
}

/// What an address is: its own host tells, or what it answers to somebody without a key.
pub async fn recognize(base: &str) -> Result<Option<&'static dyn Gateway>, Trouble> {
    let host = host(base).to_ascii_lowercase();
    if let Some(found) = gateways::ALL.iter().find(|gateway| gateway.is_home(&host)) {
        return Ok(Some(*found));
    }
    let client = Client::new(base, Auth::Bearer, None)?;
    for gateway in gateways::ALL {
        let Some(knock) = gateway.knock() else { continue };
        if gateway.is_it(&client.send(&knock).await?.answer()) {
            return Ok(Some(*gateway));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_specification() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_moment() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), None, "what is over is no wait");
        assert!(wait("Wed, 21 Oct 2093 07:28:00 GMT").is_some());
        assert_eq!(wait("soon"), None);
    }
}
