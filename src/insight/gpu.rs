//! What a GPU does, by what several looks at it have said; and what its time was worth. Pure.
//!
//! **Why so.** One figure of use says little: a card may be at 100 % and get nowhere, or hold a model that nobody asks. So a
//! state follows from all that is known at once, and needs a minute of quiet before it says "idle": that minute is counted
//! as idle as soon as it is over, and as work if it was only a pause.

use crate::model::gpu::{Health, Permille};
use crate::model::{Millis, Money};

pub mod meter;
pub mod rate;

pub use meter::{Meter, Minute, Tick};
pub use rate::{Flow, Worth};

/// What a card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// It works.
    Busy,
    /// It does nothing.
    Idle,
    /// It does nothing, and somebody holds its memory.
    Reserved,
    /// It is at work and gets nowhere.
    Stalled,
    /// It sleeps.
    Asleep,
    /// It is gone, or has to be reset.
    Lost,
    /// Nothing is known.
    #[default]
    Unknown,
}

impl State {
    /// All of them, in the order in which they are summed up.
    pub const ALL: [State; 7] = [State::Busy, State::Idle, State::Reserved, State::Stalled, State::Asleep, State::Lost, State::Unknown];

    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            State::Busy => "busy",
            State::Idle => "idle",
            State::Reserved => "reserved-idle",
            State::Stalled => "stalled",
            State::Asleep => "asleep",
            State::Lost => "lost",
            State::Unknown => "unknown",
        }
    }

    /// What two instances of a card do, together: it works where one of them does.
    #[must_use]
    pub fn with(self, other: State) -> State {
        let first = [State::Busy, State::Stalled, State::Reserved, State::Idle];
        first.into_iter().find(|state| [self, other].contains(state)).unwrap_or(State::Unknown)
    }

    /// Whether its price is paid for nothing.
    #[must_use]
    pub const fn is_waste(self) -> bool {
        matches!(self, State::Idle | State::Reserved | State::Stalled)
    }
}

/// From when on a card is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Used so much, it works.
    pub busy: Permille,
    /// So many of its multiprocessors at work, it works.
    pub sm: Permille,
    /// So long it must be quiet before it is idle.
    pub quiet: Millis,
    /// So long it may get nowhere before it is stalled.
    pub stalled: Millis,
    /// The same where a server counts only what has ended.
    pub stalled_at_end: Millis,
    /// Used less than this, it is too large or too many.
    pub target: Permille,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { busy: 50, sm: 30, quiet: 60_000, stalled: 5 * 60_000, stalled_at_end: 20 * 60_000, target: 600 }
    }
}

impl Rules {
    /// So long a server may get nowhere.
    #[must_use]
    pub const fn patience(&self, is_live: bool) -> Millis {
        if is_live { self.stalled } else { self.stalled_at_end }
    }
}

/// What the inference servers on a card do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Serving {
    /// Whether requests are being answered.
    pub is_running: bool,
    /// Whether anything has come out of them since the last look.
    pub has_moved: bool,
    /// Whether that can be seen while a request is answered, or at its end only.
    pub is_live: bool,
}

/// One look at a card, as far as its state follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// When.
    pub at: Millis,
    /// How it is; nothing where nobody has heard of it for too long.
    pub health: Option<Health>,
    /// How much it is used.
    pub used: Option<Permille>,
    /// How many of its multiprocessors are at work.
    pub sm: Option<Permille>,
    /// What the driver says of its being idle.
    pub driver_idle: Option<bool>,
    /// Milliwatts.
    pub power: Option<u64>,
    /// Milliwatts that it may draw.
    pub power_cap: Option<u64>,
    /// Whether a process holds memory of it.
    pub is_held: bool,
    /// What its servers do, if there are any.
    pub serving: Option<Serving>,
    /// What its instances do, together, where it is divided into some.
    pub parts: Option<State>,
}

/// A card's state over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Machine {
    state: State,
    since: Millis,
    /// Since when it has been quiet.
    quiet_since: Option<Millis>,
    /// Since when it has been at work and got nowhere.
    stuck_since: Option<Millis>,
    /// The least that it was ever seen to draw.
    floor: Option<u64>,
}

/// The part of its power cap that a card at rest draws at most, where none was ever seen at rest.
const FLOOR: u64 = 5;

impl Machine {
    /// What it does, and since when.
    #[must_use]
    pub const fn state(&self) -> (State, Millis) {
        (self.state, self.since)
    }

