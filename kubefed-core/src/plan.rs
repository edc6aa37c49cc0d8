//! Which operation a member needs, and why: the one place that decides to write to a member.
//!
//! [`decide`], [`decide_removal`] and [`decide_orphan`] look at one member at a time and know nothing of the others, so that no member can
//! hold up another. Rules: `ARCHITECTURE.md`, "Invariants"; spec sections 3.4 to 3.10.

use crate::{hash::Digest, ownership::Ownership, status::PropagationStatus};

/// What is known of the way to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The member is ready and its objects of the type are known.
    Ready,
    /// The member is ready, and its objects of the type are being listed.
    Listing,
    /// The last health checks found the member not ready.
    NotReady,
    /// No client could be made from its `KubeFedCluster`; says why.
    NoClient(String),
    /// Its objects of the type cannot be listed; says why.
    ListFailed(String),
    /// It does not know the type, and so holds nothing of it; says what to do.
    NotServed(String),
    /// Requests to the member fail for now and are held back; says why.
    Failing(String),
}

/// The namespace that a target object needs in the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceState {
    /// There is one, or the object needs none.
    Active,
    /// It is not there.
    Missing,
    /// It is being deleted.
    Terminating,
}

/// Value of the label `kubefed.io/managed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedLabel {
    /// `true`: the object is ours.
    True,
    /// `false`: hands off.
    False,
    /// Anything else: not ours.
    Other,
}

impl ManagedLabel {
    /// Reads the value of the label.
    #[must_use]
    pub fn of(value: Option<&str>) -> Self {
        match value {
            Some("true") => Self::True,
            Some("false") => Self::False,
            _ => Self::Other,
        }
    }
}

/// What the metadata of a member's object tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whether it is ours.
    pub managed: ManagedLabel,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Our entry of its managed fields.
    pub ownership: Option<Ownership>,
}

/// What was applied to a member's object, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Hash of the rendered object.
    pub rendered: Digest,
    /// Digest of our ownership afterwards.
    pub ownership: Digest,
    /// Whether this process wrote or checked it, rather than reading it from the status.
    pub fresh: bool,
}

/// A failed operation that is not tried again yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which status it gave.
    pub status: PropagationStatus,
    /// What the member said, and what to do.
    pub message: String,
}

/// All that a decision about one member depends on.
#[derive(Clone, Debug)]
pub struct MemberView<'a> {
    /// Whether the member is in the object's placement.
    pub selected: bool,
    /// The way to the member.
    pub connection: &'a Connection,
    /// The namespace of the target object there.
    pub namespace: NamespaceState,
    /// The target object there, if any carries our label.
    pub observed: Option<Observed>,
    /// What was applied there.
    pub record: Option<Record>,
    /// Hash of the object as it shall be there, or why there is none. Only looked at where selected.
    pub rendered: Result<Digest, &'a Held>,
    /// Whether the member was asked after its cache showed nothing, and holds nothing of ours.
    pub verified: bool,
    /// Whether an operation on this object is under way in the member.
    pub busy: bool,
    /// Whether what was observed may be out of date: a list that was taken about the time of our last write did not show
    /// the object. The member is asked, whatever the records say.
    pub doubtful: bool,
    /// The last operation failed and is not due again yet.
    pub held: Option<&'a Held>,
    /// Whether the target is the host's own namespace (the same uid), which is never deleted.
    pub is_host_namespace: bool,
}

/// What to do about one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is there and nothing shall be: the member does not show in the status.
    Absent,
    /// Nothing to do now; the status says how things stand.
    Settled {
        /// Status of the member.
        status: PropagationStatus,
        /// What is wrong and what to do.
        message: Option<String>,
    },
    /// Something is under way. The status is what holds if it does not end in time.
    Pending {
        /// Provisional status of the member.
        status: PropagationStatus,
        /// What is waited for.
        message: Option<String>,
    },
    /// An operation is due.
    Act(Action),
}

/// An operation on a member's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create it, or take it over where it exists.
    Create,
    /// Apply it: something of ours changed.
    Apply,
    /// Apply it: somebody changed or removed what is ours.
    Repair,
    /// Read it and see whether anything has to be written: there is no record of what was applied.
    Compare,
    /// Delete it.
    Delete,
    /// Remove our label and leave it.
    Unlabel,
    /// Ask the member whether it is really gone.
    Verify,
}

