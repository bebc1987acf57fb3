//! TLS that ends at the edge, with a certificate made here.

use crate::support::{
    Edge, Folder, PAGE,
    client::{Answer, Client, read, request},
    upstream::Upstream,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName},
};
use squall_acceptance::process::free_port;
use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

const NAME: &str = "squall.test";

struct Secured {
    edge: Edge,
    tls: SocketAddr,
    root: CertificateDer<'static>,
}

impl Secured {
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let certificate = folder.file("tls.crt", &made.cert.pem());
        let key = folder.file("tls.key", &made.signing_key.serialize_pem());
        let tls = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
        let listen = tls.to_string();
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let own = [
            ("SQUALL_EDGE_API", "127.0.0.1:9"),
            ("SQUALL_EDGE_TLS_CERTIFICATE", certificate),
            ("SQUALL_EDGE_TLS_KEY", key),
            ("SQUALL_EDGE_TLS_LISTEN", &listen),
        ];
        let edge = Edge::start(folder, &[&own, variables].concat());
        Self { edge, tls, root: made.cert.der().clone() }
    }

    /// A connection that speaks TLS and, if it may, one of these protocols.
    fn connect(&self, protocols: &[&[u8]]) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let connection =
            ClientConnection::new(Arc::new(config), ServerName::try_from(NAME).unwrap()).unwrap();
        StreamOwned::new(connection, TcpStream::connect(self.tls).unwrap())
    }

    fn get(&self, path: &str) -> Answer {
        let mut stream = self.connect(&[]);
        stream.write_all(&request("GET", path, &[], b"")).unwrap();
        read(&mut BufReader::new(stream))
    }
}

#[test]
fn over_tls_every_answer_tells_browsers_to_stay_with_it() {
    let secured = Secured::start(&[]);
    for (path, status) in [
        ("/", 200),
        ("/assets/app-1a2b3c4d.js", 200),
        ("/nope", 404),
        ("/api/v1/issues", 502),
        ("/edge-healthz", 200),
    ] {
        let answer = secured.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("Strict-Transport-Security"), Some("max-age=31536000"), "{path}");
        assert!(answer.header("Content-Security-Policy").is_some());
    }
    assert_eq!(secured.get("/").text(), PAGE);
    let shorter = Secured::start(&[("SQUALL_EDGE_HSTS_SECONDS", "300")]);
    assert_eq!(shorter.get("/").header("Strict-Transport-Security"), Some("max-age=300"));
}

#[test]
fn plain_http_leads_to_tls_and_only_says_that_the_edge_lives() {
    let secured = Secured::start(&[("SQUALL_EDGE_TLS_PUBLIC_PORT", "9443")]);
    for (method, path) in [("GET", "/issues?status=open"), ("POST", "/api/v1/ingest"), ("GET", "/")] {
        let answer = secured.edge.client().send(method, path, &[], b"");
        assert_eq!(answer.status, 308, "{path}");
        assert_eq!(answer.header("Location"), Some(format!("https://{NAME}:9443{path}").as_str()));
        assert_eq!(answer.header("Strict-Transport-Security"), None, "nobody believes it over plain HTTP");
        assert!(
            answer.header("Content-Security-Policy").is_some() && answer.header("X-Request-ID").is_some()
        );
    }
    assert_eq!(secured.edge.get("/edge-healthz").status, 200);
    let standard = Secured::start(&[]);
    assert_eq!(standard.edge.get("/").header("Location"), Some("https://squall.test/"));
}

#[test]
fn plain_http_at_the_door_of_tls_is_told_in_the_body_of_the_contract() {
    let secured = Secured::start(&[]);
    let answer = Client::to(secured.tls).get("/", &[]);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_request")));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("X-Request-ID"));
}

#[test]
fn a_browser_gets_http_2_and_the_api_hears_that_it_was_tls() {
    let upstream = Upstream::with_body("{}");
    let secured = Secured::start(&[("SQUALL_EDGE_API", &upstream.address.to_string())]);
    let mut stream = secured.connect(&[b"h2", b"http/1.1"]);
    stream.flush().unwrap();
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(secured.get("/api/v1/x").status, 200);
    assert_eq!(upstream.received()[0].header("X-Forwarded-Proto"), Some("https"));
}
