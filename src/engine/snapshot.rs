//! The picture of the present that screens draw from: complete, and never changed once it is published.

use std::sync::Arc;

use crate::model::time::HOUR;
use crate::model::{Cost, Millis, Window, Zone};
use crate::query::forecast::Midnight;
use crate::query::trends::Trends;
use crate::query::{SessionDetail, SessionView};
use crate::store::Sums;
use crate::store::books::Account;
use crate::tail::RootReport;

use super::caps::Caps;
use super::hand::{Held, Word};
use super::ingest::Progress;
use super::loops::LoopsPicture;
use super::team::TeamPicture;

/// The buckets of the header's sparkline.
pub const BUCKETS: usize = 30;
/// The time that one of them covers: together the last hour.
pub const BUCKET: Millis = HOUR / 30;

/// Which sessions and sums are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    /// The viewer's day.
    #[default]
    Today,
    /// The last so many days, today included.
    Days(u64),
    /// Everything.
    All,
}

impl Span {
    /// The span as a window at this moment.
    #[must_use]
    pub fn window(self, now: Millis, zone: Zone) -> Window {
        match self {
            Span::Today => Window::today(now, zone),
            Span::Days(days) => Window::last_days(now, zone, days),
            Span::All => Window::ALL,
        }
    }
}

/// What the spend of the last hour looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Burn {
    /// The spend of the last hour: the burn rate per hour.
    pub last_hour: Cost,
    /// Nano-dollars per [`BUCKET`], oldest first.
    pub buckets: Vec<u64>,
}

impl Burn {
    /// Sorts what was spent in the hour since an instant into buckets; what is older does not count.
    #[must_use]
    pub fn of(spend: impl IntoIterator<Item = (Millis, Cost)>, since: Millis) -> Burn {
        let mut burn = Burn { last_hour: Cost::default(), buckets: vec![0; BUCKETS] };
        for (at, cost) in spend.into_iter().filter(|(at, _)| *at >= since) {
            burn.last_hour += cost;
            let bucket = usize::try_from((at - since) / BUCKET).unwrap_or(0).min(BUCKETS - 1);
            if let Some(slot) = burn.buckets.get_mut(bucket) {
                *slot += cost.known.nanos().unsigned_abs();
            }
        }
        burn
    }
}

/// The picture.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When it was made.
    pub at: Millis,
    /// What it covers.
    pub span: Span,
    /// The sessions with activity in the span, in no particular order.
    pub sessions: Vec<Arc<SessionView>>,
    /// The sums of the span.
    pub total: Sums,
    /// The sums since local midnight.
    pub today: Sums,
    /// The last hour.
    pub burn: Burn,
    /// Today's spend at midnight, by the own past; nothing without a day of history.
    pub projection: Option<Midnight>,
    /// Sessions in which something happens or somebody waits.
    pub live: usize,
    /// How far reading is, while there is something to catch up with.
    pub progress: Option<Progress>,
    /// What the user should know, most important first.
    pub notices: Vec<String>,
    /// How many of them, the first ones, are of what fails just now.
    pub failing: usize,
    /// The session that was asked for in full.
    pub detail: Option<Arc<SessionDetail>>,
    /// Where logs were looked for; known after the first walk.
    pub roots: Vec<RootReport>,
    /// How caps stand.
    pub caps: Arc<Caps>,
    /// Loops, once somebody has looked.
    pub loops: Option<Arc<LoopsPicture>>,
    /// How spend changes over time; nothing until somebody has looked.
    pub trends: Option<Arc<Trends>>,
    /// How gateways stand.
    pub gateways: Arc<Vec<Account>>,
    /// A gateway's team; nothing until somebody has looked.
    pub team: Option<Arc<TeamPicture>>,
    /// Agents that are paused.
    pub held: Arc<Vec<Held>>,
    /// What was said last about agents' processes.
    pub word: Option<Arc<Word>>,
    /// How often a watched file has changed.
    pub edits: u64,
}

impl Snapshot {
    /// Whether both would be drawn the same but for the clock.
    #[must_use]
    pub fn shows_same(&self, other: &Snapshot) -> bool {
        // What the screen says of a root: where it is, and whether there is anything.
        let root = |root: &RootReport| (root.path.clone(), root.exists, root.files == 0);
        self.span == other.span
            && self.today == other.today
            && self.total == other.total
            && self.live == other.live
            && self.progress == other.progress
            && (&self.notices, self.failing) == (&other.notices, other.failing)
            && self.burn == other.burn
            && self.projection == other.projection
            && self.trends == other.trends
            && self.gateways == other.gateways
            && self.team == other.team
            && self.detail == other.detail
            && self.caps == other.caps
            && self.loops == other.loops
            && self.held == other.held
            && self.word == other.word
            && self.edits == other.edits
            && self.roots.iter().map(root).eq(other.roots.iter().map(root))
            && self.sessions == other.sessions
    }
}
