//! One person at one console, from the greeting to the end of the stream.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::archive;
use super::audit;
use super::command::{Command, parse};
use super::controls;
use super::counter_events;
use super::demand;
use super::desk::{Desk, DrOrder, Front, LineView, ReadFailure, ReadOrder, RecordFailure, SiteDesk};
use super::editor::Typed;
use super::entries;
use super::explain;
use super::gaps;
use super::interface;
use super::lines;
use super::login::{Login, LoginError, PASSWORD_CHARS_MIN};
use super::render;
use super::repair;
use super::responses::{self, NewEvent};
use super::site_lines;
use super::table::printable;
use super::terminal::{Input, Terminal};
use super::trace;
use super::update;
use crate::config::draft::{DraftError, Undone};
use crate::language::Language;
use crate::model::audit::{Deed, Outcome, Reason};
use crate::model::quality::Cause;
use crate::model::register::UnitId;
use crate::time::UtcTime;
use crate::update::Wish;

/// How long one may type nothing.
const IDLE_MAX: Duration = Duration::from_mins(15);
/// How often `watch` looks for new readings.
const WATCH_PERIOD: Duration = Duration::from_secs(1);
/// Readings that `watch` shows at once; a serial line takes no more.
const WATCH_LINES_MAX: usize = 40;
/// How often `trace` looks for new frames.
const TRACE_PERIOD: Duration = Duration::from_millis(200);
/// Frames that `trace` shows at once; a serial line takes no more.
const TRACE_FRAMES_MAX: usize = 20;
/// Gaps, and events of registers, that are shown, the newest.
const SHOWN_MAX: usize = 20;
/// How long a read may take that waits behind others for its line.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is told how far a backup or a restore has come.
const PROGRESS_PERIOD: Duration = Duration::from_secs(5);

/// Who may use a console.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever reached it is the operator already.
    Open,
    /// Whoever knows the password: at a serial port.
    Password(Arc<Login>),
}

/// Serves one console on `stream` until the stream ends; with [`Access::Open`] also until logout.
///
/// # Errors
/// Those of the stream.
pub async fn serve<S>(stream: S, front: Front, access: Access) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is_in = matches!(access, Access::Open);
    let terminal = Terminal::over(stream);
    let (site, desk): (Arc<dyn SiteDesk>, _) = match front {
        Front::AtWork(desk) => (Arc::clone(&desk) as _, Some(desk)),
        Front::InRepair(site) => (site, None),
    };
    let mut session = Session { terminal, site, desk, access, language: Language::default(), is_in };
    match session.run().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        ended => ended,
    }
}

struct Session<S> {
    terminal: Terminal<S>,
    site: Arc<dyn SiteDesk>,
    /// The gateway; `None` while the site is not at work.
    desk: Option<Arc<dyn Desk>>,
    access: Access,
    language: Language,
    is_in: bool,
}

