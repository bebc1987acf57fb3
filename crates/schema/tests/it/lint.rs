//! The linter's findings, case by case.

use squall_schema::{
    lint::{Finding, MigrationFile, OWN_RULES, lint},
    script::Script,
};

/// The first migration of these tests, on an empty database.
const FIRST: &str = "
create domain level as smallint check (value between 0 and 5);
create table users (id bigint primary key, name text, email text constraint users_email check (email <> ''));
create table events (id bigint, at timestamptz not null, message text) partition by range (at);
create index users_name on users (name);
create index events_at on events (at);
";

/// Lints files that follow the first one, and returns `file:line rule` per finding.
fn found(files: &[&str]) -> Vec<String> {
    findings(files).iter().map(|it| format!("{}:{} {}", it.file, it.line, it.rule)).collect()
}

fn findings(files: &[&str]) -> Vec<Finding> {
    let names: Vec<_> = (2..).map(|number: usize| number.to_string()).take(files.len()).collect();
    let first = MigrationFile { name: "1", sql: FIRST };
    let rest = names.iter().zip(files).map(|(name, sql)| MigrationFile { name, sql });
    lint(&std::iter::once(first).chain(rest).collect::<Vec<_>>(), 1)
}

/// A transactional file with its lock timeout on line 1 and the statements from line 2 on.
fn bounded(statements: &str) -> String {
    format!("set local lock_timeout = '3s';\n{statements}")
}

/// Checks the findings in one bounded file.
#[track_caller]
fn check(table: &[(&str, &[&str])]) {
    for (statements, expected) in table {
        assert_eq!(found(&[&bounded(statements)]), *expected, "{statements}");
    }
}

/// Checks the findings in files as they are.
#[track_caller]
fn check_files(table: &[(&[&str], &[&str])]) {
    for (files, expected) in table {
        assert_eq!(found(files), *expected, "{files:#?}");
    }
}

#[test]
fn the_migrations_of_this_version_are_clean() {
    let scripts = Script::embedded();
    let files: Vec<_> = scripts.iter().map(|it| MigrationFile { name: &it.file, sql: &it.sql }).collect();
    assert_eq!(lint(&files, 1), []);
}

#[test]
fn a_syntax_error_is_a_finding_even_in_an_exempt_file() {
    let broken = MigrationFile { name: "1", sql: "create table users (\n  id bigint,,\n);" };
    let rules: Vec<_> = lint(&[broken], 1).into_iter().map(|it| it.rule).collect();
    assert_eq!(rules.first().map(String::as_str), Some("squall-syntax"));
    check(&[
        ("create table t (id bigint);", &[]),
        ("drop tabel x;", &["2:2 squall-syntax"]),
        ("-- lint: allow squall-syntax because PostgreSQL 30 knows tabels.\ndrop tabel x;", &[]),
    ]);
}

#[test]
fn an_index_of_a_table_in_use_is_built_concurrently() {
    check(&[
        ("create index a on users (email);", &["2:2 squall-index-online"]),
        ("create index a on public.\"users\" (email);", &["2:2 squall-index-online"]),
        ("create unique index a on users (email);", &["2:2 squall-index-online"]),
        ("create index a on only users (email);", &["2:2 squall-index-online"]),
        (
            "alter table users add constraint a exclude using gist (name with =);",
            &["2:2 squall-index-online"],
        ),
        // No one uses a new table yet.
        ("create table teams (id bigint);\ncreate index a on teams (id);\ndrop index a;", &[]),
        ("create materialized view names as select name from users;\ncreate index a on names (name);", &[]),
        (
            "create table if not exists users (id bigint);\ncreate index a on users (id);",
            &["2:3 squall-index-online"],
        ),
    ]);
    check_files(&[(&["-- no-transaction\ncreate index concurrently a on users (email);"], &[])]);
}

