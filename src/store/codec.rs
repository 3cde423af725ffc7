//! Records as bytes.
//!
//! A record is a stem (kind, then table and key, in an order that sorts as they do) and a payload (postcard). It is cut into
//! pieces, one sled entry each, because sled moves nodes beyond 128 kB into files of their own that it never flushes.
//!
//! ```text
//! key    stem | piece (u16, big-endian)
//! value  of piece 0: version (u8) | pieces (u16) | crc32 of stem and payload (u32) | payload, first part
//!        of the others: payload, next part
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sheetwire_engine::{
    change::TableId,
    conflict::{ConflictRecord, Outcome},
    state::{Image, Marker, RowKey, StoreStep},
};
use thiserror::Error;

/// Version of the records. Raise it with every change of what they hold; `the_bytes_of_every_record_stay` fails otherwise.
pub(super) const RECORD_VERSION: u8 = 3;

/// Bytes of payload in a piece: a node of sled holds up to about 26 entries, and must stay below 128 kB.
const PIECE_BYTES: usize = 4 * 1024;

/// Bytes before the payload of piece 0.
const HEADER_BYTES: usize = 7;

/// What a record is about. The number is the first byte of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Whose store this is.
    Marker = 1,
    /// Count and digest of all other entries.
    Seal = 2,
    /// Position of the source.
    Position = 3,
    /// Fence of a spreadsheet.
    Fence = 4,
    /// State of a table.
    Table = 5,
    /// Batch in flight.
    InFlight = 6,
    /// Repairs of a table.
    Repairs = 7,
    /// Pending row.
    Pending = 8,
    /// Base row.
    Base = 9,
    /// What came of a conflict. Comes before the conflicts, so that a reader knows it when it meets them.
    Outcome = 10,
    /// Conflict.
    Conflict = 11,
    /// Transaction on the writer.
    Intent = 12,
    /// Number of the last transaction.
    LastIntent = 13,
    /// Window of a row.
    Window = 14,
    /// Marker of a row without a key.
    Claim = 15,
    /// Change of a row, for people who ask later.
    History = 16,
    /// A table that a person stopped.
    Paused = 17,
    /// Numeric id of a table's tab.
    Tab = 18,
}

impl Kind {
    const ALL: [Self; 18] = [
        Self::Marker,
        Self::Seal,
        Self::Position,
        Self::Fence,
        Self::Table,
        Self::InFlight,
        Self::Repairs,
        Self::Pending,
        Self::Base,
        Self::Outcome,
        Self::Conflict,
        Self::Intent,
        Self::LastIntent,
        Self::Window,
        Self::Claim,
        Self::History,
        Self::Paused,
        Self::Tab,
    ];

    fn of(stem: &[u8]) -> Option<Self> {
        let first = *stem.first()?;
        Self::ALL.into_iter().find(|kind| *kind as u8 == first)
    }

