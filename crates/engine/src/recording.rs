//! A tape of what an engine was told and what it wanted, so that the same can be told to another one.
//!
//! ```text
//! tape     entry | entry | ...
//! entry    length (u32, little-endian) | crc32 of the payload (u32) | payload (postcard of [`Entry`])
//! ```
//!
//! A process begins with [`Entry::Began`]; what was written last by one that was killed may be torn, and is left out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    TabSpec,
    door::{Action, Input},
    engine::{Engine, Settings},
    state::Image,
    time::Moment,
};

/// Raise it with every change of what a tape holds.
const VERSION: u32 = 1;

/// Bytes before a payload.
const FRAME: usize = 8;

/// One thing that happened to an engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time is alive")]
pub enum Entry<'a> {
    /// A process began with this.
    Began(Box<Beginning>),
    /// [`Engine::spend`].
    Spent([u64; 2]),
    /// [`Engine::handle`].
    Told {
        /// When.
        at: Moment,
        /// What.
        input: Cow<'a, Input>,
    },
    /// [`Engine::hurry`].
    Hurried,
    /// [`Engine::poll`], again and again at one moment.
    Polled {
        /// When.
        at: Moment,
        /// What it gave, in order.
        actions: Cow<'a, [Action]>,
        /// Whether it was asked until it had nothing any more.
        dry: bool,
    },
}

/// What an engine was built of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Beginning {
    version: u32,
    /// Its settings.
    pub settings: Settings,
    /// Its tables.
    pub specs: Vec<TabSpec>,
    /// What the store gave.
    pub image: Image,
}

impl Beginning {
    /// Of an engine that is built of this.
    pub fn new(settings: Settings, specs: Vec<TabSpec>, image: Image) -> Self {
        Self { version: VERSION, settings, specs, image }
    }

    /// The engine.
    pub fn engine(self) -> Engine {
        Engine::new(self.settings, self.specs, self.image)
    }
}

impl Entry<'_> {
    /// The entry with its frame, to be put behind a tape's end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload =
            postcard::to_stdvec(self).expect("entries hold nothing that postcard cannot say");
        let length = u32::try_from(payload.len()).expect("an entry is far below 4 GB");
        let mut bytes = Vec::with_capacity(FRAME + payload.len());
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(&payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    }
}

/// Whether two lists of actions say the same, to the last bit.
pub fn same(ours: &[Action], theirs: &[Action]) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| postcard::to_stdvec(a) == postcard::to_stdvec(b))
}

/// Reads a tape, entry by entry, up to its end or to what is torn.
#[derive(Debug)]
pub struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tape<'a> {
    /// From its first entry on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next entry begins: behind everything that was read, and behind which more may be written.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The next entry; `Err` is a sentence about one that is whole, but cannot be read.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'static>>, String> {
        let Some(payload) = self.payload() else { return Ok(None) };
        let entry: Entry<'static> = postcard::from_bytes(payload).map_err(|_| {
            format!(
                "the entry at byte {} is of another version: replay the tape with the sheetwire that wrote it",
                self.at
            )
        })?;
        if let Entry::Began(beginning) = &entry
            && beginning.version != VERSION
        {
            return Err(format!(
                "the tape is of version {}, and this one reads {VERSION}",
                beginning.version
            ));
        }
        self.at += FRAME + payload.len();
        Ok(Some(entry))
    }

    fn payload(&self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        (checksum(payload) == u32::from_le_bytes(*sum)).then_some(payload)
    }
}

/// CRC-32 as everybody computes it; tapes are written seldom enough for the plain way.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(at: u64) -> Entry<'static> {
        Entry::Told { at: Moment(at), input: Cow::Owned(Input::Sweep) }
    }

    #[test]
    fn a_checksum_is_the_usual_one() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_torn_end_is_left_out_and_may_be_written_over() {
        let mut bytes = told(1).to_bytes();
        let whole = bytes.len();
        bytes.extend(told(2).to_bytes());
        for end in whole..bytes.len() {
            let mut tape = Tape::new(&bytes[..end]);
            assert!(matches!(tape.next_entry(), Ok(Some(Entry::Told { at: Moment(1), .. }))));
            assert!(matches!(tape.next_entry(), Ok(None)));
            assert_eq!(tape.place(), whole);
        }
        let mut tape = Tape::new(&bytes);
        assert!(tape.next_entry().unwrap().is_some() && tape.next_entry().unwrap().is_some());
        assert_eq!(tape.place(), bytes.len());
    }
}
