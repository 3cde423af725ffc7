//! From events to committed changes: a state machine over the stream, without any IO.
//!
//! The position moves only where a transaction ends, and with every transaction, foreign ones too. What is not known is passed over only
//! where its header allows it; everything else stops the stream or sets a table aside, loudly.

use mysql_async::binlog::events::{Event, GtidEvent, TransactionPayloadEvent};
use sheetwire_engine::position::Position;

use super::{
    kinds,
    query::{self, Query},
    statement::Statement,
    tables::{Outbox, Tables},
};
use crate::{
    fault::Fault,
    mysql::{
        decode::{
            bytes::{Cursor, Malformed},
            rows::{Operation, Version},
        },
        mariadb,
    },
    ports::SourceEvent,
};

/// How a transaction is told apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Id {
    MySql {
        uuid: [u8; 16],
        tag: String,
        number: u64,
    },
    MariaDb {
        domain: u32,
        server: u32,
        sequence: u64,
    },
    /// A server without GTIDs.
    Anonymous,
}

/// The transaction that is being read.
#[derive(Debug)]
struct Open {
    id: Id,
    /// Microseconds since the epoch, when the server tells them so exactly.
    committed_at_us: Option<i64>,
    /// Whether it goes on until an explicit end. A DDL statement is its own end.
    bracketed: bool,
    /// Whether its rows may still turn out not to be committed.
    prepared_only: bool,
}

/// The state machine.
#[derive(Debug)]
pub struct Assembler {
    position: Position,
    open: Option<Open>,
    /// Set by a compressed transaction until its first inner event arrives.
    unpacking: bool,
    /// The file that is being read, and how far, for servers without GTIDs and for sentences.
    file: String,
    offset: u64,
    tables: Tables,
    out: Outbox,
}

impl Assembler {
    /// Starts behind a position.
    pub fn new(position: Position, tables: Tables) -> Self {
        let (file, offset) = match &position {
            Position::File { name, offset } => (name.clone(), *offset),
            Position::MySql(_) | Position::MariaDb(_) => (String::new(), 4),
        };
        Self { position, open: None, unpacking: false, file, offset, tables, out: Outbox::new() }
    }

    /// What came out and was not taken yet.
    pub fn take(&mut self) -> Option<SourceEvent> {
        self.out.pop_front()
    }

