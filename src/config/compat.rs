//! `[api.compat]`: what platforms want that were made for other forms of the interface.

use super::form;
use super::site::ApiCompat;
use crate::document::Section;

/// Digits of a return code.
const CODE_DIGITS_MAX: usize = 8;

/// Reads the table; what it does not say stays as the interface has it.
pub(super) fn compat(api: &Section<'_>) -> ApiCompat {
    let mut compat = ApiCompat::default();
    let Some(section) = api.section("compat") else { return compat };
    let flag = |key, setting: &mut bool| *setting = section.flag(key).unwrap_or(*setting);
    flag("codes_as_text", &mut compat.codes_as_text);
    flag("http_status_200", &mut compat.http_status_200);
    flag("local_time", &mut compat.local_time);
    flag("other_reading_types", &mut compat.other_reading_types);
    compat.first_page = form::whole(&section, "first_page", 0..=1).unwrap_or(compat.first_page);
    if let Some(code) = section.parsed("success_code", success_code) {
        if !compat.codes_as_text && code.len() > 1 && code.starts_with('0') {
            let reason = format!("'{code}' is no number as JSON writes them");
            section.fault(
                "success_code",
                reason,
                "give codes_as_text = true as well, or leave out the zeros",
            );
        }
        compat.success_code = code;
    }
    section.finish();
    compat
}

fn success_code(text: &str) -> Result<String, &'static str> {
    let holds = text.len() <= CODE_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    holds.then(|| text.to_owned()).ok_or("write 1 to 8 digits in quotes, such as '0' or '200'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(text: &str) -> Result<ApiCompat, String> {
        let document = Document::parse("site.toml", text).map_err(|faults| faults.to_string())?;
        let compat = compat(&document.root());
        document.verdict().map(|()| compat).map_err(|faults| faults.to_string())
    }

    #[test]
    fn what_is_not_said_stays_as_the_interface_has_it() {
        assert_eq!(read(""), Ok(ApiCompat::default()));
        let text = "[compat]\nsuccess_code = '0000'\ncodes_as_text = true\nfirst_page = 0";
        let expected = ApiCompat {
            success_code: "0000".to_owned(),
            codes_as_text: true,
            first_page: 0,
            ..ApiCompat::default()
        };
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn a_code_is_digits_and_a_number_has_no_zeros_before_it() {
        for (text, part) in [
            ("success_code = 'ok'", "1 to 8 digits"),
            ("success_code = '123456789'", "1 to 8 digits"),
            ("success_code = '00'", "codes_as_text"),
            ("first_page = 2", "from 0 to 1"),
            ("http_always = true", "unknown key"),
        ] {
            let faults = read(&format!("[compat]\n{text}")).unwrap_err();
            assert!(faults.contains(part), "{text}: {faults}");
        }
        assert!(read("[compat]\nsuccess_code = '0'").is_ok());
    }
}
