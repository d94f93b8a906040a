//! A client that asks as a secondary does and checks every signature.

use super::SECRET;
use althing_zone::{
    answer::Transport,
    keys::{self, KeyRing},
    message,
    record::{Owner, Record},
    serve::now_s,
};
use domain::{
    base::{
        Message, Rtype,
        iana::{Class, Rcode},
    },
    rdata::tsig::Tsig,
    tsig::{ClientSequence, Key},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// What came back.
#[derive(Debug)]
pub struct Got {
    /// Code of the first message.
    pub rcode: Rcode,
    /// Error of its TSIG record, when it has one.
    pub tsig_error: Option<u16>,
    /// Records of all messages' answer sections.
    pub records: Vec<Record>,
    /// Number of messages.
    pub messages: usize,
}

/// A question.
#[derive(Clone)]
pub struct Ask {
    pub name: Owner,
    pub kind: Rtype,
    pub serial: Option<u32>,
    pub key: Option<Arc<Key>>,
    pub time_s: u64,
    pub over: Transport,
}

/// A key with the tests' secret.
pub fn key(name: &str, algorithm: &str) -> Arc<Key> {
    let secret: Vec<u8> = domain::utils::base64::decode(SECRET).unwrap();
    KeyRing::default().add(name, algorithm, &secret).unwrap()
}

impl Ask {
    pub fn new(kind: Rtype) -> Self {
        let key = Some(key("xfr.lab.", "hmac-sha256"));
        Self { name: Owner::root(), kind, serial: None, key, time_s: now_s(), over: Transport::Tcp }
    }
    pub fn since(serial: u32) -> Self {
        Self { serial: Some(serial), ..Self::new(Rtype::IXFR) }
    }
    pub fn unsigned(mut self) -> Self {
        self.key = None;
        self
    }

    /// The request and what its answers are checked with.
    pub fn message(&self) -> (Vec<u8>, Option<ClientSequence<Arc<Key>>>) {
        let mut builder = message::builder(4096);
        builder.header_mut().set_random_id();
        let mut builder = builder.question();
        builder.push((self.name.to_name(), self.kind, Class::IN)).unwrap();
        let mut builder = builder.authority();
        if let Some(serial) = self.serial {
            let soa = althing_zone::version::SoaFields {
                mname: Owner::root(),
                rname: Owner::root(),
                refresh: 0,
                retry: 0,
                expire: 0,
                minimum: 0,
                ttl: 0,
            };
            builder.push(soa.record(&self.name, serial)).unwrap();
        }
        let mut builder = builder.additional();
        let sequence = self
            .key
            .as_ref()
            .map(|key| ClientSequence::request(key.clone(), &mut builder, keys::time(self.time_s)).unwrap());
        (builder.finish().into_target(), sequence)
    }

    pub async fn to(&self, server: SocketAddr) -> Got {
        let (request, mut sequence) = self.message();
        let mut got = Got { rcode: Rcode::NOERROR, tsig_error: None, records: Vec::new(), messages: 0 };
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut tcp = match self.over {
            Transport::Udp => {
                udp.send_to(&request, server).await.unwrap();
                None
            }
            Transport::Tcp => {
                let mut stream = TcpStream::connect(server).await.unwrap();
                stream.write_u16(u16::try_from(request.len()).unwrap()).await.unwrap();
                stream.write_all(&request).await.unwrap();
                Some(stream)
            }
        };
        loop {
            let octets = match &mut tcp {
                None => {
                    let mut buffer = vec![0u8; 4096];
                    let length = timeout(Duration::from_secs(5), udp.recv(&mut buffer)).await.unwrap().unwrap();
                    buffer.truncate(length);
                    buffer
                }
                Some(stream) => {
                    let length = timeout(Duration::from_secs(20), stream.read_u16()).await.unwrap().unwrap();
                    let mut buffer = vec![0u8; usize::from(length)];
                    stream.read_exact(&mut buffer).await.unwrap();
                    buffer
                }
            };
            let mut message = Message::from_octets(octets).unwrap();
            assert_eq!(message.header().id(), u16::from_be_bytes(*request.first_chunk().unwrap()));
            assert!(message.header().qr());
            got.messages += 1;
            if got.messages == 1 {
                got.rcode = message.header().rcode();
                let tsig = message.get_last_additional::<Tsig<_, _>>();
                got.tsig_error = tsig.map(|t| t.data().error().to_int());
            }
            if let (Some(sequence), Rcode::NOERROR) = (&mut sequence, got.rcode) {
                sequence.answer(&mut message, keys::time(now_s())).unwrap();
            }
            got.records.extend(message::answers(message.as_octets()).unwrap());
            let one = self.over == Transport::Udp || !matches!(self.kind, Rtype::AXFR | Rtype::IXFR);
            if got.rcode != Rcode::NOERROR || one || got.is_over(self.serial) {
                return got;
            }
        }
    }
}

impl Got {
    /// Whether a transfer is over, as its receiver knows it.
    fn is_over(&self, since: Option<u32>) -> bool {
        let soas: Vec<&Record> = self.records.iter().filter(|r| r.key.record_type() == Rtype::SOA).collect();
        let [first, rest @ ..] = soas.as_slice() else { return true };
        let now = message::serial_of(first).unwrap();
        if let (Some(since), 1) = (since, self.records.len()) {
            return since == now || althing_zone::serial::is_after(since, now);
        }
        let incremental = since.is_some() && self.records.get(1).is_some_and(|r| r.key.record_type() == Rtype::SOA);
        let wanted = if incremental { 2 } else { 1 };
        self.records.len() > 1 && rest.iter().filter(|r| message::serial_of(r) == Some(now)).count() == wanted
    }

    /// Serial of the first SOA record.
    pub fn serial(&self) -> u32 {
        message::serial_of(&self.records[0]).unwrap()
    }
}

/// The whole root zone of a server, asked without a key.
pub async fn copy_of(server: SocketAddr) -> (u32, Vec<Record>) {
    copy_of_zone(server, &Owner::root()).await
}

/// A whole zone of a server, asked without a key.
pub async fn copy_of_zone(server: SocketAddr, zone: &Owner) -> (u32, Vec<Record>) {
    let got = Ask { name: zone.clone(), ..Ask::new(Rtype::AXFR).unsigned() }.to(server).await;
    assert_eq!(got.rcode, Rcode::NOERROR, "AXFR of {zone} of {server}");
    (got.serial(), got.records)
}

/// The serial of the root zone that a server answers with; `None` when it does not.
pub async fn serial_of(server: SocketAddr) -> Option<u32> {
    serial_of_zone(server, &Owner::root()).await
}

/// The serial of a zone that a server answers with; `None` when it does not.
pub async fn serial_of_zone(server: SocketAddr, zone: &Owner) -> Option<u32> {
    let ask = Ask { name: zone.clone(), over: Transport::Udp, ..Ask::new(Rtype::SOA).unsigned() };
    let (request, _) = ask.message();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.ok()?;
    socket.send(&request).await.ok()?;
    let mut buffer = vec![0u8; 4096];
    let length = timeout(Duration::from_millis(500), socket.recv(&mut buffer)).await.ok()?.ok()?;
    let records = message::answers(buffer.get(..length)?).ok()?;
    records.first().and_then(message::serial_of)
}
