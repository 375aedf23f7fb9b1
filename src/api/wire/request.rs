//! Request: the members of a question, checked one by one before they become a typed structure.

use serde::Deserialize;

use super::code::Code;
use super::operation::{Operation, Scope, Subject};
use crate::api::fault::Fault;
use crate::api::outline;
use crate::limits;

/// Members of all questions; each question takes some of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The CEMS.
    #[serde(rename = "cemsID")]
    pub cems_id: Option<String>,
    /// Categories by ID.
    #[serde(rename = "categoryID")]
    pub category_ids: Option<Vec<String>>,
    /// Categories by code.
    #[serde(rename = "categoryCode")]
    pub category_codes: Option<Vec<String>>,
    /// Energy classes.
    #[serde(rename = "energyCode")]
    pub energy_codes: Option<Vec<String>>,
    /// Points by ID.
    #[serde(rename = "pointID")]
    pub point_ids: Option<Vec<String>>,
    /// Parameters by what they measure; a field may be `*`.
    #[serde(rename = "readingTypeID")]
    pub reading_types: Option<Vec<String>>,
    /// Parameters by ID.
    #[serde(rename = "parameterID")]
    pub parameter_ids: Option<Vec<String>>,
    /// Parts of the static data.
    #[serde(rename = "include")]
    pub include: Option<Vec<String>>,
    /// Start of the range.
    #[serde(rename = "startTime")]
    pub start_time: Option<String>,
    /// End of the range.
    #[serde(rename = "endTime")]
    pub end_time: Option<String>,
    /// Only the last reading of each.
    #[serde(rename = "interval")]
    pub interval: Option<String>,
    /// What stands for an interval without a value.
    #[serde(rename = "fill")]
    pub fill: Option<String>,
    /// Direction of time.
    #[serde(rename = "sort")]
    pub sort: Option<String>,
    /// Length of a row.
    #[serde(rename = "period")]
    pub period: Option<String>,
    /// What to compute.
    #[serde(rename = "function")]
    pub functions: Option<Vec<String>>,
    /// What rows should tell.
    #[serde(rename = "indicatorCode")]
    pub indicators: Option<Vec<String>>,
    /// What rows are about.
    #[serde(rename = "groupBy")]
    pub group_by: Option<String>,
    /// Products.
    #[serde(rename = "productID")]
    pub products: Option<Vec<String>>,
    /// Times of use.
    #[serde(rename = "tou")]
    pub tou: Option<Vec<u8>>,
    /// Events of demand response.
    #[serde(rename = "eventID")]
    pub event_ids: Option<Vec<String>>,
    /// Another number of an event.
    #[serde(rename = "eventNo")]
    pub event_number: Option<String>,
    /// What people call an event.
    #[serde(rename = "eventName")]
    pub event_name: Option<String>,
    /// What is asked for.
    #[serde(rename = "responseType")]
    pub response_type: Option<u32>,
    /// How long before it is announced.
    #[serde(rename = "timeType")]
    pub time_type: Option<String>,
    /// What is wanted of all sites, in kW.
    #[serde(rename = "regulateCap")]
    pub regulate_kw: Option<f64>,
    /// The ID of an invitation.
    #[serde(rename = "invitationID")]
    pub invitation_id: Option<String>,
    /// Which invitation of several.
    #[serde(rename = "invitationRound")]
    pub invitation_round: Option<u32>,
    /// When it was made.
    #[serde(rename = "invitationTime")]
    pub invitation_time: Option<String>,
    /// Until when one may reply.
    #[serde(rename = "deadlineTime")]
    pub deadline_time: Option<String>,
    /// What is wanted of this site, in kW.
    #[serde(rename = "invitationCap")]
    pub invitation_kw: Option<f64>,
    /// What a kilowatt-hour is worth.
    #[serde(rename = "subsidyPrice")]
    pub subsidy_price: Option<f64>,
    /// Page.
    #[serde(rename = "pageNumber")]
    pub page_number: Option<u32>,
    /// Items of a page.
    #[serde(rename = "pageSize")]
    pub page_size: Option<u32>,
}

/// What the value of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    TextList,
    Number,
    NumberList,
    Decimal,
}

