//! Fetching a file over HTTPS.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::cli::error::CliError;
use crate::model::text::chain;

/// How long the whole transfer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A price list has two megabytes; what is far larger is none.
const LARGEST: usize = 32 * 1024 * 1024;
/// Redirects on one host that are followed.
const REDIRECTS: usize = 5;

/// Fetches a file. Only over HTTPS, only from the host that was asked for.
pub fn fetch(url: &str) -> Result<Vec<u8>, CliError> {
    let parsed = reqwest::Url::parse(url).ok().filter(|u| u.scheme() == "https" && u.host_str().is_some());
    let parsed =
        parsed.ok_or_else(|| CliError::usage(format!("`{url}` is no address that begins with https://"), "`--file` reads a local file"))?;
    let fail = |why: String| CliError::Network { url: url.to_owned(), why };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fail(error.to_string()))?;
    runtime.block_on(transfer(parsed)).map_err(fail)
}

async fn transfer(url: reqwest::Url) -> Result<Vec<u8>, String> {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = url.host_str().map(str::to_owned);
    let same_host = Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS {
            attempt.error("too many redirects")
        } else if attempt.url().host_str() == host.as_deref() {
            attempt.follow()
        } else {
            attempt.error("it redirects to another host")
        }
    });
    let client = reqwest::Client::builder()
        .https_only(true)
        .redirect(same_host)
        .timeout(PATIENCE)
        .user_agent(concat!("aifinops/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| chain(&error))?;
    let mut response = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(|error| chain(&error))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(format!("it is larger than {} MiB", LARGEST / 1024 / 1024));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
