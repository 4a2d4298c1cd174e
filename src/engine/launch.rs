//! How each agent is pointed at the proxy; one file per agent, and the registry.
//!
//! **Why so.** Nothing of the user's is changed: an agent gets variables and arguments for this one run, chosen so that
//! its own login, keys and settings stay in force and only the address differs. Where the requests go from the proxy is
//! where they would have gone: the address that the user has set in the agent's own way, or else its maker's.

use std::collections::BTreeSet;
use std::path::Path;

use super::proxy::Route;

mod claude_code;
mod codex;
mod gemini;
mod generic;
mod opencode;

/// Every agent that can be pointed at the proxy in a way of its own.
pub static ALL: [&dyn Launch; 4] = [&claude_code::ClaudeCode, &codex::Codex, &gemini::Gemini, &opencode::OpenCode];

/// Where an agent will be started.
pub struct World<'a> {
    /// Its environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The home directory.
    pub home: &'a Path,
    /// The working directory.
    pub cwd: &'a Path,
    /// Its arguments, without the program, as far as they are words.
    pub args: &'a [String],
    /// The upstream that was asked for by hand.
    pub upstream: Option<&'a str>,
}

impl World<'_> {
    /// A variable that is set and not empty.
    fn var(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.trim().is_empty())
    }

    /// Whether a variable says yes.
    fn is_on(&self, name: &str) -> bool {
        self.var(name).is_some_and(|value| says_yes(&value))
    }

    /// The upstream: the one asked for, or the agent's own setting, or its maker's.
    fn upstream(&self, own: Option<String>, default: &str) -> String {
        self.upstream.map(str::to_owned).or(own).unwrap_or_else(|| default.to_owned())
    }
}

fn says_yes(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// What is different for this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Variables to set.
    pub env: Vec<(String, String)>,
    /// Arguments that come before the user's own.
    pub before: Vec<String>,
    /// Which of the user's own are left out.
    pub without: BTreeSet<usize>,
}

impl Change {
    /// All arguments, of which these are the user's own: those that stay come through as they are, be they words or not.
    #[must_use]
    pub fn args<T: Clone + From<String>>(&self, own: &[T]) -> Vec<T> {
        let stay = own.iter().enumerate().filter(|(at, _)| !self.without.contains(at)).map(|(_, arg)| arg.clone());
        self.before.iter().cloned().map(T::from).chain(stay).collect()
    }
}

/// The proxy's address of a route.
pub type Base<'a> = &'a dyn Fn(&str) -> String;

/// How an agent is to be pointed.
pub struct Plan {
    /// Where its requests go.
    pub routes: Vec<Route>,
    /// What is different for this run, once the proxy's addresses are known.
    pub change: Box<dyn Fn(Base<'_>) -> Change>,
}

/// An agent that can be pointed at the proxy.
pub trait Launch: Sync {
    /// Its name, such as `claude-code`.
    fn agent(&self) -> &'static str;

    /// The programs and packages that it is started by.
    fn programs(&self) -> &'static [&'static str];

    /// The variables that it sets for what it starts, and whether the value is the session's id.
    fn marks(&self) -> &'static [(&'static str, bool)];

    /// How it is pointed; or why it cannot be, with the settings that it has.
    fn plan(&self, world: &World<'_>) -> Result<Plan, String>;
}

/// Programs that start the program that one of their arguments names.
const RUNNERS: [&str; 13] = ["bun", "bunx", "caffeinate", "deno", "env", "mise", "nice", "node", "npx", "pnpm", "pnpx", "time", "yarn"];

/// The agent that is started by this program: `codex`, `/usr/bin/codex`, `@openai/codex@latest`, `codex.js`.
#[must_use]
pub fn of_program(program: &str) -> Option<&'static dyn Launch> {
    let name = name_of(program);
    ALL.into_iter().find(|agent| agent.programs().contains(&name))
}

fn name_of(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// Which word of a command is the agent's program, and which agent it is: the first one, or one that a runner starts.
#[must_use]
pub fn find(command: &[String]) -> Option<(usize, &'static dyn Launch)> {
    let is_runner = command.first().is_some_and(|program| RUNNERS.contains(&name_of(program)));
    let words = if is_runner { command.len() } else { 1 };
    command.iter().take(words).enumerate().find_map(|(at, word)| Some((at, of_program(word)?)))
}

/// The agent of this name.
#[must_use]
pub fn of_agent(name: &str) -> Option<&'static dyn Launch> {
    ALL.into_iter().find(|agent| agent.agent() == name)
}

/// How a program that nobody knows is pointed: by the variables that most programs heed.
#[must_use]
pub fn unknown(world: &World<'_>) -> Plan {
    generic::plan(world)
}

/// `NO_PROXY` with this machine in it: the proxy is not to be asked for through another one.
#[must_use]
pub fn no_proxy(world: &World<'_>) -> Vec<(String, String)> {
    let own = "127.0.0.1,localhost";
    let with = |name: &str| {
        let value = world.var(name).map_or_else(|| own.to_owned(), |others| format!("{others},{own}"));
        (name.to_owned(), value)
    };
    vec![with("NO_PROXY"), with("no_proxy")]
}

fn route(name: &str, upstream: String) -> Route {
    Route { name: name.to_owned(), upstream, unless: None }
}

/// A JSON file of the user's; comments and trailing commas are taken out. `None` where there is none that can be read.
fn json_file(path: &Path) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).or_else(|_| serde_json::from_str(&plain_json(&text))).ok()
}

/// JSON without comments and trailing commas.
fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref().skip(1) {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '}' | ']' => {
                let kept = out.trim_end();
                if kept.ends_with(',') {
                    out.truncate(kept.len() - 1);
                }
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_no_json() {
        let text = "{ // one\n \"a\": \"//\\\"*/\", /* two,\n } */ \"b\": [1, 2, ], }";
        let json: serde_json::Value = serde_json::from_str(&plain_json(text)).unwrap_or_default();
        assert_eq!(json, serde_json::json!({"a": "//\"*/", "b": [1, 2]}));
    }
}
