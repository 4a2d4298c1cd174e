//! Putting a part into an object or array, and taking it out so that nothing shows that it was there.
//!
//! A new part goes after the last one, separated as that one is; the comma goes where the last part ends and the part
//! after a comment on the same line. Into an empty container it goes last, in lines of its own, with line ends that are
//! taken out with it: what stood between the braces stays between them. Taking out undoes exactly these steps, so for
//! every text `remove(insert(text)) == text`, byte by byte.

use std::ops::Range;

use super::render::{self, Layout};
use super::{Document, Json, Node};

/// What may stand between the parts of a JSON text.
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

impl Document {
    /// Adds a member to an object. `None` when `node` is no object of this document.
    #[must_use]
    pub fn with_member(&self, node: &Node, key: &str, value: &Json) -> Option<Document> {
        node.is_object().then_some(())?;
        self.with_part(node, |layout, indent| render::member(key, value, layout, indent))
    }

    /// Adds an item to an array. `None` when `node` is no array of this document.
    #[must_use]
    pub fn with_item(&self, node: &Node, value: &Json) -> Option<Document> {
        node.is_array().then_some(())?;
        self.with_part(node, |layout, indent| value.write(layout, indent))
    }

    fn with_part(&self, node: &Node, part: impl Fn(&Layout, &str) -> String) -> Option<Document> {
        let parts = node.parts();
        let Some(last) = parts.last() else { return self.with_first(node, part) };
        let from = parts.len().checked_sub(2).and_then(|i| parts.get(i)).map_or(node.span.start + 1, |before| before.end);
        let gap = self.text.get(from..last.start)?;
        let (layout, indent, separator) = if let Some((newline, at)) = line_end(gap) {
            let indent = leading_space(gap.get(at..)?).to_owned();
            let layout = Layout { newline: Some(newline), unit: self.unit() };
            let separator = layout.line(&indent);
            (layout, indent, separator)
        } else {
            let space = if self.text.get(node.span.clone())?.contains(": ") || gap.contains(' ') { " " } else { "" };
            (Layout { newline: None, unit: String::new() }, String::new(), space.to_owned())
        };
        let new = format!("{separator}{}", part(&layout, &indent));
        let after = last.end + same_line_comment(self.text.get(last.end..)?, self.bare.get(last.end..)?);
        // A `//` comment reaches to the end of its line: without lines there is nowhere to go but before it.
        if after == last.end || layout.newline.is_none() {
            return self.replaced(vec![(last.end..last.end, format!(",{new}"))]);
        }
        self.replaced(vec![(last.end..last.end, ",".to_owned()), (after..after, new)])
    }

    /// The first part of an empty container.
    fn with_first(&self, node: &Node, part: impl Fn(&Layout, &str) -> String) -> Option<Document> {
        let close = node.span.end.checked_sub(1)?;
        let body = self.text.trim();
        // A file that is nothing but `{}` says nothing of how it would like to be written.
        let newline = line_end(body).map(|(newline, _)| newline).or_else(|| {
            let bare = self.root.parts().is_empty();
            bare.then(|| line_end(&self.text).map_or("\n", |(newline, _)| newline))
        });
        // Behind a bare carriage return our line end would become another one.
        let newline = newline.filter(|_| !self.text.get(..close).is_some_and(|before| before.ends_with('\r')));
        let layout = Layout { newline, unit: if newline.is_some() { self.unit() } else { String::new() } };
        let line = self.text.get(..node.span.start)?.rsplit('\n').next()?;
        let outer = if newline.is_some() { leading_space(line) } else { "" };
        let inner = format!("{outer}{}", layout.unit);
        let text = format!("{}{}{}", layout.line(&inner), part(&layout, &inner), layout.line(outer));
        self.replaced(vec![(close..close, text)])
    }

    /// Puts another value in the place of one, in one line.
    #[must_use]
    pub fn with_value(&self, node: &Node, value: &Json) -> Option<Document> {
        self.replaced(vec![(node.span.clone(), value.write(&Layout { newline: None, unit: String::new() }, ""))])
    }

    /// Whether a person's comment stands in an object or array, beside its parts.
    #[must_use]
    pub fn has_comment(&self, node: &Node) -> bool {
        let parts = node.parts();
        let said = |from: usize, to: usize| self.text.get(from..to) != self.bare.get(from..to);
        let starts = std::iter::once(node.span.start).chain(parts.iter().map(|part| part.end));
        starts.zip(parts.iter().map(|part| part.start).chain([node.span.end])).any(|(from, to)| said(from, to))
    }

