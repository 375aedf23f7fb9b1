//! Events of demand response, as a technician enters, answers and reads them; pure.

use super::command::{Options, Refusal};
use super::render::local;
use super::table::{printable, table};
use super::verb::Verb;
use super::words::Words;
use crate::language::Language;
use crate::model::demand_response::{
    Act, AuditEntry, DrEvent, EventOrder, EventStatus, Invitation, ResponseType,
};
use crate::ops::demand_response::{Named, OrderError};
use crate::ops::query::DrRow;
use crate::time::{TimeFault, UtcOffset, UtcTime, parse_instant};

const KEYS: &str = "type, name, deadline, invited, price, point";

const TYPES: [(&str, ResponseType); 3] = [
    ("peak", ResponseType::PeakClipping),
    ("valley", ResponseType::ValleyFilling),
    ("absorb", ResponseType::Absorption),
];

/// An event to enter, its times as typed: what an hour is, only the site knows.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Its ID.
    pub id: String,
    /// From when to when.
    pub time: [String; 2],
    /// How much is wanted of the site, in kW.
    pub wanted_kw: f64,
    /// What is asked for.
    pub response: ResponseType,
    /// Shown to people; the ID where it is missing.
    pub name: Option<String>,
    /// Until when one may reply; the start where it is missing.
    pub deadline: Option<String>,
    /// When it was made; now where it is missing.
    pub invited: Option<String>,
    /// What a kilowatt-hour is worth.
    pub price_per_kwh: Option<f64>,
    /// The point whose load is measured.
    pub point: Option<String>,
}

impl NewEvent {
    /// Reads the words after `dr add`.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, Refusal> {
        let mut word = || words.needed(Verb::DrAdd).map(str::to_owned);
        let (id, start, end, wanted) = (word()?, word()?, word()?, word()?);
        let mut options = Options::default();
        let mut event = Self {
            id,
            time: [start, end],
            wanted_kw: kilowatts(&wanted)?,
            response: ResponseType::PeakClipping,
            name: None,
            deadline: None,
            invited: None,
            price_per_kwh: None,
            point: None,
        };
        for word in words.by_ref() {
            let (key, value) = options.next(word)?.ok_or(Refusal::Usage(Verb::DrAdd))?;
            let text = || Some(value.to_owned());
            match key {
                "type" => {
                    let known = TYPES.iter().find(|(word, _)| *word == value);
                    event.response = known.ok_or(Refusal::Usage(Verb::DrAdd))?.1;
                }
                "name" => event.name = text(),
                "deadline" => event.deadline = text(),
                "invited" => event.invited = text(),
                "price" => event.price_per_kwh = Some(kilowatts(value)?),
                "point" => event.point = text(),
                _ => return Err(Refusal::Key { given: key.to_owned(), known: KEYS }),
            }
        }
        Ok(event)
    }

    /// The event as it is entered at `now`; times without an offset are those of the site's clock.
    pub(super) fn order(&self, now: UtcTime, offset: UtcOffset) -> Result<EventOrder, Refusal> {
        let time = |text: &str| local_instant(text, offset);
        let [start, end] = &self.time;
        let (start, end) = (time(start)?, time(end)?);
        let optional = |text: &Option<String>, usual| text.as_deref().map_or(Ok(usual), time);
        Ok(EventOrder {
            id: self.id.clone(),
            number: None,
            name: self.name.clone().unwrap_or_else(|| self.id.clone()),
            response: self.response,
            timing: None,
            time: start..end,
            wanted_kw: None,
            point_id: self.point.clone(),
            invitation: Invitation {
                id: None,
                round: None,
                at: optional(&self.invited, now)?,
                deadline: optional(&self.deadline, start)?,
                wanted_kw: Some(self.wanted_kw),
                price_per_kwh: self.price_per_kwh,
            },
        })
    }
}