    /// The mapped tables.
    pub fn tables(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// File and offset, for sentences.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.offset)
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// An event that is malformed, unknown, or tells that the log has a hole.
    pub fn absorb(&mut self, event: &Event) -> Result<(), Fault> {
        let header = event.header();
        if header.flags_raw() & kinds::FLAG_ARTIFICIAL == 0 {
            self.advance_offset(header.log_pos());
        }
        let kind = header.event_type_raw();
        self.check_unpacking(kind)?;
        match kind {
            kinds::HEARTBEAT | kinds::HEARTBEAT_2 => self.out.push_back(SourceEvent::Heartbeat),
            kinds::ROTATE => self.on_rotate(event)?,
            kinds::FORMAT_DESCRIPTION => self.on_new_file(event)?,
            kinds::GTID | kinds::GTID_TAGGED | kinds::ANONYMOUS_GTID => self.on_gtid(event)?,
            kinds::MARIADB_GTID => self.on_mariadb_gtid(event)?,
            kinds::MARIADB_GTID_LIST => self.on_mariadb_gtid_list(event)?,
            kinds::QUERY => self.on_query(event, event.data())?,
            kinds::MARIADB_QUERY_COMPRESSED => {
                let plain = query::inflated(event.data()).map_err(|why| self.broken(why))?;
                self.on_query(event, &plain)?;
            }
            kinds::EXECUTE_LOAD_QUERY => {
                let query = Query::parse_load(event.data()).map_err(|why| self.broken(why))?;
                let statement = Statement::parse(&query.text);
                self.tables.on_statement(&statement, &query.schema, &mut self.out);
            }
            kinds::XID => self.commit(event),
            kinds::XA_PREPARE => self.on_xa_prepare(event),
            kinds::TRANSACTION_PAYLOAD => self.on_payload(event)?,
            kinds::INCIDENT => return Err(self.stop("the server says that events were lost here; move the data folder away and run with --takeover: then everything is compared again")),
            _ => self.on_row_event(event, kind)?,
        }
        Ok(())
    }

    /// Events about rows, and those that carry nothing of ours.
    fn on_row_event(&mut self, event: &Event, kind: u8) -> Result<(), Fault> {
        let data = event.data();
        if kind == kinds::TABLE_MAP {
            let mapped = self.tables.map(data, &mut self.out);
            return mapped.map_err(|why| self.broken(why));
        }
        if let Some((operation, version, compressed)) = rows_kind(kind) {
            return if compressed {
                let plain = mariadb::inflated_rows(data, operation, version);
                let plain = plain.map_err(|why| self.broken(why))?;
                self.on_rows(event, &plain, (operation, version))
            } else {
                self.on_rows(event, data, (operation, version))
            };
        }
        if kind == kinds::PARTIAL_UPDATE_ROWS {
            let number = Cursor::new(data).uint_le(6).map_err(|why| self.broken(why))?;
            let what = "an update came as a partial JSON change, which is not applied; set binlog_row_value_options='' on the server and its sessions, then restart sheetwire, which copies the table again";
            self.tables.refuse_number(number, what, &mut self.out);
            return Ok(());
        }
        let harmless = matches!(
            kind,
            kinds::STOP
                | kinds::INTVAR
                | kinds::RAND
                | kinds::USER_VAR
                | kinds::BEGIN_LOAD_QUERY
                | kinds::APPEND_BLOCK
                | kinds::DELETE_FILE
                | kinds::IGNORABLE
                | kinds::ROWS_QUERY
                | kinds::PREVIOUS_GTIDS
                | kinds::TRANSACTION_CONTEXT
                | kinds::VIEW_CHANGE
                | kinds::MARIADB_ANNOTATE_ROWS
                | kinds::MARIADB_BINLOG_CHECKPOINT
                | kinds::MARIADB_START_ENCRYPTION
        );
        if harmless || event.header().flags_raw() & kinds::FLAG_IGNORABLE != 0 {
            return Ok(());
        }
        Err(self.stop(&format!("event type {kind} is not known, and its header does not allow to pass it over; a newer sheetwire may know it")))
    }

    fn on_rows(
        &mut self,
        event: &Event,
        data: &[u8],
        (operation, version): (Operation, Version),
    ) -> Result<(), Fault> {
        let held = self.open.as_ref().is_some_and(|open| open.prepared_only);
        let at_us = (!held).then(|| self.at_us(event));
        let taken = self.tables.rows((data, operation, version), at_us, &mut self.out);
        taken.map_err(|why| self.broken(why))?;
        if held && self.tables.overflows() {
            self.refuse_prepared();
        }
        Ok(())
    }

    fn on_gtid(&mut self, event: &Event) -> Result<(), Fault> {
        self.check_closed()?;
        let wrong =
            |why: std::io::Error| self.stop(&format!("a GTID event that cannot be read: {why}"));
        let (id, committed) = if event.header().event_type_raw() == kinds::ANONYMOUS_GTID {
            let gtid = event
                .read_event::<mysql_async::binlog::events::AnonymousGtidEvent>()
                .map_err(wrong)?;
            (Id::Anonymous, gtid.0.immediate_commit_timestamp())
        } else {
            let gtid = event.read_event::<GtidEvent>().map_err(wrong)?;
            let tag = gtid.tag().map_or(String::new(), |tag| tag.as_str().to_owned());
            (
                Id::MySql { uuid: gtid.sid(), tag, number: gtid.gno() },
                gtid.immediate_commit_timestamp(),
            )
        };
        let fits = matches!(
            (&id, &self.position),
            (Id::MySql { .. }, Position::MySql(_)) | (_, Position::File { .. })
        );
        if !fits {
            return Err(self.stop("a transaction without a GTID, while the position is a GTID set; set gtid_mode=ON for good, then start from a new position"));
        }
        let committed_at_us = i64::try_from(committed).ok().filter(|micros| *micros > 0);
        self.open = Some(Open { id, committed_at_us, bracketed: false, prepared_only: false });
        Ok(())
    }

    fn on_mariadb_gtid(&mut self, event: &Event) -> Result<(), Fault> {
        self.check_closed()?;
        let gtid = mariadb::gtid(event).map_err(|why| self.stop(&why))?;
        let id = Id::MariaDb { domain: gtid.domain, server: gtid.server, sequence: gtid.sequence };
        self.open = Some(Open {
            id,
            committed_at_us: None,
            bracketed: !gtid.standalone,
            prepared_only: gtid.prepared,
        });
        Ok(())
    }

    /// Each file begins with everything before it. Whatever we have not seen of that is a hole.
    fn on_mariadb_gtid_list(&mut self, event: &Event) -> Result<(), Fault> {
        let made_up = event.header().timestamp() == 0
            || event.header().flags_raw() & kinds::FLAG_ARTIFICIAL != 0;
        let list = mariadb::gtid_list(event).map_err(|why| self.stop(&why))?;
        let Position::MariaDb(ours) = &self.position else { return Ok(()) };
        if made_up || ours.contains(&list) {
            return Ok(());
        }
        let missing = list.ahead_of(ours);
        Err(self.stop(&format!("the log goes on behind {missing}, which was never sent; move the data folder away and run with --takeover: then everything is compared again")))
    }

    fn on_query(&mut self, event: &Event, data: &[u8]) -> Result<(), Fault> {
        let query = Query::parse(data).map_err(|why| self.broken(why))?;
        match Statement::parse(&query.text) {
            Statement::Begin => self.bracket(false),
            Statement::XaStart => self.bracket(true),
            Statement::Commit => self.commit(event),
            Statement::Rollback => {
                self.tables.refuse_touched("a transaction with its rows ends with ROLLBACK in the log, as engines without transactions do; restart sheetwire, which copies the table again", &mut self.out);
                self.commit(event);
            }
            Statement::RollbackTo => {
                self.tables.refuse_touched("some of a transaction's rows were rolled back to a savepoint behind their being logged; restart sheetwire, which copies the table again", &mut self.out);
            }
            Statement::Nothing | Statement::XaEnd => self.end_unless_bracketed(event),
            other => {
                self.tables.on_statement(&other, &query.schema, &mut self.out);
                self.end_unless_bracketed(event);
            }
        }
        Ok(())
    }

    fn bracket(&mut self, prepared_only: bool) {
        let open = self.open.get_or_insert(Open {
            id: Id::Anonymous,
            committed_at_us: None,
            bracketed: true,
            prepared_only,
        });
        open.bracketed = true;
        open.prepared_only |= prepared_only;
    }

    fn end_unless_bracketed(&mut self, event: &Event) {
        if !self.open.as_ref().is_some_and(|open| open.bracketed) {
            self.commit(event);
        }
    }

    /// The first byte tells whether the rows are committed with it or wait for an `XA COMMIT` that may never come.
    fn on_xa_prepare(&mut self, event: &Event) {
        let one_phase = event.data().first().is_some_and(|byte| *byte != 0);
        if !one_phase {
            self.refuse_prepared();
        }
        self.commit(event);
    }

    fn refuse_prepared(&mut self) {
        self.tables.refuse_touched("rows of it came in an XA transaction that is only prepared, and may be rolled back; restart sheetwire, which copies the table again when it is settled", &mut self.out);
    }

    fn on_payload(&mut self, event: &Event) -> Result<(), Fault> {
        // The stream unpacks it by itself, and says nothing where it cannot.
        if let Err(why) = event.read_event::<TransactionPayloadEvent<'_>>() {
            return Err(self.stop(&format!("a compressed transaction that cannot be read: {why}")));
        }
        self.unpacking = true;
        Ok(())
    }

