//! `docker base-images`: stand-ins for the public base images, tagged with the public names.
//!
//! Where no registry answers, the Dockerfiles must still be the real ones. Debian's archive is reachable where it is mirrored, and
//! so a small Debian made by debootstrap is the base, and infra/base-images/NAME.Dockerfile makes the others from it.
//! The builders (rust, node) get this machine's toolchain, certificate authorities and registry settings; final images are
//! never made from them.

use super::engine::{Engine, capture};
use crate::{
    failure::{Exit, Failure, OrFail},
    process,
    world::World,
};
use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The public names; all of them without any.
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// Makes them anew when they are there.
    #[arg(long)]
    force: bool,
    /// Lists them instead of making them.
    #[arg(long)]
    list: bool,
}

/// One public image and what its stand-in is made from.
struct StandIn {
    name: &'static str,
    /// The Dockerfile in infra/base-images; the first has none.
    dockerfile: Option<&'static str>,
    about: &'static str,
    /// Files of this machine that go into it.
    from_here: fn(&World) -> Result<Vec<FromHere>>,
}

/// Entries of a folder of this machine: `tar -C folder entries…`.
struct FromHere {
    folder: PathBuf,
    entries: Vec<OsString>,
}

const DEBIAN: &str = "debian:bookworm-slim";

#[rustfmt::skip]
const STAND_INS: [StandIn; 6] = [
    StandIn { name: DEBIAN, dockerfile: None, about: "a minimal Debian by debootstrap", from_here: nothing },
    StandIn { name: "rust:1.95-slim-bookworm", dockerfile: Some("rust"), about: "gcc and this machine's Rust", from_here: rust },
    StandIn { name: "node:22-bookworm-slim", dockerfile: Some("node"), about: "this machine's Node.js and npm", from_here: node },
    StandIn { name: "pgvector/pgvector:0.8.1-pg18", dockerfile: Some("postgres"), about: "PostgreSQL 18 and pgvector of Debian forky", from_here: nothing },
    StandIn { name: "redis:7.2-alpine", dockerfile: Some("redis"), about: "Debian's redis", from_here: nothing },
    StandIn { name: "nginx:1.28-alpine-slim", dockerfile: Some("nginx"), about: "Debian's nginx", from_here: nothing },
];

const TRIED: &str = "making stand-ins for the public base images";
/// Marks what we made, so that a real image is never replaced by a stand-in.
const LABEL: &str = "org.squall.stand-in";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    if let Some(unknown) = arguments.images.iter().find(|name| !STAND_INS.iter().any(|it| it.name == **name))
    {
        let names = STAND_INS.map(|stand_in| stand_in.name).join(", ");
        let failure = Failure::new(
            TRIED,
            format!("there is no stand-in for {unknown}"),
            format!("choose from {names}"),
        );
        return Err(failure.exit(Exit::Usage).into());
    }
    if arguments.list {
        STAND_INS.iter().for_each(|it| println!("{:<30} {}", it.name, it.about));
        return Ok(());
    }
    let engine = Engine::need(TRIED)?.builder()?;
    let wanted =
        |it: &&StandIn| arguments.images.is_empty() || arguments.images.iter().any(|name| name == it.name);
    let mut lacking: Vec<_> =
        STAND_INS.iter().filter(wanted).filter(|it| arguments.force || !engine.has_image(it.name)).collect();
    if lacking.is_empty() {
        println!("All base images are there; --force makes them anew.");
        return Ok(());
    }
    if let Some(real) = lacking.iter().find(|it| engine.has_image(it.name) && !is_stand_in(&engine, it.name))
    {
        let wrong = format!("{} is there and is no stand-in", real.name);
        let next = format!("keep it, or remove it first with `docker image rm {}`", real.name);
        return Err(Failure::new(TRIED, wrong, next).into());
    }
    // Each of the others is made from it.
    if !lacking.iter().any(|it| it.name == DEBIAN) && !engine.has_image(DEBIAN) {
        lacking.insert(0, &STAND_INS[0]);
    }
    for stand_in in lacking {
        let began = Instant::now();
        eprintln!("making {} from {}", stand_in.name, stand_in.about);
        match stand_in.dockerfile {
            None => debian(world, &engine)?,
            Some(dockerfile) => build(world, &engine, stand_in, dockerfile)?,
        }
        println!("{:<30} made in {:.0} s", stand_in.name, began.elapsed().as_secs_f64());
    }
    Ok(())
}

