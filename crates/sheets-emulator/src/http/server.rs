//! The listening socket, the connections, and the handle tests hold.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::model::{HumanAct, Spreadsheet};

use super::auth::{self, ServiceAccountError};
use super::calls::{self, Withheld};
use super::clock::{self, Clock};
use super::faults::Faults;
use super::guard::Peer;
use super::human;
use super::log::CallLog;
use super::quota::{QuotaLimits, QuotaUse};
#[cfg(feature = "apps-script")]
use super::script::ScriptDoorError;
use super::state::{DocumentError, Role, Shared, State, locked};
#[cfg(feature = "apps-script")]
use crate::script::{Bells, Call, Finished, FiringSwitch, ScriptState, Source};

/// How the emulator starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Peers beside the loopback that may use the doors without a token; the Host header must name this machine all the same.
    pub trusted_peers: Vec<IpAddr>,
    /// Virtual seconds in a real one, 0.001 to 1,000,000.
    pub clock_rate: f64,
    /// The quotas; none switches them off.
    pub quota: Option<QuotaLimits>,
    /// E-mail addresses that get tokens; empty: everybody does.
    pub service_accounts: Vec<String>,
    /// Project number in the texts of 429 answers.
    pub project: String,
    /// Seed of faults with a probability and of new spreadsheet ids.
    pub seed: u64,
}

impl Default for Options {
    /// Loopback, a free port, real time, Google's quotas, every account.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            trusted_peers: Vec::new(),
            clock_rate: 1.0,
            quota: Some(QuotaLimits::default()),
            service_accounts: Vec::new(),
            project: "123456789012".to_owned(),
            seed: 1,
        }
    }
}

/// Why the emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {source}; choose another address, or port 0 for a free one"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A clock that stands still, runs backwards or is absurdly fast.
    #[error("the clock rate {0} is out of range; take 0.001 to 1000000, 1 is real time")]
    ClockRate(f64),
}