/// One member of a question.
struct Member {
    name: &'static str,
    kind: Kind,
    /// Questions that take it.
    taken_by: &'static [Subject],
}

const EVERY: &[Subject] = &[Subject::Static, Subject::Dynamic, Subject::Historical, Subject::Statistical];
const RANGED: &[Subject] = &[
    Subject::Historical,
    Subject::Statistical,
    Subject::DrHistorical,
    Subject::DrStatistical,
    Subject::DmHistorical,
    Subject::PutDrEvent,
];
const SORTED: &[Subject] = &[Subject::Historical, Subject::Statistical, Subject::DmHistorical];
const SITED: &[Subject] = &[
    Subject::Static,
    Subject::Dynamic,
    Subject::Historical,
    Subject::Statistical,
    Subject::DrStatic,
    Subject::DrDynamic,
    Subject::DrHistorical,
    Subject::DrStatistical,
    Subject::PutDrEvent,
    Subject::DmStatic,
    Subject::DmDynamic,
    Subject::DmHistorical,
];
const OF_POINTS: &[Subject] =
    &[Subject::Static, Subject::Dynamic, Subject::Historical, Subject::Statistical, Subject::PutDrEvent];
const PAGED: &[Subject] = &[
    Subject::Static,
    Subject::Dynamic,
    Subject::Historical,
    Subject::Statistical,
    Subject::DrDynamic,
    Subject::DrHistorical,
    Subject::DmHistorical,
];
const ORDER: &[Subject] = &[Subject::PutDrEvent];

const fn member(name: &'static str, kind: Kind, taken_by: &'static [Subject]) -> Member {
    Member { name, kind, taken_by }
}

pub(super) const CEMS_ID: &str = "cemsID";
pub(super) const CATEGORY_ID: &str = "categoryID";
pub(super) const POINT_ID: &str = "pointID";
pub(super) const READING_TYPE_ID: &str = "readingTypeID";
pub(super) const PARAMETER_ID: &str = "parameterID";
pub(super) const INCLUDE: &str = "include";
pub(super) const START_TIME: &str = "startTime";
pub(super) const END_TIME: &str = "endTime";
pub(super) const INTERVAL: &str = "interval";
pub(super) const FILL: &str = "fill";
pub(super) const SORT: &str = "sort";
pub(super) const PERIOD: &str = "period";
pub(super) const FUNCTION: &str = "function";
pub(super) const INDICATOR_CODE: &str = "indicatorCode";
pub(super) const GROUP_BY: &str = "groupBy";
pub(super) const PRODUCT_ID: &str = "productID";
pub(super) const TOU: &str = "tou";
pub(super) const PAGE_NUMBER: &str = "pageNumber";
pub(super) const PAGE_SIZE: &str = "pageSize";
pub(super) const EVENT_ID: &str = "eventID";
pub(super) const EVENT_NO: &str = "eventNo";
pub(super) const EVENT_NAME: &str = "eventName";
pub(super) const RESPONSE_TYPE: &str = "responseType";
pub(super) const TIME_TYPE: &str = "timeType";
pub(super) const REGULATE_CAP: &str = "regulateCap";
pub(super) const INVITATION_ID: &str = "invitationID";
pub(super) const INVITATION_ROUND: &str = "invitationRound";
pub(super) const INVITATION_TIME: &str = "invitationTime";
pub(super) const DEADLINE_TIME: &str = "deadlineTime";
pub(super) const INVITATION_CAP: &str = "invitationCap";
pub(super) const SUBSIDY_PRICE: &str = "subsidyPrice";
pub(super) const CATEGORY_CODE: &str = "categoryCode";
pub(super) const ENERGY_CODE: &str = "energyCode";

