//! How the text of a variable, of a flag or of `config set` is laid out: lists with commas, tables with `name=value`.

use super::node::{Node, Raw};
use crate::sources::ALL;

/// The webhook's address is a secret: who keeps it out of the file has a variable for it alone.
const WEBHOOK: &str = "AIFINOPS_WEBHOOK";

/// The layout of a key's value in one line of text, and what may stand below it in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Any text.
    Text,
    /// A number or a truth value.
    Bare,
    /// `a,b,c`, or an array as TOML writes it.
    List,
    /// Paths, separated as in `PATH`.
    Paths,
    /// `EUR:0.92` or `EUR:0.92:€`.
    Currency,
    /// `quit=q;help=?,F1`.
    Keys,
    /// `agent=/path`; in the environment a variable per agent.
    Roots,
    /// `model=input:3,output:15;other=…`.
    Prices,
    /// `input:3,output:15`.
    Card,
    /// `day=limit:20;other=…`.
    Caps,
    /// `limit:20,per:day`.
    Cap,
    /// A list of tables, as TOML writes it.
    Rules,
    /// `new-router=budget:200,ends:2026-12-31;other=…`.
    Experiments,
    /// `budget:200,ends:2026-12-31`.
    Experiment,
    /// `team=url:https://…,kind:litellm,token_env:NAME;other=…`.
    Gateways,
    /// `url:https://…,kind:litellm,token_env:NAME`.
    Gateway,
    /// `input:15,output:75`.
    Assumed,
    /// `ways=desktop,webhook;quiet=22:00-07:00`; the webhook has a variable of its own.
    Alerts,
    /// `same_call=8;mute=scratch*`.
    Lookout,
    /// `idle=30;ttl=24`.
    Gpu,
    /// `H200=3.10;RTX 4090=price:1800,years:3`.
    GpuPrices,
    /// `3.10`, or `price:1800,years:3`.
    GpuPrice,
    /// `n1=http://n1:9400;llm=url:http://…,gpus:GPU-aa`.
    GpuHosts,
    /// `http://n1:9400`, or `url:http://…,gpus:GPU-aa`.
    GpuHost,
}

impl Shape {
    /// The shape of what stands below a key; `None` where nothing may.
    pub(super) fn at(self, path: &[String]) -> Option<Shape> {
        let (first, rest) = match path.split_first() {
            Some((first, rest)) => (first.as_str(), rest),
            None => return Some(self),
        };
        let below = match (self, first) {
            (Shape::Currency, "code" | "rate" | "symbol")
            | (Shape::Alerts, "webhook" | "quiet" | "session_over")
            | (Shape::Card, "input" | "output" | "cache_read" | "cache_write_5m" | "cache_write_1h")
            | (Shape::Cap, "limit" | "per" | "agent" | "project" | "model" | "action")
            | (Shape::Experiment, "owner" | "budget" | "ends" | "action")
            | (Shape::Gateway, "url" | "kind" | "token_env" | "token_command" | "token_file" | "user")
            | (
                Shape::Lookout,
                "loop_steps" | "loop_p99" | "same_call" | "retries" | "burn" | "prompt_growth" | "task_cost" | "flagship" | "drift",
            )
            | (Shape::Gpu, _)
            | (Shape::GpuPrice, "price" | "resale" | "years" | "hosting")
            | (Shape::GpuHost, "url" | "token_env" | "token_file" | "token_command")
            | (Shape::Assumed, "input" | "output") => Shape::Text,
            (Shape::Card, "context_window") | (Shape::Gateway, "keyring" | "every") => Shape::Bare,
            (Shape::Cap, "notify") | (Shape::Keys, _) | (Shape::Alerts, "ways") | (Shape::Lookout, "mute") | (Shape::GpuHost, "gpus") => {
                Shape::List
            }
            (Shape::GpuPrices, _) => Shape::GpuPrice,
            (Shape::GpuHosts, _) => Shape::GpuHost,
            (Shape::Caps, _) => Shape::Cap,
            (Shape::Experiments, _) => Shape::Experiment,
            (Shape::Gateways, _) => Shape::Gateway,
            (Shape::Roots, _) => Shape::Paths,
            (Shape::Prices, _) => Shape::Card,
            _ => return None,
        };
        below.at(rest)
    }

    /// Whether it is a table in the file.
    pub(super) fn is_table(self) -> bool {
        match self {
            Shape::Text | Shape::Bare | Shape::List | Shape::Paths | Shape::Rules => false,
            Shape::Currency
            | Shape::Keys
            | Shape::Roots
            | Shape::Prices
            | Shape::Card
            | Shape::Caps
            | Shape::Cap
            | Shape::Experiments
            | Shape::Experiment
            | Shape::Gateways
            | Shape::Gateway
            | Shape::Assumed
            | Shape::Alerts
            | Shape::Lookout
            | Shape::Gpu
            | Shape::GpuPrices
            | Shape::GpuPrice
            | Shape::GpuHosts
            | Shape::GpuHost => true,
        }
    }

