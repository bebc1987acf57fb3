//! Each case of `matrix/` is one kind of change: the schema before, the declared one, and the expected result.

use sqlx::PgPool;
use squall_schema::{
    generate::{Request, Server, Sources, generate},
    script::Script,
};
use std::{fs, path::Path};

/// One kind of change.
struct Case {
    what: String,
    /// Alembic's result: `right`, `wrong` or `missed`.
    alembic: String,
    arguments: Vec<(String, String)>,
    expect: String,
    holds: Vec<String>,
    before: String,
    after: String,
}

pub const TABLES_AND_COLUMNS: &str = include_str!("matrix/01_tables_and_columns.sql");
pub const TYPES: &str = include_str!("matrix/02_types.sql");
pub const GENERATED_AND_SEQUENCES: &str = include_str!("matrix/03_generated_and_sequences.sql");
pub const CONSTRAINTS: &str = include_str!("matrix/04_constraints.sql");
pub const INDEXES: &str = include_str!("matrix/05_indexes.sql");
pub const ROUTINES_AND_VIEWS: &str = include_str!("matrix/06_routines_and_views.sql");
pub const PARTITIONS_COMMENTS_RIGHTS: &str = include_str!("matrix/07_partitions_comments_rights.sql");
pub const RENAMES_AND_UNSUPPORTED: &str = include_str!("matrix/08_renames_and_unsupported.sql");

const FILES: [&str; 8] = [
    TABLES_AND_COLUMNS,
    TYPES,
    GENERATED_AND_SEQUENCES,
    CONSTRAINTS,
    INDEXES,
    ROUTINES_AND_VIEWS,
    PARTITIONS_COMMENTS_RIGHTS,
    RENAMES_AND_UNSUPPORTED,
];

/// Each case is generated and verified, or refused for the reason it names.
pub async fn check(text: &str, pool: &PgPool) {
    let options = pool.connect_options();
    let password = std::env::var("DATABASE_URL").ok().and_then(|url| squall_base::secrets::password_of(&url));
    let server = Server { options: &options, password: password.as_deref() };
    let cases: Vec<Case> = text.split("-- case: ").skip(1).map(case).collect();
    let mut wrong = Vec::new();
    for case in &cases {
        let given = |flag: &str| -> Vec<String> {
            case.arguments.iter().filter(|(name, _)| name == flag).map(|(_, value)| value.clone()).collect()
        };
        let request =
            Request::parse("change", &given("--rename"), &given("--allow-loss"), &given("--backfill"))
                .unwrap();
        let before = [Script { file: "0001_before.sql".into(), sql: case.before.clone() }];
        let sources = Sources { migrations: &before, declared: &case.after };
        if let Err(reason) = judge(case, generate(server, &sources, &request).await) {
            wrong.push(format!("{}: {reason}", case.what));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

fn judge(case: &Case, outcome: anyhow::Result<Vec<Script>>) -> Result<(), String> {
    match (case.expect.strip_prefix("refused"), outcome) {
        (Some(reason), Err(error)) => {
            let message = format!("{error:#}");
            if message.to_lowercase().contains(&reason.trim().to_lowercase()) {
                Ok(())
            } else {
                Err(format!("refused, but not for {reason}: {message}"))
            }
        }
        (Some(_), Ok(scripts)) => Err(format!("not refused: {}", text(&scripts))),
        (None, Err(error)) => Err(format!("refused: {error:#}")),
        (None, Ok(scripts)) if scripts.is_empty() => Err("nothing was generated".into()),
        (None, Ok(scripts)) => {
            let sql = text(&scripts).to_lowercase();
            let missing: Vec<_> = case.holds.iter().filter(|part| !sql.contains(part.as_str())).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("without {missing:?}: {sql}")) }
        }
    }
}

fn text(scripts: &[Script]) -> String {
    scripts.iter().map(|script| script.sql.as_str()).collect()
}

fn case(text: &str) -> Case {
    let (head, rest) = text.split_once("-- before\n").unwrap();
    let (before, after) = rest.split_once("-- after\n").unwrap();
    let values = |name: &str| -> Vec<String> {
        let lines = head.lines().filter_map(|line| line.strip_prefix(&format!("-- {name}: ")));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    Case {
        what: head.lines().next().unwrap().to_owned(),
        alembic: values("alembic").concat(),
        arguments: split(&values("arguments").join(" ")),
        expect: values("expect").concat(),
        holds: values("holds").iter().map(|part| part.to_lowercase()).collect(),
        before: before.to_owned(),
        after: after.to_owned(),
    }
}

/// `--flag value --flag 'quoted value'`.
fn split(arguments: &str) -> Vec<(String, String)> {
    let pieces = arguments.split("--").filter(|piece| !piece.trim().is_empty());
    pieces
        .map(|piece| {
            let (flag, value) = piece.trim().split_once(' ').unwrap();
            let quoted = value.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
            (format!("--{flag}"), quoted.unwrap_or(value.trim()).to_owned())
        })
        .collect()
}

/// The matrix in the documentation is this one; `UPDATE=1` writes it.
#[test]
fn the_published_matrix_is_the_tested_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/migration-matrix.md");
    let text = fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let expected = format!("{head}{BEGIN}{}{END}{tail}", published());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&page).unwrap(),
        expected,
        "run this test with UPDATE=1 and review docs/reference/migration-matrix.md"
    );
}

const BEGIN: &str = "<!-- matrix: written by a test -->\n";
const END: &str = "<!-- end of the matrix -->\n";

fn published() -> String {
    let cases: Vec<Case> = FILES.iter().flat_map(|text| text.split("-- case: ").skip(1).map(case)).collect();
    let refused = cases.iter().filter(|case| case.expect.starts_with("refused")).count();
    let alembic = |result: &str| cases.iter().filter(|case| case.alembic == result).count();
    let mut table = format!(
        "\n| {} kinds of change | right | refused with a reason | wrong | silently missed |\n| --- | --- | --- | --- | --- |\n\
         | `migrate generate` | {} | {refused} | 0 | 0 |\n| Alembic 1.20.1 autogenerate | {} | | {} | {} |\n\n\
         | change | `migrate generate` | Alembic |\n| --- | --- | --- |\n",
        cases.len(),
        cases.len() - refused,
        alembic("right"),
        alembic("wrong"),
        alembic("missed"),
    );
    for case in &cases {
        let ours = if case.expect.starts_with("refused") { "refused" } else { "right" };
        table += &format!("| {} | {ours} | {} |\n", case.what, case.alembic);
    }
    table + "\n"
}