    /// The name in sentences.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Marker => "identity",
            Self::Seal => "seal",
            Self::Position => "position",
            Self::Fence => "fence",
            Self::Table => "table-state",
            Self::InFlight => "batch-in-flight",
            Self::Repairs => "repairs",
            Self::Pending => "pending-row",
            Self::Base => "base-row",
            Self::Outcome => "outcome",
            Self::Conflict => "conflict",
            Self::Intent => "transaction",
            Self::LastIntent => "last-transaction",
            Self::Window => "window",
            Self::Claim => "claim",
            Self::History => "history",
            Self::Paused => "paused-table",
            Self::Tab => "tab",
        }
    }
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Damage {
    #[error("a {0} record is cut short")]
    Short(&'static str),
    #[error("a {0} record fails its checksum")]
    Checksum(&'static str),
    #[error("a {0} record is of format {1}, and this version reads formats up to {RECORD_VERSION}")]
    Newer(&'static str, u8),
    #[error("a {0} record is of format {1}, and this version reads format {RECORD_VERSION}")]
    Older(&'static str, u8),
    #[error("a {0} record cannot be read")]
    Unreadable(&'static str),
    #[error("a record is of no known kind")]
    UnknownKind,
    #[error("a {0} record is too large to store")]
    TooLarge(&'static str),
}

/// A stem and its payload; no payload means that the record goes.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// The change of the stored records that a step stands for. `history` is the number of the next entry of the history.
pub(super) fn change(step: &StoreStep, history: u64) -> Result<Change, Damage> {
    Ok(match step {
        StoreStep::Position(position) => {
            (bare(Kind::Position), Some(encode(Kind::Position, position)?))
        }
        StoreStep::Pending(table, key, row) => {
            (row_stem(Kind::Pending, *table, key), Some(encode(Kind::Pending, row)?))
        }
        StoreStep::Settled(table, key) => (row_stem(Kind::Pending, *table, key), None),
        StoreStep::Base(table, key, row) => {
            (row_stem(Kind::Base, *table, key), Some(encode(Kind::Base, row)?))
        }
        StoreStep::BaseGone(table, key) => (row_stem(Kind::Base, *table, key), None),
        StoreStep::InFlight(spreadsheet, batch) => (
            text_stem(Kind::InFlight, spreadsheet),
            batch.as_ref().map(|batch| encode(Kind::InFlight, batch)).transpose()?,
        ),
        StoreStep::Fence(spreadsheet, fence) => {
            (text_stem(Kind::Fence, spreadsheet), Some(encode(Kind::Fence, fence)?))
        }
        StoreStep::Table(table, state) => {
            (table_stem(Kind::Table, *table), Some(encode(Kind::Table, state)?))
        }
        StoreStep::Repairs(table, repairs) => (
            table_stem(Kind::Repairs, *table),
            if repairs.is_empty() { None } else { Some(encode(Kind::Repairs, repairs)?) },
        ),
        StoreStep::Conflict(record) => {
            (number_stem(Kind::Conflict, record.id), Some(encode(Kind::Conflict, record)?))
        }
        StoreStep::Outcome(id, outcome) => {
            (number_stem(Kind::Outcome, *id), Some(encode(Kind::Outcome, outcome)?))
        }
        StoreStep::Intent(intent) => {
            (number_stem(Kind::Intent, intent.id), Some(encode(Kind::Intent, intent)?))
        }
        StoreStep::IntentGone(id) => (number_stem(Kind::Intent, *id), None),
        StoreStep::Window(table, key, window) => {
            (row_stem(Kind::Window, *table, key), Some(encode(Kind::Window, window)?))
        }
        StoreStep::WindowGone(table, key) => (row_stem(Kind::Window, *table, key), None),
        StoreStep::Claim(table, marker, claim) => {
            (marker_stem(*table, marker), Some(encode(Kind::Claim, claim)?))
        }
        StoreStep::ClaimGone(table, marker) => (marker_stem(*table, marker), None),
        StoreStep::History(entry) => {
            (number_stem(Kind::History, history), Some(encode(Kind::History, entry)?))
        }
        StoreStep::Paused(table, paused) => {
            (table_stem(Kind::Paused, *table), if *paused { Some(Vec::new()) } else { None })
        }
        StoreStep::Tab(table, id) => (table_stem(Kind::Tab, *table), Some(encode(Kind::Tab, id)?)),
    })
}

/// An image that is being put together of records, in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Draft {
    image: Image,
    outcomes: BTreeMap<u64, Outcome>,
}

impl Draft {
    /// Puts a record in.
    pub(super) fn place(&mut self, record: &Record) -> Result<(), Damage> {
        match record.kind {
            Kind::Outcome => drop(self.outcomes.insert(record.number()?, record.decode()?)),
            Kind::Conflict => {
                self.image.last_conflict = record.number()?;
                let conflict = self.conflict(record)?;
                if conflict.outcome.is_open() {
                    self.image.open_conflicts.push(conflict);
                }
            }
            _ => place(&mut self.image, record)?,
        }
        Ok(())
    }

    /// A conflict as it stands now: what came of it is known before it comes by.
    pub(super) fn conflict(&self, record: &Record) -> Result<ConflictRecord, Damage> {
        let conflict: ConflictRecord = record.decode()?;
        let outcome = self.outcomes.get(&conflict.id).copied().unwrap_or(conflict.outcome);
        Ok(ConflictRecord { outcome, ..conflict })
    }

    /// No record is left.
    pub(super) fn finish(self) -> Image {
        self.image
    }
}

fn place(image: &mut Image, record: &Record) -> Result<(), Damage> {
    let rest = record.stem.get(1..).unwrap_or_default();
    match record.kind {
        Kind::Marker | Kind::Seal | Kind::History | Kind::Outcome | Kind::Conflict => {}
        Kind::Position => image.position = Some(record.decode()?),
        Kind::Fence => image.fences.push((record.text(rest)?, record.decode()?)),
        Kind::InFlight => image.in_flight.push((record.text(rest)?, record.decode()?)),
        Kind::Table => image.tables.push((record.table(rest)?.0, record.decode()?)),
        Kind::Repairs => image.repairs.push((record.table(rest)?.0, record.decode()?)),
        Kind::Pending => {
            let (table, key) = record.row(rest)?;
            image.pending.push((table, key, record.decode()?));
        }
        Kind::Base => {
            let (table, key) = record.row(rest)?;
            image.base.push((table, key, record.decode()?));
        }
        Kind::Intent => image.intents.push(record.decode()?),
        Kind::LastIntent => image.last_intent = record.decode()?,
        Kind::Window => {
            let (table, key) = record.row(rest)?;
            image.windows.push((table, key, record.decode()?));
        }
        Kind::Claim => {
            let (table, key) = record.row(rest)?;
            image.claims.push((table, Marker(key.0), record.decode()?));
        }
        Kind::Paused => image.paused.push(record.table(rest)?.0),
        Kind::Tab => image.tabs.push((record.table(rest)?.0, record.decode()?)),
    }
    Ok(())
}

/// A payload.
pub(super) fn encode(kind: Kind, value: &impl Serialize) -> Result<Vec<u8>, Damage> {
    postcard::to_stdvec(value).map_err(|_| Damage::TooLarge(kind.name()))
}

/// Stem of the one record of its kind.
pub(super) fn bare(kind: Kind) -> Vec<u8> {
    vec![kind as u8]
}

/// Stem of a row's record.
pub(super) fn row_stem(kind: Kind, table: TableId, key: &RowKey) -> Vec<u8> {
    let mut stem = table_stem(kind, table);
    push_text(&mut stem, &key.0);
    stem
}

fn table_stem(kind: Kind, table: TableId) -> Vec<u8> {
    let [high, low] = table.0.to_be_bytes();
    vec![kind as u8, high, low]
}

fn text_stem(kind: Kind, text: &str) -> Vec<u8> {
    let mut stem = bare(kind);
    push_text(&mut stem, text);
    stem
}

fn marker_stem(table: TableId, marker: &Marker) -> Vec<u8> {
    let mut stem = table_stem(Kind::Claim, table);
    push_text(&mut stem, &marker.0);
    stem
}

/// Stem of a numbered record.
pub(super) fn number_stem(kind: Kind, number: u64) -> Vec<u8> {
    let mut stem = bare(kind);
    stem.extend(number.to_be_bytes());
    stem
}

/// Number of the record that the entry with this key belongs to.
pub(super) fn number_in(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(1..)?.first_chunk()?))
}

/// Text that sorts as it does by itself and ends where it ends: 00 becomes 00 FF, the end is 00 01.
fn push_text(stem: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        stem.push(byte);
        if byte == 0 {
            stem.push(0xFF);
        }
    }
    stem.extend([0, 1]);
}

fn read_text(mut bytes: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(bytes.len());
    loop {
        match bytes {
            [0, 1] => return String::from_utf8(text).ok(),
            [0, 0xFF, rest @ ..] => {
                text.push(0);
                bytes = rest;
            }
            [0, ..] | [] => return None,
            [byte, rest @ ..] => {
                text.push(*byte);
                bytes = rest;
            }
        }
    }
}

/// Key and value of an entry.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// The entries of a record.
pub(super) fn entries(stem: &[u8], payload: &[u8]) -> Result<Vec<Entry>, Damage> {
    let too_large = || Damage::TooLarge(Kind::of(stem).map_or("unknown", Kind::name));
    let parts = payload.chunks(PIECE_BYTES).count().max(1);
    let count = u16::try_from(parts).map_err(|_| too_large())?;
    let mut pieces = payload.chunks(PIECE_BYTES);
    let mut entries = Vec::with_capacity(parts);
    for piece in 0..count {
        let part = pieces.next().unwrap_or_default();
        let mut value = Vec::with_capacity(HEADER_BYTES + part.len());
        if piece == 0 {
            value.push(RECORD_VERSION);
            value.extend(count.to_le_bytes());
            value.extend(checksum(stem, payload).to_le_bytes());
        }
        value.extend(part);
        entries.push((piece_key(stem, piece), value));
    }
    Ok(entries)
}

/// Key of one piece of a record.
pub(super) fn piece_key(stem: &[u8], piece: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(stem.len() + 2);
    key.extend(stem);
    key.extend(piece.to_be_bytes());
    key
}

/// Number of pieces, as the value of piece 0 says.
pub(super) fn pieces(first: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes([*first.get(1)?, *first.get(2)?]))
}

fn checksum(stem: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(stem);
    hasher.update(payload);
    hasher.finalize()
}

/// A record read back whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// What it is about.
    pub(super) kind: Kind,
    stem: Vec<u8>,
    payload: Vec<u8>,
}

