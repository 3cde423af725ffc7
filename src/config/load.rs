//! The file, the environment over it, and the files with secrets.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Problems, Remark,
    keys::{self, Kind},
    quotes,
    raw::Raw,
    types::Config,
};

/// What variables that stand for keys begin with: `SHEETWIRE__MYSQL__HOST` is `mysql.host`.
const PREFIX: &str = "SHEETWIRE__";

/// A configuration, and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// To be told to the operator; nothing stops for them.
    pub findings: Vec<Remark>,
}

/// A file that a key names.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// Content.
    pub text: String,
    /// Whether every user of the machine may read it.
    pub others_may_read: bool,
}

/// What a configuration depends on beside its text.
#[expect(
    missing_debug_implementations,
    reason = "it holds every variable of the environment, passwords among them"
)]
pub struct Surroundings<'a> {
    /// Name of the file, for sentences.
    pub source: String,
    /// Folder that relative paths start from.
    pub folder: PathBuf,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<SecretFile>,
}

impl Surroundings<'_> {
    /// Value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Loads the configuration from a file, with the environment over it. The only place that reads the environment.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    let source = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Problems {
        source: source.clone(),
        problems: vec![Remark::new(
            "file",
            format!("cannot be read: {error}; name another with --config, or make one out of config/sheetwire.example.toml"),
        )],
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
    parse(&text, &Surroundings { source, folder, variables, read: &read_file })
}

/// Parses a configuration without touching anything but what the surroundings offer.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, around: &Surroundings<'_>) -> Result<Loaded, Problems> {
    let refuse = |problems| Problems { source: around.source.clone(), problems };
    let mut file = text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        // Not the line itself, which the error also has: a secret may stand there.
        let said = text.lines().nth(line - 1).and_then(quotes::missing);
        let said = said.unwrap_or_else(|| error.message().to_owned());
        refuse(vec![Remark::new(format!("line {line}"), format!("is not TOML: {said}"))])
    })?;
    let overrides = override_keys(&mut file, around);
    let raw = Raw::read(&file);
    let config = super::parse::config(&raw, around);
    let (mut problems, findings) = raw.remarks();
    problems.splice(0..0, overrides);
    if problems.is_empty() { Ok(Loaded { config, findings }) } else { Err(refuse(problems)) }
}

/// Puts variables in the place of keys; gives back the problems with them.
fn override_keys(file: &mut Table, around: &Surroundings<'_>) -> Vec<Remark> {
    let mut problems = Vec::new();
    for (variable, value) in &around.variables {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path = path.to_lowercase().replace("__", ".");
        match typed(&path, value) {
            Ok(value) => put(file, &path, value),
            Err(text) => problems.push(Remark::new(variable, text)),
        }
    }
    problems
}

fn typed(path: &str, value: &str) -> Result<Value, String> {
    match keys::kind(path) {
        Some(Kind::Text) => Ok(Value::String(value.to_owned())),
        Some(Kind::Integer) => {
            let number = value.trim().parse();
            number.map(Value::Integer).map_err(|_| format!("must be {}", Kind::Integer.name()))
        }
        Some(Kind::List | Kind::Map) | None => {
            let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
            if path.split('.').next() == Some("table") {
                return Err("tables are described in the file only".into());
            }
            Err(keys::advice(section, name))
        }
    }
}

fn put(file: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(file.insert(path.to_owned(), value)),
        Some((section, rest)) => {
            let section = file.entry(section).or_insert_with(|| Value::Table(Table::new()));
            // Where the file has something else there, that is a problem found later.
            if let Value::Table(section) = section {
                put(section, rest, value);
            }
        }
    }
}

fn read_file(path: &Path) -> io::Result<SecretFile> {
    /// "Others may read", in the mode of a file.
    const OTHERS_READ: u32 = 0o004;
    let text = fs::read_to_string(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    Ok(SecretFile { text, others_may_read: mode & OTHERS_READ != 0 })
}
