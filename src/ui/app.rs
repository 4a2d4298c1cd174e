//! The state of the screen and how it changes: `update` has no I/O and asks no clock.

use crate::model::Zone;
use std::collections::HashSet;
use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use crate::config::Currency;
use crate::engine::gpus::GpuPicture;
use crate::engine::hand::Wish;
use crate::engine::{Command, Snapshot, Span};
use crate::query::Filter;

use super::action::Action;
use super::columns::{self, Column};
use super::keymap::Keymap;
use super::rows::{self, Order, Row};
use super::theme::Theme;

pub mod caps;
pub mod dialog;
mod effect;
mod frozen;
pub mod full;
pub mod gpus;
mod hits;
pub mod loops;
mod mouse;
mod moving;
mod options;
pub mod team;
pub mod trends;

pub use caps::CapsView;
pub use dialog::{CapDialog, Dialog, Field};
pub use effect::{Effect, Message};
pub use full::{Full, Section};
pub use gpus::GpusView;
pub use hits::{Hits, Part};
pub use loops::LoopsView;
pub use options::Options;
pub use team::TeamView;
pub use trends::TrendsView;

/// The width of the table from which all columns are shown.
const WIDE: u16 = 178;

/// What the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// The table of sessions.
    #[default]
    Sessions,
    /// One session in full.
    Session,
    /// How long loops run.
    Loops,
    /// Spend over time.
    Trends,
    /// The caps.
    Caps,
    /// What a gateway has counted.
    Team,
    /// The GPUs.
    Gpus,
}

/// The state of the screen.
#[derive(Debug, Clone)]
pub struct App {
    /// What is shown.
    pub view: View,
    /// The help is open.
    pub help: bool,
    /// How far the help is scrolled.
    pub help_scroll: u16,
    /// The columns wanted.
    pub columns: Vec<Column>,
    /// Order, filter and folding.
    pub order: Order,
    /// The filter line.
    pub input: Input,
    /// Whether it is being typed.
    pub typing: bool,
    /// What the sessions and sums cover.
    pub span: Span,
    /// The picture that was frozen.
    pub frozen: Option<Arc<Snapshot>>,
    /// The rows of the table as last made.
    pub rows: Vec<Row>,
    made_of: Option<rows::MadeOf>,
    /// The selected session: kept by id while rows move.
    pub selected: Option<i64>,
    /// The selected row's place, for when its session is gone.
    pub cursor: usize,
    /// The first row in view.
    pub scroll: usize,
    /// Whether the user has chosen the selected row; until then it is the first one.
    pub chosen: bool,
    /// What is selected in the session in full.
    pub full: Full,
    /// The sessions that the one in full was opened from, with what was selected there.
    pub trail: Vec<(i64, Full)>,
    /// The theme.
    pub theme: Theme,
    /// All themes' names.
    pub themes: Vec<String>,
    /// The keys.
    pub keys: Keymap,
    /// How money is shown.
    pub currency: Currency,
    /// The viewer's zone.
    pub zone: Zone,
    /// What is selected among the caps.
    pub caps: CapsView,
    /// What is selected among the loops.
    pub loops: LoopsView,
    /// What there is to tell now: whether it is critical, a title and a body.
    pub alerts: Vec<(bool, String, String)>,
    /// What the trends show.
    pub trends: TrendsView,
    /// What is selected in the team.
    pub team: TeamView,
    /// What is selected among the GPUs.
    pub gpus: GpusView,
    /// What is known of GPUs.
    pub gpu_picture: Arc<GpuPicture>,
    /// What is asked, over everything else.
    pub dialog: Option<Dialog>,
    /// The last word about agents' processes that was heard.
    pub heard: u64,
    /// What is wrong with the settings.
    pub problems: Vec<String>,
    /// What else is wrong until it is mended: guards that do not hold.
    pub standing: Vec<String>,
    /// A line for the user, until the next key.
    pub message: Option<Message>,
    /// Where things were drawn.
    pub hits: Hits,
}

