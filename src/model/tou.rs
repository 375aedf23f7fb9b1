//! Time of use: which rate applies at which time of which day.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::time::{Interval, UtcOffset, UtcTime};

/// A rate of a time-of-use tariff. The numbers are those in common use in China (inferred for the
/// standard): 1 尖, 2 峰, 3 平, 4 谷, 5 深谷.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// 尖: the dearest hours.
    Sharp,
    /// 峰
    Peak,
    /// 平
    Flat,
    /// 谷
    Valley,
    /// 深谷: the cheapest hours.
    Deep,
}

impl Rate {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All, by their number.
    pub const ALL: [Self; Self::COUNT] = [Self::Sharp, Self::Peak, Self::Flat, Self::Valley, Self::Deep];

    /// Its number, from 1; 0 stands for all rates together.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The rate of a number; `None` for 0 and for what is no rate.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.number() == number)
    }
}

/// What applies on some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TouDay {
    /// The first day; the beginning of time without it.
    pub from: Option<Date>,
    /// The day after the last one; the end of time without it.
    pub until: Option<Date>,
    /// Months, January being 1; all when empty.
    pub months: Vec<i8>,
    /// Days of the week; all when empty.
    pub weekdays: Vec<Weekday>,
    /// Single days, such as holidays or the workdays that make up for them; all when empty.
    pub dates: Vec<Date>,
    /// From which minute of the day which rate applies: the first from 0, in ascending order.
    pub edges: Vec<(u16, Rate)>,
}

impl TouDay {
    fn fits(&self, day: Date) -> bool {
        self.from.is_none_or(|from| day >= from)
            && self.until.is_none_or(|until| day < until)
            && (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.weekdays.is_empty() || self.weekdays.contains(&day.weekday()))
            && (self.dates.is_empty() || self.dates.contains(&day))
    }
}

/// The time-of-use calendar of a site. The first of its days that fits a day counts; where none fits
/// there is no rate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tou {
    /// What applies when.
    pub days: Vec<TouDay>,
}

impl Tou {
    /// Cuts the half-open `range` where the rate changes in the local time of `offset`; stretches
    /// without a rate are left out.
    #[must_use]
    pub fn pieces(&self, range: &Range<UtcTime>, offset: UtcOffset) -> Vec<(Range<UtcTime>, Rate)> {
        let mut pieces: Vec<(Range<UtcTime>, Rate)> = Vec::new();
        if self.days.is_empty() {
            return pieces;
        }
        let mut day = range.start.floor_local(Interval::DAY, offset);
        while day < range.end {
            let next_day = day.plus(Interval::DAY);
            for (time, rate) in self.of_day(day, next_day, offset) {
                let cut = time.start.max(range.start)..time.end.min(range.end);
                match pieces.last_mut() {
                    _ if cut.is_empty() => {}
                    Some((last, known)) if *known == rate && last.end == cut.start => last.end = cut.end,
                    _ => pieces.push((cut, rate)),
                }
            }
            if next_day <= day {
                break;
            }
            day = next_day;
        }
        pieces
    }

    /// The rate that applies at an instant; `None` where there is none.
    #[must_use]
    pub fn rate_at(&self, at: UtcTime, offset: UtcOffset) -> Option<Rate> {
        let moment = at..UtcTime::from_ms(at.as_ms().saturating_add(1));
        self.pieces(&moment, offset).first().map(|(_, rate)| *rate)
    }

    fn of_day(
        &self,
        midnight: UtcTime,
        next_midnight: UtcTime,
        offset: UtcOffset,
    ) -> impl Iterator<Item = (Range<UtcTime>, Rate)> {
        let date = midnight.civil(offset).date();
        let edges = self.days.iter().find(|day| day.fits(date)).map_or(&[][..], |day| &day.edges);
        let start = move |minute: u16| {
            UtcTime::from_ms(midnight.as_ms() + i64::from(minute) * Interval::MINUTE.as_ms())
        };
        edges.iter().enumerate().map(move |(place, (minute, rate))| {
            let end = edges.get(place + 1).map_or(next_midnight, |(next, _)| start(*next));
            (start(*minute)..end, *rate)
        })
    }
}

