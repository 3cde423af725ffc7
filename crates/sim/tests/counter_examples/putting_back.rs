//! What was written into wrong rows, and how it is put back.

use sheetwire_sim::{
    options::PolicyChoice::{Database, Hold, Sheet},
    script::{
        Asked::{Commit, Prepare, Write},
        NAME, NOTE, Script,
    },
};

#[test]
fn c15a_a_row_that_still_bears_its_marker_gets_back_what_was_written_over() {
    let mut script = Script::new(Database);
    let (_, [name, _]) = script.person_adds();
    script.sweep();
    script.until(Write);
    script.release(Write);
    script.log_waits(true);
    let new = script.application_writes(1, NAME);
    script.log_waits(false);
    script.until(Write);
    script.person_rotates();
    script.release(Write);
    script.settle();
    assert_eq!((script.sheet(4, NAME), script.database(4, NAME)), (Some(name.clone()), Some(name)));
    assert_eq!(script.sheet(1, NAME), Some(new));
    assert_eq!(script.inserted(), 1);
}

#[test]
fn c15b_nothing_is_merged_while_a_key_stands_in_a_wrong_row() {
    let mut script = Script::new(Database);
    script.person_adds();
    script.sweep();
    script.until(Write);
    script.release(Write);
    script.until(Write);
    script.person_rotates();
    script.release(Write);
    script.application_removes(2);
    script.settle();
    assert_eq!(script.removed(), 0);
    assert!(script.is_in_sheet(4) && !script.is_in_sheet(2) && script.is_in_sheet(3));
}

#[test]
fn c15c_a_repair_that_hits_a_wrong_row_is_put_back_too() {
    let mut script = Script::new(Database);
    let before = [2, 3].map(|key| script.sheet(key, NAME));
    let new = script.application_writes(1, NAME);
    for _ in 0..3 {
        script.until(Write);
        script.person_rotates();
        script.release(Write);
    }
    script.settle();
    assert_eq!([2, 3].map(|key| script.sheet(key, NAME)), before);
    assert_eq!((script.sheet(1, NAME), script.written().len()), (Some(new), 0));
}

#[test]
fn c15d_a_row_without_a_key_that_was_edited_since_it_was_hit_gets_its_value_back() {
    let mut script = Script::new(Database);
    let new = script.application_writes(1, NAME);
    script.until(Write);
    let (_, [name, _]) = script.person_adds();
    script.person_rotates();
    script.release(Write);
    let note = script.types_in_row(1, NOTE);
    script.settle();
    assert_eq!(script.database(4, NAME), Some(name));
    assert_eq!(script.database(4, NOTE), Some(note.to_uppercase()));
    assert_eq!(script.sheet(1, NAME), Some(new));
}

#[test]
fn c15e_an_unsaved_word_that_cannot_be_put_back_is_logged() {
    let mut script = Script::new(Database);
    script.application_writes(1, NAME);
    script.until(Write);
    let unsaved = script.person_types(3, NAME);
    script.person_rotates();
    script.release(Write);
    let later = script.person_types(3, NAME);
    script.settle();
    assert!(script.is_logged(&unsaved));
    assert_eq!(script.database(3, NAME), Some(later));
}

#[test]
fn c15f_a_row_removed_by_mistake_comes_back_beside_another_one_with_its_key() {
    let mut script = Script::new(Sheet);
    script.application_removes(1);
    script.until(Write);
    script.person_rotates();
    script.person_copies(3);
    let typed = script.person_types(3, NOTE);
    script.release(Write);
    script.calm_down();
    assert_eq!(script.count("re-append"), 1);
    assert!(script.is_anywhere(&typed));
    script.people_decide();
    script.settle();
    assert_eq!(script.removed(), 0);
}

#[test]
fn c15g_a_claim_that_hits_another_claim_leaves_two_rows_with_two_keys() {
    let mut script = Script::new(Database);
    let (_, [first, _]) = script.person_adds();
    script.rest_until(Prepare);
    let (_, [second, _]) = script.person_adds();
    script.sweep();
    script.until(Write);
    script.person_rotates();
    script.person_rotates();
    script.release(Write);
    script.settle();
    assert_eq!((script.inserted(), script.removed()), (2, 0));
    let names = [4, 5].map(|key| script.database(key, NAME).unwrap_or_default());
    assert!(names.contains(&first) && names.contains(&second), "{names:?}");
}

