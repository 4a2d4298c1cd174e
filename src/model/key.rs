//! Identities as 64-bit hashes: what makes a replayed record fall on the row it already has.

/// The identity of a model call, a prompt or a tool call, hashed from the agent's own ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u64);

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xbf58_476d_1ce4_e5b9;
const K2: u64 = 0x94d0_49bb_1331_11eb;

impl Key {
    /// Hashes the parts, in order; the borders between parts count.
    ///
    /// The function is part of the store's format: changing it needs a migration that reads all logs again.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Key {
        let mut state = K0;
        for part in parts {
            state = mix(state ^ (part.len() as u64).wrapping_mul(K2));
            let mut chunks = part.chunks_exact(8);
            for chunk in &mut chunks {
                let mut word = [0; 8];
                word.copy_from_slice(chunk);
                state = mix(state ^ u64::from_le_bytes(word)).wrapping_add(K0);
            }
            let rest = chunks.remainder();
            if !rest.is_empty() {
                let mut word = [0; 8];
                for (to, from) in word.iter_mut().zip(rest) {
                    *to = *from;
                }
                state = mix(state ^ u64::from_le_bytes(word)).wrapping_add(K1);
            }
        }
        Key(mix(state))
    }

    /// The bits as the signed integer that `SQLite` stores.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        self.0.cast_signed()
    }

    /// Back from `SQLite`'s signed integer.
    #[must_use]
    pub const fn from_sql(value: i64) -> Key {
        Key(value.cast_unsigned())
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit reaches every output bit.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(K1);
    z = (z ^ (z >> 27)).wrapping_mul(K2);
    z ^ (z >> 31)
}

/// Hashes keys and ids in one multiplication each: they come from our own tables, so nobody can choose collisions.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyHasher(u64);

impl std::hash::Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = Key::of(&[&self.0.to_le_bytes(), bytes]).0;
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(K0);
    }
}

/// A hash table of small numbers, or of several of them.
pub type IdMap<K, T> = std::collections::HashMap<K, T, std::hash::BuildHasherDefault<KeyHasher>>;

/// A set of keys.
pub type KeySet = std::collections::HashSet<Key, std::hash::BuildHasherDefault<KeyHasher>>;

/// A hash table of keys.
pub type KeyMap<T> = std::collections::HashMap<Key, T, std::hash::BuildHasherDefault<KeyHasher>>;
