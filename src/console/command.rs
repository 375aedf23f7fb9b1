//! A typed line into a command: pure, and the only place that knows how commands are written.

use std::path::PathBuf;

use super::controls;
use super::desk::{ControlOrder, ReadOrder};
use super::responses::{self, NewEvent};
use super::site_lines;
use super::verb::Verb;
use super::words::{Words, split};
use crate::config::edit::{Edit, LineEdit, NewMeter, NewPoint, PointPlace};
use crate::counter::Assumption;
use crate::language::Language;
use crate::limits;
use crate::model::register::{Span, Table, UnitId};
use crate::ops::counter_events::Correction;
use crate::ops::manual::Entering;
use crate::ops::update::TrialOrder;
use crate::time::{Interval, TimeFault};
use crate::update::Wish;

/// What a technician asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// An empty line.
    Nothing,
    /// Log in.
    Login,
    /// Explain all commands, or those of one word.
    Help(Option<Verb>),
    /// How the gateway is doing.
    Status,
    /// The newest readings, of all Points or of one.
    Points(Option<String>),
    /// Demand at present.
    Demand,
    /// The last stretches without readings, of all Points or of one.
    Gaps(Option<String>),
    /// What registers did besides growing, of all Points or of one.
    Events(Option<String>),
    /// What a technician says of an event of a register, by its number.
    Correct(u32, Correction),
    /// A value that somebody enters by hand.
    Enter(Entering),
    /// The book of values entered by hand, of all Points or of one.
    Entries(Option<String>),
    /// Events of demand response, all or one.
    DrList(Option<String>),
    /// An event of demand response to enter.
    DrAdd(NewEvent),
    /// What the site promises for an event, in kW, or that it declines.
    DrReply(String, Option<f64>),
    /// An event to cancel.
    DrCancel(String),
    /// What may be written to meters and what was, of all Points or of one.
    Controls(Option<String>),
    /// A value to hold or to let go of.
    Control(ControlOrder),
    /// Readings as they come, of all Points or of one.
    Watch(Option<String>),
    /// Registers of a meter.
    Read(ReadOrder),
    /// Frames of a line as they come.
    Trace(String),
    /// The last frames of a line into a file.
    Record(String, PathBuf),
    /// What reading a meter has taught.
    Learned(String),
    /// A meter that is to be learned anew.
    Relearn(String),
    /// An edit to stage.
    Edit(Edit),
    /// The site file with the staged edits, from a line on.
    SiteShow(usize),
    /// Another file in the place of the site file.
    SiteTake(PathBuf),
    /// Check the staged edits.
    Check,
    /// Show the staged edits.
    Diff,
    /// Write the staged edits and put them to work.
    Commit,
    /// Undo.
    Rollback,
    /// The last entries of the audit book.
    Audit {
        /// At most so many.
        count: usize,
        /// Of somebody by a name or a kind, or of everybody.
        who: Option<String>,
    },
    /// Back the whole store up to a file.
    Backup(PathBuf),
    /// Restore a backup.
    Restore(PathBuf),
    /// How an update stands.
    UpdateState,
    /// Take the update in a file.
    Update(PathBuf, Wish),
    /// End a trial by hand, or go back.
    EndTrial(TrialOrder),
    /// Start the box anew as it was delivered; the word is the ID of the gateway.
    FactoryReset(String),
    /// Speak another language.
    Lang(Language),
    /// Log out.
    Logout,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The first word is no command.
    Unknown(String),
    /// Words are missing or too many.
    Usage(Verb),
    /// A quotation mark without its partner.
    Quote,
    /// Not an address of a meter.
    Unit(String),
    /// Not one of the four tables.
    Table(String),
    /// Not a protocol address.
    Address(String),
    /// Not a count that one request may have.
    Count {
        /// As typed.
        given: String,
        /// The most that this table allows in one request.
        max: u16,
    },
    /// `key=value` with a key that this command does not have.
    Key {
        /// As typed.
        given: String,
        /// Those that it has.
        known: &'static str,
    },
    /// `key=value` with a key that was given before.
    Twice(String),
    /// Not a transformer ratio.
    Ratio(String),
    /// Not an interval.
    Interval(String, TimeFault),
    /// Not the number of an event.
    Event(String),
    /// Not what an event can have been.
    Correction(String),
    /// Not a count of entries.
    Entries(String),
    /// Not a value that somebody can enter.
    Value(String),
    /// Not an amount.
    Amount(String),
    /// Not a time.
    Time(String, TimeFault),
    /// Not a path from the root of the gateway's file system.
    Path(String),
    /// Not a number of a line.
    Line(String),
    /// Not a language.
    Language(String),
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &str) -> Result<Command, Refusal> {
    if let Some(edit) = site_lines::typed(line) {
        return edit.map(Command::Edit);
    }
    let words = split(line).ok_or(Refusal::Quote)?;
    let mut words = Words::new(&words);
    let Some(first) = words.next() else { return Ok(Command::Nothing) };
    let verb = verb(first, &mut words)?;
    let command = match verb {
        Verb::Login => Command::Login,
        Verb::Help => Command::Help(words.next().map(|word| help_topic(word, &mut words)).transpose()?),
        Verb::Status => Command::Status,
        Verb::Points => Command::Points(words.next().map(str::to_owned)),
        Verb::Demand => Command::Demand,
        Verb::Gaps => Command::Gaps(words.next().map(str::to_owned)),
        Verb::Events => Command::Events(words.next().map(str::to_owned)),
        Verb::Confirm => Command::Correct(event_number(words.needed(verb)?)?, Correction::Confirm),
        Verb::Correct => {
            let number = event_number(words.needed(verb)?)?;
            Command::Correct(number, correction(words.needed(verb)?)?)
        }
        Verb::Enter => Command::Enter(entering(&mut words)?),
        Verb::Entries => Command::Entries(words.next().map(str::to_owned)),
        Verb::DrList => Command::DrList(words.next().map(str::to_owned)),
        Verb::DrAdd => Command::DrAdd(NewEvent::read(&mut words)?),
        Verb::DrReply => {
            let id = words.needed(verb)?.to_owned();
            Command::DrReply(id, responses::promise(&mut words)?)
        }
        Verb::DrCancel => Command::DrCancel(words.needed(verb)?.to_owned()),
        Verb::Controls => Command::Controls(words.next().map(str::to_owned)),
        Verb::Hold => Command::Control(ControlOrder::Hold(controls::holding(&mut words)?)),
        Verb::Release => Command::Control(controls::release(&mut words)?),
        Verb::Watch => Command::Watch(words.next().map(str::to_owned)),
        Verb::Read => Command::Read(read_order(&mut words)?),
        Verb::Trace => Command::Trace(words.needed(verb)?.to_owned()),
        Verb::Record => {
            let line = words.needed(verb)?.to_owned();
            Command::Record(line, path(words.needed(verb)?)?)
        }
        Verb::Learned => Command::Learned(words.needed(verb)?.to_owned()),
        Verb::Relearn => Command::Relearn(words.needed(verb)?.to_owned()),
        Verb::MeterAdd => Command::Edit(Edit::AddMeter(new_meter(&mut words)?)),
        Verb::MeterRemove => Command::Edit(removed_meter(&mut words)?),
        Verb::PointAdd => Command::Edit(Edit::AddPoint(new_point(&mut words)?)),
        Verb::PointRemove => Command::Edit(Edit::RemovePoint { id: words.needed(verb)?.to_owned() }),
        Verb::SiteShow => Command::SiteShow(words.next().map_or(Ok(1), site_lines::line_number)?),
        // Their text is none of words.
        Verb::SiteLine | Verb::SiteInsert => return Err(Refusal::Usage(verb)),
        Verb::SiteRemove => {
            let line = site_lines::line_number(words.needed(verb)?)?;
            Command::Edit(Edit::Line(LineEdit::Remove { line }))
        }
        Verb::SiteTake => Command::SiteTake(path(words.needed(verb)?)?),
        Verb::Check => Command::Check,
        Verb::Diff => Command::Diff,
        Verb::Commit => Command::Commit,
        Verb::Rollback => Command::Rollback,
        Verb::Audit => audit(&mut words)?,
        Verb::Backup => Command::Backup(path(words.needed(verb)?)?),
        Verb::Restore => Command::Restore(path(words.needed(verb)?)?),
        Verb::Update => update(&mut words)?,
        Verb::FactoryReset => Command::FactoryReset(words.needed(verb)?.to_owned()),
        Verb::Lang => Command::Lang(language(words.needed(verb)?)?),
        Verb::Logout => Command::Logout,
    };
    words.end(verb)?;
    Ok(command)
}

