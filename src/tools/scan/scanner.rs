//! A scan under way: round by round, unit by unit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::by_hand::CANNOT_OPEN;
use super::found::{Answers, Found, Heard};
use super::look::{self, NotOpen};
use super::progress::{Progress, Step};
use super::state::{self, Name, State};
use super::sweep::Sweep;
use crate::failure::Failure;
use crate::language::Language;
use crate::limits::SCAN_FOUND_MAX;
use crate::modbus::line::LineHandle;
use crate::modbus::timing::{Protocol, Timing};
use crate::modbus::transport::connect_to;
use crate::model::map_library::MapLibrary;
use crate::model::meter::Line;
use crate::model::register::UnitId;
use crate::time::SystemClock;

/// How long after the timeout an answer is still noticed, as one that is too late.
const LATE_WINDOW: Duration = Duration::from_millis(50);
/// Question and answer on a serial line, in bytes.
const EXCHANGE_BYTES: usize = 17;
/// Units of one round that are looked at although only damaged bytes came: on a line with noise, or with
/// the wrong baud rate, that is every one.
const DAMAGED_LOOKS_MAX: usize = 8;
/// How often the state is written while nothing is found.
const SAVE_PERIOD: Duration = Duration::from_secs(2);

/// Where the state is kept.
pub(super) struct Keeper {
    path: PathBuf,
    name: Name,
    saved_at: Instant,
}

impl Keeper {
    /// The state of the sweep `name` goes into the file `path`.
    pub(super) fn new(path: PathBuf, name: Name) -> Self {
        Self { path, name, saved_at: Instant::now() }
    }
}

/// Starts a line at the settings of one round.
type Open = Box<dyn Fn(&Line, Timing) -> LineHandle>;

/// A scan under way. It may be stopped at any question; what it knows then is true.
pub(super) struct Scanner {
    open: Open,
    line: Line,
    sweep: Sweep,
    library: MapLibrary,
    state: State,
    /// Questions that an earlier call has asked.
    first_ask: usize,
    keeper: Option<Keeper>,
    progress: Progress,
    language: Language,
}

impl Scanner {
    /// The rest of `sweep` over `line`, after what `state` has of it.
    pub(super) fn new(
        line: Line,
        sweep: Sweep,
        library: MapLibrary,
        state: State,
        keeper: Option<Keeper>,
        language: Language,
    ) -> Self {
        let open = |line: &Line, timing| {
            let (connect, protocol) = (connect_to(&line.link), Protocol::of(&line.link));
            LineHandle::spawn_on(connect, protocol, timing, Arc::new(SystemClock))
        };
        Self {
            open: Box::new(open),
            line,
            sweep,
            library,
            first_ask: state.asked,
            state,
            keeper,
            progress: Progress::new(),
            language,
        }
    }

    /// What was asked and what was found.
    pub(super) const fn results(&self) -> (&Sweep, &State) {
        (&self.sweep, &self.state)
    }

