//! What an image is made of: its layers and the files in them, its user, variables and labels.

use super::Defect;
use crate::docker::{
    build,
    dockerfile::Dockerfile,
    engine::{Engine, capture},
    images::{Image, Naming},
    validate::{is_secret, is_secret_file},
};
use crate::{files, world::World};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Above its base an image gets a few files; more layers mean that something is made where it
/// should be copied.
const MOST_LAYERS: usize = 6;
/// A longer text file is data, not a key.
const LONGEST_KEY_FILE: u64 = 256 << 10;

/// The database beside which images are probed, and the base of `ops`.
pub const POSTGRES: &str = "pgvector/pgvector:0.8.1-pg18";

pub fn check(world: &World, engine: &Engine, image: &Image, naming: &Naming) -> Result<Vec<Defect>> {
    let reference = image.reference(naming);
    let inspected = inspect(engine, &reference)?;
    let layers = |image: &Value| image["RootFS"]["Layers"].as_array().cloned().unwrap_or_default();
    let dockerfile = Dockerfile::read(&world.root, image.dockerfile)?;
    // Layers of the base are its maker's; `scratch` has none.
    let base = dockerfile.target(image.name).and_then(|stage| dockerfile.base_image(stage));
    let base = base.and_then(|base| inspect(engine, base).ok()).map(|base| layers(&base)).unwrap_or_default();
    let all = layers(&inspected);
    let own = all.iter().filter(|layer| !base.contains(layer)).count();
    let config = &inspected["Config"];
    let mut defects = Vec::new();
    let mut add = |rule, what, fix| defects.push(Defect { image: image.name, rule, what, fix });
    if let Some(what) = build::weigh(engine, image, naming)?.over_budget() {
        add("size", what, "see with `docker history` what grew");
    }
    if own > MOST_LAYERS {
        let what = format!("{own} layers above its base, {MOST_LAYERS} are allowed");
        add("layers", what, "copy what belongs together in one step");
    }
    if let Some(what) = user_defect(config["User"].as_str().unwrap_or_default()) {
        add("user", what, "end the stage with USER and a number above 0");
    }
    let variables = config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (name, _) in variables
        .filter_map(|variable| variable.split_once('='))
        .filter(|(name, value)| holds_secret(name, value))
    {
        add(
            "secret",
            format!("the variable {name} is part of the image"),
            "pass secrets in when a container starts",
        );
    }
    if config["Labels"]["org.opencontainers.image.title"].is_null() {
        add("labels", "it has no title among its labels".into(), "add the OCI labels to the stage");
    }
    for (file, why) in secrets_in(engine, &reference, all.len() - own)? {
        let fix = "keep it out of the context, or mount it with --mount=type=secret";
        add("secret", format!("{file}: {why}"), fix);
    }
    Ok(defects)
}

fn inspect(engine: &Engine, name: &str) -> Result<Value> {
    let printed = engine.ask(&["image", "inspect", name])?;
    let mut images: Vec<Value> = serde_json::from_str(&printed).context("reading `docker image inspect`")?;
    images.pop().with_context(|| format!("the image {name} does not exist"))
}

fn user_defect(user: &str) -> Option<String> {
    let id = user.split(':').next().unwrap_or_default();
    match id.parse::<u32>() {
        Ok(0) => Some("it runs as root".into()),
        Ok(_) => None,
        Err(_) if id.is_empty() => Some("it names no user and runs as root".into()),
        Err(_) => Some(format!("its user {id:?} is a name, which may be root's")),
    }
}

fn holds_secret(name: &str, value: &str) -> bool {
    is_secret(name) && !name.ends_with("_FILE") && !value.is_empty()
}

/// Unpacks each layer on its own: a file that a later one deletes is still in the image.
fn secrets_in(engine: &Engine, reference: &str, skip: usize) -> Result<Vec<(String, &'static str)>> {
    let folder = env::temp_dir().join(format!("squall-layers-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let found = unpack(engine, reference, &folder).and_then(|layers| {
        let mut found = Vec::new();
        for layer in layers.iter().skip(skip) {
            let root = folder.join("files");
            fs::create_dir_all(&root)?;
            tar(
                &["--extract", "--no-same-owner", "--no-same-permissions", "--exclude=dev/*", "--file"],
                layer,
                &root,
            )?;
            files::walk(&root, &[], &mut |path| {
                // A link leads out of the layer.
                let metadata = path.symlink_metadata()?;
                if metadata.is_file() {
                    let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
                    let is_short = metadata.len() <= LONGEST_KEY_FILE;
                    let bytes = if is_short { fs::read(path)? } else { Vec::new() };
                    found.extend(defect_of_file(&name, &bytes).map(|why| (name, why)));
                }
                Ok(())
            })?;
            fs::remove_dir_all(&root)?;
        }
        Ok(found)
    });
    let _ = fs::remove_dir_all(&folder);
    found
}

/// The layers' archives, lowest first.
fn unpack(engine: &Engine, reference: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let archive = folder.join("image.tar");
    engine.ask(&["save", "--output", &archive.to_string_lossy(), reference])?;
    tar(&["--extract", "--file"], &archive, folder)?;
    fs::remove_file(&archive)?;
    let manifest = fs::read(folder.join("manifest.json")).context("reading the manifest of a saved image")?;
    let manifest: Value =
        serde_json::from_slice(&manifest).context("reading the manifest of a saved image")?;
    let layers = manifest[0]["Layers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(layers.map(|layer| folder.join(layer)).collect())
}

fn tar(arguments: &[&str], archive: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(arguments).arg(archive).arg("--directory").arg(folder).stdin(Stdio::null());
    capture(command).map(drop)
}

/// Why a file has no place in an image. Programs are not read: they hold such words to look for
/// them.
fn defect_of_file(path: &str, bytes: &[u8]) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let settings = ["credentials.toml", ".docker/config.json", ".cargo/config.toml"];
    let is_known = is_secret_file(name) || settings.iter().any(|settings| path.ends_with(settings));
    // What such a file holds decides about keys in PEM form.
    if is_known && name != ".env.example" && !name.ends_with(".pem") {
        return Some("its name is that of a secret, or of settings that may hold one");
    }
    if bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    // In two parts, so that this file does not match.
    let begin = concat!("-----BEGIN ", "");
    let is_key = |line: &str| {
        (line.starts_with(begin) && line.contains("PRIVATE KEY-----")) || line.starts_with("AGE-SECRET-KEY-1")
    };
    text.lines().any(is_key).then_some("a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_content_and_programs_are_not_read() {
        let check =
            |name, bytes: &[u8], bad| assert_eq!(defect_of_file(name, bytes).is_some(), bad, "{name}");
        check("srv/.env", b"", true);
        check("srv/.env.example", b"", false);
        check("root/.npmrc", b"registry=x", true);
        check("etc/tls/key.pem", format!("-----BEGIN RSA {}\nx", "PRIVATE KEY-----").as_bytes(), true);
        check("etc/tls/cert.pem", b"-----BEGIN CERTIFICATE-----\nx", false);
        check("usr/bin/age", format!("\x7fELF\n-----BEGIN {}\n", "PRIVATE KEY-----").as_bytes(), false);
        check("usr/share/squall/web/index.html", b"<html>", false);
    }

    #[test]
    fn a_variable_that_names_a_file_is_not_a_secret() {
        assert!(holds_secret("POSTGRES_PASSWORD", "x"));
        for (name, value) in [("POSTGRES_PASSWORD_FILE", "/run/secrets/x"), ("TOKEN", ""), ("PATH", "/bin")] {
            assert!(!holds_secret(name, value), "{name}");
        }
    }
}