fn is_stand_in(engine: &Engine, name: &str) -> bool {
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    engine.ask(&["image", "inspect", "--format", &format, name]).is_ok_and(|label| label.trim() == "true")
}

/// Debian's smallest system, without what a container never reads.
fn debian(world: &World, engine: &Engine) -> Result<()> {
    if which::which("debootstrap").is_err() {
        let next = "install it (Debian: apt-get install debootstrap), then run the command again";
        return Err(Failure::new(TRIED, "debootstrap is not on the path", next)
            .exit(Exit::ToolMissing)
            .into());
    }
    if !process::is_root() {
        let next = "run `cargo xtask docker base-images` once as root (sudo), or pull the public images where a registry can be reached";
        return Err(Failure::new(TRIED, "debootstrap needs root, to make files of other owners", next).into());
    }
    // Not below the repository: a folder that others cannot enter is no place for a system with its own users.
    let root = env::temp_dir().join(format!("squall-debian-{}", std::process::id()));
    let made = bootstrap(&root).and_then(|()| slim(world, &root)).and_then(|()| import(engine, &root));
    let _ = fs::remove_dir_all(&root);
    made
}

fn bootstrap(root: &Path) -> Result<()> {
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=ca-certificates", "bookworm"]).arg(root).args(mirror());
    process::die_with_parent(&mut debootstrap, process::SIGTERM);
    let output = debootstrap.stdin(Stdio::null()).output().context("starting debootstrap")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last: Vec<_> = said.lines().rev().take(5).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
    let next = "check that Debian's mirror can be reached (`apt-get update`) and that there is room in the temporary folder";
    Err(Failure::new(TRIED, format!("debootstrap ended with {}:\n{said}", output.status), next).into())
}

/// The mirror this machine uses for bookworm; without one, debootstrap knows Debian's own.
fn mirror() -> Option<String> {
    let listed = capture(apt_targets()).unwrap_or_default();
    let ours = listed.lines().find(|line| line.ends_with("/debian") || line.ends_with("/debian/"));
    ours.map(str::to_owned)
}

fn apt_targets() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)", "Codename: bookworm", "Created-By: Packages"]);
    command
}

/// What the public slim image leaves out, and how it keeps later packages from bringing it back.
fn slim(world: &World, root: &Path) -> Result<()> {
    let rules = world.root.join("infra/base-images/debian");
    for (file, at) in
        [("apt.conf", "etc/apt/apt.conf.d/docker-clean"), ("dpkg.cfg", "etc/dpkg/dpkg.cfg.d/docker")]
    {
        fs::copy(rules.join(file), root.join(at))
            .with_context(|| format!("writing {at} of the new Debian"))?;
    }
    for folder in [
        "var/cache/apt",
        "var/lib/apt/lists",
        "var/log",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/locale",
        "usr/share/info",
    ] {
        let folder = root.join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
    }
    Ok(fs::create_dir_all(root.join("var/cache/apt/archives/partial"))?)
}

fn import(engine: &Engine, root: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "--one-file-system", "--create", "--directory"]).arg(root).arg(".");
    let label = format!("LABEL {LABEL}=true");
    pipe(tar, engine.docker(["import", "--change", "CMD [\"bash\"]", "--change", &label, "-", DEBIAN]))
}

/// The context goes through a pipe: the toolchain is half a gigabyte that need not be copied first.
fn build(world: &World, engine: &Engine, stand_in: &StandIn, dockerfile: &str) -> Result<()> {
    let folder = world.root.join("infra/base-images");
    let file = format!("{dockerfile}.Dockerfile");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--dereference", "--directory"]).arg(&folder);
    for entry in fs::read_dir(&folder)?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(dockerfile))
    {
        tar.arg(entry.file_name());
    }
    for FromHere { folder, entries } in (stand_in.from_here)(world)? {
        tar.arg("--directory").arg(folder).args(entries);
    }
    let label = format!("{LABEL}=true");
    let mut docker =
        engine.docker(["build", "--quiet", "--label", &label, "--tag", stand_in.name, "--file", &file, "-"]);
    docker.env("DOCKER_BUILDKIT", "1");
    let tried = format!("making a stand-in for {}", stand_in.name);
    let next = "mend what the message names: mostly a package that Debian's mirror did not hand out; then run the command again";
    let made = pipe(tar, docker).or_fail(tried, next);
    let _ = fs::remove_dir_all(settings_folder(world));
    made
}