const MEMBERS: [Member; 33] = [
    member(CEMS_ID, Kind::Text, SITED),
    member(CATEGORY_ID, Kind::TextList, EVERY),
    member(CATEGORY_CODE, Kind::TextList, EVERY),
    member(ENERGY_CODE, Kind::TextList, EVERY),
    member(POINT_ID, Kind::TextList, OF_POINTS),
    member(READING_TYPE_ID, Kind::TextList, EVERY),
    member(PARAMETER_ID, Kind::TextList, EVERY),
    member(INCLUDE, Kind::TextList, &[Subject::Static, Subject::DrHistorical]),
    member(START_TIME, Kind::Text, RANGED),
    member(END_TIME, Kind::Text, RANGED),
    member(INTERVAL, Kind::Text, &[Subject::Historical]),
    member(FILL, Kind::Text, &[Subject::Historical]),
    member(SORT, Kind::Text, SORTED),
    member(PERIOD, Kind::Text, &[Subject::Statistical]),
    member(FUNCTION, Kind::TextList, &[Subject::Statistical]),
    member(INDICATOR_CODE, Kind::TextList, &[Subject::Statistical]),
    member(GROUP_BY, Kind::Text, &[Subject::Statistical]),
    member(PRODUCT_ID, Kind::TextList, &[Subject::Statistical]),
    member(TOU, Kind::NumberList, &[Subject::Statistical]),
    member(EVENT_ID, Kind::TextList, &[Subject::DrDynamic, Subject::DrHistorical, Subject::PutDrEvent]),
    member(EVENT_NO, Kind::Text, ORDER),
    member(EVENT_NAME, Kind::Text, ORDER),
    member(RESPONSE_TYPE, Kind::Number, ORDER),
    member(TIME_TYPE, Kind::Text, ORDER),
    member(REGULATE_CAP, Kind::Decimal, ORDER),
    member(INVITATION_ID, Kind::Text, ORDER),
    member(INVITATION_ROUND, Kind::Number, ORDER),
    member(INVITATION_TIME, Kind::Text, ORDER),
    member(DEADLINE_TIME, Kind::Text, ORDER),
    member(INVITATION_CAP, Kind::Decimal, ORDER),
    member(SUBSIDY_PRICE, Kind::Decimal, ORDER),
    member(PAGE_NUMBER, Kind::Number, PAGED),
    member(PAGE_SIZE, Kind::Number, PAGED),
];

impl Request {
    /// The question in a body that `guard` has passed.
    ///
    /// # Errors
    /// When a member is unknown, given twice, or of a wrong type; the fault names it.
    pub fn from_body(body: &str, operation: Operation) -> Result<Self, Fault> {
        let Some(members) = outline::members(body) else {
            return Err(Fault::malformed("the body is no JSON object; write the members between { and }"));
        };
        let mut checked = Checked::default();
        for (name, value) in members {
            let member = find(name, operation)?;
            match value.as_bytes().first() {
                // What is null is taken as left out, as many libraries write it.
                Some(b'n') => {}
                Some(b'[') if member.kind.is_list() => {
                    checked.add_list(member, &outline::elements(value).unwrap_or_default())?;
                }
                // One value may stand for a list of one.
                _ if member.kind.is_list() => checked.add_list(member, &[value])?,
                _ => checked.add(member, value)?,
            }
        }
        checked.finish()
    }

