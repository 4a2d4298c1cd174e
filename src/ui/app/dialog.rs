//! What is asked over everything else: how much a cap is to be, and whether a process is really to be stopped.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use crate::budgets::{self, Standing};
use crate::engine::hand::Said;
use crate::engine::process::Process;
use crate::engine::{Command, Snapshot};
use crate::model::cap::{Amount, AmountError, Span};
use crate::model::text::shown;
use crate::ui::columns::project_name;

use super::{App, Effect, Message, View};

/// A question.
#[derive(Debug, Clone)]
pub enum Dialog {
    /// A cap to set or to raise.
    Cap(Box<CapDialog>),
    /// A process to be stopped.
    Stop {
        /// The session's id in the store.
        session: i64,
        /// Its project.
        name: String,
        /// The process.
        process: Process,
    },
}

/// A field of the dialog of a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field {
    /// Whether one is set, or which one is raised.
    What,
    /// How much.
    #[default]
    Amount,
    /// For how long: the cap's span, or until when it is raised.
    Time,
}

/// A cap to set or to raise.
#[derive(Debug, Clone)]
pub struct CapDialog {
    /// The caps that can be raised; `None` sets one.
    pub choices: Vec<Option<Standing>>,
    /// Which of them.
    pub choice: usize,
    /// The field that has the keys.
    pub field: Field,
    /// How much.
    pub amount: Input,
    /// The span of a cap that is set.
    pub span: Span,
    /// Until when one is raised.
    pub until: Input,
    /// Why it cannot be done so.
    pub error: Option<String>,
}

impl CapDialog {
    /// The cap that is raised; none where one is set.
    #[must_use]
    pub fn raises(&self) -> Option<&Standing> {
        self.choices.get(self.choice).and_then(Option::as_ref)
    }

    /// The amount as it is typed so far; `None` before anything is.
    #[must_use]
    pub fn parsed(&self) -> Option<Result<Amount, AmountError>> {
        Some(self.amount.value().trim()).filter(|text| !text.is_empty()).map(Amount::parse)
    }

    fn turn(&mut self, step: isize) {
        let round = |at: usize, len: usize| at.saturating_add(len).saturating_add_signed(step) % len.max(1);
        match (self.field, self.raises().is_some()) {
            (Field::What, _) => self.choice = round(self.choice, self.choices.len()),
            (Field::Time, false) => {
                let at = Span::ALL.iter().position(|span| *span == self.span).unwrap_or(0);
                self.span = Span::ALL.get(round(at, Span::ALL.len())).copied().unwrap_or_default();
            }
            _ => {}
        }
    }

    /// The text that is typed into, if there is one here.
    fn input(&mut self) -> Option<&mut Input> {
        match (self.field, self.raises().is_some()) {
            (Field::Amount, _) => Some(&mut self.amount),
            (Field::Time, true) => Some(&mut self.until),
            _ => None,
        }
    }

    fn submit(&mut self) -> Vec<Effect> {
        match self.parsed() {
            None => self.error = Some("how much? dollars (20), tokens (5M tokens) or steps (60 steps)".to_owned()),
            Some(Err(error)) => self.error = Some(format!("`{}` {error}", shown(self.amount.value().trim()))),
            Some(Ok(amount)) => {
                return vec![match self.raises() {
                    Some(standing) => Effect::RaiseCap(Box::new(standing.clone()), amount, self.until.value().to_owned()),
                    None => Effect::SetCap(amount, self.span),
                }];
            }
        }
        Vec::new()
    }
}

impl Dialog {
    /// The text that is typed into, if there is one.
    pub(super) fn input(&mut self) -> Option<&mut Input> {
        match self {
            Dialog::Cap(dialog) => dialog.input(),
            Dialog::Stop { .. } => None,
        }
    }
}

