//! The language that a command answers in.

use clap::Args;

use crate::language::Language;

/// Where the system says which language people read, the strongest first (POSIX.1-2017, section 8.2).
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// What is said of it on the command line.
#[derive(Args)]
pub(super) struct Spoken {
    /// The language of the answer, en or zh; without it that of `LC_ALL`, `LC_MESSAGES` or `LANG`
    #[arg(long = "lang", value_name = "LANGUAGE", value_parser = language_of)]
    language: Option<Language>,
}

impl Spoken {
    /// The language to answer in.
    pub(super) fn language(&self) -> Language {
        self.language.unwrap_or_else(|| of_system(|variable| std::env::var(variable).ok()))
    }
}

fn language_of(name: &str) -> Result<Language, String> {
    Language::named(name).ok_or_else(|| format!("'{name}' is no language that is spoken here; give en or zh"))
}

/// An empty variable says nothing.
fn of_system(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set = VARIABLES.iter().filter_map(|name| variable(name)).find(|locale| !locale.is_empty());
    set.map_or_else(Language::default, |locale| Language::of_locale(&locale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_variable_that_says_something_decides() {
        for (set, language) in [
            (&[][..], Language::English),
            (&[("LANG", "zh_CN.UTF-8")], Language::Chinese),
            (&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")], Language::English),
            (&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_CN")], Language::Chinese),
            (&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")], Language::Chinese),
        ] {
            let of =
                |name: &str| set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(of_system(of), language, "{set:?}");
        }
        assert!(language_of("fr").is_err() && language_of("中文") == Ok(Language::Chinese));
    }
}
