//! Other forms of a reading type than its own, which is 18 numbers joined by dots.
//!
//! Seen in public code: numbers joined by hyphens, and 16 of them. In these 16 the interharmonic and the
//! argument, each a fraction of two numbers in the long form, are taken for one number each; that is
//! inferred from what else the short form has.

use super::reading_type::FIELDS;

/// Fields of the short form.
const FIELDS_SHORT: usize = 16;
/// Places of the two fields of the short form that stand for a fraction.
const FRACTIONS: [usize; 2] = [7, 8];

/// `text` as 18 numbers joined by dots, any of which may be `*`; `None` when it has neither of the other
/// forms. Whether the numbers are any is not looked at.
#[must_use]
pub fn own(text: &str) -> Option<String> {
    let fields =
        if text.contains('.') { text.split('.').map(str::to_owned).collect() } else { hyphened(text)? };
    match fields.len() {
        FIELDS => Some(fields.join(".")),
        FIELDS_SHORT => Some(lengthened(fields).join(".")),
        _ => None,
    }
}

/// Fields joined by hyphens; a second hyphen is the minus sign of the field that follows.
fn hyphened(text: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut parts = text.split('-');
    while let Some(part) = parts.next() {
        fields.push(if part.is_empty() { format!("-{}", parts.next()?) } else { part.to_owned() });
    }
    Some(fields)
}

fn lengthened(fields: Vec<String>) -> Vec<String> {
    let mut long = Vec::with_capacity(FIELDS);
    for (place, field) in fields.into_iter().enumerate() {
        let denominator = match field.as_str() {
            "*" => "*",
            "0" => "0",
            _ => "1",
        };
        let denominator = FRACTIONS.contains(&place).then(|| denominator.to_owned());
        long.push(field);
        long.extend(denominator);
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading_type::ReadingTypePattern;

    #[test]
    fn hyphens_and_sixteen_fields_become_eighteen_with_dots() {
        for (text, expected) in [
            ("0-0-2-4-1-1-12-0-0-0-0-0-0-0-72-0", "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.0.72.0"),
            ("0.0.2.4.1.1.12.0.0.0.0.0.0.3.72.0", "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"),
            ("0-0-0-12-0-0-0-0-0-0-0-0-0-0-0--2-0-0", "0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.-2.0.0"),
            ("0-0-0-1-0-0-142-0-1-0-0-0-0-0-111-0", "0.0.0.1.0.0.142.0.0.1.1.0.0.0.0.0.111.0"),
            ("*-0-2-4-1-1-12-*-0-0-0-0-0-0-72-0", "*.0.2.4.1.1.12.*.*.0.0.0.0.0.0.0.72.0"),
        ] {
            assert_eq!(own(text).as_deref(), Some(expected), "{text}");
            assert!(expected.parse::<ReadingTypePattern>().is_ok(), "{expected}");
        }
        for text in ["", "-", "1-2-3", "0-0-2-4-1-1-12-0-0-0-0-0-0-0-72-0-"] {
            assert_eq!(own(text), None, "{text}");
        }
    }
}
