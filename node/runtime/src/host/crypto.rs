//! Hashes and signatures.

use super::{Given, Guest, charge, misuse, parts, read, write};
use althing_abi::{exports::algorithm, functions::cost};
use althing_types::{
    crypto::{PublicKey, Signature, verify},
    hash::sha3_256,
};

pub(super) fn hash(guest: &mut Guest<'_>, which: i32, data: u32, length: u32, to: u32) -> Given<()> {
    charge(guest, cost::hash, length as usize)?;
    let (memory, _) = parts(guest)?;
    let data = read(memory, data, length)?;
    let digest = match which {
        algorithm::SHA3_256 => sha3_256(data),
        other => return Err(misuse(&format!("hash has no algorithm {other}"))),
    };
    write(memory, to, &digest.0)
}

pub(super) fn ed25519(guest: &mut Guest<'_>, key: u32, signature: u32, message: u32, length: u32) -> Given<i32> {
    charge(guest, cost::ed25519, length as usize)?;
    let (memory, _) = parts(guest)?;
    let fixed = |_| misuse("a key or signature of another length");
    let key = PublicKey(read(memory, key, 32)?.try_into().map_err(fixed)?);
    let signature = Signature(read(memory, signature, 64)?.try_into().map_err(fixed)?);
    Ok(i32::from(verify(&key, read(memory, message, length)?, &signature).is_ok()))
}
