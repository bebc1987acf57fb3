-- case: a table is added
-- alembic: right
-- before
create table t (a integer);
-- after
create table t (a integer);
create table "Odd name" (id bigint generated always as identity primary key, "B c" text not null default 'it''s', check ("B c" <> ''));

-- case: a table is dropped with --allow-loss
-- alembic: right
-- arguments: --allow-loss t
-- before
create table t (a integer);
create table u (a integer);
insert into t values (1);
-- after
create table u (a integer);

-- case: a table is dropped without --allow-loss
-- alembic: –
-- expect: refused --allow-loss 't'
-- before
create table t (a integer);
-- after
create table u (b text);

-- case: two tables that reference each other are dropped
-- alembic: wrong
-- arguments: --allow-loss t --allow-loss u
-- before
create table t (id integer primary key, u integer);
create table u (id integer primary key, t integer references t);
alter table t add foreign key (u) references u;
-- after
create table v (a integer);

-- case: a column is added
-- alembic: right
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b text);

-- case: a column is added in the middle
-- alembic: right
-- before
create table t (a integer, c integer);
insert into t values (1, 3);
-- after
create table t (a integer, b text, c integer);

-- case: a column with a constant default is added
-- alembic: right
-- holds: add column b integer not null default 7
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b integer not null default 7);

-- case: a column with a volatile default is added
-- alembic: right
-- holds: rewrites
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b uuid not null default gen_random_uuid());

-- case: a column without a default that is not null is added
-- alembic: –
-- expect: refused --backfill 't.b=
-- before
create table t (a integer);
-- after
create table t (a integer, b integer not null);

-- case: a column that is not null is added, and existing rows are filled
-- alembic: wrong
-- arguments: --backfill t.b=a*2
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer, b integer not null);

-- case: a column is dropped with --allow-loss
-- alembic: right
-- arguments: --allow-loss t.b
-- before
create table t (a integer, b text);
insert into t values (1, 'x');
-- after
create table t (a integer);

-- case: a column is dropped without --allow-loss
-- alembic: –
-- expect: refused --allow-loss 't.b'
-- before
create table t (a integer, b text);
-- after
create table t (a integer);

-- case: a column with an index and a constraint is dropped
-- alembic: right
-- arguments: --allow-loss t.b
-- before
create table t (a integer, b text, unique (a, b));
create index t_b on t (b);
-- after
create table t (a integer);

-- case: a column becomes not null
-- alembic: right
-- holds: is not null) not valid
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer not null);

-- case: a column becomes nullable
-- alembic: right
-- before
create table t (a integer not null);
-- after
create table t (a integer);

-- case: a column gets a default
-- alembic: right
-- before
create table t (a integer);
-- after
create table t (a integer default 5);

-- case: a default changes
-- alembic: right
-- before
create table t (a timestamptz default now());
-- after
create table t (a timestamptz default clock_timestamp());

-- case: a default is dropped
-- alembic: right
-- before
create table t (a text default 'x');
-- after
create table t (a text);

-- case: storage, compression and statistics of a column change
-- alembic: missed
-- before
create table t (a text, b text, c text);
-- after
create table t (a text storage external, b text compression pglz, c text);
alter table t alter column c set statistics 500;
alter table t alter column c set (n_distinct = 100);

-- case: storage parameters of a table change
-- alembic: missed
-- before
create table t (a integer) with (fillfactor = 90);
-- after
create table t (a integer) with (autovacuum_enabled = false, fillfactor = 70);

-- case: a table becomes unlogged
-- alembic: missed
-- before
create table t (a integer);
insert into t values (1);
-- after
create unlogged table t (a integer);

-- case: the replica identity changes
-- alembic: missed
-- before
create table t (a integer);
-- after
create table t (a integer);
alter table t replica identity full;

-- case: a table that references a filled one is created
-- alembic: right
-- holds: create table
-- before
create table users (id bigint primary key, name text not null);
insert into users values (1, 'ann'), (2, 'bob');
-- after
create table users (id bigint primary key, name text not null);
create table notes (id bigint generated always as identity primary key, user_id bigint not null references users (id), body text not null default '');
create index notes_user on notes (user_id);

-- case: a filled table is dropped with --allow-loss
-- alembic: right
-- arguments: --allow-loss notes
-- holds: drop table
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);

-- case: a filled table is dropped without --allow-loss
-- alembic: wrong
-- expect: refused --allow-loss 'notes'
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, body text);
insert into notes values (1, 'kept');
-- after
create table users (id bigint primary key);

-- case: a nullable column is added
-- alembic: right
-- holds: add column nickname text
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, nickname text);

-- case: a column with a constant default is added, without a rewrite
-- alembic: right
-- holds: add column active boolean not null default true
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, active boolean not null default true);

-- case: a column whose default differs for every row is added
-- alembic: right
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, token uuid not null default gen_random_uuid());

-- case: a column is declared between two others
-- alembic: right
-- before
create table users (id bigint primary key, born date);
insert into users values (1, '2001-02-03');
-- after
create table users (id bigint primary key, name text, born date);

-- case: a column is dropped together with its column of a view
-- alembic: wrong
-- arguments: --allow-loss users.name
-- before
create table users (id bigint primary key, name text, born date);
create view people as select id, name, born from users;
insert into users values (1, 'ann', '2001-02-03');
-- after
create table users (id bigint primary key, born date);
create view people as select id, born from users;

-- case: a column with nulls in it becomes not null, and the nulls are filled
-- alembic: wrong
-- arguments: --backfill users.name='nobody'
-- holds: 'nobody'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann'), (2, null);
-- after
create table users (id bigint primary key, name text not null);

-- case: a column that is not null is added, and existing rows are filled
-- alembic: wrong
-- arguments: --backfill users.shout=upper(name)
-- holds: upper(name)
-- before
create table users (id bigint primary key, name text not null);
insert into users values (1, 'ann'), (2, 'bob');
-- after
create table users (id bigint primary key, name text not null, shout text not null);

-- case: the storage of a column changes
-- alembic: missed
-- holds: set storage external
-- before
create table docs (id bigint primary key, body text);
insert into docs values (1, 'x');
-- after
create table docs (id bigint primary key, body text storage external);

-- case: the compression of a column changes
-- alembic: missed
-- holds: set compression
-- before
create table docs (id bigint primary key, body text);
insert into docs values (1, 'x');
-- after
create table docs (id bigint primary key, body text compression pglz);

-- case: the statistics target of a column changes
-- alembic: missed
-- holds: set statistics 500
-- before
create table docs (id bigint primary key, body text);
-- after
create table docs (id bigint primary key, body text);
alter table docs alter column body set statistics 500;

-- case: a constant default changes; existing rows keep their values
-- alembic: right
-- holds: set default
-- before
create table users (id bigint primary key, level integer not null default 1);
insert into users values (1);
-- after
create table users (id bigint primary key, level integer not null default 2);

-- case: a default calls a function of the same change
-- alembic: wrong
-- before
create table users (id bigint primary key, code text);
insert into users values (1, 'a');
-- after
create function new_code() returns text language sql volatile as $$ select 'c' || floor(random() * 1000)::text $$;
create table users (id bigint primary key, code text default new_code());