    /// Asks until all is asked.
    ///
    /// # Errors
    /// When the line cannot be opened or is lost, more answers than are kept, or the state cannot be written.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        let units = self.sweep.units().to_vec();
        while self.state.asked < self.sweep.total() {
            let (round, done) = (self.state.asked / units.len(), self.state.asked % units.len());
            let line = Line { link: self.sweep.link(round), ..self.line.clone() };
            let timing = Timing { late_window: LATE_WINDOW, ..Timing::of(&line) };
            let handle = (self.open)(&line, timing);
            look::opened(&handle).await.map_err(|not_open| self.not_open(not_open))?;
            for unit in &units[done..] {
                self.show(round, *unit, &timing);
                let known = self.state.found.len();
                self.ask(&handle, round, *unit).await?;
                self.state.asked += 1;
                self.keep(self.state.found.len() > known)?;
            }
            self.note_late(&handle, round);
            handle.shutdown().await;
        }
        Ok(())
    }

    /// Ends the progress, says where the scan stopped unless that is its end, and keeps its state.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        self.progress.clear();
        let (asked, total) = (self.state.asked, self.sweep.total());
        if asked < total {
            eprintln!("{}", stopped_text(asked, total, self.keeper.is_some(), self.language));
        }
        self.keep(true)
    }

    async fn ask(&mut self, line: &LineHandle, round: usize, unit: UnitId) -> Result<(), Failure> {
        let not_open = |reason| self.not_open(reason);
        let heard = look::ask(line, unit).await.map_err(not_open)?;
        let is_clean = matches!(heard, Heard::Values | Heard::Refusal);
        if heard == Heard::Silence || (!is_clean && self.damaged(round) >= DAMAGED_LOOKS_MAX) {
            self.note_late(line, round);
            return Ok(());
        }
        // Over TCP an answer belongs to its transaction, so a second one is not even heard.
        if is_clean && self.is_serial() && look::hears_second(line, unit).await.map_err(not_open)? {
            let mut answers = Answers::default();
            answers.add(heard);
            return self.add(Found { is_two: true, ..Found::new(round, unit, answers) });
        }
        let answers = look::ask_again(line, unit, heard).await.map_err(not_open)?;
        if answers.is_accident() {
            // A unit that takes much too long answers while the next one is being asked.
            let before = self.sweep.unit_before(unit).filter(|_| heard == Heard::Stray);
            return before.map_or(Ok(()), |before| self.add_late(round, before, 1));
        }
        let mut found =
            Found { turnaround_ms: look::turnaround_ms(line, unit), ..Found::new(round, unit, answers) };
        if answers.clean() > 0 && !self.is_known(unit) {
            look::look(line, &self.library, &mut found).await;
        }
        self.add(found)
    }

    fn is_serial(&self) -> bool {
        matches!(Protocol::of(&self.line.link), Protocol::Rtu { .. })
    }

    /// Units of a round of which nothing but damaged answers came.
    fn damaged(&self, round: usize) -> usize {
        let of_round = self.state.found.iter().filter(|found| found.round == round);
        of_round.filter(|found| found.answers.clean() == 0 && found.answers.damaged > 0).count()
    }

    /// Whether the unit was looked at in an earlier round.
    fn is_known(&self, unit: UnitId) -> bool {
        self.state.found.iter().any(|found| found.unit == unit && found.answers.clean() > 0)
    }

    /// Units that were heard after their time.
    fn note_late(&mut self, line: &LineHandle, round: usize) {
        for counters in line.counters().into_iter().filter(|counters| counters.late > 0) {
            let late = u8::try_from(counters.late).unwrap_or(u8::MAX);
            // Should there be no room, the sweep ends with the next unit that answers.
            let _ = self.add_late(round, counters.unit, late);
        }
    }

    fn add_late(&mut self, round: usize, unit: UnitId, late: u8) -> Result<(), Failure> {
        if self.state.found.iter().any(|found| found.round == round && found.unit == unit) {
            return Ok(());
        }
        self.add(Found::new(round, unit, Answers { late, ..Answers::default() }))
    }

    fn add(&mut self, found: Found) -> Result<(), Failure> {
        if self.state.found.len() >= SCAN_FOUND_MAX {
            return Err(Failure::new(match self.language {
                Language::English => format!(
                    "{SCAN_FOUND_MAX} answers are all that a scan keeps; ask fewer units or fewer settings"
                ),
                Language::Chinese => {
                    format!("一次扫描最多保存 {SCAN_FOUND_MAX} 个应答；请减少地址或串口参数")
                }
            }));
        }
        self.state.found.push(found);
        Ok(())
    }

    fn show(&mut self, round: usize, unit: UnitId, timing: &Timing) {
        let setting = self.sweep.settings().get(round).map(|setting| format!("{setting}, "));
        let gap_and_bytes = timing.gap + timing.wire_time(EXCHANGE_BYTES);
        self.progress.show(&Step {
            what: &format!("{}{} {unit}", setting.unwrap_or_default(), self.language.pick("unit", "地址")),
            asked: self.state.asked - self.first_ask,
            left: self.sweep.total() - self.state.asked,
            found: self.state.found.len(),
            silent_ask: gap_and_bytes + timing.response_timeout + timing.late_window,
            language: self.language,
        });
    }

    /// Writes the state: `now`, or when it was not written for a while.
    fn keep(&mut self, now: bool) -> Result<(), Failure> {
        match &mut self.keeper {
            Some(keeper) if now || keeper.saved_at.elapsed() >= SAVE_PERIOD => {
                keeper.saved_at = Instant::now();
                state::write(&keeper.path, &keeper.name, &self.state)
            }
            _ => Ok(()),
        }
    }

    fn not_open(&self, _: NotOpen) -> Failure {
        let (english, chinese) = CANNOT_OPEN;
        let colon = self.language.pick(": ", "：");
        Failure::new(format!("{}{colon}{}", self.line.id, self.language.pick(english, chinese)))
    }
}

