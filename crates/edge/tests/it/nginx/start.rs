//! How the edge starts and stops with a real nginx.

use crate::support::{
    Edge, Folder, TIMEOUT,
    client::{read, request},
    refusal,
    upstream::Upstream,
};
use squall_acceptance::process::signal;
use std::{
    fs,
    io::{BufReader, Write},
};

#[test]
fn what_nginx_refuses_is_passed_on_with_a_next_step() {
    let folder = Folder::new();
    let (broken, taken) =
        (folder.file("broken.pem", "no certificate"), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let (broken, address) = (broken.to_str().unwrap().to_owned(), taken.local_addr().unwrap().to_string());
    let api = ("SQUALL_EDGE_API", "127.0.0.1:9");
    let tls =
        [api, ("SQUALL_EDGE_TLS_CERTIFICATE", broken.as_str()), ("SQUALL_EDGE_TLS_KEY", broken.as_str())];
    let refused = refusal(&folder, &["run"], &tls);
    assert!(
        refused.contains("Failed: cannot load certificate \"[folder]/broken.pem\"")
            && refused.contains("Next:   fix the file"),
        "{refused}"
    );
    let refused = refusal(&folder, &["run"], &[api, ("SQUALL_EDGE_LISTEN", &address)]);
    assert_eq!(
        refused.replace(&address, "[address]"),
        "Tried:  listening on [address]\nFailed: another process already listens there\n\
         Next:   stop that process, or set SQUALL_EDGE_LISTEN to another port\n"
    );
    let refused = refusal(&folder, &["run"], &[api, ("SQUALL_EDGE_FOLDER", "/proc/squall")]);
    assert!(
        refused.starts_with("Tried:  writing the nginx configuration to /proc/squall\nFailed: "),
        "{refused}"
    );
    assert!(refused.contains("Next:   make the folder writable for this user"), "{refused}");
}

#[test]
fn nginx_takes_what_is_made_of_unusual_settings() {
    for variables in [
        &[
            ("SQUALL_EDGE_API", "10.0.0.1:80,[::1]:80"),
            ("SQUALL_EDGE_ACCESS_LOG", "off"),
            ("SQUALL_EDGE_CLIENT_BURST", "0"),
        ][..],
        &[
            ("SQUALL_EDGE_API", "a-name.example:1"),
            ("SQUALL_EDGE_RESOLVER", "127.0.0.11,[::1]:53"),
            ("SQUALL_EDGE_TRUSTED_PROXIES", "10.0.0.0/8,::1,192.0.2.1"),
            ("SQUALL_EDGE_WORKERS", "1"),
            ("SQUALL_EDGE_KEY_RATE", "1000000/s"),
            ("SQUALL_EDGE_AUTH_RATE", "1/min"),
        ],
    ] {
        let edge = Edge::with(variables);
        assert_eq!(edge.get("/").status, 200);
        assert!(!edge.output().contains("[warn]") && !edge.output().contains("[alert]"), "{}", edge.output());
    }
}

#[test]
fn the_health_check_passes_only_while_the_edge_is_running() {
    let mut edge = Edge::before("127.0.0.1:9");
    let listen = edge.address.to_string();
    let alive = edge.folder.run(&["healthcheck"], &[("SQUALL_EDGE_LISTEN", &listen)]);
    assert!(alive.status.success() && alive.stderr.is_empty(), "{alive:?}");
    let everywhere = format!("0.0.0.0:{}", edge.address.port());
    assert!(edge.folder.run(&["healthcheck"], &[("SQUALL_EDGE_LISTEN", &everywhere)]).status.success());
    signal(edge.pid(), "TERM").unwrap();
    edge.wait();
    let refused = refusal(&edge.folder, &["healthcheck"], &[("SQUALL_EDGE_LISTEN", &listen)]);
    assert!(
        refused.starts_with(&format!(
            "Tried:  checking the health of the edge at {listen}\nFailed: nothing listens on {listen}"
        )),
        "{refused}"
    );
    let stranger = Upstream::answering("HTTP/1.1 404 Not Found\r\n\r\n");
    let refused =
        refusal(&edge.folder, &["healthcheck"], &[("SQUALL_EDGE_LISTEN", &stranger.address.to_string())]);
    assert!(refused.contains("/edge-healthz answered 404"), "{refused}");
}

#[test]
fn a_graceful_stop_lets_a_request_under_way_end() {
    let (arrived, arrivals) = std::sync::mpsc::channel::<()>();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::with(move |_, stream| {
        arrived.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    });
    let mut edge = Edge::before(&upstream.address.to_string());
    let mut stream = edge.client().connect();
    stream.write_all(&request("GET", "/api/v1/x", &[], b"")).unwrap();
    arrivals.recv_timeout(TIMEOUT).unwrap();
    signal(edge.pid(), "QUIT").unwrap();
    // New connections are refused; the running request is completed.
    while edge.client().is_healthy() {}
    go_on.send(()).unwrap();
    let answer = read(&mut BufReader::new(stream));
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert!(edge.wait().success());
}

#[test]
fn the_edge_becomes_nginx_and_writes_only_into_its_folder() {
    let edge = Edge::with(&[("SQUALL_EDGE_API", "127.0.0.1:9"), ("SQUALL_EDGE_ACCESS_LOG", "/dev/stdout")]);
    let run = edge.folder.path().join("run");
    let pid = fs::read_to_string(run.join("nginx.pid")).unwrap();
    assert_eq!(pid.trim(), edge.pid().to_string(), "signals reach nginx itself");
    let answer = edge.get("/");
    while !edge.output().contains(answer.request_id()) {}
    // Bodies that do not fit into memory lie there too.
    let made: Vec<_> = ["body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .into_iter()
        .filter(|name| run.join(name).is_dir())
        .collect();
    assert_eq!(made.len(), 5, "{made:?}");
}
