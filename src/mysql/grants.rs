//! Whether the account may do what following tables takes, and the `GRANT` that is missing.

use super::{
    connect::{Session, at},
    preflight::{Finding, Level, select_grant},
};
use crate::{fault::Fault, ports::MappedTable};

/// The account's grants that are missing, each with the statement that gives it.
pub async fn missing(session: &mut Session, tables: &[MappedTable]) -> Result<Vec<Finding>, Fault> {
    let account = account(session).await?;
    let held = global_privileges(session).await?;
    let mut findings = Vec::new();
    let has = |names: &[&str]| names.iter().any(|name| held.iter().any(|one| one == name));
    let any = ["ALL PRIVILEGES", "SUPER"];
    if !has(&["REPLICATION SLAVE", "REPLICATION REPLICA"]) && !has(&any[..1]) {
        findings.push(ungranted(
            "REPLICATION SLAVE",
            "the account may not read the binlog",
            &format!("GRANT REPLICATION SLAVE ON *.* TO {account}"),
        ));
    }
    let status =
        if session.server().is_mariadb() { "BINLOG MONITOR" } else { "REPLICATION CLIENT" };
    if !has(&["REPLICATION CLIENT", "BINLOG MONITOR"]) && !has(&any) {
        findings.push(ungranted(
            status,
            "the account may not ask where the binlog stands",
            &format!("GRANT {status} ON *.* TO {account}"),
        ));
    }
    for table in tables {
        let probe = format!("{} LIMIT 0", super::sql::select(table, &[]));
        match session.query(&probe).await {
            Ok(_) => {}
            Err(weather @ Fault::Transient(_)) => return Err(weather),
            Err(refused) => findings.push(Finding {
                level: Level::Fail,
                what: format!("table {}.{}", table.database, table.table),
                found: refused.to_string(),
                cure: select_grant(table, &account),
            }),
        }
    }
    Ok(findings)
}

fn ungranted(what: &str, found: &str, cure: &str) -> Finding {
    Finding {
        level: Level::Fail,
        what: what.to_owned(),
        found: found.to_owned(),
        cure: cure.to_owned(),
    }
}

/// The account the server took us for, quoted.
pub async fn account(session: &mut Session) -> Result<String, Fault> {
    let text = session.text("SELECT CURRENT_USER()").await?.unwrap_or_default();
    let (user, host) = text.rsplit_once('@').unwrap_or((&text, "%"));
    let quoted = |part: &str| format!("'{}'", part.replace('\'', "''"));
    Ok(format!("{}@{}", quoted(user), quoted(host)))
}

/// Privileges on everything, as `SHOW GRANTS` lists them. Those of roles in force are among them on MariaDB and asked for on MySQL.
async fn global_privileges(session: &mut Session) -> Result<Vec<String>, Fault> {
    let mut held = Vec::new();
    for row in session.query("SHOW GRANTS").await? {
        held.extend(of_line(&at::<String>(&row, 0).unwrap_or_default()));
    }
    if session.server().is_mysql_since(8, 0, 0) {
        let roles = session.text("SELECT CURRENT_ROLE()").await?.unwrap_or_default();
        if !roles.is_empty() && roles != "NONE" {
            let statement = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
            for row in session.query(&statement).await? {
                held.extend(of_line(&at::<String>(&row, 0).unwrap_or_default()));
            }
        }
    }
    Ok(held)
}

/// `GRANT a, b ON *.* TO ...` gives `a` and `b`; grants on less than everything give nothing.
fn of_line(line: &str) -> Vec<String> {
    let Some((privileges, _)) = line.split_once(" ON *.* TO ") else { return Vec::new() };
    let privileges = privileges.strip_prefix("GRANT ").unwrap_or(privileges);
    privileges.split(',').map(|name| name.trim().to_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grants_on_everything_count() {
        let line =
            "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*'";
        assert_eq!(of_line(line), ["REPLICATION SLAVE", "BINLOG MONITOR"]);
        assert!(of_line("GRANT ALL PRIVILEGES ON `shop`.* TO `r`@`%`").is_empty());
    }
}
