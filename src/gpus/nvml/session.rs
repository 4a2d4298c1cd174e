//! NVIDIA's library while it is open, and what borrows from it between two looks: handles of cards, samples of GPM.
//!
//! A value and what borrows from it cannot be fields of one struct. The body of an `async` function can hold both: it is
//! run for one look and then rests until the next. Nobody waits for anything here and no runtime is needed; the one who asks
//! runs it, on his own thread, and all calls of the library happen there. To drop it closes the library.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::mem;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::card::{Card, nameless};
use super::lacks::is_lost;
use crate::gpus::{Ask, Places, ProbeError};
use crate::model::gpu::{GpuReading, Health};

/// More cards are not looked at.
const MOST_CARDS: u32 = 256;
/// What the linker says of a library that is there and is not one: anything else means that there is none.
const DAMAGED: [&str; 5] = ["ELF", "too short", "Permission denied", "undefined symbol", "cannot allocate"];

/// What is to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) ask: Ask,
    pub(super) now: Instant,
    pub(super) proc: PathBuf,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) readings: Vec<GpuReading>,
    /// What the driver does not tell, in words.
    pub(super) lacking: BTreeSet<&'static str>,
}

#[derive(Default)]
struct Desk {
    order: Option<Order>,
    said: Option<Result<Said, ProbeError>>,
}

/// The open library.
pub(super) struct Session {
    /// The driver's version.
    pub(super) driver: String,
    desk: Arc<Mutex<Desk>>,
    body: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Session {
    /// Opens the library.
    pub(super) fn begin(places: &Places) -> Result<Self, ProbeError> {
        let nvml = match &places.nvml {
            Some(path) => Nvml::builder().lib_path(path.as_os_str()).init(),
            None => Nvml::init(),
        };
        let nvml = nvml.map_err(|error| plain(&error))?;
        if nvml.device_count().map_err(|error| plain(&error))? == 0 {
            return Err(ProbeError::Absent("NVIDIA's driver is loaded, and finds no card".to_owned()));
        }
        let driver = nvml.sys_driver_version().unwrap_or_else(|_| "of unknown version".to_owned());
        let desk = Arc::new(Mutex::new(Desk::default()));
        Ok(Self { driver, body: Box::pin(body(nvml, Arc::clone(&desk))), desk })
    }

    /// Looks.
    pub(super) fn look(&mut self, ask: Ask, now: Instant, proc: PathBuf) -> Result<Said, ProbeError> {
        locked(&self.desk).order = Some(Order { ask, now, proc });
        let over = || ProbeError::Broken("NVIDIA's library was closed".to_owned());
        match self.body.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => locked(&self.desk).said.take().unwrap_or_else(|| Err(over())),
            Poll::Ready(()) => Err(over()),
        }
    }
}

/// Nobody ever waits for this lock: whoever fills the desk and who reads it are the same thread.
fn locked(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn body(nvml: Nvml, desk: Arc<Mutex<Desk>>) {
    let mut cards = Cards { nvml: &nvml, seats: Vec::new() };
    loop {
        let order = locked(&desk).order.take();
        if let Some(order) = order {
            let said = cards.look(&order);
            locked(&desk).said = Some(said);
        }
        rest().await;
    }
}

/// Stops here once.
async fn rest() {
    let mut has_rested = false;
    poll_fn(|_| if mem::replace(&mut has_rested, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A place in the driver's list.
enum Seat<'n> {
    Taken(Box<Card<'n>>),
    /// A card that could never be reached: nothing is known of it but its number.
    Lost(u32),
}

struct Cards<'n> {
    nvml: &'n Nvml,
    seats: Vec<Seat<'n>>,
}

impl Cards<'_> {
    fn look(&mut self, order: &Order) -> Result<Said, ProbeError> {
        if order.ask.slow || self.seats.is_empty() {
            self.list()?;
        }
        let mut said = Said::default();
        for seat in &mut self.seats {
            match seat {
                Seat::Taken(card) => {
                    card.look(order, &mut said.readings);
                    said.lacking.extend(card.lacking());
                }
                Seat::Lost(index) => said.readings.push(GpuReading { health: Health::Lost, ..nameless(*index) }),
            }
        }
        Ok(said)
    }

    /// Who is there. Cards that are known keep their handles and what is remembered of them.
    fn list(&mut self) -> Result<(), ProbeError> {
        let count = self.nvml.device_count().map_err(|error| plain(&error))?.min(MOST_CARDS);
        let mut olds = mem::take(&mut self.seats);
        for index in 0..count {
            let old = olds.iter().position(|seat| matches!(seat, Seat::Taken(card) if card.index() == Some(index)));
            let seat = match old {
                Some(at) => Some(olds.swap_remove(at)),
                None => match self.nvml.device_by_index(index) {
                    Ok(device) => Some(Seat::Taken(Box::new(Card::new(self.nvml, device, index)))),
                    Err(error) if is_lost(&error) => Some(Seat::Lost(index)),
                    // One that this user may not see.
                    Err(_) => None,
                },
            };
            self.seats.extend(seat);
        }
        Ok(())
    }
}

/// Why the library could not be opened, in a plain sentence.
fn plain(error: &NvmlError) -> ProbeError {
    let absent = |text: &str| ProbeError::Absent(text.to_owned());
    let broken = |text: &str| ProbeError::Broken(text.to_owned());
    match error {
        NvmlError::LibloadingError(error) => unloadable(&error.to_string()),
        NvmlError::DriverNotLoaded => absent("NVIDIA's library is there, its kernel driver is not loaded"),
        NvmlError::LibRmVersionMismatch => broken("the driver was updated and not loaded anew: restart the machine, or reload the module"),
        NvmlError::NoPermission => broken("this user may not speak with NVIDIA's driver"),
        NvmlError::OperatingSystem => broken("the system or its container keeps this user from NVIDIA's cards"),
        NvmlError::FailedToLoadSymbol(_) => broken("NVIDIA's library is too old, or is not NVIDIA's"),
        NvmlError::GpuLost | NvmlError::ResetRequired => broken("a card has fallen off the bus, or has to be reset"),
        error => ProbeError::Broken(format!("NVIDIA's library could not be opened: {error}")),
    }
}

fn unloadable(why: &str) -> ProbeError {
    let why = why.lines().next().unwrap_or_default();
    if DAMAGED.iter().any(|word| why.contains(word)) {
        return ProbeError::Broken(format!("NVIDIA's library cannot be loaded: {why}"));
    }
    if why.contains("not supported") {
        // A static build cannot load any library.
        return ProbeError::Absent("this build cannot load NVIDIA's library".to_owned());
    }
    ProbeError::Absent("no NVIDIA driver: libnvidia-ml.so.1 was not found".to_owned())
}
