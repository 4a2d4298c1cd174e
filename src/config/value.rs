//! What every type of setting can do: take a higher layer, and be written down.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::caps;
use super::choice::{Group, Range, WeekStart};
use super::currency::Currency;
use super::gpus::Gpu;
use super::lookout::Lookout;
use crate::budgets::Assumed;
use crate::model::cap::OnFailure;
use crate::model::{Cap, Zone};
use crate::pricing::Override;

/// A setting's value.
pub(super) trait Value: Sized {
    /// Puts a higher layer over this one and names the parts it set; `None` when the value has no parts.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        *self = upper;
        None
    }

    /// The parts with their values; `None` when the value has no parts.
    fn parts(&self) -> Option<Vec<(String, String)>> {
        None
    }

    /// The value on one line.
    fn show(&self) -> String;
}

macro_rules! displayed {
    ($($type:ty),+) => {
        $( impl Value for $type {
            fn show(&self) -> String {
                self.to_string()
            }
        } )+
    };
}

displayed!(String, bool, usize, Zone, Range, Group, WeekStart, OnFailure);

/// A table of single values, kept as the texts that were read: each is sound.
macro_rules! flat {
    ($($type:ty),+) => {
        $( impl Value for $type {
            fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
                let names = upper.0.keys().cloned().collect();
                self.0.extend(upper.0);
                Some(names)
            }

            fn parts(&self) -> Option<Vec<(String, String)>> {
                Some(self.0.iter().map(|(name, text)| (name.clone(), text.clone())).collect())
            }

            fn show(&self) -> String {
                joined(self.parts())
            }
        } )+
    };
}

flat!(Lookout, Gpu);

impl Value for PathBuf {
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for Vec<String> {
    fn show(&self) -> String {
        self.join(",")
    }
}

impl Value for Currency {
    fn show(&self) -> String {
        if *self == Currency::default() {
            return self.code.clone();
        }
        format!("{}:{}:{}", self.code, self.rate_text(), self.symbol)
    }
}

impl Value for BTreeMap<String, Vec<String>> {
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.keys().cloned().collect();
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        Some(self.iter().map(|(name, list)| (name.clone(), list.join(","))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}

impl Value for BTreeMap<String, Vec<PathBuf>> {
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.keys().cloned().collect();
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        let shown = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        Some(self.iter().map(|(name, paths)| (name.clone(), shown(paths))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}

impl Value for Vec<Override> {
    /// A model's prices are replaced as a whole: rates of two places would make a price that nobody meant.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|price| price.model.clone()).collect();
        self.retain(|price| upper.iter().all(|other| other.model != price.model));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        Some(self.iter().map(|price| (price.model.clone(), card(price))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}

impl Value for Vec<Cap> {
    /// A cap is replaced as a whole: parts of two places would make one that nobody set.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|cap| cap.name.clone()).collect();
        self.retain(|cap| upper.iter().all(|other| other.name != cap.name));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        Some(self.iter().map(|cap| (cap.name.clone(), caps::card(cap))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}

impl Value for Assumed {
    fn show(&self) -> String {
        format!("input:{},output:{}", self.input.per_million(), self.output.per_million())
    }
}

/// `a=x;b=y`, as variables and flags read it.
pub(super) fn joined(parts: Option<Vec<(String, String)>>) -> String {
    parts.unwrap_or_default().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
}

/// `input:3,output:15`, as variables and flags read it.
fn card(price: &Override) -> String {
    let rates = [
        ("input", price.input),
        ("output", price.output),
        ("cache_read", price.cache_read),
        ("cache_write_5m", price.cache_write_5m),
        ("cache_write_1h", price.cache_write_1h),
    ];
    let rates = rates.into_iter().filter_map(|(name, rate)| Some((name, rate?.per_million())));
    let window = price.context_window.map(|tokens| ("context_window", tokens.to_string()));
    rates.chain(window).map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(",")
}
