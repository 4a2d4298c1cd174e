//! Sessions in the order and shape of the table: filtered, sorted, as a tree, in groups.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::config::Group;
use crate::query::{Filter, SessionView};

use super::columns::Column;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A group's head.
    Group {
        /// Its name.
        name: String,
        /// Its sessions.
        sessions: usize,
        /// Of them live.
        live: usize,
        /// Their sums, in the shape of a session: what a column shows and sorts by.
        sum: Arc<SessionView>,
    },
    /// A session.
    Session {
        /// The session; a folded one shows the sums of all that is folded into it.
        session: Arc<SessionView>,
        /// How deep in the tree.
        depth: usize,
        /// Whether the last child of its parent.
        last: bool,
        /// How many children are folded into it.
        folded: usize,
        /// How many of them and itself are live.
        live: usize,
        /// Whether it has children.
        parent: bool,
    },
}

impl Row {
    /// The session's id.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        match self {
            Row::Session { session, .. } => Some(session.id),
            Row::Group { .. } => None,
        }
    }

    /// The session as it is shown.
    #[must_use]
    pub fn session(&self) -> Option<&SessionView> {
        match self {
            Row::Session { session, .. } => Some(session),
            Row::Group { .. } => None,
        }
    }
}

/// How the table is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What must be met.
    pub filter: Filter,
    /// The column to sort by.
    pub sort: Column,
    /// Whether the other way round.
    pub reversed: bool,
    /// By what to group.
    pub group: Group,
    /// Sessions whose children are folded into them.
    pub folded: HashSet<i64>,
    /// Whether everything is folded but what is in `folded`.
    pub fold_all: bool,
}

impl Order {
    fn is_folded(&self, id: i64) -> bool {
        self.folded.contains(&id) != self.fold_all
    }
}

/// What rows were made of.
#[derive(Debug, Clone)]
pub struct MadeOf {
    sessions: Vec<Arc<SessionView>>,
    order: Order,
}

/// Makes the rows anew, unless they were made of the same: pictures come with every key, and thousands of sessions take a while
/// to put in order.
pub fn renew(rows: &mut Vec<Row>, made_of: &mut Option<MadeOf>, sessions: &[Arc<SessionView>], order: &Order) {
    let is_same = |known: &MadeOf| {
        let mut pairs = known.sessions.iter().zip(sessions);
        known.sessions.len() == sessions.len() && pairs.all(|(known, now)| Arc::ptr_eq(known, now)) && known.order == *order
    };
    if !made_of.as_ref().is_some_and(is_same) {
        *rows = self::rows(sessions, order);
        *made_of = Some(MadeOf { sessions: sessions.to_vec(), order: order.clone() });
    }
}

/// Makes the rows.
#[must_use]
pub fn rows(sessions: &[Arc<SessionView>], order: &Order) -> Vec<Row> {
    let kept: Vec<&Arc<SessionView>> = sessions.iter().filter(|s| order.filter.matches(s)).collect();
    let by_uid: HashMap<(&str, &str), i64> = kept.iter().map(|s| ((&*s.agent, &*s.uid), s.id)).collect();
    let mut children: HashMap<i64, Vec<&Arc<SessionView>>> = HashMap::new();
    let mut roots: Vec<&Arc<SessionView>> = Vec::new();
    for session in &kept {
        let parent = session.parent.as_deref().and_then(|uid| by_uid.get(&(&*session.agent, uid))).filter(|id| **id != session.id);
        match parent {
            Some(parent) => children.entry(*parent).or_default().push(session),
            None => roots.push(session),
        }
    }
    let tree = Tree { order, children };
    // Logs may claim that sessions are each other's parents: whoever is reached from no root is a root.
    let mut reached = HashSet::new();
    for root in &roots {
        tree.reach(root, &mut reached);
    }
    for session in &kept {
        if !reached.contains(&session.id) {
            tree.reach(session, &mut reached);
            roots.push(session);
        }
    }
    let mut out = Vec::new();
    match order.group {
        Group::None => tree.list(&roots, &mut out),
        group => {
            let mut groups: BTreeMap<String, Vec<&Arc<SessionView>>> = BTreeMap::new();
            for root in roots {
                groups.entry(group_of(root, group)).or_default().push(root);
            }
            let mut groups: Vec<_> = groups.into_iter().filter_map(|(name, members)| Some((tree.sum(&name, &members)?, members))).collect();
            groups.sort_by(|(a, _), (b, _)| {
                let (Row::Group { name: m, sum: x, .. }, Row::Group { name: n, sum: y, .. }) = (a, b) else { return Ordering::Equal };
                // A name in the order of names, an amount in that of amounts.
                let natural = if order.sort.layout().numeric { order.sort.order(x, y) } else { m.cmp(n) };
                if order.reversed { natural.reverse() } else { natural }
            });
            for (head, members) in groups {
                out.push(head);
                tree.list(&members, &mut out);
            }
        }
    }
    out
}

