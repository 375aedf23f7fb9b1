//! Scans into JSON payloads; every member name of the uplink is here.
//!
//! ```json
//! {"cemsID":"CEMS-1","run":3,"sequence":41,"reading":[{"pointID":"PT-GRID","parameterID":"P",
//!  "readingTypeID":"0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0","unit":"kW",
//!  "timeStamp":"2024-06-12T10:30:05+08:00","value":486.2,"quality":0}]}
//! ```
//!
//! A reading is the same reading whenever `pointID`, `parameterID` and `timeStamp` are the same, so
//! that a receiver can drop what was sent twice. `sequence` is that of the newest scan inside, and `run`
//! counts the starts of the gateway: all readings of a message are of one run. It is left out for a run
//! that is too long ago.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::backlog::Label;
use crate::language::Language;
use crate::limits::{UPLINK_PAYLOAD_BYTES_MAX, UPLINK_UPDATE_STATE_BYTES_MAX};
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{GroupId, Sample, Scan, Value};
use crate::time::{UtcOffset, UtcTime};
use crate::update::{State, Version, View};

/// Who sends, and in which offset its times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ID of the CEMS.
    pub cems_id: String,
    /// The offset of every `timeStamp`.
    pub utc_offset: UtcOffset,
}

/// One message, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Once this and all earlier messages are acknowledged, the broker has every scan up to here.
    pub through: u64,
    /// Readings inside.
    pub readings: usize,
    /// The JSON text.
    pub payload: Vec<u8>,
}

/// What [`pack`] made of some scans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// The messages, oldest scan first.
    pub messages: Vec<Message>,
    /// Samples that no message can carry, because nothing names them or they are larger than a payload.
    pub unsendable: usize,
}

/// What names the samples of scans, and the runs that they were taken in.
pub(super) struct Names<L, R> {
    /// What the samples of a group's scans are called.
    pub labels: L,
    /// In which run the scan of this number was taken.
    pub run_of: R,
}

/// Packs `scans`, oldest first, into as few messages as their size and their runs allow. `after` is the
/// sequence number before the first of them.
pub(super) fn pack(
    identity: &Identity,
    after: u64,
    scans: &[(u64, Scan)],
    mut names: Names<impl FnMut(GroupId) -> Option<Arc<[Label]>>, impl Fn(u64) -> Option<u32>>,
) -> Packed {
    let mut known = HashMap::new();
    for (_, scan) in scans {
        known.entry(scan.group).or_insert_with(|| (names.labels)(scan.group));
    }
    let mut packer = Packer::new(identity, after);
    for (sequence, scan) in scans {
        packer.go_on_in((names.run_of)(*sequence));
        match known.get(&scan.group) {
            Some(Some(labels)) if labels.len() == scan.samples.len() => {
                for (label, sample) in labels.iter().zip(&scan.samples) {
                    packer.add(*sequence, WireReading::new(identity, label, scan.at, sample));
                }
            }
            _ => packer.packed.unsendable += scan.samples.len(),
        }
        packer.complete(*sequence);
    }
    packer.finish()
}

/// Collects readings until the next one would not fit.
struct Packer<'a> {
    identity: &'a Identity,
    /// Bytes that all readings of one payload may take, each with a comma.
    room: usize,
    used: usize,
    readings: Vec<WireReading<'a>>,
    /// The run of these.
    run: Option<u32>,
    /// The last scan that lies wholly in this or in earlier payloads.
    complete_to: u64,
    newest: u64,
    packed: Packed,
    /// What JSON is written into.
    buffer: heapless::Vec<u8, UPLINK_PAYLOAD_BYTES_MAX>,
}

impl<'a> Packer<'a> {
    fn new(identity: &'a Identity, after: u64) -> Self {
        let mut buffer = heapless::Vec::from_array([0; UPLINK_PAYLOAD_BYTES_MAX]);
        let envelope =
            Payload { cems_id: &identity.cems_id, run: Some(u32::MAX), sequence: u64::MAX, reading: &[] };
        let room = json_bytes(&envelope, &mut buffer).map_or(0, |json| UPLINK_PAYLOAD_BYTES_MAX - json.len());
        let (readings, packed) = (Vec::new(), Packed::default());
        let (used, run) = (0, None);
        Self { identity, room, used, readings, run, complete_to: after, newest: after, packed, buffer }
    }

