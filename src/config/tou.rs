//! `[[tou]]`: which rate of the time-of-use tariff applies when.

use jiff::civil::{Date, Weekday};

use crate::document::Section;
use crate::limits;
use crate::model::tou::{Rate, Tou, TouDay, parse_date, parse_minute};

const RATES: [(&str, Rate); Rate::COUNT] = [
    ("sharp", Rate::Sharp),
    ("peak", Rate::Peak),
    ("flat", Rate::Flat),
    ("valley", Rate::Valley),
    ("deep", Rate::Deep),
];

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Days of a list: a year of them.
const DATES_MAX: usize = 366;

/// Reads every `[[tou]]` table, in the order in which they count.
pub(super) fn tou(root: &Section<'_>) -> Tou {
    let sections = root.sections("tou", limits::TOU_DAYS_MAX).into_iter().enumerate();
    let days = sections.map(|(index, mut section)| {
        section.set_label(format!("tou '{}'", index + 1));
        let day = TouDay {
            from: date(&section, "from"),
            until: date(&section, "until"),
            months: months(&section),
            weekdays: weekdays(&section, "weekdays"),
            dates: dates(&section, "dates", DATES_MAX),
            edges: edges(&section),
        };
        if let (Some(from), Some(until)) = (day.from, day.until)
            && until <= from
        {
            section.fault("until", "is not after 'from'", "give the day after the last one that counts");
        }
        section.finish();
        day
    });
    Tou { days: days.collect() }
}

fn date(section: &Section<'_>, key: &str) -> Option<Date> {
    section.parsed(key, |text| parse_date(text).ok_or("write a day such as 2024-07-01"))
}

fn months(section: &Section<'_>) -> Vec<i8> {
    let months = section.integers("months", 1..=12, 12);
    months.into_iter().filter_map(|month| i8::try_from(month).ok()).collect()
}

/// Days of the week.
pub(super) fn weekdays(section: &Section<'_>, key: &str) -> Vec<Weekday> {
    let known = |text: &String| WEEKDAYS.iter().find(|(word, _)| word == text).map(|(_, day)| *day);
    let texts = section.texts(key, WEEKDAYS.len());
    for text in texts.iter().filter(|text| known(text).is_none()) {
        let words = WEEKDAYS.iter().map(|(word, _)| *word);
        section.unknown_name(key, format!("'{text}' is no day of the week"), text, words);
    }
    texts.iter().filter_map(known).collect()
}

/// Single days.
pub(super) fn dates(section: &Section<'_>, key: &str, count_max: usize) -> Vec<Date> {
    let texts = section.texts(key, count_max);
    for text in texts.iter().filter(|text| parse_date(text).is_none()) {
        section.fault(key, format!("'{text}' is no day"), "write days such as [\"2024-10-01\"]");
    }
    texts.iter().filter_map(|text| parse_date(text)).collect()
}

/// Times of day with the rate that begins then, in ascending order from midnight.
fn edges(section: &Section<'_>) -> Vec<(u16, Rate)> {
    const REMEDY: &str = "write each as \"08:00 peak\", in ascending order, the first at 00:00";
    if !section.has("rates") {
        section.missing("rates", REMEDY);
    }
    let mut edges: Vec<(u16, Rate)> = Vec::new();
    for text in section.texts("rates", limits::TOU_EDGES_MAX) {
        let Some((minute, word)) = text.split_once(' ') else {
            section.fault("rates", format!("'{text}' is no time with a rate"), REMEDY);
            continue;
        };
        let rate = RATES.iter().find(|(known, _)| *known == word).map(|(_, rate)| *rate);
        match (parse_minute(minute), rate) {
            (None, _) => section.fault("rates", format!("'{minute}' is no time of day"), REMEDY),
            (_, None) => {
                let words = RATES.iter().map(|(word, _)| *word);
                section.unknown_name("rates", format!("'{word}' is no rate"), word, words);
            }
            (Some(minute), Some(rate)) => {
                if edges.last().map_or(minute != 0, |(before, _)| minute <= *before) {
                    section.fault("rates", format!("'{text}' is out of order"), REMEDY);
                }
                edges.push((minute, rate));
            }
        }
    }
    edges
}
