//! Memory and processor time of processes, as Linux tells them in `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// Memory of a process, in MiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) now: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

/// The memory of a process.
///
/// # Errors
///
/// If the process has ended, or the system is not Linux.
pub(crate) fn memory(process: u32) -> Result<Memory> {
    let text = read(process, "status")?;
    let line = |name| mebibytes(&text, name).with_context(|| format!("no {name} in /proc/{process}/status"));
    Ok(Memory { now: line("VmRSS:")?, peak: line("VmHWM:")? })
}

/// Processor time that processes have taken since they were started, in seconds: their own and the kernel's for them.
///
/// # Errors
///
/// As [`memory`].
pub(crate) fn processor_seconds(processes: impl IntoIterator<Item = u32>) -> Result<f64> {
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut sum = 0.0;
    for process in processes {
        let text = read(process, "stat")?;
        let ticks = ticks(&text).with_context(|| format!("no times in /proc/{process}/stat"))?;
        sum += ticks as f64 / per_second;
    }
    Ok(sum)
}

fn read(process: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path)
        .with_context(|| format!("reading {path}; memory and time are only known on Linux"))
}

/// `VmRSS:     12345 kB`
fn mebibytes(status: &str, name: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// User and system time are the fields 14 and 15. The second field is the program's name in parentheses, and may hold
/// anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mebibytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1536 kB\n";
        assert_eq!(mebibytes(status, "VmRSS:"), Some(1.5));
        assert_eq!(mebibytes(status, "VmHWM:"), Some(2.0));
        assert_eq!(mebibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 5 0 100";
        assert_eq!(ticks(stat), Some(150));
    }
}
