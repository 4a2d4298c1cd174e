//! The view of the GPUs: what is shown, what is selected, and what keys do there.

use std::sync::Arc;

use ratatui::layout::Position;

use crate::engine::gpus::words::percent;
use crate::engine::gpus::{CardView, GpuPicture, ProcessView, alerts};
use crate::model::text;

use super::{Action, App, Effect, Message, View};

/// What the lower part shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lower {
    /// The servers and the processes.
    #[default]
    Now,
    /// A week of use, hour by hour.
    Use,
    /// A week of idle dollars, hour by hour.
    Idle,
}

/// The order of the cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GpuOrder {
    /// As they are numbered.
    #[default]
    Number,
    /// What idleness has cost today, the most first.
    Idle,
    /// Their use, the most first.
    Use,
    /// Their memory in use, the most first.
    Memory,
}

impl GpuOrder {
    /// All of them, in the order of the key.
    pub const ALL: [GpuOrder; 4] = [GpuOrder::Number, GpuOrder::Idle, GpuOrder::Use, GpuOrder::Memory];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            GpuOrder::Number => "number",
            GpuOrder::Idle => "idle $",
            GpuOrder::Use => "use",
            GpuOrder::Memory => "memory",
        }
    }
}

/// That nobody looks for GPUs.
pub const UNWATCHED: &str = "No GPU is watched here: the demo has none. `aifinops top --gpus` watches those of this machine, and \
                         `aifinops doctor gpu` says what it finds.";

/// The state of the view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpusView {
    /// What the lower part shows.
    pub lower: Lower,
    /// Whether keys move among the processes rather than the cards.
    pub in_processes: bool,
    /// The selected card's id, once somebody has chosen one.
    pub card: Option<String>,
    /// The selected process: its number and its card.
    pub process: Option<(u32, String)>,
    /// The first row in view.
    pub first: usize,
    /// The order of the cards.
    pub sort: GpuOrder,
    /// Whether the order is the other way round.
    pub reversed: bool,
    /// Whether what is selected has the room for itself.
    pub opened: bool,
    /// What is said where there will be no picture as long as this screen is open.
    pub instead: Option<&'static str>,
}

impl App {
    /// Takes a new picture of the GPUs; while the screen is frozen it stays as it was. Says whether anything that is on the
    /// screen now has changed.
    pub fn take_gpus(&mut self, picture: &Arc<GpuPicture>) -> bool {
        if self.frozen.is_some() {
            return false;
        }
        // What the first line says of them: cents, and whole per cent.
        let cents = |picture: &GpuPicture| picture.cost_today().map(|cost| cost.nanos() / 10_000_000);
        let is_waste = |picture: &GpuPicture| picture.whole().any(|card| card.state.is_waste());
        let head = |picture: &GpuPicture| (percent(picture.used()), cents(picture), picture.cards.len(), is_waste(picture));
        let changes = self.view == View::Gpus || head(&self.gpu_picture) != head(picture);
        self.gpu_picture = picture.clone();
        changes
    }

    /// The cards that the filter leaves, in their order; an instance stays below its card.
    #[must_use]
    pub fn gpu_cards(&self) -> Vec<&CardView> {
        let words: Vec<String> = self.input.value().split_whitespace().map(str::to_lowercase).collect();
        let has = |card: &CardView, word: &str| {
            let reading = &card.reading;
            let texts = [
                Some(reading.name.as_str()),
                Some(reading.id.as_str()),
                reading.host.as_deref(),
                card.owner.as_deref(),
                Some(card.state.word()),
            ];
            texts.into_iter().flatten().any(|text| text.to_lowercase().contains(word))
        };
        let all = self.gpu_picture.cards.iter().filter(|card| words.iter().all(|word| has(card, word)));
        let (mut cards, mut parts): (Vec<&CardView>, Vec<&CardView>) = all.partition(|card| card.reading.slice.is_none());
        match self.gpus.sort {
            GpuOrder::Number => {}
            GpuOrder::Idle => cards.sort_by_key(|card| std::cmp::Reverse(card.today.idle_cost)),
            GpuOrder::Use => cards.sort_by_key(|card| std::cmp::Reverse(card.reading.used)),
            GpuOrder::Memory => cards.sort_by_key(|card| std::cmp::Reverse(card.reading.memory_used)),
        }
        if self.gpus.reversed {
            cards.reverse();
        }
        let mut out = Vec::with_capacity(cards.len() + parts.len());
        for card in cards {
            out.push(card);
            out.extend(parts.extract_if(.., |part| part.reading.slice.as_ref().is_some_and(|slice| slice.parent == card.reading.id)));
        }
        out.extend(parts);
        out
    }

    /// The processes: of the selected card, once one has been chosen, else of all.
    #[must_use]
    pub fn gpu_processes(&self) -> Vec<&ProcessView> {
        let chosen = self.gpus.card.as_ref().filter(|id| self.gpu_picture.card(id).is_some());
        let of_card = |view: &&ProcessView| chosen.is_none_or(|id| view.card == *id);
        let mut views: Vec<&ProcessView> = self.gpu_picture.processes.iter().filter(of_card).collect();
        views.sort_by_key(|view| (view.process.is_graphics, std::cmp::Reverse(view.process.memory)));
        views
    }

    /// The place of the selected card; the first until somebody moves.
    #[must_use]
    pub fn gpu_card_at(&self, cards: &[&CardView]) -> usize {
        self.gpus.card.as_ref().and_then(|id| cards.iter().position(|card| card.reading.id == *id)).unwrap_or(0)
    }

