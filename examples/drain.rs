//! How fast the log is read: drains everything about one table and prints rows and seconds.
//!
//! `cargo run --release --example drain -- HOST:PORT USER SCHEMA.TABLE FROM-POSITION`, with the password in `MYSQL_PWD`; ends where
//! the server stood when it began.
#![expect(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::{error::Error, time::Instant};

use sheetwire::{
    mysql::{
        binlog::{BinlogSource, StreamOptions},
        connect::{ServerOptions, Session, Tls},
        schema::{self, TableRequest},
        standing,
    },
    ports::{ChangeSource, SourceEvent},
    secret::Secret,
};
use sheetwire_engine::{change::TableId, position::Position};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [place, user, table, from] = &words[..] else {
        return Err("HOST:PORT USER SCHEMA.TABLE FROM-POSITION is wanted".into());
    };
    let (host, port) = place.rsplit_once(':').ok_or("a port is wanted")?;
    let (database, table) = table.split_once('.').ok_or("a schema is wanted")?;
    let password = Secret::new(std::env::var("MYSQL_PWD").unwrap_or_default());
    let mut options = ServerOptions::new(host, port.parse()?, user, password);
    options.tls = Tls::Disabled;
    let mut session = Session::open(&options).await?;
    let request = TableRequest {
        id: TableId(0),
        database: database.to_owned(),
        table: table.to_owned(),
        columns: None,
        filter: None,
    };
    let table = schema::resolve(&mut session, &request).await??.table;
    let end = standing::current_position(&mut session).await?;
    let from: Position = from.parse()?;
    let begin = Instant::now();
    let stream = StreamOptions::new(4_100_001);
    let mut source = BinlogSource::open(&options, &stream, vec![table], from).await?;
    let (mut rows, mut transactions) = (0, 0);
    loop {
        match source.next().await? {
            SourceEvent::Rows { changes, .. } => rows += changes.len(),
            SourceEvent::Commit { position, .. } => {
                transactions += 1;
                if position.contains(&end)? {
                    break;
                }
            }
            SourceEvent::TableSetAside { reason, .. } => return Err(reason.into()),
            SourceEvent::Heartbeat | SourceEvent::TableEmptied { .. } => {}
        }
    }
    println!("{rows} rows in {transactions} transactions in {:?}", begin.elapsed());
    Ok(())
}
