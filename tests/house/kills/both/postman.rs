//! Stands between the spreadsheet's script and the doorbell: some rings arrive late, behind later ones and after a kill, and some arrive
//! again.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::super::{SOON, rng::Rng};
use crate::{slice::Stage, support::servers::free_port};

/// A late ring is at least this old when it arrives.
const LATE: Duration = Duration::from_secs(2);
/// Older ones are not sent any more: the doorbell would tell nobody that it had them before, only that they are too old.
const OLD: Duration = Duration::from_mins(4);

/// A ring, as the script has signed it.
#[derive(Debug, Clone)]
struct Ring {
    request: Vec<u8>,
    made: Instant,
    /// Processes that had been killed before it was made or, once it was taken, by then.
    kills: u64,
    /// Whether it arrives at another process than the one that it was made for.
    to_another: bool,
}

/// What came of the rings.
#[derive(Debug, Clone, Default)]
pub(super) struct Carried {
    /// Those that arrived seconds late, behind later ones, and were taken; and of these, by a process that began later.
    pub(super) late: [usize; 2],
    /// Those that arrived again and were refused for that; and of these, by a process that began later.
    pub(super) again: [usize; 2],
    /// How many rings were made at each moment, by the script's clock in milliseconds; whether one of them came late.
    pub(super) made: BTreeMap<i64, (usize, bool)>,
    /// What was answered and must not be, and how often.
    pub(super) wrong: BTreeMap<String, usize>,
}

impl Carried {
    fn blame(&mut self, why: String) {
        *self.wrong.entry(why).or_default() += 1;
    }
}

#[derive(Debug)]
struct State {
    rng: Rng,
    held: Vec<Ring>,
    taken: Vec<Ring>,
    carried: Carried,
}

#[derive(Debug)]
struct Road {
    /// Port of the doorbell.
    to: u16,
    kills: AtomicU64,
    over: AtomicBool,
    state: Mutex<State>,
}

