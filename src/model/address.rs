//! Addresses on a network: which machine they lead to.

/// The host of an address, without brackets and port.
#[must_use]
pub fn host(url: &str) -> &str {
    let place = url.split_once("//").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host, without brackets, is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
