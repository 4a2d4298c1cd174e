//! Keys of gateways: looked up when they are needed, never kept longer, never shown.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::model::KeySource;

/// What the entry in the keyring belongs to.
const SERVICE: &str = "aifinops gateway";
/// The longest key that is taken.
const LONGEST: u64 = 16 << 10;
/// A command that has printed no key by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// A key. It has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A key from text, without the blanks around it.
    pub fn new(text: &str) -> Result<Secret, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        // What cannot stand in a header is no key.
        if text.bytes().any(|b| !(0x21..=0x7e).contains(&b)) {
            return Err(KeyError::Characters);
        }
        Ok(Secret(text.to_owned()))
    }

    /// Takes the key, and both halves of a pair, out of an answer that repeats it, however it is spelled there. Its length stays.
    pub(super) fn black_out(&self, body: &mut [u8]) {
        const SHORTEST: usize = 8;
        let halves = self.0.split_once(':').map(|(name, word)| [name, word]).into_iter().flatten();
        for part in halves.chain([self.0.as_str()]).filter(|part| part.len() >= SHORTEST) {
            let Some(&first) = part.as_bytes().first() else { continue };
            let mut from = 0;
            while let Some(at) = memchr::memchr3(first, b'\\', b'%', body.get(from..).unwrap_or_default()) {
                let begin = from + at;
                let length = spelled(body.get(begin..).unwrap_or_default(), part.as_bytes());
                if let Some(found) = length.and_then(|length| body.get_mut(begin..begin + length)) {
                    found.fill(b'*');
                }
                from = begin + length.unwrap_or(1);
            }
        }
    }

    /// The key itself, for the one header that it goes into.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// How many bytes of a text spell a key that it begins with: as it is, escaped as JSON may be, or with percent signs.
fn spelled(text: &[u8], key: &[u8]) -> Option<usize> {
    let number = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let mut rest = text;
    for byte in key {
        let length = match rest {
            [b'\\', b'u', b'0', b'0', high, low, ..] if number(&[*high, *low]) == Some(*byte) => 6,
            [b'\\', found, ..] if found == byte => 2,
            [b'%', high, low, ..] if number(&[*high, *low]) == Some(*byte) => 3,
            [found, ..] if found == byte => 1,
            _ => return None,
        };
        rest = rest.get(length..)?;
    }
    Some(text.len() - rest.len())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why there is no key. None of the errors holds any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set.
    #[error("the variable {0} is not set; put the gateway's key into it")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(String, String),
    /// Others may read the file.
    #[error("{0} can be read by others; `chmod 600` it, then try again")]
    Open(String),
    /// The command failed.
    #[error("token_command gave no key: {0}")]
    Command(String),
    /// The keyring has none, or there is no keyring.
    #[error("the keyring gave no key: {0}")]
    Keyring(String),
    /// Nothing in it.
    #[error("the key is empty")]
    Empty,
    /// Something that no header can hold.
    #[error("the key has blanks or characters in it that no key has")]
    Characters,
}

/// Looks a gateway's key up. Variables are those of this process.
pub fn look_up(gateway: &str, source: &KeySource) -> Result<Secret, KeyError> {
    match source {
        KeySource::Env(name) => {
            let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
            Secret::new(&value.ok_or_else(|| KeyError::NoVariable(name.clone()))?)
        }
        KeySource::File(path) => file(path),
        KeySource::Command(command) => of_command(command),
        KeySource::Keyring => {
            let found = entry(gateway).and_then(|entry| entry.get_password().map_err(|error| keyring_error(&error)))?;
            Secret::new(&found)
        }
    }
}

/// Keeps a key in the keyring.
pub fn keep(gateway: &str, secret: &Secret) -> Result<(), KeyError> {
    entry(gateway)?.set_password(secret.reveal()).map_err(|error| keyring_error(&error))
}

/// Takes a key out of the keyring; one that is not there is as good.
pub fn forget(gateway: &str) -> Result<(), KeyError> {
    match entry(gateway)?.delete_credential() {
        Ok(()) | Err(keyring::v1::Error::NoEntry) => Ok(()),
        Err(error) => Err(keyring_error(&error)),
    }
}

