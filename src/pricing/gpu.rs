//! What an hour of a GPU costs.
//!
//! A list of a few cards starts with the program; each row names where it was read and when. Clouds differ by a factor of
//! three for the same card, so the list says whose price it is, and a price of one's own (for a card, a host or a model)
//! goes before it. A card in nobody's list has no price: a card at home is not rented, and no cloud's price is its.

use crate::model::Money;
use crate::model::gpu::{Slice, plain_uuid};

/// Whose list is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum List {
    /// Clouds that rent GPUs by the hour: the cheapest of those that were looked at.
    #[default]
    Neocloud,
    /// AWS on demand.
    Aws,
    /// No list: prices of one's own alone.
    Empty,
}

impl List {
    /// All of them.
    pub const ALL: [List; 3] = [List::Neocloud, List::Aws, List::Empty];

    /// The word in settings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            List::Neocloud => "neocloud",
            List::Aws => "aws",
            List::Empty => "none",
        }
    }

    /// Back from [`List::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.word() == word)
    }
}

/// A row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Words that a card's name must have in it, all of them.
    pub words: &'static [&'static str],
    /// Nano-dollars an hour at a cloud that rents GPUs, and whose price that is.
    pub neocloud: Option<(i64, &'static str)>,
    /// The same at AWS.
    pub aws: Option<(i64, &'static str)>,
}

/// When the lists were read. The figures are rows of `SkyPilot`'s public catalog, on demand:
/// <https://github.com/skypilot-org/skypilot-catalog>, `catalogs/v8/CLOUD/vms.csv`, the price of an instance divided by its
/// GPUs.
pub const AS_OF: &str = "2026-11";

/// The cards that are listed, the one that says more before the one that says less.
pub const LISTED: &[Listed] = &[
    Listed { words: &["b300"], neocloud: None, aws: Some((17_802_000_000, "AWS us-west-2, p6-b300")) },
    Listed { words: &["b200"], neocloud: Some((5_500_000_000, "Nebius, 8 GPUs")), aws: Some((14_240_000_000, "AWS us-east-1, p6-b200")) },
    Listed { words: &["h200"], neocloud: Some((3_500_000_000, "Nebius")), aws: Some((7_912_000_000, "AWS us-east-1, p5en")) },
    Listed { words: &["h100"], neocloud: Some((2_950_000_000, "Nebius")), aws: Some((6_880_000_000, "AWS us-east-1, p5")) },
    Listed { words: &["gh200"], neocloud: Some((2_290_000_000, "Lambda")), aws: None },
    Listed { words: &["a100", "80gb"], neocloud: Some((1_390_000_000, "RunPod, PCIe")), aws: Some((3_430_875_000, "AWS us-east-1, p4de")) },
    Listed { words: &["l40s"], neocloud: Some((1_548_400_000, "Nebius, 8 vCPU")), aws: None },
    Listed { words: &["rtx", "a6000"], neocloud: Some((1_090_000_000, "Lambda")), aws: None },
    Listed { words: &["v100", "16gb"], neocloud: Some((790_000_000, "Lambda, 8 GPUs")), aws: None },
];

/// What a price of one's own is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// One card, by its id.
    Card(String),
    /// Every card of a host; `localhost` is this one.
    Host(String),
    /// Every card whose name has these words in it.
    Model(Vec<String>),
}

impl For {
    /// Reads what stands before a price: `GPU-…`, `host:n1`, or a part of a card's name.
    #[must_use]
    pub fn parse(text: &str) -> For {
        let lower = text.trim().to_ascii_lowercase();
        match lower.strip_prefix("host:") {
            Some(host) => For::Host(host.trim().to_owned()),
            None if lower.starts_with("gpu-") || lower.starts_with("mig-") => For::Card(plain_uuid(&lower)),
            None => For::Model(words(&lower)),
        }
    }
}

/// A price of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPrice {
    /// As it stands in the settings.
    pub name: String,
    /// What it is for.
    pub of: For,
    /// An hour of it.
    pub per_hour: Money,
    /// Whether the card is owned: then this is what it loses in value in an hour, and what its place costs.
    pub is_owned: bool,
}

/// The price of an hour, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuPrice {
    /// An hour.
    pub per_hour: Money,
    /// Where it is from, in words.
    pub source: String,
    /// Of when it is; nothing where it is one's own.
    pub as_of: Option<&'static str>,
    /// Whether the card is owned: what it draws is paid besides.
    pub is_owned: bool,
}

/// Who asks for a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The card's id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its host; nothing is this machine.
    pub host: Option<&'a str>,
    /// What the settings call whoever was asked for it; nothing is this machine.
    pub source: Option<&'a str>,
    /// Which part of a card it is.
    pub slice: Option<&'a Slice>,
}