fn update(words: &mut Words<'_>) -> Result<Command, Refusal> {
    let file = match words.next() {
        None => return Ok(Command::UpdateState),
        Some("confirm") => return Ok(Command::EndTrial(TrialOrder::Confirm)),
        Some("back") => return Ok(Command::EndTrial(TrialOrder::Back)),
        Some(file) => path(file)?,
    };
    let mut wish = Wish::default();
    for word in words.by_ref() {
        match word {
            "force" => wish.forced = true,
            "later" => wish.restarts = false,
            _ => return Err(Refusal::Usage(Verb::Update)),
        }
    }
    Ok(Command::Update(file, wish))
}

fn verb(first: &str, words: &mut Words<'_>) -> Result<Verb, Refusal> {
    match first {
        "meter" => match words.next() {
            Some("add") => Ok(Verb::MeterAdd),
            Some("remove") => Ok(Verb::MeterRemove),
            _ => Err(Refusal::Usage(Verb::MeterAdd)),
        },
        "point" => match words.next() {
            Some("add") => Ok(Verb::PointAdd),
            Some("remove") => Ok(Verb::PointRemove),
            _ => Err(Refusal::Usage(Verb::PointAdd)),
        },
        "site" => match words.next() {
            Some("show") => Ok(Verb::SiteShow),
            Some("line") => Ok(Verb::SiteLine),
            Some("insert") => Ok(Verb::SiteInsert),
            Some("remove") => Ok(Verb::SiteRemove),
            Some("take") => Ok(Verb::SiteTake),
            _ => Err(Refusal::Usage(Verb::SiteShow)),
        },
        "dr" => match words.next() {
            Some("list") => Ok(Verb::DrList),
            Some("add") => Ok(Verb::DrAdd),
            Some("reply") => Ok(Verb::DrReply),
            Some("cancel") => Ok(Verb::DrCancel),
            _ => Err(Refusal::Usage(Verb::DrList)),
        },
        "?" => Ok(Verb::Help),
        "exit" | "quit" => Ok(Verb::Logout),
        word => Verb::ALL
            .into_iter()
            .find(|verb| verb.name() == word)
            .ok_or_else(|| Refusal::Unknown(word.chars().take(40).collect())),
    }
}

