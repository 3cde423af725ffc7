//! How a note of ours is known again, also by a process that has lost all memory of it: its last line is a checksum of what stands before it.
//! Whatever a person changed, added or wrote has no such line, and is never touched again.

use crate::cell::Cell;

/// What the last line begins with.
const MARK: &str = "[sheetwire ";

/// How long a note stands that nobody asks for any more: it tells of something that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    /// Until then, in minutes since the Unix epoch.
    pub(crate) until: u64,
    /// While the cell is this.
    pub(crate) cell: u32,
}

/// A note with its seal.
pub(crate) fn sealed(body: &str, term: Option<Term>) -> String {
    let words = term.map(|term| format!(" {:x} {:08x}", term.until, term.cell));
    let words = words.unwrap_or_default();
    let sum = checksum([body, &words]);
    format!("{body}\n{MARK}{sum:08x}{words}]")
}

/// What a note says of itself; `None` where it is a person's, in whole or in part.
#[expect(
    clippy::option_option,
    reason = "a note of ours without a term is not a note of somebody else's"
)]
pub(crate) fn term_of(note: &str) -> Option<Option<Term>> {
    let note = plain(note);
    let (body, line) = note.rsplit_once('\n')?;
    let said = line.strip_prefix(MARK)?.strip_suffix(']')?;
    let (sum, words) = said.split_at_checked(8)?;
    if u32::from_str_radix(sum, 16).ok()? != checksum([body, words]) {
        return None;
    }
    if words.is_empty() {
        return Some(None);
    }
    let (until, cell) = words.strip_prefix(' ')?.split_once(' ')?;
    let until = u64::from_str_radix(until, 16).ok()?;
    Some(Some(Term { until, cell: u32::from_str_radix(cell, 16).ok()? }))
}

/// A note as it was written, whatever became of the ends of its lines on the way.
pub(crate) fn plain(note: &str) -> String {
    note.trim_end().replace('\r', "")
}

/// What a cell is, for a note that goes when it is anything else.
pub(crate) fn sum_of(cell: &Cell) -> u32 {
    match cell {
        // What a formula comes to changes without anybody.
        Cell::Formula { text, .. } => checksum(["=", text]),
        plain => checksum(["", &format!("{plain:?}")]),
    }
}

/// FNV-1a: it has to tell an edit from none, and nobody gains by forging it.
fn checksum(parts: [&str; 2]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERM: Term = Term { until: 29_000_000, cell: 7 };

    #[test]
    fn a_note_of_ours_is_known_with_what_it_says_of_itself() {
        let note = sealed("Not saved.\nType again.", None);
        assert_eq!(term_of(&note), Some(None));
        assert_eq!(term_of(&note.replace('\n', "\r\n")), Some(None), "lines ended otherwise");
        assert_eq!(term_of(&format!("{note}\n")), Some(None));
        assert_eq!(term_of(&sealed("Over.", Some(TERM))), Some(Some(TERM)));
        for theirs in ["", "ask her", "Not saved.\n[sheetwire 00000000]", "x\n[sheetwire é]"] {
            assert_eq!(term_of(theirs), None, "{theirs}");
        }
        let longer = sealed("Over.", Some(TERM)).replace("1ba8140", "1ba8141");
        assert_eq!(term_of(&longer), None, "the term is under the seal, too: {longer}");
    }

    proptest! {
        #[test]
        fn whatever_a_person_makes_of_it_is_theirs(
            body in "[a-z “”\n]{1,60}", at in 0usize..80, letter in "[A-Z#]", with_term: bool,
        ) {
            let note = sealed(&body, with_term.then_some(TERM));
            let at = note.char_indices().map(|(place, _)| place).nth(at).unwrap_or(note.len());
            let mut edited = note.clone();
            edited.insert_str(at, &letter);
            prop_assert_eq!(term_of(&edited), None);
            let mut cut = note.clone();
            if at < note.len() {
                let gone = cut.remove(at);
                // Nobody sees whether a line ends in a blank, and a shorter one may be the same note.
                if !gone.is_whitespace() {
                    prop_assert_eq!(term_of(&cut), None);
                }
            }
            prop_assert_eq!(term_of(&format!("{note}\nok, Ann")), None);
            prop_assert_eq!(term_of(&note), Some(with_term.then_some(TERM)));
        }
    }
}
