//! Speed of backups compared with pg_dump, time to prove a gigabyte, and detection of damage.
//!
//! The database at DATABASE_URL is filled with events as the product stores them. Rounds of pg_dump and squall-backup
//! alternate, so that other load on the machine affects both.

mod damage;
mod fill;

use anyhow::{Context, Result, bail};
use sqlx::PgPool;
use squall_base::postgres;
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// A line of the report.
macro_rules! say {
    ($($text:tt)*) => {
        writeln!(std::io::stdout(), $($text)*).context("writing to standard output")?
    };
}

/// Measure backups.
#[derive(clap::Args)]
pub struct Args {
    /// Size of the database that is dumped, in megabytes.
    #[arg(long, default_value_t = 750)]
    megabytes: u64,
    /// Size of the database whose backup is verified and restored, in megabytes.
    #[arg(long, default_value_t = 1000)]
    proven_megabytes: u64,
    /// Rounds per program.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Number of random bit flips and truncations.
    #[arg(long, default_value_t = 10_000)]
    damages: usize,
    /// Folder for the output, in a new folder `squall-bench-backups` that is deleted at the end.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

pub fn run(args: &Args) -> Result<()> {
    // One of its own: --folder may name a folder with other files.
    let folder = args.folder.join("squall-bench-backups");
    remove(&folder)?;
    let runtime = tokio::runtime::Runtime::new().context("starting tokio")?;
    let measured = runtime.block_on(measure(args, &folder));
    remove(&folder)?;
    measured
}

async fn measure(args: &Args, folder: &Path) -> Result<()> {
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set. Name an empty database to fill")?;
    let pool = PgPool::connect(&url).await.context("connecting to the database to fill")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let tools = Tools { url, folder: folder.to_owned() };

    fill::prepare(&pool).await?;
    let damages = tools.folder.join("small");
    tools.squall_backup(&["create"], &damages)?;
    let found = damage::found(&damages, args.damages).await?;

    let bytes = fill::until(&pool, args.megabytes).await?;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..args.rounds {
        times[0].push(tools.pg_dump(&["-Fc"])?);
        times[1].push(tools.pg_dump(&["-Fd", "-j2"])?);
        times[2].push(tools.timed(&["create"])?);
    }
    let [gzip, parallel, ours] = times.map(median);
    say!("backup.create    {} MB database, {} rounds, medians", bytes / 1_000_000, args.rounds);
    say!("                 pg_dump -Fc (gzip)   {gzip:7.2} s");
    say!("                 pg_dump -Fd -j2      {parallel:7.2} s   {:.2} ×", parallel / gzip);
    say!("                 squall-backup create {ours:7.2} s   {:.2} ×   goal ≤ 0.25 ×", ours / gzip);
    say!("backup.damage    {found} of {} random flips and truncations found   goal: all", args.damages);

    let bytes = fill::until(&pool, args.proven_megabytes).await?;
    let whole = tools.folder.join("proven");
    let began = Instant::now();
    let parts: Vec<String> = ["create", "verify", "drill"]
        .into_iter()
        .map(|command| {
            let began = Instant::now();
            tools.squall_backup(&[command], &whole)?;
            Ok(format!("{command} {:.1} s", began.elapsed().as_secs_f64()))
        })
        .collect::<Result<_>>()?;
    let took = began.elapsed().as_secs_f64();
    say!("backup.proven    {} MB: {took:.1} s ({})   goal ≤ 10 s", bytes / 1_000_000, parts.join(", "));
    Ok(())
}

struct Tools {
    url: String,
    folder: PathBuf,
}

impl Tools {
    fn pg_dump(&self, arguments: &[&str]) -> Result<f64> {
        let program = postgres::program(postgres::programs_folder().as_deref(), "pg_dump");
        let to = self.folder.join("pg_dump");
        remove(&to)?;
        let mut command = Command::new(program);
        // The password becomes visible on the command line, but the database exists only for the benchmark.
        command.arg("--dbname").arg(&self.url).args(arguments).arg("--file").arg(&to);
        let began = Instant::now();
        succeed(&mut command)?;
        let took = began.elapsed().as_secs_f64();
        remove(&to)?;
        Ok(took)
    }

    fn timed(&self, arguments: &[&str]) -> Result<f64> {
        let to = self.folder.join("ours");
        remove(&to)?;
        let began = Instant::now();
        self.squall_backup(arguments, &to)?;
        let took = began.elapsed().as_secs_f64();
        remove(&to)?;
        Ok(took)
    }

    fn squall_backup(&self, arguments: &[&str], folder: &Path) -> Result<()> {
        let program = env::current_exe().context("finding squall-backup")?.with_file_name("squall-backup");
        let mut command = Command::new(program);
        succeed(command.args(arguments).env("DATABASE_URL", &self.url).env("SQUALL_BACKUP_TO", folder))
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("removing an old dump")
        }
        _ => Ok(()),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
