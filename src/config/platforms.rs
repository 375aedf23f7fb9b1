//! `[[platform]]`: who may ask over HTTP, for what, and how they show who they are.

use std::collections::BTreeMap;

use super::entries::{Ids, entries};
use super::form;
use super::site::{Platform, SCOPES, Scope};
use crate::document::Section;
use crate::limits;
use crate::model::point::Point;

/// Ways to show who one is, and whether requests are signed.
const CREDENTIALS: [(&str, bool); 2] = [("bearer", false), ("signed", true)];

/// Reads all platforms; what they may see is looked up in `categories` and `points`.
pub(super) fn platforms(root: &Section<'_>, categories: &Ids, points: &[Point]) -> Vec<Platform> {
    let mut tokens: BTreeMap<[u8; 32], String> = BTreeMap::new();
    let mut platforms = Vec::new();
    for entry in entries(root, "platform", limits::PLATFORMS_MAX) {
        let section = entry.section;
        let platform = platform(&section, entry.id.unwrap_or_default(), categories, points);
        if let Some(platform) = platform {
            if let Some(owner) = tokens.get(&platform.token_sha256) {
                let reason = format!("{owner} has the same token");
                section.fault("token_sha256", reason, "give each platform a token of its own");
            }
            tokens.insert(platform.token_sha256, section.label().to_owned());
            platforms.push(platform);
        }
        section.finish();
    }
    platforms
}

fn platform(section: &Section<'_>, id: String, categories: &Ids, points: &[Point]) -> Option<Platform> {
    let token = form::sha256(section, "token_sha256");
    if !section.has("token_sha256") {
        section.missing("token_sha256", form::SHA256_REMEDY);
    }
    let scopes = scopes(section);
    let is_signed = section.choice("credential", &CREDENTIALS).unwrap_or(false);
    let certificate_sha256 = form::sha256(section, "certificate_sha256");
    let categories = allowed(section, "categories", &categories.all());
    let points = allowed(section, "points", &points.iter().map(|point| point.id.as_str()));
    let requests_per_min = form::whole(section, "requests_per_min", 1..=1_000_000);
    let platform = Platform::reading(id, token?);
    Some(Platform {
        scopes,
        is_signed,
        certificate_sha256,
        categories,
        points,
        requests_per_min: requests_per_min.unwrap_or(platform.requests_per_min),
        ..platform
    })
}

fn scopes(section: &Section<'_>) -> Vec<Scope> {
    let words = section.texts("scopes", SCOPES.len());
    if !section.has("scopes") {
        return vec![Scope::Read];
    }
    let mut scopes = Vec::new();
    for word in words {
        if let Some((scope, _)) = SCOPES.iter().find(|(_, known)| *known == word) {
            scopes.push(*scope);
        } else {
            let known = SCOPES.iter().map(|(_, known)| *known);
            section.unknown_name("scopes", format!("'{word}' is no scope"), &word, known);
        }
    }
    scopes
}

/// The IDs of `key`, each of which must be among `there`. A list that is empty lets nothing be seen.
fn allowed<'n>(
    section: &Section<'_>,
    key: &str,
    there: &(impl Iterator<Item = &'n str> + Clone),
) -> Option<Vec<String>> {
    let ids = section.texts(key, limits::POINTS_MAX);
    if !section.has(key) {
        return None;
    }
    for id in ids.iter().filter(|id| there.clone().all(|known| known != id.as_str())) {
        section.unknown_name(key, format!("there is no '{id}'"), id, there.clone());
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use crate::config::site::{Platform, Scope};
    use crate::config::site_with;

    const TOKEN: &str = "token_sha256 = 'e2186dbdb1bb4193608605e84f33208765b5693b55edd4f730a719a100eeea6f'";

    fn platform(keys: &str) -> Result<Platform, String> {
        let site = site_with(&format!("[[platform]]\nid = 'cloud'\n{TOKEN}\n{keys}"));
        site.map(|site| site.platforms[0].clone()).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_platform_may_read_and_no_more_unless_the_file_says_so() {
        let plain = platform("").unwrap();
        assert!(plain.may(Scope::Read) && !plain.may(Scope::Events) && !plain.may(Scope::Admin));
        assert_eq!((plain.is_signed, plain.certificate_sha256, &plain.categories), (false, None, &None));
        let more =
            platform("scopes = ['read', 'control']\ncredential = 'signed'\ncategories = ['G']").unwrap();
        assert!(more.may(Scope::Control) && !more.may(Scope::Events) && more.is_signed);
        assert_eq!(more.categories, Some(vec!["G".to_owned()]));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_remedy() {
        for (keys, told) in [
            ("scopes = ['raed']", "'raed' is no scope; did you mean 'read'?"),
            ("credential = 'password'", "give one of bearer, signed"),
            ("categories = ['H']", "there is no 'H'"),
            ("points = ['PT-1']", "there is no 'PT-1'"),
            ("requests_per_min = 0", "from 1 to 1000000"),
            ("certificate_sha256 = '00'", "64 hex digits"),
        ] {
            let faults = platform(keys).unwrap_err();
            assert!(faults.contains(told), "{keys}: {faults}");
        }
    }
}