    /// The scans from now on are of this run.
    fn go_on_in(&mut self, run: Option<u32>) {
        if run != self.run && !self.readings.is_empty() {
            self.close();
        }
        self.run = run;
    }

    fn add(&mut self, sequence: u64, reading: WireReading<'a>) {
        let bytes = json_bytes(&reading, &mut self.buffer).map(|json| json.len() + 1);
        let Some(bytes) = bytes.filter(|bytes| *bytes <= self.room) else {
            self.packed.unsendable += 1;
            return;
        };
        if self.used + bytes > self.room {
            self.close();
        }
        self.used += bytes;
        self.newest = sequence;
        self.readings.push(reading);
    }

    /// Notes that every sample of the scan `sequence` has been added.
    fn complete(&mut self, sequence: u64) {
        self.complete_to = sequence;
    }

    fn close(&mut self) {
        let (cems_id, reading) = (self.identity.cems_id.as_str(), self.readings.as_slice());
        let envelope = Payload { cems_id, run: self.run, sequence: self.newest, reading };
        let payload = json_bytes(&envelope, &mut self.buffer);
        let readings = self.readings.len();
        match payload {
            Some(payload) => {
                let through = self.complete_to;
                self.packed.messages.push(Message { through, readings, payload: payload.to_vec() });
            }
            None => self.packed.unsendable += readings,
        }
        self.readings.clear();
        self.used = 0;
    }

    fn finish(mut self) -> Packed {
        if !self.readings.is_empty() {
            self.close();
        }
        self.packed
    }
}

/// The JSON text of `item`, in `buffer`; `None` when it is longer than that.
fn json_bytes<'b, T: Serialize>(item: &T, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = serde_json_core::to_slice(item, buffer).ok()?;
    buffer.get(..length)
}

/// How an update stands, as JSON: `{"state":"receiving","release":"0.1.0","receivedBytes":65536,"totalBytes":9000000}`.
pub(super) fn update_state(view: &View) -> Vec<u8> {
    let (received_bytes, total_bytes) = match view.state {
        State::Receiving { bytes, of } => (Some(bytes), Some(of)),
        _ => (None, None),
    };
    let reason = match &view.state {
        State::RolledBack { reason } => Some(reason.word()),
        _ => None,
    };
    let told = UpdateState {
        state: view.state.word(),
        release: AsText(view.running),
        offered_release: view.offered.map(AsText),
        received_bytes,
        total_bytes,
        reason,
        fault: view.fault.as_ref().map(|fault| fault.in_words(Language::English)),
    };
    let mut buffer = [0; UPLINK_UPDATE_STATE_BYTES_MAX];
    let whole = json_bytes(&told, &mut buffer).map(<[u8]>::to_vec);
    // A fault may quote what the system says, at any length; that there is one is told in any case.
    let short = UpdateState { fault: told.fault.map(|_| "see the gateway's log"), ..told };
    whole.or_else(|| json_bytes(&short, &mut buffer).map(<[u8]>::to_vec)).unwrap_or_default()
}

#[derive(Serialize)]
struct UpdateState<'a> {
    state: &'static str,
    release: AsText<Version>,
    #[serde(rename = "offeredRelease", skip_serializing_if = "Option::is_none")]
    offered_release: Option<AsText<Version>>,
    #[serde(rename = "receivedBytes", skip_serializing_if = "Option::is_none")]
    received_bytes: Option<u64>,
    #[serde(rename = "totalBytes", skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "cemsID")]
    cems_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u32>,
    sequence: u64,
    reading: &'a [WireReading<'a>],
}

#[derive(Serialize)]
struct WireReading<'a> {
    #[serde(rename = "pointID")]
    point_id: &'a str,
    #[serde(rename = "parameterID")]
    parameter_id: &'a str,
    #[serde(rename = "readingTypeID", skip_serializing_if = "Option::is_none")]
    reading_type: Option<AsText<crate::model::reading_type::ReadingType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(rename = "timeStamp")]
    time_stamp: AsText<crate::time::IsoTime>,
    value: WireValue<'a>,
    quality: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<AsText<Quality>>,
}

