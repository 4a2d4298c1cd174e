//! Foreign JSON edited in place (pure).

use super::split;
use aifinops::guards::settings::{Dialect, Document, Json, Node};

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Item(usize),
}

/// Every object and list that can be reached as agents read it: of a key that is there twice, the last.
fn containers(node: &Node, path: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
    if node.is_object() || node.is_array() {
        out.push(path.clone());
    }
    for (index, item) in node.items().iter().enumerate() {
        path.push(Step::Item(index));
        containers(item, path, out);
        path.pop();
    }
    for key in node.keys() {
        path.push(Step::Key(key.to_owned()));
        if let Some(value) = node.member(key) {
            containers(value, path, out);
        }
        path.pop();
    }
}

fn at<'a>(document: &'a Document, path: &[Step]) -> Option<&'a Node> {
    path.iter().try_fold(document.root(), |node, step| match step {
        Step::Key(key) => node.member(key),
        Step::Item(index) => node.items().get(*index),
    })
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let dialect = if how & 1 == 0 { Dialect::Strict } else { Dialect::Comments };
    let document = match Document::parse(text, dialect) {
        Ok(document) => document,
        Err(fault) => {
            assert!((1..=text.lines().count().max(1) + 1).contains(&fault.line), "{fault:?}");
            return;
        }
    };
    assert_eq!(document.text(), text);
    let mut all = Vec::new();
    containers(document.root(), &mut Vec::new(), &mut all);
    let path = &all[(how >> 1) % all.len()];
    let node = at(&document, path).unwrap();
    assert!((1..=text.matches('\n').count() + 1).contains(&document.line_of(node)));
    let value = Json::Object(vec![
        ("hooks".to_owned(), Json::Array(vec![Json::text("a \"b\" \u{1b} é"), Json::Number(5)])),
        ("x".to_owned(), Json::Object(Vec::new())),
    ]);
    let is_object = node.is_object();
    let added = if is_object { document.with_member(node, "aifinops fuzz", &value) } else { document.with_item(node, &value) };
    // The parser's own limit is the only reason not to.
    let Some(added) = added else { return assert!(path.len() > 100, "could not be changed: {text:?}") };
    let node = at(&added, path).unwrap();
    let last = if is_object { node.keys().len() } else { node.items().len() } - 1;
    let put = if is_object { node.member("aifinops fuzz").unwrap() } else { &node.items()[last] };
    assert_eq!(added.value(put), serde_json::from_str::<serde_json::Value>(&value.document()).unwrap());
    // What was there is still there, and still says what it said.
    if is_object && !text.contains("aifinops fuzz") {
        let mut now = added.value(node);
        now.as_object_mut().unwrap().remove("aifinops fuzz");
        assert_eq!(now, document.value(at(&document, path).unwrap()));
    }
    // Taken out again, every byte is as it was.
    let back = added.without_part(node, last).expect("what was put in can be taken out");
    assert_eq!(back.text(), text, "by way of\n{}", added.text());
    // Taking out something of theirs leaves a sound file.
    if let Some(less) = document.without_part(at(&document, path).unwrap(), (how >> 3) % 3) {
        let node = at(&less, path).unwrap();
        let count = |node: &Node| if node.is_object() { node.keys().len() } else { node.items().len() };
        assert_eq!(count(node) + 1, count(at(&document, path).unwrap()));
    }
}
