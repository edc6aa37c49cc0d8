//! Keywords of structural schemas.

pub(super) const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
pub(super) const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
pub(super) const EMBEDDED_RESOURCE: &str = "x-kubernetes-embedded-resource";
pub(super) const LIST_TYPE: &str = "x-kubernetes-list-type";
pub(super) const LIST_MAP_KEYS: &str = "x-kubernetes-list-map-keys";
pub(super) const MAP_TYPE: &str = "x-kubernetes-map-type";

/// Limits of scalar values that are copied as they are.
pub(super) const SCALAR_LIMITS: [&str; 4] = ["maxLength", "minLength", "multipleOf", "pattern"];

/// Ways to combine schemas. They may stand beside a structural type as long as they speak of values only.
pub(super) const JUNCTORS: [&str; 4] = ["allOf", "anyOf", "not", "oneOf"];

/// What a branch of a junctor may say, besides further junctors, so that it speaks of scalar values only.
pub(super) const VALUE_ONLY: [&str; 10] = [
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
];

/// Formats that an API server knows; it answers others with a warning.
pub(super) const FORMATS: [&str; 29] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "date-time",
    "datetime",
    "double",
    "duration",
    "email",
    "float",
    "hexcolor",
    "hostname",
    "int32",
    "int64",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];
