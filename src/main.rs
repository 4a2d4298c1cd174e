//! x
use aifinops::*;
fn main() {
    let home = std::path::PathBuf::from(std::env::var("AIFINOPS_HOME").unwrap());
    let data = std::path::PathBuf::from(std::env::var("AIFINOPS_DATA_DIR").unwrap());
    let t = std::time::Instant::now();
    let opened = store::Store::open(&data).unwrap();
    if let Some(n) = opened.notice {
        eprintln!("{n}");
    }
    let env = |_: &str| None;
    let places = sources::Places { home: &home, env: &env };
    let roots = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|r| (s.agent(), r))).collect();
    let mut ingest =
        engine::ingest::Ingest::new(opened.store, pricing::Pricer::new(pricing::Book::embedded()), tail::Catalog::new(roots), 0);
    eprintln!("open {:?}", t.elapsed());
    let mut n = 0;
    let report = ingest.scan(&mut |_, _, _| n += 1).unwrap();
    eprintln!("scan {:?} read {} writes {n} failed {:?}", t.elapsed(), report.files_read, report.failed);
    let total = ingest.store.total(model::Window::ALL).unwrap();
    eprintln!("total {:?} {total:?}", t.elapsed());
}