#[test]
fn c15h_one_equal_cell_does_not_make_the_whole_row_agreed() {
    let mut script = Script::new(Database);
    script.journal_is_deleted();
    script.crash();
    script.log_waits(true);
    let new = script.application_writes(1, NAME);
    script.rest();
    script.settle();
    assert_eq!((script.sheet(1, NAME), script.database(1, NAME)), (Some(new.clone()), Some(new)));
    assert_eq!(script.written().len(), 0);
}

#[test]
fn c15i_a_held_cell_that_is_none_any_more_follows_the_database() {
    let mut script = Script::new(Hold);
    script.log_waits(true);
    let theirs = script.application_writes(1, NOTE);
    let typed = script.person_types(1, NOTE);
    script.settle();
    assert_eq!(
        (script.sheet(1, NOTE), script.database(1, NOTE)),
        (Some(typed), Some(theirs.clone()))
    );
    script.person_enters(1, NOTE, &theirs);
    script.settle();
    let newest = script.application_writes(1, NOTE);
    script.settle();
    assert_eq!(
        (script.sheet(1, NOTE), script.database(1, NOTE)),
        (Some(newest.clone()), Some(newest))
    );
    assert_eq!(script.written().len(), 0);
}

#[test]
fn c15j_a_word_over_what_was_to_be_taken_away_leaves_nothing_to_be_looked_for() {
    let mut script = Script::new(Database);
    script.application_writes(1, NAME);
    script.until(Write);
    let (_, [name, _]) = script.person_adds();
    script.person_rotates();
    script.release(Write);
    script.until(Write);
    script.person_rotates();
    script.release(Write);
    assert_eq!(script.sheet(3, NAME), Some(name.clone()), "what is to go back to the new row");
    script.until(Write);
    let typed = script.person_types(3, NAME);
    script.release(Write);
    script.settle();
    assert_eq!(script.database(3, NAME), Some(typed));
    assert_eq!((script.database(4, NAME), script.inserted()), (Some(name), 1));
}

/// Row 4 is to get its key and a value at once, and row 3 gets both.
fn key_and_value_astray() -> Script {
    let mut script = Script::new(Sheet);
    script.person_adds();
    script.sweep();
    script.until(Write);
    script.release(Write);
    script.until(Commit);
    script.release(Commit);
    script.application_writes(4, NAME);
    script.log_tells();
    script.until(Write);
    script.person_rotates();
    script.release(Write);
    script
}

#[test]
fn c15k_a_word_beside_a_key_and_over_a_value_astray_is_not_that_of_the_row_that_was_hit() {
    let mut script = key_and_value_astray();
    let before = script.database(3, NAME);
    let theirs = script.database(4, NAME);
    let typed = script.person_types(4, NAME);
    script.settle();
    assert_eq!((script.sheet(3, NAME), script.database(3, NAME)), (before.clone(), before));
    assert_eq!((script.sheet(4, NAME), script.database(4, NAME)), (theirs.clone(), theirs));
    assert!(script.is_logged(&typed));
}

#[test]
fn c15l_a_row_that_was_removed_with_a_key_astray_does_not_stop_new_ones() {
    let mut script = key_and_value_astray();
    script.person_removes(4);
    let (_, [added, _]) = script.person_adds();
    script.settle();
    assert_eq!(script.database(5, NAME), Some(added));
    assert_eq!((script.inserted(), script.removed()), (2, 0));
    assert!(script.is_in_sheet(3) && script.is_in_sheet(4));
}

#[test]
fn c15m_a_word_beside_a_key_astray_in_an_empty_row_becomes_a_row_of_its_own() {
    let mut script = Script::new(Sheet);
    let (row, [name, _]) = script.person_adds();
    script.sweep();
    script.until(Write);
    script.release(Write);
    script.until(Commit);
    script.release(Commit);
    script.until(Write);
    script.person_inserts(row);
    script.release(Write);
    assert!(
        script.sheet(4, NAME).is_none() && script.is_in_sheet(4),
        "the key is in the empty row"
    );
    let typed = script.person_types(4, NAME);
    script.settle();
    assert_eq!((script.sheet(4, NAME), script.database(4, NAME)), (Some(name.clone()), Some(name)));
    assert_eq!(
        (script.sheet(5, NAME), script.database(5, NAME)),
        (Some(typed.clone()), Some(typed))
    );
    assert_eq!((script.inserted(), script.removed(), script.conflicts()), (2, 0, 0));
}
