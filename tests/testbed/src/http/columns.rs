//! The columns of tables: those of a definition, and a few of everyday built-in kinds.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::registry::ResourceKind;
use crate::resources::meta;

/// Where a cell comes from.
#[derive(Debug, Clone)]
enum Source {
    Path(Vec<Step>),
    /// A point in time, shown as the time that has passed since.
    Age(Vec<Step>),
    Count(&'static str),
    Function(fn(&Value) -> Value),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    All,
    /// `[?(@.type=="Ready")]`
    Filter(String, String),
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: String,
    kind: String,
    format: String,
    priority: i64,
    source: Source,
}

impl Column {
    fn new(name: &str, source: Source) -> Self {
        Self { name: name.to_owned(), kind: "string".to_owned(), format: String::new(), priority: 0, source }
    }

    fn path(name: &str, path: &str) -> Self {
        Self::new(name, Source::Path(parse(path)))
    }

    fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }

    pub(super) fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        })
    }

    pub(super) fn cell(&self, object: &Value) -> Value {
        match &self.source {
            Source::Path(steps) => shown(&find(object, steps)),
            Source::Age(steps) => {
                let found = find(object, steps);
                let since = found.first().and_then(|time| time.as_str()).and_then(|text| text.parse().ok());
                since.map_or_else(|| json!("<unknown>"), |since| Value::from(age(Timestamp::now(), since)))
            }
            Source::Count(path) => {
                let count = meta::at_dotted(object, path).map_or(0, |value| match value {
                    Value::Object(map) => map.len(),
                    Value::Array(list) => list.len(),
                    _ => 0,
                });
                Value::from(count)
            }
            Source::Function(function) => function(object),
        }
    }
}

/// The columns of a kind.
pub(super) fn of(kind: &ResourceKind) -> Vec<Column> {
    let mut columns = vec![Column { format: "name".to_owned(), ..Column::path("Name", ".metadata.name") }];
    match &kind.custom {
        Some(custom) if !custom.columns.is_empty() => {
            columns.extend(custom.columns.iter().map(printer_column));
        }
        Some(_) => columns.push(age_column()),
        None => columns.extend(everyday(kind)),
    }
    columns
}

fn age_column() -> Column {
    Column::new("Age", Source::Age(parse(".metadata.creationTimestamp")))
}

fn printer_column(column: &Value) -> Column {
    let text = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
    let steps = parse(&text("jsonPath"));
    let is_date = text("type") == "date";
    Column {
        name: text("name"),
        kind: text("type"),
        format: text("format"),
        priority: column["priority"].as_i64().unwrap_or(0),
        source: if is_date { Source::Age(steps) } else { Source::Path(steps) },
    }
}

/// Kinds that people look at every day have the real server's columns, all others name and age.
fn everyday(kind: &ResourceKind) -> Vec<Column> {
    let number = |name: &str, path: &str| Column { kind: "integer".to_owned(), ..Column::path(name, path) };
    let mut columns = match (kind.group.as_str(), kind.resource.as_str()) {
        ("", "configmaps") => vec![Column::new("Data", Source::Count("data"))],
        ("", "secrets") => vec![Column::path("Type", ".type"), Column::new("Data", Source::Count("data"))],
        ("", "namespaces") => vec![Column::path("Status", ".status.phase")],
        ("", "services") => vec![
            Column::path("Type", ".spec.type"),
            Column::new("Cluster-IP", Source::Function(|service| or_none(&service["spec"]["clusterIP"]))),
            Column::new("External-IP", Source::Function(external_address)),
            Column::new("Port(s)", Source::Function(ports)),
        ],
        ("apps", "deployments") => vec![
            Column::new("Ready", Source::Function(|one| ready(one, "readyReplicas"))),
            Column::new("Up-to-date", Source::Function(|one| zero(&one["status"]["updatedReplicas"]))),
            Column::new("Available", Source::Function(|one| zero(&one["status"]["availableReplicas"]))),
        ],
        ("apps", "replicasets") => vec![
            number("Desired", ".spec.replicas"),
            Column::new("Current", Source::Function(|one| zero(&one["status"]["replicas"]))),
            Column::new("Ready", Source::Function(|one| zero(&one["status"]["readyReplicas"]))),
        ],
        ("batch", "jobs") => vec![
            Column::new("Status", Source::Function(job_status)),
            Column::new("Completions", Source::Function(job_completions)),
            Column::new("Duration", Source::Function(job_duration)),
        ],
        ("", "events") => return event_columns(),
        ("", "serviceaccounts") => vec![Column::new("Secrets", Source::Count("secrets"))],
        ("networking.k8s.io", "ingresses") => vec![
            Column::new("Class", Source::Function(|one| or_none(&one["spec"]["ingressClassName"]))),
            Column::new("Hosts", Source::Function(ingress_hosts)),
            Column::new("Address", Source::Function(ingress_address)),
            Column::new(
                "Ports",
                Source::Function(|one| json!(if one["spec"]["tls"].is_null() { "80" } else { "80, 443" })),
            ),
        ],
        (_, "rolebindings" | "clusterrolebindings") => vec![Column::new("Role", Source::Function(role))],
        ("coordination.k8s.io", "leases") => vec![Column::path("Holder", ".spec.holderIdentity")],
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            let created = Column {
                format: "date".to_owned(),
                ..Column::path("Created At", ".metadata.creationTimestamp")
            };
            return vec![created];
        }
        (_, "clusterroles" | "roles") => {
            let created = Column {
                format: "date".to_owned(),
                ..Column::path("Created At", ".metadata.creationTimestamp")
            };
            return vec![created];
        }
        _ => Vec::new(),
    };
    columns.push(age_column());
    if kind.group.is_empty() && kind.resource == "services" {
        columns
            .push(Column::new("Selector", Source::Function(|one| labels(&one["spec"]["selector"]))).wide());
    }
    if kind.group == "apps" || kind.resource == "jobs" {
        columns.push(Column::new("Containers", Source::Function(|one| joined(one, "name"))).wide());
        columns.push(Column::new("Images", Source::Function(|one| joined(one, "image"))).wide());
        columns.push(Column::new("Selector", Source::Function(selector)).wide());
    }
    columns
}

