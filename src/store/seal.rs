//! What shows that stored numbers are those that were written.
//!
//! **Why so.** `SQLite` has no check sums: a bit that flips in a number leaves a sound database with another number in it. So
//! rows that are read whole carry the hash of their bytes, and rows of numbers a weighted sum of them, which is linear: the sums
//! of many rows fit the sum of their seals, and adding rows up in `SQLite` checks all of them at the price of one more column.
//!
//! A seal is a generated column: `SQLite` computes it whenever a row is written, and nothing that writes can forget it. Each
//! number counts modulo a prime that a power of two is never a multiple of, so that one flipped bit always shows; two of them in
//! different columns do not make up for each other, since no weight is another one's by a power of two (all are odd and small).

use rapidhash::v3::rapidhash_v3;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

/// 2³¹ - 1: sums of its remainders never overflow.
const PRIME: i64 = 0x7fff_ffff;

/// The weight of the column that has so many before it.
#[expect(clippy::cast_possible_wrap, reason = "tables have some dozens of columns")]
const fn weight(before: usize) -> i64 {
    2 * (before as i64) + 1
}

/// Whether the sum of seals is that of these numbers, each with the number of columns before it.
fn fits(seals: i64, numbers: impl IntoIterator<Item = (usize, i64)>) -> bool {
    let sum: i64 = numbers.into_iter().map(|(before, number)| number % PRIME * weight(before)).sum();
    (seals % PRIME - sum) % PRIME == 0
}

/// For a query: a row's seal without the share of these columns, each with the number of columns before it.
pub(super) fn without<'a>(alias: &str, columns: impl IntoIterator<Item = (usize, &'a str)>) -> String {
    let share = |(before, column)| format!(" - {alias}.{column} % {PRIME} * {}", weight(before));
    std::iter::once(format!("{alias}.seal")).chain(columns.into_iter().map(share)).collect()
}

/// Reads numbers from a row's columns, beginning at `first`, and behind them their seal. An error where they are not those that were
/// written.
pub(super) fn checked<const WIDTH: usize>(row: &Row<'_>, first: usize) -> rusqlite::Result<[i64; WIDTH]> {
    let number = |i: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(first + i)?.unwrap_or(0));
    let mut numbers = [0; WIDTH];
    for (i, to) in numbers.iter_mut().enumerate() {
        *to = number(i)?;
    }
    check(number(WIDTH)?, numbers).map(|()| numbers)
}

/// What is not what was written.
pub(super) fn broken() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, "a row does not fit its seal".into())
}

/// An error where numbers are not those that were written.
pub(super) fn check<const WIDTH: usize>(seal: i64, numbers: [i64; WIDTH]) -> rusqlite::Result<()> {
    if fits(seal, numbers.into_iter().enumerate()) { Ok(()) } else { Err(broken()) }
}

/// The seal of texts. None is another one than an empty one.
pub(super) fn words(texts: &[Option<&str>]) -> i64 {
    let bytes: Vec<u8> = texts.iter().flat_map(|text| text.map_or(&[0xff][..], str::as_bytes).iter().chain(&[0xfe])).copied().collect();
    rapidhash_v3(&bytes).cast_signed()
}

/// Bytes that the seal of a row takes.
const LEN: usize = 4;

fn hash(bytes: &[u8]) -> [u8; LEN] {
    let [a, b, c, d, ..] = rapidhash_v3(bytes).to_le_bytes();
    [a, b, c, d]
}

/// The bytes, and their seal.
pub(super) fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &hash(bytes)].concat()
}

/// The bytes without their seal; an error where it is not theirs.
pub(super) fn opened(sealed: &[u8]) -> rusqlite::Result<&[u8]> {
    match sealed.split_last_chunk::<LEN>() {
        Some((bytes, seal)) if hash(bytes) == *seal => Ok(bytes),
        _ => Err(rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, "bytes do not fit their seal".into())),
    }
}

/// Tables with rows that are read whole, and the column of their bytes.
const WHOLE: [(&str, &str); 4] = [("packed_call", "packed"), ("packed_fact", "packed"), ("trail", "steps"), ("carry", "memory")];

/// Seals what releases wrote that had no seals.
pub(super) fn seal_old(tx: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    tx.create_scalar_function("sealed", 1, flags, |row| Ok(sealed(row.get_raw(0).as_blob()?)))?;
    for (table, bytes) in WHOLE {
        tx.execute_batch(&format!("UPDATE {table} SET {bytes} = sealed({bytes})"))?;
    }
    tx.remove_function("sealed", 1)
}

/// The seal of a name.
pub(super) fn of_name(text: &str) -> i64 {
    rapidhash_v3(text.as_bytes()).cast_signed()
}

/// All names, each with its id and its seal.
fn names(tx: &Connection) -> rusqlite::Result<Vec<(i64, String, i64)>> {
    tx.prepare("SELECT id, text, seal FROM name")?.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
}

/// Seals the names that releases wrote which had no seals for them.
pub(super) fn seal_names(tx: &Connection) -> rusqlite::Result<()> {
    for (id, text, _) in names(tx)? {
        tx.execute("UPDATE name SET seal = ?2 WHERE id = ?1", params![id, of_name(&text)])?;
    }
    Ok(())
}

/// An error where a name is not the one that was written. There are some dozens of them, so whoever opens the store looks at all.
pub(super) fn check_names(tx: &Connection) -> rusqlite::Result<()> {
    if names(tx)?.iter().all(|(_, text, seal)| of_name(text) == *seal) { Ok(()) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_sealed_bytes_shows() {
        for bytes in [&b""[..], b"a", b"a pack of calls, and some more"] {
            let whole = sealed(bytes);
            assert_eq!(opened(&whole).unwrap(), bytes);
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(opened(&flipped).is_err(), "bit {bit}");
            }
            assert!((0..whole.len()).all(|len| opened(&whole[..len]).is_err()));
        }
    }

    /// As the generated columns have it.
    fn seal_of(numbers: &[i64]) -> i64 {
        numbers.iter().enumerate().map(|(i, n)| n % PRIME * weight(i)).sum()
    }

    #[test]
    fn one_or_two_flipped_bits_of_numbers_show() {
        let numbers: Vec<i64> = (0..24).map(|n| (1 << (2 * n)) + n).collect();
        let seal = seal_of(&numbers);
        let fit = |numbers: &[i64]| fits(seal, numbers.iter().copied().enumerate());
        assert!(fit(&numbers));
        for (i, bit) in (0..24).flat_map(|i| (0..64).map(move |bit| (i, bit))) {
            let mut flipped = numbers.clone();
            flipped[i] ^= 1 << bit;
            assert!(!fit(&flipped), "bit {bit} of {i}");
            for (j, other) in (i + 1..24).flat_map(|j| (0..40).map(move |bit| (j, bit))) {
                let mut both = flipped.clone();
                both[j] ^= 1 << other;
                assert!(!fit(&both), "bit {bit} of {i} and {other} of {j}");
            }
        }
    }

    #[test]
    fn sums_of_rows_fit_the_sum_of_their_seals_however_large_they_are() {
        let rows = [[i64::MAX, 3, -7], [i64::MIN, i64::MAX, 0], [5, 5, 1 << 40]];
        let seals: i64 = rows.iter().map(|row| seal_of(row)).sum();
        let sums = [0, 1, 2].map(|i| rows.iter().map(|row| row[i] % PRIME).sum::<i64>());
        assert!(fits(seals, sums.into_iter().enumerate()));
        assert!(!fits(seals, sums.into_iter().map(|n| n + 1).enumerate()));
    }
}