impl Record {
    /// The payload as the type it was made from; bytes left over are damage.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Damage> {
        match postcard::take_from_bytes(&self.payload) {
            Ok((value, [])) => Ok(value),
            Ok(_) | Err(_) => Err(Damage::Unreadable(self.kind.name())),
        }
    }

    fn number(&self) -> Result<u64, Damage> {
        number_in(&self.stem).ok_or(Damage::Unreadable(self.kind.name()))
    }

    fn text(&self, bytes: &[u8]) -> Result<String, Damage> {
        read_text(bytes).ok_or(Damage::Unreadable(self.kind.name()))
    }

    fn table<'a>(&self, bytes: &'a [u8]) -> Result<(TableId, &'a [u8]), Damage> {
        match bytes {
            [high, low, rest @ ..] => Ok((TableId(u16::from_be_bytes([*high, *low])), rest)),
            _ => Err(Damage::Unreadable(self.kind.name())),
        }
    }

    fn row(&self, bytes: &[u8]) -> Result<(TableId, RowKey), Damage> {
        let (table, rest) = self.table(bytes)?;
        Ok((table, RowKey(self.text(rest)?.into())))
    }
}

/// Puts entries, given in the order of their keys, together to records.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    record: Record,
    checksum: u32,
    next: u16,
    pieces: u16,
}

