//! Any other program: the variables that vendors' libraries and most agents heed.

use super::{Change, Plan, World, route};

/// Variable, the route's name, the maker's address.
const VARIABLES: [(&str, &str, &str); 4] = [
    ("ANTHROPIC_BASE_URL", "anthropic", "https://api.anthropic.com"),
    ("OPENAI_BASE_URL", "openai", "https://api.openai.com/v1"),
    ("OPENAI_API_BASE", "openai-old", "https://api.openai.com/v1"),
    ("GOOGLE_GEMINI_BASE_URL", "gemini", "https://generativelanguage.googleapis.com"),
];

pub(super) fn plan(world: &World<'_>) -> Plan {
    let routes = VARIABLES.iter().map(|(variable, name, default)| route(name, world.upstream(world.var(variable), default))).collect();
    Plan {
        routes,
        change: Box::new(move |base| Change {
            env: VARIABLES.iter().map(|(variable, name, _)| ((*variable).to_owned(), base(name))).collect(),
            ..Change::default()
        }),
    }
}
