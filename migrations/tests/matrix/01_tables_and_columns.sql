-- case: a table is added
-- before
create table t (a integer);
-- after
create table t (a integer);
create table "Odd name" (id bigint generated always as identity primary key, "B c" text not null default 'it''s', check ("B c" <> ''));

-- case: a table is dropped, and that was allowed
-- arguments: --allow-loss t
-- before
create table t (a integer);
create table u (a integer);
insert into t values (1);
-- after
create table u (a integer);

-- case: a table is dropped, and nobody allowed it
-- expect: refused --allow-loss 't'
-- before
create table t (a integer);
-- after
create table u (b text);

-- case: two tables that point at each other are dropped
-- arguments: --allow-loss t --allow-loss u
-- before
create table t (id integer primary key, u integer);
create table u (id integer primary key, t integer references t);
alter table t add foreign key (u) references u;
-- after
create table v (a integer);

-- case: a column is added
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b text);

-- case: a column is added in the middle
-- before
create table t (a integer, c integer);
insert into t values (1, 3);
-- after
create table t (a integer, b text, c integer);

-- case: a column with a constant default is added
-- holds: add column b integer not null default 7
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b integer not null default 7);

-- case: a column with a volatile default is added
-- holds: written anew
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b uuid not null default gen_random_uuid());

-- case: a column without a default that must not be null is added
-- expect: refused --backfill 't.b=
-- before
create table t (a integer);
-- after
create table t (a integer, b integer not null);

-- case: a column that must not be null is added, and rows are filled
-- arguments: --backfill t.b=a*2
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b integer not null);

-- case: a column is dropped, and that was allowed
-- arguments: --allow-loss t.b
-- before
create table t (a integer, b text);
insert into t values (1, 'x');
-- after
create table t (a integer);

-- case: a column is dropped, and nobody allowed it
-- expect: refused --allow-loss 't.b'
-- before
create table t (a integer, b text);
-- after
create table t (a integer);

-- case: a column with an index and a constraint is dropped
-- arguments: --allow-loss t.b
-- before
create table t (a integer, b text, unique (a, b));
create index t_b on t (b);
-- after
create table t (a integer);

-- case: a column may not be null any more
-- holds: is not null) not valid
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer not null);

-- case: a column may be null
-- before
create table t (a integer not null);
-- after
create table t (a integer);

-- case: a column gets a default
-- before
create table t (a integer);
-- after
create table t (a integer default 5);

-- case: a default changes
-- before
create table t (a timestamptz default now());
-- after
create table t (a timestamptz default clock_timestamp());

-- case: a default goes
-- before
create table t (a text default 'x');
-- after
create table t (a text);

-- case: storage, compression and statistics of a column change
-- before
create table t (a text, b text, c text);
-- after
create table t (a text storage external, b text compression pglz, c text);
alter table t alter column c set statistics 500;
alter table t alter column c set (n_distinct = 100);

-- case: storage parameters of a table change
-- before
create table t (a integer) with (fillfactor = 90);
-- after
create table t (a integer) with (autovacuum_enabled = false, fillfactor = 70);

-- case: a table becomes unlogged
-- before
create table t (a integer);
insert into t values (1);
-- after
create unlogged table t (a integer);

-- case: the replica identity changes
-- before
create table t (a integer);
-- after
create table t (a integer);
alter table t replica identity full;