fn help_topic(word: &str, words: &mut Words<'_>) -> Result<Verb, Refusal> {
    // `help meter` is enough; `help meter remove` is more exact.
    verb(word, words).or_else(|refusal| match refusal {
        Refusal::Usage(verb) => Ok(verb),
        other => Err(other),
    })
}

fn event_number(word: &str) -> Result<u32, Refusal> {
    word.parse().map_err(|_| Refusal::Event(word.to_owned()))
}

fn correction(word: &str) -> Result<Correction, Refusal> {
    Ok(match word {
        "rollover" => Correction::To(Assumption::RolledOver),
        "reset" => Correction::To(Assumption::Reset),
        "replaced" => Correction::To(Assumption::Replaced),
        "glitch" => Correction::To(Assumption::Glitch),
        "assumed" => Correction::TakeBack,
        amount => Correction::Amount(amount.parse().map_err(|_| Refusal::Correction(word.to_owned()))?),
    })
}

/// Who enters something, where nothing is said.
const BY: &str = "console";

fn entering(words: &mut Words<'_>) -> Result<Entering, Refusal> {
    let mut word = || words.needed(Verb::Enter);
    let (point, parameter, value) = (word()?.to_owned(), word()?.to_owned(), word()?);
    let value = match value {
        "none" => None,
        number => {
            let parsed = number.parse::<f64>().ok().filter(|value| value.is_finite());
            Some(parsed.ok_or_else(|| Refusal::Value(number.to_owned()))?)
        }
    };
    let mut entering = Entering { point, parameter, value, at: None, by: BY.to_owned() };
    let mut options = Options::default();
    for word in words.by_ref() {
        match options.next(word)? {
            None if entering.at.is_none() => entering.at = Some(word.to_owned()),
            None => return Err(Refusal::Usage(Verb::Enter)),
            Some(("by", name)) => name.clone_into(&mut entering.by),
            Some((key, _)) => return Err(Refusal::Key { given: key.to_owned(), known: "by" }),
        }
    }
    Ok(entering)
}

