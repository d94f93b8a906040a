//! Statuses that registrars and registries set (RFC 5731 2.3), and what each forbids.

use crate::describe::words;

words! {
    /// A status that was set. Words are those of RFC 5731.
    Status {
        /// Not in the zone, by the registrar's wish.
        ClientHold = 0 "clientHold",
        /// No transfer, by the registrar's wish.
        ClientTransferProhibited = 1 "clientTransferProhibited",
        /// No change but of this status, by the registrar's wish.
        ClientUpdateProhibited = 2 "clientUpdateProhibited",
        /// No deletion, by the registrar's wish.
        ClientDeleteProhibited = 3 "clientDeleteProhibited",
        /// No renewal, by the registrar's wish.
        ClientRenewProhibited = 4 "clientRenewProhibited",
        /// Not in the zone, by the registry's decision.
        ServerHold = 5 "serverHold",
        /// No transfer, by the registry's decision.
        ServerTransferProhibited = 6 "serverTransferProhibited",
        /// No change, by the registry's decision.
        ServerUpdateProhibited = 7 "serverUpdateProhibited",
        /// No deletion, by the registry's decision.
        ServerDeleteProhibited = 8 "serverDeleteProhibited",
        /// No renewal, by the registry's decision.
        ServerRenewProhibited = 9 "serverRenewProhibited",
    }
    /// What a status can forbid.
    Right {
        /// A transfer.
        Transfer = 0 "transfer",
        /// A change.
        Update = 1 "update",
        /// A deletion.
        Delete = 2 "delete",
        /// A renewal.
        Renew = 3 "renew",
    }
}

impl Status {
    /// Whether the registry sets it, and not the registrar.
    pub const fn is_server(self) -> bool {
        matches!(
            self,
            Self::ServerHold
                | Self::ServerTransferProhibited
                | Self::ServerUpdateProhibited
                | Self::ServerDeleteProhibited
                | Self::ServerRenewProhibited
        )
    }

    /// What it forbids; `None` for a hold.
    pub const fn forbids(self) -> Option<Right> {
        match self {
            Self::ClientHold | Self::ServerHold => None,
            Self::ClientTransferProhibited | Self::ServerTransferProhibited => Some(Right::Transfer),
            Self::ClientUpdateProhibited | Self::ServerUpdateProhibited => Some(Right::Update),
            Self::ClientDeleteProhibited | Self::ServerDeleteProhibited => Some(Right::Delete),
            Self::ClientRenewProhibited | Self::ServerRenewProhibited => Some(Right::Renew),
        }
    }
}
