//! Register maps by model.
//!
//! There are many and a site names a few, so a map may come unread: it is read when it is first looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::meter::RegisterMap;

type Reader = Box<dyn FnOnce() -> Option<RegisterMap> + Send>;
type Entry = Arc<LazyLock<Option<RegisterMap>, Reader>>;

/// Register maps by model, in the order of the models. Clones share what has been read.
#[derive(Clone, Debug, Default)]
pub struct MapLibrary(BTreeMap<String, Entry>);

impl MapLibrary {
    /// One without maps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a map, in the place of another of its model.
    pub fn insert(&mut self, map: RegisterMap) {
        self.insert_unread(map.model.clone(), || Some(map));
    }

    /// Takes in the map of `model` that `read` will give. Should it give none, the model is listed without a map.
    pub fn insert_unread(
        &mut self,
        model: String,
        read: impl FnOnce() -> Option<RegisterMap> + Send + 'static,
    ) {
        let reader: Reader = Box::new(read);
        self.0.insert(model, Arc::new(LazyLock::new(reader)));
    }

    /// Takes in all maps of `other`, in the places of those of the same models.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The map of `model`.
    #[must_use]
    pub fn get(&self, model: &str) -> Option<&RegisterMap> {
        self.0.get(model)?.as_ref().as_ref()
    }

    /// Whether there is a map of `model`.
    #[must_use]
    pub fn has(&self, model: &str) -> bool {
        self.0.contains_key(model)
    }

    /// All models.
    pub fn models(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    /// All maps, for whoever really wants to look at every one.
    pub fn maps(&self) -> impl Iterator<Item = &RegisterMap> {
        self.0.values().filter_map(|entry| entry.as_ref().as_ref())
    }
}

impl FromIterator<RegisterMap> for MapLibrary {
    fn from_iter<I: IntoIterator<Item = RegisterMap>>(maps: I) -> Self {
        let mut library = Self::new();
        maps.into_iter().for_each(|map| library.insert(map));
        library
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::meter::ReadLimits;
    use super::*;

    fn map(model: &str, title: &str) -> RegisterMap {
        RegisterMap {
            model: model.to_owned(),
            manufacturer: String::new(),
            title: title.to_owned(),
            manual: String::new(),
            read_limits: ReadLimits::default(),
            registers: Vec::new(),
        }
    }

    #[test]
    fn a_map_that_nobody_looks_at_is_never_read_and_any_other_once() {
        static READ: AtomicUsize = AtomicUsize::new(0);
        let mut library = MapLibrary::new();
        for model in ["a", "b"] {
            library.insert_unread(model.to_owned(), move || {
                READ.fetch_add(1, Ordering::Relaxed);
                Some(map(model, "of the program"))
            });
        }
        assert!(library.has("a") && library.models().eq(["a", "b"]));
        assert_eq!(READ.load(Ordering::Relaxed), 0);
        for _ in 0..2 {
            assert_eq!(library.clone().get("a").map(|map| map.title.as_str()), Some("of the program"));
        }
        assert_eq!(READ.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_newer_map_of_a_model_counts() {
        let mut library: MapLibrary = [map("a", "old"), map("b", "old")].into_iter().collect();
        library.extend([map("b", "new"), map("c", "new")].into_iter().collect());
        let titles: Vec<&str> = library.maps().map(|map| map.title.as_str()).collect();
        assert_eq!(titles, ["old", "new", "new"]);
    }
}
