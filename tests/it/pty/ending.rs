//! How the program ends: whatever happens, the terminal is given back.

use super::terminal::Machine;

#[test]
fn signals_end_the_program_as_quitting_does() {
    for signal in ["TERM", "HUP", "INT"] {
        let machine = Machine::new();
        let mut top = machine.run(&["top", "--demo"], 100, 30);
        top.shows(&["api-server"]);
        top.signal(signal);
        let status = top.ended();
        assert_eq!((status.exit_code(), status.signal()), (0, None), "{signal}");
        top.is_restored();
        assert_eq!(machine.leftovers(), Vec::<std::path::PathBuf>::new(), "{signal}");
    }
}

#[test]
fn ctrl_c_quits_everywhere() {
    let machine = Machine::new();
    for before in ["", "/x", "\r"] {
        let mut top = machine.run(&["top", "--demo"], 100, 30);
        top.shows(&["api-server"]);
        top.press(before);
        top.press("\u{3}");
        assert!(top.ended().success(), "{before:?}");
        top.is_restored();
    }
}

#[test]
fn keys_that_were_typed_before_the_first_picture_count() {
    let machine = Machine::new();
    let mut top = machine.run(&["top"], 100, 30);
    top.until("raw mode", |_| top.is_raw());
    top.press("q");
    assert!(top.ended().success());
    top.is_restored();
}

#[test]
fn without_a_terminal_the_way_out_is_told() {
    let machine = Machine::new();
    let output = machine.piped(&["top"]);
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("terminal") && told.contains("--once"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told:?}");
    assert!(!machine.path("data").exists(), "nothing was begun");
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_before_the_screen_opens() {
    let machine = Machine::new();
    let mut top = machine.run(&["top", "--theme", "no-such-theme"], 100, 30);
    assert!(!top.ended().success());
    let sent = String::from_utf8_lossy(&top.bytes()).into_owned();
    assert!(sent.contains("no theme is named `no-such-theme`"), "{sent}");
    assert!(!sent.contains("[?1049h"), "{sent:?}");
}
