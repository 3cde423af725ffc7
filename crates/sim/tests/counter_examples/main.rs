//! The situations in which simpler designs fail, each scripted by name on the real engine. Every one ends with all checkers, and with what must stand
//! where.

mod putting_back;

use std::time::Duration;

use sheetwire_sim::{
    options::PolicyChoice::{Database, Sheet},
    script::{
        Asked::{Commit, Prepare, Read, Store, Write},
        KEY, NAME, NOTE, Script,
    },
};

// ---- writes to the sheet -------------------------------------------------------------------------------

#[test]
fn c1_a_write_into_a_row_that_was_sorted_away_is_put_back() {
    let mut script = Script::new(Database);
    let before = [1, 2, 3].map(|key| script.database(key, NAME));
    let new = script.application_writes(1, NAME);
    script.until(Write);
    script.person_rotates();
    script.release(Write);
    script.settle();
    assert_eq!(script.count("misdirected"), 1);
    assert_eq!(
        [2, 3].map(|key| script.database(key, NAME)),
        [before[1].clone(), before[2].clone()]
    );
    assert_eq!([2, 3].map(|key| script.sheet(key, NAME)), [before[1].clone(), before[2].clone()]);
    assert_eq!(script.sheet(1, NAME), Some(new));
    assert_eq!(script.written().len(), 0);
}

#[test]
fn c2_what_was_typed_while_the_batch_was_under_way_is_logged_where_the_database_wins() {
    let mut script = Script::new(Database);
    let new = script.application_writes(2, NAME);
    script.until(Write);
    let typed = script.person_types(2, NAME);
    script.release(Write);
    script.settle();
    assert_eq!(script.count("in-window edit"), 1);
    assert_eq!((script.sheet(2, NAME), script.database(2, NAME)), (Some(new.clone()), Some(new)));
    assert!(script.is_logged(&typed));
}

#[test]
fn c2_what_was_typed_while_the_batch_was_under_way_stands_where_the_sheet_wins() {
    let mut script = Script::new(Sheet);
    let new = script.application_writes(2, NAME);
    script.until(Write);
    let typed = script.person_types(2, NAME);
    script.release(Write);
    script.settle();
    assert_eq!(script.database(2, NAME), Some(typed.clone()));
    assert_eq!(script.sheet(2, NAME), Some(typed));
    assert!(script.is_logged(&new));
}

#[test]
fn c3_a_batch_that_comes_late_is_refused_whole() {
    let mut script = Script::new(Database);
    let second = script.sheet(3, NAME);
    script.application_writes(1, NAME);
    script.until(Write);
    script.batch_is_late();
    script.person_rotates();
    let newest = script.application_writes(1, NAME);
    script.settle_but_late();
    script.late_batches_arrive();
    script.settle();
    assert_eq!(script.count("late batch refused"), 1);
    assert_eq!((script.sheet(3, NAME), script.sheet(1, NAME)), (second, Some(newest)));
    assert_eq!(script.written().len(), 0);
}

#[test]
fn c3b_a_late_removal_does_not_take_a_new_row_along() {
    let mut script = Script::new(Database);
    script.application_removes(2);
    script.until(Write);
    script.batch_is_late();
    script.settle_but_late();
    let (_, [typed, _]) = script.person_adds();
    script.late_batches_arrive();
    script.settle();
    assert_eq!(script.count("late batch refused"), 1);
    assert_eq!(script.database(4, NAME), Some(typed));
    assert_eq!((script.inserted(), script.removed()), (1, 0));
}

#[test]
fn c4_a_crash_behind_a_batch_does_not_make_its_values_a_persons() {
    let mut script = Script::new(Sheet);
    let typed = script.person_types(1, NOTE);
    script.rest_until(Write);
    script.release_without_answer(Write);
    script.crash();
    script.settle();
    assert_eq!(script.sheet(1, NOTE), Some(typed.to_uppercase()));
    assert_eq!((script.written().len(), script.conflicts()), (1, 0));
}

