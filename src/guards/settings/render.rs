//! JSON that is put into a file, in the way that the file is written.

use serde_json::to_string;

/// A value whose members keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// Members.
    Object(Vec<(String, Json)>),
    /// Items.
    Array(Vec<Json>),
    /// A string.
    Text(String),
    /// A number.
    Number(u64),
}

/// How lines end and are indented; no line ends at all in a file of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) newline: Option<&'static str>,
    /// What one level adds.
    pub(super) unit: String,
}

impl Layout {
    /// A new line with this indent; nothing where there are no lines.
    pub(super) fn line(&self, indent: &str) -> String {
        self.newline.map_or_else(String::new, |newline| format!("{newline}{indent}"))
    }
}

impl Json {
    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    /// As a file of its own.
    #[must_use]
    pub fn document(&self) -> String {
        let layout = Layout { newline: Some("\n"), unit: "  ".to_owned() };
        format!("{}\n", self.write(&layout, ""))
    }

    /// The text, its further lines indented by `indent` and more.
    pub(super) fn write(&self, layout: &Layout, indent: &str) -> String {
        let inner = format!("{indent}{}", layout.unit);
        let list = |open: char, parts: Vec<String>, close: char| {
            if parts.is_empty() {
                return format!("{open}{close}");
            }
            let separator = format!(",{}", if layout.newline.is_some() { layout.line(&inner) } else { " ".to_owned() });
            format!("{open}{}{}{}{close}", layout.line(&inner), parts.join(&separator), layout.line(indent))
        };
        match self {
            Json::Object(members) => list('{', members.iter().map(|(key, value)| member(key, value, layout, &inner)).collect(), '}'),
            Json::Array(items) => list('[', items.iter().map(|item| item.write(layout, &inner)).collect(), ']'),
            Json::Text(text) => to_string(text).unwrap_or_default(), // a string can always be written
            Json::Number(number) => number.to_string(),
        }
    }
}

/// `"key": value`.
pub(super) fn member(key: &str, value: &Json, layout: &Layout, indent: &str) -> String {
    format!("{}: {}", to_string(key).unwrap_or_default(), value.write(layout, indent))
}
