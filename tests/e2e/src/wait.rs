//! Waiting for conditions that can be observed, with a message that says what differs.

use std::{fmt::Display, time::Duration};

use anyhow::{Result, bail};

/// How long anything may take that has to happen: far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(15);

/// What a look at something gave: what was waited for, or how things differ from it.
pub type Look<T> = Result<T, String>;

/// Looks again and again until the look gives what is waited for.
///
/// # Errors
///
/// After a minute, with the difference that the last look found.
pub async fn wait_until<T>(what: impl Display, mut look: impl AsyncFnMut() -> Look<T>) -> Result<T> {
    let mut difference = String::from("it was never looked at");
    let reached = async {
        loop {
            match look().await {
                Ok(reached) => return reached,
                Err(found) => difference = found,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, reached).await {
        Ok(reached) => Ok(reached),
        Err(_) => bail!("waited in vain for: {what}\n  {difference}"),
    }
}