#[test]
fn c4_a_crash_behind_a_batch_that_hit_a_wrong_row_does_not_leave_it_so() {
    let mut script = Script::new(Database);
    let before = script.sheet(3, NAME);
    script.application_writes(1, NAME);
    script.until(Write);
    script.person_rotates();
    script.release_without_answer(Write);
    script.crash();
    script.settle();
    assert_eq!((script.sheet(3, NAME), script.database(3, NAME)), (before.clone(), before));
    assert_eq!((script.count("misdirected"), script.written().len()), (1, 0));
}

#[test]
fn c14_rows_that_move_between_reads_are_not_gone() {
    let mut script = Script::new(Database);
    for _ in 0..6 {
        script.sweep();
        script.until(Read);
        script.person_rotates();
        script.release(Read);
    }
    script.settle();
    assert_eq!((script.removed(), script.conflicts()), (0, 0));
    assert_eq!([1, 2, 3].map(|key| script.database(key, NAME).is_some()), [true; 3]);
}

// ---- writes to the database ----------------------------------------------------------------------------

#[test]
fn c5_an_old_value_does_not_go_back_over_one_that_the_log_has_not_told_yet() {
    let mut script = Script::new(Sheet);
    script.log_waits(true);
    let new = script.application_writes(1, NAME);
    script.rest();
    assert_eq!(script.written().len(), 0);
    script.settle();
    assert_eq!((script.sheet(1, NAME), script.database(1, NAME)), (Some(new.clone()), Some(new)));
    assert_eq!((script.written().len(), script.conflicts()), (0, 0));
}

#[test]
fn c6_an_older_image_behind_our_own_write_is_no_conflict() {
    let mut script = Script::new(Database);
    script.log_waits(true);
    let theirs = script.application_writes(1, NOTE);
    script.person_types(1, NAME);
    script.rest_until(Commit);
    script.release(Commit);
    script.rest();
    script.log_waits(false);
    let writes = script.asks(Write);
    let typed = script.person_types(1, NAME);
    if writes {
        script.release(Write);
    }
    script.settle();
    let row = (script.database(1, NAME), script.sheet(1, NAME), script.sheet(1, NOTE));
    assert_eq!(row, (Some(typed.clone()), Some(typed), Some(theirs)));
    assert_eq!(script.conflicts(), 0);
}

#[test]
fn c7_what_the_database_makes_of_a_value_is_shown() {
    let mut script = Script::new(Database);
    let loud = script.person_types(1, NOTE).to_uppercase();
    script.settle();
    assert_eq!((script.sheet(1, NOTE), script.database(1, NOTE)), (Some(loud.clone()), Some(loud)));
    assert_eq!((script.written().len(), script.conflicts()), (1, 0));
}

#[test]
fn c8_a_value_written_between_looking_and_writing_is_not_lost() {
    let mut script = Script::new(Database);
    let typed = script.person_types(1, NAME);
    script.rest_until(Prepare);
    let new = script.application_writes(1, NAME);
    script.release(Prepare);
    script.settle();
    assert_eq!(script.count("compare-and-set missed"), 1);
    assert_eq!((script.sheet(1, NAME), script.database(1, NAME)), (Some(new.clone()), Some(new)));
    assert!(script.is_logged(&typed));
}

#[test]
fn c9_what_the_log_has_told_survives_a_crash_before_it_reaches_the_sheet() {
    let mut script = Script::new(Database);
    let new = script.application_writes(3, NAME);
    script.log_tells();
    script.until(Store);
    script.release(Store);
    script.crash();
    script.settle();
    assert_eq!(script.sheet(3, NAME), Some(new));
}

#[test]
fn c12_a_doorbell_does_not_carry_a_value_over_a_newer_one() {
    let mut script = Script::new(Database);
    script.log_waits(true);
    let new = script.application_writes(1, NOTE);
    let typed = script.person_types(1, NOTE);
    script.bell_rings(1);
    script.rest();
    script.settle();
    assert_eq!((script.sheet(1, NOTE), script.database(1, NOTE)), (Some(new.clone()), Some(new)));
    assert!(script.is_logged(&typed));
}

