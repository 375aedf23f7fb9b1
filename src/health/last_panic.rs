//! The last panic, kept across restarts: where, in which thread, when, in which version, and what was said.
//!
//! A panic may show a piece of what the program worked on, such as the text that it cut wrongly. What stands
//! between quotation marks is left out of what is kept, so that no secret is.

use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::note::Note;
use crate::limits::PANIC_CHARS_MAX;
use crate::time::{Clock as _, SystemClock, UtcTime};

/// The file in the data folder.
const FILE: &str = "last-panic";
/// Panics that come sooner after one that was kept are only logged: flash wears out.
const PAUSE: Duration = Duration::from_mins(1);

/// A panic as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPanic {
    /// When, as the clock of the machine showed it.
    pub at: UtcTime,
    /// The version of this program.
    pub version: String,
    /// The name of the thread.
    pub thread: String,
    /// File, line and column of the source.
    pub place: String,
    /// What was said, without what stood between quotation marks.
    pub message: String,
}

impl LastPanic {
    /// The one that is kept in the folder `data`; `None` where there was none.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let note = Note::read(&data.join(FILE))?;
        let text = |name| note.get(name).map(shortened).unwrap_or_default();
        Some(Self {
            at: UtcTime::from_ms(note.get("at_ms")?.parse().ok()?),
            version: text("version"),
            thread: text("thread"),
            place: text("place"),
            message: text("message"),
        })
    }

    fn write(&self, data: &Path) -> std::io::Result<()> {
        let note = Note::default().with("at_ms", &self.at.as_ms().to_string()).with("version", &self.version);
        let note = note.with("thread", &self.thread).with("place", &self.place);
        note.with("message", &self.message).write(&data.join(FILE))
    }
}

/// Keeps panics of this process in the folder `data` from now on, beside telling them as before.
pub fn keep_in(data: &Path, version: &'static str) {
    let (keeper, tell) =
        (Keeper { data: data.to_owned(), version, kept_at: Mutex::default() }, std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        keeper.keep(panic);
    }));
}

struct Keeper {
    data: PathBuf,
    version: &'static str,
    kept_at: Mutex<Option<Instant>>,
}

impl Keeper {
    fn keep(&self, panic: &PanicHookInfo<'_>) {
        if !self.may_keep(Instant::now()) {
            return;
        }
        let thread = std::thread::current();
        let kept = LastPanic {
            at: SystemClock.now(),
            version: self.version.to_owned(),
            thread: shortened(thread.name().unwrap_or("without a name")),
            place: shortened(&panic.location().map(ToString::to_string).unwrap_or_default()),
            message: shortened(&without_quoted(panic.payload_as_str().unwrap_or_default())),
        };
        // A hook must not panic, and whoever reads the log has it all the same.
        let _ = kept.write(&self.data);
    }

    /// Whether there is no other one under way, and none was kept just now.
    fn may_keep(&self, now: Instant) -> bool {
        let Ok(mut kept_at) = self.kept_at.try_lock() else { return false };
        let is_due = kept_at.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        if is_due {
            *kept_at = Some(now);
        }
        is_due
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(PANIC_CHARS_MAX).collect()
}

/// The text without anything from the first quotation mark to the last: what is quoted may have any in it.
fn without_quoted(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '"' | '`');
    match (text.find(is_mark), text.rfind(is_mark)) {
        (Some(first), Some(last)) => {
            let (before, behind) = (text.get(..first), text.get(last + 1..));
            format!("{}...{}", before.unwrap_or_default(), behind.unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_panic_is_kept_with_its_place_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LastPanic::read(dir.path()), None);
        let panic = LastPanic {
            at: UtcTime::from_ms(1_790_000_000_000),
            version: "1.2.3".to_owned(),
            thread: "api-1".to_owned(),
            place: "src/api/reply.rs:12:5".to_owned(),
            message: "attempt to subtract with overflow".to_owned(),
        };
        panic.write(dir.path()).unwrap();
        assert_eq!(LastPanic::read(dir.path()), Some(panic));
        for garbage in ["", "\0\0\0", "at_ms=soon\n", "message=no time\n"] {
            std::fs::write(dir.path().join(FILE), garbage).unwrap();
            assert_eq!(LastPanic::read(dir.path()), None, "{garbage:?}");
        }
    }

    /// Names the data folder to the process in which a thread panics.
    const PANICS_IN: &str = "CEMS_TEST_PANICS_IN";

    #[test]
    fn a_panic_of_a_thread_is_kept_for_the_runs_after_it() {
        if let Some(data) = std::env::var_os(PANICS_IN) {
            keep_in(Path::new(&data), "1.2.3");
            let thread = std::thread::Builder::new().name("meter reader".to_owned());
            let panicked = thread.spawn(|| panic!("7 registers of `a secret` are wrong")).unwrap().join();
            assert!(panicked.is_err());
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let test = "health::last_panic::tests::a_panic_of_a_thread_is_kept_for_the_runs_after_it";
        let mut other = std::process::Command::new(std::env::current_exe().unwrap());
        let output =
            other.args([test, "--exact", "--nocapture"]).env(PANICS_IN, dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("a secret"), "it is told as before");
        let kept = LastPanic::read(dir.path()).unwrap();
        assert!(kept.place.starts_with("src/health/last_panic.rs:"), "{kept:?}");
        assert_eq!(
            [kept.version, kept.thread, kept.message],
            ["1.2.3", "meter reader", "7 registers of ... are wrong"]
        );
    }

    #[test]
    fn many_panics_are_kept_once_a_minute() {
        let keeper = Keeper { data: PathBuf::new(), version: "", kept_at: Mutex::default() };
        let start = Instant::now();
        let kept = (0..200).filter(|second| keeper.may_keep(start + Duration::from_secs(*second)));
        assert_eq!(kept.collect::<Vec<_>>(), [0, 60, 120, 180]);
    }

    #[test]
    fn what_a_panic_quotes_is_left_out() {
        for (said, kept) in [
            (
                "index out of bounds: the len is 3 but the index is 7",
                "index out of bounds: the len is 3 but the index is 7",
            ),
            (
                "byte index 3 is not a char boundary; it is inside 'é' of `a secret`",
                "byte index 3 is not a char boundary; it is inside 'é' of ...",
            ),
            ("called `Result::unwrap()` on an `Err` value: \"a secret\"", "called ..."),
            ("one \" alone", "one ... alone"),
        ] {
            assert_eq!(without_quoted(said), kept);
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_kept_whatever_marks_it_has(secret in "[a-z`\"]{1,20}", mark in "[`\"]") {
            let kept = without_quoted(&format!("THE TEXT {mark}{secret}{mark} IS WRONG"));
            prop_assert_eq!(kept, "THE TEXT ... IS WRONG");
        }
    }
}