fn stopped_text(asked: usize, total: usize, is_kept: bool, language: Language) -> String {
    match language {
        Language::English => {
            let remedy = if is_kept { "the same command goes on there" } else { "--state keeps this" };
            format!("stopped after {asked} of {total} questions; {remedy}")
        }
        Language::Chinese => {
            let remedy =
                if is_kept { "再次执行同一命令即可继续" } else { "用 --state 可保存进度" };
            format!("已停止：{total} 次询问中完成 {asked} 次；{remedy}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use async_trait::async_trait;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
    use tokio::sync::Mutex;

    use super::super::found::{Verdict, verdict};
    use super::super::sweep::{Setting, units_of};
    use super::*;
    use crate::meters;
    use crate::modbus::timing::PauseKind;
    use crate::modbus::transport::{Connect, Stream};
    use crate::model::meter::{Link, Parity, RegisterMap, SerialSettings};
    use crate::model::point::Conversion;
    use crate::sim::bus::Bus;
    use crate::sim::fault::{FaultPlan, Rule};
    use crate::sim::fleet::Fleet;
    use crate::sim::meter::{Dial, Holes, Meter};
    use crate::sim::serve::serve_rtu;

    /// What the meters of the tests speak; at any other setting nobody hears them.
    const SPOKEN: Setting = Setting { baud: 19_200, parity: Parity::Even, data_bits: 8, stop_bits: 1 };

    /// The meters on the line, from unit 3 on.
    const MODELS: [&str; 4] = ["acrel-adw300", "chint-dtsu666", "eastron-sdm120", "eastron-sdm630"];

    /// A meter of `map` at 230 V and 50 Hz.
    fn meter(map: &RegisterMap) -> Meter {
        let mut meter = Meter::new(Holes::Refused);
        for entry in &map.registers {
            let value = match entry.unit.as_str() {
                "V" => 230.0,
                "Hz" => 50.0,
                _ => 0.97,
            };
            meter.add(Dial {
                register: entry.register.clone(),
                conversion: Conversion { scale: entry.scale, offset: entry.offset, ratio: 1.0 },
                formula: Arc::new(move |_| value),
                is_counter: false,
            });
        }
        meter
    }

    /// All of them hear what is asked, and whoever has something to say says it.
    struct Wire(Vec<Arc<Bus>>);

    #[async_trait]
    impl Connect for Wire {
        fn name(&self) -> String {
            "meters of a test".to_owned()
        }

        async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
            let (ours, theirs) = duplex(1_024);
            let (mut asked, answered) = split(theirs);
            let answered = Arc::new(Mutex::new(answered));
            let mut hearing = Vec::new();
            for bus in &self.0 {
                let bus = Arc::clone(bus);
                let (line_end, bus_end) = duplex(1_024);
                let (mut says, hears) = split(line_end);
                hearing.push(hears);
                tokio::spawn(async move { serve_rtu(bus_end, &bus).await });
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    let mut bytes = [0; 256];
                    while let Ok(count @ 1..) = says.read(&mut bytes).await {
                        answered.lock().await.write_all(&bytes[..count]).await.unwrap();
                    }
                });
            }
            tokio::spawn(async move {
                let mut bytes = [0; 256];
                while let Ok(count @ 1..) = asked.read(&mut bytes).await {
                    for hears in &mut hearing {
                        hears.write_all(&bytes[..count]).await.unwrap();
                    }
                }
            });
            Ok(Box::new(ours))
        }
    }

    fn is_spoken(link: &Link) -> bool {
        matches!(link, Link::Serial(serial) if serial.baud == SPOKEN.baud && serial.parity == SPOKEN.parity)
    }

    /// A scan of units 1 to 12, at all settings, of a line with the meters.
    fn scanner(rules: &[&'static str], state: State) -> Scanner {
        scanner_beside(None, rules, state)
    }

    /// The same with a second meter, a slower one, that has the ID of another.
    fn scanner_beside(second: Option<UnitId>, rules: &[&'static str], state: State) -> Scanner {
        let known = meters::library(None).unwrap();
        let maps: Vec<RegisterMap> = MODELS.iter().filter_map(|model| known.get(model)).cloned().collect();
        let library = maps.iter().cloned().collect();
        let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let settings = SerialSettings {
            port: String::new(),
            baud: 9_600,
            parity: Parity::None,
            data_bits: 8,
            stop_bits: 1,
            local_echo: false,
            rs485: None,
        };
        let serial = Link::Serial(settings);
        let sweep = Sweep::new(serial.clone(), false, &[], &[], units_of("1-12").unwrap()).unwrap();
        let line = Line { id: "line".to_owned(), link: serial, response_timeout_ms: 200, pipeline: 1 };
        let open = move |line: &Line, timing| {
            let maps = maps.iter().filter(|_| is_spoken(&line.link));
            let fleet = Fleet::new((3..).map(UnitId).zip(maps.map(meter)));
            let second =
                Fleet::new(second.filter(|_| is_spoken(&line.link)).map(|unit| (unit, Meter::default())));
            let bus = |fleet, turnaround_ms, rules: &[Rule]| {
                let faults = FaultPlan::new(rules.iter().copied(), 1);
                Arc::new(Bus::new(fleet, Arc::new(SystemClock), Duration::from_millis(turnaround_ms), faults))
            };
            let wire = Wire(vec![bus(fleet, 30, &rules), bus(second, 90, &[])]);
            let timing = Timing { pause: PauseKind::Runtime, ..timing };
            LineHandle::spawn_on(Box::new(wire), Protocol::of(&line.link), timing, Arc::new(SystemClock))
        };
        Scanner { open: Box::new(open), ..Scanner::new(line, sweep, library, state, None, Language::English) }
    }

    /// Unit, setting and the maps that fit, of all that was found.
    fn named(scanner: &Scanner) -> Vec<(u8, String, Vec<&str>)> {
        let mut named = Vec::new();
        for found in &scanner.state.found {
            let models = found.fits.iter().map(|fit| fit.model.as_str()).collect();
            named.push((found.unit.0, scanner.sweep.settings()[found.round].to_string(), models));
        }
        named
    }

    #[tokio::test(start_paused = true)]
    async fn every_meter_is_found_at_the_setting_that_it_speaks_and_known_by_its_registers() {
        let mut scanner = scanner(&[], State::default());
        scanner.run().await.unwrap();
        let at = |unit, model| (unit, "19200 8E1".to_owned(), vec![model]);
        assert_eq!(
            named(&scanner),
            [at(3, "acrel-adw300"), at(4, "chint-dtsu666"), at(5, "eastron-sdm120"), at(6, "eastron-sdm630")]
        );
        assert_eq!(scanner.state.asked, scanner.sweep.total());
        assert!(scanner.state.found.iter().all(|found| found.turnaround_ms.is_some_and(|ms| ms < 60)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scan_goes_on_where_an_earlier_one_has_stopped() {
        let mut whole = scanner(&[], State::default());
        whole.run().await.unwrap();
        let mut first = scanner(&[], State::default());
        // In the middle of the round in which the meters are heard.
        let _ = tokio::time::timeout(Duration::from_secs(12), first.run()).await;
        let stopped = first.state.asked;
        assert!((3 * 12 + 3..4 * 12).contains(&stopped), "{stopped}");
        let mut second = scanner(&[], first.state);
        second.run().await.unwrap();
        assert_eq!(named(&second), named(&whole));
    }

    #[tokio::test(start_paused = true)]
    async fn a_unit_whose_answers_alone_are_damaged_is_perhaps_two() {
        let mut scanner = scanner(&["bad-crc@unit=4@once=1", "bad-crc@unit=4@every=3"], State::default());
        scanner.run().await.unwrap();
        let all = &scanner.state.found;
        let judged: Vec<_> = all.iter().map(|found| (found.unit.0, verdict(found, all))).collect();
        let one = Verdict::One;
        assert_eq!(judged, [(3, one), (4, Verdict::PerhapsTwo), (5, one), (6, one)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_meter_that_answers_after_the_first_is_heard() {
        let mut scanner = scanner_beside(Some(UnitId(5)), &[], State::default());
        scanner.run().await.unwrap();
        let all = &scanner.state.found;
        let judged: Vec<_> = all.iter().map(|found| (found.unit.0, verdict(found, all))).collect();
        let one = Verdict::One;
        assert_eq!(judged, [(3, one), (4, one), (5, Verdict::PerhapsTwo), (6, one)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_unit_that_answers_after_its_time_is_told_and_its_neighbour_is_not() {
        for late in ["late:200@unit=6", "late:400@unit=6"] {
            let mut scanner = scanner(&[late], State::default());
            scanner.run().await.unwrap();
            let all = &scanner.state.found;
            let last = all.last().map(|found| (found.unit.0, verdict(found, all)));
            assert_eq!((last, all.len()), (Some((6, Verdict::TooLate)), 4), "{late}");
        }
    }
}
