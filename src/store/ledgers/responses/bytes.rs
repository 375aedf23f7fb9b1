//! An event of demand response as bytes, drawn in the parent.

use jiff::civil::Date;

use crate::limits;
use crate::model::demand_response::{
    Act, AuditEntry, Baseline, BaselineMethod, DrEvent, EventOrder, Invitation, Measured, NoBaseline,
    Outcome, Reply, ResponseType, SamplesUntil, TimeType, ValidityRule,
};
use crate::time::UtcTime;

const VERSION: u8 = 1;
/// Quarters of an hour of a day.
const LOADS_MAX: usize = 96;
/// Days that a baseline can be made of.
const DAYS_MAX: usize = 45;

/// Every word with its byte, fixed for ever.
const RESPONSES: [(ResponseType, u8); 3] =
    [(ResponseType::PeakClipping, 1), (ResponseType::ValleyFilling, 2), (ResponseType::Absorption, 3)];
const TIMINGS: [(TimeType, u8); 3] =
    [(TimeType::DayAhead, 1), (TimeType::Intraday, 2), (TimeType::RealTime, 3)];
const METHODS: [(BaselineMethod, u8); 4] = [
    (BaselineMethod::LastFive, 1),
    (BaselineMethod::TopFiveOfTen, 2),
    (BaselineMethod::TrimmedTen, 3),
    (BaselineMethod::QuarterBefore, 4),
];
const UNTILS: [(SamplesUntil, u8); 2] = [(SamplesUntil::EventDay, 1), (SamplesUntil::InvitationDay, 2)];
const RULES: [(ValidityRule, u8); 2] = [(ValidityRule::ExtremeAndMean, 1), (ValidityRule::MeanForAnHour, 2)];

fn code<T: PartialEq>(table: &[(T, u8)], value: &T) -> u8 {
    table.iter().find(|(known, _)| known == value).map_or(0, |(_, code)| *code)
}

/// The value of an event.
pub(super) fn write(event: &DrEvent) -> Vec<u8> {
    let mut out = Writer(vec![VERSION]);
    out.order(&event.order);
    out.time(event.entered_at);
    out.text(&event.measured.point_id);
    out.text(&event.measured.parameter_id);
    out.0.push(code(&METHODS, &event.method));
    out.0.push(code(&UNTILS, &event.samples_until));
    out.0.push(code(&RULES, &event.rule));
    match event.reply {
        None => out.0.push(0),
        Some(Reply { at, promised_kw: None }) => {
            out.0.push(1);
            out.time(at);
        }
        Some(Reply { at, promised_kw: Some(promised_kw) }) => {
            out.0.push(2);
            out.time(at);
            out.number(promised_kw);
        }
    }
    out.optional(event.cancelled_at, Writer::time);
    out.baseline(event.baseline.as_ref());
    out.outcome(event.outcome.as_ref());
    out.list(&event.audit, Writer::act);
    out.0
}

/// The event of a key and a value; `None` where no version wrote them.
pub(super) fn read(key: &[u8], value: &[u8]) -> Option<DrEvent> {
    let id = std::str::from_utf8(key).ok().filter(|id| is_id(id))?.to_owned();
    let mut rest = Reader(value.strip_prefix(&[VERSION])?);
    let event = rest.event(id).ok()?;
    rest.0.is_empty().then_some(event)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= limits::ID_CHARS_MAX && id.is_ascii()
}

struct Writer(Vec<u8>);

impl Writer {
    fn time(&mut self, at: UtcTime) {
        self.0.extend(at.as_ms().to_be_bytes());
    }

    fn number(&mut self, number: f64) {
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        // Every text is bounded when it is entered, far below this.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(text.bytes().take(usize::from(length)));
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, list: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let count = u8::try_from(list.len()).unwrap_or(u8::MAX);
        self.0.push(count);
        for entry in list.iter().take(usize::from(count)) {
            write(self, entry);
        }
    }

    fn order(&mut self, order: &EventOrder) {
        let Invitation { id, round, at, deadline, wanted_kw, price_per_kwh } = &order.invitation;
        self.optional(order.number.as_deref(), Self::text);
        self.text(&order.name);
        self.0.push(code(&RESPONSES, &order.response));
        self.optional(order.timing, |out, timing| out.0.push(code(&TIMINGS, &timing)));
        self.time(order.time.start);
        self.time(order.time.end);
        self.optional(order.wanted_kw, Self::number);
        self.optional(order.point_id.as_deref(), Self::text);
        self.optional(id.as_deref(), Self::text);
        self.optional(*round, |out, round| out.0.push(round));
        self.time(*at);
        self.time(*deadline);
        self.optional(*wanted_kw, Self::number);
        self.optional(*price_per_kwh, Self::number);
    }

    fn baseline(&mut self, baseline: Option<&Result<Baseline, NoBaseline>>) {
        match baseline {
            None => self.0.push(0),
            Some(Ok(Baseline { dates, load_kw })) => {
                self.0.push(1);
                self.list(dates, |out, date| out.0.extend(days_since_1970(*date).to_be_bytes()));
                self.list(load_kw, |out, load| out.number(*load));
            }
            Some(Err(NoBaseline::TooFewDays { found, wanted })) => self.0.extend([2, *found, *wanted]),
            Some(Err(NoBaseline::NothingBefore)) => self.0.push(3),
        }
    }

