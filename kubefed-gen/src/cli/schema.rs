//! `kubefed-gen schema`.

use std::io::Write;

use clap::{Args, ValueEnum};
use kubefed_core::schema::normalise::{Descriptions, NormaliseOptions};
use kubefed_gen::{config::Selector, plan};

use super::{Outcome, Source};

#[derive(Args, Debug)]
pub(super) struct Schema {
    /// Kind or plural, with the group behind a dot where it is not clear: `Deployment`, `deployments.apps`.
    kind: String,
    #[command(flatten)]
    source: Source,
    /// How much of the descriptions to print.
    #[arg(long, value_enum, default_value_t)]
    descriptions: How,
    /// In which form.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
enum How {
    #[default]
    None,
    Short,
    Full,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
enum Form {
    #[default]
    Yaml,
    Json,
}

impl Schema {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let (kinds, _) = self.source.read()?;
        let model = plan::select(&Selector::named(&self.kind), &kinds)?;
        let descriptions = match self.descriptions {
            How::None => Descriptions::None,
            How::Short => Descriptions::Short,
            How::Full => Descriptions::Full,
        };
        let schema = model.template_schema(NormaliseOptions { descriptions }).map_err(|source| {
            kubefed_gen::Error::Schema { file: model.source.file.clone(), kind: model.title(), source }
        })?;
        match self.output {
            Form::Yaml => write!(out, "{}", serde_saphyr::to_string(&schema)?)?,
            Form::Json => writeln!(out, "{schema:#}")?,
        }
        Ok(Outcome::Done)
    }
}
