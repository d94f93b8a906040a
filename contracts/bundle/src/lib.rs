//! The built-in contracts as WebAssembly, built from the neighbouring folders by this crate's build script.
//!
//! A node that starts a chain takes the code of the contracts that the genesis document names from here, by hash.
//! Which compiler built them is in each module's description; another compiler gives other bytes and another hash.

/// A built-in contract.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// Its id.
    pub id: &'static str,
    /// Its module.
    pub code: &'static [u8],
}

/// Every built-in contract.
pub fn contracts() -> &'static [Bundled] {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"))
}

/// The module of the contract `load`, which `althing bench` calls; no chain has it unless its genesis says so.
pub fn load() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/load.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_abi::Abi;

    #[test]
    fn each_module_describes_the_contract_it_is_listed_as() {
        for bundled in contracts() {
            let abi = Abi::read(bundled.code).unwrap();
            assert_eq!(abi.name, bundled.id);
            assert!(!abi.methods.is_empty() && !abi.state.is_empty());
            assert!(bundled.code.len() < 512 * 1024, "{} has {} bytes", bundled.id, bundled.code.len());
        }
    }
}
