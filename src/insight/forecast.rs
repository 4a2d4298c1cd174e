//! What will have been spent at the end of a day, a week or a month: a range from the own past, not a straight line.
//!
//! **How.** A day ahead goes as some day of the past went, hour by hour. Many futures are put together from such days, drawn
//! by lot: recent days come more often, days of the same weekday too. What has been spent already says how busy this day and
//! this week are, and scales what is drawn. The middle of all futures is the likely end; eight of ten lie in the range.
//!
//! Amounts are integers of whatever is counted (nano-dollars, tokens, steps). The lots are the same every time: the same
//! past gives the same answer.

/// The hours of a clock.
pub const HOURS: usize = 24;
/// Past days that count.
pub const MOST_DAYS: usize = 56;
/// From so many days on weekdays are told apart.
pub const A_WEEK: usize = 7;

/// A day of the past.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// 0 is Monday.
    pub weekday: u8,
    /// What was spent in sixty minutes of each hour of the clock.
    pub hours: [i64; HOURS],
}

impl Past {
    fn total(&self) -> i64 {
        self.hours.iter().fold(0, |sum, hour| sum.saturating_add(*hour))
    }

    /// What was spent in as many minutes of each hour.
    fn during(&self, minutes: &[u32; HOURS]) -> i64 {
        if *minutes == [60; HOURS] {
            return self.total();
        }
        let parts = self.hours.iter().zip(minutes).map(|(hour, minutes)| i128::from(*hour) * i128::from(*minutes) / 60);
        narrow(parts.sum())
    }
}

/// A stretch of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Its first instant, in milliseconds.
    pub from: i64,
    /// 0 is Monday.
    pub weekday: u8,
    /// The minutes of each hour of the clock that lie in it: 0 and 120 where clocks are changed.
    pub minutes: [u32; HOURS],
}

/// What is known when something is foretold.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// The past, the oldest day first, yesterday last.
    pub past: Vec<Past>,
    /// The part of today that is gone.
    pub gone: Stretch,
    /// What has been spent in it.
    pub today: i64,
    /// The days of the window that are over and that the past knows, by weekday.
    pub over: Vec<u8>,
    /// What has been spent in the window, today included.
    pub spent: i64,
    /// What is left of the window: the rest of today, then day by day.
    pub ahead: Vec<Stretch>,
}

/// Where the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outlook {
    /// One of ten futures ends lower.
    pub low: i64,
    /// The middle of all futures.
    pub likely: i64,
    /// One of ten futures ends higher.
    pub high: i64,
}

/// When a limit is reached, in milliseconds; nothing where too few futures reach it inside the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// How many futures of a thousand reach it.
    pub permille: u32,
    /// One of ten reaches it earlier.
    pub early: Option<i64>,
    /// Half of them reach it earlier.
    pub likely: Option<i64>,
    /// Nine of ten reach it earlier.
    pub late: Option<i64>,
}

/// Futures that are drawn where more than one day is left.
const FUTURES: usize = 400;
/// What is left of a day's weight the day after, in 100 000ths: half of it in three weeks. Back tests hardly notice two.
const FADES: u64 = 96_750;
/// The weight of yesterday.
const FRESH: u64 = 1_000_000;
/// How often days of the same weekday, of the same part of the week, and others come.
const ALIKE: [u64; 3] = [4, 3, 2];
/// Days that together say how much is going on: a future goes by some of them.
const LEVEL: usize = 3;
/// How many usual days the window's own pace has to make up for before it counts for half.
const STEADY: i128 = 7;

fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// A part of an amount.
type Ratio = (i128, i128);

fn scaled(amount: i64, (numerator, denominator): Ratio) -> i64 {
    if denominator <= 0 { amount } else { narrow(i128::from(amount).saturating_mul(numerator) / denominator) }
}

/// Chance, the same every time: `SplitMix64`.
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws one of several by their summed weights.
    fn draw(&mut self, summed: &[u64]) -> usize {
        let all = summed.last().copied().unwrap_or(0).max(1);
        let lot = self.next() % all;
        summed.partition_point(|sum| *sum <= lot).min(summed.len().saturating_sub(1))
    }
}

/// Weights one after the other, each with those before it.
fn summed(weights: &[u64]) -> Vec<u64> {
    let add = |sum: &mut u64, weight: &u64| {
        *sum += weight;
        Some(*sum)
    };
    weights.iter().scan(0, add).collect()
}

/// The weighted mean; 0 of nothing.
fn mean(amounts: impl Iterator<Item = i64>, weights: &[u64]) -> i64 {
    let (mut sum, mut all) = (0_i128, 0_i128);
    for (amount, weight) in amounts.zip(weights) {
        sum += i128::from(amount) * i128::from(*weight);
        all += i128::from(*weight);
    }
    if all == 0 { 0 } else { narrow(sum / all) }
}