fn event_columns() -> Vec<Column> {
    let object = |event: &Value| {
        let regarding = &event["involvedObject"];
        let text = |field: &str| regarding[field].as_str().unwrap_or_default().to_owned();
        Value::from(format!("{}/{}", text("kind").to_lowercase(), text("name")))
    };
    vec![
        Column::new("Last Seen", Source::Function(last_seen)),
        Column::path("Type", ".type"),
        Column::path("Reason", ".reason"),
        Column::new("Object", Source::Function(object)),
        Column::path("Message", ".message"),
    ]
}

fn last_seen(event: &Value) -> Value {
    let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
    let time = times.iter().find_map(|time| time.as_str()?.parse().ok());
    time.map_or_else(|| json!("<unknown>"), |time| Value::from(age(Timestamp::now(), time)))
}

fn or_none(value: &Value) -> Value {
    if value.is_null() { json!("<none>") } else { value.clone() }
}

fn zero(value: &Value) -> Value {
    if value.is_null() { json!(0) } else { value.clone() }
}

fn ready(object: &Value, field: &str) -> Value {
    let ready = object["status"][field].as_i64().unwrap_or(0);
    Value::from(format!("{ready}/{}", object["spec"]["replicas"].as_i64().unwrap_or(0)))
}

fn external_address(service: &Value) -> Value {
    let spec = &service["spec"];
    match spec["type"].as_str().unwrap_or_default() {
        "ExternalName" => or_none(&spec["externalName"]),
        "LoadBalancer" => {
            let first = &service["status"]["loadBalancer"]["ingress"][0];
            let address = first["ip"].as_str().or_else(|| first["hostname"].as_str());
            Value::from(address.unwrap_or("<pending>"))
        }
        _ => {
            let addresses = spec["externalIPs"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let addresses: Vec<&str> = addresses.collect();
            if addresses.is_empty() { json!("<none>") } else { Value::from(addresses.join(",")) }
        }
    }
}

fn ports(service: &Value) -> Value {
    let ports: Vec<String> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_u64() {
                Some(node) => format!("{}:{node}/{protocol}", port["port"]),
                None => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    if ports.is_empty() { json!("<none>") } else { Value::from(ports.join(",")) }
}

fn ingress_hosts(ingress: &Value) -> Value {
    let hosts =
        ingress["spec"]["rules"].as_array().into_iter().flatten().filter_map(|rule| rule["host"].as_str());
    let hosts: Vec<&str> = hosts.take(3).collect();
    if hosts.is_empty() { json!("*") } else { Value::from(hosts.join(",")) }
}

fn ingress_address(ingress: &Value) -> Value {
    let points = ingress["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
    let addresses = points.filter_map(|point| point["ip"].as_str().or_else(|| point["hostname"].as_str()));
    Value::from(addresses.collect::<Vec<_>>().join(","))
}

fn role(binding: &Value) -> Value {
    let text = |field: &str| binding["roleRef"][field].as_str().unwrap_or_default().to_owned();
    Value::from(format!("{}/{}", text("kind"), text("name")))
}

fn job_status(job: &Value) -> Value {
    let is = |kind: &str| {
        let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let states = ["Complete", "Failed", "Suspended", "FailureTarget"];
    let state = states.into_iter().find(|state| is(state)).unwrap_or("Running");
    json!(state)
}

fn job_completions(job: &Value) -> Value {
    let done = job["status"]["succeeded"].as_i64().unwrap_or(0);
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => Value::from(format!("{done}/{wanted}")),
        None => Value::from(format!("{done}/1 of {}", job["spec"]["parallelism"].as_i64().unwrap_or(1))),
    }
}

fn job_duration(job: &Value) -> Value {
    let time = |field: &str| job["status"][field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match (time("startTime"), time("completionTime")) {
        (Some(start), Some(end)) => Value::from(age(end, start)),
        (Some(start), None) => Value::from(age(Timestamp::now(), start)),
        (None, _) => json!(""),
    }
}

fn joined(object: &Value, field: &str) -> Value {
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    Value::from(containers.filter_map(|container| container[field].as_str()).collect::<Vec<_>>().join(","))
}

fn selector(object: &Value) -> Value {
    labels(&object["spec"]["selector"]["matchLabels"])
}

fn labels(labels: &Value) -> Value {
    let labels = labels.as_object().into_iter().flatten();
    let texts: Vec<String> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    if texts.is_empty() { json!("<none>") } else { Value::from(texts.join(",")) }
}

/// A JSONPath of the sort that definitions use: fields, indices, `[*]` and one filter.
fn parse(path: &str) -> Vec<Step> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let Some((inside, after)) = after.split_once(']') else {
                break;
            };
            steps.push(bracket(inside));
            rest = after;
            continue;
        }
        rest = rest.trim_start_matches('.');
        // A dot of a field's name is escaped.
        let mut name = String::new();
        let mut length = 0;
        let mut characters = rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '.' | '[' => break,
                '\\' => {
                    length += 1;
                    if let Some(escaped) = characters.next() {
                        name.push(escaped);
                        length += escaped.len_utf8();
                    }
                }
                other => {
                    name.push(other);
                    length += other.len_utf8();
                }
            }
        }
        if !name.is_empty() {
            steps.push(Step::Field(name));
        }
        if length == 0 && !rest.starts_with('[') {
            break;
        }
        rest = &rest[length..];
    }
    steps
}

