//! What the stories share: processes that never outlive their test, waits with an end, a site, the API.

pub(crate) mod api;
pub(crate) mod broker;
pub(crate) mod capture;
pub(crate) mod factory;
pub(crate) mod footprint;
pub(crate) mod gateway;
pub(crate) mod held;
pub(crate) mod ledger;
pub(crate) mod meters;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod serial;
pub(crate) mod site;
pub(crate) mod technician;
pub(crate) mod wait;
