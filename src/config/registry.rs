//! The registry: one entry per key, from which everything else about it follows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::alerts::{self, Alerts};
use super::choice::{COLUMNS, Group, Range, THEMES, WAYS, WeekStart};
use super::context::Context;
use super::currency::Currency;
use super::input::Shape;
use super::lookout::{self, Lookout};
use super::node::{Node, dotted};
use super::read::{self, Faults};
use super::value::Value;
use super::{Origin, Setting, attribution, caps, experiments, gateways, gpus, map, tiers};
use crate::attribution::{Experiment, Rule};
use crate::budgets::Assumed;
use crate::model::cap::OnFailure;
use crate::model::gpu_setup::GpuHost;
use crate::model::{Cap, GatewaySetup, Zone};
use crate::pricing::gpu::OwnPrice;
use crate::pricing::{Class, Override, Target};
use crate::sources::ALL;

/// The keys of a model's price table that are prices.
const RATES: [&str; 5] = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"];

/// A row for `doctor`: key, value, origin.
pub(super) type Row = (String, String, Origin);

/// What is known about a key.
pub(super) struct Entry {
    /// The key in the file.
    pub name: &'static str,
    /// Its environment variable, or what its variables' names start with.
    pub env: &'static str,
    /// Its flag.
    pub flag: &'static str,
    /// Whether it may stand in the file.
    pub in_file: bool,
    /// How its value is laid out.
    pub shape: Shape,
    /// Its default as a variable would say it.
    pub default: &'static str,
    /// What it means, line by line.
    pub doc: &'static [&'static str],
    /// The allowed values in words.
    pub allowed: fn() -> String,
    /// Reads a value and lays it over the settings.
    pub lay: fn(&mut Settings, &Node, &Context, &Origin, &mut Faults),
    /// The key, or its parts, as rows.
    pub rows: fn(&Settings) -> Vec<Row>,
    /// Takes the value of other settings.
    pub keep: fn(&mut Settings, &Settings),
    /// What the flags say.
    pub given: fn(&Flags) -> &[String],
    /// Takes a flag's text.
    pub give: fn(&mut Flags, String),
}

impl Entry {
    /// The entry of a key.
    pub(super) fn find(name: &str) -> Option<&'static Entry> {
        REGISTRY.iter().find(|entry| entry.name == name)
    }

    /// The keys that may stand in the file.
    pub(super) fn of_file() -> impl Iterator<Item = &'static Entry> {
        REGISTRY.iter().filter(|entry| entry.in_file)
    }
}

/// A flag that is given once, the last one winning, or as often as one likes.
trait Given {
    fn give(&mut self, text: String);
}

impl Given for Option<String> {
    fn give(&mut self, text: String) {
        *self = Some(text);
    }
}

impl Given for Vec<String> {
    fn give(&mut self, text: String) {
        self.push(text);
    }
}

/// The rows of one setting.
fn rows<T: Value>(name: &str, setting: &Setting<T>, parts: &BTreeMap<String, Origin>) -> Vec<Row> {
    match setting.value.parts().filter(|parts| !parts.is_empty()) {
        None => vec![(name.to_owned(), setting.value.show(), setting.origin.clone())],
        Some(values) => {
            let row = |(part, value): (String, String)| {
                let key = dotted([name, &part]);
                let origin = parts.get(&key).cloned().unwrap_or_default();
                (key, value, origin)
            };
            values.into_iter().map(row).collect()
        }
    }
}

/// Lays a value over a setting.
fn lay<T: Value>(name: &str, setting: &mut Setting<T>, parts: &mut BTreeMap<String, Origin>, value: T, origin: &Origin) {
    let set = setting.value.layer(value);
    if set.as_ref().is_none_or(|parts| !parts.is_empty()) {
        setting.origin = origin.clone();
    }
    parts.extend(set.unwrap_or_default().iter().map(|part| (dotted([name, part]), origin.clone())));
}

