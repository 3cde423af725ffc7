//! Keys and values as a [`Config`], or everything that is wrong with them.
//!
//! Each part gives a value even where it noted a problem, so that the parts behind it are looked at too; a configuration with a
//! problem never leaves [`super::parse`].

use std::{
    io,
    net::SocketAddr,
    num::NonZeroU32,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    load::{SecretFile, Surroundings},
    raw::{Raw, Section},
    tables,
    types::{
        Budget, Config, Credentials, Endpoint, Flush, Limits, Log, LogFormat, MySql, PipelineName,
        PositionMode, Server, Sheets, Snapshot, Status, Tls, Webhook, defaults,
    },
    units,
};
use crate::secret::Secret;

/// Google's usual limit of calls a minute and user; more is granted on request.
const USUAL_CALLS_PER_MINUTE: u32 = 60;

/// Reads everything. Its result counts only when no problem was noted.
pub(super) fn config(raw: &Raw, around: &Surroundings<'_>) -> Config {
    let top = raw.top();
    let name = pipeline_name(&top);
    let data_dir =
        top.needed("data_dir", "name a folder for the state, as in \"/var/lib/sheetwire/crm\"");
    Config {
        data_dir: around.resolve(data_dir),
        mysql: mysql(&top.within("mysql"), &name, around),
        sheets: sheets(&top.within("sheets"), around),
        webhook: Some(top.within("webhook"))
            .filter(Section::is_there)
            .map(|section| webhook(&section, around)),
        status: Some(top.within("status"))
            .filter(Section::is_there)
            .map(|section| Status { listen: section.listen("listen") }),
        limits: limits(&top.within("limits")),
        log: log(&top.within("log")),
        tables: tables::all(raw),
        name,
    }
}

fn pipeline_name(top: &Section<'_>) -> PipelineName {
    let name = top.needed("name", "name this pipeline, as in \"crm\"");
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.len() > 40 || !name.chars().all(letters) {
        top.problem("name", "must be 1 to 40 letters, digits, - and _");
    }
    PipelineName(name.to_owned())
}

fn mysql(section: &Section<'_>, name: &PipelineName, around: &Surroundings<'_>) -> MySql {
    let server = server(section, None, around);
    let writer = section.within("writer");
    let writer = writer.is_there().then(|| self::server(&writer, Some(&server), around));
    // In the upper half, away from numbers given by hand, and the same at every start.
    let derived = 0x8000_0000 | crc32fast::hash(name.as_str().as_bytes());
    let server_id = section.whole("server_id", 1..=u32::MAX, derived);
    let positions = [("auto", PositionMode::Auto), ("gtid", PositionMode::Gtid)];
    let snapshots = [("initial", Snapshot::Initial), ("when_needed", Snapshot::WhenNeeded)];
    MySql {
        server,
        server_id: NonZeroU32::new(server_id).unwrap_or(NonZeroU32::MIN),
        heartbeat: section.duration("heartbeat", 1..=60, defaults::HEARTBEAT),
        position: section.choice("position", &positions, PositionMode::Auto),
        snapshot: section.choice("snapshot", &snapshots, Snapshot::Initial),
        writer,
    }
}

/// A server; what the writer's section leaves out is as for the reader.
fn server(section: &Section<'_>, reader: Option<&Server>, around: &Surroundings<'_>) -> Server {
    let host = match (section.text("host"), reader) {
        (None, Some(reader)) => &reader.host,
        _ => section.needed("host", "name the server to connect to"),
    };
    let user = match (section.text("user"), reader) {
        (None, Some(reader)) => &reader.user,
        _ => section.needed("user", "name the account to log in with"),
    };
    let port = section.whole(
        "port",
        1..=u32::from(u16::MAX),
        u32::from(reader.map_or(defaults::PORT, |reader| reader.port)),
    );
    let tls = tls(section, host, reader);
    let ca_file = match section.text("ca_file") {
        Some(file) => Some(around.resolve(file)),
        None => reader.and_then(|reader| reader.ca_file.clone()),
    };
    if let (Tls::Disabled, Some(_)) = (tls, section.text("ca_file")) {
        section.problem("ca_file", "has no effect while tls is disabled; remove it, or set tls");
    }
    if let (Some(file), Some(_)) = (&ca_file, section.text("ca_file")) {
        read(section, "ca_file", file, around);
    }
    let password =
        password(section, around).or_else(|| reader.and_then(|reader| reader.password.clone()));
    Server {
        host: host.to_owned(),
        port: u16::try_from(port).unwrap_or(defaults::PORT),
        user: user.to_owned(),
        password,
        tls,
        ca_file,
    }
}