/// `left | right`, which fails with what the failing side said.
fn pipe(mut left: Command, mut right: Command) -> Result<()> {
    process::die_with_parent(&mut left, process::SIGTERM);
    let mut left = left.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting tar")?;
    let packed = left.stdout.take().context("tar has an output")?;
    let output = right.stdin(packed).output()?;
    let left = left.wait()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<_> = said.lines().collect();
        anyhow::bail!(
            "docker ended with {}:\n{}",
            output.status,
            lines[lines.len().saturating_sub(20)..].join("\n")
        );
    }
    anyhow::ensure!(left.success(), "tar ended with {left}");
    Ok(())
}

fn nothing(_: &World) -> Result<Vec<FromHere>> {
    Ok(Vec::new())
}

fn rust(world: &World) -> Result<Vec<FromHere>> {
    let next = "see `cargo xtask doctor`, which says how to get Rust";
    let mut rustc = Command::new("rustc");
    let sysroot = capture({
        rustc.args(["--print", "sysroot"]);
        rustc
    })
    .or_fail("finding this machine's Rust", next)?;
    let toolchain = FromHere { folder: sysroot.trim().into(), entries: vec!["bin".into(), "lib".into()] };
    let config = Settings::new(world)?;
    config.copy("cargo/config.toml", &[cargo_home().join("config.toml"), cargo_home().join("config")])?;
    Ok(vec![toolchain, config.done()])
}

fn node(world: &World) -> Result<Vec<FromHere>> {
    let program = |name: &str| {
        let found = which::which(name)
            .context(format!("{name} is not on the path"))
            .and_then(|path| Ok(fs::canonicalize(path)?));
        found.or_fail(
            format!("finding this machine's {name}"),
            "see `cargo xtask doctor`, which says how to get Node.js",
        )
    };
    let (node, npm) = (program("node")?, program("npm")?);
    // …/npm/bin/npm-cli.js
    let npm = npm.ancestors().nth(2).context("npm is not where npm installs itself")?.to_owned();
    let entry = |path: &Path| -> Result<FromHere> {
        let (folder, name) =
            (path.parent().context("a file has a folder")?, path.file_name().context("it has a name")?);
        Ok(FromHere { folder: folder.to_owned(), entries: vec![name.to_owned()] })
    };
    let config = Settings::new(world)?;
    config.copy("npm/npmrc", &[home().join(".npmrc")])?;
    Ok(vec![entry(&node)?, entry(&npm)?, config.done()])
}

/// What a builder needs to reach the registries as this machine does: certificate authorities and client settings.
struct Settings {
    folder: PathBuf,
}

impl Settings {
    fn new(world: &World) -> Result<Self> {
        let settings = Self { folder: settings_folder(world) };
        let _ = fs::remove_dir_all(&settings.folder);
        // A client's settings may hold a token.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.folder)?;
        for part in ["config/cargo", "config/npm"] {
            fs::create_dir_all(settings.folder.join(part))?;
        }
        let bundles =
            ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"].map(PathBuf::from);
        let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let bundles: Vec<_> = named.into_iter().chain(bundles).collect();
        settings.copy("ca-certificates.crt", &bundles)?;
        Ok(settings)
    }

    /// The first of `from` that is there; an empty file when none is.
    fn copy(&self, name: &str, from: &[PathBuf]) -> Result<()> {
        let text = from.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
        fs::write(self.folder.join("config").join(name), text).with_context(|| format!("copying {name}"))
    }

    fn done(self) -> FromHere {
        FromHere { folder: self.folder, entries: vec!["config".into()] }
    }
}

fn settings_folder(world: &World) -> PathBuf {
    world.build_folder().join("squall-base-images")
}

fn home() -> PathBuf {
    env::var_os("HOME").map_or_else(|| "/root".into(), PathBuf::from)
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}