    fn outcome(&mut self, outcome: Option<&Outcome>) {
        self.optional(outcome, |out, Outcome { load_kw, completeness }| {
            out.number(*completeness);
            out.list(load_kw, |out, load| out.optional(*load, Self::number));
        });
    }

    fn act(&mut self, entry: &AuditEntry) {
        self.time(entry.at);
        self.text(&entry.who);
        match entry.act {
            Act::Entered => self.0.push(1),
            Act::Promised(promised_kw) => {
                self.0.push(2);
                self.number(promised_kw);
            }
            Act::Declined => self.0.push(3),
            Act::Cancelled => self.0.push(4),
        }
    }
}

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

fn days_since_1970(date: Date) -> i32 {
    date.since(epoch()).map_or(0, |span| span.get_days())
}

/// No version wrote this.
struct Unknown;

type Read<T> = Result<T, Unknown>;

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const BYTES: usize>(&mut self) -> Read<[u8; BYTES]> {
        let (taken, rest) = self.0.split_first_chunk::<BYTES>().ok_or(Unknown)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Read<u8> {
        self.take().map(|[byte]: [u8; 1]| byte)
    }

    fn word<T: Copy>(&mut self, table: &[(T, u8)]) -> Read<T> {
        let code = self.byte()?;
        table.iter().find(|(_, known)| *known == code).map(|(value, _)| *value).ok_or(Unknown)
    }

    fn time(&mut self) -> Read<UtcTime> {
        self.take().map(i64::from_be_bytes).map(UtcTime::from_ms)
    }

    fn number(&mut self) -> Read<f64> {
        let number = f64::from_be_bytes(self.take()?);
        if number.is_finite() { Ok(number) } else { Err(Unknown) }
    }

    fn text(&mut self) -> Read<String> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (text, rest) = self.0.split_at_checked(length).ok_or(Unknown)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| Unknown)?;
        if text.chars().count() <= limits::NAME_CHARS_MAX { Ok(text.to_owned()) } else { Err(Unknown) }
    }

    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Unknown),
        }
    }

    fn list<T>(&mut self, count_max: usize, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.byte()?;
        if usize::from(count) > count_max {
            return Err(Unknown);
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn event(&mut self, id: String) -> Read<DrEvent> {
        Ok(DrEvent {
            order: self.order(id)?,
            entered_at: self.time()?,
            measured: Measured { point_id: self.text()?, parameter_id: self.text()? },
            method: self.word(&METHODS)?,
            samples_until: self.word(&UNTILS)?,
            rule: self.word(&RULES)?,
            reply: self.reply()?,
            cancelled_at: self.optional(Self::time)?,
            baseline: self.baseline()?,
            outcome: self.optional(Self::outcome)?,
            audit: self.list(limits::DR_AUDIT_MAX, Self::act)?,
        })
    }

    fn order(&mut self, id: String) -> Read<EventOrder> {
        Ok(EventOrder {
            id,
            number: self.optional(Self::text)?,
            name: self.text()?,
            response: self.word(&RESPONSES)?,
            timing: self.optional(|rest| rest.word(&TIMINGS))?,
            time: self.time()?..self.time()?,
            wanted_kw: self.optional(Self::number)?,
            point_id: self.optional(Self::text)?,
            invitation: Invitation {
                id: self.optional(Self::text)?,
                round: self.optional(Self::byte)?,
                at: self.time()?,
                deadline: self.time()?,
                wanted_kw: self.optional(Self::number)?,
                price_per_kwh: self.optional(Self::number)?,
            },
        })
    }

    fn reply(&mut self) -> Read<Option<Reply>> {
        Ok(match self.byte()? {
            0 => None,
            1 => Some(Reply { at: self.time()?, promised_kw: None }),
            2 => Some(Reply { at: self.time()?, promised_kw: Some(self.number()?) }),
            _ => return Err(Unknown),
        })
    }

    fn baseline(&mut self) -> Read<Option<Result<Baseline, NoBaseline>>> {
        Ok(match self.byte()? {
            0 => None,
            1 => Some(Ok(Baseline {
                dates: self.list(DAYS_MAX, Self::date)?,
                load_kw: self.list(LOADS_MAX, Self::number)?,
            })),
            2 => Some(Err(NoBaseline::TooFewDays { found: self.byte()?, wanted: self.byte()? })),
            3 => Some(Err(NoBaseline::NothingBefore)),
            _ => return Err(Unknown),
        })
    }

    fn date(&mut self) -> Read<Date> {
        let days = i32::from_be_bytes(self.take()?);
        let span = jiff::Span::new().try_days(days).map_err(|_| Unknown)?;
        epoch().checked_add(span).map_err(|_| Unknown)
    }

    fn outcome(&mut self) -> Read<Outcome> {
        let completeness = self.number()?;
        let load_kw = self.list(LOADS_MAX, |rest| rest.optional(Self::number))?;
        Ok(Outcome { load_kw, completeness })
    }

    fn act(&mut self) -> Read<AuditEntry> {
        let (at, who) = (self.time()?, self.text()?);
        let act = match self.byte()? {
            1 => Act::Entered,
            2 => Act::Promised(self.number()?),
            3 => Act::Declined,
            4 => Act::Cancelled,
            _ => return Err(Unknown),
        };
        Ok(AuditEntry { at, who, act })
    }
}
