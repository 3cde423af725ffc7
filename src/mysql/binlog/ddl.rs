//! What statements of the log do to mapped tables: DDL is followed where it can be, everything else sets the table aside.

use super::{
    statement::{Named, Statement},
    tables::{Outbox, Tables},
};

const DROPPED: &str =
    "it was dropped; take it out of the configuration, or create it and copy it again";
const DATABASE_DROPPED: &str =
    "its database was dropped; take it out of the configuration, or create it and copy it again";
const REPLACED: &str = "it was replaced by a new table of its name; copy it again";
const ROWS_MOVED: &str = "ALTER TABLE removed or exchanged rows of it that the log does not name; restart sheetwire, which copies the table again";
const LOGGED_AS_STATEMENT: &str = "it was changed by a statement that the log does not break down into rows; \
     set binlog_format=ROW on the server and its sessions, then restart sheetwire, which copies the table again";
const LOGGED_AS_CALL: &str = "a stored routine was logged as a statement and may have changed it; \
     set binlog_format=ROW on the server and its sessions, then restart sheetwire, which copies the table again";

impl Tables {
    /// Does to the mapped tables what a statement of the log did. `schema` counts for names that have none.
    pub fn on_statement(&mut self, statement: &Statement, schema: &str, out: &mut Outbox) {
        match statement {
            Statement::Truncate(name) => {
                for index in self.matching(name, schema) {
                    self.empty(index, out);
                }
            }
            Statement::Drop(names) => self.refuse_named(names, schema, DROPPED, out),
            Statement::DropDatabase(database) => {
                for index in self.all_in(Some(database)) {
                    self.refuse(index, DATABASE_DROPPED, out);
                }
            }
            Statement::Rename(pairs) => self.on_rename(pairs, schema, out),
            Statement::Alter(name) | Statement::Create(name, false) => {
                self.reread(name, schema);
            }
            Statement::AlterRows(names) => self.refuse_named(names, schema, ROWS_MOVED, out),
            Statement::Create(name, true) => {
                self.refuse_named(std::slice::from_ref(name), schema, REPLACED, out);
            }
            Statement::Change(names) => {
                self.refuse_named(names, schema, LOGGED_AS_STATEMENT, out);
            }
            Statement::Call => {
                for index in self.all_in(None) {
                    self.refuse(index, LOGGED_AS_CALL, out);
                }
            }
            Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::RollbackTo
            | Statement::XaStart
            | Statement::XaEnd
            | Statement::Nothing => {}
        }
    }

    /// Tables are followed by name: an online schema change ends with another table under the old name.
    fn on_rename(&mut self, pairs: &[(Named, Named)], schema: &str, out: &mut Outbox) {
        for (old, new) in pairs {
            let comes_back = |index: &usize| {
                pairs.iter().any(|(_, new)| self.matching(new, schema).contains(index))
            };
            let gone = self.matching(old, schema);
            let (replaced, lost): (Vec<usize>, Vec<usize>) = gone.into_iter().partition(comes_back);
            for index in lost {
                let what = format!(
                    "it was renamed to '{}' and nothing took its place; map the new name, or rename it back and copy it again",
                    new.table
                );
                self.refuse(index, &what, out);
            }
            for index in replaced {
                self.mark_stale(index);
            }
            self.reread(new, schema);
        }
    }

    fn reread(&mut self, name: &Named, schema: &str) {
        for index in self.matching(name, schema) {
            self.mark_stale(index);
        }
    }

    fn refuse_named(&mut self, names: &[Named], schema: &str, what: &str, out: &mut Outbox) {
        for name in names {
            for index in self.matching(name, schema) {
                self.refuse(index, what, out);
            }
        }
    }
}