    fn check_unpacking(&mut self, kind: u8) -> Result<(), Fault> {
        if !self.unpacking || matches!(kind, kinds::HEARTBEAT | kinds::HEARTBEAT_2) {
            return Ok(());
        }
        self.unpacking = false;
        let outside = matches!(
            kind,
            kinds::GTID
                | kinds::GTID_TAGGED
                | kinds::ANONYMOUS_GTID
                | kinds::ROTATE
                | kinds::FORMAT_DESCRIPTION
        );
        if outside {
            return Err(self.stop("a compressed transaction turned out empty; set binlog_transaction_compression=OFF, move the data folder away and run with --takeover: then everything is compared again"));
        }
        Ok(())
    }

    fn check_closed(&self) -> Result<(), Fault> {
        if self.open.is_some() {
            return Err(self.stop(
                "a transaction has no end in the log; move the data folder away and run with --takeover: then everything is compared again",
            ));
        }
        Ok(())
    }

    fn on_rotate(&mut self, event: &Event) -> Result<(), Fault> {
        let artificial = event.header().flags_raw() & kinds::FLAG_ARTIFICIAL != 0
            || event.header().timestamp() == 0;
        let mut cursor = Cursor::new(event.data());
        let offset = cursor.u64().map_err(|why| self.broken(why))?;
        let name = file_name(cursor.rest(), artificial);
        self.offset = offset;
        if self.file == name {
            return Ok(());
        }
        self.file = name;
        if let Position::File { name, offset } = &mut self.position
            && self.open.is_none()
        {
            (*name, *offset) = (self.file.clone(), self.offset);
            let position = self.position.clone();
            self.out.push_back(SourceEvent::Commit { position, committed_at_us: 0 });
        }
        Ok(())
    }

