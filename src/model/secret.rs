//! Command lines without what nobody else may read: keys and passwords that were given to a program as words of its command.
//!
//! A command is shown on screens, told in alerts and sent to webhooks, which the one who typed a key into it did not mean. What
//! is a secret follows from its name alone: an option, a variable or a header whose name says so. What is hidden in vain is a
//! file name less; what is shown in vain is a key that has to be replaced.

/// What stands for a secret.
pub const HIDDEN: &str = "***";

/// A name with one of these in it is a secret's.
const TELLING: [&str; 6] = ["key", "token", "passw", "passphrase", "secret", "auth"];
/// Names with one of those in them that are nobody's secret: what cuts text into tokens, and how many of them there may be.
const HARMLESS: [&str; 2] = ["tokeniz", "tokenis"];
const COUNTED: &str = "tokens";

/// What follows a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Anything.
    Open,
    /// The secret that the word has announced.
    Secret,
    /// The same, and numbers are none.
    Count,
    /// A secret of several words, up to the next option: a header's.
    Header,
    /// The rest of a secret in quotes.
    Quoted(char),
}

/// The words of a command as they may be shown, the program first.
#[must_use]
pub fn mask<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    let mut shown: Vec<String> = Vec::new();
    let mut next = Next::Open;
    for word in &words {
        next = match next {
            // One word that holds several is a title that a program has given itself, or what a shell is to run.
            Next::Open if word.trim().contains(char::is_whitespace) => {
                if words.len() == 1 || !is_whole(word, &mut shown) {
                    word.split_whitespace().fold(Next::Open, |next, part| take(part, next, &mut shown));
                }
                Next::Open
            }
            next => take(word, next, &mut shown),
        };
    }
    shown.join(" ")
}

/// Takes a word all of whose words are one secret's value: a header, or a variable and what it is.
fn is_whole(word: &str, shown: &mut Vec<String>) -> bool {
    let Some(first) = word.split_whitespace().next() else { return false };
    let (text, next) = of_word(first);
    let is_whole = next == Next::Header || text != first;
    if is_whole {
        shown.push(text);
        shown.extend((next == Next::Header).then(|| HIDDEN.to_owned()));
    }
    is_whole
}

/// Takes a word; says what is to be thought of the one after it.
fn take(word: &str, before: Next, shown: &mut Vec<String>) -> Next {
    match before {
        Next::Secret | Next::Count if !is_option(word) => {
            shown.push(if before == Next::Count && is_count(word) { word } else { HIDDEN }.to_owned());
            opened(word).map_or(Next::Open, Next::Quoted)
        }
        Next::Header if !is_option(word) => {
            shown.push(HIDDEN.to_owned());
            before
        }
        Next::Quoted(quote) => {
            if word.contains(quote) {
                Next::Open
            } else {
                before
            }
        }
        _ => {
            let (text, next) = of_word(word);
            shown.push(text);
            next
        }
    }
}

/// A word without the value in it, if that is a secret; and what follows.
fn of_word(word: &str) -> (String, Next) {
    let ends_a_secret = |(at, sign): &(usize, char)| matches!(sign, '=' | ':') && is_secret(word.get(..*at).unwrap_or_default());
    if let Some((at, sign)) = word.char_indices().find(ends_a_secret) {
        let (name, value) = (word.get(..at).unwrap_or_default(), word.get(at + 1..).unwrap_or_default());
        if sign == ':' && value.trim_matches(['"', '\'']).is_empty() {
            return (word.to_owned(), Next::Header);
        }
        if is_count(value) && name.to_ascii_lowercase().contains(COUNTED) {
            return (word.to_owned(), Next::Open);
        }
        return (format!("{}{sign}{HIDDEN}", without_password(name)), opened(value).map_or(Next::Open, Next::Quoted));
    }
    let next = if !is_option(word) || !is_secret(word) {
        Next::Open
    } else if word.to_ascii_lowercase().contains(COUNTED) {
        Next::Count
    } else {
        Next::Secret
    };
    (without_password(word), next)
}

/// Whether a word is the name of an option: one dash and a letter, or two dashes.
fn is_option(word: &str) -> bool {
    word.strip_prefix("--").map_or_else(|| word.starts_with('-') && word.chars().count() == 2, |name| !name.is_empty())
        || word.strip_prefix('-').is_some_and(|name| !name.is_empty() && is_secret(name) && !name.contains(['=', ':']))
}

/// Whether the last name in a text is a secret's.
fn is_secret(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'']);
    let name = text.rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.')).next().unwrap_or_default();
    let name = HARMLESS.iter().fold(name.to_lowercase(), |name, word| name.replace(word, ""));
    TELLING.iter().any(|word| name.contains(word))
}

/// Whether a value is how many of something, and no secret that is a number.
fn is_count(value: &str) -> bool {
    (1..=7).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// The quote that a word opens and does not close.
fn opened(word: &str) -> Option<char> {
    let quote = word.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    (word.matches(quote).count() == 1).then_some(quote)
}

/// An address without the password in it: `https://user:password@host`.
fn without_password(word: &str) -> String {
    let whole = || {
        let (scheme, rest) = word.split_once("://")?;
        let place = rest.split('/').next()?;
        let (user, _) = place.rsplit_once('@')?.0.split_once(':')?;
        let after = rest.get(place.rfind('@')?..)?;
        Some(format!("{scheme}://{user}:{HIDDEN}{after}"))
    };
    whole().unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_what_is_named_like_a_secret_is_hidden() {
        for (words, expected) in [
            (&["vllm", "serve", "--api-key", "sk-1", "--port", "80"][..], "vllm serve --api-key *** --port 80"),
            (&["vllm", "--api-key=sk-1", "m"], "vllm --api-key=*** m"),
            (&["x", "--hf_token", "-abc"], "x --hf_token ***"),
            (&["x", "-password", "a b c", "y"], "x -password *** y"),
            (&["java", "-Djavax.keyStorePassword=a b"], "java -Djavax.keyStorePassword=***"),
            (&["env", "OPENAI_API_KEY=sk-1", "python", "a.py"], "env OPENAI_API_KEY=*** python a.py"),
            (&["curl", "-H", "Authorization: Bearer sk-1", "http://a"], "curl -H Authorization: *** http://a"),
            (&["curl", "--header=X-Api-Key:sk-1"], "curl --header=X-Api-Key:***"),
            (&["curl", "https://ann:sk-1@h/a?api_key=sk-2&x=1"], "curl https://ann:***@h/a?api_key=***"),
            (&["curl", "https://ann:sk-1@h/a"], "curl https://ann:***@h/a"),
            (&["sh", "-c", "A_SECRET='sk 1' train"], "sh -c A_SECRET=***"),
            (&["sh", "-c", "train --auth-token 'sk 1' --lr 1"], "sh -c train --auth-token *** --lr 1"),
            (&["x", "{\"client_secret\":\"sk-1\"}"], "x {\"client_secret\":***"),
            // A title that a program has given itself.
            (&["vllm serve m --api-key sk-1 --port 80"], "vllm serve m --api-key *** --port 80"),
        ] {
            let shown = mask(words.iter().copied());
            assert_eq!(shown, expected, "{words:?}");
        }
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        for words in [
            &["python", "-m", "vllm", "--tokenizer", "Qwen/Qwen3", "--max-tokens", "4096", "--max-num-batched-tokens=8192"][..],
            &["x", "--use-auth", "--port", "80", "http://h:80/a", "a=b"],
            &["/opt/keys/train", "monkey", ""],
            &[],
        ] {
            assert_eq!(mask(words.iter().copied()), words.join(" "));
        }
    }
}