macro_rules! registry {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:literal, $shape:ident, $env:literal, $flag:literal $given:ty, file: $in_file:literal,
        $read:expr, $allowed:expr;
    )+) => {
        /// A usable value for every key. Made by [`super::load`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $field: Setting<$type>, )+
            /// Who set which part of a setting of several parts.
            parts: BTreeMap<String, Origin>,
        }

        /// What the command line says, still as text.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Flags {
            $( #[doc = concat!("`", $flag, "`")] pub $field: $given, )+
        }

        impl Settings {
            /// Empty values, for the layers to be laid over.
            pub(super) fn blank() -> Settings {
                Settings { $( $field: Setting { value: <$type>::default(), origin: Origin::Default }, )+ parts: BTreeMap::new() }
            }
        }

        /// All keys, in the order of the default file; tables come last, as TOML wants it.
        pub(super) const REGISTRY: &[Entry] = &[ $( Entry {
            name: stringify!($field),
            env: $env,
            flag: $flag,
            in_file: $in_file,
            shape: Shape::$shape,
            default: $default,
            doc: &[$($doc),+],
            allowed: $allowed,
            lay: |settings, node, cx, origin, faults| {
                if let Some(value) = $read(node, cx, faults) {
                    lay(stringify!($field), &mut settings.$field, &mut settings.parts, value, origin);
                }
            },
            rows: |settings| rows(stringify!($field), &settings.$field, &settings.parts),
            keep: |settings, other| settings.$field.clone_from(&other.$field),
            given: |flags| flags.$field.as_slice(),
            give: |flags, text| flags.$field.give(text),
        }, )+ ];
    };
}

