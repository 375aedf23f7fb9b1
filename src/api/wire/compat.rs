//! Compat: other forms of a question and of a return code, for platforms that were made for them.
//!
//! A question is put into the interface's own form before anything else looks at it, so that nothing
//! behind this knows of other forms.

use serde::{Serialize, Serializer};

use super::code::Code;
use super::request::Request;
use crate::config::site::ApiCompat;
use crate::model::reading_type_forms;
use crate::time::UtcOffset;

impl Request {
    /// The same question in the interface's own form; times of another form are local at `offset`.
    #[must_use]
    pub fn in_own_form(mut self, compat: &ApiCompat, offset: UtcOffset) -> Self {
        if compat.first_page == 0 {
            self.page_number = self.page_number.map(|number| number.saturating_add(1));
        }
        if compat.local_time {
            for time in [&mut self.start_time, &mut self.end_time].into_iter().flatten() {
                if let Some(own) = own_time(time, offset) {
                    *time = own;
                }
            }
        }
        if compat.other_reading_types {
            for text in self.reading_types.iter_mut().flatten() {
                if let Some(own) = reading_type_forms::own(text) {
                    *text = own;
                }
            }
        }
        self
    }
}

/// `2024-04-01 00:00:00` with an offset, as ISO 8601 writes it; `None` of another form.
fn own_time(text: &str, offset: UtcOffset) -> Option<String> {
    let (date, clock) = text.split_once(' ')?;
    let holds =
        date.len() == 10 && clock.len() == 8 && clock.bytes().all(|b| b.is_ascii_digit() || b == b':');
    holds.then(|| format!("{date}T{clock}{offset}"))
}

/// A return code as a platform wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnCode<'a> {
    /// A number.
    Number(u32),
    /// The number as a text.
    Text(u32),
    /// A text of the site's own.
    Own(&'a str),
}

impl<'a> ReturnCode<'a> {
    /// `code` as `compat` has it.
    #[must_use]
    pub fn of(code: Code, compat: &'a ApiCompat) -> Self {
        let own = compat.success_code.parse();
        match (code, compat.codes_as_text, own) {
            (Code::Success, true, _) => Self::Own(&compat.success_code),
            (Code::Success, false, Ok(number)) => Self::Number(number),
            (_, true, _) => Self::Text(code.number()),
            (_, false, _) => Self::Number(code.number()),
        }
    }
}

impl Serialize for ReturnCode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u32(*number),
            Self::Text(number) => serializer.collect_str(number),
            Self::Own(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_put_into_our_own_only_where_the_site_says_so() {
        let shanghai = UtcOffset::from_minutes(480).unwrap();
        let asked = Request {
            page_number: Some(0),
            start_time: Some("2024-04-01 00:00:00".to_owned()),
            end_time: Some("2024-05-01".to_owned()),
            reading_types: Some(vec!["0-0-2-4-1-1-12-0-0-0-0-0-0-0-72-0".to_owned()]),
            ..Request::default()
        };
        assert_eq!(asked.clone().in_own_form(&ApiCompat::default(), shanghai), asked);
        let all =
            ApiCompat { first_page: 0, local_time: true, other_reading_types: true, ..ApiCompat::default() };
        let own = Request {
            page_number: Some(1),
            start_time: Some("2024-04-01T00:00:00+08:00".to_owned()),
            end_time: Some("2024-05-01".to_owned()),
            reading_types: Some(vec!["0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.0.72.0".to_owned()]),
            ..Request::default()
        };
        assert_eq!(asked.in_own_form(&all, shanghai), own);
    }

    #[test]
    fn a_return_code_is_written_as_the_site_says() {
        let compat = |success: &str, codes_as_text| ApiCompat {
            success_code: success.to_owned(),
            codes_as_text,
            ..ApiCompat::default()
        };
        for (compat, success, refusal) in [
            (ApiCompat::default(), "200", "40003"),
            (compat("0", false), "0", "40003"),
            (compat("200", true), "\"200\"", "\"40003\""),
            (compat("0000", true), "\"0000\"", "\"40003\""),
        ] {
            let written = |code| serde_json::to_string(&ReturnCode::of(code, &compat)).unwrap();
            assert_eq!(
                (written(Code::Success).as_str(), written(Code::TimeRange).as_str()),
                (success, refusal)
            );
        }
    }
}