fn tls(section: &Section<'_>, host: &str, reader: Option<&Server>) -> Tls {
    let choices = [
        ("verify_identity", Tls::VerifyIdentity),
        ("verify_ca", Tls::VerifyCa),
        ("required", Tls::Required),
        ("disabled", Tls::Disabled),
    ];
    // A server of this machine rarely has a certificate for "localhost", and nobody listens between.
    let otherwise = match reader {
        Some(reader) if section.text("host").is_none() => reader.tls,
        _ if is_loopback(host) => Tls::Disabled,
        _ => Tls::VerifyIdentity,
    };
    let tls = section.choice("tls", &choices, otherwise);
    if tls == Tls::Disabled && !is_loopback(host) && !host.is_empty() {
        section.finding(
            "tls",
            format!("is disabled: the password and every row travel to {host} in clear"),
        );
    }
    tls
}

fn password(section: &Section<'_>, around: &Surroundings<'_>) -> Option<Secret<String>> {
    match (section.text("password_file"), section.text("password_env")) {
        (Some(_), Some(_)) => {
            section.problem("password_env", "stands beside password_file; keep one of them");
            None
        }
        (Some(file), None) => secret(section, "password_file", &around.resolve(file), around),
        (None, Some(variable)) => {
            let value = around.variable(variable).filter(|value| !value.is_empty());
            if value.is_none() {
                section.problem("password_env", format!("names the variable {variable}, which is not set; set it, or use password_file"));
            }
            value.map(|value| Secret::new(value.to_owned()))
        }
        (None, None) => None,
    }
}

fn sheets(section: &Section<'_>, around: &Surroundings<'_>) -> Sheets {
    let (endpoint, local) = endpoint(section);
    let (budget, flush) = (section.within("budget"), section.within("flush"));
    let calls = |name, otherwise| {
        let calls = budget.whole(name, 1..=6_000, otherwise);
        if calls > USUAL_CALLS_PER_MINUTE {
            budget.finding(name, format!("is above {USUAL_CALLS_PER_MINUTE}, Google's usual limit a minute and user; it needs a raised quota"));
        }
        NonZeroU32::new(calls).unwrap_or(NonZeroU32::MIN)
    };
    Sheets {
        endpoint,
        credentials: credentials(section, local, around),
        timeout: section.duration("timeout", 1..=3_600, defaults::TIMEOUT),
        budget: Budget {
            writes_per_minute: calls("writes_per_minute", defaults::WRITES_PER_MINUTE),
            reads_per_minute: calls("reads_per_minute", defaults::READS_PER_MINUTE),
        },
        flush: Flush {
            every: flush.duration("every", 0..=86_400, defaults::FLUSH_EVERY),
            max_bytes: flush.bytes("max_bytes", 16_000..=8_000_000, defaults::FLUSH_BYTES),
            max_rows: flush.count("max_rows", 1..=100_000, defaults::FLUSH_ROWS),
        },
    }
}