fn bracket(inside: &str) -> Step {
    if inside == "*" {
        return Step::All;
    }
    if let Ok(index) = inside.parse() {
        return Step::Index(index);
    }
    let unquote = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    let filter = inside.strip_prefix("?(@.").and_then(|rest| rest.strip_suffix(')'));
    if let Some((field, value)) = filter.and_then(|filter| filter.split_once("==")) {
        return Step::Filter(field.trim().to_owned(), unquote(value));
    }
    Step::Field(unquote(inside))
}

fn find<'a>(object: &'a Value, steps: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![object];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| -> Vec<&'a Value> {
                match step {
                    Step::Field(name) => value.get(name).into_iter().collect(),
                    Step::Index(index) => value.get(*index).into_iter().collect(),
                    Step::All => value.as_array().into_iter().flatten().collect(),
                    Step::Filter(field, wanted) => value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter(|one| one.get(field).and_then(Value::as_str) == Some(wanted))
                        .collect(),
                }
            })
            .collect();
    }
    found
}

fn shown(found: &[&Value]) -> Value {
    match found {
        [] => Value::Null,
        [one] => (*one).clone(),
        many => {
            let texts = many.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            Value::from(texts.collect::<Vec<_>>().join(","))
        }
    }
}

/// Time passed, as kubectl shows it: two units at most, the second only while it matters.
fn age(now: Timestamp, since: Timestamp) -> String {
    let seconds = now.as_second() - since.as_second();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |first: i64, unit: &str, second: i64, small: &str| {
        if second == 0 { format!("{first}{unit}") } else { format!("{first}{unit}{second}{small}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => pair(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".spec.host", json!("h"))]
    #[case("{.spec.host}", json!("h"))]
    #[case(".spec.list[*].name", json!("a,b"))]
    #[case(".spec.list[1].name", json!("b"))]
    #[case(r#".status.conditions[?(@.type=="Ready")].status"#, json!("True"))]
    #[case(r".metadata.annotations.example\.com/x", json!("y"))]
    #[case(".metadata.annotations['example.com/x']", json!("y"))]
    #[case(".spec.absent", Value::Null)]
    #[case(".spec.count", json!(3))]
    fn paths(#[case] path: &str, #[case] expected: Value) {
        let object = json!({
            "metadata": {"annotations": {"example.com/x": "y"}},
            "spec": {"host": "h", "count": 3, "list": [{"name": "a"}, {"name": "b"}]},
            "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
        });
        assert_eq!(Column::path("X", path).cell(&object), expected);
    }

    #[rstest]
    #[case(5, "5s")]
    #[case(119, "119s")]
    #[case(121, "2m1s")]
    #[case(180, "3m")]
    #[case(7_260, "121m")]
    #[case(14_460, "4h1m")]
    #[case(86_400, "24h")]
    #[case(180_000, "2d2h")]
    #[case(864_000, "10d")]
    #[case(70_000_000, "2y80d")]
    fn ages(#[case] seconds: i64, #[case] expected: &str) {
        let since = Timestamp::UNIX_EPOCH;
        let now = since.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("time");
        assert_eq!(age(now, since), expected);
    }
}
