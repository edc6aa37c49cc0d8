//! Answers for `kubectl get`: rows and columns.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{IncludeObject, View, metadata_only};
use super::columns::{self, Column};

/// A `meta.k8s.io/v1` Table.
pub(super) fn table<'a>(
    view: &View<'_>,
    objects: impl Iterator<Item = &'a Bytes>,
    metadata: &Value,
    with_columns: bool,
) -> Value {
    let columns = columns::of(view.kind);
    let rows: Vec<Value> = objects.map(|json| row(view, &columns, json)).collect();
    let definitions: Vec<Value> =
        if with_columns { columns.iter().map(Column::definition).collect() } else { Vec::new() };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn row(view: &View<'_>, columns: &[Column], json: &Bytes) -> Value {
    let object: Value = serde_json::from_slice(json).unwrap_or_default();
    let cells: Vec<Value> = columns.iter().map(|column| column.cell(&object)).collect();
    let mut row = json!({"cells": cells});
    match view.include {
        IncludeObject::None => {}
        IncludeObject::Object => row["object"] = object,
        IncludeObject::Metadata => {
            row["object"] = serde_json::from_slice(&metadata_only(json)).unwrap_or_default();
        }
    }
    row
}