/// The postman. Works until it is dropped.
#[derive(Debug)]
pub(super) struct Postman {
    road: Arc<Road>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Postman {
    /// Listens where the script rings, and gives the doorbell another port.
    pub(super) fn between(stage: &mut Stage, rng: Rng) -> Self {
        let listen = "listen = \"127.0.0.1:";
        let (before, behind) = stage.settings.split_once(listen).unwrap();
        let (port, rest) = behind.split_once('"').unwrap();
        let (port, to) = (port.parse().unwrap(), free_port());
        stage.settings = format!("{before}{listen}{to}\"{rest}");
        stage.home.configure(&stage.config());
        let state = State { rng, held: Vec::new(), taken: Vec::new(), carried: Carried::default() };
        let (kills, over) = (AtomicU64::default(), AtomicBool::default());
        let road = Arc::new(Road { to, kills, over, state: Mutex::new(state) });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let inside = Arc::clone(&road);
        let thread = thread::spawn(move || inside.work(&listener));
        Self { road, port, thread: Some(thread) }
    }

    /// The process that listened is dead.
    pub(super) fn killed(&self) {
        self.road.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// What it has carried so far.
    pub(super) fn carried(&self) -> Carried {
        self.road.state().carried.clone()
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        self.road.over.store(true, Ordering::SeqCst);
        // Wakes it.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Road {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    fn work(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for stream in listener.incoming() {
                if self.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                scope.spawn(move || self.carry(stream));
            }
        });
    }

    /// One ring of the script: held back, as if the line had broken, or brought to the doorbell at once.
    fn carry(&self, mut script: TcpStream) {
        let kills = self.kills();
        let Some((request, at_ms)) = read(&mut script) else { return };
        let Some(ring) = self.note((request, at_ms), kills) else { return };
        let Delivered::Answered(status, answer) = self.deliver(&ring.request) else { return };
        // The script may have given up.
        let _ = script.write_all(&answer);
        drop(script);
        match status {
            200 => {
                self.remember(ring);
                self.bring_the_late();
                self.bring_again();
            }
            429 => {}
            _ => self.state().carried.blame(format!("a ring was answered {status}")),
        }
    }

    /// Writes down that it was made; gives it where it is not held back.
    fn note(&self, (request, at_ms): (Vec<u8>, i64), kills: u64) -> Option<Ring> {
        let mut state = self.state();
        let (late, to_another) = (state.rng.percent(20), state.rng.percent(50));
        let (times, any) = state.carried.made.entry(at_ms).or_default();
        (*times, *any) = (*times + 1, *any || late);
        let ring = Ring { request, made: Instant::now(), kills, to_another };
        if !late {
            return Some(ring);
        }
        state.held.push(ring);
        None
    }

    /// A later ring was taken just now: those that are old enough arrive behind it.
    fn bring_the_late(&self) {
        let kills = self.kills();
        let due = |ring: &mut Ring| {
            ring.made.elapsed() >= LATE && (!ring.to_another || ring.kills < kills)
        };
        let due: Vec<Ring> = self.state().held.extract_if(.., due).collect();
        for ring in due.into_iter().filter(|ring| ring.made.elapsed() < OLD) {
            let to_another = usize::from(ring.kills < self.kills());
            match self.deliver(&ring.request) {
                Delivered::Answered(200, _) => {
                    let mut state = self.state();
                    state.carried.late[0] += 1;
                    state.carried.late[1] += to_another;
                    drop(state);
                    self.remember(ring);
                }
                Delivered::Answered(429, _) | Delivered::Broken => {}
                Delivered::Answered(status, _) => {
                    self.state().carried.blame(format!("a late ring was answered {status}"));
                }
                Delivered::NobodyThere => self.state().held.push(ring),
            }
        }
    }

    /// Now and then one that was taken arrives once more, byte for byte.
    fn bring_again(&self) {
        let ring = {
            let mut state = self.state();
            let State { rng, taken, .. } = &mut *state;
            taken.retain(|ring| ring.made.elapsed() < OLD);
            if taken.is_empty() || !rng.percent(30) {
                return;
            }
            // The last one, or any.
            let first = if rng.percent(50) { taken.len() - 1 } else { 0 };
            taken[rng.within(first..=taken.len() - 1)].clone()
        };
        let to_another = usize::from(ring.kills < self.kills());
        let Delivered::Answered(status, _) = self.deliver(&ring.request) else { return };
        let carried = &mut self.state().carried;
        match status {
            409 => {
                carried.again[0] += 1;
                carried.again[1] += to_another;
            }
            429 => {}
            _ => carried.blame(format!("a ring that came again was answered {status}")),
        }
    }

    fn remember(&self, ring: Ring) {
        let kills = self.kills();
        self.state().taken.push(Ring { kills, ..ring });
    }

    fn deliver(&self, request: &[u8]) -> Delivered {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.to)) else {
            return Delivered::NobodyThere;
        };
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut answer = Vec::new();
        let said = stream.write_all(request).and_then(|()| stream.read_to_end(&mut answer));
        let status = || std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok();
        match (said, status()) {
            (Ok(_), Some(status)) => Delivered::Answered(status, answer),
            _ => Delivered::Broken,
        }
    }
}

/// What came of bringing a ring to the doorbell.
enum Delivered {
    /// Status, and all of it.
    Answered(u16, Vec<u8>),
    /// Nobody knows whether it was taken.
    Broken,
    NobodyThere,
}

/// Reads a request; gives it with the time that its body tells. `None` where it is none.
fn read(stream: &mut TcpStream) -> Option<(Vec<u8>, i64)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|it| it.lines().next());
        if body.len() == length?.trim().parse::<usize>().ok()? {
            let body: Value = serde_json::from_str(body).unwrap();
            return Some((bytes, body["at"].as_i64().unwrap()));
        }
    }
}