fn group_of(session: &SessionView, group: Group) -> String {
    match group {
        Group::Agent => session.agent.to_string(),
        Group::Model => session.model.as_deref().unwrap_or("(no model)").to_owned(),
        _ => session.project.to_string(),
    }
}

struct Tree<'a> {
    order: &'a Order,
    children: HashMap<i64, Vec<&'a Arc<SessionView>>>,
}

/// A session that waits for its place in the table.
struct Place<'a> {
    session: &'a Arc<SessionView>,
    shown: Arc<SessionView>,
    depth: usize,
    last: bool,
}

impl<'a> Tree<'a> {
    fn reach(&self, session: &SessionView, reached: &mut HashSet<i64>) {
        let mut next = vec![session.id];
        while let Some(id) = next.pop() {
            if reached.insert(id) {
                next.extend(self.children.get(&id).into_iter().flatten().map(|child| child.id));
            }
        }
    }

    /// A session and everything below it; each once, whatever the logs claim.
    fn family(&self, session: &'a Arc<SessionView>) -> Vec<&'a Arc<SessionView>> {
        let mut seen = HashSet::from([session.id]);
        let mut all = vec![session];
        let mut next = 0;
        while let Some(member) = all.get(next).copied() {
            next += 1;
            for child in self.children.get(&member.id).into_iter().flatten() {
                if seen.insert(child.id) {
                    all.push(child);
                }
            }
        }
        all
    }

    /// Lists sessions with everything below them; each once, whatever the logs claim, and however deep they nest.
    fn list(&self, roots: &[&'a Arc<SessionView>], out: &mut Vec<Row>) {
        let mut seen = HashSet::new();
        let mut next = Vec::new();
        self.push(roots, 0, &mut next);
        while let Some(Place { session, shown, depth, last }) = next.pop() {
            if !seen.insert(session.id) {
                continue;
            }
            let children = self.children_of(session);
            let parent = !children.is_empty();
            let (mut folded, mut live) = (0, usize::from(session.state.is_live()));
            if parent && self.order.is_folded(session.id) {
                let family = self.family(session);
                folded = family.len() - 1;
                live = family.iter().filter(|member| member.state.is_live()).count();
                seen.extend(family.iter().map(|member| member.id));
            } else {
                self.push(children, depth + 1, &mut next);
            }
            out.push(Row::Session { session: shown, depth, last, folded, live, parent });
        }
    }

    /// Puts siblings on the stack, so that the first of them in the table's order is taken first.
    fn push(&self, siblings: &[&'a Arc<SessionView>], depth: usize, stack: &mut Vec<Place<'a>>) {
        let mut places: Vec<_> = siblings.iter().map(|session| Place { session, shown: self.shown(session), depth, last: false }).collect();
        places.sort_by(|a, b| {
            let order = self.order.sort.order(&b.shown, &a.shown);
            if self.order.reversed { order.reverse() } else { order }
        });
        if let Some(last) = places.first_mut() {
            last.last = depth > 0;
        }
        stack.append(&mut places);
    }

    fn children_of(&self, session: &SessionView) -> &[&'a Arc<SessionView>] {
        self.children.get(&session.id).map(Vec::as_slice).unwrap_or_default()
    }

    /// What the session's row says: a folded one sums up what is folded into it, and is sorted by that.
    fn shown(&self, session: &'a Arc<SessionView>) -> Arc<SessionView> {
        if self.order.is_folded(session.id) && self.children.contains_key(&session.id) {
            return Arc::new(together(session, &self.family(session)));
        }
        session.clone()
    }

    /// The head of a group; none for nobody.
    fn sum(&self, name: &str, roots: &[&'a Arc<SessionView>]) -> Option<Row> {
        let members: Vec<_> = roots.iter().flat_map(|root| self.family(root)).collect();
        let mut sum = together(members.first()?, &members);
        // The fullest context, the longest loop and the last sign of life stand for all.
        let fullest = members.iter().max_by_key(|member| member.context_permille())?;
        (sum.context, sum.context_window) = (fullest.context, fullest.context_window);
        sum.loop_steps = members.iter().map(|member| member.loop_steps).max()?;
        sum.last_at = members.iter().map(|member| member.last_at).max()?;
        sum.uid = Arc::from(name);
        let live = members.iter().filter(|member| member.state.is_live()).count();
        Some(Row::Group { name: name.to_owned(), sessions: members.len(), live, sum: Arc::new(sum) })
    }
}

/// A session with the figures of its whole family.
fn together(session: &SessionView, family: &[&Arc<SessionView>]) -> SessionView {
    let mut sum = session.clone();
    for member in family.iter().filter(|m| m.id != session.id) {
        sum.sums.add(&member.sums, 1);
        sum.today += member.today;
        sum.lifetime += member.lifetime;
        sum.last_hour += member.last_hour;
        sum.state = sum.state.min(member.state);
    }
    sum
}