impl App {
    /// The screen at its start.
    #[must_use]
    pub fn new(options: Options) -> App {
        App {
            view: View::Sessions,
            help: false,
            help_scroll: 0,
            columns: options.columns,
            order: Order {
                filter: Filter::parse(&options.filter),
                sort: options.sort.0,
                reversed: options.sort.1,
                group: options.group,
                folded: HashSet::new(),
                fold_all: false,
            },
            input: Input::new(options.filter),
            typing: false,
            span: options.span,
            frozen: None,
            rows: Vec::new(),
            made_of: None,
            selected: None,
            cursor: 0,
            scroll: 0,
            chosen: false,
            full: Full::default(),
            trail: Vec::new(),
            theme: options.theme,
            themes: options.themes,
            keys: options.keys,
            currency: options.currency,
            zone: options.zone,
            caps: CapsView::default(),
            loops: LoopsView::default(),
            alerts: Vec::new(),
            trends: TrendsView::default(),
            team: TeamView::default(),
            gpus: GpusView::default(),
            gpu_picture: Arc::default(),
            dialog: None,
            heard: 0,
            problems: options.problems,
            standing: Vec::new(),
            message: None,
            hits: Hits::default(),
        }
    }

    /// Takes a new picture. The selection stays on its session.
    pub fn take(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        // What is frozen can be sorted, folded and filtered, and stays what it is.
        let sessions = &self.frozen.as_deref().unwrap_or(snapshot).sessions;
        rows::renew(&mut self.rows, &mut self.made_of, sessions, &self.order);
        self.settle_loops(snapshot);
        self.settle_child(snapshot);
        self.settle()
    }

    /// Takes where things were drawn.
    pub fn drawn(&mut self, hits: Hits) {
        match self.view {
            View::Sessions => self.scroll = hits.first,
            View::Session => hits.parts.iter().for_each(|part| self.full.drawn(part.section, part.first)),
            View::Loops => self.loops.first = hits.first,
            View::Caps => (self.caps.first, self.caps.log) = (hits.first, hits.log.1),
            View::Team => self.team.first = hits.first,
            View::Gpus => self.gpus.first = hits.first,
            View::Trends => {}
        }
        self.help_scroll = self.help_scroll.min(hits.help.0);
        self.hits = hits;
    }

    /// The columns wanted in a table of this width: where there is much room, those that nobody has chosen come, too.
    #[must_use]
    pub fn columns_at(&self, width: u16) -> &[Column] {
        if width >= WIDE && self.columns == default_columns() { columns::ALL } else { &self.columns }
    }

