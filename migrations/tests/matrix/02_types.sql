-- case: an integer grows to a bigint
-- before
create table t (a integer primary key, b integer default 3);
insert into t values (1);
-- after
create table t (a bigint primary key, b bigint default 3);

-- case: limited text becomes unlimited
-- before
create table t (a varchar(10) default 'x');
create index t_a on t (a);
insert into t values ('abc');
-- after
create table t (a text default 'x');
create index t_a on t (a);

-- case: text gets a limit
-- before
create table t (a varchar(20));
insert into t values ('abc');
-- after
create table t (a varchar(5));

-- case: text becomes a number
-- holds: using a::integer
-- before
create table t (a text);
insert into t values ('12');
-- after
create table t (a integer);

-- case: a time becomes a date, and nobody allowed it
-- expect: refused --allow-loss t.a
-- before
create table t (a timestamptz);
-- after
create table t (a date);

-- case: a time becomes a date, and that was allowed
-- arguments: --allow-loss t.a
-- before
create table t (a timestamptz);
insert into t values (now());
-- after
create table t (a date);

-- case: a number gets another precision
-- before
create table t (a numeric(10,2));
insert into t values (1.25);
-- after
create table t (a numeric(14,4));

-- case: the type under a view and an index with an expression changes
-- before
create table t (a integer, b text);
create index t_sum on t ((a + 1));
create view v as select a, b from t where a > 1;
create view w as select a from v;
insert into t values (1, 'x');
-- after
create table t (a bigint, b text);
create index t_sum on t ((a + 1));
create view v as select a, b from t where a > 1;
create view w as select a from v;

-- case: the collation of a column changes
-- before
create table t (a text);
insert into t values ('x');
-- after
create table t (a text collate "C");

-- case: a collation is added and used
-- before
create table t (a text);
-- after
create collation plain (provider = libc, locale = 'C');
create table t (a text collate plain);

-- case: an array grows
-- before
create table t (a integer[]);
insert into t values ('{1,2}');
-- after
create table t (a bigint[]);

-- case: a value is added at the end of an enum
-- before
create type e as enum ('a', 'b');
create table t (a e);
-- after
create type e as enum ('a', 'b', 'c');
create table t (a e);

-- case: values are added before and in the middle of an enum
-- before
create type e as enum ('b', 'd');
create table t (a e);
insert into t values ('d');
-- after
create type e as enum ('a', 'b', 'c', 'c2', 'd');
create table t (a e);

-- case: a new value of an enum is the new default
-- before
create type e as enum ('a');
create table t (a e default 'a');
insert into t values ('a');
-- after
create type e as enum ('a', 'b');
create table t (a e default 'b');

-- case: a value of an enum goes
-- holds: still holds b
-- before
create type e as enum ('a', 'b', 'c');
create table t (id integer, a e not null default 'a', more e[]);
create index t_c on t (id) where a = 'c';
create view v as select id from t where a = 'c';
insert into t values (1, 'c', '{a,c}');
-- after
create type e as enum ('a', 'c');
create table t (id integer, a e not null default 'a', more e[]);
create index t_c on t (id) where a = 'c';
create view v as select id from t where a = 'c';

-- case: a value of an enum is renamed
-- arguments: --rename e.b=bee
-- before
create type e as enum ('a', 'b');
create table t (a e);
insert into t values ('b');
-- after
create type e as enum ('a', 'bee');
create table t (a e);

-- case: an enum is added and a column uses it
-- arguments: --allow-loss t.a
-- before
create table t (a text);
insert into t values ('x');
-- after
create type e as enum ('x', 'y');
create table t (a e);

-- case: an enum goes
-- before
create type e as enum ('a');
create table t (a e);
insert into t values ('a');
-- after
create table t (a text);

-- case: a domain is added
-- before
create table t (a text);
-- after
create domain email as text not null default 'a@b' constraint email_has_at check (value like '%@%');
create table t (a text, b email);

-- case: a domain gets another check, default and no null
-- holds: validate constraint
-- before
create domain d as integer check (value > 0);
create table t (a d);
insert into t values (5);
-- after
create domain d as integer default 1 not null check (value > 1) check (value < 100);
create table t (a d);

-- case: a domain changes its base type
-- expect: refused declare a new domain
-- before
create domain d as integer;
create table t (a d);
-- after
create domain d as bigint;
create table t (a d);

-- case: a composite type gets an attribute
-- before
create type pair as (a integer, b integer);
create table t (p pair);
insert into t values (row(1, 2));
-- after
create type pair as (a integer, b integer, c text);
create table t (p pair);

-- case: an attribute of a composite type that no column holds changes its type
-- before
create type pair as (a integer, b integer);
-- after
create type pair as (a integer, b bigint);

-- case: an attribute of a composite type that a column holds changes its type
-- expect: refused while the column t.p holds
-- before
create type pair as (a integer, b integer);
create table t (p pair);
-- after
create type pair as (a integer, b bigint);
create table t (p pair);

-- case: a composite type loses an attribute
-- expect: refused --allow-loss pair.b
-- before
create type pair as (a integer, b integer);
-- after
create type pair as (a integer);

-- case: an extension is added and used
-- before
create table t (a integer);
-- after
create extension vector;
create table t (a integer, v vector(3));

-- case: an extension goes
-- arguments: --allow-loss t.v
-- before
create extension vector;
create table t (a integer, v vector(3));
-- after
create table t (a integer);
