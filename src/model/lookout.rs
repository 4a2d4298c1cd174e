//! From when on something is unusual enough to tell a person.

use super::cap::Scope;

/// What is looked out for, and where not. A threshold that is `None` is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookout {
    /// A running task of more steps than this.
    pub loop_steps: Option<u32>,
    /// A running task of more steps than 99 % of the person's own.
    pub loop_p99: bool,
    /// The same tool call, made so often in a running task.
    pub same_call: Option<u32>,
    /// So many model calls of a running task that failed and were tried again.
    pub retries: Option<u32>,
    /// The last hour's spend, so many deviations above what the hour usually costs.
    pub burn: Option<u32>,
    /// Prompts that are so many percent larger than usual.
    pub prompt_growth: Option<u32>,
    /// What a task costs, in percent of what it cost the week before.
    pub task_cost: Option<u32>,
    /// So many short tasks without a tool, on one day, of a model that is made for more.
    pub flagship: Option<u32>,
    /// What a gateway has counted today and what the logs say of the same calls, so many percent apart.
    pub drift: Option<u32>,
    /// Where nothing is told.
    pub mute: Vec<Mute>,
}

impl Default for Lookout {
    fn default() -> Lookout {
        Lookout {
            loop_steps: None,
            loop_p99: true,
            same_call: Some(5),
            retries: Some(10),
            burn: Some(6),
            prompt_growth: Some(50),
            task_cost: Some(200),
            flagship: Some(10),
            drift: Some(5),
            mute: Vec::new(),
        }
    }
}

impl Lookout {
    /// Whether nothing of this kind is told of a session in this directory.
    #[must_use]
    pub fn is_muted(&self, kind: &str, cwd: Option<&str>) -> bool {
        self.mute.iter().any(|mute| mute.holds(kind, cwd))
    }
}

/// A project of which some kind of alert is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// The kind's word; any where there is none.
    kind: Option<String>,
    project: Scope,
}

impl Mute {
    /// Reads `scratch*`, or `loop_long@scratch*` for one kind alone. `None` where nothing is named.
    #[must_use]
    pub fn parse(text: &str) -> Option<Mute> {
        let (kind, project) = text.split_once('@').map_or((None, text), |(kind, project)| (Some(kind), project));
        let kind = kind.filter(|kind| *kind != "*").map(str::to_owned);
        let sound = !project.trim().is_empty() && !project.chars().any(super::text::is_hostile);
        sound.then(|| Mute { kind, project: Scope { project: Some(project.to_owned()), ..Scope::default() } })
    }

    /// The kind's word, if it is for one.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    fn holds(&self, kind: &str, cwd: Option<&str>) -> bool {
        // What has no directory is of no project.
        cwd.is_some_and(|cwd| self.kind.as_deref().is_none_or(|own| own == kind) && self.project.covers("", Some(cwd), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_muted_for_one_kind_or_for_all() {
        let mute = ["scratch*", "same_call@/home/me/api"].iter().map(|text| Mute::parse(text).unwrap()).collect();
        let lookout = Lookout { mute, ..Lookout::default() };
        for (kind, cwd, expected) in [
            ("loop_long", Some("/x/scratch-1"), true),
            ("same_call", Some("/home/me/api"), true),
            ("loop_long", Some("/home/me/api"), false),
            ("same_call", Some("/home/you/api"), false),
            ("loop_long", None, false),
        ] {
            assert_eq!(lookout.is_muted(kind, cwd), expected, "{kind} {cwd:?}");
        }
        assert_eq!((Mute::parse("same_call@"), Mute::parse(""), Mute::parse("a\u{1b}b")), (None, None, None));
    }
}