/// What the site promises, in kW; `None` where it declines.
pub(super) fn promise(words: &mut Words<'_>) -> Result<Option<f64>, Refusal> {
    match words.needed(Verb::DrReply)? {
        "yes" => Ok(Some(kilowatts(words.needed(Verb::DrReply)?)?)),
        "no" => Ok(None),
        _ => Err(Refusal::Usage(Verb::DrReply)),
    }
}

fn kilowatts(word: &str) -> Result<f64, Refusal> {
    let number = word.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| Refusal::Amount(word.to_owned()))
}

fn local_instant(text: &str, offset: UtcOffset) -> Result<UtcTime, Refusal> {
    let parsed = match parse_instant(text, offset) {
        Err(TimeFault::OffsetMissing) => parse_instant(&format!("{text}{offset}"), offset),
        parsed => parsed,
    };
    parsed.map_err(|fault| Refusal::Time(text.to_owned(), fault))
}

/// The events in a table, as they were given.
pub(super) fn events(rows: &[DrRow], offset: UtcOffset, language: Language) -> String {
    if rows.is_empty() {
        return language.pick("there are no events\n", "没有需求响应事件\n").to_owned();
    }
    let row = |row: &DrRow| {
        let event = &row.event;
        vec![
            event.order.id.clone(),
            printable(&event.order.name),
            span(event, offset),
            asked(event, language),
            status(row.status, language).to_owned(),
            replied(event, offset, language),
            came_of(row, language),
        ]
    };
    table(&rows.iter().map(row).collect::<Vec<_>>())
}

/// One event, and who did what with it; `None` where there is none of this ID.
pub(super) fn event(row: Option<&DrRow>, id: &str, offset: UtcOffset, language: Language) -> String {
    let Some(row) = row else { return refused(&OrderError::NoSuchEvent(id.to_owned()), language) };
    let line = |entry: &AuditEntry| {
        let act = match (entry.act, language) {
            (Act::Entered, _) => language.pick("entered", "录入").to_owned(),
            (Act::Promised(promised), Language::English) => format!("promised {promised} kW"),
            (Act::Promised(promised), Language::Chinese) => format!("应约 {promised} kW"),
            (Act::Declined, _) => language.pick("declined", "不参与").to_owned(),
            (Act::Cancelled, _) => language.pick("cancelled", "作废").to_owned(),
        };
        vec![format!("  {}", local(entry.at, offset)), printable(&entry.who), act]
    };
    let audit: Vec<_> = row.event.audit.iter().map(line).collect();
    events(std::slice::from_ref(row), offset, language) + &table(&audit)
}

/// One event that was entered, answered or cancelled.
pub(super) fn noted(event: &DrEvent, offset: UtcOffset, language: Language) -> String {
    let said = if event.cancelled_at.is_some() {
        language.pick("cancelled", "已作废").to_owned()
    } else {
        replied(event, offset, language)
    };
    format!("{}  {}  {}  {said}\n", event.order.id, span(event, offset), asked(event, language))
}

fn span(event: &DrEvent, offset: UtcOffset) -> String {
    let (start, end) = (event.order.time.start.civil(offset), event.order.time.end.civil(offset));
    format!("{} - {}", start.strftime("%Y-%m-%d %H:%M"), end.strftime("%H:%M"))
}

fn asked(event: &DrEvent, language: Language) -> String {
    let what = match event.order.response {
        ResponseType::PeakClipping => language.pick("less", "削峰"),
        ResponseType::ValleyFilling => language.pick("more", "填谷"),
        ResponseType::Absorption => language.pick("more (clean energy)", "消纳"),
    };
    let wanted = event.order.invitation.wanted_kw;
    wanted.map_or_else(|| what.to_owned(), |wanted| format!("{wanted} kW {what}"))
}

fn status(status: EventStatus, language: Language) -> &'static str {
    match status {
        EventStatus::Saved => language.pick("saved", "已保存"),
        EventStatus::Pending => language.pick("pending", "待执行"),
        EventStatus::Running => language.pick("running", "执行中"),
        EventStatus::Ended => language.pick("ended", "已结束"),
        EventStatus::Void => language.pick("void", "已作废"),
    }
}