/// The address, and whether it is on this machine, unencrypted.
fn endpoint(section: &Section<'_>) -> (Endpoint, bool) {
    let text = section.text("endpoint").unwrap_or(defaults::ENDPOINT);
    let (rest, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => ("", false),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|ipv6| ipv6.split_once(']')) {
        Some((ipv6, _)) => ipv6,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let odd = |letter: char| letter.is_whitespace() || "?#@".contains(letter);
    if host.is_empty() || rest.contains(odd) {
        section.problem("endpoint", format!("must be an address like {}", defaults::ENDPOINT));
    } else if plain && !is_loopback(host) {
        section.problem("endpoint", "may be http on this machine only; use https");
    }
    (Endpoint(format!("{}/", text.trim_end_matches('/'))), plain)
}

fn credentials(
    section: &Section<'_>,
    local: bool,
    around: &Surroundings<'_>,
) -> Option<Credentials> {
    let key = "credentials_file";
    let Some(file) = section.text(key) else {
        if !local {
            section.missing(key, "name the JSON key file of a Google service account");
        }
        return None;
    };
    let file = around.resolve(file);
    let json = secret(section, key, &file, around)?;
    let email = service_account(json.reveal());
    if email.is_none() {
        section.problem(key, format!("{} is not the key of a service account; create a JSON key for one in Google Cloud, under IAM, Service accounts, Keys", file.display()));
    }
    Some(Credentials { file, json, email: email.unwrap_or_default() })
}

/// The account's address, where the JSON is the key of a service account.
fn service_account(json: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    let text = |name: &str| json.get(name)?.as_str().filter(|text| !text.is_empty());
    text("private_key")?;
    (text("type")? == "service_account").then_some(text("client_email")?.to_owned())
}

fn webhook(section: &Section<'_>, around: &Surroundings<'_>) -> Webhook {
    let key = "secret_file";
    let file = section.needed(key, "name a file with the secret that doorbells are signed with");
    let (named, secret_file) = (!file.is_empty(), around.resolve(file));
    let text = if named { secret(section, key, &secret_file, around) } else { None };
    let secrets = text.map_or(Ok(Vec::new()), |text| doorbell_secrets(text.reveal()));
    if let Err(why) = &secrets {
        section.problem(key, format!("{} {why}", secret_file.display()));
    }
    Webhook {
        listen: section.listen("listen"),
        secrets: secrets.unwrap_or_default(),
        secret_file,
        sweep: section.duration("sweep", 5..=86_400, defaults::SWEEP),
    }
}

/// The secrets in a file for doorbells, one a line.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn doorbell_secrets(text: &str) -> Result<Vec<Secret<String>>, String> {
    const BYTES_MIN: usize = 16;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<Secret<String>> = lines.map(|line| Secret::new(line.to_owned())).collect();
    match secrets.as_slice() {
        [] => Err("is empty; write the secret into it".to_owned()),
        [_, _, _, ..] => Err(
            "has more than two lines; a line is a secret, the new one first, the old one below it"
                .to_owned(),
        ),
        some if some.iter().any(|secret| secret.reveal().len() < BYTES_MIN) => Err(format!(
            "has a secret of less than {BYTES_MIN} characters; make one with: openssl rand -hex 32"
        )),
        _ => Ok(secrets),
    }
}

fn limits(section: &Section<'_>) -> Limits {
    let rows_pending_max = 100..=20_000_000;
    Limits {
        rows_pending_max: section.count(
            "rows_pending_max",
            rows_pending_max,
            defaults::ROWS_PENDING_MAX,
        ),
        chunk_rows: section.count("chunk_rows", 1..=100_000, defaults::CHUNK_ROWS),
        history_changes_max: section.count(
            "history_changes_max",
            0..=100_000_000,
            defaults::HISTORY_CHANGES_MAX,
        ),
    }
}

fn log(section: &Section<'_>) -> Log {
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let filter = section.text("filter").unwrap_or(defaults::LOG_FILTER);
    if let Err(fault) = crate::telemetry::check_filter(filter) {
        section.problem("filter", fault);
    }
    Log { format: section.choice("format", &formats, LogFormat::Auto), filter: filter.to_owned() }
}

/// Content of a file that the configuration names, or a noted problem.
fn read(
    section: &Section<'_>,
    key: &str,
    path: &Path,
    around: &Surroundings<'_>,
) -> Option<SecretFile> {
    let file = (around.read)(path);
    if let Err(error) = &file {
        let place = path.display();
        section.problem(
            key,
            if error.kind() == io::ErrorKind::NotFound {
                format!("{place} does not exist; put the file there, or name another one")
            } else {
                format!("{place} cannot be read: {error}; make it readable for the user that runs sheetwire")
            },
        );
    }
    file.ok()
}