#[test]
fn c13_a_crash_behind_a_commit_does_not_undo_the_next_edit() {
    let mut script = Script::new(Database);
    script.person_types(1, NAME);
    script.rest_until(Commit);
    script.release_without_answer(Commit);
    script.crash();
    let typed = script.person_types(1, NAME);
    script.settle();
    assert_eq!(
        (script.sheet(1, NAME), script.database(1, NAME)),
        (Some(typed.clone()), Some(typed))
    );
    assert_eq!(script.conflicts(), 0);
}

// ---- new rows ------------------------------------------------------------------------------------------

#[test]
fn c10_a_new_row_that_is_sorted_away_gets_its_own_key() {
    for held in 1..=2 {
        let mut script = Script::new(Database);
        let (_, [name, _]) = script.person_adds();
        script.sweep();
        for _ in 1..held {
            script.until(Write);
            script.release(Write);
        }
        script.until(Write);
        script.person_rotates();
        script.release(Write);
        script.settle();
        assert_eq!((script.inserted(), script.removed()), (1, 0), "write {held}");
        assert_eq!(
            (script.sheet(4, NAME), script.database(4, NAME)),
            (Some(name.clone()), Some(name))
        );
    }
}

#[test]
fn c10b_a_new_row_whose_key_never_reached_the_sheet_is_not_taken_for_removed() {
    let mut script = Script::new(Database);
    let (_, [name, _]) = script.person_adds();
    script.sweep();
    script.until(Write);
    script.release(Write);
    script.until(Write);
    assert_eq!(script.inserted(), 1);
    script.batch_is_lost();
    script.settle();
    assert_eq!((script.inserted(), script.removed()), (1, 0));
    assert_eq!(script.sheet(4, NAME), Some(name));
}

#[test]
fn c11_a_new_row_is_inserted_once_whatever_becomes_of_the_answer() {
    for crashes in [false, true] {
        let mut script = Script::new(Database);
        script.person_adds();
        script.rest_until(Commit);
        script.release_without_answer(Commit);
        if crashes {
            script.crash();
        }
        script.settle();
        assert_eq!((script.inserted(), script.removed()), (1, 0), "crashes: {crashes}");
        assert!(script.sheet(4, KEY).is_none() && script.sheet(4, NAME).is_some());
    }
}

#[test]
fn c16_a_new_row_that_an_application_removed_at_once_does_not_come_back() {
    let mut script = Script::new(Database);
    script.person_adds();
    script.rest_until(Commit);
    script.release_without_answer(Commit);
    script.crash();
    script.application_removes(4);
    script.log_waits(true);
    script.rest();
    script.settle();
    assert_eq!(script.inserted(), 1);
    assert_eq!(script.database(4, NAME), None);
    assert!(!script.is_in_sheet(4));
}

// ---- people who ask ------------------------------------------------------------------------------------

/// Less than any sweep is away.
const AT_ONCE: Duration = Duration::from_secs(4);

#[test]
fn d1_a_look_that_is_asked_for_while_one_is_under_way_follows_it() {
    let mut script = Script::new(Sheet);
    script.rest_until(Read);
    let began = script.now();
    script.sweep();
    script.release(Read);
    script.until(Read);
    assert!(script.now() < began + AT_ONCE);
    script.settle();
}

#[test]
fn d2_a_doorbell_of_one_tab_does_not_silence_that_of_another() {
    let mut script = Script::new(Sheet);
    let began = script.now();
    let typed = script.person_types(2, NAME);
    script.bell_rings(2);
    script.bell_rings_elsewhere();
    script.until(Prepare);
    assert!(script.now() < began + AT_ONCE);
    script.settle();
    assert_eq!(script.database(2, NAME), Some(typed));
}

