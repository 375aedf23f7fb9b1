//! Fault: a refusal as the client is told it.

use super::wire::code::Code;

/// A refusal: a return code, what is wrong and what to do about it. Nothing that happens inside the
/// gateway is told here; that goes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The return code.
    pub code: Code,
    /// What is wrong, and the remedy.
    pub message: String,
    /// Seconds after which it may be tried again.
    pub retry_after_s: Option<u32>,
    /// Methods that the path would take.
    pub allow: Option<&'static str>,
}

impl Fault {
    /// A refusal.
    pub fn of(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_s: None, allow: None }
    }

    /// The body, a member or its value is not as it must be.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::of(Code::Malformed, message)
    }

    /// The path takes other methods: those of `allow`.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this path takes {allow} only");
        Self { allow: Some(allow), ..Self::of(Code::MethodNotAllowed, message) }
    }

    /// The same refusal, to be tried again after `seconds`.
    #[must_use]
    pub fn retry_after_s(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}