impl Action {
    /// The status while the operation has not ended (spec 3.7 to 3.10).
    #[must_use]
    pub fn provisional(self) -> PropagationStatus {
        match self {
            Self::Create => PropagationStatus::CreationTimedOut,
            Self::Apply | Self::Repair | Self::Compare => PropagationStatus::UpdateTimedOut,
            Self::Delete | Self::Verify => PropagationStatus::DeletionTimedOut,
            Self::Unlabel => PropagationStatus::LabelRemovalTimedOut,
        }
    }

    /// The status when it failed.
    #[must_use]
    pub fn failed(self) -> PropagationStatus {
        match self {
            Self::Create => PropagationStatus::CreationFailed,
            Self::Apply | Self::Repair => PropagationStatus::UpdateFailed,
            Self::Compare | Self::Verify => PropagationStatus::RetrievalFailed,
            Self::Delete => PropagationStatus::DeletionFailed,
            Self::Unlabel => PropagationStatus::LabelRemovalFailed,
        }
    }
}

fn settled(status: PropagationStatus) -> Decision {
    Decision::Settled { status, message: None }
}

fn settled_because(status: PropagationStatus, message: impl Into<String>) -> Decision {
    Decision::Settled { status, message: Some(message.into()) }
}

/// Decides about a member of a federated object that is not being deleted.
#[must_use]
pub fn decide(member: &MemberView<'_>) -> Decision {
    let decision = if member.selected { decide_selected(member) } else { decide_deselected(member) };
    hold_back(member, decision)
}

/// What becomes of the members' objects when their federated object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// They are deleted.
    Delete,
    /// They stay, and are managed no more (`kubefed.io/orphan`).
    Orphan,
}

/// Decides about a member of a federated object that is being deleted.
#[must_use]
pub fn decide_removal(member: &MemberView<'_>, removal: Removal) -> Decision {
    if let Connection::NotServed(_) = member.connection {
        return Decision::Absent;
    }
    if let Some(obstacle) = obstacle(member.connection) {
        return obstacle;
    }
    let decision = match member.observed {
        // What is under way may yet create something.
        _ if member.busy => Decision::Act(Action::Verify),
        None if member.verified => Decision::Absent,
        None => Decision::Act(Action::Verify),
        Some(_) if member.doubtful => Decision::Act(Action::Verify),
        Some(observed) if observed.managed != ManagedLabel::True => Decision::Absent,
        // What goes anyway needs no release (spec 3.10).
        Some(observed) if observed.deleting && (member.is_host_namespace || removal == Removal::Orphan) => {
            Decision::Absent
        }
        Some(observed) if observed.deleting => settled(PropagationStatus::WaitingForRemoval),
        Some(_) if removal == Removal::Orphan || member.is_host_namespace => Decision::Act(Action::Unlabel),
        Some(_) => Decision::Act(Action::Delete),
    };
    hold_back(member, decision)
}

/// Decides about a member's object whose federated object is gone although it never lost its finalizer in an orderly
/// way. Only what carries our own entry of managed fields is touched, and only its label.
#[must_use]
pub fn decide_orphan(member: &MemberView<'_>) -> Decision {
    if *member.connection != Connection::Ready {
        return Decision::Absent;
    }
    match member.observed {
        Some(Observed { managed: ManagedLabel::True, deleting: false, ownership: Some(_) }) => {
            hold_back(member, Decision::Act(Action::Unlabel))
        }
        _ => Decision::Absent,
    }
}

/// What keeps us from looking at the member at all.
fn obstacle(connection: &Connection) -> Option<Decision> {
    match connection {
        Connection::Ready | Connection::Failing(_) => None,
        Connection::NotReady => {
            Some(settled_because(PropagationStatus::ClusterNotReady, "the health checks of the cluster fail"))
        }
        Connection::NoClient(why) => Some(settled_because(PropagationStatus::ClientRetrievalFailed, why)),
        Connection::ListFailed(why) | Connection::NotServed(why) => {
            Some(settled_because(PropagationStatus::CachedRetrievalFailed, why))
        }
        Connection::Listing => Some(Decision::Pending {
            status: PropagationStatus::CachedRetrievalFailed,
            message: Some("the objects of the cluster are still being listed".to_owned()),
        }),
    }
}

