//! A machine of the network that is not there: a server on this one that says what a test has it say, and as badly as it has
//! it say it.

#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A page, at once.
    Page(String),
    /// One that comes too late for everybody.
    Slow,
    /// One that begins at once and then drips.
    Drips,
    /// One that is larger than any page, and says so.
    Huge,
    /// One that never ends.
    Endless,
    /// A small one that unpacks to a huge one.
    Bomb,
    /// It is elsewhere.
    Redirect(String),
    /// No page but a status.
    Status(u16),
    /// Something that is no text.
    Binary,
    /// The connection ends amid the page.
    Early,
    /// What is sent is not HTTP.
    Noise,
}

/// A request, as far as tests ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// `/metrics`
    pub(crate) path: String,
    /// The key that came with it.
    pub(crate) key: Option<String>,
}

type Answer = dyn Fn(&str) -> Reply + Send + Sync;

/// The server. Dropped, it is gone.
pub(crate) struct Host {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// One that answers so; each request has a thread of its own.
    pub(crate) fn answering(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, is_over): (Arc<Mutex<Vec<Heard>>>, Arc<AtomicBool>) = Default::default();
        let (answer, log, over): (Arc<Answer>, _, _) = (Arc::new(answer), heard.clone(), is_over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, log, over) = (answer.clone(), log.clone(), over.clone());
                // Whoever asked may have gone: that is nothing to a server.
                std::thread::spawn(move || drop(serve(stream, &*answer, &log, &over)));
            }
        });
        Self { address, heard, is_over, thread: Some(thread) }
    }

    /// One with a page of figures, and with nothing else.
    pub(crate) fn with_page(page: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self::answering(move |path| if path == "/metrics" { Reply::Page(page()) } else { Reply::Status(404) })
    }

    /// One that answers everything alike.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::answering(move |_| reply.clone())
    }

    /// Where nobody listens.
    pub(crate) fn dead() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // The one who waits for requests is woken by one.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Heard>>, over: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&chunk[..count]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let key = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("authorization: ").map(|_| line[15..].to_owned()));
    log.lock().unwrap().push(Heard { path: path.clone(), key });
    match answer(&path) {
        Reply::Page(page) => whole(&mut stream, "200 OK", "", page.as_bytes()),
        Reply::Slow => {
            wait(over, Duration::from_secs(30));
            whole(&mut stream, "200 OK", "", b"up 1\n")
        }
        Reply::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            while !over.load(Ordering::SeqCst) {
                stream.write_all(b"# ")?;
                wait(over, Duration::from_millis(100));
            }
            Ok(())
        }
        Reply::Huge => {
            let page = line().repeat((20 << 20) / line().len());
            whole(&mut stream, "200 OK", "", page.as_bytes())
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let part = line().repeat(1000);
            while !over.load(Ordering::SeqCst) {
                stream.write_all(part.as_bytes())?;
            }
            Ok(())
        }
        Reply::Bomb => whole(&mut stream, "200 OK", "content-encoding: gzip\r\n", bomb()),
        Reply::Redirect(to) => whole(&mut stream, "302 Found", &format!("location: {to}\r\n"), b""),
        Reply::Status(status) => whole(&mut stream, &format!("{status} Whatever"), "", b"no"),
        Reply::Binary => whole(&mut stream, "200 OK", "", &(0..=255).cycle().take(4096).collect::<Vec<u8>>()),
        Reply::Early => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nvllm:num_requests_running 1\n"),
        Reply::Noise => stream.write_all(b"\x16\x03\x01 this is not HTTP at all\r\n\r\n"),
    }
}

fn whole(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn wait(over: &AtomicBool, long: Duration) {
    let begun = Instant::now();
    while !over.load(Ordering::SeqCst) && begun.elapsed() < long {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn line() -> &'static str {
    "vllm:num_requests_running{engine=\"0\",model_name=\"a-model-that-never-ends\"} 1.0\n"
}

fn bomb() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..16 << 10 {
            packed.write_all(&[b'\n'; 4096]).unwrap();
        }
        packed.finish().unwrap()
    })
}

/// A card as `dcgm-exporter` speaks of it.
pub(crate) fn dcgm(index: u32, uuid: &str, name: &str, host: &str, used: u32) -> String {
    let labels = format!("gpu=\"{index}\",UUID=\"{uuid}\",modelName=\"{name}\",Hostname=\"{host}\"");
    format!(
        "DCGM_FI_DEV_GPU_UTIL{{{labels}}} {used}\nDCGM_FI_DEV_FB_USED{{{labels}}} 1024\nDCGM_FI_DEV_FB_FREE{{{labels}}} 80000\n\
         DCGM_FI_DEV_POWER_USAGE{{{labels}}} 77.5\n"
    )
}

/// A model as vLLM speaks of it.
pub(crate) fn vllm(model: &str, prompt: u64, generated: u64, running: u64) -> String {
    let labels = format!("engine=\"0\",model_name=\"{model}\"");
    format!(
        "vllm:prompt_tokens_total{{{labels}}} {prompt}\nvllm:generation_tokens_total{{{labels}}} {generated}\n\
         vllm:num_requests_running{{{labels}}} {running}\nvllm:num_requests_waiting{{{labels}}} 2\n\
         vllm:kv_cache_usage_perc{{{labels}}} 0.37\n"
    )
}
