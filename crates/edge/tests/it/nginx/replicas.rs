//! Replicas of the api come and go; requests do not notice.

use crate::support::{Edge, TIMEOUT, api::Database, name_server::NameServer, upstream::Upstream};
use squall_acceptance::process::free_port;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// Loopback has many addresses: one port on each is a set of replicas behind one name.
fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

fn edge(names: &NameServer, port: u16) -> Edge {
    Edge::with(&[
        ("SQUALL_EDGE_API", &format!("api.squall.test:{port}")),
        ("SQUALL_EDGE_RESOLVER", &names.address.to_string()),
        ("SQUALL_EDGE_CLIENT_RATE", "100000/s"),
        ("SQUALL_EDGE_KEY_RATE", "100000/s"),
    ])
}

#[test]
fn a_refused_connection_leads_to_the_next_replica_for_posts_too() {
    let port = free_port().unwrap();
    let living = Upstream::at(&format!("{}:{port}", ip(3)), |_, stream| {
        use std::io::Write as _;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let names = NameServer::start(&[ip(2), ip(3)]);
    let listed = format!("{}:{port},{}:{port}", ip(2), ip(3));
    for edge in [edge(&names, port), Edge::before(&listed)] {
        let before = living.received().len();
        for path in ["/api/v1/projects", "/api/v1/session", "/api/v1/ingest", "/api/7/envelope/"] {
            for _ in 0..5 {
                assert_eq!(edge.post(path, &[], b"{}").status, 200, "{path}");
                assert_eq!(edge.post(path, &[], &[b'a'; 10_000]).status, 200, "{path}");
                assert_eq!(edge.get(path).status, 200, "{path}");
            }
            assert_eq!(
                edge.post("/api/v1/ingest", &[], &vec![b'a'; 200_000]).status,
                200,
                "one that streams"
            );
        }
        assert_eq!(living.received().len() - before, 4 * 16);
    }
}

#[test]
fn what_may_have_been_done_is_done_again_only_where_that_does_no_harm() {
    let port = free_port().unwrap();
    let dying = Upstream::at(&format!("{}:{port}", ip(2)), |_, _| {});
    let living = Upstream::at(&format!("{}:{port}", ip(3)), |_, stream| {
        use std::io::Write as _;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    // nginx takes the places of a list in turn, so that each gets half of the requests first.
    let edge = Edge::before(&format!("{}:{port},{}:{port}", dying.address.ip(), living.address.ip()));
    let large = vec![b'a'; 200_000];
    for (method, path, body, repeated) in [
        ("GET", "/api/v1/issues", &b""[..], true),
        ("POST", "/api/v1/ingest", b"{}", true),
        ("POST", "/v1/logs", b"{}", true),
        ("POST", "/api/7/envelope/", b"{}", true),
        ("POST", "/api/v1/ingest", &large, false),
        ("POST", "/api/v1/projects", b"{}", false),
        ("PATCH", "/api/v1/projects/shop", b"{}", false),
    ] {
        let before = dying.received().len();
        let statuses: Vec<_> = (0..8).map(|_| edge.client().send(method, path, &[], body).status).collect();
        assert!(dying.received().len() > before, "{method} {path} never met the replica that dies");
        assert!(statuses.contains(&200), "{method} {path}: {statuses:?}");
        assert_eq!(statuses.contains(&502), !repeated, "{method} {path}: {statuses:?}");
    }
}

#[test]
fn a_name_that_leads_elsewhere_is_followed() {
    let port = free_port().unwrap();
    let at = |last| {
        Upstream::at(&format!("{}:{port}", ip(last)), move |_, stream| {
            use std::io::Write as _;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{last}");
        })
    };
    let (_first, _second) = (at(2), at(3));
    let names = NameServer::start(&[ip(2)]);
    let edge = edge(&names, port);
    assert_eq!(edge.get("/api/v1/x").text(), "2");
    names.change(&[ip(3)]);
    let start = Instant::now();
    loop {
        let answer = edge.get("/api/v1/x");
        assert_eq!(answer.status, 200);
        if answer.text() == "3" {
            break;
        }
        assert!(start.elapsed() < TIMEOUT, "the edge still uses the old address");
    }
    names.change(&[]);
    while edge.get("/api/v1/x").status == 200 {
        assert!(start.elapsed() < TIMEOUT, "the edge uses an address that its name no longer has");
    }
    let lost = edge.get("/api/v1/x");
    assert_eq!((lost.status, lost.json()["code"].as_str()), (502, Some("api_unreachable")));
}

#[test]
fn no_request_fails_and_no_event_is_lost_or_doubled_while_every_replica_is_replaced() {
    let database = Database::new();
    let port = free_port().unwrap();
    let start = |last| database.api(SocketAddr::from((ip(last), port)));
    let names = NameServer::start(&[ip(2), ip(3)]);
    let mut running = vec![(2, start(2)), (3, start(3))];
    let edge = edge(&names, port);
    let traffic = Traffic::start(&edge, &database.key);
    for new in [4, 5] {
        traffic.go_on_for(150);
        let (old, replica) = running.remove(0);
        running.push((new, start(new)));
        let kept = running[0].0;
        let both = [ip(old), ip(kept), ip(new)];
        names.change(&both);
        traffic.go_on_until(|| names.has_answered(&both));
        // Its name still leads there while it stops and when it is gone, as with Docker.
        replica.stop();
        traffic.go_on_for(150);
        names.change(&[ip(kept), ip(new)]);
    }
    traffic.go_on_for(150);
    let (asked, accepted, failures) = traffic.end();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests; output of the edge:\n{}", edge.output());
    assert_eq!(database.count("select sum(events)::bigint from inbox"), i64::try_from(accepted).unwrap());
}

/// Clients that send requests without a pause, one after the other.
struct Traffic {
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<(usize, Vec<String>)>>,
}

impl Traffic {
    fn start(edge: &Edge, key: &str) -> Self {
        let (asked, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let clients = (0..4)
            .map(|_| {
                let (client, asked, ended) = (edge.client(), asked.clone(), ended.clone());
                let authorization = format!("Bearer {key}");
                thread::spawn(move || {
                    let headers = [("Authorization", authorization.as_str())];
                    let (mut accepted, mut failures) = (0, Vec::new());
                    while !ended.load(Ordering::Relaxed) {
                        let sent =
                            client.send("POST", "/api/v1/ingest", &headers, b"{\"message\":\"a line\"}");
                        let got = client.get("/api/v1/setup", &[]);
                        accepted += usize::from(sent.status == 202);
                        for (answer, expected) in [(sent, 202), (got, 200)] {
                            if answer.status != expected {
                                failures.push(format!("{} {}", answer.status, answer.text()));
                            }
                        }
                        asked.fetch_add(2, Ordering::Relaxed);
                    }
                    (accepted, failures)
                })
            })
            .collect();
        Self { asked, ended, clients }
    }

    /// Until so many more were answered.
    fn go_on_for(&self, requests: usize) {
        let goal = self.asked.load(Ordering::Relaxed) + requests;
        self.go_on_until(|| self.asked.load(Ordering::Relaxed) >= goal);
    }

    fn go_on_until(&self, reached: impl Fn() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(
                start.elapsed() < TIMEOUT,
                "after {} requests it came no further",
                self.asked.load(Ordering::Relaxed)
            );
            thread::yield_now();
        }
    }

    /// How many were answered, how many events were acknowledged, and what failed.
    fn end(self) -> (usize, usize, Vec<String>) {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = (0, Vec::new());
        for client in self.clients {
            let (accepted, failures) = client.join().unwrap();
            all.0 += accepted;
            all.1.extend(failures);
        }
        (self.asked.load(Ordering::Relaxed), all.0, all.1)
    }
}