impl<'a> WireReading<'a> {
    fn new(identity: &Identity, label: &'a Label, at: UtcTime, sample: &'a Sample) -> Self {
        Self {
            point_id: &label.point_id,
            parameter_id: &label.parameter_id,
            reading_type: label.reading_type.map(AsText),
            unit: label.unit.as_deref(),
            time_stamp: AsText(at.iso(identity.utc_offset)),
            value: WireValue::of(sample.value.as_ref()),
            quality: quality_code(sample.quality),
            cause: (sample.quality != Quality::Good).then_some(AsText(sample.quality)),
        }
    }
}

/// The numbers of ESPI's `QualityOfReading` (NAESB `espi.xsd` 4.0), as the API gives them: 0 valid,
/// 9 interpolated, 10 questionable, 16 other. A missing value is 'other' and `null`; `cause` says why.
const fn quality_code(quality: Quality) -> u8 {
    match quality {
        Quality::Good => 0,
        Quality::Suspect(Doubt::Interpolated) => 9,
        Quality::Suspect(_) => 10,
        Quality::Missing(_) => 16,
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireValue<'a> {
    Number(f64),
    Text(&'a str),
    Null,
}

impl<'a> WireValue<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        match value {
            Some(Value::Number(number)) => Self::Number(*number),
            Some(Value::Text(text)) => Self::Text(text),
            None => Self::Null,
        }
    }
}

