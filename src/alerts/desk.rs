//! What is told when: the teller's judgement, without its thread and without a clock.

use std::collections::{HashMap, VecDeque};

use super::teller::Hours;
use super::{Alert, AlertKind, Memory, Urgency, Way};
use crate::model::Millis;
use crate::model::time::{HOUR, MINUTE};

/// Alerts that quiet hours hold back, and that a failing way keeps for later. The oldest leave first.
pub(super) const MOST: usize = 64;
/// Keys that are remembered here, to ask the shared memory less often.
const KNOWN: usize = 1024;
/// Titles in the summing-up after quiet hours.
const LISTED: usize = 6;
/// The first pause after a failure. Each further failure doubles it.
const PAUSE: Millis = 30_000;
/// The longest pause.
const LONGEST_PAUSE: Millis = 10 * MINUTE;

/// A way and what waits for it.
struct Post {
    way: Box<dyn Way>,
    waiting: VecDeque<Alert>,
    failures: u32,
    retry_at: Millis,
}

/// Everything that is to be told.
pub(super) struct Desk {
    posts: Vec<Post>,
    memory: Box<dyn Memory>,
    hours: Hours,
    held: VecDeque<Alert>,
    /// Keys that need not be asked for again, and until when.
    told: HashMap<String, Millis>,
    /// Alerts that were lost, and not mentioned yet.
    lost: u64,
    news: Vec<String>,
}

impl Desk {
    pub(super) fn new(ways: Vec<Box<dyn Way>>, memory: Box<dyn Memory>, hours: Hours) -> Desk {
        let post = |way| Post { way, waiting: VecDeque::new(), failures: 0, retry_at: Millis::MIN };
        let posts = ways.into_iter().map(post).collect();
        Desk { posts, memory, hours, held: VecDeque::new(), told: HashMap::new(), lost: 0, news: Vec::new() }
    }

    /// Takes an alert: to be told, to be held back, or to be passed over since it has been told.
    pub(super) fn take(&mut self, alert: Alert, now: Millis) {
        // Where nobody is told, nothing counts as told: another process may have a way.
        if self.posts.is_empty() || self.told.get(&alert.key).is_some_and(|until| *until > now) {
            return;
        }
        if self.quiet_until(now).is_none() {
            if self.is_first(&alert, now) {
                self.post(&alert);
            }
            return;
        }
        // It is not claimed yet: if this process ends before the quiet hours do, another one tells it.
        if self.held.iter().any(|other| other.key == alert.key) {
            return;
        }
        if self.held.len() >= MOST {
            self.held.pop_front();
            self.lost += 1;
        }
        self.held.push_back(alert);
    }

    /// Something is over and may come again: then the memory is asked anew, for it may have been told by another process.
    pub(super) fn ask_again(&mut self, key: &str) {
        self.told.remove(key);
    }

    /// Tells whatever can be told now; gives the moment when there is more to do.
    pub(super) fn turn(&mut self, now: Millis) -> Option<Millis> {
        match self.quiet_until(now) {
            Some(end) if !self.is_empty() => return Some(end),
            Some(_) => return None,
            None => self.release(now),
        }
        for post in &mut self.posts {
            if now < post.retry_at {
                continue;
            }
            while let Some(alert) = post.waiting.front() {
                let Err(error) = post.way.tell(alert) else {
                    post.waiting.pop_front();
                    post.failures = 0;
                    continue;
                };
                if post.failures == 0 {
                    self.news.push(format!("{} notifications: {error}", post.way.name()));
                }
                post.retry_at = now + (PAUSE << post.failures.min(8)).min(LONGEST_PAUSE);
                post.failures += 1;
                // A last attempt was due: what is over by the next one is of no use to anybody.
                let before = post.waiting.len();
                post.waiting.retain(|alert| alert.until.max(alert.at + HOUR) > now);
                self.lost += (before - post.waiting.len()) as u64;
                break;
            }
        }
        self.posts.iter().filter(|post| !post.waiting.is_empty()).map(|post| post.retry_at).min()
    }

    /// Whether nothing waits to be told.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.posts.iter().all(|post| post.waiting.is_empty())
    }

    /// The end: what no way has told is nobody's, so that another process may tell it.
    pub(super) fn give_up(&mut self) {
        let Some((first, others)) = self.posts.split_first_mut() else { return };
        for alert in first.waiting.drain(..) {
            if others.iter().all(|post| post.waiting.iter().any(|other| other.key == alert.key)) {
                self.memory.forget(&alert.key);
            }
        }
    }

    /// Notes that alerts were lost before they came here.
    pub(super) fn lose(&mut self, count: u64) {
        self.lost += count;
    }

    /// What has gone wrong since the last time this was asked, each in a line.
    pub(super) fn take_news(&mut self) -> Vec<String> {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            let alerts = if lost == 1 { "alert was" } else { "alerts were" };
            self.news.push(format!("{lost} {alerts} not told: there were too many, or no way worked in time"));
        }
        std::mem::take(&mut self.news)
    }

    fn quiet_until(&self, now: Millis) -> Option<Millis> {
        self.hours.quiet.and_then(|quiet| quiet.until(now, self.hours.zone))
    }

    /// Whether this process is the one to tell it.
    fn is_first(&mut self, alert: &Alert, now: Millis) -> bool {
        // The window may have ended in quiet hours; whoever else held it back is to know all the same.
        let until = alert.until.max(now + HOUR);
        let first = self.memory.first(&alert.key, until, now);
        if self.told.len() >= KNOWN {
            self.told.retain(|_, until| *until > now);
        }
        if self.told.len() < KNOWN {
            self.told.insert(alert.key.clone(), until);
        }
        first
    }

    fn post(&mut self, alert: &Alert) {
        for post in &mut self.posts {
            if post.waiting.len() >= MOST {
                post.waiting.pop_front();
                self.lost += 1;
            }
            post.waiting.push_back(alert.clone());
        }
    }

    /// Quiet hours are over: tells what they held back, as one alert.
    fn release(&mut self, now: Millis) {
        let held = std::mem::take(&mut self.held);
        let mut held: Vec<Alert> = held.into_iter().filter(|alert| self.is_first(alert, now)).collect();
        if held.len() > 1 {
            held = vec![summary(&held, now)];
        }
        for alert in &held {
            self.post(alert);
        }
    }
}

/// Several alerts as one.
fn summary(held: &[Alert], now: Millis) -> Alert {
    let mut lines: Vec<&str> = held.iter().take(LISTED).map(|alert| alert.title.as_str()).collect();
    let more = format!("and {} more", held.len().saturating_sub(LISTED));
    if held.len() > LISTED {
        lines.push(&more);
    }
    Alert {
        kind: AlertKind::HeldBack,
        key: held.first().map(|alert| format!("held:{}", alert.key)).unwrap_or_default(),
        at: now,
        until: now + HOUR,
        title: format!("{} alerts during quiet hours", held.len()),
        body: lines.join("\n"),
        urgency: held.iter().map(|alert| alert.urgency).max().unwrap_or(Urgency::Normal),
    }
}
