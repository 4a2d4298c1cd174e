//! Gemini CLI: one address for each way in: a key, a Google login (Code Assist), Vertex AI.
//! <https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/configuration.md>

use super::{Change, Launch, Plan, World, route};

pub(super) struct Gemini;

/// Variable, the route's name, the maker's address.
const WAYS: [(&str, &str, &str); 2] = [
    ("GOOGLE_GEMINI_BASE_URL", "gemini", "https://generativelanguage.googleapis.com"),
    ("CODE_ASSIST_ENDPOINT", "code-assist", "https://cloudcode-pa.googleapis.com"),
];
const VERTEX: &str = "GOOGLE_VERTEX_BASE_URL";

impl Launch for Gemini {
    fn agent(&self) -> &'static str {
        "gemini-cli"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["gemini", "gemini-cli"]
    }

    fn marks(&self) -> &'static [(&'static str, bool)] {
        &[("GEMINI_CLI", false)]
    }

    fn plan(&self, world: &World<'_>) -> Result<Plan, String> {
        let mut ways: Vec<(&str, &str, String)> =
            WAYS.iter().map(|(variable, name, default)| (*variable, *name, world.upstream(world.var(variable), default))).collect();
        if let Some(upstream) = world.var(VERTEX).or_else(|| vertex(world)) {
            ways.push((VERTEX, "vertex", world.upstream(Some(upstream), "")));
        }
        let routes = ways.iter().map(|(_, name, upstream)| route(name, upstream.clone())).collect();
        let variables: Vec<(String, String)> =
            ways.iter().map(|(variable, name, _)| ((*variable).to_owned(), (*name).to_owned())).collect();
        Ok(Plan {
            routes,
            change: Box::new(move |base| Change {
                env: variables.iter().map(|(variable, name)| (variable.clone(), base(name))).collect(),
                ..Change::default()
            }),
        })
    }
}

/// Vertex AI has an address for each region.
fn vertex(world: &World<'_>) -> Option<String> {
    if !world.is_on("GOOGLE_GENAI_USE_VERTEXAI") {
        return None;
    }
    Some(match world.var("GOOGLE_CLOUD_LOCATION").as_deref() {
        None | Some("global") => "https://aiplatform.googleapis.com".to_owned(),
        Some(region) => format!("https://{region}-aiplatform.googleapis.com"),
    })
}