/// Written as the text that a person reads.
struct AsText<T>(T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_state_of_an_update_is_told_with_what_belongs_to_it() {
        let version = |text| Version::parse(text).unwrap();
        let view = View {
            state: State::Receiving { bytes: 65_536, of: 9_000_000 },
            slot: None,
            running: version("0.1.0"),
            offered: Some(version("0.2.0")),
            fault: None,
        };
        let receiving = r#"{"state":"receiving","release":"0.1.0","offeredRelease":"0.2.0","receivedBytes":65536,"totalBytes":9000000}"#;
        assert_eq!(String::from_utf8(update_state(&view)).unwrap(), receiving);
        let failed =
            View { state: State::Idle, offered: None, fault: Some("x".repeat(5_000).into()), ..view };
        let told = r#"{"state":"idle","release":"0.1.0","fault":"see the gateway's log"}"#;
        assert_eq!(String::from_utf8(update_state(&failed)).unwrap(), told);
    }

    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading_type::ReadingType;

    fn identity() -> Identity {
        Identity { cems_id: "CEMS-1".to_owned(), utc_offset: UtcOffset::from_minutes(480).unwrap() }
    }

    fn label(parameter_id: &str) -> Label {
        let power: ReadingType = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0".parse().unwrap();
        Label {
            point_id: "PT-GRID".to_owned(),
            parameter_id: parameter_id.to_owned(),
            reading_type: Some(power),
            unit: Some("kW".to_owned()),
        }
    }

    fn scan(at_ms: i64, samples: Vec<Sample>) -> Scan {
        Scan { group: GroupId(1), at: UtcTime::from_ms(at_ms), samples }
    }

    fn number(number: f64) -> Sample {
        Sample::good(Value::Number(number))
    }

    /// Everything is of run 3.
    fn named<L>(labels: L) -> Names<L, impl Fn(u64) -> Option<u32>> {
        Names { labels, run_of: |_| Some(3) }
    }

    #[test]
    fn a_payload_says_what_when_how_much_and_how_sure() {
        let labels: Arc<[Label]> = vec![
            label("P"),
            label("Q"),
            Label { reading_type: None, unit: None, ..label("SN\"1\"") },
            label("U"),
        ]
        .into();
        let doubtful =
            Sample { value: Some(Value::Number(9e9)), quality: Quality::Suspect(Doubt::OutOfRange) };
        let samples = vec![
            number(486.2),
            Sample::missing(Cause::Exception(2)),
            Sample::good(Value::Text("序1".into())),
            doubtful,
        ];
        let packed =
            pack(&identity(), 40, &[(41, scan(1_718_159_405_000, samples))], named(|_| Some(labels.clone())));
        assert_eq!(packed.unsendable, 0);
        let text = String::from_utf8(packed.messages[0].payload.clone()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"cemsID":"CEMS-1","run":3,"sequence":41,"reading":["#,
                r#"{"pointID":"PT-GRID","parameterID":"P","readingTypeID":"0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0","unit":"kW","timeStamp":"2024-06-12T10:30:05+08:00","value":486.2,"quality":0},"#,
                r#"{"pointID":"PT-GRID","parameterID":"Q","readingTypeID":"0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0","unit":"kW","timeStamp":"2024-06-12T10:30:05+08:00","value":null,"quality":16,"cause":"exception-02"},"#,
                r#"{"pointID":"PT-GRID","parameterID":"SN\"1\"","timeStamp":"2024-06-12T10:30:05+08:00","value":"序1","quality":0},"#,
                r#"{"pointID":"PT-GRID","parameterID":"U","readingTypeID":"0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0","unit":"kW","timeStamp":"2024-06-12T10:30:05+08:00","value":9000000000.0,"quality":10,"cause":"out-of-range"}"#,
                "]}"
            )
        );
    }

    #[test]
    fn a_message_holds_readings_of_one_run() {
        let labels: Arc<[Label]> = vec![label("P")].into();
        let scans: Vec<_> = (1..=6).map(|n| (n, scan(0, vec![number(1.0)]))).collect();
        let run_of = |sequence| (sequence > 2).then_some(if sequence > 4 { 8 } else { 7 });
        let packed = pack(&identity(), 0, &scans, Names { labels: |_| Some(labels.clone()), run_of });
        let told: Vec<_> = packed
            .messages
            .iter()
            .map(|message| {
                let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
                (json["run"].as_u64(), json["sequence"].as_u64().unwrap(), message.through, message.readings)
            })
            .collect();
        assert_eq!(told, [(None, 2, 2, 2), (Some(7), 4, 4, 2), (Some(8), 6, 6, 2)]);
    }

    #[test]
    fn many_small_scans_share_a_message_and_a_large_one_spreads_over_several() {
        let wide: Arc<[Label]> = (0..250).map(|n| label(&format!("P{n}"))).collect();
        let samples = vec![number(1.5); 250];
        let packed = pack(&identity(), 6, &[(7, scan(0, samples))], named(|_| Some(wide.clone())));
        assert!(packed.messages.len() > 1);
        assert_eq!(packed.messages.iter().map(|m| m.readings).sum::<usize>(), 250);
        assert!(packed.messages.iter().all(|m| m.payload.len() <= UPLINK_PAYLOAD_BYTES_MAX));
        let (last, earlier) = packed.messages.split_last().unwrap();
        assert_eq!(last.through, 7);
        assert!(earlier.iter().all(|m| m.through == 6), "the scan is not complete before its last message");

        let narrow: Arc<[Label]> = vec![label("P")].into();
        let scans: Vec<_> = (1..=20).map(|n| (n, scan(0, vec![number(1.0)]))).collect();
        let packed = pack(&identity(), 0, &scans, named(|_| Some(narrow.clone())));
        assert_eq!(packed.messages.len(), 1);
        assert_eq!((packed.messages[0].through, packed.messages[0].readings), (20, 20));
    }

    #[test]
    fn samples_that_nothing_names_are_counted_and_do_not_hold_up_the_rest() {
        let narrow: Arc<[Label]> = vec![label("P")].into();
        let strange = Scan { group: GroupId(9), ..scan(0, vec![number(1.0); 3]) };
        let scans = [(1, strange), (2, scan(0, vec![number(1.0)]))];
        let packed =
            pack(&identity(), 0, &scans, named(|group| (group == GroupId(1)).then(|| narrow.clone())));
        assert_eq!((packed.unsendable, packed.messages.len()), (3, 1));
        assert_eq!(packed.messages[0].through, 2);

        let huge: Arc<[Label]> = vec![Label { unit: Some("k".repeat(20_000)), ..label("P") }].into();
        let packed = pack(&identity(), 0, &[(1, scan(0, vec![number(1.0)]))], named(|_| Some(huge.clone())));
        assert_eq!(packed, Packed { messages: Vec::new(), unsendable: 1 });
    }
}