    /// Takes the `index`-th part out of an object or array. `None` when there is none.
    #[must_use]
    pub fn without_part(&self, node: &Node, index: usize) -> Option<Document> {
        let parts = node.parts();
        let part = parts.get(index)?.clone();
        if let Some(next) = parts.get(index + 1) {
            return self.replaced(vec![(part.start..self.after_comma(part.end, next.start)?, String::new())]);
        }
        let Some(before) = index.checked_sub(1).and_then(|i| parts.get(i)) else {
            let alone = self.alone(node, &part)?;
            // A comment that somebody has put before it needs the line end: else what comes after it becomes a part of it.
            let newline = if self.text.get(alone.clone())?.starts_with("\r\n") { "\r\n" } else { "\n" };
            return self.replaced(vec![(alone.clone(), String::new())]).or_else(|| self.replaced(vec![(alone, newline.to_owned())]));
        };
        let comma = before.end + self.bare.get(before.end..part.start)?.find(',')?;
        let space = self.text.get(comma + 1..part.start)?;
        let start = part.start - (space.len() - space.trim_end_matches(BLANK).len());
        if start == comma + 1 {
            return self.replaced(vec![(comma..part.end, String::new())]);
        }
        self.replaced(vec![(comma..comma + 1, String::new()), (start..part.end, String::new())])
    }

    /// The bytes of an only part and of the line ends that came with it.
    fn alone(&self, node: &Node, part: &Range<usize>) -> Option<Range<usize>> {
        let before = self.text.get(node.span.start + 1..part.start)?;
        let after = self.text.get(part.end..node.span.end.checked_sub(1)?)?;
        let indented = before.trim_end_matches([' ', '\t']);
        let newline = ["\r\n", "\n"].into_iter().find(|newline| indented.ends_with(newline));
        let Some(newline) = newline else { return Some(part.clone()) };
        let start = node.span.start + 1 + indented.len() - newline.len();
        let end = after.strip_prefix(newline).map_or(part.end, |rest| part.end + newline.len() + leading_space(rest).len());
        Some(start..end)
    }

    /// Where the next part begins, or a comment before it.
    fn after_comma(&self, end: usize, next: usize) -> Option<usize> {
        let gap = self.text.get(end..next)?;
        let comma = self.bare.get(end..next)?.find(',')?;
        let rest = gap.get(comma + 1..)?;
        Some(if rest.trim().is_empty() { next } else { end + comma + 1 + leading_space(rest).len() })
    }

    /// What one level of indent is in this file: two spaces where nothing tells.
    fn unit(&self) -> String {
        let first = self.root.parts().first().map(|part| part.start).and_then(|start| self.text.get(..start));
        let indent = first.and_then(|text| text.rsplit_once('\n')).map_or("", |(_, line)| line);
        let is_indent = !indent.is_empty() && indent.trim().is_empty() && indent.len() <= 16;
        if is_indent { indent.to_owned() } else { "  ".to_owned() }
    }
}

/// The last line end of a text and where the next line begins.
fn line_end(text: &str) -> Option<(&'static str, usize)> {
    let at = text.rfind('\n')?;
    let is_windows = text.get(..at).is_some_and(|before| before.ends_with('\r'));
    Some((if is_windows { "\r\n" } else { "\n" }, at + 1))
}

fn leading_space(text: &str) -> &str {
    let rest = text.trim_start_matches([' ', '\t']);
    text.get(..text.len() - rest.len()).unwrap_or_default()
}

/// How long the rest of a line is, where it is a comment that ends there.
fn same_line_comment(text: &str, bare: &str) -> usize {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let is_comment = !line.trim().is_empty() && bare.get(..line.len()).is_some_and(|bare| bare.trim().is_empty());
    if is_comment && !goes_on(line) { line.trim_end_matches(BLANK).len() } else { 0 }
}

/// Whether a comment that this rest of a line begins is not closed in it.
fn goes_on(line: &str) -> bool {
    let mut rest = line.trim_start();
    while let Some(comment) = rest.strip_prefix("/*") {
        let Some((_, behind)) = comment.split_once("*/") else { return true };
        rest = behind.trim_start();
    }
    false
}