impl Assembler {
    /// Takes the next entry; gives a record when it is whole and its checksum is right.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Record>, Damage> {
        let (stem, piece) = key.split_last_chunk::<2>().ok_or(Damage::UnknownKind)?;
        let piece = u16::from_be_bytes(*piece);
        let kind = Kind::of(stem).ok_or(Damage::UnknownKind)?;
        let mut open = match self.open.take() {
            None if piece == 0 => Self::begin(kind, stem, value)?,
            Some(mut open) if open.record.stem == stem && open.next == piece => {
                open.record.payload.extend(value);
                open
            }
            Some(open) => return Err(Damage::Short(open.record.kind.name())),
            None => return Err(Damage::Short(kind.name())),
        };
        open.next += 1;
        if open.next < open.pieces {
            self.open = Some(open);
            return Ok(None);
        }
        if checksum(&open.record.stem, &open.record.payload) != open.checksum {
            return Err(Damage::Checksum(kind.name()));
        }
        Ok(Some(open.record))
    }

    /// Nothing more comes.
    pub(super) fn finish(self) -> Result<(), Damage> {
        self.open.map_or(Ok(()), |open| Err(Damage::Short(open.record.kind.name())))
    }

    fn begin(kind: Kind, stem: &[u8], value: &[u8]) -> Result<Open, Damage> {
        match *value {
            [version, ..] if version > RECORD_VERSION => Err(Damage::Newer(kind.name(), version)),
            [version, ..] if (1..RECORD_VERSION).contains(&version) => {
                Err(Damage::Older(kind.name(), version))
            }
            [RECORD_VERSION, p0, p1, c0, c1, c2, c3, ref payload @ ..] => Ok(Open {
                record: Record { kind, stem: stem.to_vec(), payload: payload.to_vec() },
                checksum: u32::from_le_bytes([c0, c1, c2, c3]),
                next: 0,
                pieces: u16::from_le_bytes([p0, p1]).max(1),
            }),
            [RECORD_VERSION, ..] | [] => Err(Damage::Short(kind.name())),
            [..] => Err(Damage::Checksum(kind.name())),
        }
    }
}