#[test]
fn an_index_of_a_partitioned_table_is_declared_on_the_parent_only() {
    check(&[
        ("create index a on only events (id);", &[]),
        ("create index a on events (id);", &["2:2 squall-index-online"]),
        ("drop index events_at;", &[]),
        ("alter index events_at attach partition events_20260101_at_idx;", &[]),
    ]);
    check_files(&[(
        &["-- no-transaction\ncreate index concurrently a on events (id);"],
        &["2:2 squall-index-online"],
    )]);
}

#[test]
fn an_index_of_a_table_in_use_is_dropped_concurrently_or_exchanged() {
    check(&[
        ("drop index users_name;", &["2:2 squall-index-online"]),
        ("drop index users_name;\nalter index users_name_new rename to users_name;", &[]),
    ]);
    check_files(&[(&["-- no-transaction\ndrop index concurrently users_name;"], &[])]);
}

#[test]
fn a_concurrent_statement_is_alone_in_a_file_without_a_transaction() {
    check(&[
        ("create index concurrently a on users (email);", &["2:2 squall-concurrent-alone"]),
        ("drop index concurrently users_name;", &["2:2 squall-concurrent-alone"]),
        ("reindex index concurrently users_name;", &["2:2 squall-concurrent-alone"]),
        (
            "alter table events detach partition events_20260101 concurrently;",
            &["2:2 squall-concurrent-alone"],
        ),
    ]);
    check_files(&[
        (
            &[
                "-- no-transaction\ncreate index concurrently a on users (email);\ncreate index concurrently b on users (id);",
            ],
            &["2:2 squall-concurrent-alone", "2:3 squall-concurrent-alone"],
        ),
        // sqlx reads the first line only.
        (
            &["-- An index.\n-- no-transaction\ncreate index concurrently a on users (email);"],
            &["2:3 squall-concurrent-alone", "2:3 squall-lock-timeout"],
        ),
        (&["-- no-transaction\n-- An index.\ncreate index concurrently a on users (email);;\n"], &[]),
        (&["-- no-transaction\nreindex index concurrently users_name;"], &[]),
    ]);
}

#[test]
fn set_not_null_relies_on_a_check_validated_by_an_earlier_file() {
    let add = bounded("alter table users add constraint proof check (name is not null) not valid;");
    let validate = bounded("alter table users validate constraint proof;");
    let set = bounded(
        "alter table users alter column name set not null;\nalter table users drop constraint proof;",
    );
    check_files(&[
        (&[&add, &validate, &set], &[]),
        (&[&set], &["2:2 squall-not-null-steps", "2:3 ban-drop-constraint"]),
        (&[&add, &set], &["3:2 squall-not-null-steps"]),
        (
            &[&add, &bounded("alter table users drop constraint proof;"), &set],
            &["4:2 squall-not-null-steps", "4:3 ban-drop-constraint"],
        ),
        (
            &[&add, &validate, &bounded("alter table users alter column email set not null;")],
            &["4:2 squall-not-null-steps"],
        ),
        // In one file the check would hold its lock while it is validated.
        (
            &[
                &add,
                &bounded(
                    "alter table users validate constraint proof;\nalter table users alter name set not null;",
                ),
            ],
            &["3:3 squall-not-null-steps"],
        ),
        (&[&bounded("create table teams (id bigint);\nalter table teams alter id set not null;")], &[]),
    ]);
    check(&[
        ("alter table users add constraint n not null name;", &["2:2 squall-not-null-steps"]),
        ("alter table users alter column name drop not null;", &["2:2 ban-drop-not-null"]),
    ]);
}