/// Entries of the audit book that are shown where nothing is said.
const AUDIT_SHOWN: usize = 20;

fn audit(words: &mut Words<'_>) -> Result<Command, Refusal> {
    let mut word = words.next();
    let mut count = AUDIT_SHOWN;
    if let Some(given) = word.filter(|word| *word != "who") {
        let parsed = given.parse().ok().filter(|count| (1..=limits::AUDIT_PAGE_MAX).contains(count));
        count = parsed.ok_or_else(|| Refusal::Entries(given.to_owned()))?;
        word = words.next();
    }
    let who = match word {
        None => None,
        Some("who") => Some(words.needed(Verb::Audit)?.to_owned()),
        Some(_) => return Err(Refusal::Usage(Verb::Audit)),
    };
    Ok(Command::Audit { count, who })
}

fn read_order(words: &mut Words<'_>) -> Result<ReadOrder, Refusal> {
    let mut word = || words.needed(Verb::Read);
    let (line, unit, table, address) = (word()?, word()?, word()?, word()?);
    let count = words.next().unwrap_or("1");
    let table = Table::from_name(table).ok_or_else(|| Refusal::Table(table.to_owned()))?;
    let max = table.read_max();
    let count_fault = || Refusal::Count { given: count.to_owned(), max };
    let start = address.parse::<u16>().map_err(|_| Refusal::Address(address.to_owned()))?;
    let count = count.parse().ok().filter(|n| (1..=max).contains(n)).ok_or_else(count_fault)?;
    let span = Span { start, count };
    // The last protocol address is 65535.
    if span.end() > u32::from(u16::MAX) + 1 {
        return Err(Refusal::Address(address.to_owned()));
    }
    Ok(ReadOrder { line: line.to_owned(), unit: UnitId(unit_id(unit)?), table, span })
}

/// 0 broadcasts on a serial line and 248 to 255 are reserved there; over TCP they may be meters, and
/// the check of the site file knows which line is which.
fn unit_id(word: &str) -> Result<u8, Refusal> {
    word.parse().map_err(|_| Refusal::Unit(word.to_owned()))
}

const METER_KEYS: &str = "role, category, point, name, ct, pt, interval";
const POINT_KEYS: &str = "role, category, name";