    /// The place of the selected process.
    #[must_use]
    pub fn gpu_process_at(&self, views: &[&ProcessView]) -> usize {
        let is_it =
            |view: &&ProcessView| self.gpus.process.as_ref().is_some_and(|(pid, card)| view.process.pid == *pid && view.card == *card);
        views.iter().position(is_it).unwrap_or(0)
    }

    /// Whether the process that somebody has selected is not there any more: then none is selected.
    #[must_use]
    pub fn gpu_process_is_gone(&self, views: &[&ProcessView]) -> bool {
        let is_it =
            |view: &&ProcessView| self.gpus.process.as_ref().is_some_and(|(pid, card)| view.process.pid == *pid && view.card == *card);
        self.gpus.process.is_some() && !views.iter().any(is_it)
    }

    /// What a key does here; `None` is for what means the same everywhere.
    pub(super) fn act_in_gpus(&mut self, action: Action, page: isize) -> Option<Vec<Effect>> {
        match action {
            Action::Up => self.move_in_gpus(-1),
            Action::Down => self.move_in_gpus(1),
            Action::PageUp => self.move_in_gpus(-page),
            Action::PageDown => self.move_in_gpus(page),
            Action::Top => self.move_in_gpus(isize::MIN / 2),
            Action::Bottom => self.move_in_gpus(isize::MAX / 2),
            Action::Open => self.gpus.opened = !self.gpu_picture.cards.is_empty(),
            Action::Back if self.gpus.opened => self.gpus.opened = false,
            Action::Back if self.gpus.card.is_some() || self.gpus.in_processes => {
                (self.gpus.card, self.gpus.process, self.gpus.in_processes) = (None, None, false);
            }
            Action::Back if !self.input.value().is_empty() => return None,
            Action::Back => return Some(self.show(View::Sessions)),
            Action::Section => self.gpus.in_processes = !self.gpus.in_processes && !self.gpu_processes().is_empty(),
            Action::Group => {
                self.gpus.lower = match self.gpus.lower {
                    Lower::Now => Lower::Use,
                    Lower::Use => Lower::Idle,
                    Lower::Idle => Lower::Now,
                };
            }
            Action::SortNext | Action::SortPrevious => {
                let all = GpuOrder::ALL;
                let at = all.iter().position(|sort| *sort == self.gpus.sort).unwrap_or(0);
                let step = if action == Action::SortNext { 1 } else { all.len() - 1 };
                self.gpus.sort = all.get((at + step) % all.len()).copied().unwrap_or_default();
            }
            Action::Reverse => self.gpus.reversed = !self.gpus.reversed,
            Action::CopyId => return Some(self.copy_of_gpus()),
            Action::Stop | Action::Hold => {
                let key = self.keys.first(Action::CopyId);
                self.message =
                    Some(Message::failed(format!("a GPU process is never ended from here; {key} copies the command that ends it")));
            }
            Action::OpenLog => {
                let message = format!("this is done with a session: {} shows them", self.keys.first(Action::Sessions));
                self.message = Some(Message::failed(message));
            }
            Action::Range | Action::Fold | Action::FoldAll => {}
            _ => return None,
        }
        Some(Vec::new())
    }

    /// The command that ends the selected process, or the selected card's id.
    fn copy_of_gpus(&mut self) -> Vec<Effect> {
        let said = if self.gpus.in_processes {
            let views = self.gpu_processes();
            // Whatever stands in its place now is not what was meant.
            let is_gone = self.gpu_process_is_gone(&views);
            if is_gone {
                self.message = Some(Message::failed("the process has ended"));
                return Vec::new();
            }
            views
                .get(self.gpu_process_at(&views))
                .map(|view| if view.is_visible { Ok(alerts::kill(view)) } else { Err(alerts::kill(view)) })
        } else {
            let cards = self.gpu_cards();
            cards.get(self.gpu_card_at(&cards)).map(|card| Ok(card.reading.id.clone()))
        };
        match said {
            Some(Ok(text)) => {
                self.message = Some(Message::done(format!("copied {}", text::shown(&text))));
                vec![Effect::Copy(text)]
            }
            Some(Err(why)) => {
                self.message = Some(Message::failed(why));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Moves the bar.
    pub(super) fn move_in_gpus(&mut self, step: isize) {
        if self.gpus.in_processes {
            let views = self.gpu_processes();
            let at = self.gpu_process_at(&views).saturating_add_signed(step).min(views.len().saturating_sub(1));
            self.gpus.process = views.get(at).map(|view| (view.process.pid, view.card.clone()));
        } else {
            let cards = self.gpu_cards();
            // The first press shows where the bar is.
            let step = if self.gpus.card.is_none() && step == 1 { 0 } else { step };
            let at = self.gpu_card_at(&cards).saturating_add_signed(step).min(cards.len().saturating_sub(1));
            self.gpus.card = cards.get(at).map(|card| card.reading.id.clone());
        }
    }

    /// Selects the card or the process under the mouse; a second click opens it.
    pub(super) fn click_in_gpus(&mut self, at: Position) -> Vec<Effect> {
        if !self.hits.body.contains(at) || self.gpus.opened {
            return Vec::new();
        }
        let row = self.hits.first + usize::from(at.y - self.hits.body.y);
        if self.gpus.in_processes {
            let before = self.gpus.process.clone();
            self.gpus.process = self.gpu_processes().get(row).map(|view| (view.process.pid, view.card.clone()));
            self.gpus.opened = self.gpus.process.is_some() && self.gpus.process == before;
        } else {
            let before = self.gpus.card.clone();
            self.gpus.card = self.gpu_cards().get(row).map(|card| card.reading.id.clone()).or(before.clone());
            self.gpus.opened = self.gpus.card.is_some() && self.gpus.card == before;
        }
        Vec::new()
    }
}
