//! What the product made of rings that came late or again: told from what it wrote on its tape.

use std::{collections::BTreeMap, fs, path::Path};

use sheetwire_engine::{
    door::Input,
    recording::{Entry, Tape},
};

use super::postman::Carried;

/// Fails where the engine was told of a ring more often than it was made, where one was answered as it must not be, and where none came
/// late or again.
pub(super) fn each_was_heard_once_at_most(name: &str, tape: &Path, carried: &Carried) {
    let Carried { late, again, made, wrong } = carried;
    let heard = heard(tape);
    let late_heard = heard.keys().filter(|at| made.get(at).is_some_and(|(_, late)| *late)).count();
    eprintln!(
        "{name}: {} rings made, {} heard; {} came late, {} of them after a kill, {late_heard} heard; {} came again and were refused, {} of \
         them after a kill",
        made.values().map(|(times, _)| times).sum::<usize>(),
        heard.values().sum::<usize>(),
        late[0],
        late[1],
        again[0],
        again[1],
    );
    assert!(wrong.is_empty(), "{wrong:?}");
    for (at, times) in heard {
        let rings = made.get(&at).map_or(0, |(rings, _)| *rings);
        assert!(times <= rings, "{rings} rings were made at {at} ms, and {times} were heard");
    }
    let enough = [late[0], late[1], late_heard, again[0], again[1]];
    assert!(enough.into_iter().all(|count| count > 0), "it was too easy: {enough:?}");
}

/// How many rings of each moment the engine was told of, in all its lives.
fn heard(tape: &Path) -> BTreeMap<i64, usize> {
    let bytes = fs::read(tape).unwrap();
    let mut tape = Tape::new(&bytes);
    let mut heard = BTreeMap::new();
    while let Some(entry) = tape.next_entry().unwrap() {
        if let Entry::Told { input, .. } = entry
            && let Input::Rang(bell) = &*input
        {
            *heard.entry(bell.at_us / 1_000).or_default() += 1;
        }
    }
    heard
}
