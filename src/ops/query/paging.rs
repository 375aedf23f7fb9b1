//! Pages: which items of an answer are asked for, and how many there are.

use std::ops::Range;

use super::error::QueryError;
use crate::limits;

/// Which items of an answer are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    number: u32,
    size: u32,
}

impl PageRequest {
    /// Page `number`, counted from 1, of `size` items.
    ///
    /// # Errors
    /// When there can be no such page.
    pub const fn new(number: u32, size: u32) -> Result<Self, QueryError> {
        if number == 0 {
            return Err(QueryError::PageNumber);
        }
        if size == 0 || size > limits::API_PAGE_SIZE_MAX {
            return Err(QueryError::PageSize);
        }
        Ok(Self { number, size })
    }

    /// The first page of the usual size.
    #[must_use]
    pub const fn first() -> Self {
        Self { number: 1, size: limits::API_PAGE_SIZE_DEFAULT }
    }

    /// Whether this is the first page.
    #[must_use]
    pub const fn is_first(self) -> bool {
        self.number == 1
    }

    /// The items of this page, counted from 0 over the whole answer.
    #[must_use]
    pub fn window(self) -> Range<u64> {
        let start = u64::from(self.number - 1) * u64::from(self.size);
        start..start + u64::from(self.size)
    }

    /// This page of an answer of `total` items.
    #[must_use]
    pub const fn of(self, total: u64) -> Page {
        Page { number: self.number, size: self.size, total }
    }
}

/// One page of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub number: u32,
    /// Items of a full page.
    pub size: u32,
    /// Items on all pages.
    pub total: u64,
}

impl Page {
    /// Pages that hold all items.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.total.div_ceil(u64::from(self.size))
    }
}

/// The part of `window` that falls on `length` items beginning with item `first`, counted from
/// `first`; `None` when there is none.
pub(super) fn overlap(window: &Range<u64>, first: u64, length: u64) -> Option<Range<u64>> {
    let start = window.start.max(first);
    let end = window.end.min(first.saturating_add(length));
    (start < end).then(|| start - first..end - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_one_and_have_a_bounded_size() {
        assert_eq!(PageRequest::new(0, 10), Err(QueryError::PageNumber));
        assert_eq!(PageRequest::new(1, 0), Err(QueryError::PageSize));
        assert_eq!(PageRequest::new(1, limits::API_PAGE_SIZE_MAX + 1), Err(QueryError::PageSize));
        assert_eq!(PageRequest::new(3, 10).map(PageRequest::window), Ok(20..30));
        let last = PageRequest::new(u32::MAX, limits::API_PAGE_SIZE_MAX).unwrap();
        assert!(last.window().start < last.window().end);
    }

    #[test]
    fn the_last_page_may_be_short_and_an_empty_answer_has_none() {
        for (total, pages) in [(0, 0), (1, 1), (100, 1), (101, 2)] {
            assert_eq!(PageRequest::first().of(total).count(), pages, "{total}");
        }
    }

    #[test]
    fn a_window_falls_on_the_items_that_it_covers() {
        for (window, first, length, expected) in [
            (0..10, 0, 4, Some(0..4)),
            (0..10, 8, 4, Some(0..2)),
            (10..20, 8, 4, Some(2..4)),
            (10..20, 0, 10, None),
            (10..20, 20, 5, None),
            (10..20, 0, 100, Some(10..20)),
        ] {
            assert_eq!(overlap(&window, first, length), expected);
        }
    }
}
