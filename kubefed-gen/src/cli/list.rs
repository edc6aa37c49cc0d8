//! `kubefed-gen list`.

use std::io::Write;

use clap::Args;
use kubefed_core::api::names;
use kubefed_gen::plan;

use super::{Outcome, Source};

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    source: Source,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let (kinds, config) = self.source.read()?;
        let selected: Vec<_> = config
            .iter()
            .flat_map(|config| config.kinds())
            .filter_map(|selector| plan::select(selector, &kinds).ok())
            .map(|model| (&model.group, &model.version, &model.kind))
            .collect();
        let mut rows =
            vec![["KIND", "APIVERSION", "NAME", "NAMESPACED", "SHORTNAMES", "SELECTED"].map(str::to_owned)];
        for model in &kinds {
            let is_selected = selected.contains(&(&model.group, &model.version, &model.kind));
            rows.push([
                model.kind.clone(),
                names::api_version(&model.group, &model.version),
                model.plural.clone(),
                model.target().is_namespaced().to_string(),
                model.short_names.join(","),
                if is_selected { "yes" } else { "" }.to_owned(),
            ]);
        }
        write_table(out, &rows)?;
        Ok(Outcome::Done)
    }
}

/// Columns as wide as their widest cell, three spaces apart, as kubectl writes them.
fn write_table<const N: usize>(out: &mut dyn Write, rows: &[[String; N]]) -> std::io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("   ").trim_end())?;
    }
    Ok(())
}