    /// A new file. Where it begins in the middle of a transaction, the server died there and that transaction never was.
    fn on_new_file(&mut self, event: &Event) -> Result<(), Fault> {
        let resumed = event.header().log_pos() == 0
            || event.header().flags_raw() & kinds::FLAG_ARTIFICIAL != 0;
        if self.open.take().is_some() {
            if resumed {
                return Err(self.stop("the log begins anew in the middle of a transaction"));
            }
            self.tables.refuse_touched("the server stopped in the middle of a transaction with its rows; restart sheetwire, which copies the table again", &mut self.out);
            self.tables.end_transaction();
        }
        self.tables.forget_numbers();
        Ok(())
    }

    /// Ends a transaction: delivers its rows, then the position behind it.
    fn commit(&mut self, event: &Event) {
        let committed_at_us = self.at_us(event);
        self.tables.deliver(committed_at_us, &mut self.out);
        self.tables.end_transaction();
        let open = self.open.take();
        match (&mut self.position, open.map_or(Id::Anonymous, |open| open.id)) {
            (Position::MySql(set), Id::MySql { uuid, tag, number }) => {
                set.insert(uuid, &tag, number);
            }
            (Position::MariaDb(list), Id::MariaDb { domain, server, sequence }) => {
                list.advance(domain, server, sequence);
            }
            (Position::File { name, offset }, _) => {
                (*name, *offset) = (self.file.clone(), self.offset);
            }
            // A statement outside of any transaction, as MariaDB's own housekeeping writes: nothing to count.
            _ => {}
        }
        let position = self.position.clone();
        self.out.push_back(SourceEvent::Commit { position, committed_at_us });
    }

    /// When the open transaction was committed, as exactly as the log says it at this event.
    fn at_us(&self, event: &Event) -> i64 {
        let exact = self.open.as_ref().and_then(|open| open.committed_at_us);
        exact.unwrap_or(i64::from(event.header().timestamp()) * 1_000_000)
    }

    /// Follows the offset. Headers have 32 bits for it: behind 4 GiB the place of the last transaction in reach is kept.
    fn advance_offset(&mut self, log_pos: u32) {
        let log_pos = u64::from(log_pos);
        if log_pos > self.offset {
            self.offset = log_pos;
        }
    }

    fn broken(&self, why: Malformed) -> Fault {
        self.stop(&why.to_string())
    }

    fn stop(&self, what: &str) -> Fault {
        Fault::Source(format!("binlog {}: {what}", self.place()))
    }
}

/// Operation, version, and whether the rows are compressed.
fn rows_kind(kind: u8) -> Option<(Operation, Version, bool)> {
    Some(match kind {
        kinds::WRITE_ROWS_1 => (Operation::Write, Version::One, false),
        kinds::UPDATE_ROWS_1 => (Operation::Update, Version::One, false),
        kinds::DELETE_ROWS_1 => (Operation::Delete, Version::One, false),
        kinds::WRITE_ROWS_2 => (Operation::Write, Version::Two, false),
        kinds::UPDATE_ROWS_2 => (Operation::Update, Version::Two, false),
        kinds::DELETE_ROWS_2 => (Operation::Delete, Version::Two, false),
        kinds::MARIADB_WRITE_ROWS_COMPRESSED_1 => (Operation::Write, Version::One, true),
        kinds::MARIADB_UPDATE_ROWS_COMPRESSED_1 => (Operation::Update, Version::One, true),
        kinds::MARIADB_DELETE_ROWS_COMPRESSED_1 => (Operation::Delete, Version::One, true),
        kinds::MARIADB_WRITE_ROWS_COMPRESSED_2 => (Operation::Write, Version::Two, true),
        kinds::MARIADB_UPDATE_ROWS_COMPRESSED_2 => (Operation::Update, Version::Two, true),
        kinds::MARIADB_DELETE_ROWS_COMPRESSED_2 => (Operation::Delete, Version::Two, true),
        _ => return None,
    })
}

/// The file a rotate event names. MariaDB's made-up first one comes before its format is known, and so with its checksum: four bytes
/// behind the number.
fn file_name(bytes: &[u8], artificial: bool) -> String {
    let whole = |name: &[u8]| {
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && name.len().checked_sub(digits + 1).is_some_and(|dot| name[dot] == b'.')
    };
    let name = match bytes.len().checked_sub(4).map(|end| &bytes[..end]) {
        Some(cut) if artificial && !whole(bytes) && whole(cut) => cut,
        _ => bytes,
    };
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_behind_a_file_name_is_cut_off_and_nothing_else() {
        assert_eq!(file_name(b"binlog.000002\x01\xfe\x30\xaa", true), "binlog.000002");
        assert_eq!(file_name(b"my.host-bin.000002", true), "my.host-bin.000002");
        assert_eq!(file_name(b"binlog.1000002", false), "binlog.1000002");
        assert_eq!(file_name(b"odd", true), "odd");
    }
}
