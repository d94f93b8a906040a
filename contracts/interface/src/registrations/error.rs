//! Why calls of `registrations` are refused, each with the result code that a registrar knows from EPP (RFC 5730 3).

use super::{MAX_NS, MAX_YEARS};
use crate::{describe::errors, domain_records::MAX_TTL};
use alloc::string::String;
use althing_types::{id::OrganisationId, name::DomainName};

errors! {
    /// Why a call of `registrations` was refused. Numbers never change their meaning.
    RegistrationError {
        /// EPP 2201. The signer acts for no organisation.
        1 NoOrganisation("the signer acts for no organisation") {}
        /// EPP 2201. The organisation is no registrar.
        2 NotRegistrar("{caller} is no registrar") {
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// EPP 2201. Another registrar sponsors the name.
        3 NotSponsor("'{name}' is sponsored by {sponsor}; the signer acts for {caller}") {
            /// The name.
            name: DomainName,
            /// Its registrar.
            sponsor: OrganisationId,
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// EPP 2201. The organisation does not run the TLD.
        4 NotRegistry("the TLD is run by {registry}; the signer acts for {caller}") {
            /// The registry.
            registry: OrganisationId,
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// EPP 2201. The signing key has not the duty for this.
        5 NoDuty("the signing key of {caller} has not the duty operator, which changes names") {
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// EPP 2005. The name is not one label below the TLD.
        6 NotBelow("'{name}' is not exactly one label below '{tld}'") {
            /// The name.
            name: DomainName,
            /// The TLD.
            tld: DomainName,
        }
        /// EPP 2005. The label breaks a rule of form, characters or scripts.
        7 Label("'{name}': {rule}") {
            /// The name.
            name: DomainName,
            /// The broken rule, with the characters concerned.
            rule: String,
        }
        /// EPP 2306. The name is reserved.
        8 Reserved("'{name}' is reserved: {reason}") {
            /// The name.
            name: DomainName,
            /// Why.
            reason: String,
        }
        /// EPP 2302. The name is registered already.
        9 Exists("'{name}' is registered already") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2303. The name is not registered.
        10 NoSuchDomain("'{name}' is not registered") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2304. A status or the name's phase forbids it.
        11 Prohibited("'{name}' has the status {status}, which forbids to {action} it") {
            /// The name.
            name: DomainName,
            /// The status, in EPP's word.
            status: &'static str,
            /// What was asked.
            action: &'static str,
        }
        /// EPP 2004. The number of years is out of range.
        12 Years("years is {years}; 1 to {MAX_YEARS} are allowed") {
            /// The number given.
            years: u8,
        }
        /// EPP 2105. The term would be longer than allowed.
        13 TermTooLong("'{name}' would end at {expires_ms}, more than {MAX_YEARS} years ahead (latest {latest_ms})") {
            /// The name.
            name: DomainName,
            /// End of the term asked for, in milliseconds since 1970.
            expires_ms: u64,
            /// Latest end allowed.
            latest_ms: u64,
        }
        /// EPP 2306. The term ends at another time than the caller thinks.
        14 OtherTerm("the term of '{name}' ends at {expires_ms}, not at {given_ms}: was it renewed already?") {
            /// The name.
            name: DomainName,
            /// End of its term, in milliseconds since 1970.
            expires_ms: u64,
            /// What the caller gave.
            given_ms: u64,
        }
        /// EPP 2202. The authorisation code is not the one that the name has.
        15 WrongCode("the authorisation code of '{name}' is another one, or there is none") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2106. The name cannot be transferred now.
        16 NotTransferable("'{name}' cannot be transferred: {reason}") {
            /// The name.
            name: DomainName,
            /// Why.
            reason: String,
        }
        /// EPP 2300. A transfer waits already.
        17 PendingTransfer("'{name}' has the status pendingTransfer; a transfer to {to} waits") {
            /// The name.
            name: DomainName,
            /// The gaining registrar.
            to: OrganisationId,
        }
        /// EPP 2301. No transfer waits.
        18 NoTransfer("no transfer of '{name}' waits") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2005. A name cannot be that of a host.
        19 HostName("host name '{host}': {rule}") {
            /// The name.
            host: DomainName,
            /// The broken rule.
            rule: &'static str,
        }
        /// EPP 2306. The host does not lie in the domain.
        20 NotSubordinate("host '{host}' does not lie in '{name}'; only its own hosts are set with a domain") {
            /// The host.
            host: DomainName,
            /// The domain.
            name: DomainName,
        }
        /// EPP 2303. The host is not there.
        21 NoSuchHost("host '{host}' has no addresses that could be deleted") {
            /// The host.
            host: DomainName,
        }
        /// EPP 2303. A name server within the TLD has no addresses.
        22 MissingGlue("name server '{host}' of '{name}' lies in the TLD and has no addresses; set the host first, or with it") {
            /// The host.
            host: DomainName,
            /// The domain, or the TLD.
            name: DomainName,
        }
        /// EPP 2305. Others use the host.
        23 HostInUse("host '{host}' is a name server of '{user}'") {
            /// The host.
            host: DomainName,
            /// One of its users.
            user: DomainName,
        }
        /// EPP 2305. The host belongs to the apex.
        24 ApexHost("host '{host}' serves the TLD itself; only the registry changes it, with the apex") {
            /// The host.
            host: DomainName,
        }
        /// EPP 2005. A value is given twice.
        25 Duplicate("{field} of '{owner}' has {value} twice") {
            /// The field.
            field: &'static str,
            /// The domain, host or TLD.
            owner: DomainName,
            /// The value.
            value: String,
        }
        /// EPP 2306. Too few name servers.
        26 TooFewNs("ns of '{name}' has {found}; {needed} to {MAX_NS} name servers, or none, are allowed") {
            /// The name.
            name: DomainName,
            /// Name servers given.
            found: u32,
            /// Fewest.
            needed: u32,
        }
        /// EPP 2306. DS records without name servers.
        27 DsWithoutNs("'{name}' has ds records and no name servers") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2306. A DS record breaks a rule.
        28 Ds("ds {key_tag} of '{name}': {rule}") {
            /// The name.
            name: DomainName,
            /// Key tag of the DS record.
            key_tag: u16,
            /// The broken rule.
            rule: String,
        }
        /// EPP 2003. The host is given without address.
        29 NoAddress("host '{host}' has no address; delete it instead") {
            /// The host.
            host: DomainName,
        }
        /// EPP 2306. An address is not one that a name server can have.
        30 Address("address {address} of host '{host}' is {rule}") {
            /// The host.
            host: DomainName,
            /// The address.
            address: String,
            /// What is wrong with it.
            rule: &'static str,
        }
        /// EPP 2306. The domain would have too many subordinate hosts.
        31 TooManyHosts("'{name}' would have more than {maximum} subordinate hosts") {
            /// The domain.
            name: DomainName,
            /// Most hosts.
            maximum: u32,
        }
        /// EPP 2201. The status is the other side's.
        32 StatusOfOther("{status} is set and removed by {side}") {
            /// The status.
            status: &'static str,
            /// Who sets it.
            side: &'static str,
        }
        /// EPP 2304. The name is not in redemption.
        33 NotDeleted("'{name}' is not in redemption; there is nothing to restore") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2002. The load is over.
        34 LoadClosed("the load of names was closed; names come by registration") {}
        /// EPP 2306. Loaded names need addresses of hosts that were not loaded.
        35 LoadIncomplete("{missing} name servers within the TLD have no addresses; load their hosts before the load is closed") {
            /// How many.
            missing: u32,
        }
        /// EPP 2306. A setting is out of range.
        36 Setting("setting {field} is {value}: {rule}") {
            /// The setting.
            field: &'static str,
            /// Its value.
            value: u64,
            /// The rule.
            rule: &'static str,
        }
        /// EPP 2201. Only the contract `root_sync` calls this.
        37 NotRootSync("only contract root_sync brings what the root has") {}
        /// EPP 2306. A time to live is out of range.
        38 Ttl("{field} of '{owner}' is {ttl}; 1 to {MAX_TTL} seconds are allowed") {
            /// The field.
            field: &'static str,
            /// The TLD or host.
            owner: DomainName,
            /// The value.
            ttl: u32,
        }
        /// EPP 2303. The name is not reserved.
        39 NotReserved("'{name}' is not reserved") {
            /// The name.
            name: DomainName,
        }
        /// EPP 2400. Another contract did not answer.
        40 NoAnswer("contract {contract} did not answer: {reason}") {
            /// The contract.
            contract: &'static str,
            /// Its failure.
            reason: String,
        }
        /// EPP 2306. A time of a loaded name is impossible.
        41 LoadedTime("{field} of '{name}' is {value}: {rule}") {
            /// The field.
            field: &'static str,
            /// The name.
            name: DomainName,
            /// The time given, in milliseconds since 1970.
            value: u64,
            /// The rule.
            rule: &'static str,
        }
        /// EPP 2306. The apex has no name server.
        42 NoNameServer("ns of '{tld}' is empty; at least one name server is needed") {
            /// The TLD.
            tld: DomainName,
        }
        /// EPP 2306. A host of the apex is not one of its name servers.
        43 UnusedHost("host '{host}' is no name server of '{tld}'") {
            /// The host.
            host: DomainName,
            /// The TLD.
            tld: DomainName,
        }
        /// EPP 2201. Another registrar asked for the transfer.
        44 NotGaining("the transfer of '{name}' goes to {to}; the signer acts for {caller}") {
            /// The name.
            name: DomainName,
            /// The gaining registrar.
            to: OrganisationId,
            /// The signer's organisation.
            caller: OrganisationId,
        }
    }
}

/// EPP result codes by error number, from 1.
const EPP: [u16; 44] = [
    2201, 2201, 2201, 2201, 2201, 2005, 2005, 2306, 2302, 2303, // 1 to 10
    2304, 2004, 2105, 2306, 2202, 2106, 2300, 2301, 2005, 2306, // 11 to 20
    2303, 2303, 2305, 2305, 2005, 2306, 2306, 2306, 2003, 2306, // 21 to 30
    2306, 2201, 2304, 2002, 2306, 2306, 2201, 2306, 2303, 2400, // 31 to 40
    2306, 2306, 2306, 2201, // 41 to 44
];

impl RegistrationError {
    /// The result code of EPP (RFC 5730 3) for an error's number; 2400, command failed, for a number that is none.
    pub fn epp_code(number: u32) -> u16 {
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        at.and_then(|at| EPP.get(at)).copied().unwrap_or(2400)
    }

    /// The text of a result code of EPP, as far as this contract uses it (RFC 5730 3).
    pub const fn epp_text(code: u16) -> &'static str {
        match code {
            2002 => "Command use error",
            2003 => "Required parameter missing",
            2004 => "Parameter value range error",
            2005 => "Parameter value syntax error",
            2105 => "Object is not eligible for renewal",
            2106 => "Object is not eligible for transfer",
            2201 => "Authorization error",
            2202 => "Invalid authorization information",
            2300 => "Object pending transfer",
            2301 => "Object not pending transfer",
            2302 => "Object exists",
            2303 => "Object does not exist",
            2304 => "Object status prohibits operation",
            2305 => "Object association prohibits operation",
            2306 => "Parameter value policy error",
            _ => "Command failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_name_the_epp_code_of_each_error() {
        assert_eq!(RegistrationError::ALL.len(), EPP.len());
        for (at, error) in RegistrationError::ALL.iter().enumerate() {
            assert_eq!(error.number as usize, at + 1);
            let code = RegistrationError::epp_code(error.number);
            assert!(error.docs.starts_with(&alloc::format!("EPP {code}.")), "{}: {}", error.name, error.docs);
            assert!(code == 2400 || RegistrationError::epp_text(code) != "Command failed", "{code}");
        }
        assert_eq!(RegistrationError::epp_code(0), 2400);
        assert_eq!(RegistrationError::epp_code(45), 2400);
    }
}