registry! {
    /// The home directory in which agents' logs are looked for. Replacing it moves the store and this file with it,
    /// so that trials never touch the real ones.
    home: PathBuf = "", Text, "AIFINOPS_HOME", "--home" Option<String>, file: false,
    read::home, || "a directory".to_owned();

    /// Where this file lies. Usually `$XDG_CONFIG_HOME/aifinops/config.toml`.
    config_file: PathBuf = "", Text, "AIFINOPS_CONFIG", "--config" Option<String>, file: false,
    read::config_file, || "a file".to_owned();

    /// Where the store lies. Empty means `$XDG_DATA_HOME/aifinops`, which is usually `~/.local/share/aifinops`.
    data_dir: PathBuf = "", Text, "AIFINOPS_DATA_DIR", "--data-dir" Option<String>, file: true,
    read::data_dir, || "a directory; `~/` is the home".to_owned();

    /// The zone whose midnight starts a day. `local` is the machine's, or what the variable TZ names.
    timezone: Zone = "local", Text, "AIFINOPS_TIMEZONE", "--timezone" Option<String>, file: true,
    read::zone, || "local, or an IANA name such as Europe/Zurich or UTC".to_owned();

    /// The colours: the name of a built-in theme, or of a file in `themes/` beside this one.
    theme: String = "dark", Text, "AIFINOPS_THEME", "--theme" Option<String>, file: true,
    read::theme, || format!("{}, or the name of a file in `themes/`", THEMES.join(", "));

    /// The days that the screen, `top --once` and `sessions` show unless told otherwise. Reports have windows of their
    /// own: 30 days, 12 weeks, or everything.
    range: Range = "today", Text, "AIFINOPS_RANGE", "--range" Option<String>, file: true,
    read::choice, Range::allowed;

    /// The column that sessions are sorted by; a `-` before it reverses the order.
    sort: String = "today", Text, "AIFINOPS_SORT", "--sort" Option<String>, file: true,
    read::sort, || COLUMNS.join(", ");

    /// What sessions are grouped by.
    group: Group = "none", Text, "AIFINOPS_GROUP", "--group" Option<String>, file: true,
    read::choice, Group::allowed;

    /// The columns of the session table, from left to right; where there is no room, the least important ones leave.
    columns: Vec<String> = "state,agent,project,branch,model,loop,ctx,cache,tokens,rate,today,session", List,
    "AIFINOPS_COLUMNS", "--columns" Option<String>, file: true,
    read::columns, || COLUMNS.join(", ");

    /// Whether the screen listens to the mouse. Without it, the terminal's own selection of text works as usual.
    mouse: bool = "true", Bare, "AIFINOPS_MOUSE", "--mouse" Option<String>, file: true,
    read::scalar, || "true, false".to_owned();

    /// The command that opens a log from the screen, the file's path after it. Empty means `$PAGER`, else `less`.
    open_with: String = "", Text, "AIFINOPS_OPEN_WITH", "--open-with" Option<String>, file: true,
    read::command, || "a command".to_owned();

    /// How many threads read logs. 0 is one per core.
    threads: usize = "0", Bare, "AIFINOPS_THREADS", "--threads" Option<String>, file: true,
    read::threads, || "0 to 1024".to_owned();

    /// The day that a week begins on, for weekly caps and forecasts. Reports and trends have weeks from Monday.
    week_start: WeekStart = "monday", Text, "AIFINOPS_WEEK_START", "--week-start" Option<String>, file: true,
    read::choice, WeekStart::allowed;

    /// What guards do when they cannot tell what was spent: `open` lets the agent go on, `closed` blocks it.
    on_failure: OnFailure = "open", Text, "AIFINOPS_ON_FAILURE", "--on-failure" Option<String>, file: true,
    read::choice, || "open, closed".to_owned();

    /// What sessions were for: each rule's `set` holds where all of its conditions are met; of several rules the first that
    /// has a value for a dimension. `$1` and `${name}` are what the groups of `branch` have found, `${env:NAME}` is a variable
    /// of the agent's process, as its guard has seen it. Written as a table for each rule, at the end of this file:
    /// Example: `[[attribution]]`
    /// Example: `branch = '([A-Z]+-\d+)'`
    /// Example: `set = { team = "payments", feature = "$1" }`
    /// On one line: `[{ project = "web-*", set = { team = "web" } }]`.
    attribution: Vec<Rule> = "", Rules, "AIFINOPS_ATTRIBUTION", "--attribution" Option<String>, file: true,
    attribution::rules, attribution::allowed;
    /// What share of all tokens each class of models is to have, in per cent; `aifinops waste` compares. The class of a
    /// model follows from its price. Empty is no target.
    tier_target: Vec<Target> = "workhorse=70-80", List, "AIFINOPS_TIER_TARGET", "--tier-target" Option<String>, file: true,
    tiers::targets, || "flagship, workhorse or small = two per cents, such as workhorse=70-80".to_owned();

    /// Models that are of another class than their price says, such as `["gpt-5=flagship"]`.
    tier_models: Vec<(String, Class)> = "", List, "AIFINOPS_TIER_MODELS", "--tier-models" Option<String>, file: true,
    tiers::given, || "model = flagship, workhorse or small, such as gpt-5=flagship".to_owned();

    /// The currency that amounts are shown in, at a fixed rate of your own; the store keeps dollars.
    /// On one line: `EUR:0.92` or `EUR:0.92:€`.
    currency: Currency = "USD:1:$", Currency, "AIFINOPS_CURRENCY", "--currency" Option<String>, file: true,
    map::currency, || "code = three letters; rate = units per dollar, at most six decimals; symbol = what stands before amounts".to_owned();

    /// What calls count for against a cap while their model has no known price, in dollars per million tokens.
    /// On one line: `input:15,output:75`.
    assumed_price: Assumed = "input:15,output:75", Assumed, "AIFINOPS_ASSUMED_PRICE", "--assumed-price" Option<String>, file: true,
    caps::assumed, || "input, output = dollars per million tokens".to_owned();

    /// How much may be spent, and what happens then. The name is yours; `aifinops cap set 20` writes `day`.
    /// Example: `day = { limit = "$20", per = "day", notify = [50, 80, 100], action = "block" }`
    /// Example: `loops = { limit = "60 steps", per = "task", agent = "codex", action = "stop" }`
    /// On one line: `day=limit:20,per:day;loops=limit:60 steps,per:task`.
    caps: Vec<Cap> = "", Caps, "AIFINOPS_CAPS", "--cap" Vec<String>, file: true,
    caps::caps, caps::allowed;

    /// Trials with a budget and a last day; a session belongs to the one that its dimension `experiment` names.
    /// Over the budget, or after the day, you are told; with `block` its sessions are blocked as well.
    /// Example: `new-router = { owner = "ana", budget = "$200", ends = 2026-12-31, action = "block" }`
    /// On one line: `new-router=budget:200,owner:ana,ends:2026-12-31`.
    experiments: Vec<Experiment> = "", Experiments, "AIFINOPS_EXPERIMENTS", "--experiment" Vec<String>, file: true,
    experiments::experiments, experiments::allowed;

    /// Gateways of a team, or books of providers, that counted what was spent; `aifinops gateway add` writes them. The key
    /// comes from a variable (`token_env`), a command that prints it (`token_command`), a file that only you may read
    /// (`token_file`) or the system's keyring; it never stands here. `user` is whose spend is yours, where the key does not tell.
    /// Example: `team = { url = "https://gateway.example.com", kind = "litellm", token_env = "LITELLM_KEY" }`
    /// On one line: `team=url:https://gateway.example.com,kind:litellm,token_env:LITELLM_KEY`.
    gateways: Vec<GatewaySetup> = "", Gateways, "AIFINOPS_GATEWAYS", "--gateways" Vec<String>, file: true,
    gateways::gateways, gateways::allowed;

    /// How you are told of caps, of costly sessions, of loops that were stopped, of guards that broke, of unpriced models.
    /// `ways`: `auto` is the desktop (the terminal alone over SSH), the terminal's bell, and the webhook if it has an
    /// address. `webhook`: an address that takes JSON, Slack's for one; better kept in `AIFINOPS_WEBHOOK`.
    /// `quiet`: hours of your zone in which nothing is told; what they held back is told when they end. `session_over`:
    /// dollars that one session may cost before you are told; `off` is never.
    /// On one line: `ways=desktop,webhook;quiet=22:00-07:00;session_over=50`.
    alerts: Alerts = "ways=auto;webhook=;quiet=;session_over=20", Alerts, "AIFINOPS_ALERTS", "--alert" Vec<String>, file: true,
    alerts::read, || format!("ways = auto, none, or some of {}; webhook = https://…; quiet = HH:MM-HH:MM; session_over = dollars, or off", WAYS.join(", "));

    /// From when on something unusual is told. `loop_p99`: a running task with more steps than 99 % of your own. `loop_steps`:
    /// with more than this. `same_call`: the same tool call made so often in a task. `retries`: so many in a task. `burn`:
    /// the last hour so many deviations above what it usually costs. `prompt_growth`: prompts so many percent larger than
    /// in the last two weeks. `task_cost`: a task costs so many percent of last week's. `flagship`: so many short tasks
    /// without a tool on one day by a model made for more. `drift`: a gateway counts today's calls so many percent apart from
    /// the logs. Each is `off` where it is not wanted. `mute`: projects of which
    /// nothing is told, or `same_call@scratch*` for one kind.
    /// On one line: `same_call=8;burn=off;mute=scratch*`.
    lookout: Lookout = "loop_steps=off;loop_p99=on;same_call=5;retries=10;burn=6;prompt_growth=50;task_cost=200;flagship=10;drift=5;mute=", Lookout,
    "AIFINOPS_LOOKOUT", "--lookout" Vec<String>, file: true,
    lookout::read, || "loop_steps, same_call, retries, burn, prompt_growth, task_cost, flagship, drift = a number or off; loop_p99 = on or off; mute = projects".to_owned();

    /// GPUs. `watch`: whether they are looked at. `list`: whose prices by the hour (clouds that rent GPUs, `aws`, or none).
    /// Used `busy` % a card works, quiet for `quiet` seconds it is idle. You are told of cards that are idle for `idle` minutes
    /// and `idle_cost` dollars, whose memory is held by somebody idle for `reserved` minutes, that get nowhere for `stalled`
    /// minutes, that are used less than `target` % over a day or are hotter than `hot` °C; of processes whose session ended
    /// `zombie` minutes ago, or that are older than `ttl` hours; of a server whose cache is `kv` % full. `kwh`: what a
    /// kilowatt-hour costs. Each may be `off`.
    /// On one line: `idle=30;ttl=24;kwh=0.15`.
    gpu: gpus::Gpu = "watch=on;list=neocloud;busy=5;quiet=60;target=60;idle=15;idle_cost=1;reserved=30;stalled=5;zombie=10;ttl=off;kv=95;hot=87;kwh=off", Gpu,
    "AIFINOPS_GPU", "--gpu" Vec<String>, file: true,
    gpus::read, gpus::allowed;

    /// What an hour of a GPU costs you, in dollars: by a part of its name, by `host:NAME` (`host:localhost` is this machine) or
    /// by its id. An owned card costs what it loses in value, and its place.
    /// Example: `"H200" = 3.10`
    /// Example: `"RTX 4090" = { price = 1800, resale = 600, years = 3, hosting = 0.02 }`
    /// On one line: `H200=3.10;host:n1=2.40;RTX 4090=price:1800,years:3`.
    gpu_prices: Vec<OwnPrice> = "", GpuPrices, "AIFINOPS_GPU_PRICES", "--gpu-price" Vec<String>, file: true,
    gpus::prices, || "dollars an hour, or price, resale, hosting = dollars and years = a number".to_owned();

    /// Machines whose exporter, Prometheus, or inference server is asked for its GPUs and its tokens. What they are is found out
    /// from what they say; nothing else on the network is ever asked.
    /// Example: `n1 = "http://n1:9400"`
    /// Example: `fleet = { url = "https://prometheus.example.com", token_env = "PROMETHEUS_TOKEN" }`
    /// On one line: `n1=http://n1:9400;llm=url:http://127.0.0.1:8000,gpus:GPU-aa`.
    gpu_hosts: Vec<GpuHost> = "", GpuHosts, "AIFINOPS_GPU_HOSTS", "--gpu-host" Vec<String>, file: true,
    gpus::hosts, gpus::hosts_allowed;

    /// Keys of the screen's actions, one or several each; `?` on the screen lists the actions.
    /// Example: `quit = ["q", "ctrl-c"]`
    /// On one line: `quit=q;help=?,F1`.
    keys: BTreeMap<String, Vec<String>> = "", Keys, "AIFINOPS_KEYS", "--key" Vec<String>, file: true,
    map::keys, || "action = \"key\" or [\"key\", …]".to_owned();

    /// Directories with logs, in place of those where an agent usually keeps them.
    /// Example: `claude-code = ["~/.claude/projects", "/srv/logs/claude"]`
    /// As a flag, once per directory: `--root claude-code=/srv/logs/claude`. A variable holds a list as PATH does.
    roots: BTreeMap<String, Vec<PathBuf>> = "", Roots, "AIFINOPS_ROOTS", "--root" Vec<String>, file: true,
    map::roots, || format!("{} = [directories]; `~/` is the home", ALL.iter().map(|s| s.agent()).collect::<Vec<_>>().join(", "));

    /// Prices of your own, in dollars per million tokens: for a model that no list knows, or in place of list prices.
    /// Example: `"my-model" = { input = "3", output = "15", cache_read = "0.30", context_window = 200000 }`
    /// On one line: `my-model=input:3,output:15`.
    prices: Vec<Override> = "", Prices, "AIFINOPS_PRICES", "--price" Vec<String>, file: true,
    map::prices, || format!("{} = dollars per million tokens; context_window = tokens", RATES.join(", "));
}

impl Flags {
    /// Sets a flag by the name of its key; `false` when there is no such key.
    ///
    /// A flag that may be given several times takes the text in addition.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        let Some(entry) = Entry::find(key) else { return false };
        (entry.give)(self, value.to_owned());
        true
    }
}