#[test]
fn a_transaction_sets_a_lock_timeout_before_the_first_schema_change() {
    let create = "create table t (id bigint);";
    let late = format!("{create}\nset lock_timeout = '3s';");
    let after_rows =
        format!("update users set name = '' where id = 1;\nset lock_timeout to '500ms';\n{create}");
    check_files(&[
        (&[create], &["2:1 squall-lock-timeout"]),
        (&[&late], &["2:1 squall-lock-timeout"]),
        (&["set local statement_timeout = '3s';\ncreate table t (id bigint);"], &["2:2 squall-lock-timeout"]),
        (&["set local lock_timeout = 0;\ncreate table t (id bigint);"], &["2:2 squall-lock-timeout"]),
        (&["set local lock_timeout = default;\ncreate table t (id bigint);"], &["2:2 squall-lock-timeout"]),
        (&[&after_rows], &[]),
        (&["set local lock_timeout = '0.5s';\ncreate table t (id bigint);"], &[]),
        (&["update users set name = '';"], &[]),
        // It only waits for the index that it builds.
        (&["-- no-transaction\ncreate index concurrently a on users (email);"], &[]),
    ]);
}

#[test]
fn a_rewrite_of_events_is_a_finding() {
    const REWRITE: &[&str] = &["2:2 squall-events-rewrite"];
    check(&[
        ("alter table events alter column id type text;", REWRITE),
        ("alter table events_20260101 alter column id type text;", REWRITE),
        ("alter table only events alter id set data type text;", REWRITE),
        ("alter table events add column token uuid default gen_random_uuid();", REWRITE),
        ("alter table events add column day date generated always as (at::date) stored;", REWRITE),
        ("alter table events add column number bigserial;", REWRITE),
        ("alter table events add column number bigint generated always as identity;", REWRITE),
        ("alter table events add column level level;", REWRITE),
        ("alter table events set unlogged;", REWRITE),
        ("alter table events set logged;", REWRITE),
        ("alter table events_20260101 set tablespace slow;", REWRITE),
        ("cluster events using events_at;", REWRITE),
        ("cluster;", REWRITE),
        ("alter table events add column host text;", &[]),
        ("alter table events add column size integer default 0;", &[]),
        ("alter table events add column seen timestamptz default now();", &[]),
        ("alter table events add column day text generated always as (message) virtual;", &[]),
        ("create table events_20260102 partition of events default;", &[]),
    ]);
    check_files(&[
        (&["-- no-transaction\nvacuum full events;"], &["2:2 squall-events-rewrite"]),
        (&["-- no-transaction\nvacuum (full, analyze) events;"], &["2:2 squall-events-rewrite"]),
        (&["-- no-transaction\nvacuum full;"], &["2:2 squall-events-rewrite"]),
        (&["-- no-transaction\nvacuum events;"], &[]),
        (
            &[
                &bounded(
                    "alter table events rename to past; -- lint: allow renaming-table because nobody reads it.",
                ),
                &bounded("create index a on only past (id);\nalter table past alter id type text;"),
            ],
            &["3:3 squall-events-rewrite"],
        ),
        (
            &[
                &bounded("create table old_events partition of events default;"),
                &bounded("alter table old_events set unlogged;"),
            ],
            &["3:2 squall-events-rewrite"],
        ),
    ]);
}

#[test]
fn a_rewrite_of_another_table_needs_an_exception() {
    check(&[
        ("alter table users alter column name type bytea using name::bytea;", &["2:2 changing-column-type"]),
        (
            "alter table users add column token uuid default gen_random_uuid();",
            &["2:2 adding-field-with-default"],
        ),
        ("alter table users set unlogged;", &[]),
        (
            "alter table users add column token uuid default (gen_random_uuid())::uuid;",
            &["2:2 adding-field-with-default"],
        ),
        (
            "alter table users add column n bigint generated by default as identity;",
            &["2:2 adding-field-with-default"],
        ),
        (
            "alter table users add column n integer generated always as (id + 1) stored;",
            &["2:2 adding-field-with-default"],
        ),
        ("alter table users add column n integer generated always as (abs(id));", &[]),
        ("alter table users add column token uuid;", &[]),
        ("alter table users add column n bigint default -1 not null;", &[]),
        ("alter table users add column n numeric default (1)::numeric not null;", &[]),
        ("alter table users add column day date default CURRENT_DATE;", &[]),
        ("alter table users add column at timestamptz default (now() + '1 day'::interval);", &[]),
        ("alter table users add column upper text generated always as (upper(name)) virtual;", &[]),
    ]);
}