/// How far `trace` has come.
#[derive(Default)]
struct Shown {
    /// The number of the next frame.
    next: u64,
    /// When the last one was, since the line began.
    at: Option<Duration>,
}

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Command,
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn run(&mut self) -> io::Result<()> {
        if self.is_in {
            self.site.note(Deed::LogIn, Outcome::Done);
        }
        self.greet().await?;
        loop {
            let prompt = self.prompt();
            let next = match self.terminal.ask(prompt, false, IDLE_MAX).await? {
                Input::Typed(Typed::Line(line)) => self.obey(&line).await?,
                Input::Typed(Typed::TooLong) => {
                    self.terminal.say(&explain::too_long(self.language)).await?;
                    Next::Command
                }
                Input::Typed(Typed::Ended) => self.log_out().await?,
                Input::Idle if self.is_in => {
                    self.say("\nlogged out: nothing was typed for 15 minutes\n", "\n15 分钟无操作，已退出\n")
                        .await?;
                    self.log_out().await?
                }
                Input::Typed(Typed::Interrupted) | Input::Idle => Next::Command,
            };
            if next == Next::End {
                return Ok(());
            }
        }
    }

    async fn greet(&mut self) -> io::Result<()> {
        let head = self.site.head();
        // Nobody has checked what a file with faults says.
        let [id, name] = [&head.cems_id, &head.cems_name].map(|text| printable(text));
        let what = format!("\ncems-gateway {}  {id}  {name}\n", head.version);
        self.terminal.say(&what).await?;
        self.terminal.say("help: commands   lang zh: 中文   lang en: English\n").await?;
        if let Some(of) = &head.repair {
            self.terminal.say(&repair::greeting(of)).await?;
        }
        // Whoever is asked for a password stands before the box, as a person who claims it should.
        if let (Access::Password(_), Some(code)) = (&self.access, &head.claim_code) {
            self.terminal.say(&interface::invitation(code)).await?;
        }
        if !self.is_in {
            self.terminal.say("login: log in / 登录\n").await?;
        }
        Ok(())
    }

    /// The star says that what is shown by `diff` is not what runs.
    fn prompt(&self) -> &'static str {
        if !self.is_in {
            return "(login) > ";
        }
        match (self.desk.is_some(), self.site.head().staged) {
            (true, true) => "cems* > ",
            (true, false) => "cems > ",
            (false, true) => "repair* > ",
            (false, false) => "repair > ",
        }
    }

    async fn obey(&mut self, line: &str) -> io::Result<Next> {
        let command = match parse(line) {
            Ok(command) => command,
            Err(refusal) => {
                self.terminal.say(&explain::refusal(&refusal, self.language)).await?;
                return Ok(Next::Command);
            }
        };
        match command {
            // Whoever has just plugged in the cable has missed the greeting.
            Command::Nothing if !self.is_in => self.greet().await?,
            Command::Nothing => {}
            Command::Help(topic) => self.terminal.say(&render::help(topic, self.language)).await?,
            Command::Lang(language) => {
                self.language = language;
                self.say("English it is\n", "已切换到中文\n").await?;
            }
            Command::Login => self.log_in().await?,
            Command::Logout => return self.log_out().await,
            _ if !self.is_in => self.say("log in first: login\n", "请先登录：login\n").await?,
            command => self.obey_insider(command).await?,
        }
        Ok(Next::Command)
    }

    /// What needs no site at work; the rest is asked of the gateway, where there is one.
    async fn obey_insider(&mut self, command: Command) -> io::Result<()> {
        let language = self.language;
        let answer = match command {
            Command::Status => match &self.desk {
                Some(desk) => render::status(&desk.status(), language),
                None => repair::status(&self.site.head(), language),
            },
            Command::Edit(edit) => self.staged(self.site.stage(&edit).await),
            Command::SiteTake(file) => self.staged(self.site.stage_file(&file).await),
            Command::SiteShow(line) => match self.site.site_text().await {
                Ok(text) => site_lines::page(&text, line, language),
                Err(error) => explain::draft_error(&error, language),
            },
            Command::Check => match self.site.check().await {
                Ok(report) => render::checked(&report, language),
                Err(error) => explain::draft_error(&error, language),
            },
            Command::Diff => render::difference(&self.site.diff().await, language),
            Command::Commit => self.commit().await,
            Command::Rollback => self.roll_back().await,
            Command::UpdateState => update::update(self.site.head().update.as_ref(), language),
            Command::Update(file, wish) => self.update(&file, wish).await?,
            Command::EndTrial(order) => match self.site.end_trial(order).await {
                Ok(restarts) => update::decided(order, restarts, language),
                Err(error) => update::failure(&error, language),
            },
            Command::FactoryReset(id) => match self.site.reset_to_factory(&id).await {
                Ok(()) => update::reset(language),
                Err(error) => update::failure(&error, language),
            },
            command => match self.desk.clone() {
                Some(desk) => return self.obey_at_work(&*desk, command).await,
                None => repair::not_at_work(language),
            },
        };
        self.terminal.say(&answer).await
    }

    /// What only a gateway at work can do.
    async fn obey_at_work(&mut self, desk: &dyn Desk, command: Command) -> io::Result<()> {
        let language = self.language;
        let answer = match command {
            Command::Points(point) => self.points(desk, point.as_deref()),
            Command::Gaps(point) => {
                let gaps = desk.gaps(point.as_deref(), SHOWN_MAX);
                gaps::gaps(&gaps, desk.status().utc_offset, language)
            }
            Command::Demand => match desk.demand().await {
                Ok(view) => demand::demand(&view, desk.status().utc_offset, language),
                Err(error) => demand::refused(&error, language),
            },
            Command::Events(point) => {
                let events = desk.counter_events(point.as_deref(), SHOWN_MAX);
                counter_events::events(&events, desk.status().utc_offset, language)
            }
            Command::Correct(number, correction) => match desk.correct(number, correction).await {
                Ok(event) => counter_events::settled(&event, "", language) + "\n",
                Err(error) => counter_events::refused(&error, language),
            },
            Command::Enter(entering) => match desk.enter(&entering).await {
                Ok(entry) => entries::entered(&entry, desk.status().utc_offset, language),
                Err(error) => entries::refused(&error, language),
            },
            Command::Entries(point) => {
                let book = desk.manual_entries(point.as_deref(), SHOWN_MAX);
                entries::entries(&book, desk.status().utc_offset, language)
            }
            Command::DrList(id) => self.responses(desk, id.as_deref()).await,
            Command::DrAdd(event) => self.enter_event(desk, &event).await,
            Command::DrReply(id, promised_kw) => {
                self.dr_order(desk, DrOrder::Reply { id, promised_kw }).await
            }
            Command::DrCancel(id) => self.dr_order(desk, DrOrder::Cancel { id }).await,
            Command::Controls(point) => {
                let (point, offset) = (point.as_deref(), desk.status().utc_offset);
                let lines = desk.control_lines(point, SHOWN_MAX);
                controls::controls(&desk.controls(point), &lines, offset, language)
            }
            Command::Control(order) => match desk.control(&order).await {
                Ok(of) => controls::ordered(&of, desk.status().utc_offset, language),
                Err(error) => controls::refused(&error, language),
            },
            Command::Watch(point) => return self.watch(desk, point.as_deref()).await,
            Command::Read(order) => self.read(desk, &order).await,
            Command::Trace(line) => return self.trace(desk, &line).await,
            Command::Record(line, file) => self.record(desk, &line, &file).await,
            Command::Learned(meter) => self.learned(desk, &meter),
            Command::Relearn(meter) => self.relearn(desk, &meter).await,
            Command::Audit { count, who } => {
                let page = desk.audit(who.as_deref(), count);
                audit::audit(&page, desk.status().utc_offset, language)
            }
            Command::Backup(file) => self.back_up(desk, &file).await?,
            Command::Restore(file) => self.restore(desk, &file).await?,
            _ => return Ok(()),
        };
        self.terminal.say(&answer).await
    }

    async fn responses(&self, desk: &dyn Desk, id: Option<&str>) -> String {
        let (offset, language) = (desk.status().utc_offset, self.language);
        match (desk.dr_events(id, SHOWN_MAX).await, id) {
            (Ok(rows), None) => responses::events(&rows, offset, language),
            (Ok(rows), Some(id)) => responses::event(rows.first(), id, offset, language),
            (Err(error), _) => format!("{error}\n"),
        }
    }

    async fn enter_event(&self, desk: &dyn Desk, event: &NewEvent) -> String {
        let status = desk.status();
        match event.order(status.now, status.utc_offset) {
            Ok(order) => self.dr_order(desk, DrOrder::Enter(order)).await,
            Err(refusal) => explain::refusal(&refusal, self.language),
        }
    }

    async fn dr_order(&self, desk: &dyn Desk, order: DrOrder) -> String {
        match desk.dr_order(order).await {
            Ok(event) => responses::noted(&event, desk.status().utc_offset, self.language),
            Err(error) => responses::refused(&error, self.language),
        }
    }

    fn learned(&self, desk: &dyn Desk, meter: &str) -> String {
        match desk.learned(meter) {
            None => lines::no_such_meter(meter, self.language),
            Some(patch) if patch.is_empty() => self
                .language
                .pick("it refuses nothing that it was asked for\n", "未发现拒绝读取的内容\n")
                .to_owned(),
            Some(patch) => patch,
        }
    }

    async fn relearn(&self, desk: &dyn Desk, meter: &str) -> String {
        if !desk.relearn(meter).await {
            return lines::no_such_meter(meter, self.language);
        }
        let forgotten = "forgotten; it is learned anew with the next scans\n";
        self.language.pick(forgotten, "已清除，将在随后的采集中重新学习\n").to_owned()
    }

    async fn commit(&mut self) -> String {
        match (self.site.commit().await, &self.desk) {
            (Ok(applied), Some(_)) => render::committed(&applied, self.language),
            (Ok(applied), None) => repair::mended(&applied, self.language),
            (Err(error), _) => explain::draft_error(&error, self.language),
        }
    }

    async fn roll_back(&mut self) -> String {
        match (self.site.rollback().await, &self.desk) {
            (Ok(Undone::Restored(_, applied)), None) => repair::mended(&applied, self.language),
            (Ok(undone), _) => render::undone(&undone, self.language),
            (Err(error), _) => explain::draft_error(&error, self.language),
        }
    }

    async fn back_up(&mut self, desk: &dyn Desk, file: &Path) -> io::Result<String> {
        let language = self.language;
        let (progress, seen) = watch::channel((0, 0));
        Ok(match self.wait_for(desk.backup(file, progress), seen).await? {
            Ok(report) => archive::backed_up(&report, language),
            Err(error) => archive::failure(&error, language),
        })
    }

    async fn restore(&mut self, desk: &dyn Desk, file: &Path) -> io::Result<String> {
        let language = self.language;
        let (progress, seen) = watch::channel((0, 0));
        Ok(match self.wait_for(desk.restore(file, progress), seen).await? {
            Ok(report) => archive::restored(&report, language),
            Err(error) => archive::failure(&error, language),
        })
    }

    async fn update(&mut self, file: &Path, wish: Wish) -> io::Result<String> {
        let (desk, language) = (Arc::clone(&self.site), self.language);
        let (progress, seen) = watch::channel((0, 0));
        Ok(match self.wait_for(desk.update(file, wish, progress), seen).await? {
            Ok(view) => update::taken(&view, wish.restarts, language),
            Err(error) => update::failure(&error, language),
        })
    }

    /// Waits for the end of what takes long, and tells now and then how far it has come.
    async fn wait_for<T>(
        &mut self,
        work: impl Future<Output = T>,
        progress: watch::Receiver<(u64, u64)>,
    ) -> io::Result<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = sleep(PROGRESS_PERIOD) => {
                    let (done, of) = *progress.borrow();
                    let percent = (done * 100).checked_div(of).unwrap_or(0);
                    self.terminal.say(&format!("{percent} %\n")).await?;
                }
            }
        }
    }

    fn points(&self, desk: &dyn Desk, point: Option<&str>) -> String {
        let mut points = desk.points();
        if let Some(id) = point {
            let known = std::mem::take(&mut points);
            match known.iter().find(|known| known.id == id) {
                Some(found) => points.push(found.clone()),
                None => return explain::no_such_point(id, &known, self.language),
            }
        }
        render::points(&points, desk.status().utc_offset, self.language)
    }

    async fn read(&self, desk: &dyn Desk, order: &ReadOrder) -> String {
        if is_broadcast(desk, order) {
            return explain::broadcast(&order.line, self.language);
        }
        let read = timeout(READ_TIMEOUT, desk.read(order)).await;
        match read.unwrap_or(Err(ReadFailure::Failed(Cause::Timeout))) {
            Ok(words) => render::registers(order, &words, self.language),
            Err(failure) => explain::read_failure(&failure, &order.line, self.language),
        }
    }

    fn staged(&self, staged: Result<(), DraftError>) -> String {
        match staged {
            Ok(()) => {
                let staged = "staged; 'diff' shows it, 'commit' applies it\n";
                self.language.pick(staged, "已暂存；diff 查看，commit 生效\n").to_owned()
            }
            Err(error) => explain::draft_error(&error, self.language),
        }
    }

    /// Shows every reading once, those that are there first, until a key is pressed.
    async fn watch(&mut self, desk: &dyn Desk, point: Option<&str>) -> io::Result<()> {
        let known = desk.points();
        if let Some(id) = point
            && !known.iter().any(|known| known.id == id)
        {
            return self.terminal.say(&explain::no_such_point(id, &known, self.language)).await;
        }
        self.say("any key ends it\n", "按任意键结束\n").await?;
        let until = Instant::now() + IDLE_MAX;
        let mut ticks = interval(WATCH_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shown = HashMap::new();
        loop {
            tokio::select! {
                key = self.terminal.any_key() => return key,
                () = sleep_until(until) => return Ok(()),
                _ = ticks.tick() => {
                    let fresh = self.fresh_readings(desk, point, &mut shown);
                    self.terminal.say(&fresh).await?;
                }
            }
        }
    }

    fn fresh_readings(
        &self,
        desk: &dyn Desk,
        point: Option<&str>,
        shown: &mut HashMap<(String, String), UtcTime>,
    ) -> String {
        let (offset, language) = (desk.status().utc_offset, self.language);
        let mut lines = Vec::new();
        for view in desk.points().iter().filter(|view| point.is_none_or(|id| view.id == id)) {
            for parameter in &view.parameters {
                let Some(reading) = parameter.newest() else { continue };
                let before = shown.insert((view.id.clone(), parameter.id.clone()), reading.at);
                if before != Some(reading.at) {
                    lines.push(render::fresh(&view.id, parameter, &reading, offset, language));
                }
            }
        }
        let more = lines.len().saturating_sub(WATCH_LINES_MAX);
        lines.truncate(WATCH_LINES_MAX);
        if more > 0 {
            lines.push(match language {
                Language::English => format!("... and {more} more; 'watch POINT' shows one point\n"),
                Language::Chinese => format!("……另有 {more} 条；watch 测点 只看一个测点\n"),
            });
        }
        lines.concat()
    }

    /// Shows every frame that comes, until a key is pressed.
    async fn trace(&mut self, desk: &dyn Desk, line: &str) -> io::Result<()> {
        let mut shown = match desk.recording(line, 0) {
            Ok(excerpt) => Shown { next: excerpt.next, at: excerpt.frames.last().map(|last| last.at) },
            Err(failure) => {
                let told = explain::read_failure(&failure, line, self.language);
                return self.terminal.say(&told).await;
            }
        };
        self.say("any key ends it\n", "按任意键结束\n").await?;
        let until = Instant::now() + IDLE_MAX;
        let mut ticks = interval(TRACE_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                key = self.terminal.any_key() => return key,
                () = sleep_until(until) => return Ok(()),
                _ = ticks.tick() => match self.fresh_frames(desk, line, &mut shown) {
                    Ok(fresh) => self.terminal.say(&fresh).await?,
                    Err(failure) => {
                        let told = explain::read_failure(&failure, line, self.language);
                        return self.terminal.say(&told).await;
                    }
                }
            }
        }
    }

    fn fresh_frames(&self, desk: &dyn Desk, line: &str, shown: &mut Shown) -> Result<String, ReadFailure> {
        let mut excerpt = desk.recording(line, shown.next)?;
        if excerpt.next < shown.next {
            // A commit has begun the line anew, and with it its numbers.
            *shown = Shown::default();
            excerpt = desk.recording(line, 0)?;
        }
        let more = excerpt.frames.len().saturating_sub(TRACE_FRAMES_MAX);
        let last = excerpt.frames.last().map(|last| last.at);
        excerpt.frames.truncate(TRACE_FRAMES_MAX);
        let (offset, language) = (desk.status().utc_offset, self.language);
        let mut text = trace::frames(excerpt.protocol, &excerpt.frames, shown.at, offset, language);
        if more > 0 {
            text += &trace::left_out(more, language);
        }
        *shown = Shown { next: excerpt.next, at: last.or(shown.at) };
        Ok(text)
    }

    async fn record(&self, desk: &dyn Desk, line: &str, file: &Path) -> String {
        match desk.record(line, file).await {
            Ok(frames) => trace::recorded(frames, self.language),
            Err(RecordFailure::Line(failure)) => explain::read_failure(&failure, line, self.language),
            Err(RecordFailure::File(error)) => archive::failure(&error, self.language),
        }
    }

    async fn log_in(&mut self) -> io::Result<()> {
        let Access::Password(login) = self.access.clone() else {
            return self.say("no login is needed here\n", "此处无需登录\n").await;
        };
        let done = match login.is_set() {
            Ok(true) => self.give_password(&login).await?,
            Ok(false) => self.choose_password(&login).await?,
            Err(error) => Err(error),
        };
        match done {
            Ok(is_in) => self.is_in |= is_in,
            Err(error) => self.terminal.say(&explain::login_error(&error, self.language)).await?,
        }
        Ok(())
    }

    async fn give_password(&mut self, login: &Login) -> io::Result<Result<bool, LoginError>> {
        let Some(password) = self.ask_hidden("password: ", "密码：").await? else { return Ok(Ok(false)) };
        let checked = login.check(password).await;
        // Whatever was typed during the delay was meant for it, not for the prompt.
        self.terminal.forget_typed();
        Ok(match checked {
            Ok(true) => {
                self.site.note(Deed::LogIn, Outcome::Done);
                self.say("logged in\n", "已登录\n").await?;
                Ok(true)
            }
            Ok(false) => {
                self.site.note(Deed::LogIn, Outcome::Refused(Reason::WrongPassword));
                self.say("wrong password\n", "密码错误\n").await?;
                Ok(false)
            }
            Err(error) => Err(error),
        })
    }

    async fn choose_password(&mut self, login: &Login) -> io::Result<Result<bool, LoginError>> {
        self.say(
            "no password has been set yet; choose one of at least 8 characters\n",
            "尚未设置密码；请设置，至少 8 个字符\n",
        )
        .await?;
        let Some(first) = self.ask_hidden("new password: ", "新密码：").await? else {
            return Ok(Ok(false));
        };
        if first.chars().count() < PASSWORD_CHARS_MIN {
            self.say("too short; nothing was set\n", "太短，未设置\n").await?;
            return Ok(Ok(false));
        }
        let Some(second) = self.ask_hidden("once more: ", "再输入一次：").await? else {
            return Ok(Ok(false));
        };
        if first != second {
            self.say("the two differ; nothing was set\n", "两次输入不一致，未设置\n").await?;
            return Ok(Ok(false));
        }
        match login.set(first).await {
            Ok(()) => {
                self.site.note(Deed::SetPassword, Outcome::Done);
                self.say("the password is set; logged in\n", "密码已设置，已登录\n").await?;
                Ok(Ok(true))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// A line that is not echoed; `None` when it was given up.
    async fn ask_hidden(&mut self, english: &str, chinese: &str) -> io::Result<Option<String>> {
        let prompt = self.language.pick(english, chinese).to_owned();
        match self.terminal.ask(&prompt, true, IDLE_MAX).await? {
            Input::Typed(Typed::Line(line)) => Ok(Some(line)),
            Input::Typed(Typed::TooLong) => {
                self.terminal.say(&explain::too_long(self.language)).await?;
                Ok(None)
            }
            Input::Typed(Typed::Interrupted | Typed::Ended) | Input::Idle => Ok(None),
        }
    }

    async fn log_out(&mut self) -> io::Result<Next> {
        if matches!(self.access, Access::Open) {
            self.say("bye\n", "再见\n").await?;
            return Ok(Next::End);
        }
        if std::mem::take(&mut self.is_in) {
            self.say("logged out\n", "已退出登录\n").await?;
        }
        Ok(Next::Command)
    }

    async fn say(&mut self, english: &str, chinese: &str) -> io::Result<()> {
        self.terminal.say(self.language.pick(english, chinese)).await
    }
}

/// Whether an order goes to all units of a serial line at once. A serial line's place is the path
/// of its device, and no host begins with a slash.
fn is_broadcast(desk: &dyn Desk, order: &ReadOrder) -> bool {
    let is_serial = |line: &LineView| line.id == order.line && line.place.starts_with('/');
    order.unit == UnitId(0) && desk.status().lines.iter().any(is_serial)
}