/// Count and digest of all entries but its own: the same whatever the order in which they came, so that a lost, an added and an
/// old entry all show, without reading the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    /// Step lists applied since the store was made.
    pub(super) steps: u64,
    /// Entries.
    pub(super) entries: u64,
    /// Wrapping sum of the entries' digests.
    pub(super) digest: u64,
}

impl Seal {
    /// An entry came.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.entries += 1;
        self.digest = self.digest.wrapping_add(entry_digest(key, value));
    }

    /// An entry went.
    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.entries = self.entries.saturating_sub(1);
        self.digest = self.digest.wrapping_sub(entry_digest(key, value));
    }
}

fn entry_digest(key: &[u8], value: &[u8]) -> u64 {
    u64::from(checksum(key, value)) << 32 | u64::from(checksum(value, key))
}

#[cfg(test)]
mod tests {
    use super::{super::contract, *};

    /// A change here means that stores written so far can no longer be read: raise `RECORD_VERSION`, then put the new bytes down.
    #[test]
    fn the_bytes_of_every_record_stay() {
        let written: Vec<(usize, u32)> = contract::one_of_each()
            .iter()
            .map(|step| change(step, 7).unwrap())
            .map(|(stem, payload)| {
                payload.map(|payload| (payload.len(), checksum(&stem, &payload)))
            })
            .map(Option::unwrap)
            .collect();
        let expected = [
            (16, 0x24A3_7D1C),
            (24, 0x4322_1705),
            (18, 0xD097_82B7),
            (144, 0x585A_1796),
            (1, 0x977C_2961),
            (4, 0x2556_D5EC),
            (36, 0xB2E2_D797),
            (46, 0x798F_1E73),
            (2, 0xE6F6_8288),
            (68, 0xA05F_E568),
            (8, 0x03FC_849C),
            (3, 0x8E86_505E),
            (23, 0xCFA8_EA22),
            (0, 0x95A2_20C3),
            (1, 0xB225_85C6),
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn a_record_of_any_size_is_put_together_again() {
        for size in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 9 * PIECE_BYTES] {
            let stem = row_stem(Kind::Base, TableId(1), &contract::key("a\u{0}b"));
            let payload = vec![7; size];
            let mut assembler = Assembler::default();
            let mut record = None;
            for (key, value) in entries(&stem, &payload).unwrap() {
                assert!(record.is_none());
                record = assembler.take(&key, &value).unwrap();
            }
            assembler.finish().unwrap();
            assert_eq!(record, Some(Record { kind: Kind::Base, stem, payload }));
        }
    }

    #[test]
    fn a_missing_piece_is_damage_wherever_it_stood() {
        let stem = text_stem(Kind::InFlight, "sheet");
        let all = entries(&stem, &vec![7; 3 * PIECE_BYTES]).unwrap();
        for missing in 0..all.len() {
            let mut assembler = Assembler::default();
            let mut kept = all.clone();
            kept.remove(missing);
            let taken: Result<Vec<_>, _> =
                kept.iter().map(|(key, value)| assembler.take(key, value)).collect();
            let ended = taken.and_then(|_| assembler.finish());
            assert_eq!(ended, Err(Damage::Short("batch-in-flight")), "piece {missing}");
        }
    }
}
