//! Kubernetes' protobuf, for reading only: Go clients send built-in kinds in it, `kubectl create` does.
//!
//! An object comes in an envelope, `k8s\0` and a message with its type and its bytes. The messages have the fields of the
//! structs; `protobuf.json` says which number a field has, read from the `generated.proto` files of Kubernetes 1.36.3.
//! `>Message` stands for a message whose fields belong to the surrounding struct. Answers are JSON, which every client
//! accepts.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::model::{Scalar, Structs, Type, shortened};

type Numbers = HashMap<String, Vec<Option<String>>>;

static NUMBERS: LazyLock<Numbers> =
    // The table is part of the crate; a test reads it.
    LazyLock::new(|| serde_json::from_str(include_str!("protobuf.json")).unwrap_or_default());

const MAGIC: &[u8] = b"k8s\0";

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtobufError {
    #[error("the body does not begin as a Kubernetes protobuf object does")]
    Envelope,
    #[error("the message ends too early or is malformed")]
    Malformed,
    #[error("no message of kind {0} is known")]
    UnknownKind(String),
}

/// One field of a message as it is on the wire.
enum Wire<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// Reads fields one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(ProtobufError::Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ProtobufError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field and its number; `None` at the end.
    fn next(&mut self) -> Result<Option<(usize, Wire<'a>)>, ProtobufError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = usize::try_from(tag >> 3).map_err(|_| ProtobufError::Malformed)?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| ProtobufError::Malformed)?;
                Wire::Fixed(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| ProtobufError::Malformed)?;
                Wire::Bytes(self.take(length)?)
            }
            _ => return Err(ProtobufError::Malformed),
        };
        Ok(Some((number, wire)))
    }
}

fn text(wire: Option<&Wire<'_>>) -> String {
    match wire {
        Some(Wire::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// The fields of a small message by number.
fn small(bytes: &[u8]) -> Result<HashMap<usize, Wire<'_>>, ProtobufError> {
    let mut reader = Reader(bytes);
    let mut fields = HashMap::new();
    while let Some((number, wire)) = reader.next()? {
        fields.insert(number, wire);
    }
    Ok(fields)
}

impl Structs {
    /// Reads an object in its envelope.
    pub(crate) fn read_protobuf(&self, body: &[u8]) -> Result<Value, ProtobufError> {
        let envelope = small(body.strip_prefix(MAGIC).ok_or(ProtobufError::Envelope)?)?;
        let (Some(Wire::Bytes(type_meta)), Some(Wire::Bytes(raw))) = (envelope.get(&1), envelope.get(&2))
        else {
            return Err(ProtobufError::Envelope);
        };
        let type_meta = small(type_meta)?;
        let (api_version, kind) = (text(type_meta.get(&1)), text(type_meta.get(&2)));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        // Options belong to no group in particular.
        let component = self.kind(group, version, &kind).map(str::to_owned).or_else(|| {
            let ending = format!(".meta.v1.{kind}");
            self.components.keys().find(|name| name.ends_with(&ending)).cloned()
        });
        let component = component.ok_or_else(|| ProtobufError::UnknownKind(kind.clone()))?;
        let mut object = Map::new();
        self.message(&component, shortened(&component), raw, &mut object)?;
        object.insert("apiVersion".to_owned(), Value::from(api_version));
        object.insert("kind".to_owned(), Value::from(kind));
        Ok(Value::Object(object))
    }

    fn message(
        &self,
        component: &str,
        message: &str,
        bytes: &[u8],
        object: &mut Map<String, Value>,
    ) -> Result<(), ProtobufError> {
        let numbers = NUMBERS.get(message).ok_or_else(|| ProtobufError::UnknownKind(message.to_owned()))?;
        let fields = self.components.get(component);
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.next()? {
            let Some(Some(name)) = number.checked_sub(1).and_then(|index| numbers.get(index)) else {
                continue;
            };
            if let (Some(inlined), Wire::Bytes(bytes)) = (name.strip_prefix('>'), &wire) {
                self.message(component, inlined, bytes, object)?;
                continue;
            }
            let Some(field) = fields.and_then(|fields| fields.get(name)) else { continue };
            match (&field.go, wire) {
                (Type::List(items), wire) => {
                    let item = self.value(items, &wire)?;
                    match object.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new())) {
                        Value::Array(list) => list.push(item),
                        other => *other = Value::Array(vec![item]),
                    }
                }
                (Type::Map(values), Wire::Bytes(entry)) => {
                    let entry = small(entry)?;
                    let empty = Wire::Bytes(&[]);
                    let value = self.value(values, entry.get(&2).unwrap_or(&empty))?;
                    let map = object.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()));
                    map[text(entry.get(&1))] = value;
                }
                (expected, wire) => {
                    let value = self.value(expected, &wire)?;
                    if !value.is_null() {
                        object.insert(name.clone(), value);
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&self, expected: &Type, wire: &Wire<'_>) -> Result<Value, ProtobufError> {
        Ok(match (expected, wire) {
            (Type::Scalar(Scalar::Boolean), Wire::Number(number)) => Value::from(*number != 0),
            // Negative numbers are written in two's complement.
            (Type::Scalar(Scalar::Int32 | Scalar::Int64), Wire::Number(number)) => {
                Value::from(number.cast_signed())
            }
            (Type::Scalar(Scalar::Float), Wire::Fixed(bits)) => Value::from(f64::from_bits(*bits)),
            (Type::Scalar(Scalar::Bytes), Wire::Bytes(bytes)) => Value::from(STANDARD.encode(bytes)),
            (Type::Scalar(Scalar::Time), Wire::Bytes(bytes)) => time(bytes)?,
            (Type::Scalar(Scalar::String), wire @ Wire::Bytes(_)) => Value::from(text(Some(wire))),
            (Type::Struct(component), Wire::Bytes(bytes)) => {
                let mut object = Map::new();
                self.message(component, shortened(component), bytes, &mut object)?;
                Value::Object(object)
            }
            (Type::Quantity, Wire::Bytes(bytes)) => Value::from(text(small(bytes)?.get(&1))),
            (Type::IntOrString, Wire::Bytes(bytes)) => {
                let fields = small(bytes)?;
                match (fields.get(&1), fields.get(&2)) {
                    (Some(Wire::Number(1)), _) => Value::from(text(fields.get(&3))),
                    (_, Some(Wire::Number(number))) => Value::from(number.cast_signed()),
                    _ => Value::from(0),
                }
            }
            // Free-form data is JSON in the message's only field.
            (Type::Any, Wire::Bytes(bytes)) => match small(bytes)?.get(&1) {
                Some(Wire::Bytes(json)) => {
                    serde_json::from_slice(json).map_err(|_| ProtobufError::Malformed)?
                }
                _ => Value::Null,
            },
            _ => return Err(ProtobufError::Malformed),
        })
    }
}

/// Seconds and nanoseconds; an empty message is no time at all.
fn time(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let fields = small(bytes)?;
    let number = |index: usize| match fields.get(&index) {
        Some(Wire::Number(number)) => number.cast_signed(),
        _ => 0,
    };
    if fields.is_empty() {
        return Ok(Value::Null);
    }
    let nanoseconds = i32::try_from(number(2)).map_err(|_| ProtobufError::Malformed)?;
    let time = jiff::Timestamp::new(number(1), nanoseconds).map_err(|_| ProtobufError::Malformed)?;
    let text = if nanoseconds == 0 {
        crate::clock::seconds(time)
    } else {
        time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    };
    Ok(Value::from(text))
}
