//! Staging, committing and rolling back on a real disk.

use super::*;
use crate::config::edit::Edit;

const SITE: &str = "# ours\n[[point]]\nid = \"PT-A\"\n\n[[point]]\nid = \"PT-B\"\n";
const WITHOUT_B: &str = "# ours\n[[point]]\nid = \"PT-A\"\n";

struct Desk {
    dir: tempfile::TempDir,
    draft: Draft,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.toml");
        std::fs::write(&path, SITE).unwrap();
        Self { draft: Draft::of(&path), dir }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    fn remove(&mut self, id: &str) {
        self.draft.stage(&Edit::RemovePoint { id: id.to_owned() }, &MapLibrary::new()).unwrap();
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a check may refuse")]
fn accept(_: &Path, text: &str) -> Result<usize, Faults> {
    Ok(text.len())
}

fn refuse(_: &Path, _: &str) -> Result<(), Faults> {
    Err(Faults::default())
}

#[test]
fn nothing_is_written_before_commit_and_the_previous_file_stays_beside() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    assert_eq!(desk.file("site.toml"), SITE);
    assert!(desk.draft.diff().contains(&DiffLine::Removed { line: 6, text: "id = \"PT-B\"".to_owned() }));
    assert_eq!(desk.draft.commit(accept).unwrap(), WITHOUT_B.len());
    assert_eq!(desk.file("site.toml"), WITHOUT_B);
    assert_eq!(desk.file("site.toml.previous"), SITE);
    assert!(!desk.draft.is_staged() && desk.draft.diff().is_empty());
}

#[test]
fn a_text_with_faults_is_not_written_and_stays_staged() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    assert!(matches!(desk.draft.commit(refuse), Err(DraftError::Faults(_))));
    assert_eq!(desk.file("site.toml"), SITE);
    assert!(desk.draft.is_staged());
}

#[test]
fn rollback_drops_what_is_staged_and_after_a_commit_brings_the_previous_file_back() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    assert_eq!(desk.draft.rollback(accept).unwrap(), Undone::Dropped);
    assert!(matches!(desk.draft.rollback(accept), Err(DraftError::NothingToUndo)));
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    assert!(matches!(desk.draft.rollback(refuse), Err(DraftError::Faults(_))));
    assert_eq!(desk.draft.rollback(accept).unwrap(), Undone::Restored(Turn::Undo, SITE.len()));
    assert_eq!(desk.file("site.toml"), SITE);
    assert_eq!(desk.file("site.toml.previous"), WITHOUT_B);
}

#[test]
fn each_rollback_of_the_file_takes_the_commit_back_or_does_it_again_in_turn() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    for turn in [Turn::Undo, Turn::Redo, Turn::Undo] {
        let text = if turn == Turn::Undo { SITE } else { WITHOUT_B };
        assert_eq!(desk.draft.rollback(accept).unwrap(), Undone::Restored(turn, text.len()));
        assert_eq!(desk.file("site.toml"), text);
    }
}

#[test]
fn a_file_that_somebody_else_changed_is_not_overwritten() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    std::fs::write(desk.dir.path().join("site.toml"), "# theirs\n").unwrap();
    assert!(matches!(desk.draft.commit(accept), Err(DraftError::ChangedMeanwhile(_))));
    assert_eq!(desk.file("site.toml"), "# theirs\n");
}

#[test]
fn rollback_does_not_overwrite_what_somebody_wrote_by_hand_meanwhile() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    std::fs::write(desk.dir.path().join("site.toml"), "# theirs\n").unwrap();
    let refusal = desk.draft.rollback(accept).unwrap_err();
    assert!(matches!(refusal, DraftError::ChangedMeanwhile(_)) && refusal.to_string().contains("by hand"));
    assert_eq!(
        (desk.file("site.toml").as_str(), desk.file("site.toml.previous").as_str()),
        ("# theirs\n", SITE)
    );
    std::fs::write(desk.dir.path().join("site.toml"), WITHOUT_B).unwrap();
    desk.draft.rollback(accept).unwrap();
    std::fs::write(desk.dir.path().join("site.toml"), "# theirs\n").unwrap();
    assert!(matches!(desk.draft.rollback(accept), Err(DraftError::ChangedMeanwhile(_))), "after a rollback");
}

#[test]
fn rollback_of_a_draft_just_begun_compares_the_file_with_the_one_it_began_with() {
    let mut desk = Desk::new();
    std::fs::write(desk.dir.path().join("site.toml.previous"), WITHOUT_B).unwrap();
    std::fs::write(desk.dir.path().join("site.toml"), "# theirs\n").unwrap();
    assert!(matches!(desk.draft.rollback(accept), Err(DraftError::ChangedMeanwhile(_))));
    assert_eq!(desk.file("site.toml"), "# theirs\n");
    std::fs::write(desk.dir.path().join("site.toml"), SITE).unwrap();
    assert_eq!(desk.draft.rollback(accept).unwrap(), Undone::Restored(Turn::Unknown, WITHOUT_B.len()));
}

