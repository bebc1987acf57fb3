//! From settings to nginx's configuration, or to the reasons why not. None of this runs nginx.

use crate::support::{Folder, refusal};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// A fake nginx of this version.
fn nginx(folder: &Folder, version: &str) -> String {
    let path = folder.file("nginx", &format!("#!/bin/sh\necho 'nginx version: {version}' >&2\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn invalid_settings_are_refused_with_a_reason_each() {
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
        ("no nginx on the path", &[api, ("SQUALL_EDGE_NGINX", "no-such-nginx"), ("PATH", "/")]),
    ];
    let refusals: Vec<_> = cases
        .iter()
        .map(|(title, variables)| format!("--- {title}\n{}", refusal(&folder, &["run"], variables)))
        .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn another_program_or_an_old_nginx_is_not_started() {
    let folder = Folder::new();
    let several = "api-1:8642,api-2:8642";
    let refusals: Vec<_> =
        [("nginx/1.18.0", "api:8642"), ("apache/2.4", "api:8642"), ("nginx/1.22.1", several)]
            .into_iter()
            .map(|(version, api)| {
                let variables = [("SQUALL_EDGE_API", api), ("SQUALL_EDGE_NGINX", &nginx(&folder, version))];
                format!("--- {version} {api}\n{}", refusal(&folder, &["run"], &variables))
            })
            .collect();
    insta::assert_snapshot!(refusals.join("\n"));
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
    insta::assert_snapshot!("several_addresses_1_28", part(&new, "upstream.conf"));
    let newest = print("nginx/1.30.0", &[("SQUALL_EDGE_API", "10.0.0.1:8642,10.0.0.2:8642")]);
    insta::assert_snapshot!("several_addresses_1_30", part(&newest, "upstream.conf"));
}

#[test]
fn the_pages_of_the_edge_are_those_of_the_app() {
    let routes = include_str!("../../../../web/src/app/routes.tsx");
    let pattern = include_str!("../../../../infra/nginx/routes.conf");
    let known: Vec<_> =
        pattern.split("|index\\.html|(").nth(1).unwrap().split(')').next().unwrap().split('|').collect();
    let mut first_words: Vec<_> = routes
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path: '/")?.split(['/', '\'']).next())
        .filter(|word| !word.is_empty())
        .collect();
    first_words.dedup();
    assert_eq!(known, first_words, "renew the pattern in infra/nginx/routes.conf");
}

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let output = Folder::new().run(&["config-table"], &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/edge.md");
    squall_base::docs::keep(&page, "## Settings", &table).unwrap();
}
