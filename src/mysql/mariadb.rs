//! What only MariaDB has in its log: domain GTIDs and compressed events. The GTID events are parsed by `mysql_cdc`.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use mysql_async::binlog::events::Event;
use sheetwire_engine::position::GtidList;

use super::decode::{
    bytes::{Bitmap, Cursor, Malformed},
    rows::{Operation, Version},
};

/// The largest event a server accepts is 1 GiB; nothing inflates beyond that.
const INFLATED_MAX: usize = 1 << 30;

/// The beginning of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariaDbGtid {
    /// Replication domain.
    pub domain: u32,
    /// Server that committed first.
    pub server: u32,
    /// Number within the domain.
    pub sequence: u64,
    /// Whether the statement behind it is a transaction by itself, as DDL is.
    pub standalone: bool,
    /// Whether the rows are only prepared by XA, and committed or not later on.
    pub prepared: bool,
}

/// Reads a GTID event.
///
/// # Errors
/// A sentence, when the event cannot be read or this build does not know MariaDB.
pub fn gtid(event: &Event) -> Result<MariaDbGtid, String> {
    parser::gtid(event)
}

/// Reads the list of everything before a file. The last transaction of a domain stands last.
///
/// # Errors
/// A sentence, when the event cannot be read or this build does not know MariaDB.
pub fn gtid_list(event: &Event) -> Result<GtidList, String> {
    parser::gtid_list(event)
}

/// Whether this build can follow MariaDB.
///
/// # Errors
/// A sentence, when it cannot.
pub fn supported() -> Result<(), String> {
    parser::supported()
}

#[cfg(feature = "mariadb")]
mod parser {
    use mysql_async::binlog::events::Event;
    use mysql_cdc::events::{
        binlog_event::BinlogEvent, event_header::EventHeader, event_parser::EventParser,
    };
    use sheetwire_engine::position::GtidList;

    use super::MariaDbGtid;

    const FLAG_STANDALONE: u8 = 1;
    const FLAG_PREPARED_XA: u8 = 64;

    /// Flags of the server share the list's count; `mysql_cdc` takes them for a part of the number.
    const COUNT_MASK: u8 = 0x0f;

    #[expect(clippy::unnecessary_wraps, reason = "the other build has something to say here")]
    pub(super) fn supported() -> Result<(), String> {
        Ok(())
    }

    pub(super) fn gtid(event: &Event) -> Result<MariaDbGtid, String> {
        let BinlogEvent::MariaDbGtidEvent(found) = parse(event, event.data())? else {
            return Err("a MariaDB GTID event that is none".to_owned());
        };
        Ok(MariaDbGtid {
            domain: found.gtid.domain_id,
            server: found.gtid.server_id,
            sequence: found.gtid.sequence,
            standalone: found.flags & FLAG_STANDALONE != 0,
            prepared: found.flags & FLAG_PREPARED_XA != 0,
        })
    }

    pub(super) fn gtid_list(event: &Event) -> Result<GtidList, String> {
        let mut data = event.data().to_vec();
        if let Some(high) = data.get_mut(3) {
            *high &= COUNT_MASK;
        }
        let BinlogEvent::MariaDbGtidListEvent(found) = parse(event, &data)? else {
            return Err("a MariaDB GTID list event that is none".to_owned());
        };
        let mut list = GtidList::default();
        for one in found.gtid_list.gtids {
            list.advance(one.domain_id, one.server_id, one.sequence);
        }
        Ok(list)
    }

    /// `mysql_cdc` gets the event without its checksum, and is told of none.
    fn parse(event: &Event, data: &[u8]) -> Result<BinlogEvent, String> {
        let header = event.header();
        let header = EventHeader {
            timestamp: header.timestamp(),
            event_type: header.event_type_raw(),
            server_id: header.server_id(),
            event_length: header.event_size(),
            next_event_position: header.log_pos(),
            event_flags: header.flags_raw(),
        };
        EventParser::new()
            .parse_event(&header, data)
            .map_err(|why| format!("a MariaDB event that cannot be read: {why:?}"))
    }
}

#[cfg(not(feature = "mariadb"))]
mod parser {
    use mysql_async::binlog::events::Event;
    use sheetwire_engine::position::GtidList;

    use super::MariaDbGtid;

    const MISSING: &str = "this build does not know MariaDB; use one with the feature `mariadb`, which is on by default";

    pub(super) fn supported() -> Result<(), String> {
        Err(MISSING.to_owned())
    }

    pub(super) fn gtid(_: &Event) -> Result<MariaDbGtid, String> {
        Err(MISSING.to_owned())
    }

    pub(super) fn gtid_list(_: &Event) -> Result<GtidList, String> {
        Err(MISSING.to_owned())
    }
}

/// A compressed rows event (`log_bin_compress`) as it would be without: its header is plain, its rows are not.
pub fn inflated_rows(
    data: &[u8],
    operation: Operation,
    version: Version,
) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(data);
    cursor.take(8)?;
    if version == Version::Two {
        let extra = usize::from(cursor.u16()?);
        cursor
            .take(extra.checked_sub(2).ok_or(Malformed("extra data shorter than its length"))?)?;
    }
    let columns = cursor.size()?;
    Bitmap::read(&mut cursor, columns)?;
    if operation == Operation::Update {
        Bitmap::read(&mut cursor, columns)?;
    }
    let (header, rows) = data.split_at(data.len() - cursor.len());
    let mut plain = header.to_vec();
    plain.extend(inflate(rows)?);
    Ok(plain)
}

/// Inflates what MariaDB compressed: one byte with method and width of the length, the length, then a zlib stream.
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let first = cursor.u8()?;
    if first & 0xf0 != 0x80 {
        return Err(Malformed("compressed by a method that is not known"));
    }
    let length = cursor.uint_be(usize::from(first & 0x07))?;
    let length = usize::try_from(length).map_err(|_| Malformed("a length beyond memory"))?;
    if length > INFLATED_MAX {
        return Err(Malformed("larger than any event when inflated"));
    }
    let plain = decompress_to_vec_zlib_with_limit(cursor.rest(), length)
        .map_err(|_| Malformed("compressed bytes that cannot be inflated"))?;
    if plain.len() != length {
        return Err(Malformed("shorter than it says when inflated"));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    #[test]
    fn compressed_rows_inflate_behind_their_plain_header() {
        let header = [7, 0, 0, 0, 0, 0, 1, 0, 2, 0xff];
        let rows = b"rows rows rows rows";
        let mut data = header.to_vec();
        data.extend([0x81, u8::try_from(rows.len()).unwrap()]);
        data.extend(compress_to_vec_zlib(rows, 6));
        let plain = inflated_rows(&data, Operation::Write, Version::One).unwrap();
        assert_eq!(plain, [&header[..], rows].concat());
        for length in 0..data.len() {
            assert!(inflated_rows(&data[..length], Operation::Write, Version::One).is_err());
        }
    }
}
