//! A TCP proxy in this process, to cut, delay and swallow what goes between the product and a server.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Builder,
    sync::{Notify, watch},
    time::sleep,
};

/// "No limit" for [`Proxy::cut_after_down`].
const UNLIMITED: u64 = u64::MAX;

#[derive(Debug)]
struct Wires {
    /// Goes up with every cut; a connection lives as long as the number it was born under.
    epoch: watch::Sender<u64>,
    refusing: AtomicBool,
    swallowing: AtomicBool,
    delay_ms: AtomicU64,
    /// Bytes from the server that may still pass before everything is cut.
    down_left: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    open: AtomicU64,
    over: Notify,
}

/// Listens on a port of 127.0.0.1 and passes everything on to `target`. Ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wires: Arc<Wires>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts to listen. The target need not be there yet.
    pub fn start(target_port: u16) -> Self {
        let wires = Arc::new(Wires {
            epoch: watch::Sender::new(0),
            refusing: AtomicBool::new(false),
            swallowing: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            down_left: AtomicU64::new(UNLIMITED),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
            over: Notify::new(),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target_port));
        let inside = Arc::clone(&wires);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let over = Arc::clone(&inside);
                tokio::select! {
                    () = over.over.notified() => {}
                    () = accept(listener, target, inside) => {}
                }
            });
        });
        Self { port, wires, thread: Some(thread) }
    }

    /// The port to connect to instead of the target's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every open connection, both ways, now. New ones are taken unless [`Self::refuse`] says no.
    pub fn cut(&self) {
        self.wires.cut();
    }

    /// Cuts when that many more bytes have come from the server: the rest of that piece is lost. Once.
    pub fn cut_after_down(&self, bytes: u64) {
        self.wires.down_left.store(bytes, Ordering::SeqCst);
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, yes: bool) {
        self.wires.refusing.store(yes, Ordering::SeqCst);
    }

    /// Half-open: connections stay, and every byte of both sides disappears.
    pub fn swallow(&self, yes: bool) {
        self.wires.swallowing.store(yes, Ordering::SeqCst);
    }

    /// Holds every piece back for that long, in both directions.
    pub fn delay(&self, each: Duration) {
        let millis = u64::try_from(each.as_millis()).unwrap();
        self.wires.delay_ms.store(millis, Ordering::SeqCst);
    }

    /// Bytes that have passed towards the server.
    pub fn bytes_up(&self) -> u64 {
        self.wires.up.load(Ordering::SeqCst)
    }

    /// Bytes that have passed from the server.
    pub fn bytes_down(&self) -> u64 {
        self.wires.down.load(Ordering::SeqCst)
    }

    /// Connections taken since the start.
    pub fn connections(&self) -> u64 {
        self.wires.connections.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.wires.open.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wires.over.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Wires {
    fn cut(&self) {
        self.epoch.send_modify(|number| *number += 1);
    }

    /// How much of a piece from the server may pass, and whether the cut comes behind it.
    fn admit_down(&self, bytes: usize) -> (usize, bool) {
        let left = self.down_left.load(Ordering::SeqCst);
        if left == UNLIMITED {
            return (bytes, false);
        }
        let pass = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
        let rest = left - u64::try_from(pass).unwrap();
        self.down_left.store(if rest == 0 { UNLIMITED } else { rest }, Ordering::SeqCst);
        (pass, rest == 0)
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, wires: Arc<Wires>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        wires.connections.fetch_add(1, Ordering::SeqCst);
        if !wires.refusing.load(Ordering::SeqCst) {
            tokio::spawn(connection(client, target, Arc::clone(&wires)));
        }
    }
}

async fn connection(client: TcpStream, target: SocketAddr, wires: Arc<Wires>) {
    let mut epoch = wires.epoch.subscribe();
    epoch.mark_unchanged();
    let Ok(server) = TcpStream::connect(target).await else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    wires.open.fetch_add(1, Ordering::SeqCst);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = epoch.changed() => {}
        _ = pass(from_client, to_server, &wires, false) => {}
        _ = pass(from_server, to_client, &wires, true) => {}
    }
    wires.open.fetch_sub(1, Ordering::SeqCst);
}

/// Passes bytes one way until an end closes. Either end closing ends the connection as a whole: neither
/// protocol that is tested through here uses half-closed connections.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    wires: &Wires,
    down: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let delay = wires.delay_ms.load(Ordering::SeqCst);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        if wires.swallowing.load(Ordering::SeqCst) {
            continue;
        }
        let (bytes, cut) = if down { wires.admit_down(count) } else { (count, false) };
        to.write_all(&buffer[..bytes]).await?;
        let counter = if down { &wires.down } else { &wires.up };
        counter.fetch_add(u64::try_from(bytes).unwrap(), Ordering::SeqCst);
        if cut {
            to.flush().await?;
            wires.cut();
            return Ok(());
        }
    }
}