/// How the past weighs.
struct Weights {
    /// By age alone.
    fresh: Vec<u64>,
    /// By age and by how alike the weekdays are.
    weekdays: Vec<Vec<u64>>,
}

impl Weights {
    fn of(past: &[Past]) -> Weights {
        let mut fresh: Vec<u64> = std::iter::successors(Some(FRESH), |weight| Some(weight * FADES / 100_000)).take(past.len()).collect();
        fresh.reverse();
        let [same, similar, other] = ALIKE;
        let like = |a: u8, b: u8| match (a, b) {
            _ if past.len() < A_WEEK => other,
            _ if a == b => same,
            _ if (a < 5) == (b < 5) => similar,
            _ => other,
        };
        let of = |weekday: u8| past.iter().zip(&fresh).map(|(day, weight)| weight * like(day.weekday, weekday)).collect();
        Weights { weekdays: (0..7).map(of).collect(), fresh }
    }

    fn on(&self, weekday: u8) -> &[u64] {
        self.weekdays.get(usize::from(weekday)).map_or(&self.fresh, Vec::as_slice)
    }
}

/// One way that it may go on.
struct Future {
    weight: u64,
    /// The past day that each day ahead goes by.
    days: Vec<usize>,
    /// What the days after today are scaled by: how busy this future is.
    level: Ratio,
    /// The end without that: what is likely does not depend on it.
    plain: i64,
    /// The end.
    end: i64,
}

/// All ways that it may go on.
pub struct Futures<'a> {
    course: &'a Course,
    /// What each day ahead costs if it goes by each of the past.
    amounts: Vec<Vec<i64>>,
    all: Vec<Future>,
}

impl<'a> Futures<'a> {
    /// Puts them together. Nothing without a day of history: then nobody can tell.
    #[must_use]
    pub fn of(course: &'a Course) -> Option<Futures<'a>> {
        let (past, rest) = (&course.past, course.ahead.first()?);
        if past.is_empty() {
            return None;
        }
        let weights = Weights::of(past);
        let (today, others) = paces(course, &weights);
        let amounts = |(ahead, stretch): (usize, &Stretch)| {
            let pace = if ahead == 0 { today } else { others };
            past.iter().map(|day| scaled(day.during(&stretch.minutes), pace)).collect()
        };
        let mut futures = Futures { course, amounts: course.ahead.iter().enumerate().map(amounts).collect(), all: Vec::new() };
        let today = weights.on(rest.weekday);
        if course.ahead.len() == 1 {
            // Each past day is one future: no lot is needed.
            let one = |(day, weight): (usize, &u64)| futures.future(*weight, vec![day], (1, 1));
            futures.all = today.iter().enumerate().map(one).collect();
            return Some(futures);
        }
        let mut lots = Lots(1);
        let fresh = summed(&weights.fresh);
        let by_weekday: Vec<Vec<u64>> = weights.weekdays.iter().map(|weights| summed(weights)).collect();
        let usual = mean(past.iter().map(Past::total), &weights.fresh);
        for _ in 0..FUTURES {
            let draw = |stretch: &Stretch| by_weekday.get(usize::from(stretch.weekday)).map_or(0, |summed| lots.draw(summed));
            let days: Vec<usize> = course.ahead.iter().map(draw).collect();
            let level: i128 = (0..LEVEL).filter_map(|_| past.get(lots.draw(&fresh))).map(|day| i128::from(day.total())).sum();
            let future = futures.future(1, days, (level, i128::from(usual) * LEVEL as i128));
            futures.all.push(future);
        }
        Some(futures)
    }

    fn future(&self, weight: u64, days: Vec<usize>, level: Ratio) -> Future {
        let (mut plain, mut end) = (self.course.spent, self.course.spent);
        for (ahead, day) in days.iter().enumerate() {
            let amount = self.amount(ahead, *day);
            plain = plain.saturating_add(amount);
            end = end.saturating_add(if ahead == 0 { amount } else { scaled(amount, level) });
        }
        Future { weight, days, level, plain, end }
    }

    /// What a day ahead costs if it goes by a past one.
    fn amount(&self, ahead: usize, day: usize) -> i64 {
        self.amounts.get(ahead).and_then(|amounts| amounts.get(day)).copied().unwrap_or(0)
    }

    /// Where the window ends.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let (low, high) = (self.percentile(10, |future| future.end), self.percentile(90, |future| future.end));
        Outlook { low, high, likely: self.percentile(50, |future| future.plain).clamp(low, high) }
    }

