-- case: an integer grows to a bigint
-- alembic: right
-- before
create table t (a integer primary key, b integer default 3);
insert into t values (1);
-- after
create table t (a bigint primary key, b bigint default 3);

-- case: limited text becomes unlimited
-- alembic: wrong
-- before
create table t (a varchar(10) default 'x');
create index t_a on t (a);
insert into t values ('abc');
-- after
create table t (a text default 'x');
create index t_a on t (a);

-- case: text gets a limit
-- alembic: right
-- before
create table t (a varchar(20));
insert into t values ('abc');
-- after
create table t (a varchar(5));

-- case: text becomes a number
-- alembic: wrong
-- holds: using a::integer
-- before
create table t (a text);
insert into t values ('12');
-- after
create table t (a integer);

-- case: a time becomes a date without --allow-loss
-- alembic: –
-- expect: refused --allow-loss 't.a'
-- before
create table t (a timestamptz);
-- after
create table t (a date);

-- case: a time becomes a date with --allow-loss
-- alembic: right
-- arguments: --allow-loss t.a
-- before
create table t (a timestamptz);
insert into t values (now());
-- after
create table t (a date);

-- case: a number gets another precision
-- alembic: right
-- before
create table t (a numeric(10,2));
insert into t values (1.25);
-- after
create table t (a numeric(14,4));

-- case: the type under a view and an index with an expression changes
-- alembic: wrong
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
-- alembic: missed
-- before
create table t (a text);
insert into t values ('x');
-- after
create table t (a text collate "C");

-- case: a collation is added and used
-- alembic: missed
-- before
create table t (a text);
-- after
create collation plain (provider = libc, locale = 'C');
create table t (a text collate plain);

-- case: an array grows
-- alembic: right
-- before
create table t (a integer[]);
insert into t values ('{1,2}');
-- after
create table t (a bigint[]);

-- case: a value is added at the end of an enum
-- alembic: missed
-- before
create type e as enum ('a', 'b');
create table t (a e);
-- after
create type e as enum ('a', 'b', 'c');
create table t (a e);

-- case: values are added before and in the middle of an enum
-- alembic: missed
-- before
create type e as enum ('b', 'd');
create table t (a e);
insert into t values ('d');
-- after
create type e as enum ('a', 'b', 'c', 'c2', 'd');
create table t (a e);

-- case: a new value of an enum is the new default
-- alembic: wrong
-- before
create type e as enum ('a');
create table t (a e default 'a');
insert into t values ('a');
-- after
create type e as enum ('a', 'b');
create table t (a e default 'b');

-- case: a value of an enum is dropped
-- alembic: missed
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
-- alembic: missed
-- arguments: --rename e.b=bee
-- before
create type e as enum ('a', 'b');
create table t (a e);
insert into t values ('b');
-- after
create type e as enum ('a', 'bee');
create table t (a e);

-- case: an enum is added and a column uses it
-- alembic: wrong
-- arguments: --allow-loss t.a
-- before
create table t (a text);
insert into t values ('x');
-- after
create type e as enum ('x', 'y');
create table t (a e);

-- case: an enum is dropped
-- alembic: wrong
-- before
create type e as enum ('a');
create table t (a e);
insert into t values ('a');
-- after
create table t (a text);

-- case: a domain is added
-- alembic: wrong
-- before
create table t (a text);
-- after
create domain email as text not null default 'a@b' constraint email_has_at check (value like '%@%');
create table t (a text, b email);

-- case: a domain gets another check, default and no null
-- alembic: wrong
-- holds: validate constraint
-- before
create domain d as integer check (value > 0);
create table t (a d);
insert into t values (5);
-- after
create domain d as integer default 1 not null check (value > 1) check (value < 100);
create table t (a d);

-- case: a domain changes its base type
-- alembic: missed
-- expect: refused declare a new domain
-- before
create domain d as integer;
create table t (a d);
-- after
create domain d as bigint;
create table t (a d);

-- case: a composite type gets an attribute
-- alembic: missed
-- before
create type pair as (a integer, b integer);
create table t (p pair);
insert into t values (row(1, 2));
-- after
create type pair as (a integer, b integer, c text);
create table t (p pair);

-- case: an attribute of a composite type that no column holds changes its type
-- alembic: missed
-- before
create type pair as (a integer, b integer);
-- after
create type pair as (a integer, b bigint);

-- case: an attribute of a composite type that a column holds changes its type
-- alembic: missed
-- expect: refused while the column t.p holds
-- before
create type pair as (a integer, b integer);
create table t (p pair);
-- after
create type pair as (a integer, b bigint);
create table t (p pair);

-- case: a composite type loses an attribute
-- alembic: missed
-- expect: refused --allow-loss 'pair.b'
-- before
create type pair as (a integer, b integer);
-- after
create type pair as (a integer);

-- case: an extension is added and used
-- alembic: wrong
-- before
create table t (a integer);
-- after
create extension vector;
create table t (a integer, v vector(3));

-- case: an extension is dropped
-- alembic: wrong
-- arguments: --allow-loss t.v
-- before
create extension vector;
create table t (a integer, v vector(3));
-- after
create table t (a integer);

-- case: a key and the foreign key at it grow to bigint
-- alembic: right
-- before
create table users (id integer primary key);
create table notes (id integer primary key, user_id integer not null references users (id));
create index notes_user on notes (user_id);
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id integer primary key, user_id bigint not null references users (id));
create index notes_user on notes (user_id);

-- case: the limit of a text grows
-- alembic: right
-- before
create table users (id bigint primary key, name varchar(20));
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name varchar(200));

