//! Which days are working days.

use jiff::civil::{Date, Weekday};

/// Which days are working days. A single day that is named goes before the day of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkCalendar {
    /// Days of the week on which the site works.
    pub workdays: Vec<Weekday>,
    /// Days on which it rests all the same.
    pub holidays: Vec<Date>,
    /// Days on which it works all the same, to make up for a holiday.
    pub make_up_workdays: Vec<Date>,
}

impl Default for WorkCalendar {
    fn default() -> Self {
        use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
        Self {
            workdays: vec![Monday, Tuesday, Wednesday, Thursday, Friday],
            holidays: Vec::new(),
            make_up_workdays: Vec::new(),
        }
    }
}

impl WorkCalendar {
    /// Whether the site works on `day`.
    #[must_use]
    pub fn is_working(&self, day: Date) -> bool {
        if self.make_up_workdays.contains(&day) {
            return true;
        }
        self.workdays.contains(&day.weekday()) && !self.holidays.contains(&day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_day_goes_before_its_day_of_the_week() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let calendar = WorkCalendar {
            holidays: vec![day("2024-10-01"), day("2024-10-02")],
            make_up_workdays: vec![day("2024-09-29")],
            ..WorkCalendar::default()
        };
        for (text, works) in [
            ("2024-09-27", true),
            ("2024-09-28", false),
            ("2024-09-29", true),
            ("2024-10-01", false),
            ("2024-10-03", true),
        ] {
            assert_eq!(calendar.is_working(day(text)), works, "{text}");
        }
    }
}
