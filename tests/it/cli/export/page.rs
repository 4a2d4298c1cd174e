//! The page of HTML: whole in itself, and nothing from a log is markup.

use super::super::{HOSTILE, Machine};
use super::export;

#[test]
fn a_page_fetches_nothing_and_runs_nothing() {
    let machine = Machine::new();
    for args in [&["days", "--format", "html"][..], &["session", "aaaa1", "--format", "html"]] {
        let page = export(&machine, args);
        for word in ["<script", "<link", "<img", "<iframe", "@import", "url(", "http:", "https:", " src=", " href="] {
            assert!(!page.contains(word), "{word}");
        }
        let parts = [
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
            "default-src 'none'",
            "prefers-color-scheme:dark",
            "@media print",
            "<svg",
        ];
        // A session of one task has nothing to draw.
        let parts = if args[0] == "days" { &parts[..] } else { &parts[..4] };
        for part in parts {
            assert!(page.contains(part), "{part}");
        }
    }
}

#[test]
fn charts_and_cards_say_what_the_report_says() {
    let page = export(&Machine::new(), &["sessions", "--format", "html"]);
    for part in [
        "<b>≥$0.03</b>",
        "1 call without a price",
        "<b>4</b><span>model calls</span>",
        "<b>3</b><span>sessions in all</span>",
        "<title>2026-11-01 $0.02</title>",
        "<title>2026-11-02 $0.01</title>",
        "<title>1 steps: 2 tasks</title>",
        "<title>2 steps: 1 tasks</title>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let heights: Vec<&str> = page.split("height=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(heights.contains(&"1000") && heights.contains(&"766"), "13.8 of 18: {heights:?}");
}

#[test]
fn markup_of_a_log_is_text() {
    let machine = Machine::new();
    let id = "cccc4444-0000-4000-8000-000000000005";
    let cwd = "/code/<img src=x onerror=alert(1)>&'";
    let log = [
        super::super::prompt(id, "p5", "2026-11-02T08:00:00.000Z", cwd),
        super::super::answer(id, "m5", "2026-11-02T08:00:05.000Z", cwd, "</style><script>", r#"{"type":"text","text":"hi"}"#),
    ];
    machine.write(&format!("home/.claude/projects/-/{id}.jsonl"), &log.join("\n"));
    for args in [&["days", "--format", "html"][..], &["session", id, "--format", "html"]] {
        let page = export(&machine, args);
        assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&#39;") && page.contains("&lt;/style&gt;&lt;script&gt;"), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
    }
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let page = export(&Machine::empty(), &["days", "--format", "html"]);
    assert!(page.ends_with("</main></body></html>\n") && page.contains("<span>nothing spent</span>"), "{page}");
    let page = export(&Machine::new().with_hostile_log(), &["session", HOSTILE, "--format", "html"]);
    assert!(page.ends_with("</main></body></html>\n"));
}