    /// When a limit is reached; at once where it is reached already.
    #[must_use]
    pub fn reach(&self, limit: i64) -> Reach {
        let never = i64::MAX;
        let mut times: Vec<(i64, u64)> = self.all.iter().map(|f| (self.reaches(f, limit).unwrap_or(never), f.weight)).collect();
        times.sort_unstable();
        let all: u128 = times.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let hits: u128 = times.iter().filter(|(at, _)| *at != never).map(|(_, weight)| u128::from(*weight)).sum();
        let at = |percent| percentile(&times, percent).filter(|at| *at != never);
        Reach { permille: u32::try_from(hits * 1000 / all.max(1)).unwrap_or(1000), early: at(10), likely: at(50), late: at(90) }
    }

    /// The instant at which one future reaches a limit.
    fn reaches(&self, future: &Future, limit: i64) -> Option<i64> {
        let mut spent = self.course.spent;
        for (ahead, (stretch, day)) in self.course.ahead.iter().zip(&future.days).enumerate() {
            let level = if ahead == 0 { (1, 1) } else { future.level };
            let left = limit.saturating_sub(spent);
            if left <= 0 {
                return Some(stretch.from);
            }
            let amount = scaled(self.amount(ahead, *day), level);
            if amount >= left {
                let past = self.course.past.get(*day)?;
                // As far into the day as the same part of the past day's own spend.
                return Some(stretch.from + into(past, &stretch.minutes, (i128::from(left), i128::from(amount))));
            }
            spent = spent.saturating_add(amount);
        }
        None
    }

    fn percentile(&self, percent: u64, of: impl Fn(&Future) -> i64) -> i64 {
        let mut values: Vec<(i64, u64)> = self.all.iter().map(|future| (of(future), future.weight)).collect();
        values.sort_unstable();
        percentile(&values, percent).unwrap_or(self.course.spent)
    }
}

/// How long it takes until a part of what is spent in a stretch has been spent, in milliseconds.
fn into(past: &Past, minutes: &[u32; HOURS], share: Ratio) -> i64 {
    let wanted = scaled(past.during(minutes), share);
    let (mut spent, mut gone) = (0_i64, 0_i64);
    for (hour, minutes) in past.hours.iter().zip(minutes) {
        let amount = narrow(i128::from(*hour) * i128::from(*minutes) / 60);
        let length = i64::from(*minutes) * 60_000;
        if amount > 0 && spent.saturating_add(amount) >= wanted {
            return gone + scaled(length, (i128::from(wanted - spent), i128::from(amount)));
        }
        spent = spent.saturating_add(amount);
        gone += length;
    }
    gone
}

/// The smallest value that at least so many of a hundred weights do not exceed; the values in order.
fn percentile(values: &[(i64, u64)], percent: u64) -> Option<i64> {
    let all: u128 = values.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let rank = (all * u128::from(percent)).div_ceil(100).max(1);
    let mut sum = 0;
    let reached = values.iter().find(|(_, weight)| {
        sum += u128::from(*weight);
        sum >= rank
    });
    reached.or(values.last()).map(|(value, _)| *value)
}

