//! A town in which everything speaks TLS with certificates of the test's own authority: registry, registrar and the node,
//! all of them `localhost`.

use crate::town::Server;
use althing_rdap::{
    config::{Config, TlsConfig},
    run::{self, Running},
    serve,
};
use althing_types::crypto::{PublicKey, SecretKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PKCS_ED25519,
    PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A key of a certificate.
struct Key {
    seed: [u8; 32],
    public: PublicKey,
}

impl Key {
    fn new(seed: u8) -> Self {
        let seed = [seed; 32];
        Self { seed, public: SecretKey::from_seed(&seed).public() }
    }
    /// PKCS #8 (RFC 8410 7).
    fn pem(&self) -> String {
        const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        pem("PRIVATE KEY", [&HEAD[..], &self.seed].concat())
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public.0
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(SecretKey::from_seed(&self.seed).sign(message).0.to_vec())
    }
}

fn pem(what: &str, octets: Vec<u8>) -> String {
    pem::encode(&pem::Pem::new(what, octets))
}

fn parameters(names: &[&str], common: &str, key: &Key, last_year: i32) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut all = CertificateParams::new(names).unwrap();
    all.distinguished_name.push(DnType::CommonName, common);
    all.serial_number = Some(SerialNumber::from_slice(&[1, key.seed[0]]));
    all.key_identifier_method = KeyIdMethod::PreSpecified(key.public.0[..20].to_vec());
    (all.not_before, all.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(last_year, 1, 1));
    all
}

fn authority(common: &str, key: &Key) -> CertificateParams {
    let mut all = parameters(&[], common, key, 2049);
    all.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    all.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    all
}

/// Whose certificate a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// One of the authority that is trusted, for `localhost` and the loopback addresses.
    Good,
    /// The same for another name.
    OtherName,
    /// The same, which ended in 2021.
    Expired,
    /// One of an authority that nobody trusts.
    OtherAuthority,
    /// One that signed itself.
    SelfSigned,
}

/// Writes the trusted authority's certificate; gives the file.
pub(crate) fn trusted(folder: &Path) -> PathBuf {
    let key = Key::new(1);
    let file = folder.join("authority.pem");
    let made = authority("test authority", &key).self_signed(&key).unwrap();
    std::fs::write(&file, pem("CERTIFICATE", made.der().to_vec())).unwrap();
    file
}

/// Writes certificate and key of a server.
pub(crate) fn certificate(folder: &Path, shown: Shown) -> TlsConfig {
    let (key, common) = (Key::new(9), "server of the test");
    let good = ["localhost", "127.0.0.1", "::1"];
    let (names, last_year): (&[&str], i32) = match shown {
        Shown::OtherName => (&["other.example"], 2049),
        Shown::Expired => (&good, 2021),
        _ => (&good, 2049),
    };
    let mut all = parameters(names, common, &key, last_year);
    all.is_ca = IsCa::ExplicitNoCa;
    all.use_authority_key_identifier_extension = shown != Shown::SelfSigned;
    let issuer = Key::new(if shown == Shown::OtherAuthority { 2 } else { 1 });
    let by = authority("test authority", &issuer);
    let made = match shown {
        Shown::SelfSigned => all.self_signed(&key),
        _ => all.signed_by(&key, &Issuer::from_params(&by, &issuer)),
    };
    let (certificates, file) = (folder.join(format!("{shown:?}.pem")), folder.join(format!("{shown:?}.key")));
    std::fs::write(&certificates, pem("CERTIFICATE", made.unwrap().der().to_vec())).unwrap();
    std::fs::write(&file, key.pem()).unwrap();
    TlsConfig { certificates, key: file }
}

/// Accepts connections with TLS; those that fail are passed over.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }
    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A played server with TLS.
pub(crate) async fn server(tls: &TlsConfig) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Server::on_listener(address, Secure { listener, acceptor: serve::acceptor(tls).unwrap() })
}

/// Registry, registrar and node, with the files that lead to them.
pub(crate) struct SecureTown {
    pub(crate) registry: Server,
    pub(crate) registrar: Server,
    pub(crate) node: Running,
    pub(crate) authority: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    /// Trusts the authority.
    pub(crate) http: reqwest::Client,
}

impl SecureTown {
    /// A town whose registry and registrar show these certificates.
    pub(crate) async fn start(registry: Shown, registrar: Shown) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = trusted(folder.path());
        let registry = server(&certificate(folder.path(), registry)).await;
        let registrar = server(&certificate(folder.path(), registrar)).await;
        let own = certificate(folder.path(), Shown::Good);
        let places = [&registry, &registrar].map(|server| format!("https://localhost:{}", server.address.port()));
        let [asks, sells] = &places;
        let services = json!([[["lab", "museum"], [format!("{asks}/registry/")]]]);
        let bootstrap = json!({"version": "1.0", "publication": "2026-01-01T00:00:00Z", "services": services});
        std::fs::write(folder.path().join("dns.json"), bootstrap.to_string()).unwrap();
        let ids = format!("ID,Registrar Name,Status,RDAP Base URL\n7,Seller,Accredited,{sells}/registrar/\n");
        std::fs::write(folder.path().join("ids.csv"), ids).unwrap();
        // The place is found by binding once: the program's links to itself name it.
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let allow = places.each_ref().map(|place| place.trim_start_matches("https://").to_owned());
        let text = format!(
            "listen = \"127.0.0.1:{port}\"\nstate = \"state\"\npublic_url = \"https://localhost:{port}/\"\n\
             trust = [\"authority.pem\"]\n[tls]\ncertificates = {:?}\nkey = {:?}\n\
             [published]\nbootstrap = \"dns.json\"\nregistrar_ids = \"ids.csv\"\n[fetch]\nallow = {allow:?}\n\
             [fetch.hosts]\nlocalhost = [\"127.0.0.1\"]\n[limits]\nper_second = 10000\nburst = 10000\n",
            own.certificates.file_name().unwrap(),
            own.key.file_name().unwrap(),
        );
        let file = folder.path().join("rdap.toml");
        std::fs::write(&file, text).unwrap();
        let node = run::start(&Config::read(&file).unwrap()).await.unwrap();
        let pem = reqwest::Certificate::from_pem(&std::fs::read(&authority).unwrap()).unwrap();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([pem]).build().unwrap();
        let town = Self { registry, registrar, node, authority, folder, http };
        for _ in 0..500 {
            if town.get("/healthz").await.0 == 200 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        town
    }

    /// A URL of the node.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.node.address.port())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let response = self.http.get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}
