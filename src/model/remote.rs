//! Addresses of git remotes, as logs have them: brought into one form, and without what is secret in them.

use super::text::clean;

/// Longer ones are not kept.
const LONGEST: usize = 300;

/// `https://user:token@github.com/acme/web.git` and `git@github.com:acme/web.git` as `github.com/acme/web`.
///
/// User, password, query and fragment are left out: they may hold a secret. The port stays, since it may tell servers apart.
/// A path on this machine stays a path. Nothing where nothing is left.
#[must_use]
pub fn normal(url: &str) -> Option<String> {
    let url = clean(url.trim());
    let whole = match url.split_once("://") {
        Some(("file", path)) => path.to_owned(),
        Some((_, rest)) => {
            let (authority, path) = without_login(rest).split_once('/').unwrap_or((without_login(rest), ""));
            joined(authority, path)
        }
        // `user@host:path`, as ssh has it. A slash before the colon, or a letter alone, is a path of this machine.
        None => match url.split_once(':') {
            Some((authority, path)) if authority.len() > 1 && !authority.contains(['/', '\\']) => match login_ends(path) {
                // `user:password@host/path`, whose scheme is missing.
                Some(rest) => rest.to_owned(),
                None => joined(without_login(authority), path),
            },
            _ => url.clone(),
        },
    };
    let whole = whole.split(['?', '#']).next().unwrap_or_default().trim_end_matches(['/', '\\']);
    let whole = whole.strip_suffix(".git").unwrap_or(whole).trim_end_matches(['/', '\\']);
    (!whole.is_empty() && whole.len() <= LONGEST).then(|| whole.to_owned())
}

/// The host in small letters, and the path.
fn joined(host: &str, path: &str) -> String {
    format!("{}/{}", host.to_ascii_lowercase(), path.trim_start_matches('/'))
}

/// What stands behind a user and password.
fn without_login(rest: &str) -> &str {
    login_ends(rest).unwrap_or_else(|| {
        // A password with a slash in it, which should not be: what looks like a port is none.
        let authority = rest.split('/').next().unwrap_or_default();
        let port = authority.split_once(':').map_or("", |(_, port)| port);
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        rest.rsplit_once('@').filter(|_| !is_port).map_or(rest, |(_, rest)| rest)
    })
}

/// What stands behind the last `@` of what comes before the first slash.
fn login_ends(text: &str) -> Option<&str> {
    let authority = text.split('/').next().unwrap_or_default();
    authority.rfind('@').and_then(|at| text.get(at + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_remote_are_one() {
        for url in [
            "https://github.com/acme/web.git",
            "https://github.com/acme/web",
            "https://GitHub.com/acme/web.git/",
            "https://me:ghp_secret@github.com/acme/web.git",
            "https://ghp_secret@github.com/acme/web?token=ghp_secret#x",
            "ssh://git@github.com/acme/web.git",
            "git://github.com/acme/web.git",
            "git@github.com:acme/web.git",
            "github.com:/acme/web.git",
            " git@github.com:acme/web ",
        ] {
            assert_eq!(normal(url).as_deref(), Some("github.com/acme/web"), "{url}");
        }
        assert_eq!(normal("ssh://git@host.example:7999/team/repo.git").as_deref(), Some("host.example:7999/team/repo"));
        assert_eq!(normal("https://dev.azure.com/org/My%20Project/_git/repo").as_deref(), Some("dev.azure.com/org/My%20Project/_git/repo"));
    }

    #[test]
    fn no_secret_is_left() {
        for url in [
            "https://oauth2:s3cr3t@gitlab.com/a/b.git",
            "https://a@s3cr3t@gitlab.com/a/b",
            "s3cr3t@gitlab.com:a/b.git",
            "https://gitlab.com/a/b.git?private_token=s3cr3t",
            "https://x:s3cr3t@gitlab.com",
            "https://x:s3c/r3t-s3cr3t@gitlab.com/a/b",
            "me:s3cr3t@gitlab.com/a/b.git",
        ] {
            assert!(!normal(url).unwrap_or_default().contains("s3cr3t"), "{url}: {:?}", normal(url));
        }
    }

    #[test]
    fn a_path_stays_a_path_and_nothing_stays_nothing() {
        assert_eq!(normal("/srv/git/web.git").as_deref(), Some("/srv/git/web"));
        assert_eq!(normal("file:///srv/git/web.git").as_deref(), Some("/srv/git/web"));
        assert_eq!(normal("../web:old").as_deref(), Some("../web:old"));
        assert_eq!(normal(r"C:\git\web.git").as_deref(), Some(r"C:\git\web"));
        assert_eq!(normal("git@host:evil\u{1b}[31m.git").as_deref(), Some("host/evil\u{fffd}[31m"));
        for url in ["", "  ", "https://", ".git", &format!("https://h/{}", "x".repeat(400))] {
            assert_eq!(normal(url), None, "{url}");
        }
    }
}