impl App {
    /// Asks for a cap: to raise the selected or the binding one, where it can be raised, else to set one.
    pub(super) fn ask_for_cap(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        // What is frozen may no longer be so: a cap is raised as it stands now.
        let caps = &snapshot.caps;
        let wanted = if self.view == View::Caps { caps.standings.get(self.cap_at(caps)) } else { budgets::foremost(&caps.standings) };
        let name = wanted.map(|standing| standing.cap.name.clone());
        let raisable = caps.standings.iter().filter(|standing| !standing.cap.managed).cloned().map(Some);
        let choices: Vec<Option<Standing>> = raisable.chain([None]).collect();
        let is_wanted = |choice: &Option<Standing>| choice.as_ref().is_some_and(|s| Some(&s.cap.name) == name.as_ref());
        let choice = choices.iter().position(is_wanted).unwrap_or(choices.len() - 1);
        self.dialog = Some(Dialog::Cap(Box::new(CapDialog {
            choices,
            choice,
            field: Field::default(),
            amount: Input::default(),
            span: Span::default(),
            until: Input::default(),
            error: None,
        })));
        Vec::new()
    }

    /// Takes what was said about agents' processes, once. Gives whether there was anything.
    pub fn hear(&mut self, snapshot: &Snapshot) -> bool {
        let Some(word) = snapshot.word.as_ref().filter(|word| word.serial != self.heard) else { return false };
        self.heard = word.serial;
        match &word.said {
            // Whoever asks something else by now has not waited for it.
            Said::Asks { .. } if self.dialog.is_some() || self.typing => {}
            Said::Asks { session, process } => {
                let name = snapshot.sessions.iter().find(|s| s.id == *session).map(|s| shown(&s.project));
                let name = project_name(name.as_deref().unwrap_or_default()).to_owned();
                (self.help, self.message) = (false, None);
                self.dialog = Some(Dialog::Stop { session: *session, name, process: process.clone() });
            }
            Said::Done(text) => self.message = Some(Message::done(shown(text))),
            Said::Failed(text) => self.message = Some(Message::failed(shown(text))),
        }
        true
    }

    /// What could not be done is said where it was asked for.
    pub fn refuse(&mut self, why: String) {
        match &mut self.dialog {
            Some(Dialog::Cap(dialog)) => dialog.error = Some(why),
            _ => self.message = Some(Message::failed(why)),
        }
    }

    pub(super) fn dialog_key(&mut self, key: KeyEvent, event: &Event) -> Vec<Effect> {
        let Some(dialog) = &mut self.dialog else { return Vec::new() };
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return vec![Effect::Quit];
        }
        if key.code == KeyCode::Esc {
            self.dialog = None;
            return Vec::new();
        }
        match dialog {
            Dialog::Cap(dialog) => cap_key(dialog, key, event),
            Dialog::Stop { session, process, .. } => match key.code {
                KeyCode::Char('y' | 'Y') => {
                    let stop = Command::Stop(*session, process.clone());
                    self.dialog = None;
                    vec![Effect::Send(stop)]
                }
                KeyCode::Char('n' | 'N' | 'q') => {
                    self.dialog = None;
                    Vec::new()
                }
                _ => Vec::new(),
            },
        }
    }
}

fn cap_key(dialog: &mut CapDialog, key: KeyEvent, event: &Event) -> Vec<Effect> {
    let fields = [Field::What, Field::Amount, Field::Time];
    let at = fields.iter().position(|field| *field == dialog.field).unwrap_or(0);
    let mut go = |step: usize| dialog.field = fields.get((at + step) % fields.len()).copied().unwrap_or_default();
    match key.code {
        KeyCode::Enter => return dialog.submit(),
        KeyCode::Tab | KeyCode::Down => go(1),
        KeyCode::BackTab | KeyCode::Up => go(fields.len() - 1),
        _ => {
            dialog.error = None;
            match (key.code, dialog.input()) {
                (_, Some(input)) => drop(input.handle_event(event)),
                (KeyCode::Left, None) => dialog.turn(-1),
                (KeyCode::Right | KeyCode::Char(' '), None) => dialog.turn(1),
                _ => {}
            }
        }
    }
    Vec::new()
}
