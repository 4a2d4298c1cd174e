//! The other side: the services' addresses, the client, and which headers go on.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{self, HeaderName};
use reqwest::Url;
use reqwest::redirect::Policy;

use super::{ProxyError, Route};
use crate::model::text::chain;

/// A route with its addresses understood.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    base: Url,
    unless: Option<(&'static str, Url)>,
}

impl Target {
    pub(super) fn new(route: Route) -> Result<Target, ProxyError> {
        let base = address(&route.upstream)?;
        let unless = route.unless.map(|(name, other)| Ok::<_, ProxyError>((name, address(&other)?))).transpose()?;
        Ok(Target { name: route.name, base, unless })
    }

    /// Where a request of this path, query and headers goes.
    pub(super) fn url(&self, path_and_query: &str, headers: &HeaderMap) -> Option<Url> {
        let base = match &self.unless {
            Some((name, other)) if headers.contains_key(*name) => other,
            _ => &self.base,
        };
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let own = base.as_str().split('?').next()?.trim_end_matches('/');
        let query = [base.query(), query].into_iter().flatten().collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        // Where it goes is for the address to say, never for the path.
        Url::parse(&format!("{own}{path}{mark}{query}")).ok().filter(|url| origin(url) == origin(base))
    }
}

/// Scheme, host and port: what may be shown of an address. The rest may hold keys.
pub(super) fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

fn address(text: &str) -> Result<Url, ProxyError> {
    let url = Url::parse(text.trim()).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).ok_or_else(|| ProxyError::Address(shown(text)))
}

/// An address that is none, without what may be a password in it.
fn shown(text: &str) -> String {
    text.rsplit('@').next().unwrap_or_default().to_owned()
}

/// A client that changes nothing: no redirects, no decompression, no cookies. What it tries again is only
/// what the service says that it has not looked at, such as a request into a connection that was being closed.
pub(super) fn client(connect: Duration) -> Result<reqwest::Client, ProxyError> {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_gzip()
        .connect_timeout(connect)
        .build()
        .map_err(|error| ProxyError::Client(chain(&error)))
}

/// 128 bits that nobody can guess, in hexadecimal.
pub(super) fn secret() -> Result<String, ProxyError> {
    let mut bytes = [0_u8; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| ProxyError::Client("the system gives no random numbers".to_owned()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Headers that concern one connection only: RFC 9110, section 7.6.1.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes out what does not go on to the other side.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// As [`strip`], of a request: the client says for itself whom it asks and how much it sends, and an answer that is
/// compressed could not be metered.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    strip(headers);
    for name in [header::HOST, header::ACCEPT_ENCODING, header::EXPECT, header::PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}