    /// The question in the query string of a `GET`: names repeated or values joined by commas make a
    /// list.
    ///
    /// # Errors
    /// As [`from_body`](Self::from_body).
    pub fn from_query(pairs: &[(String, String)], operation: Operation) -> Result<Self, Fault> {
        let mut lists: Vec<(&'static Member, Vec<String>)> = Vec::new();
        let mut checked = Checked::default();
        for (name, value) in pairs {
            let member = find(name, operation)?;
            if !member.kind.is_list() {
                checked.add(member, &member.kind.written(value))?;
                continue;
            }
            let values = value.split(',').filter(|value| !value.is_empty());
            let values = values.map(|value| member.kind.written(value)).collect();
            match lists.iter_mut().find(|(listed, _)| listed.name == member.name) {
                Some((_, list)) => list.extend(values),
                None => lists.push((member, values)),
            }
        }
        for (member, values) in &lists {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            checked.add_list(member, &values)?;
        }
        checked.finish()
    }
}

/// Members that an event must have which is entered.
#[cfg(test)]
pub(super) const OF_AN_ORDER: &[&str] =
    &[EVENT_ID, EVENT_NAME, RESPONSE_TYPE, START_TIME, END_TIME, INVITATION_TIME, DEADLINE_TIME];

/// The members that questions about `subject` take.
#[cfg(test)]
pub(super) fn members_of(subject: Subject) -> impl Iterator<Item = (&'static str, Kind)> {
    let taken = MEMBERS.iter().filter(move |member| member.taken_by.contains(&subject));
    taken.map(|member| (member.name, member.kind))
}

impl Request {
    /// Refuses a question about categories or points that names none.
    ///
    /// # Errors
    /// When the operation narrows the question to what it does not name.
    pub fn check_scope(&self, operation: Operation) -> Result<(), Fault> {
        let (is_named, member) = match operation.scope {
            Scope::Cems => return Ok(()),
            Scope::Category => (self.category_ids.is_some() || self.category_codes.is_some(), CATEGORY_ID),
            Scope::Point => (self.point_ids.is_some(), POINT_ID),
        };
        if is_named {
            return Ok(());
        }
        let reason = format!("{member} is missing; {} asks by it", operation.name());
        Err(Fault::of(Code::MemberMissing, reason))
    }
}

fn find(name: &str, operation: Operation) -> Result<&'static Member, Fault> {
    let taken = |member: &&Member| member.taken_by.contains(&operation.subject);
    let all = || MEMBERS.iter().filter(taken);
    all().find(|member| member.name == name).ok_or_else(|| {
        let known: Vec<_> = all().map(|member| member.name).collect();
        let name: String = name.chars().take(limits::ID_CHARS_MAX).collect();
        let (operation, known) = (operation.name(), known.join(", "));
        if known.is_empty() {
            return Fault::malformed(format!(
                "'{name}' is no member of {operation}, which takes none; leave it out"
            ));
        }
        Fault::malformed(format!("'{name}' is no member of {operation}; its members are {known}"))
    })
}

impl Kind {
    pub(super) const fn is_list(self) -> bool {
        matches!(self, Self::TextList | Self::NumberList)
    }

    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::TextList)
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::TextList => "a list of texts, like [\"A\", \"B\"]",
            Self::Number => "a whole number without quotes",
            Self::NumberList => "a list of whole numbers, like [0]",
            Self::Decimal => "a number without quotes",
        }
    }

    fn takes(self, value: &str) -> bool {
        match self {
            Self::Text | Self::TextList => value.starts_with('"'),
            Self::Number | Self::NumberList => value.bytes().all(|byte| byte.is_ascii_digit()),
            // The body was checked for the grammar of JSON, in which no other value begins like this.
            Self::Decimal => value.starts_with(|first: char| first == '-' || first.is_ascii_digit()),
        }
    }

    /// A value of a query string as JSON has it.
    fn written(self, value: &str) -> String {
        if self.is_text() { outline::quoted(value) } else { value.to_owned() }
    }
}

/// Members that were found right, as one JSON object.
#[derive(Default)]
struct Checked {
    written: Vec<String>,
    seen: Vec<&'static str>,
}

impl Checked {
    fn add(&mut self, member: &'static Member, value: &str) -> Result<(), Fault> {
        let value = plain(member, value);
        check_value(member, value)?;
        self.append(member, value)
    }

    fn add_list(&mut self, member: &'static Member, values: &[&str]) -> Result<(), Fault> {
        let name = member.name;
        if values.is_empty() {
            let remedy = "leave it out to mean everything that is permitted";
            return Err(Fault::malformed(format!("{name} is an empty list; {remedy}")));
        }
        if values.len() > limits::API_LIST_MAX {
            let (count, max) = (values.len(), limits::API_LIST_MAX);
            return Err(Fault::malformed(format!("{name} has {count} entries; at most {max} are taken")));
        }
        let values: Vec<&str> = values.iter().map(|value| plain(member, value)).collect();
        for value in &values {
            check_value(member, value)?;
        }
        self.append(member, &format!("[{}]", values.join(",")))
    }

    fn append(&mut self, member: &'static Member, value: &str) -> Result<(), Fault> {
        let name = member.name;
        if self.seen.contains(&name) {
            return Err(Fault::malformed(format!("{name} is given twice; give it once")));
        }
        self.seen.push(name);
        self.written.push(format!("\"{name}\":{value}"));
        Ok(())
    }