/// A secret out of a file: its text without the line end.
fn secret(
    section: &Section<'_>,
    key: &str,
    path: &Path,
    around: &Surroundings<'_>,
) -> Option<Secret<String>> {
    let SecretFile { text, others_may_read } = read(section, key, path, around)?;
    if others_may_read {
        section.finding(
            key,
            format!(
                "{0} can be read by every user of this machine; run: chmod 600 {0}",
                path.display()
            ),
        );
    }
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        section.problem(key, format!("{} is empty; write the secret into it", path.display()));
        return None;
    }
    Some(Secret::new(secret.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Surroundings<'_> {
    /// Paths in the file are relative to the file.
    fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

impl<'a> Section<'a> {
    /// A text that must be there and not be empty; empty where it is not.
    pub(super) fn needed(&self, name: &str, cure: &str) -> &'a str {
        match self.text(name) {
            Some(text) if !text.trim().is_empty() => return text,
            Some(_) => self.problem(name, format!("is empty: {cure}")),
            None => self.missing(name, cure),
        }
        ""
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], otherwise: T) -> T {
        self.text(name)
            .map_or(otherwise, |word| self.word(name, word, choices).unwrap_or(otherwise))
    }

    /// `word`, found at the key `name`, as one of several words.
    pub(super) fn word<T: Copy>(&self, name: &str, word: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(choice, _)| *choice == word).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
            self.problem(name, format!("\"{word}\" is not known; use one of {}", words.join(", ")));
        }
        found
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, name: &str, bounds: RangeInclusive<u32>, otherwise: u32) -> u32 {
        let Some(number) = self.integer(name) else { return otherwise };
        let within = u32::try_from(number).ok().filter(|number| bounds.contains(number));
        within.unwrap_or_else(|| {
            let (least, most) = bounds.into_inner();
            self.problem(name, format!("is {number}, and must be {least} to {most}"));
            otherwise
        })
    }

    fn count(&self, name: &str, bounds: RangeInclusive<u32>, otherwise: usize) -> usize {
        let otherwise = u32::try_from(otherwise).unwrap_or(u32::MAX);
        usize::try_from(self.whole(name, bounds, otherwise)).unwrap_or(usize::MAX)
    }

    /// A duration within bounds, which are given in seconds.
    fn duration(&self, name: &str, bounds: RangeInclusive<u64>, otherwise: Duration) -> Duration {
        let Some(text) = self.text(name) else { return otherwise };
        let bounds = [*bounds.start(), *bounds.end()].map(Duration::from_secs);
        let [least, most] = bounds.map(units::show_duration);
        match units::duration(text) {
            Some(duration) if bounds[0] <= duration && duration <= bounds[1] => return duration,
            Some(_) => self.problem(name, format!("is {text}, and must be {least} to {most}")),
            None => self.problem(
                name,
                format!("\"{text}\" is not a duration; write it as 250ms, 60s, 5m or 2h"),
            ),
        }
        otherwise
    }

    fn bytes(&self, name: &str, bounds: RangeInclusive<usize>, otherwise: usize) -> usize {
        let Some(text) = self.text(name) else { return otherwise };
        match units::size(text) {
            Some(size) if bounds.contains(&size) => return size,
            Some(_) => self.problem(
                name,
                format!("is {text}, and must be {} to {} bytes", bounds.start(), bounds.end()),
            ),
            None => {
                self.problem(name, format!("\"{text}\" is not a size; write it as 64KiB or 2MB"));
            }
        }
        otherwise
    }

    fn listen(&self, name: &str) -> SocketAddr {
        let text = self.needed(name, "give address and port, as in \"127.0.0.1:8787\"");
        text.parse().unwrap_or_else(|_| {
            if !text.is_empty() {
                self.problem(
                    name,
                    format!("\"{text}\" is not an address with a port, as in \"127.0.0.1:8787\""),
                );
            }
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }
}
