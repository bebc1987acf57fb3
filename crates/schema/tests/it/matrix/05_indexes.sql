-- case: an index is added
-- alembic: right
-- holds: create index concurrently
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer);
create index t_a on t (a);

-- case: an index of a new table is built at once
-- alembic: right
-- before
create table t (a integer);
-- after
create table t (a integer);
create table u (a integer);
create index u_a on u (a);

-- case: order, nulls, included columns and a condition
-- alembic: right
-- before
create table t (a integer, b text, c text);
-- after
create table t (a integer, b text, c text);
create index t_abc on t (a desc nulls last, lower(b) text_pattern_ops) include (c) where c is not null;

-- case: an index changes
-- alembic: wrong
-- holds: rename to t_a
-- before
create table t (a integer, b integer);
create index t_a on t (a);
comment on index t_a is 'kept';
-- after
create table t (a integer, b integer);
create index t_a on t (a, b);
comment on index t_a is 'kept';

-- case: an index changes its method
-- alembic: missed
-- before
create table t (a integer[]);
create index t_a on t (a);
-- after
create table t (a integer[]);
create index t_a on t using gin (a);

-- case: an index becomes unique
-- alembic: right
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create unique index t_a on t (a);

-- case: the fill factor of an index changes
-- alembic: missed
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create index t_a on t (a) with (fillfactor = 70);

-- case: hash, brin, gin and gist
-- alembic: right
-- before
create table t (a integer, b timestamptz, c jsonb, d tstzrange);
-- after
create table t (a integer, b timestamptz, c jsonb, d tstzrange);
create index t_a on t using hash (a);
create index t_b on t using brin (b) with (pages_per_range = 32);
create index t_c on t using gin (c jsonb_path_ops) with (fastupdate = off);
create index t_d on t using gist (d);

-- case: an hnsw index with its operator class and options is added
-- alembic: right
-- before
create extension vector;
create table t (v halfvec(4));
-- after
create extension vector;
create table t (v halfvec(4));
create index t_v on t using hnsw (v halfvec_cosine_ops) with (m = 8, ef_construction = 32);

-- case: the options of an hnsw index change
-- alembic: missed
-- before
create extension vector;
create table t (v vector(4));
create index t_v on t using hnsw (v vector_cosine_ops) with (m = 8);
-- after
create extension vector;
create table t (v vector(4));
create index t_v on t using hnsw (v vector_l2_ops) with (m = 16);

-- case: an index is dropped
-- alembic: right
-- holds: drop index concurrently
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);

-- case: an index is renamed
-- alembic: right
-- holds: alter index t_a rename to t_b
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create index t_b on t (a);

-- case: the statistics of an index expression change
-- alembic: missed
-- before
create table t (a integer);
create index t_a on t ((a + 1));
-- after
create table t (a integer);
create index t_a on t ((a + 1));
alter index t_a alter column 1 set statistics 300;

-- case: an index on a filled table is built without a lock
-- alembic: right
-- holds: create index concurrently
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name);

-- case: an index reverses its order and puts nulls last
-- alembic: right
-- holds: desc nulls last
-- before
create table users (id bigint primary key, seen timestamptz);
create index users_seen on users (seen);
insert into users values (1, null);
-- after
create table users (id bigint primary key, seen timestamptz);
create index users_seen on users (seen desc nulls last);

-- case: a hash index is added
-- alembic: right
-- holds: using hash
-- before
create table users (id bigint primary key, token text);
insert into users values (1, 'x');
-- after
create table users (id bigint primary key, token text);
create index users_token on users using hash (token);

-- case: a gin index with an operator class of its own is added
-- alembic: right
-- holds: jsonb_path_ops
-- before
create table docs (id bigint primary key, body jsonb);
insert into docs values (1, '{"a": 1}');
-- after
create table docs (id bigint primary key, body jsonb);
create index docs_body on docs using gin (body jsonb_path_ops);

-- case: a gist index is added
-- alembic: right
-- holds: using gist
-- before
create table bookings (id bigint primary key, during tstzrange);
insert into bookings values (1, '[2026-01-01,2026-01-02)');
-- after
create table bookings (id bigint primary key, during tstzrange);
create index bookings_during on bookings using gist (during);

-- case: a brin index with its page range is added
-- alembic: right
-- holds: pages_per_range
-- before
create table events (id bigint, at timestamptz);
insert into events values (1, now());
-- after
create table events (id bigint, at timestamptz);
create index events_at on events using brin (at) with (pages_per_range = 32);

-- case: an index gets the operator class for patterns
-- alembic: missed
-- holds: text_pattern_ops
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name text_pattern_ops);

-- case: a partial index is added
-- alembic: right
-- holds: where
-- before
create table users (id bigint primary key, gone boolean not null default false);
insert into users values (1);
-- after
create table users (id bigint primary key, gone boolean not null default false);
create index users_here on users (id) where not gone;

-- case: the condition of a partial index changes
-- alembic: missed
-- before
create table users (id bigint primary key, level integer not null default 0);
create index users_high on users (id) where level > 1;
insert into users values (1);
-- after
create table users (id bigint primary key, level integer not null default 0);
create index users_high on users (id) where level > 5;

-- case: an index over an expression is added
-- alembic: right
-- holds: lower(name)
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'Ann');
-- after
create table users (id bigint primary key, name text);
create index users_lower on users (lower(name));

-- case: an index carries another column
-- alembic: missed
-- holds: include
-- before
create table users (id bigint primary key, mail text, name text);
create index users_mail on users (mail);
insert into users values (1, 'a@b', 'ann');
-- after
create table users (id bigint primary key, mail text, name text);
create index users_mail on users (mail) include (name);
