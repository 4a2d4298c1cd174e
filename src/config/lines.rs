//! Edits of the file's own lines, where they can be made without touching the rest, and the way through its tables.

use toml_edit::{Document, DocumentMut, Item, TableLike};

use super::node::{Node, Raw};

/// What stands at a key.
pub(super) fn find<'a>(table: &'a dyn TableLike, path: &[String]) -> Option<&'a Item> {
    let (first, rest) = path.split_first()?;
    let item = table.get(first)?;
    if rest.is_empty() { Some(item) } else { find(item.as_table_like()?, rest) }
}

/// The table at a key, to change it.
pub(super) fn find_mut<'a>(table: &'a mut dyn TableLike, path: &[String]) -> Option<&'a mut dyn TableLike> {
    match path.split_first() {
        None => Some(table),
        Some((first, rest)) => find_mut(table.get_mut(first)?.as_table_like_mut()?, rest),
    }
}

/// The text with the key's own commented line, as the default file has it, turned into the value.
pub(super) fn uncomment(text: &str, doc: &DocumentMut, path: &[String], node: &Node) -> Option<String> {
    let [name] = path else { return None };
    if matches!(node.raw, Raw::Map(_)) || doc.contains_key(name) {
        return None;
    }
    let commented = |line: &str| {
        line.strip_prefix('#').and_then(|line| line.strip_prefix(name.as_str())).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    // A key below a table's head would belong to the table.
    let head = |line: &str| line.trim_start().starts_with('[') || line.starts_with("#[");
    while let Some(line) = lines.next_if(|line| !head(line) && !commented(line)) {
        out.push_str(line);
    }
    let line = lines.next().filter(|line| commented(line))?;
    // The file's last line may have no end yet; what is set has one, as wherever else it is written.
    let end = Some(line.trim_start_matches(|c| c != '\r' && c != '\n')).filter(|end| !end.is_empty()).unwrap_or("\n");
    out.extend([name, " = ", &node.to_value().to_string(), end]);
    out.extend(lines);
    // The line may have been a part of a text over several lines.
    out.parse::<DocumentMut>().ok().filter(|doc| doc.contains_key(name)).map(|_| out)
}

/// The text without the lines of a value that starts its line; the comments around it stay.
pub(super) fn cut(text: &str, path: &[String]) -> Option<String> {
    let doc = Document::parse(text).ok()?;
    let (last, parents) = path.split_last()?;
    let parent: &dyn TableLike = if parents.is_empty() { doc.as_table() } else { find(doc.as_table(), parents)?.as_table_like()? };
    let from = parent.key(last)?.span()?.start;
    let to = parent.get(last)?.as_value()?.span()?.end;
    let from = text.get(..from)?.rfind('\n').map_or(0, |at| at + 1);
    let to = text.get(to..)?.find('\n').map_or(text.len(), |at| to + at + 1);
    let after = format!("{}{}", text.get(..from)?, text.get(to..)?);
    // Only where nothing else stood on these lines.
    let left = after.parse::<DocumentMut>().ok()?;
    let mut expected = text.parse::<DocumentMut>().ok()?;
    find_mut(expected.as_table_mut(), parents)?.remove(last);
    (bare(left.as_table()) == bare(expected.as_table())).then_some(after)
}

/// The values of a table without comments and layout, to compare them.
fn bare(table: &dyn TableLike) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, item) in table.iter() {
        match item.as_table_like() {
            Some(table) => out.extend(bare(table).into_iter().map(|(below, value)| (format!("{name}\0{below}"), value))),
            None => out.push((name.to_owned(), item.to_string().trim().to_owned())),
        }
    }
    out
}
