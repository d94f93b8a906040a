//! Hashes and signatures.

use super::{Given, Guest, charge, charge_bytes, length, misuse, parts, read, write};
use althing_abi::{exports::algorithm, functions::cost};
use althing_identity::{MAX_CERTIFICATE, MAX_CHAIN, check_chain};
use althing_types::{
    codec::{self, Bytes, List, Text},
    crypto::{PublicKey, Signature, verify},
    hash::sha3_256,
    receipt::MAX_MESSAGE,
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

pub(super) fn certificate(
    guest: &mut Guest<'_>,
    root: u32,
    root_length: u32,
    chain: u32,
    chain_length: u32,
) -> Given<i64> {
    charge(guest, cost::certificate, (root_length as usize).saturating_add(chain_length as usize))?;
    let (memory, host) = parts(guest)?;
    let root = read(memory, root, root_length)?;
    let bytes = read(memory, chain, chain_length)?;
    let most = MAX_CHAIN.saturating_mul(MAX_CERTIFICATE.saturating_add(4)).saturating_add(4);
    let chain: List<Bytes<MAX_CERTIFICATE>, MAX_CHAIN> =
        codec::decode("certificate chain", bytes, most).map_err(|e| misuse(&e.to_string()))?;
    let chain: Vec<Vec<u8>> = chain.into_vec().into_iter().map(Bytes::into_vec).collect();
    let time_ms = host.transaction(|transaction| transaction.context.timestamp_ms)?;
    let (answer, good) = match check_chain(root, &chain, time_ms) {
        Ok(facts) => (codec::encode(&facts), true),
        Err(refusal) => {
            let text = Text::<MAX_MESSAGE>::truncated(&refusal.to_string());
            (codec::encode(&(refusal.code(), text)), false)
        }
    };
    charge_bytes(guest, cost::certificate, answer.len())?;
    let given = length(answer.len());
    guest.data_mut().taken = answer;
    Ok(if good { given } else { given.saturating_neg() })
}
