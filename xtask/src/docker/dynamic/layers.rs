//! What an image is made of: its size, its layers and what lies in them, its user.

use super::Defect;
use crate::docker::{
    build,
    engine::Engine,
    images::{Image, Naming},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Above its base an image of ours copies a few files; more layers mean that something is made where it should be copied.
const MOST_LAYERS: usize = 6;
/// A text file longer than this is data, not a key.
const LONGEST_KEY_FILE: u64 = 256 << 10;

/// The database beside which images are probed, and the base of `ops`.
pub const POSTGRES: &str = "pgvector/pgvector:0.8.1-pg18";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    config: Config,
    #[serde(rename = "RootFS")]
    root: Root,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    user: String,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    layers: Vec<String>,
}

pub fn check(engine: &Engine, image: &Image, naming: &Naming) -> Result<Vec<Defect>> {
    let reference = image.reference(naming);
    let inspected = inspect(engine, &reference)?;
    let base = match base_of(image) {
        Some(base) => inspect(engine, base).map(|base| base.root.layers).unwrap_or_default(),
        None => Vec::new(),
    };
    let own = inspected.root.layers.iter().filter(|layer| !base.contains(layer)).count();
    let defect = |rule, what: String, fix| Defect { image: image.name, rule, what, fix };
    let mut defects = Vec::new();
    let weighed = build::weigh(engine, image, naming)?;
    if let Some(budget) = weighed.budget_megabytes.filter(|budget| weighed.counted_bytes > budget * 1_000_000)
    {
        let what = format!("it weighs {} and may weigh {budget} MB", build::megabytes(weighed.counted_bytes));
        defects.push(defect("size", what, "see with `docker history` what grew"));
    }
    if own > MOST_LAYERS {
        defects.push(defect(
            "layers",
            format!("{own} layers above its base, {MOST_LAYERS} are allowed"),
            "copy what belongs together in one step",
        ));
    }
    defects.extend(
        user_fault(&inspected.config.user)
            .map(|what| defect("user", what, "end the stage with USER and a number above 0")),
    );
    for variable in inspected.config.env.iter().flatten().filter(|variable| holds_secret(variable)) {
        let name = variable.split('=').next().unwrap_or_default();
        defects.push(defect(
            "secret",
            format!("the variable {name} is part of the image"),
            "hand secrets out when a container starts",
        ));
    }
    if !inspected.config.labels.unwrap_or_default().contains_key("org.opencontainers.image.title") {
        defects.push(defect(
            "labels",
            "it has no title among its labels".into(),
            "add the OCI labels to the stage",
        ));
    }
    for (file, why) in secrets_in(engine, &reference, inspected.root.layers.len() - own)? {
        defects.push(defect(
            "secret",
            format!("{file}: {why}"),
            "keep it out of the context, or mount it with --mount=type=secret",
        ));
    }
    Ok(defects)
}

fn inspect(engine: &Engine, name: &str) -> Result<Inspected> {
    let printed = engine.ask(&["image", "inspect", name])?;
    let found: Vec<Inspected> =
        serde_json::from_str(&printed).context("reading what `docker image inspect` printed")?;
    found.into_iter().next().with_context(|| format!("there is no image {name}"))
}

/// Layers of the base are its maker's.
fn base_of(image: &Image) -> Option<&'static str> {
    match image.name {
        "edge" => Some("nginx:1.28-alpine-slim"),
        "ops" => Some(POSTGRES),
        "api-test" => Some("redis:7.2-alpine"),
        _ => None,
    }
}

fn user_fault(user: &str) -> Option<String> {
    let id = user.split(':').next().unwrap_or_default();
    match id.parse::<u32>() {
        Ok(0) => Some("it runs as root".into()),
        Ok(_) => None,
        Err(_) if id.is_empty() => Some("it names no user and runs as root".into()),
        Err(_) => Some(format!("its user {id:?} is a name, which nobody can check to be another than root")),
    }
}

/// `NAME=value` whose name says that the value is a secret, and whose value says that it is not a place.
fn holds_secret(variable: &str) -> bool {
    let Some((name, value)) = variable.split_once('=') else { return false };
    let name = name.to_uppercase();
    let named =
        ["PASSWORD", "SECRET", "TOKEN", "PRIVATE_KEY", "API_KEY"].iter().any(|word| name.contains(word));
    named && !name.ends_with("_FILE") && !value.is_empty()
}

