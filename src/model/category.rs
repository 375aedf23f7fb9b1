//! Category (clause 6.2): a kind of equipment, such as air conditioning or photovoltaics.

/// Which table a category code is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSystem {
    /// GB/Z 32500.
    GbZ32500,
    /// The sub-item codes of the building guide of 2008.
    Mohurd2008,
    /// The site's own.
    Local,
}

/// A kind of equipment that Points belong to.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Unique in the site.
    pub id: String,
    /// Its code in `code_system`.
    pub code: String,
    /// The table that `code` is from.
    pub code_system: CodeSystem,
    /// Shown to people.
    pub name: String,
    /// Two-digit energy class, such as `01` for electricity.
    pub energy_code: Option<String>,
    /// The category that this one is part of.
    pub parent_id: Option<String>,
}