fn replied(event: &DrEvent, offset: UtcOffset, language: Language) -> String {
    let deadline = event.order.invitation.deadline.civil(offset).strftime("%m-%d %H:%M").to_string();
    match (event.reply.map(|reply| reply.promised_kw), language) {
        (None, Language::English) => format!("no reply, until {deadline}"),
        (None, Language::Chinese) => format!("未应约，截止 {deadline}"),
        (Some(None), _) => language.pick("declined", "不参与").to_owned(),
        (Some(Some(promised)), Language::English) => format!("promised {promised} kW"),
        (Some(Some(promised)), Language::Chinese) => format!("应约 {promised} kW"),
    }
}

/// What came of it, as far as it is over.
fn came_of(row: &DrRow, language: Language) -> String {
    if row.outcome.is_none() {
        return String::new();
    }
    let Some(moved_kw) = row.response.and_then(|response| response.moved_kw) else {
        return language.pick("not known", "无法评定").to_owned();
    };
    let verdict = match row.response.and_then(|response| response.counts) {
        Some(true) => language.pick("effective", "有效"),
        Some(false) => language.pick("not effective", "无效"),
        None => language.pick("incomplete", "数据不全"),
    };
    format!("{moved_kw} kW, {verdict}")
}

/// Why nothing was noted.
pub(super) fn refused(error: &OrderError, language: Language) -> String {
    let text = match language {
        Language::English => match error {
            OrderError::Id(named) | OrderError::Amount(named) => {
                format!("{}: {error}", part(*named, language))
            }
            error => error.to_string(),
        },
        Language::Chinese => refused_in_chinese(error),
    };
    printable(&text) + "\n"
}

const fn part(named: Named, language: Language) -> &'static str {
    match named {
        Named::Event => language.pick("event", "事件编号"),
        Named::Number => language.pick("number", "事件序号"),
        Named::Invitation => language.pick("invitation", "邀约编号"),
        Named::Start => language.pick("start", "开始时间"),
        Named::End => language.pick("end", "结束时间"),
        Named::Wanted => language.pick("amount of all", "总调控量"),
        Named::WantedHere => language.pick("amount", "邀约量"),
        Named::Price => language.pick("price", "补贴单价"),
        Named::Promise => language.pick("promise", "应约量"),
    }
}

