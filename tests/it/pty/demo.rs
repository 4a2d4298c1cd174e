//! `top --demo`: the product as somebody meets it for the first time.

use super::terminal::{Machine, Terminal};

fn demo(machine: &Machine, columns: u16, rows: u16) -> Terminal {
    let terminal = machine.run(&["top", "--demo"], columns, rows);
    terminal.shows(&["aifinops", "today", "api-server"]);
    terminal
}

/// Frames are whole: every line of the body begins and ends with one, and nothing is written over it.
fn is_clean(lines: &[String], columns: usize, rows: usize) -> bool {
    let cells = |line: &String| line.chars().collect::<Vec<_>>();
    let framed = |line: &String| {
        let cells = cells(line);
        cells.len() == columns && "│╭╰".contains(cells[0]) && "│╮╯↑↓".contains(cells[columns - 1])
    };
    let all = lines.concat();
    let corners = ['╭', '╮', '╰', '╯'].map(|corner| all.matches(corner).count());
    lines.len() == rows
        && lines.iter().all(|line| cells(line).len() <= columns)
        && lines[if rows < 14 { 1 } else { 2 }..rows - 1].iter().all(framed)
        && corners[0] > 0
        && corners.iter().all(|n| *n == corners[0])
        && lines[0].trim_end().ends_with("live")
        && lines[rows - 1].contains("quit")
}

#[cfg(unix)]
#[test]
fn the_demo_plays_where_nobody_else_may_enter() {
    use std::os::unix::fs::PermissionsExt as _;

    let machine = Machine::new();
    let temporary = machine.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_aifinops"));
    let mut top = machine.run_with(program, &["top", "--demo"], &[("TMPDIR", temporary.to_str().unwrap())], 120, 30);
    top.shows(&["aifinops", "today", "api-server"]);
    let stages = || std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [stage] = &stages()[..] else { panic!("{:?}", stages()) };
    assert_eq!(std::fs::metadata(stage).unwrap().permissions().mode() & 0o777, 0o700);
    top.press("q");
    assert!(top.ended().success());
    assert_eq!(stages(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_demo_is_a_whole_screen_and_every_key_answers() {
    let machine = Machine::new();
    let mut top = demo(&machine, 120, 30);
    assert!(top.is_raw());
    top.until("whole frame", |lines| is_clean(lines, 120, 30));
    top.shows(&["Sessions · today", "by today ▾", "AGENT", "PROJECT", "MODEL", "CTX"]);

    top.press("?");
    top.shows(&["Help", "next theme"]);
    top.press("\u{1b}[6~");
    top.shows(&["Help", "how full the context window is"]);
    top.press("\u{1b}");
    top.shows_no("Help");

    top.press("s");
    top.shows(&["by session ▾"]);
    top.press("r");
    top.shows(&["by session ▴"]);
    top.press("r");

    top.press("t");
    top.shows(&["Sessions · 7 days", "7 DAYS"]);
    top.press("ttt");
    top.shows(&["Sessions · today"]);

    top.press("b");
    top.shows(&["by project", "sessions,"]);
    top.press("bbb");
    top.shows_no("· by project");

    top.press("f");
    top.shows(&["FROZEN"]);
    top.press("f");
    top.shows_no("FROZEN");

    top.press("/api");
    top.shows(&["filter api", "enter keeps", "· api"]);
    top.press("\u{1b}");
    top.shows_no("enter keeps");

    top.press("T");
    top.shows(&["theme light"]);

    top.press("\r");
    top.shows(&["basis", "cache read", "BEGAN", "esc back"]);
    top.until("whole frame", |lines| is_clean(lines, 120, 30));
    top.press("\u{1b}");
    top.shows(&["Sessions · today"]);

    top.press("7");
    top.shows(&["No GPU is watched here: the demo has none."]);
    top.shows_no("Looking for GPUs");

    top.press("q");
    assert_eq!(top.ended().exit_code(), 0);
    top.is_restored();
    assert_eq!(machine.leftovers(), Vec::<std::path::PathBuf>::new(), "the demo's home is gone");
    assert!(!machine.path("data").exists(), "the demo touches no store");
}

#[test]
fn another_size_is_another_whole_picture() {
    let machine = Machine::new();
    let mut top = demo(&machine, 120, 30);
    for (columns, rows) in [(80, 24), (200, 60), (60, 18), (240, 70), (120, 30)] {
        top.resize(columns, rows);
        top.until(&format!("whole frame at {columns}×{rows}"), |lines| is_clean(lines, columns.into(), rows.into()));
    }
    top.press("q");
    assert!(top.ended().success());
    top.is_restored();
}

#[test]
fn a_tiny_terminal_says_what_fits() {
    let machine = Machine::new();
    let mut top = machine.run(&["top", "--demo"], 20, 5);
    top.shows(&["today", "live", "make me larger"]);
    top.resize(1, 1);
    top.resize(80, 24);
    top.until("whole frame", |lines| is_clean(lines, 80, 24));
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn the_mouse_selects_opens_and_sorts() {
    let machine = Machine::new();
    let mut top = demo(&machine, 120, 30);
    let head = top.lines()[3].chars().collect::<String>();
    let column = head[..head.find("PROJECT").unwrap()].chars().count() + 1;
    // Button 0 goes down at a place counted from one.
    top.press(&format!("\u{1b}[<0;{column};4M\u{1b}[<0;{column};4m"));
    top.shows(&["by project ▴"]);
    top.press("\u{1b}[<0;20;7M\u{1b}[<0;20;7m");
    top.press("\u{1b}[<0;20;7M\u{1b}[<0;20;7m");
    top.shows(&["BEGAN", "esc back"]);
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn without_colours_no_colour_is_sent() {
    let machine = Machine::new();
    for (args, env) in [(&["top", "--demo"][..], &[("NO_COLOR", "1")][..]), (&["top", "--demo", "--no-color"], &[])] {
        let program = env!("CARGO_BIN_EXE_aifinops");
        let mut top = machine.run_with(program.as_ref(), args, env, 120, 30);
        top.shows(&["aifinops", "today", "api-server"]);
        top.press("j");
        top.press("q");
        assert!(top.ended().success());
        let sent = top.bytes();
        let coloured: Vec<String> = colours(&sent);
        assert_eq!(coloured, Vec::<String>::new(), "{args:?} {env:?}");
        assert!(sent.windows(3).any(|w| w == b"\x1b[7") || sent.windows(4).any(|w| w == b"\x1b[1;"), "the selected row is reversed");
    }
    let mut top = machine.run(&["top", "--demo"], 120, 30);
    top.shows(&["api-server"]);
    top.press("q");
    assert!(top.ended().success());
    assert!(!colours(&top.bytes()).is_empty(), "otherwise there are colours");
}

/// The style sequences that set a colour; going back to the terminal's own is none.
fn colours(sent: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(sent);
    let sets_colour = |style: &&str| {
        let numbers: Vec<u32> = style.split(';').filter_map(|n| n.parse().ok()).collect();
        numbers.iter().any(|n| matches!(n, 30..=38 | 40..=48 | 58 | 90..=107))
    };
    let styles = text.split("\u{1b}[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
        rest[end..].starts_with('m').then(|| &rest[..end])
    });
    styles.filter(sets_colour).map(str::to_owned).collect()
}