/// A written day such as 2024-10-01.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// A written time of day such as 08:30, in minutes; `None` for what is none, or not on a minute.
#[must_use]
pub fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_written = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| is_written(text));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Local midnight of a day.
#[must_use]
pub fn midnight_of(day: Date, offset: UtcOffset) -> Option<UtcTime> {
    UtcTime::from_civil(DateTime::from_parts(day, Time::midnight()), offset).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shanghai() -> UtcOffset {
        UtcOffset::from_minutes(480).unwrap()
    }

    fn at(day: &str, minute: i64) -> UtcTime {
        let midnight = midnight_of(parse_date(day).unwrap(), shanghai()).unwrap();
        UtcTime::from_ms(midnight.as_ms() + minute * 60_000)
    }

    fn always(rate: Rate) -> TouDay {
        TouDay { edges: vec![(0, rate)], ..TouDay::default() }
    }

    #[test]
    fn a_range_is_cut_where_the_rate_changes_and_nowhere_else() {
        let edges = vec![(0, Rate::Valley), (8 * 60, Rate::Peak), (22 * 60, Rate::Valley)];
        let tou = Tou { days: vec![TouDay { edges, ..TouDay::default() }] };
        let range = at("2024-06-01", 21 * 60)..at("2024-06-02", 8 * 60 + 7);
        let pieces = tou.pieces(&range, shanghai());
        assert_eq!(
            pieces,
            [
                (at("2024-06-01", 21 * 60)..at("2024-06-01", 22 * 60), Rate::Peak),
                (at("2024-06-01", 22 * 60)..at("2024-06-02", 8 * 60), Rate::Valley),
                (at("2024-06-02", 8 * 60)..at("2024-06-02", 8 * 60 + 7), Rate::Peak),
            ]
        );
        assert_eq!(Tou::default().pieces(&range, shanghai()), []);
    }

    #[test]
    fn the_first_day_that_fits_counts() {
        let date = |text: &str| parse_date(text).unwrap();
        let tou = Tou {
            days: vec![
                TouDay { dates: vec![date("2024-10-01")], ..always(Rate::Deep) },
                TouDay {
                    months: vec![7, 8],
                    weekdays: vec![Weekday::Monday, Weekday::Friday],
                    ..always(Rate::Sharp)
                },
                TouDay {
                    from: Some(date("2024-01-01")),
                    until: Some(date("2025-01-01")),
                    ..always(Rate::Flat)
                },
            ],
        };
        for (day, rate) in [
            ("2024-10-01", Some(Rate::Deep)),
            ("2024-07-05", Some(Rate::Sharp)),
            ("2024-07-06", Some(Rate::Flat)),
            ("2024-09-30", Some(Rate::Flat)),
            ("2024-12-31", Some(Rate::Flat)),
            ("2025-01-01", None),
            ("2023-12-31", None),
        ] {
            assert_eq!(tou.rate_at(at(day, 0), shanghai()), rate, "{day}");
            assert_eq!(tou.rate_at(at(day, 1_439), shanghai()), rate, "{day}");
        }
    }

    #[test]
    fn times_of_day_are_written_with_four_digits() {
        assert_eq!(parse_minute("00:00"), Some(0));
        assert_eq!(parse_minute("23:59"), Some(1_439));
        for wrong in ["24:00", "8:00", "08:60", "0800", "08:00:00", "+8:00", ""] {
            assert_eq!(parse_minute(wrong), None, "{wrong}");
        }
        for rate in Rate::ALL {
            assert_eq!(Rate::from_number(rate.number()), Some(rate));
        }
        assert_eq!([0, 6].map(Rate::from_number), [None, None]);
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_the_piece_of_its_rate(
            edges in prop::collection::btree_map(1_u16..1_440, 0_usize..5, 0..8),
            first in 0_usize..5, start in 0_i64..5_000, length in 1_i64..6_000,
        ) {
            let mut all = vec![(0, Rate::ALL[first])];
            all.extend(edges.iter().map(|(minute, rate)| (*minute, Rate::ALL[*rate])));
            let tou = Tou { days: vec![TouDay { edges: all.clone(), ..TouDay::default() }] };
            let range = at("2024-02-27", start)..at("2024-02-27", start + length);
            let pieces = tou.pieces(&range, shanghai());
            prop_assert_eq!(pieces[0].0.start, range.start);
            prop_assert_eq!(pieces[pieces.len() - 1].0.end, range.end);
            prop_assert!(pieces.windows(2).all(|p| p[0].0.end == p[1].0.start && p[0].1 != p[1].1));
            for minute in start..start + length {
                let of_day = u16::try_from(minute % 1_440).unwrap();
                let naive = all.iter().rev().find(|(edge, _)| *edge <= of_day).unwrap().1;
                let instant = at("2024-02-27", minute);
                let found = pieces.iter().find(|(time, _)| time.contains(&instant)).unwrap().1;
                prop_assert_eq!(found, naive);
            }
        }
    }
}
