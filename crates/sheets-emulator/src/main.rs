//! The emulator as a program: listens, prints where, and runs until it is told to stop.

#[cfg(feature = "apps-script")]
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
#[cfg(feature = "apps-script")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sheets_emulator::http::{Emulator, Options, QuotaLimits, QuotaWindow};
#[cfg(feature = "apps-script")]
use sheets_emulator::script::{Call, Source};

/// A subset of the Google Sheets API v4 on this machine, with a grid to look at and type into.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A peer that may use the web grid as this machine may: the gateway of a container; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    trust_peer: Vec<IpAddr>,
    /// Virtual seconds per real second, for quota minutes, tokens and stalls.
    #[arg(long, default_value_t = 1.0)]
    clock_rate: f64,
    /// A spreadsheet to start with; may be given several times.
    #[arg(long, value_name = "ID=TITLE", value_parser = spreadsheet)]
    spreadsheet: Vec<(String, String)>,
    /// Writes a service-account key file (mode 0600) whose tokens come from this emulator.
    #[arg(long, value_name = "FILE")]
    write_service_account: Option<PathBuf>,
    /// E-mail address of that service account.
    #[arg(long, default_value = "sheetwire@sheets-emulator.iam.gserviceaccount.com")]
    service_account: String,
    #[cfg(feature = "apps-script")]
    #[command(flatten)]
    script: ScriptArguments,
    /// How quota minutes are cut, or off.
    #[arg(long, value_enum, default_value_t = QuotaMode::Fixed)]
    quota: QuotaMode,
    /// Seed of faults with a probability and of new spreadsheet ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A script for every `--spreadsheet`.
#[cfg(feature = "apps-script")]
#[derive(Debug, clap::Args)]
struct ScriptArguments {
    /// `Code.gs` of a script for every --spreadsheet; appsscript.json beside it says what the script may do.
    #[arg(long, value_name = "FILE", requires = "spreadsheet")]
    script: Option<PathBuf>,
    /// Script property `SHEETWIRE_URL`.
    #[arg(long, value_name = "URL", requires = "script")]
    script_url: Option<String>,
    /// File with the script property `SHEETWIRE_SECRET`; white space around it is left out.
    #[arg(long, value_name = "FILE", requires = "script")]
    script_secret_file: Option<PathBuf>,
    /// Runs the script's function `setup`, which installs its triggers.
    #[arg(long, requires = "script")]
    script_setup: bool,
}

#[cfg(feature = "apps-script")]
impl ScriptArguments {
    /// What to install, or none.
    fn source(&self) -> Result<Option<Source>, Box<dyn std::error::Error>> {
        let Some(file) = &self.script else { return Ok(None) };
        let manifest = file.with_file_name("appsscript.json");
        let mut properties = BTreeMap::new();
        if let Some(url) = &self.script_url {
            properties.insert("SHEETWIRE_URL".to_owned(), url.clone());
        }
        if let Some(secret) = &self.script_secret_file {
            let secret = text(secret)?;
            properties.insert("SHEETWIRE_SECRET".to_owned(), secret.trim().to_owned());
        }
        Ok(Some(Source {
            source: text(file)?,
            manifest: manifest.exists().then(|| text(&manifest)).transpose()?,
            properties: Some(properties),
        }))
    }
}

#[cfg(feature = "apps-script")]
fn text(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum QuotaMode {
    Fixed,
    Sliding,
    Off,
}

fn spreadsheet(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((id, title)) if !id.is_empty() && !title.is_empty() => {
            Ok((id.to_owned(), title.to_owned()))
        }
        _ => Err("give it as ID=TITLE, for example demo=Orders".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the one place that speaks to the terminal")]
            {
                eprintln!("sheets-emulator: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let limits = |window| Some(QuotaLimits { window, ..QuotaLimits::default() });
    let emulator = Emulator::start(Options {
        listen: arguments.listen,
        trusted_peers: arguments.trust_peer,
        clock_rate: arguments.clock_rate,
        quota: match arguments.quota {
            QuotaMode::Fixed => limits(QuotaWindow::Fixed),
            QuotaMode::Sliding => limits(QuotaWindow::Sliding),
            QuotaMode::Off => None,
        },
        seed: arguments.seed,
        ..Options::default()
    })
    .await?;
    for (id, title) in &arguments.spreadsheet {
        emulator.add_spreadsheet(id, title)?;
    }
    if let Some(path) = &arguments.write_service_account {
        emulator.write_service_account(path, &arguments.service_account)?;
    }
    #[cfg(feature = "apps-script")]
    if let Some(source) = arguments.script.source()? {
        for (id, _) in &arguments.spreadsheet {
            emulator.install_script(id, source.clone())?;
            if arguments.script.script_setup {
                let setup = Call { function: "setup".to_owned(), ..Call::default() };
                if let Some(error) = emulator.run_script(id, setup).await?.error {
                    return Err(format!("setup of the script in {id}: {error}").into());
                }
            }
        }
    }
    let told = until_told()?;
    #[expect(clippy::print_stdout, reason = "the one line a caller waits for")]
    {
        println!("sheets-emulator: API at {0}, web grid at {0}/", emulator.url());
    }
    told.await?;
    emulator.stop().await;
    Ok(())
}

/// Listens for Ctrl-C and for the system's wish that the process ends, from now on.
fn until_told() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupted, mut ended) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupted.recv() => Ok(()),
                _ = ended.recv() => Ok(()),
            }
        })
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c())
}
