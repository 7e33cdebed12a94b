//! Reasons of conditions, faults and waits: all there are, each with what it says. Pure.
//!
//! They are an interface: alerts, GitOps tools and scripts read them. One that is there keeps its name.

use std::fmt;

/// What a reason tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All is well.
    Well,
    /// Something that was asked for, or is owed, is being done.
    Work,
    /// The next step waits for something, which is a fault when it lasts.
    Wait,
    /// Something that the shop needs is not there yet.
    Lacking,
    /// Something is wrong that was not asked for.
    Fault,
}

macro_rules! reasons {
    ($($kind:ident { $($(#[doc = $says:literal])+ $name:ident,)* })*) => {
        /// Why a condition is as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($($(#[doc = $says])+ $name,)*)*
        }

        impl Reason {
            pub const ALL: &[Reason] = &[$($(Reason::$name,)*)*];

            /// The word that a status has.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Reason::$name => stringify!($name),)*)*
                }
            }

            /// What it says.
            pub const fn says(self) -> &'static str {
                match self {
                    $($(Reason::$name => concat!($($says),+),)*)*
                }
            }

            pub const fn kind(self) -> Kind {
                match self {
                    $($(Reason::$name => Kind::$kind,)*)*
                }
            }
        }
    };
}

reasons! {
    Well {
        /// Nothing is wrong.
        AsExpected,
        /// Clients are served: an API pod is ready, and of every row enough copies answer at LOCAL_QUORUM.
        Serving,
        /// Everything owed for this generation is done.
        Settled,
        /// Every keyspace has its replication factor, and no repair is owed.
        Synced,
    }
    Work {
        /// A keyspace gets another replication factor, one step at a time.
        AlteringReplication,
        /// The very first node starts, alone.
        Bootstrapping,
        /// A pod that is no node has Cassandra read the new configuration before any node gets it.
        CheckingConfiguration,
        /// Volume claims that never got a volume are made again as the spec has them now.
        ClaimsMadeAgain,
        /// A node drops what it no longer owns.
        CleaningUp,
        /// A keyspace of the spec is made.
        CreatingKeyspace,
        /// The StoreCluster is being deleted.
        Deleting,
        /// The volume of a node that has left goes, as deletionPolicy has it.
        DeletingVolume,
        /// Volumes grow, one first and the others after it.
        GrowingVolumes,
        /// The schema Job brings the API's tables to their newest version; nothing else begins meanwhile.
        MigratingSchema,
        /// A rack in which no node has started goes, since the spec no longer names it.
        RackGoes,
        /// A node repairs what a change of copies, a loss or a long absence owes.
        Repairing,
        /// Outdated pods are replaced, one at a time.
        RollingOut,
        /// The API's pods are brought up to date.
        RollingOutApi,
        /// A node leaves the ring.
        ScalingDown,
        /// A node joins the ring.
        ScalingUp,
        /// The operator's superuser and the roles of the API are set up.
        SettingUpRoles,
        /// A new spec is written into the shop's objects before anything is done for it.
        SpecAccepted,
        /// The operator looks at the StoreCluster for the first time.
        Starting,
        /// Nodes start again after a full stop.
        StartingAll,
        /// A repair or clean-up of an earlier change is still to be done.
        WorkOwed,
        /// Objects of the shop are written.
        WritingObjects,
    }
    Wait {
        /// No node answers over CQL, so keyspaces and roles are not known.
        CqlUnreachable,
        /// A PodDisruptionBudget lets no pod go.
        EvictionRefused,
        /// A node has not had all the writes yet that the others keep for it.
        HintsPending,
        /// A node has not answered for a moment.
        NodeAway,
        /// A node starts.
        NodeStarting,
        /// A node stops.
        NodeStopping,
        /// A node's pod does not exist.
        PodMissing,
        /// Two nodes do not see the same ring.
        RingViewsDiffer,
        /// A restart waits: it would take the quorum of a keyspace for a while, or of its repair.
        RolloutWaits,
        /// What a node must know or do before it may leave is not there yet.
        ScaleDownWaits,
        /// The nodes do not have the same schema.
        SchemaDisagreement,
        /// The StatefulSet of a rack is made again.
        StatefulSetMissing,
        /// A node still tells of another that joins, leaves or moves.
        TopologyChanging,
    }
    Lacking {
        /// Fewer API pods are ready than wanted.
        ApiNotReady,
        /// The spec wants no API pod.
        ApiScaledToZero,
        /// A keyspace of the spec does not exist yet.
        KeyspaceMissing,
        /// Fewer nodes are up and normal than wanted.
        NodesNotReady,
        /// The keyspace of the API does not exist yet, or no node could be asked for it.
        NotFounded,
        /// No node has answered over CQL yet, so the keyspaces are not known.
        NotReadYet,
        /// A repair is owed: until it is done, a read at ONE may miss rows.
        RepairOwed,
        /// The roles of the schema writer and of the API are not set up yet.
        RolesMissing,
    }
    Fault {
        /// Cassandra refused or failed a change of the ring; its words follow.
        ActionFailed,
        /// No API pod is ready.
        ApiDown,
        /// The API's pods do not become ready in time.
        ApiRolloutStuck,
        /// A clean-up failed and is begun again after a pause.
        CleanupFailed,
        /// Cassandra or Java refuses the new configuration; no node was restarted with it.
        ConfigurationRefused,
        /// A node could not leave; it is begun again after a pause.
        DecommissionFailed,
        /// A node is to have left, and its peers do not say so.
        DecommissionUnproved,
        /// An object of a StoreCluster of this name that is no more is not gone.
        FormerObject,
        /// The spec asks for an HTTPRoute, and this cluster serves none to the operator.
        GatewayApiMissing,
        /// Tokens travel in clear: the Ingress has no certificate.
        IngressWithoutTls,
        /// The API cannot have the keys of the issuer of tokens.
        IssuerUnreachable,
        /// The bootstrap of a node broke off; it is resumed after a pause.
        JoinFailed,
        /// Cassandra or its agent takes none of the passwords that the operator has.
        LoginRefused,
        /// The schema Job failed; it is made again.
        MigrationFailed,
        /// The schema Job did not end in time and was taken away, so that other work goes on.
        MigrationPostponed,
        /// An object of that name is somebody else's; nothing of it was changed.
        NameTaken,
        /// A node was away for longer than deleted rows are remembered.
        NodeAwayTooLong,
        /// A node does not answer, or a peer sees it down.
        NodeDown,
        /// A pod is refused to whoever is to make it: a quota, a limit, a policy.
        PodNotMade,
        /// A pod does not run: no machine, no image, or it ends again and again.
        PodNotRunning,
        /// Of some rows too few copies are on nodes that are up.
        QuorumLost,
        /// A rack was taken off the spec, and a node has started in it meanwhile.
        RackInUse,
        /// A repair failed and is begun again after a pause.
        RepairFailed,
        /// A keyspace is to have more copies than there are nodes.
        ReplicationAboveNodes,
        /// A restart would take the quorum of a keyspace that has one copy or two.
        RolloutWouldInterrupt,
        /// A Gateway does not take the HTTPRoute.
        RouteRefused,
        /// A node must stay: copies need it, or its data has no room elsewhere.
        ScaleDownRefused,
        /// A Secret lacks a key, or it is empty.
        SecretIncomplete,
        /// A Secret is gone, and what was in it is known to nobody or cannot be made anew.
        SecretMissing,
        /// A Secret of that name is another store's.
        SecretNotOurs,
        /// A Secret cannot be read.
        SecretUnreadable,
        /// What is in a Secret would do harm.
        SecretUnusable,
        /// The newest spec breaks a rule; the one before it goes on counting.
        SpecRefused,
        /// This operator cannot read the StoreCluster: it may be of another version than the CRD.
        StoreNotUnderstood,
        /// The ring has a member that is no pod of this shop.
        UnknownMember,
        /// Somebody deletes the volume of a member.
        VolumeBeingDeleted,
        /// A volume cannot have the size of the spec.
        VolumeCannotGrow,
        /// The data of a member is gone.
        VolumeLost,
        /// Volumes are there that a newer Cassandra wrote.
        VolumesOfNewerVersion,
        /// Volumes are there that are of another datacenter.
        VolumesOfOtherDatacenter,
        /// Volumes are there whose racks the spec does not name.
        VolumesOfOtherRacks,
        /// The API server, or a webhook, refused a write; its words follow.
        WriteRefused,
    }
}

