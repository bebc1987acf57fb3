//! What only a built image shows: how many layers it has, and whether a file in them is a secret.

use super::Defect;
use crate::{
    docker::{
        engine::{Engine, capture},
        images::{Image, Naming},
        validate::is_secret_file,
    },
    files,
    world::World,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// Above its base an image gets a few files; more layers mean that something is made where it
/// should be copied.
const MOST_LAYERS: usize = 6;

pub fn check(world: &World, engine: &Engine, image: &Image, naming: &Naming) -> Result<Vec<Defect>> {
    let reference = image.reference(naming);
    let layers = |name: &str| -> Result<Vec<String>> {
        let format = "{{range .RootFS.Layers}}{{println .}}{{end}}";
        let printed = engine.ask(&["image", "inspect", "--format", format, name])?;
        Ok(printed.lines().map(str::to_owned).collect())
    };
    // Layers of the base are its maker's; `scratch` has none.
    let base = image.base(&world.root)?.and_then(|base| layers(&base).ok()).unwrap_or_default();
    let all = layers(&reference)?;
    let own = all.iter().filter(|layer| !base.contains(layer)).count();
    let mut defects = Vec::new();
    let mut add = |rule, what, fix| defects.push(Defect { image: image.name, rule, what, fix });
    if own > MOST_LAYERS {
        let what = format!("{own} layers above its base, {MOST_LAYERS} are allowed");
        add("layers", what, "copy what belongs together in one step");
    }
    let folder = world.build_folder().join("squall-layers");
    let _ = fs::remove_dir_all(&folder);
    let secrets = secrets_in(engine, &reference, all.len() - own, &folder);
    let _ = fs::remove_dir_all(&folder);
    for file in secrets? {
        let what = format!("{file} is a private key, or has the name of a file with secrets");
        add("secret", what, "keep it out of the context, or mount it with --mount=type=secret");
    }
    Ok(defects)
}

/// Unpack each layer on its own: a file that a later one deletes is still in the image.
fn secrets_in(engine: &Engine, image: &str, skip: usize, folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let archive = folder.join("image.tar");
    engine.ask(&["save", "--output", &archive.to_string_lossy(), image])?;
    untar(&archive, folder)?;
    let manifest = fs::read(folder.join("manifest.json")).context("reading the manifest of a saved image")?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let mut found = Vec::new();
    let layers = manifest[0]["Layers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for layer in layers.skip(skip) {
        let (archive, files) = (folder.join(layer), folder.join(layer).with_extension("files"));
        fs::create_dir_all(&files)?;
        untar(&archive, &files)?;
        found.extend(secrets_below(&files)?);
    }
    Ok(found)
}

fn untar(archive: &Path, folder: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--no-same-permissions", "--exclude=dev/*", "--file"]);
    tar.arg(archive).arg("--directory").arg(folder);
    capture(tar).map(drop)
}

/// Files that have no place in an image, by name or by what they hold.
fn secrets_below(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    files::walk(root, &[], &mut |path| {
        let shown = path.strip_prefix(root)?.to_string_lossy().into_owned();
        // A link leads out of the layer.
        if path.symlink_metadata()?.is_file() && has_secret_name(&shown) {
            found.push(shown);
        }
        Ok(())
    })?;
    // Programs are not read: they hold such words to look for them.
    let key = "^(-----BEGIN .*PRIVATE KEY-----|AGE-SECRET-KEY-1)";
    let grep = duct::cmd!("grep", "-rlIE", "-e", key, ".").dir(root).stdin_null().stdout_capture();
    let output = grep.unchecked().run().context("starting grep")?;
    anyhow::ensure!(output.status.code() < Some(2), "grep could not read the files of a layer");
    let named = String::from_utf8_lossy(&output.stdout);
    found.extend(named.lines().map(|path| path.trim_start_matches("./").to_owned()));
    Ok(found)
}

fn has_secret_name(path: &str) -> bool {
    let settings = ["credentials.toml", ".docker/config.json", ".cargo/config.toml"];
    let name = path.rsplit('/').next().unwrap_or(path);
    // What such a file holds decides about keys in PEM form.
    (is_secret_file(name) && name != ".env.example" && !name.ends_with(".pem"))
        || settings.iter().any(|settings| path.ends_with(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_content_and_programs_are_not_read() {
        let root = std::env::temp_dir().join(format!("squall-layer-{}", std::process::id()));
        // In two parts, so that this file does not match.
        let key = concat!("-----BEGIN RSA ", "PRIVATE KEY-----\nx");
        let program = format!("\x7fELF\0\n{key}");
        for (path, text) in [
            ("srv/.env", ""),
            ("srv/.env.example", ""),
            ("root/.npmrc", "registry=x"),
            ("etc/tls/key.pem", key),
            ("etc/tls/cert.pem", "-----BEGIN CERTIFICATE-----\nx"),
            ("usr/bin/age", &program),
            ("usr/share/squall/web/index.html", "<html>"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let found = secrets_below(&root).unwrap();
        fs::remove_dir_all(root).unwrap();
        assert_eq!(found, ["root/.npmrc", "srv/.env", "etc/tls/key.pem"]);
    }
}
