//! What sessions were for, as JSON.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::model::text::clean;
use crate::model::{Dimension, Labels};
use crate::store::Sums;

use super::{CostJson, TokensJson, cost, tokens};

/// All dimensions with their values; `null` where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelsJson([(Dimension, Option<String>); 5]);

impl Serialize for LabelsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (dimension, value) in &self.0 {
            map.serialize_entry(dimension.word(), value)?;
        }
        map.end()
    }
}

/// Labels as the contract writes them.
#[must_use]
pub fn labels(labels: &Labels) -> LabelsJson {
    LabelsJson(Dimension::ALL.map(|dimension| (dimension, labels.get(dimension).map(|value| clean(value)))))
}

/// What is said of each dimension, be it that there is none.
#[must_use]
pub fn said(labels: &Labels) -> LabelsJson {
    LabelsJson(Dimension::ALL.map(|dimension| (dimension, labels.said(dimension).map(|value| clean(value)))))
}

/// What a report by dimensions could not attribute.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct UnattributedJson {
    pub calls: i64,
    pub tokens: TokensJson,
    pub cost: CostJson,
    /// Its part of the report's known cost; `null` where that is nothing.
    pub share_permille: Option<u64>,
}

/// Sums as what could not be attributed.
#[must_use]
pub fn unattributed(sums: &Sums, share_permille: Option<u64>) -> UnattributedJson {
    UnattributedJson { calls: sums.calls, tokens: tokens(&sums.tokens()), cost: cost(&sums.cost()), share_permille }
}
