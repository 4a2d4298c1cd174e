//! What a person can do, as data: keys, help and documentation are all made from this one table.

/// Something that a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each does, in the words that users read")]
pub enum Action {
    Quit,
    Help,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Back,
    Fold,
    FoldAll,
    Filter,
    ClearFilter,
    SortNext,
    SortPrevious,
    Reverse,
    Range,
    Section,
    Group,
    Sessions,
    Loops,
    Trends,
    Caps,
    Team,
    Gpus,
    Cap,
    Stop,
    Hold,
    Theme,
    Freeze,
    CopyId,
    OpenLog,
    Redraw,
    Suspend,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Its name in the configuration.
    pub name: &'static str,
    /// The keys unless the configuration names others.
    pub keys: &'static [&'static str],
    /// What the help says.
    pub help: &'static str,
}

const fn binding(action: Action, name: &'static str, keys: &'static [&'static str], help: &'static str) -> Binding {
    Binding { action, name, keys, help }
}

/// Everything, in the order of the help.
pub const TABLE: &[Binding] = &[
    binding(Action::Sessions, "sessions", &["1"], "the sessions"),
    binding(Action::Loops, "loops", &["2"], "how long loops run, which run now, what is told"),
    binding(Action::Trends, "trends", &["4"], "trends: spend over time, calendar, hours, unit costs"),
    binding(Action::Caps, "caps", &["5"], "the caps: what is left, what was decided"),
    binding(Action::Team, "team", &["6"], "the team: its gateway's figures, budgets, differences"),
    binding(Action::Gpus, "gpus", &["7"], "the GPUs: what they do, idle $, servers, processes"),
    binding(Action::Up, "up", &["up", "k"], "previous row"),
    binding(Action::Down, "down", &["down", "j"], "next row"),
    binding(Action::PageUp, "page-up", &["pageup", "ctrl-u"], "a page up"),
    binding(Action::PageDown, "page-down", &["pagedown", "ctrl-d"], "a page down"),
    binding(Action::Top, "top", &["home", "g"], "first row"),
    binding(Action::Bottom, "bottom", &["end", "shift-g"], "last row"),
    binding(Action::Open, "open", &["enter", "right", "l"], "the session in full"),
    binding(Action::Back, "back", &["esc", "left", "h"], "back; clears the filter"),
    binding(Action::Section, "section", &["tab"], "next section, list, panel, gateway; else range"),
    binding(Action::Fold, "fold", &["space"], "fold or unfold subagents and forks"),
    binding(Action::FoldAll, "fold-all", &["z"], "fold or unfold all"),
    binding(Action::Filter, "filter", &["/"], "filter: text, agent: project: model: branch: live"),
    binding(Action::ClearFilter, "clear-filter", &["backspace"], "clear the filter"),
    binding(Action::SortNext, "sort", &["s", ">"], "sort by the next column"),
    binding(Action::SortPrevious, "sort-back", &["shift-s", "<"], "sort by the previous column"),
    binding(Action::Reverse, "reverse", &["r"], "reverse the order"),
    binding(Action::Range, "range", &["t"], "today, 7 days, 30 days, all; trends: by day, week, month"),
    binding(Action::Group, "group", &["b"], "group by project, agent, model, what; GPUs: heat map"),
    binding(Action::Cap, "cap", &["c"], "set a cap, or raise one"),
    binding(Action::Stop, "stop", &["x"], "stop the session's process; asks first"),
    binding(Action::Hold, "hold", &["p"], "pause the session's process; again: it goes on"),
    binding(Action::Theme, "theme", &["shift-t"], "next theme"),
    binding(Action::Freeze, "freeze", &["f"], "freeze the picture, keep collecting"),
    binding(Action::CopyId, "copy-id", &["y"], "copy the id; on a GPU process the kill command"),
    binding(Action::OpenLog, "open-log", &["o"], "open the session's log file"),
    binding(Action::Redraw, "redraw", &["ctrl-l"], "draw everything again"),
    binding(Action::Suspend, "suspend", &["ctrl-z"], "suspend; fg comes back"),
    binding(Action::Help, "help", &["?", "F1"], "this help"),
    binding(Action::Quit, "quit", &["q", "ctrl-c"], "quit"),
];