-- case: the limit of a text shrinks: rows that fit stay, and nothing is truncated silently
-- alembic: right
-- before
create table users (id bigint primary key, name varchar(20));
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name varchar(5));

-- case: text becomes a number through a cast
-- alembic: wrong
-- holds: using age::integer
-- before
create table users (id bigint primary key, age text);
insert into users values (1, '42'), (2, null);
-- after
create table users (id bigint primary key, age integer);

-- case: text with a default becomes a number with one
-- alembic: wrong
-- before
create table users (id bigint primary key, age text not null default '7');
insert into users values (1, '42');
-- after
create table users (id bigint primary key, age integer not null default 7);

-- case: a time becomes a date without --allow-loss
-- alembic: wrong
-- expect: refused --allow-loss 'users.seen'
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05+00');
-- after
create table users (id bigint primary key, seen date);

-- case: a number gets more digits before and after the point
-- alembic: right
-- before
create table bills (id bigint primary key, amount numeric(10,2));
insert into bills values (1, 1.25);
-- after
create table bills (id bigint primary key, amount numeric(14,4));

-- case: a number loses digits after the point: PostgreSQL would round silently
-- alembic: wrong
-- expect: refused --allow-loss 'bills.amount'
-- before
create table bills (id bigint primary key, amount numeric(10,4));
insert into bills values (1, 1.2345);
-- after
create table bills (id bigint primary key, amount numeric(10,2));

-- case: a floating number loses half its digits silently
-- alembic: wrong
-- expect: refused --allow-loss 'bills.amount'
-- before
create table bills (id bigint primary key, amount double precision);
insert into bills values (1, 0.1234567890123);
-- after
create table bills (id bigint primary key, amount real);

-- case: the elements of an array grow
-- alembic: right
-- before
create table bills (id bigint primary key, parts integer[]);
insert into bills values (1, '{1,2}');
-- after
create table bills (id bigint primary key, parts bigint[]);

-- case: a time loses its fractions of a second
-- alembic: missed
-- expect: refused --allow-loss 'users.seen'
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05.678+00');
-- after
create table users (id bigint primary key, seen timestamptz(0));

-- case: a composite type is added and a column uses it
-- alembic: wrong
-- holds: create type
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create type place as (street text, town text);
create table users (id bigint primary key, home place);

-- case: a composite type that a column holds gets an attribute
-- alembic: missed
-- holds: add attribute
-- before
create type place as (street text, town text);
create table users (id bigint primary key, home place);
insert into users values (1, row('Elm', 'Bath'));
-- after
create type place as (street text, town text, code text);
create table users (id bigint primary key, home place);

-- case: a range type is an unknown kind
-- alembic: missed
-- expect: refused range type
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create type floats as range (subtype = double precision);

-- case: the collation of a column with an index changes
-- alembic: missed
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text collate "C");
create index users_name on users (name);

-- case: a collation of the builtin provider is added
-- alembic: missed
-- holds: create collation
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create collation plain (provider = builtin, locale = 'C.UTF-8');

-- case: a collation of libc is added and a column takes it
-- alembic: missed
-- holds: create collation
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create collation plain (provider = libc, locale = 'C');
create table users (id bigint primary key, name text collate plain);

-- case: a collation is dropped and its column takes the default one
-- alembic: missed
-- holds: drop collation
-- before
create collation plain (provider = libc, locale = 'C');
create table users (id bigint primary key, name text collate plain);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);

-- case: a value is added in the middle of an enum
-- alembic: missed
-- holds: add value
-- before
create type mood as enum ('sad', 'happy');
create table users (id bigint primary key, feels mood);
insert into users values (1, 'happy');
-- after
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood);

-- case: a value that no row holds is removed from an enum
-- alembic: missed
-- before
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'ok');
create index users_happy on users (id) where feels = 'happy';
insert into users values (1, 'happy');
-- after
create type mood as enum ('ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'ok');
create index users_happy on users (id) where feels = 'happy';

-- case: a new enum is the type of a new column and gives its default
-- alembic: wrong
-- holds: create type
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood not null default 'ok');

-- case: a value is added and becomes the default in the same change
-- alembic: wrong
-- holds: add value
-- before
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood not null default 'ok');
insert into users values (1, 'ok');
-- after
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'happy');

-- case: a domain is added and a new column uses it
-- alembic: wrong
-- holds: create domain
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create domain mail as text constraint mail_at check (value like '%@%');
create table users (id bigint primary key, mail mail);

-- case: the check of a domain changes
-- alembic: missed
-- before
create domain mail as text constraint mail_at check (value like '%@%');
create table users (id bigint primary key, mail mail);
insert into users values (1, 'a@b.c');
-- after
create domain mail as text constraint mail_at check (value like '%@%.%');
create table users (id bigint primary key, mail mail);

-- case: a domain gets a default
-- alembic: wrong
-- holds: set default
-- before
create domain level as integer;
create table users (id bigint primary key, level level);
insert into users values (1, 3);
-- after
create domain level as integer default 1;
create table users (id bigint primary key, level level);

-- case: a domain becomes not null
-- alembic: wrong
-- holds: not null
-- before
create domain level as integer;
create table users (id bigint primary key, level level);
insert into users values (1, 3);
-- after
create domain level as integer not null;
create table users (id bigint primary key, level level);

-- case: an extension is added and a column uses its type
-- alembic: wrong
-- holds: create extension
-- before
create table docs (id bigint primary key);
insert into docs values (1);
-- after
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
