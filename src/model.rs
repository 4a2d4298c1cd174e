//! The words of the house: plain values without I/O, without SQL, without a wire format.
//!
//! * **agent**: a coding agent product. **source**: the logs it writes.
//! * **session**: one conversation; a subagent's or a fork's session has a parent.
//! * **task**: from one human prompt to the end of the agent's answer.
//! * **step**: one model call in a task. **loop length**: the steps of a task.
//! * **label**: the team, feature, customer, environment or experiment that a session was for.
//! * **gateway**: a team's proxy, or a provider's own books. **budget**: what a gateway lets somebody spend.
//! * **cap**: the most that may be spent in a span of time, and what happens then.
//! * **tool call**: ok or failed. **retry**: a model call that failed and was tried again.
//!
//! Everything above this floor speaks in these types only.

pub mod address;
pub mod bill;
pub mod call;
pub mod cap;
pub mod cost;
pub mod gateway;
pub mod gpu;
pub mod gpu_setup;
pub mod key;
pub mod label;
pub mod local;
pub mod lookout;
pub mod money;
pub mod quiet;
pub mod remote;
pub mod secret;
pub mod session;
pub mod text;
pub mod time;
pub mod tokens;
pub mod webhook;
pub mod zone;

pub use bill::{Bill, Effective, Meter};
pub use call::{Batch, Beside, Call, Fact, FactKind, RateLimit, Speed, Tier};
pub use cap::{Amount, Cap};
pub use cost::{Basis, Cost};
pub use gateway::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, GatewayRates, GatewaySetup, KeySource, Me, Named, TagSpend, Whose};
pub use key::{IdMap, Key, KeyMap, KeySet};
pub use label::{Dimension, Labels};
pub use local::LOCAL_PROGRAMS;
pub use lookout::Lookout;
pub use money::{Money, Rate};
pub use quiet::Quiet;
pub use session::{AgentId, Clock, SessionKind, SessionState, SessionUpdate, Told, Turn, tell};
pub use time::{Millis, Window};
pub use tokens::Tokens;
pub use webhook::Webhook;
pub use zone::Zone;