#[test]
fn a_constraint_is_added_first_and_validated_by_a_later_file() {
    let key = bounded("alter table users add constraint u foreign key (id) references teams not valid;");
    let check_ = bounded("alter table users add constraint u check (id > 0) not valid;");
    let validate = bounded("alter table users validate constraint u;");
    let changed = bounded(
        "alter table users drop constraint users_email;\nalter table users add constraint users_email check (email > 'a') not valid;",
    );
    check_files(&[
        (&[&key, &validate], &[]),
        (&[&check_, &validate], &[]),
        (&[&key, &bounded("drop table users;")], &["3:2 ban-drop-table"]),
        (&[&key], &["2:2 squall-constraint-not-valid"]),
        (
            &[&check_, &bounded("alter table users validate constraint other;")],
            &["2:2 squall-constraint-not-valid"],
        ),
        (&[&changed, &bounded("alter table users validate constraint users_email;")], &[]),
    ]);
    check(&[
        (
            "alter table users add constraint u foreign key (id) references teams;",
            &["2:2 squall-constraint-not-valid"],
        ),
        ("alter table users add check (id > 0);", &["2:2 squall-constraint-not-valid"]),
        (
            "alter table users add constraint u check (id > 0) not valid;\nalter table users validate constraint u;",
            &["2:2 squall-constraint-not-valid"],
        ),
        ("alter table users add column age integer check (age > 0);", &["2:2 squall-constraint-not-valid"]),
        (
            "alter table users add column team bigint default 1 references teams;",
            &["2:2 squall-constraint-not-valid"],
        ),
        ("alter table users add column team bigint references teams;", &[]),
        ("create table t (id bigint);\nalter table t add constraint u check (id > 0);", &[]),
    ]);
}

#[test]
fn a_unique_constraint_uses_an_existing_index() {
    check(&[
        ("alter table users add constraint u unique (email);", &["2:2 disallowed-unique-constraint"]),
        ("alter table users add primary key (email);", &["2:2 adding-serial-primary-key-field"]),
        ("alter table users add constraint u unique using index users_name;", &[]),
    ]);
}

#[test]
fn a_new_not_null_column_needs_a_default() {
    check(&[
        ("alter table users add column age integer not null;", &["2:2 adding-required-field"]),
        ("alter table users add column age integer not null default 0;", &[]),
        ("create table t (id bigint);\nalter table t add column age integer not null;", &[]),
    ]);
}

#[test]
fn a_change_that_breaks_the_last_release_is_a_finding() {
    check(&[
        ("drop table users;", &["2:2 ban-drop-table"]),
        ("alter table users drop column name;", &["2:2 ban-drop-column"]),
        ("alter table users rename column name to full_name;", &["2:2 renaming-column"]),
        ("alter table users rename to people;", &["2:2 renaming-table"]),
        ("alter table users rename constraint users_pkey to users_key;", &["2:2 renaming-object"]),
        ("alter table users drop constraint users_pkey;", &["2:2 ban-drop-constraint"]),
        ("alter table users drop constraint users_email;", &[]),
        (
            "alter table users\n  drop constraint users_pkey,\n  drop constraint if exists users_email;",
            &["2:3 ban-drop-constraint"],
        ),
        ("alter index users_name rename to users_by_name;", &[]),
        (
            "alter table users rename constraint users_name_not_null to name;\nalter table users alter name set not null;",
            &["2:3 squall-not-null-steps"],
        ),
    ]);
}

#[test]
fn a_domain_is_created_freely_and_changed_in_steps() {
    check(&[
        ("create domain port as integer check (value > 0);", &[]),
        (
            "alter domain level add constraint low check (value < 9);",
            &["2:2 ban-alter-domain-with-add-constraint"],
        ),
        ("alter domain level add constraint low check (value < 9) not valid;", &[]),
    ]);
}

#[test]
fn matters_of_taste_are_not_findings() {
    check(&[(
        "create table t (id integer, small smallint, primary key (id));\nalter type kind add value 'other';",
        &[],
    )]);
}

