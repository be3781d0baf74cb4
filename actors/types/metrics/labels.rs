//! Labels with a closed set of values.

use std::fmt;

/// A label whose values are known.
pub trait Label: Copy + PartialEq + fmt::Debug + 'static {
    /// Its values.
    const ALL: &'static [Self];

    /// As the page shows it.
    fn name(self) -> &'static str;
}

macro_rules! label {
    ($(#[doc = $about:literal])+ $label:ident { $($(#[doc = $doc:literal])+ $value:ident = $name:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $label {
            $($(#[doc = $doc])+ $value,)+
        }

        impl Label for $label {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }
    };
}

label! {
    /// Why a connection does not read its socket.
    BlockReason {
        /// Answers are not taken by the client.
        Answers = "answers",
        /// As many requests, or bytes of them, are open as may be.
        Requests = "requests",
        /// The memory for requests is used up.
        Memory = "memory",
        /// The client has used up a quota.
        Quota = "quota",
    }
}

label! {
    /// Why the broker ends a connection.
    CloseReason {
        /// A frame of a size that none, or none of its kind, has.
        Frame = "frame",
        /// A request that cannot be read or is not served.
        Request = "request",
        /// No request for `connections.max.idle.ms`.
        Idle = "idle",
        /// A client that is not who it says, or does not say who it is where it has to.
        Authentication = "authentication",
        /// A request that came slowly while others waited for its memory.
        Slow = "slow",
    }
}

label! {
    /// Which quota makes a client pause.
    ThrottleReason {
        /// Bytes of produce requests.
        Produce = "producer_byte_rate",
        /// Bytes of fetch answers.
        Fetch = "consumer_byte_rate",
        /// Time of threads.
        Request = "request_percentage",
        /// Partitions made and deleted.
        ControllerMutation = "controller_mutation_rate",
        /// Connections of an address.
        Connection = "connection_creation_rate",
    }
}

label! {
    /// Why a group rebalances.
    RebalanceReason {
        /// A member is new.
        MemberJoined = "member_joined",
        /// A member joined again: with other metadata, or as the leader, which may have seen new
        /// partitions.
        MemberRejoined = "member_rejoined",
        /// A static member is back under another id, and the assignment does not stand.
        MemberReplaced = "member_replaced",
        /// A member left.
        MemberLeft = "member_left",
        /// A member was silent for its session.
        SessionExpired = "session_expired",
        /// A member did not ask for its assignment in time.
        SyncTimedOut = "sync_timed_out",
        /// The group was loaded with more members than it may have.
        TooManyMembers = "too_many_members",
    }
}