/// Everything that decides what an hour costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tariff {
    /// Whose list.
    pub list: List,
    /// Prices of one's own.
    pub own: Vec<OwnPrice>,
}

impl Tariff {
    /// The price of an hour of a card, or of an instance of it: that has its share of the whole card's price.
    #[must_use]
    pub fn price(&self, asked: Asked<'_>) -> Option<GpuPrice> {
        let name = words(&asked.name.to_ascii_lowercase());
        // An instance is priced by itself only where its own id says so.
        let fits = self.own.iter().filter_map(|own| Some((fit(own, asked, &name)?, own))).max_by_key(|(fit, _)| *fit);
        let own = fits.map(|(_, own)| own);
        let whole = match own {
            Some(own) => GpuPrice {
                per_hour: own.per_hour,
                source: if own.is_owned { "owned".to_owned() } else { "yours".to_owned() },
                as_of: None,
                is_owned: own.is_owned,
            },
            None => listed(self.list, &name)?,
        };
        let is_its_own = fits.is_some_and(|(fit, _)| fit == Fit::Card);
        match asked.slice {
            Some(slice) if !is_its_own => {
                let (part, of) = slice.of.filter(|(part, of)| *part > 0 && part <= of)?;
                let per_hour = whole.per_hour.scale(i64::from(part), i64::from(of));
                Some(GpuPrice { per_hour, source: format!("{part}/{of} of {}", whole.source), ..whole })
            }
            _ => Some(whole),
        }
    }
}

/// How closely a price of one's own is meant for a card: the more closely, the more it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// So many words are in its name.
    Model(usize),
    /// It is a card of whoever is asked under this name.
    Source,
    /// It is a card of this host.
    Host,
    /// It is a part of this card.
    Whole,
    /// It is this card.
    Card,
}

/// Whether a price of one's own is meant for a card. An id is known as it is shown, too: not all begin with `GPU-`.
fn fit(own: &OwnPrice, asked: Asked<'_>, name: &[String]) -> Option<Fit> {
    let id = plain_uuid(&own.name);
    let is_id = |known: &str| known.eq_ignore_ascii_case(&id);
    if is_id(asked.id) {
        return Some(Fit::Card);
    }
    if asked.slice.is_some_and(|slice| is_id(&slice.parent)) {
        return Some(Fit::Whole);
    }
    match &own.of {
        For::Card(_) => None,
        For::Host(host) if asked.host.unwrap_or("localhost").eq_ignore_ascii_case(host) => Some(Fit::Host),
        For::Host(host) => asked.source.filter(|source| source.eq_ignore_ascii_case(host)).map(|_| Fit::Source),
        For::Model(words) => (!words.is_empty() && words.iter().all(|word| name.contains(word))).then_some(Fit::Model(words.len())),
    }
}

fn listed(list: List, name: &[String]) -> Option<GpuPrice> {
    let row = LISTED.iter().find(|row| row.words.iter().all(|word| name.iter().any(|own| own == word)))?;
    let (nanos, source) = match list {
        List::Neocloud => row.neocloud?,
        List::Aws => row.aws?,
        List::Empty => return None,
    };
    Some(GpuPrice { per_hour: Money::from_nanos(nanos), source: source.to_owned(), as_of: Some(AS_OF), is_owned: false })
}

