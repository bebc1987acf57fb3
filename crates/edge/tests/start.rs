//! How the edge starts and stops: good settings, bad ones, and what it says about them.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod support;

use squall_acceptance::process::signal;
use std::{
    fs,
    io::{BufReader, Write},
    os::unix::fs::PermissionsExt,
};
use support::{
    Edge, Folder, PATIENCE,
    client::{read, request},
    upstream::Upstream,
};

/// What the edge says instead of starting, without what differs from run to run.
fn refusal(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    // The pipe that reads what it says belongs to another user.
    let output = folder.run(arguments, &[&[("SQUALL_EDGE_ACCESS_LOG", "off")], variables].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    said.replace(folder.path().to_str().unwrap(), "[folder]")
}

/// A program that says it is an nginx of this version.
fn nginx(folder: &Folder, version: &str) -> String {
    let path = folder.file("nginx", &format!("#!/bin/sh\necho 'nginx version: {version}' >&2\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn bad_settings_stop_the_start_with_sentences() {
    let folder = Folder::new();
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    let here = folder.path().to_str().unwrap().to_owned();
    let api = ("SQUALL_EDGE_API", "api:8642");
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("nothing set", &[]),
        (
            "every kind of bad value",
            &[
                ("SQUALL_EDGE_API", "http://api:8642"),
                ("SQUALL_EDGE_WEB", "web/dist"),
                ("SQUALL_EDGE_LISTEN", "8080"),
                ("SQUALL_EDGE_TRUSTED_PROXIES", "10.0.0.0/8, everybody"),
                ("SQUALL_EDGE_RESOLVER", "dns.example"),
                ("SQUALL_EDGE_CLIENT_RATE", "fast"),
                ("SQUALL_EDGE_AUTH_BURST", "-1"),
                ("SQUALL_EDGE_MAX_BODY", "10MB"),
                ("SQUALL_EDGE_READ_TIMEOUT", "1"),
                ("SQUALL_EDGE_LOG", "debug"),
                ("SQUALL_EDGE_ACCESS_LOG", "/var/log/a;b"),
                ("SQUALL_EDGE_FOLDER", "/tmp/$HOME"),
                ("SQUALL_EDGE_TLS_LISTEN", "0.0.0.0:0"),
            ],
        ),
        ("a web app that is not built", &[api, ("SQUALL_EDGE_WEB", &here)]),
        ("half of TLS", &[api, ("SQUALL_EDGE_TLS_CERTIFICATE", "/tls.crt")]),
        (
            "TLS files that are missing",
            &[api, ("SQUALL_EDGE_TLS_CERTIFICATE", &missing), ("SQUALL_EDGE_TLS_KEY", &missing)],
        ),
        ("a name that DNS does not know", &[("SQUALL_EDGE_API", "localhost:8642")]),
        ("a log that cannot be written", &[api, ("SQUALL_EDGE_ACCESS_LOG", "/proc/access.log")]),
        ("no nginx", &[api, ("SQUALL_EDGE_NGINX", &missing)]),
        ("no nginx on the path", &[api, ("SQUALL_EDGE_NGINX", "no-such-nginx")]),
    ];
    let said: Vec<_> = cases
        .iter()
        .map(|(title, variables)| format!("--- {title}\n{}", refusal(&folder, &["run"], variables)))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_nginx_refuses_is_passed_on_with_a_next_step() {
    let folder = Folder::new();
    let (broken, taken) =
        (folder.file("broken.pem", "no certificate"), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let (broken, address) = (broken.to_str().unwrap().to_owned(), taken.local_addr().unwrap().to_string());
    let api = ("SQUALL_EDGE_API", "127.0.0.1:9");
    let tls =
        [api, ("SQUALL_EDGE_TLS_CERTIFICATE", broken.as_str()), ("SQUALL_EDGE_TLS_KEY", broken.as_str())];
    let said = refusal(&folder, &["run"], &tls);
    assert!(
        said.contains("Failed: cannot load certificate \"[folder]/broken.pem\"")
            && said.contains("Next:   mend"),
        "{said}"
    );
    let said = refusal(&folder, &["run"], &[api, ("SQUALL_EDGE_LISTEN", &address)]);
    assert_eq!(
        said.replace(&address, "[address]"),
        "Tried:  listening on [address]\nFailed: another process listens there already\n\
         Next:   stop that process, or set SQUALL_EDGE_LISTEN to another port\n"
    );
    let said = refusal(&folder, &["run"], &[api, ("SQUALL_EDGE_FOLDER", "/proc/squall")]);
    assert!(said.starts_with("Tried:  writing nginx's configuration to /proc/squall\nFailed: "), "{said}");
    assert!(said.contains("Next:   make the folder writable for this user"), "{said}");
}

#[test]
fn another_program_or_an_old_nginx_is_not_started() {
    let folder = Folder::new();
    let several = "api-1:8642,api-2:8642";
    let said: Vec<_> = [("nginx/1.18.0", "api:8642"), ("apache/2.4", "api:8642"), ("nginx/1.22.1", several)]
        .into_iter()
        .map(|(version, api)| {
            let variables = [("SQUALL_EDGE_API", api), ("SQUALL_EDGE_NGINX", &nginx(&folder, version))];
            format!("--- {version} {api}\n{}", refusal(&folder, &["run"], &variables))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_configuration_is_what_the_settings_say() {
    let folder = Folder::new();
    let file = folder.file("tls.pem", "");
    let tls = [
        ("SQUALL_EDGE_TLS_CERTIFICATE", file.to_str().unwrap()),
        ("SQUALL_EDGE_TLS_KEY", file.to_str().unwrap()),
    ];
    let print = |version: &str, variables: &[(&str, &str)]| {
        let nginx = nginx(&folder, version);
        let output = folder.run(
            &["print"],
            &[&[("SQUALL_EDGE_NGINX", nginx.as_str()), ("SQUALL_EDGE_ACCESS_LOG", "/dev/null")], variables]
                .concat(),
        );
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().replace(folder.path().to_str().unwrap(), "[folder]")
    };
    let part = |text: &str, name: &str| {
        let from = text.find(&format!("# ==== {name}\n")).unwrap();
        text[from..].split("\n# ==== ").next().unwrap().to_owned()
    };
    let name = ("SQUALL_EDGE_API", "api:8642");
    let resolver = ("SQUALL_EDGE_RESOLVER", "127.0.0.11");
    let whole = print("nginx/1.22.1", &[name, resolver]);
    assert!(!whole.contains("{{"), "a placeholder was left: {whole}");
    insta::assert_snapshot!("whole", whole);
    let old = print("nginx/1.22.1", &[&tls[..], &[name, resolver]].concat());
    let new = print(
        "nginx/1.28.0",
        &[
            &tls[..],
            &[("SQUALL_EDGE_API", "api-1:8642,10.0.0.2:8642"), resolver, ("SQUALL_EDGE_LISTEN", "[::]:8080")],
        ]
        .concat(),
    );
    assert!(!old.contains("{{") && !new.contains("{{"));
    insta::assert_snapshot!("tls_1_22", part(&old, "server.conf"));
    insta::assert_snapshot!("tls_1_28", part(&new, "server.conf"));
    insta::assert_snapshot!("several_places", part(&new, "upstream.conf"));
    let newest = print("nginx/1.30.0", &[("SQUALL_EDGE_API", "10.0.0.1:8642,10.0.0.2:8642")]);
    insta::assert_snapshot!("several_addresses_1_30", part(&newest, "upstream.conf"));
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
        assert!(!edge.said().contains("[warn]") && !edge.said().contains("[alert]"), "{}", edge.said());
    }
}

#[test]
fn the_health_check_says_yes_only_to_an_edge_that_lives() {
    let mut edge = Edge::before("127.0.0.1:9");
    let listen = edge.address.to_string();
    let alive = edge.folder.run(&["healthcheck"], &[("SQUALL_EDGE_LISTEN", &listen)]);
    assert!(alive.status.success() && alive.stderr.is_empty(), "{alive:?}");
    let everywhere = format!("0.0.0.0:{}", edge.address.port());
    assert!(edge.folder.run(&["healthcheck"], &[("SQUALL_EDGE_LISTEN", &everywhere)]).status.success());
    signal(edge.pid(), "TERM").unwrap();
    edge.wait();
    let said = refusal(&edge.folder, &["healthcheck"], &[("SQUALL_EDGE_LISTEN", &listen)]);
    assert!(
        said.starts_with(&format!("Tried:  asking http://{listen}/edge-healthz\nFailed: Connection refused")),
        "{said}"
    );
    let stranger = Upstream::answering("HTTP/1.1 404 Not Found\r\n\r\n");
    let said =
        refusal(&edge.folder, &["healthcheck"], &[("SQUALL_EDGE_LISTEN", &stranger.address.to_string())]);
    assert!(said.contains("it answered \"HTTP/1.1 404 Not Found\""), "{said}");
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
    arrivals.recv_timeout(PATIENCE).unwrap();
    signal(edge.pid(), "QUIT").unwrap();
    // Nobody new is let in, and the one inside is not thrown out.
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
    while !edge.said().contains(answer.request_id()) {}
    // Bodies that do not fit into memory lie there too.
    let made: Vec<_> = ["body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .into_iter()
        .filter(|name| run.join(name).is_dir())
        .collect();
    assert_eq!(made.len(), 5, "{made:?}");
}

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let output = Folder::new().run(&["config-table"], &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let page = include_str!("../../../docs/reference/edge.md");
    assert!(page.contains(&table), "docs/reference/edge.md is stale; put in:\n{table}");
}