fn entry(gateway: &str) -> Result<keyring::v1::Entry, KeyError> {
    if let Err(error) = keyring::v1::Entry::store_status() {
        return Err(keyring_error(error));
    }
    keyring::v1::Entry::new(SERVICE, gateway).map_err(|error| keyring_error(&error))
}

fn keyring_error(error: &keyring::v1::Error) -> KeyError {
    let why = match error {
        keyring::v1::Error::NoEntry => "there is none; `aifinops gateway add` with --keyring asks for it".to_owned(),
        // Some of the others carry the bytes that they could not make sense of.
        keyring::v1::Error::NoStorageAccess(why) => format!("it cannot be opened ({why})"),
        keyring::v1::Error::PlatformFailure(why) => format!("there is none to speak with ({why})"),
        _ => "there is none to speak with".to_owned(),
    };
    KeyError::Keyring(crate::model::text::clean(&why))
}

fn file(path: &Path) -> Result<Secret, KeyError> {
    let shown = path.display().to_string();
    let fail = |error: std::io::Error| KeyError::File(shown.clone(), error.to_string());
    let file = std::fs::File::open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(KeyError::File(shown, "it is no file".to_owned()));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0 {
        return Err(KeyError::Open(shown));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(fail)?;
    Secret::new(text.lines().next().unwrap_or_default())
}

fn of_command(command: &str) -> Result<Secret, KeyError> {
    let fail = |why: &str| KeyError::Command(why.to_owned());
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    // What it says on standard error may be the key's place, or the key: nobody is shown it.
    let mut child = Command::new(shell)
        .args([flag, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| fail(&error.to_string()))?;
    let Some(out) = child.stdout.take() else { return Err(fail("it has no output")) };
    // One line is read, and no end waited for: what it has left in the background may keep its output open.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut line, mut out) = (String::new(), BufReader::new(out));
        let read = out.by_ref().take(LONGEST).read_line(&mut line);
        let _ = tell.send(read.map(|_| line));
        // Who has more to say is to be able to.
        let _ = std::io::copy(&mut out, &mut std::io::sink());
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(fail("it took longer than 20 seconds"));
            }
        }
    };
    if !status.success() {
        return Err(fail(&format!("it ended with {status}")));
    }
    let left = PATIENCE.saturating_sub(begun.elapsed());
    let line = told.recv_timeout(left).map_err(|_| fail("it took longer than 20 seconds"))?;
    let line = line.map_err(|_| fail("its output is no text"))?;
    Secret::new(line.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_blacked_out_however_an_answer_spells_it() {
        let key = r#"sk-Ab/9"c\d%e+F"#;
        let unicode = key.bytes().fold(String::new(), |text, b| text + &format!("\\u00{b:02x}"));
        let percent = key.bytes().fold(String::new(), |text, b| text + &format!("%{b:02X}"));
        let escaped = key.replace('\\', r"\\").replace('"', "\\\"");
        for spelling in [key, &unicode, &percent, &percent.to_lowercase(), &escaped, &escaped.replace('/', "\\/"), &key.replace('/', "%2F")]
        {
            let mut body = format!("a \\ b % key: {spelling}, {spelling}.").into_bytes();
            let before = body.len();
            Secret::new(key).unwrap().black_out(&mut body);
            let stars = "*".repeat(spelling.len());
            assert_eq!(String::from_utf8_lossy(&body), format!("a \\ b % key: {stars}, {stars}."), "{spelling}");
            assert_eq!(body.len(), before);
        }
    }

    #[test]
    fn what_is_not_the_key_stays() {
        let mut body = br#"{"a":"sk-Ab/9x","b":"\u00zz","c":"%zz","d":"sk-Ab"#.to_vec();
        let before = body.clone();
        Secret::new("sk-Ab/9cd").unwrap().black_out(&mut body);
        assert_eq!(body, before);
    }
}