#[test]
fn a_type_that_postgresql_advises_against_is_a_finding_in_a_new_table_as_well() {
    check(&[
        ("create table t (id bigint, name varchar(20));", &["2:2 prefer-text-field"]),
        ("create table t (id bigint, at timestamp);", &["2:2 prefer-timestamp-tz"]),
        ("create table t (id bigserial);", &["2:2 prefer-identity"]),
    ]);
}

#[test]
fn a_nested_transaction_is_a_finding() {
    assert_eq!(
        found(&[&bounded("begin;\nalter table users add column age integer;\ncommit;")]),
        ["2:2 transaction-nesting", "2:4 transaction-nesting"]
    );
}

#[test]
fn an_exception_with_a_reason_suppresses_one_finding() {
    check(&[
        ("-- lint: allow ban-drop-table because the last release does not read it.\ndrop table users;", &[]),
        ("drop table users; -- lint: allow ban-drop-table because the last release does not read it.", &[]),
        (
            "-- Note: data goes.\n-- lint: allow ban-drop-table because it is empty.\n-- Note: for good.\ndrop table users;",
            &[],
        ),
        (
            "-- lint: allow ban-drop-column because nobody reads it.\n-- lint: allow renaming-column because nobody reads it.\n\
             alter table users drop column name;",
            &["2:3 squall-exception"],
        ),
        (
            "alter table users\n  -- lint: allow ban-drop-column because nobody reads it.\n  drop column name;",
            &[],
        ),
        (
            "-- lint: allow squall-index-online because the table has ten rows.\ncreate index a on users (email);",
            &[],
        ),
    ]);
}

#[test]
fn an_exception_covers_the_next_statement_only() {
    check(&[
        (
            "-- lint: allow ban-drop-table because it is empty.\ndrop table users;\ndrop table teams;",
            &["2:4 ban-drop-table"],
        ),
        (
            "-- lint: allow ban-drop-table because it is empty.\n\ndrop table users;",
            &["2:2 squall-exception", "2:4 ban-drop-table"],
        ),
    ]);
}

#[test]
fn an_exception_has_a_reason_a_known_rule_and_something_to_allow() {
    const BOTH: &[&str] = &["2:2 squall-exception", "2:3 ban-drop-table"];
    check(&[
        ("-- lint: allow ban-drop-table\ndrop table users;", BOTH),
        ("-- lint: allow ban-drop-table because\ndrop table users;", BOTH),
        ("-- lint: allow ban-drop-table it is empty\ndrop table users;", BOTH),
        ("-- lint: allow drop-table because it is empty.\ndrop table users;", BOTH),
        ("-- lint: allow prefer-robust-stmts because it is empty.\ndrop table users;", BOTH),
        ("-- lint: ignore ban-drop-table because it is empty.\ndrop table users;", BOTH),
        ("-- squawk-ignore ban-drop-table\ndrop table users;", BOTH),
        ("-- squawk-ignore-file\ndrop table users;", BOTH),
        (
            "-- lint: allow ban-drop-table because it is empty.\ncreate table t (id bigint);",
            &["2:2 squall-exception"],
        ),
        ("-- lint: allow ban-drop-table because it is empty.", &["2:2 squall-exception"]),
        ("-- lint: allow squall-exception because why not.\ndrop table users;", BOTH),
    ]);
}

#[test]
fn every_finding_has_a_message_and_help() {
    let all = findings(&[
        "drop table users;\ncreate index a on users (id);\nalter table users alter name set not null;\n-- lint: allow x\nselect 1;",
        &bounded("alter table users add check (id > 0);\nalter table events set unlogged;"),
        "create index concurrently a on users (id",
    ]);
    for rule in OWN_RULES {
        assert!(all.iter().any(|it| it.rule == rule), "nothing found for {rule}: {all:#?}");
    }
    for finding in all {
        assert!(finding.message.len() > 10 && finding.help.len() > 10, "{finding:?}");
    }
}