/// A running emulator. Dropping it closes all connections at once.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: State,
    stop: watch::Sender<()>,
    server: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts listening on the present tokio runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !clock::RATES.contains(&options.clock_rate) {
            return Err(StartError::ClockRate(options.clock_rate));
        }
        let wanted = options.listen;
        let failed = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared: State = Arc::new(Shared::new(options));
        let app = app(&shared);
        let (stop, stopping) = watch::channel(());
        let server = Some(tokio::spawn(accept(listener, app, stopping)));
        Ok(Self { address, shared, stop, server })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the API is for programs on this machine, without a slash at the end: `http://127.0.0.1:41234`.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// Where tokens are given out.
    pub fn token_uri(&self) -> String {
        format!("{}/token", self.url())
    }

    /// Adds an empty spreadsheet with one tab.
    pub fn add_spreadsheet(&self, id: &str, title: &str) -> Result<(), DocumentError> {
        self.shared.add(id, title)
    }

    /// A snapshot of a spreadsheet; later changes do not show in it.
    pub fn spreadsheet(&self, id: &str) -> Option<Spreadsheet> {
        self.shared.with(id, |document| document.book.clone()).ok()
    }

    /// Works on a spreadsheet directly, between two calls, without quota, token or log.
    pub fn edit<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Spreadsheet) -> T,
    ) -> Result<T, DocumentError> {
        self.shared.with(id, |document| work(&mut document.book))
    }

    /// A person acts in the grid, between two calls.
    pub fn human(&self, id: &str, act: &HumanAct) -> Result<(), DocumentError> {
        self.shared.human(id, act)
    }

    /// A person looks at the spreadsheet and acts on what is there, with nothing in between; returns what she says of it, or none where
    /// she does nothing.
    pub fn human_who_looks<T>(
        &self,
        id: &str,
        look: impl FnOnce(&Spreadsheet) -> Option<(HumanAct, T)>,
    ) -> Result<Option<T>, DocumentError> {
        self.shared.human_who_looks(id, look)
    }

    /// Returns once `wanted` holds for the spreadsheet, or with false when `deadline` (real time) passed.
    pub async fn wait_until(
        &self,
        id: &str,
        deadline: Duration,
        wanted: impl Fn(&Spreadsheet) -> bool,
    ) -> bool {
        let mut changes = self.shared.changes();
        let holds = tokio::time::timeout(deadline, async {
            loop {
                changes.borrow_and_update();
                if self.spreadsheet(id).is_some_and(|book| wanted(&book)) {
                    return;
                }
                // The sender lives in this emulator, so this cannot fail.
                let _ = changes.changed().await;
            }
        });
        holds.await.is_ok()
    }

    /// Shares a spreadsheet with an account. From the first call on, accounts not named get 403.
    pub fn share(&self, id: &str, account: &str, role: Role) -> Result<(), DocumentError> {
        self.shared.share(id, account, Some(role))
    }

    /// Takes a share back; an account that never had one is shut out too, as all unnamed ones are.
    pub fn unshare(&self, id: &str, account: &str) -> Result<(), DocumentError> {
        self.shared.share(id, account, None)
    }

    /// Installs a script, as a push of its files does.
    #[cfg(feature = "apps-script")]
    pub fn install_script(&self, id: &str, source: Source) -> Result<(), ScriptDoorError> {
        Ok(self.shared.script(id)?.install(source)?)
    }

    /// Runs a function of a script from the menu or the editor.
    #[cfg(feature = "apps-script")]
    pub async fn run_script(&self, id: &str, call: Call) -> Result<Finished, ScriptDoorError> {
        let script = self.shared.script(id)?;
        Ok(super::script::on_a_thread(script, move |script| script.run(&call)).await?)
    }

    /// What is to see of a script; none where none was ever asked for.
    #[cfg(feature = "apps-script")]
    pub fn script(&self, id: &str) -> Option<ScriptState> {
        self.shared.scripts.of(id).map(|script| script.seen())
    }

    /// The script's state as soon as `wanted` holds for it; none when `deadline` (real time) passed.
    #[cfg(feature = "apps-script")]
    pub async fn wait_script(
        &self,
        id: &str,
        deadline: Duration,
        wanted: impl Fn(&ScriptState) -> bool,
    ) -> Option<ScriptState> {
        let script = self.shared.scripts.of(id)?;
        let mut changes = script.changes();
        let found = tokio::time::timeout(deadline, async {
            loop {
                changes.borrow_and_update();
                let seen = script.seen();
                if wanted(&seen) {
                    return seen;
                }
                // The script holds the sender, so this cannot fail.
                let _ = changes.changed().await;
            }
        });
        found.await.ok()
    }

    /// Changes how the triggers of a script fire.
    #[cfg(feature = "apps-script")]
    pub fn set_firing(&self, id: &str, switch: &FiringSwitch) -> Result<(), ScriptDoorError> {
        self.shared.script(id)?.set_firing(switch);
        Ok(())
    }

    /// What scripts sent out.
    #[cfg(feature = "apps-script")]
    pub fn bells(&self) -> &Bells {
        self.shared.scripts.bells()
    }

    /// The faults to arm, and the calls they hold.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every call so far.
    pub fn log(&self) -> &CallLog {
        &self.shared.log
    }

    /// The emulator's time.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// What was drawn on the quotas.
    pub fn quota_use(&self) -> QuotaUse {
        locked(&self.shared.quota).used()
    }

    /// Switches the quotas on, off or over.
    pub fn set_quota(&self, limits: Option<QuotaLimits>) {
        locked(&self.shared.quota).set_limits(limits);
    }

    /// A token without the token endpoint; `scopes` are separated by spaces.
    pub fn issue_token(&self, account: &str, scopes: &str) -> String {
        locked(&self.shared.tokens).issue(account, scopes, self.shared.clock.now())
    }

    /// Every token given out so far is answered 401 from now on.
    pub fn revoke_tokens(&self) {
        locked(&self.shared.tokens).revoke_all();
    }

    /// Writes a key file for `email` whose tokens come from this emulator.
    pub fn write_service_account(
        &self,
        path: &Path,
        email: &str,
    ) -> Result<(), ServiceAccountError> {
        auth::write_service_account(path, email, &self.token_uri())
    }

    /// Closes the port and all connections; stalled calls are let go and still take effect, scripts are cut off.
    pub async fn stop(mut self) {
        self.stop.send_replace(());
        self.shared.faults.release_all();
        #[cfg(feature = "apps-script")]
        self.shared.scripts.stop();
        if let Some(server) = self.server.take() {
            // A cancelled server is a stopped one.
            let _ = server.await;
        }
        #[cfg(feature = "apps-script")]
        self.shared.scripts.idle().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.faults.release_all();
        #[cfg(feature = "apps-script")]
        self.shared.scripts.stop();
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn app(shared: &State) -> Router {
    human::router(shared)
        .fallback(|Extract(state): Extract<State>, request| calls::serve(state, request))
        .with_state(State::clone(shared))
}

/// Takes connections until told to stop; its end closes them all.
async fn accept(listener: TcpListener, app: Router, mut stopping: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // First, so that a flood of connections cannot hold up the stop.
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, app.clone()));
                }
                // Out of descriptors, most likely: leave room for connections to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router) {
    // Without it small answers wait for the client's acknowledgement; it is only speed.
    let _ = stream.set_nodelay(true);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = app.call(request);
        async move {
            let response: Response<Body> = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if response.extensions().get::<Withheld>().is_some() {
                return Err(io::Error::other("the answer is withheld by a fault"));
            }
            Ok(response)
        }
    });
    // A broken connection is the client's affair, or ours on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