    /// Takes a text apart; the error says how it should look.
    pub(super) fn parse(self, text: &str) -> Result<Node, String> {
        Ok(match self {
            Shape::GpuPrice if text.contains(':') => pairs(text, ',', ':', Shape::Text, "price:1800,years:3")?,
            Shape::GpuHost if text.trim_start().starts_with("url:") => {
                pairs(text, ',', ':', Shape::Text, "url:http://n1:9400,gpus:GPU-aa")?
            }
            Shape::Text | Shape::GpuPrice | Shape::GpuHost => Node::text(text),
            Shape::Bare => Raw::Bare(text.trim().to_owned()).into(),
            Shape::List => list(text),
            Shape::Paths => {
                let paths: Vec<_> = std::env::split_paths(text).map(|path| path.to_string_lossy().into_owned()).collect();
                Node::list(paths.iter().map(String::as_str).filter(|path| !path.is_empty()))
            }
            Shape::Currency => {
                let mut parts = text.splitn(3, ':');
                let named = ["code", "rate", "symbol"].into_iter().map_while(|name| Some((name.to_owned(), Node::text(parts.next()?))));
                Node::map(named.collect())
            }
            Shape::Keys => pairs(text, ';', '=', Shape::List, "action=key,key")?,
            Shape::Alerts | Shape::Lookout | Shape::Gpu => {
                let parts = text.split(';').filter(|part| !part.trim().is_empty());
                let pair = |part: &str| {
                    let example = match self {
                        Shape::Alerts => "ways=desktop,terminal;quiet=22:00-07:00",
                        Shape::Gpu => "idle=30;ttl=24",
                        _ => "same_call=8;burn=off",
                    };
                    let (name, value) = part.split_once('=').ok_or_else(|| format!("should look like `{example}`"))?;
                    let name = name.trim().to_owned();
                    let shape = self.at(std::slice::from_ref(&name)).unwrap_or(Shape::Text);
                    Ok((name, shape.parse(value.trim())?))
                };
                Node::map(parts.map(pair).collect::<Result<_, String>>()?)
            }
            Shape::Roots => match text.split_once('=') {
                Some((agent, path)) => Node::map(vec![(agent.trim().to_owned(), Node::list([path]))]),
                None => return Err("should look like `agent=/path`".to_owned()),
            },
            Shape::Prices => pairs(text, ';', '=', Shape::Card, "model=input:3,output:15")?,
            Shape::Card | Shape::Assumed => pairs(text, ',', ':', Shape::Text, "input:3,output:15")?,
            Shape::Caps => pairs(text, ';', '=', Shape::Cap, "day=limit:20,action:block")?,
            Shape::Rules => super::attribution::on_one_line(text)?,
            Shape::Experiments => pairs(text, ';', '=', Shape::Experiment, "name=budget:200,ends:2026-12-31")?,
            Shape::Experiment => pairs(text, ',', ':', Shape::Text, "budget:200,ends:2026-12-31")?,
            Shape::Gateways => pairs(text, ';', '=', Shape::Gateway, "team=url:https://gateway.example.com,kind:litellm,token_env:NAME")?,
            Shape::Gateway => pairs(text, ',', ':', Shape::Text, "url:https://gateway.example.com,kind:litellm,token_env:NAME")?,
            Shape::Cap => pairs(text, ',', ':', Shape::Text, "limit:20,per:day")?,
            Shape::GpuPrices => pairs(text, ';', '=', Shape::GpuPrice, "H200=3.10")?,
            Shape::GpuHosts => pairs(text, ';', '=', Shape::GpuHost, "n1=http://n1:9400")?,
        })
    }

    /// The variables that set a key: one, or one per agent. Each with its name and value.
    pub(super) fn variables(self, name: &str, env: super::context::Env<'_>) -> Vec<(String, Result<Node, String>)> {
        if self == Shape::Alerts {
            let all = env(name).map(|text| (name.to_owned(), self.parse(&text)));
            let webhook = env(WEBHOOK).map(|url| (WEBHOOK.to_owned(), Ok(Node::map(vec![("webhook".to_owned(), Node::text(&url))]))));
            return all.into_iter().chain(webhook).collect();
        }
        if self != Shape::Roots {
            return env(name).map(|text| (name.to_owned(), self.parse(&text))).into_iter().collect();
        }
        let of_agent = |agent: &str| {
            let name = variable(name, agent);
            let node = Shape::Paths.parse(&env(&name)?).map(|paths| Node::map(vec![(agent.to_owned(), paths)]));
            Some((name, node))
        };
        ALL.iter().filter_map(|source| of_agent(source.agent())).collect()
    }

    /// The names of those variables, for the documentation.
    pub(super) fn variable_names(self, name: &str) -> String {
        if self == Shape::Alerts {
            return format!("{name}, {WEBHOOK}");
        }
        if self != Shape::Roots {
            return name.to_owned();
        }
        ALL.iter().map(|source| variable(name, source.agent())).collect::<Vec<_>>().join(", ")
    }
}

/// `AIFINOPS_ROOTS` and `claude-code` make `AIFINOPS_ROOTS_CLAUDE_CODE`.
fn variable(name: &str, agent: &str) -> String {
    format!("{name}_{}", agent.to_ascii_uppercase().replace('-', "_"))
}

fn list(text: &str) -> Node {
    let text = text.trim();
    if let Some(node) = Some(text).filter(|text| text.starts_with('[')).and_then(Node::array) {
        return node;
    }
    // The comma itself is a key on the keyboard.
    if text == "," {
        return Node::list([","]);
    }
    Node::list(text.split(',').map(str::trim).filter(|item| !item.is_empty()))
}

fn pairs(text: &str, between: char, inside: char, shape: Shape, example: &str) -> Result<Node, String> {
    let pair = |part: &str| {
        let (name, value) = part.split_once(inside).ok_or_else(|| format!("should look like `{example}`"))?;
        Ok((name.trim().to_owned(), shape.parse(value.trim())?))
    };
    let parts = text.split(between).filter(|part| !part.trim().is_empty());
    Ok(Node::map(parts.map(pair).collect::<Result<_, String>>()?))
}
