//! Every tape that is kept: none may fail any more, and each must still tell its story.

use std::path::Path;

use sheetwire_sim::tapes::read_all;

#[test]
fn no_tape_fails_any_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tapes");
    // A folder without any tape is none.
    let tapes =
        if folder.exists() { read_all(&folder).expect("tapes can be read") } else { Vec::new() };
    let failures: Vec<String> = (tapes.iter())
        .filter_map(|(name, kept)| Some(format!("{name}: {}", kept.verdict().err()?)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
