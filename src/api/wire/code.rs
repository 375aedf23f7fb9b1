//! Return codes (clause 5.4; only the heading is public, so every number is inferred).

/// What an answer says about its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Answered.
    Success,
    /// The body is not JSON, or a member is unknown, of a wrong type or of a wrong value.
    Malformed,
    /// A member that must be there is not.
    MemberMissing,
    /// A time, a range or an interval that cannot be.
    TimeRange,
    /// A page that cannot be.
    Page,
    /// A reading type that cannot be or is not here.
    ReadingType,
    /// No token, or not the right one.
    Unauthorized,
    /// A signature that does not fit what was sent.
    BadSignature,
    /// A signature of another time.
    SignedAtOtherTime,
    /// The token does not go so far.
    Forbidden,
    /// Another CEMS.
    NoSuchCems,
    /// No such category.
    NoSuchCategory,
    /// No such point.
    NoSuchPoint,
    /// No such operation or path.
    NoSuchOperation,
    /// The path does not take this method.
    MethodNotAllowed,
    /// It does not go together with what is kept.
    Conflict,
    /// The request did not come in time.
    TooSlow,
    /// The body is too long.
    BodyTooLong,
    /// The path and query are too long.
    TargetTooLong,
    /// The body is no JSON by its own account.
    MediaType,
    /// More requests than are granted.
    TooMany,
    /// The head is too long.
    HeadTooLong,
    /// A fault of the gateway.
    Internal,
    /// The gateway cannot answer just now.
    Busy,
}

/// Every code with its number, its HTTP status and its meaning.
pub const CODES: [(Code, u32, u16, &str); 24] = [
    (Code::Success, 200, 200, "success"),
    (
        Code::Malformed,
        40_001,
        400,
        "the body is not JSON, or a member is unknown or has a wrong type or value",
    ),
    (Code::MemberMissing, 40_002, 400, "a required member is missing"),
    (Code::TimeRange, 40_003, 400, "bad time, time range or interval"),
    (Code::Page, 40_004, 400, "bad page"),
    (Code::ReadingType, 40_005, 400, "unknown or malformed reading type"),
    (Code::Unauthorized, 40_101, 401, "no valid credential"),
    (Code::BadSignature, 40_103, 401, "the signature does not fit the request"),
    (Code::SignedAtOtherTime, 40_104, 401, "the time of the signature is too far from the gateway's"),
    (Code::Forbidden, 40_301, 403, "operation not granted"),
    (Code::NoSuchCems, 40_401, 404, "CEMS not found"),
    (Code::NoSuchCategory, 40_402, 404, "category not found"),
    (Code::NoSuchPoint, 40_403, 404, "point not found"),
    (Code::NoSuchOperation, 40_404, 404, "operation not found"),
    (Code::MethodNotAllowed, 40_501, 405, "method not allowed"),
    (Code::TooSlow, 40_801, 408, "the request did not come in time"),
    (Code::Conflict, 40_901, 409, "it does not go together with what is kept"),
    (Code::BodyTooLong, 41_301, 413, "body too long"),
    (Code::TargetTooLong, 41_401, 414, "path and query too long"),
    (Code::MediaType, 41_501, 415, "media type not supported"),
    (Code::TooMany, 42_901, 429, "too many requests"),
    (Code::HeadTooLong, 43_101, 431, "the head of the request is too long"),
    (Code::Internal, 50_001, 500, "internal error"),
    (Code::Busy, 50_301, 503, "busy, ask again later"),
];

impl Code {
    fn row(self) -> (Self, u32, u16, &'static str) {
        let row = CODES.iter().find(|(code, ..)| *code == self).copied();
        row.unwrap_or((Self::Internal, 50_001, 500, "internal error"))
    }

    /// The number in the answer.
    #[must_use]
    pub fn number(self) -> u32 {
        self.row().1
    }

    /// The HTTP status, which says the same.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().2
    }

    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_http_status_tell_the_same() {
        for (code, number, status, _) in CODES {
            assert_eq!(code.number(), number);
            let family = if number < 1_000 { number } else { number / 100 };
            assert_eq!(family, u32::from(status), "{code:?}");
        }
    }

    #[test]
    fn no_two_codes_share_a_number() {
        for (index, (_, number, ..)) in CODES.iter().enumerate() {
            assert!(CODES[index + 1..].iter().all(|(_, other, ..)| other != number));
        }
    }
}
