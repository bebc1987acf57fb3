-- case: an index is added
-- holds: create index concurrently
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer);
create index t_a on t (a);

-- case: an index of a new table is built at once
-- before
create table t (a integer);
-- after
create table t (a integer);
create table u (a integer);
create index u_a on u (a);

-- case: order, nulls, included columns and a condition
-- before
create table t (a integer, b text, c text);
-- after
create table t (a integer, b text, c text);
create index t_abc on t (a desc nulls last, lower(b) text_pattern_ops) include (c) where c is not null;

-- case: an index changes
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
-- before
create table t (a integer[]);
create index t_a on t (a);
-- after
create table t (a integer[]);
create index t_a on t using gin (a);

-- case: an index becomes unique
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create unique index t_a on t (a);

-- case: the fill factor of an index changes
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create index t_a on t (a) with (fillfactor = 70);

-- case: hash, brin, gin and gist
-- before
create table t (a integer, b timestamptz, c jsonb, d tstzrange);
-- after
create table t (a integer, b timestamptz, c jsonb, d tstzrange);
create index t_a on t using hash (a);
create index t_b on t using brin (b) with (pages_per_range = 32);
create index t_c on t using gin (c jsonb_path_ops) with (fastupdate = off);
create index t_d on t using gist (d);

-- case: an hnsw index with its operator class and options is added
-- before
create extension vector;
create table t (v halfvec(4));
-- after
create extension vector;
create table t (v halfvec(4));
create index t_v on t using hnsw (v halfvec_cosine_ops) with (m = 8, ef_construction = 32);

-- case: the options of an hnsw index change
-- before
create extension vector;
create table t (v vector(4));
create index t_v on t using hnsw (v vector_cosine_ops) with (m = 8);
-- after
create extension vector;
create table t (v vector(4));
create index t_v on t using hnsw (v vector_l2_ops) with (m = 16);

-- case: an index goes
-- holds: drop index concurrently
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);

-- case: an index is renamed
-- holds: alter index t_a rename to t_b
-- before
create table t (a integer);
create index t_a on t (a);
-- after
create table t (a integer);
create index t_b on t (a);

-- case: the statistics of an index expression change
-- before
create table t (a integer);
create index t_a on t ((a + 1));
-- after
create table t (a integer);
create index t_a on t ((a + 1));
alter index t_a alter column 1 set statistics 300;