impl Reason {
    /// The reason that a status has told by this word.
    pub fn find(word: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The page of all reasons.
pub fn page() -> String {
    let mut text = "# Reasons of conditions, faults and waits\n\nGenerated from `operator/planner/src/reason.rs` by `make \
                    generate`. `status.conditions`, `status.faults` and\n`status.waits` have no others. A wait that lasts longer \
                    than it may becomes a fault of the same reason, with what to do\nin its message. How each stands \
                    beside the others is in [operations](../operations.md).\n"
        .to_owned();
    let kinds = [
        (Kind::Fault, "Something is wrong"),
        (Kind::Work, "Something is being done"),
        (Kind::Wait, "Something is waited for"),
        (Kind::Lacking, "Something is not there yet"),
        (Kind::Well, "All is well"),
    ];
    for (kind, title) in kinds {
        text += &format!("\n## {title}\n\n| reason | |\n|---|---|\n");
        for reason in Reason::ALL.iter().filter(|reason| reason.kind() == kind) {
            text += &format!("| `{reason}` | {} |\n", reason.says().trim());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_word_and_says_something() {
        for reason in Reason::ALL {
            assert_eq!(Reason::find(reason.as_str()), Some(*reason));
            assert!(reason.says().trim().ends_with('.'), "{reason}");
        }
        assert_eq!(Reason::find("NoSuchReason"), None);
    }

    #[test]
    fn the_page_of_reasons_is_as_generated() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/conditions.md");
        assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "make generate");
    }
}
