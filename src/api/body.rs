//! Body: what a request carries. The gate has taken it in whole already, so that it is neither long
//! nor waited for.

use std::io::Read as _;

use tiny_http::Request;

use super::fault::Fault;
use crate::limits;

/// Whether `request` carries a body.
pub(super) fn is_there(request: &Request) -> bool {
    request.body_length().is_some_and(|bytes| bytes > 0)
}

/// Reads the body of `request` whole.
///
/// # Errors
/// When it cannot be read to its end.
pub(super) fn read(request: &mut Request) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let most = limits::API_BODY_BYTES_MAX as u64;
    let read = request.as_reader().take(most).read_to_end(&mut bytes);
    read.map_err(|_| Fault::malformed("the body could not be read to its end"))?;
    Ok(bytes)
}
