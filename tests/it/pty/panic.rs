//! A panic under the screen: the terminal is given back first, and what went wrong can be read.
//!
//! Nothing that a user can do makes the program panic, so this test program plays the part: it starts itself in a
//! terminal, opens the screen there as `top` does, and panics.

use aifinops::ui::term::Screen;

use super::terminal::Machine;

/// Set in the process that is to panic.
const PLAY: &str = "IT_PANICS_UNDER_THE_SCREEN";

#[test]
fn a_panic_gives_the_terminal_back_and_is_readable() {
    if std::env::var_os(PLAY).is_some() {
        play();
    }
    let machine = Machine::new();
    let this = std::env::current_exe().unwrap();
    let name = "pty::panic::a_panic_gives_the_terminal_back_and_is_readable";
    let mut terminal = machine.run_with(&this, &[name, "--exact", "--nocapture"], &[(PLAY, "1")], 100, 30);
    assert!(!terminal.ended().success());
    terminal.is_restored();
    let sent = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    let (frame, after) = sent.split_once("\u{1b}[?1049l").expect("the screen is left");
    assert!(frame.contains("picture"), "{sent:?}");
    assert!(!frame.contains("the reason"), "the message is not lost with the alternate screen");
    assert!(after.contains("panicked") && after.contains("the reason"), "{after:?}");
    // Leaving again would put the cursor back to where it was before and the shell would write over the message.
    assert!(!after.contains("\u{1b}[?1049l"), "{after:?}");
    assert!(terminal.text().contains("the reason"), "{}", terminal.text());
}

fn play() -> ! {
    let mut screen = Screen::open(true).unwrap();
    screen.draw(|frame| frame.render_widget("a picture", frame.area())).unwrap();
    panic!("the reason");
}
