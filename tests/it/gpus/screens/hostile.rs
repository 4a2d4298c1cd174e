//! Names of cards, hosts, models, programs and labels that want to drive the terminal, or to fill it: none of their control
//! characters reaches a cell.

use std::sync::Arc;

use aifinops::engine::gpus::GpuPicture;
use aifinops::model::text::is_hostile;
use aifinops::ui::app::Effect;

use super::super::picture::{broken, everything};
use super::{Stage, text, view_of};

/// Every C0 and C1 control with the line breaks, DEL, what reorders text, and sequences that set a title, a colour or the screen.
fn poison(name: &str) -> String {
    let controls: String = ('\0'..='\u{9f}').filter(|c| c.is_control()).collect();
    format!("{name}\r\n\u{1b}]0;owned\u{7}\u{1b}[31m\u{1b}[2J\u{9b}1m\u{202e}\u{2066}\u{200f}\u{2028}\u{2029}\u{feff}{controls}end")
}

/// The same, and ten kilobytes more.
fn flood(name: &str) -> String {
    format!("{}{}", poison(name), "long ".repeat(2048))
}

/// Everything, with such a text wherever others than this program have chosen one.
fn poisoned(with: fn(&str) -> String) -> GpuPicture {
    let mut picture = everything();
    let set = |text: &mut String, name: &str| *text = with(name);
    for card in &mut picture.cards {
        let id = card.reading.id.clone();
        set(&mut card.reading.id, &id);
        set(&mut card.reading.name, "NVIDIA Card");
        set(card.reading.host.get_or_insert_default(), "host");
        set(card.reading.pci.get_or_insert_default(), "pci");
        if let Some(slice) = &mut card.reading.slice {
            set(&mut slice.profile, "profile");
            set(&mut slice.parent, "parent");
        }
        card.reading.labels = vec![(with("label"), with("value"))];
        set(&mut card.source, "source");
        set(card.owner.get_or_insert_default(), "owner");
        if let Some(price) = &mut card.price {
            set(&mut price.source, "price");
        }
    }
    for server in &mut picture.servers {
        set(&mut server.name, "server");
        set(&mut server.url, "http://url");
        set(server.reading.model.get_or_insert_default(), "model");
        server.cards.iter_mut().for_each(|id| *id = with(&id.clone()));
    }
    for view in &mut picture.processes {
        let id = view.card.clone();
        set(&mut view.card, &id);
        set(&mut view.command, "command");
        set(view.user.get_or_insert_default(), "user");
        view.process.name = Some(with("name"));
        view.parents.iter_mut().for_each(|(_, command)| *command = with("parent"));
        if let Some(owner) = &mut view.owner {
            for (text, name) in [(&mut owner.agent, "agent"), (&mut owner.session, "session"), (&mut owner.project, "project")] {
                set(text, name);
            }
        }
    }
    let heat = Arc::make_mut(&mut picture.heat);
    for row in &mut heat.rows {
        let id = row.card.uid.clone();
        set(&mut row.card.uid, &id);
        set(&mut row.card.name, "Tesla");
        set(&mut row.card.host, "host");
    }
    picture.sources.iter_mut().for_each(|source| {
        set(&mut source.name, "source");
        set(&mut source.about, "about");
        set(source.why.get_or_insert_default(), "why");
    });
    picture.notices = vec![with("notice")];
    picture
}

fn no_cell_is_hostile(what: &str, stage: &mut Stage) {
    for (width, height) in [(20, 5), (30, 6), (60, 14), (80, 24), (120, 36), (200, 60)] {
        let buf = stage.draw(width, height);
        for (i, cell) in buf.content.iter().enumerate() {
            let at = (i % usize::from(width), i / usize::from(width));
            assert!(!cell.symbol().chars().any(is_hostile), "{what} {width}×{height}, {at:?}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn no_panel_shows_a_control_character_of_a_name() {
    let keys: [&[&str]; 12] = [
        &[],
        &["b"],
        &["b", "b"],
        &["down"],
        &["enter"],
        &["down", "down", "down", "down", "down", "enter"],
        &["tab"],
        &["tab", "enter"],
        &["tab", "down", "down", "down", "enter"],
        &["y"],
        &["tab", "y"],
        &["1"],
    ];
    for with in [poison, flood] {
        for keys in keys {
            no_cell_is_hostile(&keys.join(" "), &mut view_of(poisoned(with), keys));
        }
        let mut nothing = broken(&with("why"));
        nothing.sources[0].name = with("source");
        no_cell_is_hostile("nothing", &mut view_of(nothing, &[]));
        let mut typing = view_of(poisoned(with), &["/"]);
        typing.event(&crossterm::event::Event::Paste(with("pasted")));
        no_cell_is_hostile("typing", &mut typing);
    }
}

/// A text with one such character at its end.
fn sign(name: &str) -> String {
    format!("{name}\u{1b}")
}

#[test]
fn what_was_taken_out_leaves_a_sign_in_every_panel() {
    let now = text(&view_of(poisoned(sign), &[]).draw(200, 60));
    for name in ["host�", "Card�", "profile�", "server�", "model�", "command�", "project�", "owner�"] {
        assert!(now.contains(name), "{name} is not in\n{now}");
    }
    let card = text(&view_of(poisoned(sign), &["enter"]).draw(200, 60));
    for name in ["Card�", "pci�", "source�", "price�", "owner�"] {
        assert!(card.contains(name), "{name} is not in\n{card}");
    }
    let process = text(&view_of(poisoned(sign), &["tab", "enter"]).draw(200, 60));
    for name in ["command�", "user�", "session�", "parent�"] {
        assert!(process.contains(name), "{name} is not in\n{process}");
    }
}

#[test]
fn a_copied_id_is_the_id_itself() {
    let mut stage = view_of(poisoned(poison), &[]);
    let id = stage.app.gpu_cards()[0].reading.id.clone();
    assert_eq!(stage.press("y"), [Effect::Copy(id)]);
}
