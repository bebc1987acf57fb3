-- case: a partitioned table is added
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (id bigint generated always as identity, day date not null, primary key (id, day)) partition by range (day);
create table t_2026 partition of t for values from ('2026-01-01') to ('2027-01-01');
create table t_rest partition of t default;
create index t_day on t (day);

-- case: a partition is added
-- before
create table t (a integer, b text) partition by list (a);
create table t_1 partition of t for values in (1);
insert into t values (1, 'x');
-- after
create table t (a integer, b text) partition by list (a);
create table t_1 partition of t for values in (1);
create table t_2 partition of t for values in (2, 3);

-- case: a partition goes, and nobody allowed it
-- expect: refused --allow-loss 't_1'
-- before
create table t (a integer) partition by list (a);
create table t_1 partition of t for values in (1);
-- after
create table t (a integer) partition by list (a);

-- case: a partition takes other values
-- before
create table t (a integer) partition by range (a);
create table t_1 partition of t for values from (1) to (10);
insert into t values (5);
-- after
create table t (a integer) partition by range (a);
create table t_1 partition of t for values from (1) to (100);

-- case: an index of a partitioned table is added
-- holds: on only t
-- before
create table t (a integer, b text) partition by list (a);
-- after
create table t (a integer, b text) partition by list (a);
create index t_b on t (b);

-- case: a column of a partitioned table is added
-- before
create table t (a integer) partition by list (a);
create table t_1 partition of t for values in (1);
insert into t values (1);
-- after
create table t (a integer, b text default 'x') partition by list (a);
create table t_1 partition of t for values in (1);

-- case: a table becomes partitioned
-- expect: refused how it is partitioned
-- before
create table t (a integer);
-- after
create table t (a integer) partition by list (a);

-- case: comments are added, changed and taken away
-- before
create type e as enum ('a');
create function f() returns integer language sql as 'select 1';
create table t (a integer, b integer, constraint positive check (a > 0));
create index t_a on t (a);
comment on column t.b is 'old';
comment on table t is 'old';
-- after
create type e as enum ('a');
create function f() returns integer language sql as 'select 1';
create table t (a integer, b integer, constraint positive check (a > 0));
create index t_a on t (a);
comment on type e is 'a type';
comment on function f() is 'a function';
comment on table t is 'it''s new';
comment on column t.a is 'a column';
comment on constraint positive on t is 'a check';
comment on index t_a is 'an index';

-- case: rights on tables, columns, functions, sequences and types
-- before
create table t (a integer, b integer);
create sequence s;
create type e as enum ('a');
create function f() returns integer language sql as 'select 1';
grant select on t to public;
-- after
create table t (a integer, b integer);
create sequence s;
create type e as enum ('a');
create function f() returns integer language sql as 'select 1';
grant insert, update on t to pg_read_all_data with grant option;
grant select (b) on t to public;
grant usage on sequence s to pg_read_all_data;
revoke execute on function f() from public;
grant execute on function f() to pg_read_all_data;
revoke usage on type e from public;

-- case: rights on a new table
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (a integer, b integer);
grant select on t to pg_read_all_data;
grant update (b) on t to public;

-- case: row security is switched on with policies
-- before
create table t (a integer, who text);
-- after
create table t (a integer, who text);
alter table t enable row level security;
alter table t force row level security;
create policy own on t for select to public using (who = current_user);
create policy add on t as restrictive for insert to pg_read_all_data with check (a > 0);

-- case: a policy changes, another goes
-- before
create table t (a integer, who text);
alter table t enable row level security;
create policy own on t using (who = current_user);
create policy other on t using (a > 0);
-- after
create table t (a integer, who text);
alter table t enable row level security;
create policy own on t for select using (who = session_user);

-- case: row security is switched off
-- before
create table t (a integer);
alter table t enable row level security;
alter table t force row level security;
-- after
create table t (a integer);

-- case: a schema of its own is added
-- before
create table t (a integer);
-- after
create table t (a integer);
create schema audit;
create table audit.log (id bigint generated always as identity primary key, t text not null);
create index log_t on audit.log (t);