    fn finish(self) -> Result<Request, Fault> {
        let json = format!("{{{}}}", self.written.join(","));
        let mut unescaped = vec![0; json.len()];
        match serde_json_core::from_slice_escaped(json.as_bytes(), &mut unescaped) {
            Ok((request, _)) => Ok(request),
            Err(error) => {
                // Every member was checked before, and what the parser says helps nobody who asks.
                log::warn!("a question that was checked could not be read: {error}");
                Err(Fault::malformed("the members cannot be read; write them as plain JSON"))
            }
        }
    }
}

/// JSON has one kind of number: `3.0` is a whole one, as some libraries write it.
fn plain<'v>(member: &Member, value: &'v str) -> &'v str {
    match value.split_once('.') {
        Some((whole, zeros))
            if !member.kind.is_text() && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') =>
        {
            whole
        }
        _ => value,
    }
}

fn check_value(member: &Member, value: &str) -> Result<(), Fault> {
    let (name, wanted) = (member.name, member.kind.wanted());
    if !member.kind.takes(value) {
        return Err(Fault::malformed(format!("{name} must be {wanted}")));
    }
    if member.kind == Kind::Decimal {
        return Ok(());
    }
    // Nine digits fit every number there is; a longer one would not be read at all.
    if !member.kind.is_text() && (value.is_empty() || value.len() > 9) {
        return Err(Fault::malformed(format!("{name} must be {wanted}, of at most 9 digits")));
    }
    // JSON has no such numbers.
    if !member.kind.is_text() && value.len() > 1 && value.starts_with('0') {
        return Err(Fault::malformed(format!("{name} must be {wanted}, without a zero before it")));
    }
    if member.kind == Kind::NumberList && value.parse::<u8>().is_err() {
        return Err(Fault::of(Code::Malformed, format!("{name} must be {wanted}, each at most 255")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(subject: Subject) -> Operation {
        Operation::of(subject, Scope::Cems)
    }

    fn fault(body: &str, operation: Operation) -> String {
        Request::from_body(body, operation).unwrap_err().message
    }

    #[test]
    fn a_question_becomes_a_typed_structure() {
        let body = r#"{"cemsID":"C","pointID":["PT-\"1\"","PT-2"],"pageSize":20,"pageNumber":null}"#;
        let request = Request::from_body(body, about(Subject::Dynamic)).unwrap();
        assert_eq!(request.cems_id.as_deref(), Some("C"));
        assert_eq!(request.point_ids.unwrap(), ["PT-\"1\"", "PT-2"]);
        assert_eq!((request.page_size, request.page_number), (Some(20), None));
        assert_eq!(Request::from_body("{}", about(Subject::Static)), Ok(Request::default()));
    }

    #[test]
    fn one_value_may_stand_for_a_list_of_one() {
        let body = r#"{"function":"sum","tou":0}"#;
        let request = Request::from_body(body, about(Subject::Statistical)).unwrap();
        assert_eq!((request.functions.unwrap(), request.tou.unwrap()), (vec!["sum".to_owned()], vec![0]));
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let body = r#"{"tou":[1.0,2],"pageSize":20.00}"#;
        let request = Request::from_body(body, about(Subject::Statistical)).unwrap();
        assert_eq!((request.tou, request.page_size), (Some(vec![1, 2]), Some(20)));
        for body in [r#"{"pageSize":20.5}"#, r#"{"pageSize":"20.0"}"#] {
            assert!(Request::from_body(body, about(Subject::Dynamic)).is_err(), "{body}");
        }
    }

    #[test]
    fn a_query_string_asks_the_same_question() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [pair("pointID", "PT-1,PT-2"), pair("pageSize", "20"), pair("pointID", "1#\"机组\"\\")];
        let request = Request::from_query(&pairs, about(Subject::Dynamic)).unwrap();
        assert_eq!(request.point_ids.unwrap(), ["PT-1", "PT-2", "1#\"机组\"\\"]);
        assert_eq!(request.page_size, Some(20));
        for (name, value) in [("pageSize", "x"), ("pageSize", ""), ("pointID", ""), ("nonsense", "1")] {
            assert!(
                Request::from_query(&[pair(name, value)], about(Subject::Dynamic)).is_err(),
                "{name}={value}"
            );
        }
        let twice = [pair("cemsID", "A"), pair("cemsID", "B")];
        assert!(Request::from_query(&twice, about(Subject::Dynamic)).is_err());
    }

    #[test]
    fn a_fault_names_the_member_and_the_remedy() {
        for (body, expected) in [
            ("[]", "the body is no JSON object; write the members between { and }"),
            (
                r#"{"pointID":[]}"#,
                "pointID is an empty list; leave it out to mean everything that is permitted",
            ),
            (r#"{"pointID":[1]}"#, "pointID must be a list of texts, like [\"A\", \"B\"]"),
            (r#"{"pointID":{"a":1}}"#, "pointID must be a list of texts, like [\"A\", \"B\"]"),
            (r#"{"pageSize":"20"}"#, "pageSize must be a whole number without quotes"),
            (r#"{"pageSize":-1}"#, "pageSize must be a whole number without quotes"),
            (r#"{"pageSize":1e3}"#, "pageSize must be a whole number without quotes"),
            (
                r#"{"pageSize":9999999999}"#,
                "pageSize must be a whole number without quotes, of at most 9 digits",
            ),
            (r#"{"cemsID":"A","cemsID":"B"}"#, "cemsID is given twice; give it once"),
            (r#"{"cemsID":true}"#, "cemsID must be a text in quotes"),
        ] {
            assert_eq!(fault(body, about(Subject::Dynamic)), expected, "{body}");
        }
        let unknown = fault(r#"{"startTime":"2024-04-01"}"#, about(Subject::Dynamic));
        assert!(
            unknown.starts_with("'startTime' is no member of GetCemsDynamicData; its members are cemsID,")
        );
        let many = format!("{{\"pointID\":[{}]}}", vec!["\"P\""; limits::API_LIST_MAX + 1].join(","));
        assert_eq!(fault(&many, about(Subject::Dynamic)), "pointID has 101 entries; at most 100 are taken");
    }

    #[test]
    fn a_number_with_a_zero_before_it_is_refused_by_name() {
        let faults = ["007", "00"].map(|text| {
            let pairs = [("pageSize".to_owned(), text.to_owned())];
            Request::from_query(&pairs, about(Subject::Dynamic)).unwrap_err().message
        });
        assert_eq!(faults, ["pageSize must be a whole number without quotes, without a zero before it"; 2]);
    }

    #[test]
    fn a_question_about_points_names_points() {
        let of_point = Operation::of(Subject::Dynamic, Scope::Point);
        let of_category = Operation::of(Subject::Dynamic, Scope::Category);
        let check = |body: &str, operation| {
            Request::from_body(body, operation).unwrap().check_scope(operation).map_err(|fault| fault.message)
        };
        assert_eq!(check("{}", of_point).unwrap_err(), "pointID is missing; GetPointDynamicData asks by it");
        assert_eq!(check(r#"{"pointID":"PT-1"}"#, of_point), Ok(()));
        assert_eq!(check(r#"{"categoryCode":"01"}"#, of_category), Ok(()));
        assert!(check(r#"{"pointID":"PT-1"}"#, of_category).is_err());
    }

    #[test]
    fn an_operation_without_members_says_so() {
        let pairs = [("x".to_owned(), "1".to_owned())];
        let fault = Request::from_query(&pairs, about(Subject::About)).unwrap_err().message;
        assert_eq!(fault, "'x' is no member of about, which takes none; leave it out");
    }

    #[test]
    fn every_member_of_the_table_is_one_of_the_structure() {
        for member in &MEMBERS {
            let value = match member.kind {
                Kind::Text => "\"x\"",
                Kind::TextList => "[\"x\"]",
                Kind::Number => "1",
                Kind::NumberList => "[1]",
                Kind::Decimal => "1.5",
            };
            let body = format!("{{\"{}\":{value}}}", member.name);
            for operation in member.taken_by {
                let request = Request::from_body(&body, about(*operation));
                assert!(request.is_ok_and(|request| request != Request::default()), "{body}");
            }
        }
    }
}
