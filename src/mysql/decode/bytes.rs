//! A bounds-checked walk over event bytes: a malformed event is an error, never a panic.

use thiserror::Error;

/// Event bytes that do not say what their kind of event must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed binlog event: {0}")]
pub struct Malformed(pub &'static str);

/// What is left to read of an event.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Malformed("it ends in the middle of a value"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed("it ends in the middle of a number"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, low byte first.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, low byte first.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, low byte first.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Up to eight bytes, low byte first.
    pub fn uint_le(&mut self, bytes: usize) -> Result<u64, Malformed> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    /// Up to eight bytes, high byte first.
    pub fn uint_be(&mut self, bytes: usize) -> Result<u64, Malformed> {
        Ok(self.take(bytes)?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    /// A length-encoded integer.
    pub fn lenenc(&mut self) -> Result<u64, Malformed> {
        match self.u8()? {
            0xfc => self.uint_le(2),
            0xfd => self.uint_le(3),
            0xfe => self.u64(),
            small @ 0..=0xfa => Ok(u64::from(small)),
            _ => Err(Malformed("a length that is none")),
        }
    }

    /// A length-encoded size.
    pub fn size(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.lenenc()?).map_err(|_| Malformed("a length beyond memory"))
    }

    /// A run of bytes behind its length of `prefix` bytes.
    pub fn prefixed(&mut self, prefix: usize) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.uint_le(prefix)?)
            .map_err(|_| Malformed("a length beyond memory"))?;
        self.take(length)
    }

    /// A run of bytes behind its length-encoded length.
    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.size()?;
        self.take(length)
    }
}

/// A bitmap, lowest bit of the first byte first. Bits behind the end are not set.
#[derive(Debug, Clone, Copy)]
pub struct Bitmap<'a>(pub &'a [u8]);

impl<'a> Bitmap<'a> {
    /// Reads a bitmap with room for `bits`.
    pub fn read(cursor: &mut Cursor<'a>, bits: usize) -> Result<Self, Malformed> {
        cursor.take(bits.div_ceil(8)).map(Self)
    }

    /// Whether a bit is set.
    pub fn has(self, bit: usize) -> bool {
        self.0.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }

    /// How many of the first `bits` are set.
    pub fn count(self, bits: usize) -> usize {
        (0..bits).filter(|bit| self.has(*bit)).count()
    }
}