fn refused_in_chinese(error: &OrderError) -> String {
    let language = Language::Chinese;
    match error {
        OrderError::NoDemandResponse => "本站未参与需求响应；请在配置中加入 [demand_response]".to_owned(),
        OrderError::ClockUnset => "时钟未校准，无法判断时间；请先校时".to_owned(),
        OrderError::Id(named) => format!("{}：应为 1 至 64 个字母、数字或 - _ .", part(*named, language)),
        OrderError::Name => "名称应为 1 至 128 个可打印字符".to_owned(),
        OrderError::EndBeforeStart => "结束时间应晚于开始时间".to_owned(),
        OrderError::NotOnQuarter(named) => format!("{}：应为整刻钟", part(*named, language)),
        OrderError::OverMidnight => "事件不能跨越零点；请按日分别录入".to_owned(),
        OrderError::Begun => "事件已开始，只能录入尚未开始的事件".to_owned(),
        OrderError::TooFarAhead => "事件过于遥远".to_owned(),
        OrderError::DeadlineBeforeInvitation => "应约截止时间不能早于邀约时间".to_owned(),
        OrderError::DeadlineAfterStart => "应约截止时间不能晚于事件开始".to_owned(),
        OrderError::Amount(named) => format!("{}：应为大于 0 的数", part(*named, language)),
        OrderError::NoSuchPoint(id) => format!("没有测点“{id}”"),
        OrderError::NoLoad(id) => format!("测点“{id}”没有电量或功率参数"),
        OrderError::NoSiteLoad => "没有可代表全站负荷的测点；请指定 point=".to_owned(),
        OrderError::Differs(id) => format!("编号“{id}”已被另一事件使用；未作任何修改"),
        OrderError::TooMany => "未结束的事件过多；请先作废其中一个".to_owned(),
        OrderError::NoSuchEvent(id) => format!("没有事件“{id}”；输入 dr list 查看"),
        OrderError::Cancelled => "事件已作废".to_owned(),
        OrderError::DeadlinePassed => "已过应约截止时间，视为不参与".to_owned(),
        OrderError::Over => "事件已结束".to_owned(),
        OrderError::Store(error) => format!("仅记入内存，存储暂不可写（{error}）；请稍后重复此命令"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{Command, parse};
    use super::*;

    fn event(line: &str) -> Result<EventOrder, Refusal> {
        let offset = UtcOffset::from_minutes(480).unwrap();
        match parse(line)? {
            Command::DrAdd(event) => event.order(UtcTime::from_ms(0), offset),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_is_entered_in_the_time_of_the_site() {
        let line = "dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 500 type=valley name=\"8月 6日\" \
                    deadline=2024-08-05T16:00+08:00 price=2.5 point=PT-1";
        let order = event(line).unwrap();
        assert_eq!(order.time.start, parse_instant("2024-08-06T05:00:00Z", UtcOffset::UTC).unwrap());
        assert_eq!((order.name.as_str(), order.response), ("8月 6日", ResponseType::ValleyFilling));
        assert_eq!(order.invitation.deadline, parse_instant("2024-08-05T08:00Z", UtcOffset::UTC).unwrap());
        assert_eq!((order.invitation.wanted_kw, order.invitation.price_per_kwh), (Some(500.0), Some(2.5)));
        let plain = event("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 500").unwrap();
        assert_eq!((plain.name.as_str(), plain.invitation.deadline), ("DR-1", plain.time.start));
        assert_eq!(plain.invitation.at, UtcTime::from_ms(0));
    }

    #[test]
    fn what_is_no_event_and_no_reply_says_why() {
        let text = str::to_owned;
        for (line, refusal) in [
            ("dr", Refusal::Usage(Verb::DrList)),
            ("dr list DR-1 DR-2", Refusal::Usage(Verb::DrList)),
            ("dr add DR-1 2024-08-06T13:00", Refusal::Usage(Verb::DrAdd)),
            ("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 much", Refusal::Amount(text("much"))),
            ("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 -1", Refusal::Amount(text("-1"))),
            ("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 NaN", Refusal::Amount(text("NaN"))),
            ("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 1 type=x", Refusal::Usage(Verb::DrAdd)),
            (
                "dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 1 x=1",
                Refusal::Key { given: text("x"), known: KEYS },
            ),
            ("dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 1 name=a name=b", Refusal::Twice(text("name"))),
            ("dr reply DR-1", Refusal::Usage(Verb::DrReply)),
            ("dr reply DR-1 yes", Refusal::Usage(Verb::DrReply)),
            ("dr reply DR-1 maybe", Refusal::Usage(Verb::DrReply)),
            ("dr reply DR-1 no 3", Refusal::Usage(Verb::DrReply)),
            ("dr cancel", Refusal::Usage(Verb::DrCancel)),
        ] {
            assert_eq!(parse(line), Err(refusal), "{line}");
        }
        let wrong = event("dr add DR-1 noon 2024-08-06T15:00 500");
        assert_eq!(wrong, Err(Refusal::Time(text("noon"), TimeFault::Form)));
        let id = text("DR-1");
        assert_eq!(parse("dr reply DR-1 no"), Ok(Command::DrReply(id.clone(), None)));
        assert_eq!(parse("dr reply DR-1 yes 450"), Ok(Command::DrReply(id, Some(450.0))));
    }
}
