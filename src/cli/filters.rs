//! Which sessions: words as in the screen's filter line, and a flag for each kind of them.

use clap::Args;

use crate::query::Filter;

use super::words;

/// The filter as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Words that must all be met: `billing`, `agent:codex`, `project:api`, `project:"my app"`, `model:opus`, `branch:main`, `feature:checkout`, `live`
    #[arg(value_name = "FILTER")]
    pub words: Vec<String>,
    /// Only this agent
    #[arg(long, value_name = "NAME", value_parser = words::agents())]
    pub agent: Option<String>,
    /// Only projects whose name or directory holds this
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only models whose name holds this
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Only sessions that are at work or wait for somebody
    #[arg(long)]
    pub live: bool,
}

impl FilterArgs {
    /// All of it as one filter.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let flags = [("agent", &self.agent), ("project", &self.project), ("model", &self.model)];
        // A flag's value is one word, whatever spaces it holds.
        let flags = flags.into_iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}:{value}")));
        let live = self.live.then(|| "live".to_owned());
        let words = self.words.iter().map(|word| Filter::parse(word));
        words.fold(Filter::of_words(flags.chain(live)), Filter::and)
    }
}