    /// Takes what the terminal says.
    pub fn update(&mut self, event: &Event, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, event, snapshot),
            Event::Paste(text) if self.dialog.is_some() => {
                if let Some(input) = self.dialog.as_mut().and_then(Dialog::input) {
                    paste(input, text);
                }
                Vec::new()
            }
            Event::Paste(text) if self.typing => {
                paste(&mut self.input, text);
                self.refilter(snapshot)
            }
            Event::Mouse(mouse) => self.mouse(*mouse, snapshot),
            _ => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent, event: &Event, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        self.message = None;
        if self.dialog.is_some() {
            return self.dialog_key(key, event);
        }
        if self.typing {
            return self.type_filter(key, event, snapshot);
        }
        match self.keys.action(key) {
            Some(action) if self.help => self.help_key(action),
            Some(action) => self.act(action, snapshot),
            None if self.help => {
                self.help = false;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn help_key(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Down => self.help_scroll = self.help_scroll.saturating_add(1),
            Action::Up => self.help_scroll = self.help_scroll.saturating_sub(1),
            Action::PageDown => self.help_scroll = self.help_scroll.saturating_add(self.hits.help.1.max(1)),
            Action::PageUp => self.help_scroll = self.help_scroll.saturating_sub(self.hits.help.1.max(1)),
            Action::Top => self.help_scroll = 0,
            Action::Bottom => self.help_scroll = self.hits.help.0,
            Action::Quit => {
                self.help = false;
                return if self.keys.first(Action::Quit) == "q" { Vec::new() } else { vec![Effect::Quit] };
            }
            _ => self.help = false,
        }
        Vec::new()
    }

    fn type_filter(&mut self, key: KeyEvent, event: &Event, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter => {
                self.typing = false;
                Vec::new()
            }
            KeyCode::Esc => {
                self.typing = false;
                self.input.reset();
                self.refilter(snapshot)
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => vec![Effect::Quit],
            _ => {
                self.input.handle_event(event);
                self.refilter(snapshot)
            }
        }
    }

    fn refilter(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        self.order.filter = Filter::parse(self.input.value());
        self.take(snapshot)
    }

    /// What a key or a click means in the view alone; `None` is for what means the same everywhere.
    fn act_in_view(&mut self, action: Action, page: isize, snapshot: &Arc<Snapshot>) -> Option<Vec<Effect>> {
        match self.view {
            View::Sessions => None,
            View::Session => self.act_in_full(action, page, snapshot),
            View::Loops => self.act_in_loops(action, page, snapshot),
            View::Trends => self.act_in_trends(action),
            View::Caps => self.act_in_caps(action, page, snapshot),
            View::Team => self.act_in_team(action, page, snapshot),
            View::Gpus => self.act_in_gpus(action, page),
        }
    }

    /// Does what a key or a click means.
    pub fn act(&mut self, action: Action, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        let page = usize::from(self.hits.body.height.saturating_sub(1)).max(1);
        if let Some(effects) = self.act_in_view(action, page.cast_signed(), snapshot) {
            return effects;
        }
        match action {
            Action::Sessions => self.show(View::Sessions),
            Action::Loops => self.show(View::Loops),
            Action::Trends => self.show(View::Trends),
            Action::Caps => self.show(View::Caps),
            Action::Team => self.show(View::Team),
            Action::Gpus => self.show(View::Gpus),
            Action::Cap => self.ask_for_cap(snapshot),
            Action::Stop => self.wish(Wish::Stop),
            Action::Hold => self.wish(Wish::Hold),
            Action::Quit => vec![Effect::Quit],
            Action::Help => {
                self.help = true;
                self.help_scroll = 0;
                Vec::new()
            }
            Action::Up => self.move_by(-1),
            Action::Down => self.move_by(1),
            Action::PageUp => self.move_by(-(page.cast_signed())),
            Action::PageDown => self.move_by(page.cast_signed()),
            Action::Top => self.move_by(isize::MIN / 2),
            Action::Bottom => self.move_by(isize::MAX / 2),
            Action::Open => {
                if self.selected.is_some() {
                    self.view = View::Session;
                    self.full = Full::default();
                    self.trail.clear();
                    self.chosen = true;
                }
                Vec::new()
            }
            Action::Back => self.back(snapshot),
            Action::Fold => self.fold(snapshot),
            Action::FoldAll => {
                self.order.fold_all = !self.order.fold_all;
                self.order.folded.clear();
                self.take(snapshot)
            }
            Action::Filter => {
                self.typing = true;
                Vec::new()
            }
            Action::ClearFilter => {
                self.input.reset();
                self.refilter(snapshot)
            }
            Action::SortNext => self.sort_by(1, snapshot),
            Action::SortPrevious => self.sort_by(-1, snapshot),
            Action::Reverse => {
                self.order.reversed = !self.order.reversed;
                self.take(snapshot)
            }
            Action::Range | Action::Section => self.other_days(),
            Action::Group => {
                self.order.group = self.order.group.next();
                self.take(snapshot)
            }
            Action::Theme => {
                let at = self.themes.iter().position(|t| *t == self.theme.name).map_or(0, |i| i + 1);
                self.themes.get(at).or(self.themes.first()).cloned().map(Effect::Theme).into_iter().collect()
            }
            Action::Freeze => {
                let frozen = self.frozen.take();
                if frozen.is_none() {
                    self.frozen = Some(snapshot.clone());
                }
                Vec::new()
            }
            Action::CopyId => match self.selected_uid(snapshot) {
                Some(uid) => {
                    self.message = Some(Message::done(format!("copied {}", crate::model::text::shown(&uid))));
                    vec![Effect::Copy(uid)]
                }
                None => Vec::new(),
            },
            Action::OpenLog => self.open_log(snapshot),
            Action::Redraw => vec![Effect::Redraw],
            Action::Suspend => vec![Effect::Suspend],
        }
    }

    fn open_log(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        if let Some(path) = self.detail(snapshot).and_then(|d| d.files.first()) {
            return vec![Effect::OpenLog(path.clone())];
        }
        self.message = Some(Message::failed("this session's log is not known"));
        Vec::new()
    }

    fn show(&mut self, view: View) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.view, view);
        self.trail.clear();
        let mut effects = self.settle();
        // What only one view shows is looked up only while somebody looks.
        let changes = |of: View| ((before == of) != (view == of)).then_some(view == of);
        effects.extend(changes(View::Loops).map(|looks| Effect::Send(Command::Loops(looks))));
        effects.extend(changes(View::Trends).map(|looks| Effect::Send(Command::Trends(looks))));
        effects.extend(changes(View::Team).map(|looks| self.look_at_team(looks)));
        effects
    }

    fn other_days(&mut self) -> Vec<Effect> {
        self.span = match self.span {
            Span::Today => Span::Days(7),
            Span::Days(7) => Span::Days(30),
            Span::Days(_) => Span::All,
            Span::All => Span::Today,
        };
        self.frozen = None;
        vec![Effect::Send(Command::Show(self.span))]
    }

    /// Asks for something to be done with the selected session's process.
    fn wish(&self, wish: Wish) -> Vec<Effect> {
        self.selected.map(|id| Effect::Send(Command::Find(id, wish))).into_iter().collect()
    }

    fn back(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if self.input.value().is_empty() {
            return Vec::new();
        }
        self.input.reset();
        self.refilter(snapshot)
    }

    fn fold(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        self.chosen = true;
        if let Some(id) = self.selected
            && !self.order.folded.remove(&id)
        {
            self.order.folded.insert(id);
        }
        self.take(snapshot)
    }

    fn sort_by(&mut self, step: isize, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        let columns = self.columns_at(self.hits.body.width);
        let at = columns.iter().position(|c| *c == self.order.sort).unwrap_or(0).cast_signed() + step;
        let count = columns.len().cast_signed().max(1);
        if let Some(column) = columns.get(at.rem_euclid(count).cast_unsigned()) {
            self.order.sort = *column;
        }
        self.take(snapshot)
    }

    fn selected_uid(&self, snapshot: &Snapshot) -> Option<String> {
        let listed = snapshot.sessions.iter().find(|s| Some(s.id) == self.selected).map(|s| s.uid.to_string());
        // A subagent that was opened need not be in the table.
        listed.or_else(|| self.detail(snapshot).map(|detail| detail.session.uid.to_string()))
    }
}

/// A paste, without the characters that would be keys.
fn paste(input: &mut Input, text: &str) {
    for c in text.chars().filter(|c| !c.is_control()) {
        input.handle(tui_input::InputRequest::InsertChar(c));
    }
}

/// The columns shown when the configuration does not say.
#[must_use]
pub fn default_columns() -> Vec<Column> {
    columns::ALL.iter().copied().filter(|c| !matches!(c, Column::Steps | Column::Tasks | Column::Tools | Column::Age)).collect()
}