    /// Since when it has been quiet, while it is not idle yet.
    #[must_use]
    pub fn pausing_since(&self) -> Option<Millis> {
        self.quiet_since.filter(|_| self.state == State::Busy)
    }

    /// Somebody else has watched before: a card that is idle now has been so since then.
    pub fn resume(&mut self, since: Millis) {
        if matches!(self.state, State::Idle | State::Reserved) && since < self.since {
            (self.since, self.quiet_since) = (since, Some(since));
        }
    }

    /// Takes another look, and says what the card does.
    pub fn look(&mut self, look: &Look, rules: &Rules) -> State {
        let (state, since) = self.next(look, rules);
        // Nothing has been so since 1970.
        if state != self.state || self.since == 0 {
            (self.state, self.since) = (state, since);
        }
        state
    }

    fn next(&mut self, look: &Look, rules: &Rules) -> (State, Millis) {
        let calm = |machine: &mut Machine| (machine.quiet_since, machine.stuck_since) = (None, None);
        match look.health {
            None => {
                calm(self);
                return (State::Unknown, look.at);
            }
            Some(Health::Asleep) => {
                calm(self);
                return (State::Asleep, look.at);
            }
            Some(Health::Lost) => {
                calm(self);
                return (State::Lost, look.at);
            }
            Some(Health::Well) => {}
        }
        self.floor = self.floor.into_iter().chain(look.power).min();
        match self.is_active(look, rules) {
            None => {
                calm(self);
                (State::Unknown, look.at)
            }
            Some(true) => {
                self.quiet_since = None;
                self.at_work(look, rules)
            }
            Some(false) => {
                self.stuck_since = None;
                let since = *self.quiet_since.get_or_insert(look.at);
                // A card that was never seen at work needs no minute to be believed.
                let is_over = look.at - since >= rules.quiet || self.state != State::Busy && self.state != State::Stalled;
                let idle = if look.is_held || look.parts == Some(State::Reserved) { State::Reserved } else { State::Idle };
                if is_over { (idle, since) } else { (self.state, self.since) }
            }
        }
    }

    /// At work: it may get nowhere.
    fn at_work(&mut self, look: &Look, rules: &Rules) -> (State, Millis) {
        if look.parts == Some(State::Stalled) {
            return (State::Stalled, look.at);
        }
        let Some(serving) = look.serving.filter(|serving| !serving.has_moved) else {
            self.stuck_since = None;
            return (State::Busy, look.at);
        };
        let since = *self.stuck_since.get_or_insert(look.at);
        if look.at - since >= rules.patience(serving.is_live) { (State::Stalled, since) } else { (State::Busy, look.at) }
    }

    /// Whether it works; nothing where that cannot be told.
    fn is_active(&self, look: &Look, rules: &Rules) -> Option<bool> {
        if look.serving.is_some_and(|serving| serving.has_moved || serving.is_running) {
            return Some(true);
        }
        let sm = look.sm.map(|sm| sm >= rules.sm);
        match look.used {
            Some(used) if used >= rules.busy => Some(true),
            Some(_) if sm == Some(true) => Some(true),
            // Hardly used: that it also draws little, or that the driver agrees, has to be true where it is known.
            Some(_) => Some(!(look.driver_idle == Some(true) || self.draws_little(look).unwrap_or(true))),
            None => {
                let by_parts = look.parts.map(|state| matches!(state, State::Busy | State::Stalled));
                sm.or(look.driver_idle.map(|idle| !idle)).or(by_parts).or(self.draws_little(look).map(|little| !little))
            }
        }
    }

    /// Whether it draws hardly more than at rest.
    fn draws_little(&self, look: &Look) -> Option<bool> {
        let (power, cap) = (look.power?, look.power_cap.filter(|cap| *cap > 0)?);
        let floor = self.floor.unwrap_or(power).min(cap / FLOOR);
        Some(power < floor + cap.saturating_sub(floor) / 10)
    }
}

