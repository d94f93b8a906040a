//! A contract call as a typed value.

use althing_types::{
    codec::{Bytes, Text, TooLong, encode},
    id::ContractId,
    transaction::{Content, Operation},
};
use borsh::BorshSerialize;

/// Arguments of one method. The fields of the implementing type, in order, are the method's arguments: their borsh form
/// is that of the tuple which the contract reads.
pub trait Call: BorshSerialize {
    /// The contract's id.
    const CONTRACT: &'static str;
    /// The method's name in the ABI.
    const METHOD: &'static str;
    /// What a transaction with this call says it does (Table 2: operation type).
    const OPERATION: Operation;

    /// The content of a transaction that makes this call.
    ///
    /// # Errors
    /// [`TooLong`] when the arguments exceed what any chain allows.
    fn content(&self) -> Result<Content, TooLong> {
        #[expect(clippy::expect_used, reason = "the ids of built-in contracts are checked by a test")]
        let contract = ContractId::new(Self::CONTRACT).expect("contract id");
        Ok(Content::Call { contract, method: Text::new(Self::METHOD)?, arguments: Bytes::new(encode(self))? })
    }
}

/// Declares the argument types of a contract's methods.
macro_rules! calls {
    ($contract:expr; $($(#[$doc:meta])* $name:ident($method:literal, $operation:ident) { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize)]
            pub struct $name { $($(#[$fdoc])* pub $field: $type),* }
            impl $crate::call::Call for $name {
                const CONTRACT: &'static str = $contract;
                const METHOD: &'static str = $method;
                const OPERATION: althing_types::transaction::Operation = althing_types::transaction::Operation::$operation;
            }
        )*
    };
}
pub(crate) use calls;
