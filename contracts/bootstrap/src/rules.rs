//! What may be said in an entry. Pure: a value in, nothing or a numbered error out.
//!
//! Base URLs are held to RFC 9224 3 and 4 in one canonical form: lower case where case does not matter, A-labels, a final
//! slash, neither user nor query nor fragment, `https` first. A URL that a client would have to mend is refused.

use althing_interface::{
    bootstrap::{
        AccreditationBatch, BaseUrls, BootstrapError, MAX_HISTORY, MAX_URL_BYTES, RegistrarData, RegistrarId, Settings,
        Transport,
    },
    character::is_label,
};
use althing_sdk::prelude::*;

type Checked = Result<(), BootstrapError>;

/// Checks that a name is a TLD's.
pub(crate) fn tld(tld: &DomainName) -> Checked {
    let labels = u32::try_from(tld.labels().count()).unwrap_or(u32::MAX);
    ensure!(labels == 1, BootstrapError::NotOneLabel { tld: tld.clone(), labels });
    Ok(())
}

/// Checks the settings.
pub(crate) fn settings(settings: &Settings) -> Checked {
    let history = settings.history;
    ensure!((1..=MAX_HISTORY).contains(&history), BootstrapError::BadSettings { history });
    Ok(())
}

/// Checks the base URLs of an entry.
pub(crate) fn urls(owner: &str, urls: &BaseUrls, transport: Transport) -> Checked {
    let refuse = |rule| Err(BootstrapError::Urls { owner: owner.to_owned(), rule });
    let mut insecure = false;
    for (index, url) in urls.iter().enumerate() {
        base_url(url, transport).map_err(|rule| BootstrapError::Url {
            field: "base URL",
            url: url.as_str().to_owned(),
            rule,
        })?;
        if urls.iter().take(index).any(|other| other == url) {
            return refuse("a base URL is given twice");
        }
        let secure = url.as_str().starts_with(HTTPS);
        if secure && insecure {
            return refuse("'https' comes before 'http' (RFC 9224 3)");
        }
        insecure = !secure;
    }
    let bytes: usize = urls.iter().map(|url| url.as_str().len()).sum();
    if bytes > MAX_URL_BYTES {
        return refuse("more than 2048 bytes in all");
    }
    Ok(())
}

const HTTPS: &str = "https://";
const HTTP: &str = "http://";

/// Checks one base URL; the broken rule otherwise.
pub(crate) fn base_url(url: &str, transport: Transport) -> Result<(), &'static str> {
    let rest = match (url.strip_prefix(HTTPS), url.strip_prefix(HTTP), transport) {
        (Some(rest), _, _) | (None, Some(rest), Transport::Any) => rest,
        (None, Some(_), Transport::Secure) => return Err("must be https"),
        (None, None, _) => return Err("must begin with https://"),
    };
    let Some((authority, path)) = rest.split_once('/') else { return Err("must end in '/' (RFC 9224 3)") };
    if !path.is_empty() && !path.ends_with('/') {
        return Err("must end in '/' (RFC 9224 3)");
    }
    check_authority(authority, transport)?;
    check_path(path)
}

fn check_authority(authority: &str, transport: Transport) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("must name no user");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if let Some(port) = port {
        let number = port.parse::<u16>().ok().filter(|number| *number > 0);
        if number.is_none_or(|number| number.to_string() != port) {
            return Err("has a port that is no number from 1 to 65535");
        }
    }
    check_host(host, transport)
}

fn check_host(host: &str, transport: Transport) -> Result<(), &'static str> {
    let last = host.rsplit('.').next().unwrap_or_default();
    let address = host.starts_with('[') || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if address {
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let parsed = match literal {
            Some(v6) => v6.parse::<core::net::Ipv6Addr>().is_ok_and(|address| address.to_string() == v6),
            None => host.parse::<core::net::Ipv4Addr>().is_ok(),
        };
        return match (transport, parsed) {
            (Transport::Any, true) => Ok(()),
            (Transport::Any, false) => Err("has a host that is neither a name nor an address"),
            (Transport::Secure, _) => Err("must name its host, not give an address"),
        };
    }
    let Ok(name) = DomainName::parse(host) else { return Err("has a host that is no domain name") };
    if name.as_str() != host {
        return Err("must have its host in lower case without a final dot");
    }
    if transport == Transport::Secure && name.labels().count() < 2 {
        return Err("has a host of one label");
    }
    for label in name.labels() {
        match label.strip_prefix("xn--") {
            Some(encoded) if !round_trips(encoded) => return Err("has an A-label that does not round-trip"),
            None if label.contains('_') => return Err("has '_' in its host"),
            None if label.get(2..4) == Some("--") => {
                return Err("has '--' at the third place of a label that is no A-label");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether an A-label's text decodes to a label and is what that encodes to.
fn round_trips(encoded: &str) -> bool {
    let Some(text) = idna::punycode::decode_to_string(encoded) else { return false };
    is_label(&text) && idna::punycode::encode_str(&text).is_some_and(|again| again == encoded)
}

/// Characters of a path (RFC 3986 3.3), segments that lead elsewhere excluded.
fn check_path(path: &str) -> Result<(), &'static str> {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
                if !(hex(bytes.next()) && hex(bytes.next())) {
                    return Err("has a '%' that escapes nothing");
                }
            }
            b'?' => return Err("must have no query"),
            b'#' => return Err("must have no fragment"),
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) => {}
            _ => return Err("has a character that a URL cannot have"),
        }
    }
    let inner = path.strip_suffix('/').unwrap_or(path);
    if !inner.is_empty() && inner.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("has an empty segment, '.' or '..' in its path");
    }
    Ok(())
}

/// Checks what a registrar says of itself.
pub(crate) fn registrar(id: RegistrarId, data: &RegistrarData, transport: Transport) -> Checked {
    let refuse = |field, rule| Err(BootstrapError::Field { field, id, rule });
    for (field, text) in [("country", data.country.as_str()), ("contact", data.contact.as_str())] {
        if text.trim() != text || text.is_empty() {
            return refuse(field, "is empty, or begins or ends with a space");
        }
        if text.chars().any(char::is_control) {
            return refuse(field, "has a control character");
        }
    }
    let link = data.link.as_str();
    if !(link.starts_with(HTTPS) || link.starts_with(HTTP)) {
        return refuse("link", "must begin with https:// or http://");
    }
    if !link.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return refuse("link", "has a character that a URL cannot have");
    }
    urls(&id.to_string(), &data.urls, transport)
}

/// Checks a batch of the accreditation list: each id once, names without control characters.
pub(crate) fn batch(changes: &AccreditationBatch) -> Checked {
    let mut ids: Vec<RegistrarId> = changes.iter().map(|change| change.id).collect();
    ids.sort_unstable();
    if let Some([id, _]) = ids.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(BootstrapError::Duplicate { id: *id });
    }
    for change in changes.iter() {
        let name = change.accreditation.as_ref().map_or("", |accreditation| accreditation.name.as_str());
        if name.chars().any(char::is_control) {
            return Err(BootstrapError::Field { field: "name", id: change.id, rule: "has a control character" });
        }
    }
    Ok(())
}