/// What `millis` of a card at `per_hour` cost, rounded down.
#[must_use]
pub fn cost(per_hour: Money, millis: Millis) -> Money {
    per_hour.scale(millis, 3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { busy: 50, sm: 30, quiet: 60_000, stalled: 300_000, stalled_at_end: 1_200_000, target: 600 };

    fn at(seconds: i64, used: Option<Permille>) -> Look {
        Look { at: seconds * 1000, health: Some(Health::Well), used, ..Look::default() }
    }

    #[test]
    fn a_pause_is_no_idleness_and_a_minute_is() {
        let mut machine = Machine::default();
        assert_eq!(machine.look(&at(0, Some(900)), &RULES), State::Busy);
        assert_eq!(machine.look(&at(2, Some(0)), &RULES), State::Busy);
        assert_eq!(machine.look(&at(40, Some(0)), &RULES), State::Busy);
        assert_eq!(machine.look(&at(50, Some(400)), &RULES), State::Busy, "it was a pause");
        assert_eq!(machine.look(&at(52, Some(0)), &RULES), State::Busy);
        assert_eq!(machine.look(&at(111, Some(0)), &RULES), State::Busy);
        assert_eq!(machine.look(&at(112, Some(0)), &RULES), State::Idle);
        assert_eq!(machine.state(), (State::Idle, 52_000), "idle since it was quiet, not since that was sure");
    }

    #[test]
    fn a_card_that_was_never_at_work_is_idle_at_once_and_reserved_where_memory_is_held() {
        let mut machine = Machine::default();
        assert_eq!(machine.look(&at(0, Some(0)), &RULES), State::Idle);
        assert_eq!(machine.look(&Look { is_held: true, ..at(2, Some(0)) }, &RULES), State::Reserved);
        assert_eq!(machine.look(&at(4, Some(0)), &RULES), State::Idle);
    }

    #[test]
    fn what_was_watched_before_is_not_forgotten() {
        let mut machine = Machine::default();
        machine.look(&at(1000, Some(0)), &RULES);
        machine.resume(40_000);
        assert_eq!(machine.state(), (State::Idle, 40_000));
        machine.look(&at(1002, Some(0)), &RULES);
        assert_eq!(machine.state(), (State::Idle, 40_000));
        machine.look(&at(1004, Some(900)), &RULES);
        machine.resume(50_000);
        assert_eq!(machine.state(), (State::Busy, 1_004_000), "what works now is not idle, whatever it was");
    }

    #[test]
    fn without_a_figure_of_use_the_others_speak() {
        let look = |sm, idle, power: Option<u64>| Look { sm, driver_idle: idle, power, power_cap: Some(700_000), ..at(0, None) };
        for (sm, idle, power, expected) in [
            (Some(500), None, None, State::Busy),
            (Some(10), Some(false), None, State::Idle),
            (None, Some(true), Some(295_000), State::Idle),
            (None, Some(false), Some(78_000), State::Busy),
            (None, None, Some(295_000), State::Busy),
            (None, None, Some(78_000), State::Idle),
            (None, None, None, State::Unknown),
        ] {
            assert_eq!(Machine::default().look(&look(sm, idle, power), &RULES), expected, "{sm:?} {idle:?} {power:?}");
        }
    }

    #[test]
    fn hardly_used_and_drawing_much_is_work() {
        let look = |power| Look { power: Some(power), power_cap: Some(700_000), driver_idle: Some(false), ..at(0, Some(20)) };
        assert_eq!(Machine::default().look(&look(400_000), &RULES), State::Busy);
        assert_eq!(Machine::default().look(&look(80_000), &RULES), State::Idle);
    }

    #[test]
    fn a_server_that_gets_nowhere_is_stalled_and_one_that_counts_at_the_end_is_waited_for() {
        for (is_live, patience) in [(true, 300), (false, 1200)] {
            let serving = |moved| Some(Serving { is_running: true, has_moved: moved, is_live });
            let mut machine = Machine::default();
            let look = |seconds, moved| Look { serving: serving(moved), ..at(seconds, Some(1000)) };
            assert_eq!(machine.look(&look(0, true), &RULES), State::Busy);
            assert_eq!(machine.look(&look(10, false), &RULES), State::Busy);
            assert_eq!(machine.look(&look(9 + patience, false), &RULES), State::Busy);
            assert_eq!(machine.look(&look(10 + patience, false), &RULES), State::Stalled);
            assert_eq!(machine.look(&look(12 + patience, true), &RULES), State::Busy);
        }
    }

    #[test]
    fn sleeping_lost_and_unheard_of_are_what_they_are() {
        for (health, expected) in [(Some(Health::Asleep), State::Asleep), (Some(Health::Lost), State::Lost), (None, State::Unknown)] {
            assert_eq!(Machine::default().look(&Look { health, ..at(0, Some(990)) }, &RULES), expected);
        }
    }
}
