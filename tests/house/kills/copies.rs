//! Two processes where there may be one: on one data folder, and on copies of it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{
    BOOK, SOON,
    rng::Rng,
    stage::{Stage, tail, wait_idle},
    tables::TABLES,
    windows::{carries_rows, is_batch},
    writer::Writer,
};
use crate::support::{
    installed::copy_tree,
    servers::Flavor,
    sheetwire::{Home, Running},
    wait::wait_until,
};

/// Somebody else owns it.
pub(super) const ANOTHER_INSTANCE: i32 = 5;

/// A stage with a few rows, and a pipeline that has shown them and stands still.
fn shown(flavor: Flavor) -> (Stage, Home) {
    let stage = Stage::new(flavor, 1);
    drop(Writer::start(stage.db.session(), Rng::new(1), 3));
    let home = stage.home();
    let mut running = home.run();
    stage.wait_equal(&home, SOON);
    wait_idle(&home, &mut running, SOON);
    assert_eq!(running.terminate(SOON), 0, "{}", tail(&home));
    (stage, home)
}

/// Numbers of copies on the shared servers: two tests that gave the same one would throw each other's process out.
static NEXT_ID: AtomicU32 = AtomicU32::new(4_711);

/// A pipeline on a copy of the data folder of `home`, as a restored backup would be. With a number of its own the server lets both
/// follow it, and it is left to the fence.
fn copy_of(stage: &Stage, home: &Home) -> Home {
    let mut copy = stage.home();
    another_server_id(&mut copy);
    copy_tree(&home.join("state"), &copy.join("state"));
    copy
}

/// Gives a pipeline a number of its own among the server's replicas.
pub(super) fn another_server_id(home: &mut Home) {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    home.set("SHEETWIRE__MYSQL__SERVER_ID", &id.to_string());
}

/// Changes a row, and returns once a batch with rows was applied. `running` must not be fenced out.
fn write_through(stage: &Stage, home: &Home, running: &mut Running<'_>, value: u32) {
    let mark = stage.emulator.log().count();
    stage.db.sql(&format!("UPDATE orders SET word = 'through {value}' WHERE id = 1"));
    wait_until(SOON, "the change to be applied", || {
        assert!(running.is_alive(), "sheetwire ended by itself:\n{}", tail(home));
        let calls = stage.emulator.log().after(mark, usize::MAX);
        calls.iter().any(|call| carries_rows(call) && call.applied)
    });
}

/// Waits until it ends, and checks that it says why and what to do.
pub(super) fn fenced_out(home: &Home, mut running: Running<'_>) {
    assert_eq!(running.wait_exit(SOON), ANOTHER_INSTANCE, "{}", tail(home));
    let log = home.log();
    let words = log.lines().rfind(|line| line.starts_with("sheetwire: ")).unwrap_or("");
    assert!(words.contains("copy of this data folder"), "{words:?} in\n{log}");
    assert!(words.contains(BOOK) && words.contains("stop that one"), "{words:?}");
}

#[test]
fn a_second_process_on_the_same_data_folder_ends_with_exit_5_and_a_sentence() {
    let (stage, home) = shown(Flavor::MySql);
    let mut running = home.run();
    wait_idle(&home, &mut running, SOON);
    let calls = stage.emulator.log().count();
    let second = home.ask(&["run"], SOON);
    assert_eq!(second.status.code(), Some(ANOTHER_INSTANCE), "{second:?}");
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    let folder = home.join("state").display().to_string();
    assert!(words.contains(&folder) && words.contains("in use by another sheetwire"), "{words}");
    assert_eq!(stage.emulator.log().count(), calls, "it spoke to Google before it looked");
    // The first one does not notice.
    write_through(&stage, &home, &mut running, 1);
    stage.wait_equal(&home, SOON);
    assert_eq!(running.terminate(SOON), 0, "{}", tail(&home));
}

/// Starts `first` and `second` on copies of one folder side by side; `first` writes first, and `second` must go.
fn the_slower_one_goes(stage: &Stage, first: &Home, second: &Home) {
    let mut one = first.run();
    wait_idle(first, &mut one, SOON);
    let mut other = second.run();
    wait_idle(second, &mut other, SOON);
    // Stopped for a moment, so that the change is the first one's.
    other.freeze();
    write_through(stage, first, &mut one, 1);
    other.thaw();
    fenced_out(second, other);
    write_through(stage, first, &mut one, 2);
    stage.wait_equal(first, SOON);
    assert_eq!(one.terminate(SOON), 0, "{}", tail(first));
    // And it stays out when it is started again.
    fenced_out(second, second.run());
    assert_rows_once(stage);
}

/// No key stands in two rows, whoever wrote it.
fn assert_rows_once(stage: &Stage) {
    let book = stage.emulator.spreadsheet(BOOK).unwrap();
    for table in &TABLES {
        let tab = super::grid::Tab::of(&book, table).unwrap();
        let mut keys: Vec<String> = tab.keyed().into_iter().map(|(_, key)| key).collect();
        let rows = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), rows, "{}: a key stands twice", table.name);
    }
}

#[test]
fn a_process_on_a_copy_of_the_data_folder_is_fenced_out_while_both_run() {
    let (stage, home) = shown(Flavor::MariaDb);
    let copy = copy_of(&stage, &home);
    the_slower_one_goes(&stage, &home, &copy);
}

#[test]
fn a_process_is_fenced_out_when_a_copy_of_its_data_folder_writes_first() {
    let (stage, home) = shown(Flavor::MySql);
    let copy = copy_of(&stage, &home);
    the_slower_one_goes(&stage, &copy, &home);
}

#[test]
fn a_copy_of_the_data_folder_that_starts_behind_the_fence_is_out_at_once() {
    let (stage, home) = shown(Flavor::MariaDb);
    let copy = copy_of(&stage, &home);
    let mut running = home.run();
    write_through(&stage, &home, &mut running, 1);
    wait_idle(&home, &mut running, SOON);
    let before = stage.emulator.log().count();
    fenced_out(&copy, copy.run());
    let calls = stage.emulator.log().after(before, usize::MAX);
    assert!(!calls.iter().any(is_batch), "it wrote before it looked: {calls:#?}");
    assert_eq!(running.terminate(SOON), 0, "{}", tail(&home));
}

#[test]
fn of_two_processes_with_one_server_id_the_elder_ends_with_exit_5_and_a_sentence() {
    for flavor in Flavor::BOTH {
        let (stage, home) = shown(flavor);
        let mut copy = copy_of(&stage, &home);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed).to_string();
        copy.set("SHEETWIRE__MYSQL__SERVER_ID", &id);
        let mut running = copy.run();
        wait_idle(&copy, &mut running, SOON);
        let mut twin = copy_of(&stage, &home);
        twin.set("SHEETWIRE__MYSQL__SERVER_ID", &id);
        let mut younger = twin.run();
        assert_eq!(running.wait_exit(SOON), ANOTHER_INSTANCE, "{}", tail(&copy));
        let log = copy.log();
        assert!(
            log.contains("another process follows this server under our mysql.server_id"),
            "{log}"
        );
        write_through(&stage, &twin, &mut younger, 1);
        assert_eq!(younger.terminate(SOON), 0, "{}", tail(&twin));
    }
}