fn decide_selected(member: &MemberView<'_>) -> Decision {
    if let Some(obstacle) = obstacle(member.connection) {
        return obstacle;
    }
    let rendered = match member.rendered {
        Ok(digest) => digest,
        Err(held) => return settled_because(held.status, held.message.clone()),
    };
    let Some(observed) = member.observed else {
        return match member.namespace {
            NamespaceState::Active => Decision::Act(Action::Create),
            NamespaceState::Missing => waits_for_namespace("is not there yet"),
            NamespaceState::Terminating => waits_for_namespace("is being deleted"),
        };
    };
    if member.doubtful && (observed.deleting || observed.managed != ManagedLabel::True) {
        return Decision::Act(Action::Verify);
    }
    if observed.managed == ManagedLabel::False {
        let message = "the object carries the label kubefed.io/managed=false; remove the label or set it to true \
                       to have the object managed again";
        return settled_because(PropagationStatus::ManagedLabelFalse, message);
    }
    if observed.deleting {
        let message = "the object is being deleted; it is created again when it is gone";
        return settled_because(PropagationStatus::WaitingForRemoval, message);
    }
    let Some(ownership) = observed.ownership else {
        // It carries our label, but nothing was ever applied by us: taken over from elsewhere, as in an adoption.
        return Decision::Act(Action::Create);
    };
    match member.record {
        _ if member.doubtful => Decision::Act(Action::Compare),
        None => Decision::Act(Action::Compare),
        Some(record) if record.rendered == rendered && record.ownership == ownership.digest => {
            settled(PropagationStatus::Ok)
        }
        // The record may be older than the last apply of a process that ended before it wrote the status.
        Some(record) if !record.fresh && record.rendered == rendered => Decision::Act(Action::Compare),
        Some(record) if record.ownership != ownership.digest => Decision::Act(Action::Repair),
        Some(_) => Decision::Act(Action::Apply),
    }
}

fn decide_deselected(member: &MemberView<'_>) -> Decision {
    if let Connection::NotServed(_) = member.connection {
        return Decision::Absent;
    }
    if member.busy {
        // What is under way may yet create something.
        return Decision::Pending { status: PropagationStatus::WaitingForRemoval, message: None };
    }
    if !matches!(member.connection, Connection::Ready | Connection::Failing(_)) {
        // What was never there is not waited for (spec 3.4); what we applied still is.
        let message = "the object is removed from the cluster as soon as it can be reached";
        return match member.record {
            Some(_) => settled_because(PropagationStatus::WaitingForRemoval, message),
            None => Decision::Absent,
        };
    }
    match member.observed {
        None => Decision::Absent,
        Some(_) if member.doubtful => Decision::Act(Action::Verify),
        Some(observed) if observed.managed != ManagedLabel::True => Decision::Absent,
        Some(observed) if observed.deleting => settled(PropagationStatus::WaitingForRemoval),
        Some(_) if member.is_host_namespace => Decision::Act(Action::Unlabel),
        Some(_) => Decision::Act(Action::Delete),
    }
}

fn waits_for_namespace(how: &str) -> Decision {
    Decision::Pending {
        status: PropagationStatus::CreationTimedOut,
        message: Some(format!(
            "the namespace {how} in this cluster; federate it with a FederatedNamespace or create it there"
        )),
    }
}

/// An operation that is due does not start while another one runs, while the last failure is being waited out, or while
/// requests to the member fail altogether.
fn hold_back(member: &MemberView<'_>, decision: Decision) -> Decision {
    let Decision::Act(action) = decision else {
        return decision;
    };
    if member.busy {
        return Decision::Pending { status: action.provisional(), message: None };
    }
    if let Some(held) = member.held {
        return settled_because(held.status, held.message.clone());
    }
    if let Connection::Failing(why) = member.connection {
        return settled_because(action.failed(), why);
    }
    Decision::Act(action)
}

#[cfg(test)]
mod tests;
