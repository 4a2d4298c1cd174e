//! What sessions were for: rules, tags and parents together.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::attribution::{Attribution, Facts, settle};
use crate::model::session::MOST_ANCESTORS;
use crate::model::{Key, Labels, SessionKind};
use crate::store::ledger::FILE;
use crate::store::{Kin, Ledger, Store, StoreError};

use super::SessionView;

/// Above this many sessions one look at all of them is cheaper than looking each parent up.
const MANY: usize = 300;

/// By agent and the agent's id of the session.
type BySession<T> = HashMap<Arc<str>, HashMap<Arc<str>, T>>;
/// Variables of a process by their names.
type Variables = HashMap<Arc<str>, Arc<str>>;

/// Says what sessions were for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labeler {
    attribution: Arc<Attribution>,
    tags: BySession<Labels>,
    variables: BySession<Variables>,
    /// A number that is another one where rules, tags or variables are others.
    state: i64,
}

/// Where the value of a dimension comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A person has said so.
    Tag,
    /// A rule matched.
    Rule,
    /// The parent has it.
    Parent,
}

impl Origin {
    /// The word on screen and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Origin::Tag => "tag",
            Origin::Rule => "rule",
            Origin::Parent => "parent",
        }
    }
}

/// What decides about one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Its own tags.
    pub tags: Labels,
    /// What the rules make of it.
    pub ruled: Labels,
    /// Its parent's labels.
    pub parent: Labels,
    /// What follows.
    pub labels: Labels,
    kind: SessionKind,
}

impl Reasons {
    /// Where the value of a dimension comes from.
    #[must_use]
    pub fn origin(&self, of: crate::model::Dimension) -> Option<Origin> {
        self.labels.get(of)?;
        let order = match self.kind {
            SessionKind::Subagent => [(&self.tags, Origin::Tag), (&self.parent, Origin::Parent), (&self.ruled, Origin::Rule)],
            SessionKind::Main | SessionKind::Fork => {
                [(&self.tags, Origin::Tag), (&self.ruled, Origin::Rule), (&self.parent, Origin::Parent)]
            }
        };
        order.into_iter().find(|(labels, _)| labels.get(of).is_some()).map(|(_, origin)| origin)
    }
}

impl Labeler {
    /// By these rules and what the ledger holds. Without a ledger nobody has been tagged.
    pub fn new(attribution: Arc<Attribution>, ledger: Option<&Ledger>) -> Result<Labeler, StoreError> {
        // The text of the rules stands for them: it is compared with what the same program has made.
        let mut state = Key::of(&[format!("{:?}", attribution.rules).as_bytes()]).0;
        let mut mix = |parts: [&str; 4]| state = state.wrapping_add(Key::of(&parts.map(str::as_bytes)).0);
        let mut labeler = Labeler { attribution, ..Labeler::default() };
        let Some(ledger) = ledger else { return Ok(labeler) };
        for tag in ledger.tags()? {
            mix([&tag.agent, &tag.session, tag.dimension.word(), &tag.value]);
            labeler.tags.entry(tag.agent).or_default().entry(tag.session).or_default().set(tag.dimension, Some(tag.value));
        }
        if !labeler.attribution.variables().is_empty() {
            for seen in ledger.variables()? {
                mix([&seen.agent, &seen.session, &seen.name, &seen.value]);
                labeler.variables.entry(seen.agent).or_default().entry(seen.session).or_default().insert(seen.name, seen.value);
            }
        }
        labeler.state = state.cast_signed();
        Ok(labeler)
    }

    /// As [`Labeler::new`], with the ledger in a directory, and what is to be said of it. One that nobody has begun is not begun
    /// here.
    pub fn open(attribution: Arc<Attribution>, dir: &Path, patience: Duration) -> Result<(Labeler, Option<String>), StoreError> {
        if !dir.join(FILE).exists() {
            return Ok((Labeler::new(attribution, None)?, None));
        }
        let (ledger, notice) = Ledger::open(dir, patience)?;
        Ok((Labeler::new(attribution, Some(&ledger))?, notice))
    }

