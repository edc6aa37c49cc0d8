//! One test of the suite, from its control planes to its last trace.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, Once},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use tokio::{
    runtime::Builder,
    sync::{Mutex, OnceCell},
};
use tracing_subscriber::EnvFilter;

use crate::{Federation, PlanesKind, planes::Planes};

/// Longest time of a test, which ends one that hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// The real planes of this process.
static SHARED: OnceCell<Arc<Planes>> = OnceCell::const_new();
/// Whose turn it is on them.
static TURN: Mutex<()> = Mutex::const_new(());

/// Runs a test with a federation of its own. Its requests are checked for what must never be, and on shared control
/// planes everything that it left is removed, whether it succeeds or not.
///
/// # Errors
///
/// Those of the test, with what the controller had done; and what the checks and the removal find.
pub fn scenario(test: impl AsyncFnOnce(&Federation) -> Result<()>) -> Result<()> {
    run(true, test)
}

/// As [`scenario`], for tests that look at single control planes only: where each test has its own, nothing is installed
/// on the host and nobody joins.
///
/// # Errors
///
/// As [`scenario`].
pub fn scenario_apart(test: impl AsyncFnOnce(&Federation) -> Result<()>) -> Result<()> {
    run(false, test)
}

fn run(together: bool, test: impl AsyncFnOnce(&Federation) -> Result<()>) -> Result<()> {
    static LOG: Once = Once::new();
    // What the controller logs is of interest only when something is wrong: RUST_LOG=kubefed_runtime=debug shows it.
    LOG.call_once(|| {
        let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_test_writer();
        let _ = log.try_init();
    });
    let kind = PlanesKind::chosen()?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let (turn, planes) = match kind {
            PlanesKind::Embedded if together => (None, Arc::new(Planes::start(kind).await?)),
            PlanesKind::Embedded => (None, Arc::new(Planes::start_apart(kind).await?)),
            PlanesKind::Kubernetes => {
                let turn = TURN.lock().await;
                let planes = SHARED.get_or_try_init(async || Planes::start(kind).await.map(Arc::new)).await?;
                (Some(turn), Arc::clone(planes))
            }
        };
        let federation = Federation::new(planes);
        let run = tokio::time::timeout(LIMIT, test(&federation));
        let outcome = AssertUnwindSafe(run).catch_unwind().await;
        let checked = federation.check_requests();
        let story = federation.story().await;
        let left = if turn.is_some() && federation.has_had_a_controller() {
            federation.clean().await.context("cleaning up")
        } else {
            Ok(())
        };
        let outcome = match outcome {
            Err(panic) => Err(anyhow!("{}", panic_message(&*panic))),
            Ok(outcome) => outcome.unwrap_or_else(|_| Err(anyhow!("the test hangs"))),
        };
        drop(federation);
        let outcome = outcome.and(checked).and(left);
        outcome.map_err(|error| anyhow!("on {kind} planes: {error:#}\n\n{story}"))
    });
    runtime.shutdown_background();
    outcome
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("the test panicked")
}
