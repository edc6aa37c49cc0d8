//! Runs control planes until it is ended: `control-planes host member1 member2`.
//!
//! Writes one line per fact to standard output: `folder PATH`, `process ID`, and per plane `plane NAME KUBECONFIG`;
//! then `ready`. For trying things out with kubectl, and for the test that kills it.

use std::env;
use std::future::pending;
use std::io::{Write, stdout};

use anyhow::Result;
use kubefed_kubernetes::{ControlPlane, ControlPlanes};

#[tokio::main]
async fn main() -> Result<()> {
    let names: Vec<String> = env::args().skip(1).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let planes = ControlPlanes::start(&names).await?;
    let mut output = stdout().lock();
    writeln!(output, "folder {}", planes.folder().display())?;
    for id in planes.process_ids() {
        writeln!(output, "process {id}")?;
    }
    for plane in planes.planes() {
        writeln!(output, "plane {} {}", plane.name(), plane.kubeconfig_file().display())?;
    }
    writeln!(output, "ready")?;
    drop(output);
    pending().await
}
