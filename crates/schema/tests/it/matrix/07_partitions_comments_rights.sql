-- case: a partitioned table is added
-- alembic: wrong
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (id bigint generated always as identity, day date not null, primary key (id, day)) partition by range (day);
create table t_2026 partition of t for values from ('2026-01-01') to ('2027-01-01');
create table t_rest partition of t default;
create index t_day on t (day);

-- case: a partition is added
-- alembic: wrong
-- before
create table t (a integer, b text) partition by list (a);
create table t_1 partition of t for values in (1);
insert into t values (1, 'x');
-- after
create table t (a integer, b text) partition by list (a);
create table t_1 partition of t for values in (1);
create table t_2 partition of t for values in (2, 3);

-- case: a partition is dropped without --allow-loss
-- alembic: –
-- expect: refused --allow-loss 't_1'
-- before
create table t (a integer) partition by list (a);
create table t_1 partition of t for values in (1);
-- after
create table t (a integer) partition by list (a);

-- case: a partition takes other values
-- alembic: missed
-- before
create table t (a integer) partition by range (a);
create table t_1 partition of t for values from (1) to (10);
insert into t values (5);
-- after
create table t (a integer) partition by range (a);
create table t_1 partition of t for values from (1) to (100);

-- case: an index of a partitioned table is added
-- alembic: right
-- holds: on only t
-- before
create table t (a integer, b text) partition by list (a);
-- after
create table t (a integer, b text) partition by list (a);
create index t_b on t (b);

-- case: a column of a partitioned table is added
-- alembic: wrong
-- before
create table t (a integer) partition by list (a);
create table t_1 partition of t for values in (1);
insert into t values (1);
-- after
create table t (a integer, b text default 'x') partition by list (a);
create table t_1 partition of t for values in (1);

-- case: a table becomes partitioned
-- alembic: missed
-- expect: refused how it is partitioned
-- before
create table t (a integer);
-- after
create table t (a integer) partition by list (a);

-- case: comments are added, changed and dropped
-- alembic: wrong
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

-- case: privileges on tables, columns, functions, sequences and types
-- alembic: missed
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

-- case: privileges on a new table
-- alembic: wrong
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (a integer, b integer);
grant select on t to pg_read_all_data;
grant update (b) on t to public;

-- case: row security is enabled with policies
-- alembic: missed
-- before
create table t (a integer, who text);
-- after
create table t (a integer, who text);
alter table t enable row level security;
alter table t force row level security;
create policy own on t for select to public using (who = current_user);
create policy add on t as restrictive for insert to pg_read_all_data with check (a > 0);

-- case: a policy changes, another is dropped
-- alembic: missed
-- before
create table t (a integer, who text);
alter table t enable row level security;
create policy own on t using (who = current_user);
create policy other on t using (a > 0);
-- after
create table t (a integer, who text);
alter table t enable row level security;
create policy own on t for select using (who = session_user);

-- case: row security is disabled
-- alembic: missed
-- before
create table t (a integer);
alter table t enable row level security;
alter table t force row level security;
-- after
create table t (a integer);

-- case: a schema of its own is added
-- alembic: missed
-- before
create table t (a integer);
-- after
create table t (a integer);
create schema audit;
create table audit.log (id bigint generated always as identity primary key, t text not null);
create index log_t on audit.log (t);

-- case: a partitioned table gets another partition
-- alembic: wrong
-- holds: partition of
-- before
create table events (day date not null, what text) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events values ('2026-02-03', 'x');
-- after
create table events (day date not null, what text) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01');

-- case: a default partition is added
-- alembic: wrong
-- holds: default
-- before
create table events (kind text not null, what text) partition by list (kind);
create table events_a partition of events for values in ('a');
insert into events values ('a', 'x');
-- after
create table events (kind text not null, what text) partition by list (kind);
create table events_a partition of events for values in ('a');
create table events_rest partition of events default;

-- case: a filled partition is no longer declared, without --allow-loss
-- alembic: wrong
-- expect: refused --allow-loss 'events_2026'
-- before
create table events (day date not null, what text) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events values ('2026-02-03', 'x');
-- after
create table events (day date not null, what text) partition by range (day);

-- case: a table and a column get comments
-- alembic: right
-- holds: comment on
-- before
create table users (id bigint primary key, name text);
comment on column users.name is 'old';
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
comment on table users is 'who it''s about';
comment on column users.name is 'as they sign';

-- case: an index gets a comment
-- alembic: missed
-- holds: comment on index
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name);
comment on index users_name is 'for the list of people';

-- case: a type gets a comment
-- alembic: missed
-- holds: comment on type
-- before
create type mood as enum ('sad', 'ok');
-- after
create type mood as enum ('sad', 'ok');
comment on type mood is 'how one feels';

-- case: a function gets a comment
-- alembic: missed
-- holds: comment on function
-- before
create function one() returns integer language sql as $$ select 1 $$;
-- after
create function one() returns integer language sql as $$ select 1 $$;
comment on function one() is 'always one';

-- case: the comment on a table is dropped
-- alembic: right
-- holds: is null
-- before
create table users (id bigint primary key);
comment on table users is 'old';
-- after
create table users (id bigint primary key);

-- case: everyone may read a table
-- alembic: missed
-- holds: grant
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
grant select on users to public;

-- case: another role may update one column
-- alembic: missed
-- holds: grant
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
grant update (name) on users to pg_read_all_data;

-- case: only one role may call a function
-- alembic: missed
-- holds: revoke
-- before
create function one() returns integer language sql as $$ select 1 $$;
-- after
create function one() returns integer language sql as $$ select 1 $$;
revoke execute on function one() from public;
grant execute on function one() to pg_read_all_data;

-- case: a privilege on a table is revoked
-- alembic: missed
-- holds: revoke
-- before
create table users (id bigint primary key);
grant select, insert on users to pg_read_all_data;
-- after
create table users (id bigint primary key);
grant select on users to pg_read_all_data;

-- case: row security is enabled with a policy
-- alembic: missed
-- holds: enable row level security
-- holds: create policy
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);

-- case: row security is forced for the owner
-- alembic: missed
-- holds: force row level security
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
alter table users force row level security;

-- case: the condition of a policy changes
-- alembic: missed
-- holds: policy
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = session_user);

-- case: a policy is dropped
-- alembic: missed
-- holds: drop policy
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