fn new_meter(words: &mut Words<'_>) -> Result<NewMeter, Refusal> {
    let mut word = || words.needed(Verb::MeterAdd);
    let (id, line, unit) = (word()?, word()?, word()?);
    let mut options = Options::default();
    let mut meter =
        NewMeter { id: id.to_owned(), line: line.to_owned(), unit: unit_id(unit)?, ..NewMeter::default() };
    for word in words.by_ref() {
        match options.next(word)? {
            None if meter.map.is_none() => meter.map = Some(word.to_owned()),
            None => return Err(Refusal::Usage(Verb::MeterAdd)),
            Some(("point", id)) => meter.point.id = Some(id.to_owned()),
            Some(("ct", number)) => meter.ct = Some(ratio(number)?),
            Some(("pt", number)) => meter.pt = Some(ratio(number)?),
            Some(("interval", text)) => {
                let interval =
                    Interval::parse(text).map_err(|fault| Refusal::Interval(text.to_owned(), fault))?;
                meter.interval = Some(interval);
            }
            Some((key, value)) => place(&mut meter.point, key, value, METER_KEYS)?,
        }
    }
    Ok(meter)
}

fn removed_meter(words: &mut Words<'_>) -> Result<Edit, Refusal> {
    let id = words.needed(Verb::MeterRemove)?.to_owned();
    match words.next() {
        None => Ok(Edit::RemoveMeter { id, with_points: false }),
        Some("points") => Ok(Edit::RemoveMeter { id, with_points: true }),
        Some(_) => Err(Refusal::Usage(Verb::MeterRemove)),
    }
}

fn new_point(words: &mut Words<'_>) -> Result<NewPoint, Refusal> {
    let mut word = || words.needed(Verb::PointAdd);
    let (id, meter) = (word()?, word()?);
    let mut point = NewPoint { meter: meter.to_owned(), ..NewPoint::default() };
    point.place.id = Some(id.to_owned());
    let mut options = Options::default();
    for word in words.by_ref() {
        match options.next(word)? {
            None if point.registers.is_empty() => {
                point.registers = word.split([',', '，']).map(str::to_owned).collect();
            }
            None => return Err(Refusal::Usage(Verb::PointAdd)),
            Some((key, value)) => place(&mut point.place, key, value, POINT_KEYS)?,
        }
    }
    Ok(point)
}

/// The keys that were given, of which a second one would silently win.
#[derive(Default)]
pub(super) struct Options<'a>(Vec<&'a str>);

impl<'a> Options<'a> {
    /// The key and the value of a word that has both.
    pub(super) fn next(&mut self, word: &'a str) -> Result<Option<(&'a str, &'a str)>, Refusal> {
        let Some((key, value)) = word.split_once('=') else { return Ok(None) };
        if self.0.contains(&key) {
            return Err(Refusal::Twice(key.to_owned()));
        }
        self.0.push(key);
        Ok(Some((key, value)))
    }
}

fn place(place: &mut PointPlace, key: &str, value: &str, known: &'static str) -> Result<(), Refusal> {
    let slot = match key {
        "role" => &mut place.role,
        "category" => &mut place.category,
        "name" => &mut place.name,
        _ => return Err(Refusal::Key { given: key.to_owned(), known }),
    };
    *slot = Some(value.to_owned());
    Ok(())
}

fn ratio(text: &str) -> Result<f64, Refusal> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| Refusal::Ratio(text.to_owned()))
}

/// The folder that the gateway was started in is nothing that a technician knows.
fn path(word: &str) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(word);
    if path.is_absolute() { Ok(path) } else { Err(Refusal::Path(word.to_owned())) }
}