#[test]
fn d3_a_cell_is_put_back_in_the_row_that_the_person_saw() {
    let mut script = Script::new(Sheet);
    let before = [1, 2, 3].map(|key| script.database(key, NAME));
    let others = [1, 3].map(|key| script.person_types(key, NAME));
    script.person_types(2, NAME);
    // Nobody has told of the rows that moved.
    script.person_rotates();
    script.person_reverts(2, NAME);
    script.settle();
    assert_eq!(script.sheet(2, NAME), before[1]);
    assert_eq!(script.database(2, NAME), before[1]);
    assert_eq!([1, 3].map(|key| script.database(key, NAME)), others.map(Some));
}

#[test]
fn d4_a_wish_to_put_back_what_is_in_step_does_not_wait_for_the_next_edit() {
    let mut script = Script::new(Sheet);
    script.person_reverts(1, NAME);
    script.rest();
    let typed = script.person_types(1, NAME);
    script.settle();
    assert_eq!(script.database(1, NAME), Some(typed.clone()));
    assert_eq!(script.sheet(1, NAME), Some(typed));
}

// ---- what the situations are good for ------------------------------------------------------------------

/// Each situation undoes the simpler design that it is told of.
#[cfg(feature = "mutants")]
#[test]
fn each_situation_undoes_the_design_that_it_is_told_of() {
    use sheetwire_engine::mutants::{Mutant, set};

    type Told = fn();
    let told: [(Mutant, Told); 18] = [
        (Mutant::CachedRows, c1_a_write_into_a_row_that_was_sorted_away_is_put_back),
        (Mutant::Unverified, c1_a_write_into_a_row_that_was_sorted_away_is_put_back),
        (
            Mutant::KeyReadBack,
            c2_what_was_typed_while_the_batch_was_under_way_is_logged_where_the_database_wins,
        ),
        (Mutant::MetadataAddress, c1_a_write_into_a_row_that_was_sorted_away_is_put_back),
        (Mutant::NoFence, c3_a_batch_that_comes_late_is_refused_whole),
        (Mutant::NoFence, c3b_a_late_removal_does_not_take_a_new_row_along),
        (
            Mutant::BatchNotDurable,
            c4_a_crash_behind_a_batch_that_hit_a_wrong_row_does_not_leave_it_so,
        ),
        (Mutant::NoBase, c5_an_old_value_does_not_go_back_over_one_that_the_log_has_not_told_yet),
        (Mutant::AfterImage, c6_an_older_image_behind_our_own_write_is_no_conflict),
        (Mutant::SkipOwn, c7_what_the_database_makes_of_a_value_is_shown),
        (Mutant::NoCompare, c8_a_value_written_between_looking_and_writing_is_not_lost),
        (
            Mutant::PositionFirst,
            c9_what_the_log_has_told_survives_a_crash_before_it_reaches_the_sheet,
        ),
        (Mutant::InsertFirst, c10_a_new_row_that_is_sorted_away_gets_its_own_key),
        (Mutant::KeyNotReserved, c11_a_new_row_is_inserted_once_whatever_becomes_of_the_answer),
        (Mutant::DoorbellPayload, c12_a_doorbell_does_not_carry_a_value_over_a_newer_one),
        (Mutant::NoIntent, c13_a_crash_behind_a_commit_does_not_undo_the_next_edit),
        (Mutant::TornRead, c14_rows_that_move_between_reads_are_not_gone),
        (
            Mutant::ReinsertAtOnce,
            c16_a_new_row_that_an_application_removed_at_once_does_not_come_back,
        ),
    ];
    std::panic::set_hook(Box::new(|_| {}));
    let mut passed = Vec::new();
    for (mutant, situation) in told {
        set(Some(mutant));
        if std::panic::catch_unwind(situation).is_ok() {
            passed.push(mutant);
        }
        set(None);
    }
    let _ = std::panic::take_hook();
    assert!(passed.is_empty(), "these designs pass where they must not: {passed:?}");
}