#[test]
fn the_previous_text_is_checked_under_its_own_name() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    let mut names = Vec::new();
    let note = |path: &Path, _: &str| {
        names.push(path.to_owned());
        Ok(())
    };
    desk.draft.rollback(note).unwrap();
    assert!(names[0].ends_with("site.toml.previous"), "{names:?}");
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_with_the_remedy() {
    let mut desk = Desk::new();
    std::fs::write(desk.dir.path().join("site.toml"), b"# ours\n# \xb5\xe7\n").unwrap();
    let edit = Edit::RemovePoint { id: "PT-B".to_owned() };
    let refusal = desk.draft.stage(&edit, &MapLibrary::new()).unwrap_err().to_string();
    assert!(
        refusal.ends_with("site.toml: line 2 is not UTF-8; save it as UTF-8 / 请另存为 UTF-8"),
        "{refusal}"
    );
}

#[test]
fn a_refused_edit_leaves_what_was_staged() {
    let mut desk = Desk::new();
    desk.remove("PT-B");
    let again = Edit::RemovePoint { id: "PT-B".to_owned() };
    assert!(matches!(desk.draft.stage(&again, &MapLibrary::new()), Err(DraftError::Edit(_))));
    assert_eq!(desk.draft.text().unwrap(), WITHOUT_B);
    assert!(matches!(Desk::new().draft.commit(accept), Err(DraftError::NothingStaged)));
}

#[test]
fn a_link_stays_a_link() {
    let mut desk = Desk::new();
    let link = desk.dir.path().join("link.toml");
    std::os::unix::fs::symlink(desk.dir.path().join("site.toml"), &link).unwrap();
    desk.draft = Draft::of(&link);
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    assert!(link.is_symlink());
    assert_eq!(desk.file("site.toml"), WITHOUT_B);
}

#[test]
fn the_file_that_was_at_work_last_comes_back_in_the_place_of_a_faulty_one() {
    let mut desk = Desk::new();
    assert!(matches!(desk.draft.return_to_good(accept), Err(DraftError::NothingToUndo)));
    desk.draft.keep_as_good().unwrap();
    assert_eq!(desk.file("site.toml.good"), SITE);

    let path = desk.dir.path().join("site.toml");
    std::fs::write(&path, "[[point]").unwrap();
    desk.draft = Draft::of(&path);
    assert!(matches!(desk.draft.return_to_good(refuse), Err(DraftError::Faults(_))), "nothing is written");
    assert_eq!(desk.file("site.toml"), "[[point]");
    assert_eq!(desk.draft.return_to_good(accept).unwrap(), Undone::Returned(SITE.len()));
    assert_eq!(
        (desk.file("site.toml").as_str(), desk.file("site.toml.previous").as_str()),
        (SITE, "[[point]")
    );
}

#[test]
fn the_file_at_work_is_kept_only_where_it_has_changed() {
    let mut desk = Desk::new();
    desk.draft.keep_as_good().unwrap();
    let good = desk.dir.path().join("site.toml.good");
    let written = |good: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(good).unwrap());
    let first = written(&good);
    desk.draft.keep_as_good().unwrap();
    assert_eq!(written(&good), first, "it wears no flash");
    desk.remove("PT-B");
    desk.draft.commit(accept).unwrap();
    desk.draft.keep_as_good().unwrap();
    assert_eq!(desk.file("site.toml.good"), WITHOUT_B);
}

#[test]
fn a_file_that_is_no_text_is_replaced_whole_and_kept_as_it_is() {
    let mut desk = Desk::new();
    let path = desk.dir.path().join("site.toml");
    let not_utf8 = b"name = \"\xb9\xa4\xb3\xa7\"\n";
    std::fs::write(&path, not_utf8).unwrap();
    desk.draft = Draft::of(&path);
    let other = desk.dir.path().join("other.toml");
    std::fs::write(&other, SITE).unwrap();
    desk.draft.stage_file(&other).unwrap();
    assert_eq!(desk.draft.commit(accept).unwrap(), SITE.len());
    assert_eq!(desk.file("site.toml"), SITE);
    assert_eq!(std::fs::read(desk.dir.path().join("site.toml.previous")).unwrap(), not_utf8);
}

#[test]
fn what_is_no_toml_is_not_taken_from_another_file() {
    let mut desk = Desk::new();
    let secret = desk.dir.path().join("key.pem");
    std::fs::write(&secret, "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n").unwrap();
    let refused = desk.draft.stage_file(&secret).unwrap_err();
    assert!(matches!(&refused, DraftError::Edit(_)) && !refused.to_string().contains("MII"), "{refused}");
    assert!(!desk.draft.is_staged());
}
