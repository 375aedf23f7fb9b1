//! The two languages that people are spoken to in, at the console and on the command line.

/// What a technician reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language that somebody calls by this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "en" | "english" => Some(Self::English),
            "zh" | "cn" | "中文" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The language of a locale such as `zh_CN.UTF-8`; English where it is any other.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub const fn pick<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_of_china_is_chinese_and_any_other_is_english() {
        for (locale, language) in [
            ("zh_CN.UTF-8", Language::Chinese),
            ("zh", Language::Chinese),
            ("en_GB.UTF-8", Language::English),
            ("de_DE.UTF-8", Language::English),
            ("C", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }
}
