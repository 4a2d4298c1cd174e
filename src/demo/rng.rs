//! Chance, the same every time: `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").

use std::fmt::Write as _;

/// A generator of numbers that look random.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) const fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A generator of its own for somebody: what one does leaves the others' luck alone.
    pub(super) const fn fork(&mut self) -> Rng {
        Rng(self.next())
    }

    /// A number of the span, both ends included.
    pub(super) const fn within(&mut self, (low, high): (u64, u64)) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// A length of time within the span.
    pub(super) fn millis(&mut self, span: (u64, u64)) -> i64 {
        i64::try_from(self.within(span)).unwrap_or(0)
    }

    /// Whether something happens that does so this often in a thousand.
    pub(super) const fn chance(&mut self, permille: u64) -> bool {
        self.next() % 1000 < permille
    }

    /// One of these.
    pub(super) fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let count = u64::try_from(of.len()).unwrap_or(1).max(1);
        usize::try_from(self.next() % count).ok().and_then(|i| of.get(i)).copied().unwrap_or_default()
    }

    /// A UUID of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (tail, variant) = (b & 0xffff_ffff_ffff, (b >> 48) & 0x3fff | 0x8000);
        format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-{tail:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff)
    }

    /// An id such as `msg_01f3…`.
    pub(super) fn id(&mut self, prefix: &str, digits: usize) -> String {
        let mut id = prefix.to_owned();
        while id.len() < prefix.len() + digits {
            let _ = write!(id, "{:016x}", self.next());
        }
        id.truncate(prefix.len() + digits);
        id
    }
}