fn language(word: &str) -> Result<Language, Refusal> {
    Language::named(word).ok_or_else(|| Refusal::Language(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_help_is_understood() {
        for verb in Verb::ALL {
            assert!(parse(verb.example()).is_ok(), "{}", verb.example());
        }
    }

    #[test]
    fn a_read_names_line_unit_table_address_and_count() {
        let order = ReadOrder {
            line: "rs485-1".to_owned(),
            unit: UnitId(12),
            table: Table::HoldingRegister,
            span: Span { start: 40, count: 2 },
        };
        assert_eq!(parse("read rs485-1 12 holding 40 2"), Ok(Command::Read(order)));
        let last = parse("read lan 255 coil 65535 1");
        assert!(last.is_ok());
        assert_eq!(last, parse("read lan 255 coil 65535"), "one is read where no count is given");
    }

    #[test]
    fn an_added_meter_takes_its_options_in_any_order() {
        let line = r#"meter add m-3 rs485-1 12 acrel-adw300 name="3# 冷机" ct=40 interval=PT15M role=branch category=CAT-HVAC point=PT-3 pt=1.5"#;
        let expected = NewMeter {
            id: "m-3".to_owned(),
            line: "rs485-1".to_owned(),
            unit: 12,
            map: Some("acrel-adw300".to_owned()),
            ct: Some(40.0),
            pt: Some(1.5),
            interval: Some(Interval::QUARTER_HOUR),
            point: PointPlace {
                id: Some("PT-3".to_owned()),
                name: Some("3# 冷机".to_owned()),
                category: Some("CAT-HVAC".to_owned()),
                role: Some("branch".to_owned()),
            },
        };
        assert_eq!(parse(line), Ok(Command::Edit(Edit::AddMeter(expected))));
    }

    #[test]
    fn an_added_point_takes_registers_and_a_place() {
        let expected = NewPoint {
            meter: "m-3".to_owned(),
            registers: vec!["power".to_owned(), "demand".to_owned()],
            place: PointPlace {
                id: Some("PT-3".to_owned()),
                role: Some("check".to_owned()),
                ..PointPlace::default()
            },
        };
        let line = "point add PT-3 m-3 power,demand role=check";
        assert_eq!(parse(line), Ok(Command::Edit(Edit::AddPoint(expected))));
    }

    #[test]
    fn the_audit_book_is_asked_for_by_count_and_by_name() {
        let audit = |count, who: Option<&str>| Ok(Command::Audit { count, who: who.map(str::to_owned) });
        assert_eq!(parse("audit"), audit(20, None));
        assert_eq!(parse("audit 500"), audit(500, None));
        assert_eq!(parse("audit who \"li si\""), audit(20, Some("li si")));
        assert_eq!(parse("audit 5 who who"), audit(5, Some("who")));
    }

    #[test]
    fn short_forms_and_blanks_are_understood() {
        assert_eq!(parse(""), Ok(Command::Nothing));
        assert_eq!(parse("  status  "), Ok(Command::Status));
        assert_eq!(parse("?"), Ok(Command::Help(None)));
        assert_eq!(parse("help meter"), Ok(Command::Help(Some(Verb::MeterAdd))));
        assert_eq!(parse("help point remove"), Ok(Command::Help(Some(Verb::PointRemove))));
        assert_eq!(parse("exit"), Ok(Command::Logout));
        assert_eq!(parse("lang 中文"), Ok(Command::Lang(Language::Chinese)));
        assert_eq!(parse("backup \"/media/usb 1/b\""), Ok(Command::Backup("/media/usb 1/b".into())));
        assert_eq!(parse("watch PT-3"), Ok(Command::Watch(Some("PT-3".to_owned()))));
        assert_eq!(parse("site show"), Ok(Command::SiteShow(1)));
        assert_eq!(parse("site take /a.toml"), Ok(Command::SiteTake("/a.toml".into())));
        assert_eq!(parse("help site line"), Ok(Command::Help(Some(Verb::SiteLine))));
        assert_eq!(parse("points"), Ok(Command::Points(None)));
        assert_eq!(parse("gaps PT-3"), Ok(Command::Gaps(Some("PT-3".to_owned()))));
        assert_eq!(parse("points PT-3"), Ok(Command::Points(Some("PT-3".to_owned()))));
        let with = Edit::RemoveMeter { id: "m-3".to_owned(), with_points: true };
        assert_eq!(parse("meter remove m-3 points"), Ok(Command::Edit(with)));
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let text = str::to_owned;
        for (line, refusal) in [
            ("reboot", Refusal::Unknown(text("reboot"))),
            ("status now", Refusal::Usage(Verb::Status)),
            ("read rs485-1 12 holding", Refusal::Usage(Verb::Read)),
            ("points PT-3 PT-4", Refusal::Usage(Verb::Points)),
            ("read rs485-1 12 holding 40 2 3", Refusal::Usage(Verb::Read)),
            ("read rs485-1 256 holding 40 2", Refusal::Unit(text("256"))),
            ("read rs485-1 12 register 40 2", Refusal::Table(text("register"))),
            ("read rs485-1 12 holding 65536 1", Refusal::Address(text("65536"))),
            ("read rs485-1 12 holding 65535 2", Refusal::Address(text("65535"))),
            ("read rs485-1 12 holding 40 126", Refusal::Count { given: text("126"), max: 125 }),
            ("read rs485-1 12 holding 40 0", Refusal::Count { given: text("0"), max: 125 }),
            ("meter", Refusal::Usage(Verb::MeterAdd)),
            ("meter add m-3 rs485-1", Refusal::Usage(Verb::MeterAdd)),
            ("meter add m-3 rs485-1 1 a b", Refusal::Usage(Verb::MeterAdd)),
            ("meter add m-3 rs485-1 1 a ct=nan", Refusal::Ratio(text("nan"))),
            ("meter add m-3 rs485-1 1 a ct=-1", Refusal::Ratio(text("-1"))),
            ("meter add m-3 rs485-1 1 a interval=15", Refusal::Interval(text("15"), TimeFault::Interval)),
            ("meter add m-3 rs485-1 1 a xx=1", Refusal::Key { given: text("xx"), known: METER_KEYS }),
            ("meter add m-3 rs485-1 1 a role=branch role=main", Refusal::Twice(text("role"))),
            ("meter add m-3 rs485-1 1 a ct=40 pt=1 ct=40", Refusal::Twice(text("ct"))),
            ("point add PT-3 m-3 name=a name=b", Refusal::Twice(text("name"))),
            ("meter remove", Refusal::Usage(Verb::MeterRemove)),
            ("meter remove m-3 all", Refusal::Usage(Verb::MeterRemove)),
            ("point add PT-3", Refusal::Usage(Verb::PointAdd)),
            ("point add PT-3 m-3 ct=1", Refusal::Key { given: text("ct"), known: POINT_KEYS }),
            ("point remove", Refusal::Usage(Verb::PointRemove)),
            ("enter PT-B OUTPUT", Refusal::Usage(Verb::Enter)),
            ("enter PT-B OUTPUT nan", Refusal::Value(text("nan"))),
            ("enter PT-B OUTPUT 1 2024-06-11 x", Refusal::Usage(Verb::Enter)),
            ("enter PT-B OUTPUT 1 who=me", Refusal::Key { given: text("who"), known: "by" }),
            ("audit all", Refusal::Entries(text("all"))),
            ("audit 501", Refusal::Entries(text("501"))),
            ("audit who", Refusal::Usage(Verb::Audit)),
            ("audit 5 zhang", Refusal::Usage(Verb::Audit)),
            ("backup", Refusal::Usage(Verb::Backup)),
            ("backup cems.backup", Refusal::Path(text("cems.backup"))),
            ("restore /a /b", Refusal::Usage(Verb::Restore)),
            ("site", Refusal::Usage(Verb::SiteShow)),
            ("site show x", Refusal::Line(text("x"))),
            ("site remove", Refusal::Usage(Verb::SiteRemove)),
            ("site remove 0", Refusal::Line(text("0"))),
            ("site take gateway.toml", Refusal::Path(text("gateway.toml"))),
            ("trace", Refusal::Usage(Verb::Trace)),
            ("record rs485-1", Refusal::Usage(Verb::Record)),
            ("record rs485-1 frames", Refusal::Path(text("frames"))),
            ("lang fr", Refusal::Language(text("fr"))),
            ("watch \"PT-3", Refusal::Quote),
        ] {
            assert_eq!(parse(line), Err(refusal), "{line}");
        }
    }
}
