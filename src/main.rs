//! x
use aifinops::*;
fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
fn main() {
    let home = std::path::PathBuf::from(std::env::var("AIFINOPS_HOME").unwrap());
    let data = std::path::PathBuf::from(std::env::var("AIFINOPS_DATA_DIR").unwrap());
    let mut demo = std::env::var("DEMO").ok().map(|_| demo::Demo::begin(&home, now(), 1).unwrap());
    let opened = store::Store::open(&data).unwrap();
    let env = |_: &str| None;
    let places = sources::Places { home: &home, env: &env };
    let roots = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|r| (s.agent(), r))).collect();
    let ingest = engine::ingest::Ingest::new(opened.store, pricing::Pricer::new(pricing::Book::embedded()), tail::Catalog::new(roots), 0);
    if let Some(mut demo) = demo.take() {
        std::thread::spawn(move || {
            loop {
                demo.play(now()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        });
    }
    let loaded = config::load(&config::Flags::default(), &|k| std::env::var(k).ok());
    let s = loaded.settings;
    let (keys, _) = ui::keymap::Keymap::new(&s.keys.value);
    let depth = ui::theme::Depth::detect(&|k| std::env::var(k).ok());
    let options = ui::app::Options {
        columns: ui::app::default_columns(),
        sort: (ui::columns::Column::Today, false),
        group: s.group.value,
        filter: String::new(),
        span: engine::Span::Today,
        theme: ui::theme::load(&s.theme, None).unwrap().at(depth),
        themes: ui::theme::names(None),
        keys,
        currency: s.currency.value.clone(),
        zone: *s.timezone,
    };
    let e = engine::Engine::start(engine::Setup { ingest, zone: *s.timezone, span: engine::Span::Today, notices: vec![], clock: now });
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(ui::run(ui::Setup { options, depth, themes_dir: None, mouse: true, open_with: String::new(), clock: now }, e)).unwrap();
}
