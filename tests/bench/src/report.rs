//! What a run has shown, as a JSON document or as a small table.

use std::io::{Write, stdout};

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{planes::PlaneKind, writes::Writes};

/// How the result is written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// A table, for people.
    Text,
    /// One JSON document, for programs.
    Json,
}

/// The result of `propagate`. `README.md` says what each figure means.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) objects: usize,
    pub(crate) clusters: usize,
    pub(crate) planes: PlaneKind,
    pub(crate) optimised: bool,
    pub(crate) seconds: f64,
    pub(crate) bare_loop_seconds: f64,
    pub(crate) bare_loop_ratio: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) host_writes_per_object: f64,
    pub(crate) member_writes_per_object: f64,
    pub(crate) reconciles_per_object: f64,
    pub(crate) rss_mi_b: ResidentMemory,
    pub(crate) restart: RestartReport,
    pub(crate) other_host_writes: OtherWrites,
    pub(crate) other_member_writes: OtherWrites,
    pub(crate) bare_loop: BareLoopReport,
    pub(crate) cpu_seconds: CpuSeconds,
}

/// Resident memory of the controller, in MiB.
#[derive(Debug, Serialize)]
pub(crate) struct ResidentMemory {
    pub(crate) idle: f64,
    pub(crate) peak: f64,
    pub(crate) after: f64,
}

/// The crash and what followed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestartReport {
    pub(crate) seconds: f64,
    pub(crate) lease_seconds: f64,
    pub(crate) host_writes: u64,
    pub(crate) member_writes: u64,
    pub(crate) other_host_writes: OtherWrites,
    pub(crate) other_member_writes: OtherWrites,
}

/// Writes that are not counted as work on objects.
#[derive(Debug, Serialize)]
pub(crate) struct OtherWrites {
    pub(crate) leases: u64,
    pub(crate) heartbeats: u64,
    #[serde(flatten)]
    pub(crate) others: std::collections::BTreeMap<String, u64>,
}

/// The bare loop's own counts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BareLoopReport {
    pub(crate) host_writes_per_object: f64,
    pub(crate) member_writes_per_object: f64,
    pub(crate) cpu_seconds: CpuSeconds,
}

/// Processor time by who took it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CpuSeconds {
    /// The controller's process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) controller: Option<f64>,
    /// The benchmark's own process. Embedded control planes are in it, and so is the bare loop.
    pub(crate) bench: f64,
    /// The processes of the control planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) servers: Option<f64>,
}

impl From<Writes> for OtherWrites {
    fn from(writes: Writes) -> Self {
        Self { leases: writes.leases, heartbeats: writes.heartbeats, others: writes.other }
    }
}

/// Rounds to three places: what is behind them is noise.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Report {
    /// Writes it to standard output.
    pub(crate) fn print(&self, output: Output) -> Result<()> {
        match output {
            Output::Json => writeln!(stdout(), "{}", serde_json::to_string_pretty(self)?)?,
            Output::Text => writeln!(stdout(), "{}", self.table())?,
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let title = format!("{} ConfigMaps on {} members", self.objects, self.clusters);
        table.set_header([title, format!("{:?}", self.planes).to_lowercase()]);
        for (what, value) in self.rows() {
            table.add_row([what.to_owned(), value]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let (memory, restart) = (&self.rss_mi_b, &self.restart);
        let mut rows = vec![
            ("all propagated, status written", format!("{:.2} s", self.seconds)),
            ("the bare requests alone", format!("{:.2} s", self.bare_loop_seconds)),
            ("share of the bare throughput", format!("{:.0} %", self.bare_loop_ratio * 100.0)),
            ("an edit when idle, median", format!("{:.1} ms", self.latency_p50_ms)),
            ("an edit when idle, 99 of 100", format!("{:.1} ms", self.latency_p99_ms)),
            ("writes to the host per object", format!("{:.3}", self.host_writes_per_object)),
            ("writes to members per object", format!("{:.3}", self.member_writes_per_object)),
            ("reconciles per object", format!("{:.3}", self.reconciles_per_object)),
            ("controller memory, no objects", format!("{:.1} MiB", memory.idle)),
            ("controller memory, peak", format!("{:.1} MiB", memory.peak)),
            ("controller memory, with all objects", format!("{:.1} MiB", memory.after)),
            ("restart after a crash", format!("{:.2} s", restart.seconds)),
            ("  of that, waiting for the lease", format!("{:.2} s", restart.lease_seconds)),
            ("  writes to the host", restart.host_writes.to_string()),
            ("  writes to members", restart.member_writes.to_string()),
        ];
        if let Some(controller) = self.cpu_seconds.controller {
            rows.push(("controller processor time", format!("{controller:.2} s")));
        }
        if !self.optimised {
            rows.push(("built without optimisation", "times mean little".to_owned()));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn writes() -> OtherWrites {
        OtherWrites { leases: 1, heartbeats: 2, others: [("POST events 201".to_owned(), 3)].into() }
    }

    fn report() -> Report {
        let cpu_seconds = CpuSeconds { controller: None, bench: 1.0, servers: None };
        Report {
            objects: 500,
            clusters: 2,
            planes: PlaneKind::Embedded,
            optimised: true,
            seconds: 2.0,
            bare_loop_seconds: 1.8,
            bare_loop_ratio: 0.9,
            latency_p50_ms: 5.0,
            latency_p99_ms: 9.0,
            host_writes_per_object: 2.0,
            member_writes_per_object: 2.0,
            reconciles_per_object: 1.0,
            rss_mi_b: ResidentMemory { idle: 10.0, peak: 20.0, after: 15.0 },
            restart: RestartReport {
                seconds: 16.0,
                lease_seconds: 15.5,
                host_writes: 0,
                member_writes: 0,
                other_host_writes: writes(),
                other_member_writes: writes(),
            },
            other_host_writes: writes(),
            other_member_writes: writes(),
            bare_loop: BareLoopReport {
                host_writes_per_object: 2.0,
                member_writes_per_object: 2.0,
                cpu_seconds: cpu_seconds.clone(),
            },
            cpu_seconds,
        }
    }

    #[test]
    fn the_document_has_the_names_that_others_read() {
        let document = json!(report());
        for pointer in [
            "/seconds",
            "/bareLoopSeconds",
            "/bareLoopRatio",
            "/latencyP50Ms",
            "/latencyP99Ms",
            "/hostWritesPerObject",
            "/memberWritesPerObject",
            "/rssMiB/idle",
            "/rssMiB/peak",
            "/rssMiB/after",
            "/restart/seconds",
            "/restart/hostWrites",
            "/restart/memberWrites",
        ] {
            assert!(
                document.pointer(pointer).is_some_and(serde_json::Value::is_number),
                "{pointer}: {document}"
            );
        }
        assert_eq!(document["planes"], "embedded");
        assert_eq!(document["otherHostWrites"], json!({"leases": 1, "heartbeats": 2, "POST events 201": 3}));
    }

    #[test]
    fn the_table_has_a_line_per_figure_and_a_warning_for_a_slow_build() {
        let mut report = report();
        let text = report.table().to_string();
        assert!(text.contains("90 %") && text.contains("15.0 MiB"), "{text}");
        assert!(!text.contains("without optimisation"), "{text}");
        report.optimised = false;
        assert!(report.table().to_string().contains("without optimisation"));
    }
}