/// How busy today is, and how busy the window: what has been spent against what is usual until now. Early on, what is usual
/// counts for more: a whole usual day is added to both sides, and a week of them.
fn paces(course: &Course, weights: &Weights) -> (Ratio, Ratio) {
    let past = &course.past;
    let usual_on = |weekday: u8| i128::from(mean(past.iter().map(Past::total), weights.on(weekday)));
    let until_now = i128::from(mean(past.iter().map(|day| day.during(&course.gone.minutes)), weights.on(course.gone.weekday)));
    let day = usual_on(course.gone.weekday);
    let today = (i128::from(course.today) + day, until_now + day);
    let over: i128 = course.over.iter().map(|weekday| usual_on(*weekday)).sum();
    let steady = (0..7).map(usual_on).sum::<i128>() * STEADY / 7;
    (today, (i128::from(course.spent) + steady, over + until_now + steady))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// A day on which the same is spent from nine to five.
    fn office(weekday: u8, each: i64) -> Past {
        let mut day = Past { weekday, ..Past::default() };
        day.hours[9..17].fill(each);
        day
    }

    fn minutes(from: usize, to: usize) -> [u32; HOURS] {
        let mut minutes = [0; HOURS];
        minutes[from..to].fill(60);
        minutes
    }

    /// At an hour of a day, with so much spent, until midnight.
    fn at(hour: usize, weekday: u8, spent: i64, past: Vec<Past>) -> Course {
        Course {
            past,
            gone: Stretch { from: 0, weekday, minutes: minutes(0, hour) },
            today: spent,
            spent,
            ahead: vec![Stretch { from: i64::try_from(hour).unwrap() * HOUR, weekday, minutes: minutes(hour, HOURS) }],
            ..Course::default()
        }
    }

    #[test]
    fn nobody_can_tell_without_a_past() {
        assert!(Futures::of(&at(12, 2, 500, Vec::new())).is_none());
    }

    #[test]
    fn after_work_nothing_more_is_expected_where_a_straight_line_goes_on() {
        let past: Vec<Past> = (0..14).map(|day| office(day % 7, 100)).collect();
        let evening = at(18, 2, 800, past.clone());
        assert_eq!(Futures::of(&evening).unwrap().outlook(), Outlook { low: 800, likely: 800, high: 800 });
        // At one o'clock half of it is spent; before work all of it is to come.
        assert_eq!(Futures::of(&at(13, 2, 400, past.clone())).unwrap().outlook().likely, 800);
        assert_eq!(Futures::of(&at(8, 2, 0, past)).unwrap().outlook().likely, 800);
    }

    #[test]
    fn a_busy_day_stays_busier_than_usual() {
        let past: Vec<Past> = (0..14).map(|day| office(day % 7, 100)).collect();
        let busy = Futures::of(&at(13, 2, 1200, past)).unwrap().outlook().likely;
        // 1200 + 800 usual against 400 + 800 usual: the rest of 400 is scaled by five thirds.
        assert_eq!(busy, 1200 + 666);
    }

    #[test]
    fn weekdays_are_told_apart_once_there_is_a_week() {
        let week = |n: u8| (0..n).map(|day| if day % 7 < 5 { office(day % 7, 100) } else { Past { weekday: day % 7, ..Past::default() } });
        let likely = |weekday, past: Vec<Past>| Futures::of(&at(0, weekday, 0, past)).unwrap().outlook();
        let past: Vec<Past> = week(28).collect();
        assert_eq!(likely(1, past.clone()).likely, 800);
        // Saturday follows working days mostly, and is likely no such day: the range reaches down to nothing.
        assert_eq!(likely(5, past).low, 0);
        assert_eq!(likely(5, week(5).collect()).low, 800, "five days say nothing of a Saturday");
    }

    #[test]
    fn one_wild_day_does_not_move_the_middle_of_a_day() {
        let mut past: Vec<Past> = (0..14).map(|day| office(day % 7, 100)).collect();
        past[10].hours.fill(1_000_000);
        assert_eq!(Futures::of(&at(0, 2, 0, past)).unwrap().outlook().likely, 800);
    }

    #[test]
    fn a_week_ahead_is_put_together_from_days() {
        let past: Vec<Past> = (0..28).map(|day| if day % 7 < 5 { office(day % 7, 100) } else { office(day % 7, 0) }).collect();
        let mut course = at(0, 0, 0, past);
        course.ahead.extend((1..7).map(|weekday| Stretch { from: i64::from(weekday) * 24 * HOUR, weekday, minutes: [60; HOURS] }));
        let outlook = Futures::of(&course).unwrap().outlook();
        assert!((3200..=4800).contains(&outlook.likely), "{outlook:?}");
        assert!(outlook.low < outlook.likely && outlook.likely < outlook.high, "{outlook:?}");
        assert_eq!(Futures::of(&course).unwrap().outlook(), outlook, "the same past gives the same answer");
    }

    #[test]
    fn a_limit_is_reached_in_the_hours_in_which_something_is_spent() {
        let past: Vec<Past> = (0..14).map(|day| office(day % 7, 100)).collect();
        let course = at(8, 2, 0, past.clone());
        let futures = Futures::of(&course).unwrap();
        let reach = futures.reach(450);
        assert_eq!((reach.permille, reach.likely), (1000, Some(13 * HOUR + HOUR / 2)));
        assert_eq!(futures.reach(800).likely, Some(17 * HOUR));
        assert_eq!(futures.reach(801), Reach::default());
        let over = at(12, 2, 900, past);
        assert_eq!(Futures::of(&over).unwrap().reach(800).likely, Some(12 * HOUR), "it is reached now");
    }

    #[test]
    fn an_hour_that_comes_twice_costs_twice_and_one_that_is_skipped_nothing() {
        let day = Past { weekday: 6, hours: [60; HOURS] };
        let mut minutes = [60; HOURS];
        assert_eq!(day.during(&minutes), 24 * 60);
        minutes[2] = 120;
        assert_eq!(day.during(&minutes), 25 * 60);
        minutes[2] = 0;
        assert_eq!(day.during(&minutes), 23 * 60);
    }

    #[test]
    fn the_largest_amounts_overflow_nothing() {
        let past = vec![Past { weekday: 0, hours: [i64::MAX / 3; HOURS] }; 60];
        let mut course = at(12, 0, i64::MAX / 2, past);
        course.ahead.extend((0..30).map(|day| Stretch { from: 0, weekday: day % 7, minutes: [60; HOURS] }));
        let futures = Futures::of(&course).unwrap();
        assert_eq!(futures.outlook().high, i64::MAX);
        assert!(futures.reach(i64::MAX).permille <= 1000);
    }
}