/// The words of a name: `NVIDIA A100-SXM4-80GB` has four.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What an owned card costs an hour: what it loses in value over its years, and what its place costs. Rounded down; nothing
/// where it has no years, or would gain in value.
#[must_use]
pub fn owned(price: Money, resale: Money, years: u32, hosting: Money) -> Option<Money> {
    let hours = i64::from(years).checked_mul(8760).filter(|hours| *hours > 0)?;
    let lost = Some(price - resale).filter(|lost| *lost >= Money::ZERO)?;
    Some(lost.scale(1, hours) + hosting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask<'a>(name: &'a str, host: Option<&'a str>, slice: Option<&'a Slice>) -> Asked<'a> {
        Asked { id: "aa-11", name, host, source: None, slice }
    }

    fn own(name: &str, dollars: &str) -> OwnPrice {
        OwnPrice { name: name.to_owned(), of: For::parse(name), per_hour: Money::parse_usd(dollars).unwrap(), is_owned: false }
    }

    #[test]
    fn a_name_finds_its_own_row_and_no_other() {
        let of = |name: &str| Tariff::default().price(ask(name, None, None)).map(|price| price.per_hour.exact());
        for (name, expected) in [
            ("NVIDIA H200", Some("3.5")),
            ("NVIDIA H200 NVL", Some("3.5")),
            ("NVIDIA GH200 480GB", Some("2.29")),
            ("NVIDIA A100-SXM4-80GB", Some("1.39")),
            ("NVIDIA A100-SXM4-40GB", None),
            ("NVIDIA GB200", None),
            ("NVIDIA B300 SXM6 AC", None),
            ("NVIDIA GeForce RTX 4090", None),
            ("Apple M3 Max", None),
        ] {
            assert_eq!(of(name).as_deref(), expected, "{name}");
        }
        let aws = Tariff { list: List::Aws, ..Tariff::default() };
        assert_eq!(aws.price(ask("NVIDIA B300 SXM6 AC", None, None)).unwrap().per_hour.exact(), "17.802");
        assert_eq!(Tariff { list: List::Empty, ..Tariff::default() }.price(ask("NVIDIA H200", None, None)), None);
    }

    #[test]
    fn what_says_more_of_a_card_counts_more() {
        let mut tariff = Tariff { list: List::Neocloud, own: vec![own("H200", "3.10")] };
        let price = |tariff: &Tariff, host| tariff.price(ask("NVIDIA H200", host, None)).unwrap().per_hour.exact();
        assert_eq!(price(&tariff, None), "3.1");
        tariff.own.push(own("host:n1", "2"));
        assert_eq!((price(&tariff, Some("n1")), price(&tariff, None)), ("2".to_owned(), "3.1".to_owned()));
        tariff.own.push(own("GPU-AA-11", "1.5"));
        assert_eq!(price(&tariff, Some("n1")), "1.5");
        tariff.own.push(own("host:localhost", "0.5"));
        assert_eq!(Tariff { own: tariff.own[3..].to_vec(), ..tariff }.price(ask("x", None, None)).unwrap().per_hour.exact(), "0.5");
    }

    #[test]
    fn a_card_is_meant_by_its_id_as_it_is_shown_and_by_what_its_host_is_called_here() {
        let price = |own: OwnPrice, asked: Asked<'_>| {
            let tariff = Tariff { list: List::Empty, own: vec![own] };
            tariff.price(asked).map(|price| price.per_hour.exact())
        };
        for id in ["8a6f1c2e-1111", "1234567890abcdef", "0000:83:00.0", "n1/0", "aa-11"] {
            assert_eq!(price(own(id, "2"), Asked { id, ..ask("x", None, None) }).as_deref(), Some("2"), "{id}");
            assert_eq!(price(own(id, "2"), Asked { id: "8a6f1c2e-1112", ..ask("x", None, None) }), None, "{id}");
        }
        let slice = Slice { parent: "aa-11".to_owned(), profile: "3g".to_owned(), of: Some((3, 7)) };
        assert_eq!(price(own("aa-11", "7"), Asked { id: "mig-1", ..ask("x", None, Some(&slice)) }).as_deref(), Some("3"));
        assert_eq!(price(own("mig-1", "7"), Asked { id: "mig-1", ..ask("x", None, Some(&slice)) }).as_deref(), Some("7"));

        let there = Asked { source: Some("box"), ..ask("NVIDIA H200", Some("ip-10-0-0-5"), None) };
        assert_eq!(price(own("host:Box", "2.40"), there).as_deref(), Some("2.4"));
        assert_eq!(price(own("host:localhost", "2.40"), there), None);
        assert_eq!(price(own("host:localhost", "2"), Asked { source: Some("box"), ..ask("x", None, None) }).as_deref(), Some("2"));
        let both = Tariff { list: List::Empty, own: vec![own("host:ip-10-0-0-5", "1"), own("host:box", "2"), own("H200", "3")] };
        assert_eq!(both.price(there).unwrap().per_hour.exact(), "1", "its own name says more than whom it was heard of");
    }

    #[test]
    fn an_instance_has_its_share() {
        let slice = |of| Slice { parent: "bb".to_owned(), profile: "3g.71gb".to_owned(), of };
        let price = |slice: &Slice| Tariff::default().price(ask("NVIDIA H200", None, Some(slice)));
        assert_eq!(price(&slice(Some((3, 7)))).unwrap().per_hour.nanos(), 1_500_000_000);
        assert_eq!(price(&slice(None)), None, "of what share is not known, no price is known");
    }

    #[test]
    fn an_owned_card_costs_what_it_loses() {
        let usd = |text: &str| Money::parse_usd(text).unwrap();
        assert_eq!(owned(usd("2628"), usd("0"), 3, usd("0")), Some(usd("0.1")));
        assert_eq!(owned(usd("2628"), usd("1314"), 3, usd("0.02")), Some(usd("0.07")));
        assert_eq!((owned(usd("1"), usd("2"), 3, usd("0")), owned(usd("1"), usd("0"), 0, usd("0"))), (None, None));
    }
}
