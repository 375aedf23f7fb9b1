//! Every topic name of the uplink, and the two words that its status topic carries.

use thiserror::Error;

/// The last part of the topic that readings are published on.
const READING: &str = "reading";
/// The last part of the topic that says whether the gateway is connected.
const STATUS: &str = "status";

/// The last part of the topic that pieces of an update come on.
const UPDATE_PIECE: &str = "update/piece";
/// The last part of the topic that says how an update stands.
const UPDATE_STATE: &str = "update/state";

/// What the status topic says while the gateway is connected; retained.
pub const ONLINE: &str = "online";
/// What it says once the gateway has gone or its connection broke; retained, and the last will.
pub const OFFLINE: &str = "offline";

/// Bytes of a topic prefix. MQTT would take 65,535; nobody reads such a topic.
const PREFIX_BYTES_MAX: usize = 256;

/// The topics of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// `<prefix>/reading`
    pub reading: String,
    /// `<prefix>/status`
    pub status: String,
    /// `<prefix>/update/piece`, on which we listen where updates are taken.
    pub update_piece: String,
    /// `<prefix>/update/state`
    pub update_state: String,
}

impl Topics {
    /// The topics below `prefix`.
    ///
    /// # Errors
    /// When nothing may be published below `prefix`.
    pub fn below(prefix: &str) -> Result<Self, TopicFault> {
        let refuse = |reason| Err(TopicFault { prefix: prefix.chars().take(80).collect(), reason });
        if prefix.is_empty() {
            return refuse("it is empty");
        }
        if prefix.len() > PREFIX_BYTES_MAX {
            return refuse("it has more than 256 bytes");
        }
        if prefix.contains(['+', '#']) {
            return refuse("'+' and '#' are for subscribers only");
        }
        if prefix.chars().any(char::is_control) {
            return refuse("it holds a control character");
        }
        if prefix.starts_with(['$', '/']) || prefix.ends_with('/') {
            return refuse("it starts with '$' or '/', or ends with '/'");
        }
        let topic = |last: &str| format!("{prefix}/{last}");
        Ok(Self {
            reading: topic(READING),
            status: topic(STATUS),
            update_piece: topic(UPDATE_PIECE),
            update_state: topic(UPDATE_STATE),
        })
    }
}

/// A topic prefix that nothing can be published below.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("uplink topic_prefix '{prefix}' is refused: {reason}; write it like cems/CEMS-310000-0001")]
pub struct TopicFault {
    prefix: String,
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_topics_lie_below_the_prefix() {
        let topics = Topics::below("cems/CEMS-310000-0001").unwrap();
        assert_eq!(topics.reading, "cems/CEMS-310000-0001/reading");
        assert_eq!(topics.status, "cems/CEMS-310000-0001/status");
        assert_eq!(topics.update_piece, "cems/CEMS-310000-0001/update/piece");
        assert_eq!(topics.update_state, "cems/CEMS-310000-0001/update/state");
    }

    #[test]
    fn a_prefix_that_a_broker_would_refuse_is_refused_with_its_reason() {
        for prefix in ["", "a/#", "a/+/b", "$SYS/a", "/a", "a/", "a\0b"] {
            assert!(Topics::below(prefix).is_err(), "{prefix:?}");
        }
        assert!(Topics::below(&"x".repeat(257)).is_err());
    }
}