/// Looks into each layer on its own, since a file that a later one deletes is still in the image.
fn secrets_in(engine: &Engine, reference: &str, skip: usize) -> Result<Vec<(String, &'static str)>> {
    let folder = env::temp_dir().join(format!("squall-layers-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let found = unpack(engine, reference, &folder).and_then(|layers| {
        let mut found = Vec::new();
        for layer in layers.iter().skip(skip) {
            let files = folder.join("files");
            fs::create_dir_all(&files)?;
            tar(
                &["--extract", "--no-same-owner", "--no-same-permissions", "--exclude=dev/*", "--file"],
                layer,
                &files,
            )?;
            look(&files, &files, &mut found)?;
            fs::remove_dir_all(&files)?;
        }
        Ok(found)
    });
    let _ = fs::remove_dir_all(&folder);
    found
}

/// The layers' archives, lowest first.
fn unpack(engine: &Engine, reference: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Saved {
        layers: Vec<PathBuf>,
    }
    let archive = folder.join("image.tar");
    let archive_name = archive.to_string_lossy();
    engine.ask(&["save", "--output", &archive_name, reference])?;
    tar(&["--extract", "--file"], &archive, folder)?;
    fs::remove_file(&archive)?;
    let manifest =
        fs::read_to_string(folder.join("manifest.json")).context("reading the manifest of a saved image")?;
    let saved: Vec<Saved> =
        serde_json::from_str(&manifest).context("reading the manifest of a saved image")?;
    Ok(saved.into_iter().flat_map(|saved| saved.layers).map(|layer| folder.join(layer)).collect())
}

fn tar(arguments: &[&str], archive: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(arguments).arg(archive).arg("--directory").arg(folder).stdin(Stdio::null());
    crate::docker::engine::capture(command).map(drop)
}

fn look(root: &Path, folder: &Path, found: &mut Vec<(String, &'static str)>) -> Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let (path, metadata) = (entry.path(), entry.metadata()?);
        if metadata.is_dir() {
            look(root, &path, found)?;
        } else if metadata.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let bytes = if metadata.len() <= LONGEST_KEY_FILE { fs::read(&path)? } else { Vec::new() };
            found.extend(fault_of_file(&name, &bytes).map(|why| (name, why)));
        }
    }
    Ok(())
}

/// Why a file has no place in an image. Programs are left out: they hold such words to look for them.
fn fault_of_file(name: &str, bytes: &[u8]) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_client_setting =
        matches!(file, ".npmrc" | ".netrc" | ".pgpass" | ".git-credentials" | "credentials.toml")
            || name.ends_with(".docker/config.json")
            || name.ends_with(".cargo/config.toml");
    let is_key = file.starts_with("id_rsa")
        || file.starts_with("id_ed25519")
        || file.ends_with(".p12")
        || file.ends_with(".pfx");
    if is_client_setting {
        return Some("settings of a client, which may hold a token");
    }
    if file == ".env" || file.starts_with(".env.") && file != ".env.example" {
        return Some("variables of one machine");
    }
    if is_key {
        return Some("a private key, by its name");
    }
    if bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    // In two parts, so that this file is not one.
    let begin = concat!("-----BEGIN ", "");
    let private = text.lines().any(|line| line.starts_with(begin) && line.contains("PRIVATE KEY-----"));
    let secret = text.lines().any(|line| line.starts_with("AGE-SECRET-KEY-1"));
    (private || secret).then_some("a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_content_and_programs_are_not_read() {
        let check = |name, bytes: &[u8], bad| assert_eq!(fault_of_file(name, bytes).is_some(), bad, "{name}");
        check("srv/.env", b"", true);
        check("srv/.env.example", b"", false);
        check("root/.npmrc", b"registry=x", true);
        check("etc/tls/key.pem", format!("-----BEGIN RSA {}\nx", "PRIVATE KEY-----").as_bytes(), true);
        check("etc/tls/cert.pem", b"-----BEGIN CERTIFICATE-----\nx", false);
        check("usr/bin/age", format!("\x7fELF\n-----BEGIN {}\n", "PRIVATE KEY-----").as_bytes(), false);
        check("usr/share/squall/web/index.html", b"<html>", false);
    }

    #[test]
    fn only_a_number_above_zero_is_a_user() {
        for (user, bad) in
            [("65532:65532", false), ("", true), ("0", true), ("root", true), ("0:0", true), ("999", false)]
        {
            assert_eq!(user_fault(user).is_some(), bad, "{user:?}");
        }
    }

    #[test]
    fn a_variable_that_names_a_file_is_no_secret() {
        assert!(holds_secret("POSTGRES_PASSWORD=x"));
        assert!(
            !holds_secret("POSTGRES_PASSWORD_FILE=/run/secrets/x")
                && !holds_secret("TOKEN=")
                && !holds_secret("PATH=/bin")
        );
    }
}