    /// Whether no session has a label: there are neither rules nor tags.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.attribution.rules.is_empty() && self.tags.is_empty()
    }

    /// A number that is another one where rules, tags or variables are others.
    #[must_use]
    pub const fn state(&self) -> i64 {
        self.state
    }

    /// The rules and experiments.
    #[must_use]
    pub fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    fn own_tags(&self, kin: &Kin) -> Labels {
        self.tags.get(&kin.agent).and_then(|of| of.get(&kin.uid)).cloned().unwrap_or_default()
    }

    fn ruled(&self, kin: &Kin) -> Labels {
        let seen = self.variables.get(&kin.agent).and_then(|of| of.get(&kin.uid));
        self.attribution.labels(&Facts {
            agent: &kin.agent,
            cwd: kin.cwd.as_deref(),
            branch: kin.branch.as_deref(),
            remote: kin.remote.as_deref(),
            env: &|name| seen?.get(name).map(|value| &**value),
        })
    }

    fn reasons_below(&self, kin: &Kin, parent: Labels) -> Reasons {
        let (tags, ruled) = (self.own_tags(kin), self.ruled(kin));
        let labels = settle(kin.kind, &tags, &ruled, &parent);
        Reasons { tags, ruled, parent, labels, kind: kin.kind }
    }

    /// Why a session has the labels that it has.
    pub fn reasons(&self, store: &Store, kin: &Kin) -> Result<Reasons, StoreError> {
        let parent = match &kin.parent {
            Some(uid) => store.kin(&kin.agent, uid)?.map(|parent| self.of(store, &parent)).transpose()?.unwrap_or_default(),
            None => Labels::default(),
        };
        Ok(self.reasons_below(kin, parent))
    }

    /// The labels of one session.
    pub fn of(&self, store: &Store, kin: &Kin) -> Result<Labels, StoreError> {
        if self.is_idle() {
            return Ok(Labels::default());
        }
        Family::default().labels(self, kin, &|agent, uid| store.kin(agent, uid))
    }

    /// The labels of all sessions of the store that have any, by the store's id.
    pub fn all(&self, store: &Store) -> Result<HashMap<i64, Labels>, StoreError> {
        if self.is_idle() {
            return Ok(HashMap::new());
        }
        let all = store.all_kin()?;
        let mut known: BySession<&Kin> = HashMap::new();
        for kin in &all {
            known.entry(kin.agent.clone()).or_default().insert(kin.uid.clone(), kin);
        }
        let parent = |agent: &str, uid: &str| Ok(known.get(agent).and_then(|of| of.get(uid)).map(|kin| (*kin).clone()));
        let mut family = Family::default();
        let mut out = HashMap::new();
        for kin in &all {
            let labels = family.labels(self, kin, &parent)?;
            if !labels.is_empty() {
                out.insert(kin.id, labels);
            }
        }
        Ok(out)
    }

    /// The labels of some sessions, each with its session.
    pub fn each(&self, store: &Store, all: Vec<Kin>) -> Result<Vec<(Kin, Labels)>, StoreError> {
        let mut family = Family::default();
        let label = |kin: Kin| {
            let labels = family.labels(self, &kin, &|agent, uid| store.kin(agent, uid))?;
            Ok((kin, labels))
        };
        all.into_iter().map(label).collect()
    }

    /// Gives sessions their labels.
    pub fn fill<'a>(&self, store: &Store, views: impl IntoIterator<Item = &'a mut SessionView>) -> Result<(), StoreError> {
        let mut views: Vec<&mut SessionView> = views.into_iter().collect();
        if views.len() > MANY || self.is_idle() {
            let all = self.all(store)?;
            for view in &mut views {
                view.labels = all.get(&view.id).cloned().unwrap_or_default();
            }
            return Ok(());
        }
        let mut family = Family::default();
        for view in views {
            view.labels = family.labels(self, &kin_of(view), &|agent, uid| store.kin(agent, uid))?;
        }
        Ok(())
    }
}

fn kin_of(view: &SessionView) -> Kin {
    Kin {
        id: view.id,
        agent: view.agent.clone(),
        uid: view.uid.clone(),
        parent: view.parent.clone(),
        kind: view.kind,
        cwd: view.cwd.clone(),
        branch: view.branch.clone(),
        remote: view.remote.clone(),
    }
}

/// Where a session's parent is looked up.
type Parents<'a> = &'a dyn Fn(&str, &str) -> Result<Option<Kin>, StoreError>;

/// The labels of sessions that have been asked about, so that a parent of many is looked at once.
#[derive(Debug, Default)]
struct Family {
    known: BySession<Labels>,
}

impl Family {
    fn find(&self, agent: &str, uid: &str) -> Option<&Labels> {
        self.known.get(agent)?.get(uid)
    }

    fn labels(&mut self, labeler: &Labeler, kin: &Kin, parents: Parents<'_>) -> Result<Labels, StoreError> {
        if let Some(known) = self.find(&kin.agent, &kin.uid) {
            return Ok(known.clone());
        }
        // Up to the first that is known or has no parent, then down again.
        let mut line = vec![kin.clone()];
        let mut above = Labels::default();
        while let Some(last) = line.last().filter(|_| line.len() < MOST_ANCESTORS) {
            let Some(uid) = last.parent.clone().filter(|uid| line.iter().all(|kin| kin.uid != *uid)) else { break };
            if let Some(known) = self.find(&kin.agent, &uid) {
                above = known.clone();
                break;
            }
            match parents(&kin.agent, &uid)? {
                Some(parent) => line.push(parent),
                None => break,
            }
        }
        for kin in line.into_iter().rev() {
            above = labeler.reasons_below(&kin, above).labels;
            self.known.entry(kin.agent).or_default().insert(kin.uid, above.clone());
        }
        Ok(above)
    }
}
