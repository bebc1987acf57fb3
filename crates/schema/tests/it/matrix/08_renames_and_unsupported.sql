-- case: a column under a view and an index is renamed
-- alembic: wrong
-- arguments: --rename t.a=b
-- before
create table t (a integer not null, check (a > 0));
create index t_a on t (a);
create view v as select a from t;
insert into t values (1);
-- after
create table t (b integer not null, constraint t_a_check check (b > 0));
create index t_a on t (b);
create view v as select b as a from t;

-- case: a column looks renamed, without a flag
-- alembic: –
-- expect: refused --rename 't.a=t.b'
-- before
create table t (a integer);
-- after
create table t (b integer);

-- case: a table is renamed with all that carries its name
-- alembic: wrong
-- arguments: --rename t=items
-- before
create table t (id bigint generated always as identity primary key, a integer not null unique, n serial);
create index t_a_n on t (a, n);
create table u (t bigint references t);
insert into t (a) values (1);
-- after
create table items (id bigint generated always as identity primary key, a integer not null unique, n serial);
create index items_a_n on items (a, n);
create table u (t bigint references items);

-- case: a type is renamed
-- alembic: wrong
-- arguments: --rename colour=shade
-- before
create type colour as enum ('red');
create table t (a colour default 'red');
insert into t values ('red');
-- after
create type shade as enum ('red');
create table t (a shade default 'red');

-- case: a rename of something that does not exist
-- alembic: –
-- expect: refused fix the name
-- arguments: --rename x.y=z
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);

-- case: --allow-loss for a loss that does not occur
-- alembic: –
-- expect: refused applies to nothing
-- arguments: --allow-loss t.z
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);

-- case: an event trigger
-- alembic: missed
-- expect: refused event trigger
-- before
create function f() returns event_trigger language plpgsql as $$ begin end $$;
-- after
create function f() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watch on ddl_command_end execute function f();

-- case: a rule
-- alembic: missed
-- expect: refused rule
-- before
create table t (a integer);
-- after
create table t (a integer);
create rule no_delete as on delete to t do instead nothing;

-- case: a publication
-- alembic: missed
-- expect: refused publication
-- before
create table t (a integer);
-- after
create table t (a integer);
create publication all_of_it for table t;

-- case: a text search configuration
-- alembic: missed
-- expect: refused text search configuration
-- before
create table t (a integer);
-- after
create table t (a integer);
create text search configuration plain (copy = simple);

-- case: an operator
-- alembic: missed
-- expect: refused operator
-- before
create function same(a integer, b integer) returns boolean language sql immutable as 'select a = b';
-- after
create function same(a integer, b integer) returns boolean language sql immutable as 'select a = b';
create operator === (leftarg = integer, rightarg = integer, function = same);

-- case: a cast
-- alembic: missed
-- expect: refused cast
-- before
create type e as enum ('a');
-- after
create type e as enum ('a');
create cast (text as e) with inout;

-- case: an aggregate
-- alembic: missed
-- expect: refused aggregate
-- before
create table t (a integer);
-- after
create table t (a integer);
create aggregate total(integer) (sfunc = int4pl, stype = integer);

-- case: a statistics object
-- alembic: missed
-- expect: refused statistics object
-- before
create table t (a integer, b integer);
-- after
create table t (a integer, b integer);
create statistics t_ab on a, b from t;

-- case: a foreign table
-- alembic: missed
-- expect: refused foreign
-- before
create table t (a integer);
-- after
create table t (a integer);
create foreign data wrapper elsewhere;

-- case: a range type
-- alembic: missed
-- expect: refused range type
-- before
create table t (a integer);
-- after
create table t (a integer);
create type floats as range (subtype = double precision);

-- case: a table is renamed with its key, its index and its sequence
-- alembic: wrong
-- arguments: --rename users=people
-- holds: rename to people
-- before
create table users (id bigint generated always as identity primary key, name text not null unique);
create index users_id_name on users (id, name);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users (name) values ('ann');
insert into notes values (1, 1);
-- after
create table people (id bigint generated always as identity primary key, name text not null unique);
create index people_id_name on people (id, name);
create table notes (id bigint primary key, user_id bigint references people (id));

-- case: a column under an index and a view is renamed
-- alembic: wrong
-- arguments: --rename users.name=full_name
-- holds: rename column
-- before
create table users (id bigint primary key, name text not null);
create index users_name on users (name);
create view people as select id, name from users;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, full_name text not null);
create index users_name on users (full_name);
create view people as select id, full_name as name from users;

-- case: a table looks renamed, without a flag
-- alembic: wrong
-- expect: refused --rename 'users=people'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table people (id bigint primary key, name text);

-- case: a column that is not null is added, without a value for existing rows
-- alembic: wrong
-- expect: refused --backfill 'users.name=
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key, name text not null);

-- case: an event trigger is an unknown kind
-- alembic: missed
-- expect: refused event trigger
-- before
create function watch() returns event_trigger language plpgsql as $$ begin end $$;
-- after
create function watch() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watcher on ddl_command_end execute function watch();

-- case: a rule is an unknown kind
-- alembic: missed
-- expect: refused rule
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create rule keep as on delete to users do instead nothing;

-- case: a foreign data wrapper is an unknown kind
-- alembic: missed
-- expect: refused foreign data wrapper
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create foreign data wrapper elsewhere;

-- case: a publication is an unknown kind
-- alembic: missed
-- expect: refused publication
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create publication news for table users;

-- case: a text search configuration is an unknown kind
-- alembic: missed
-- expect: refused text search configuration
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create text search configuration plain (copy = simple);

-- case: an operator is an unknown kind
-- alembic: missed
-- expect: refused operator
-- before
create function same(a integer, b integer) returns boolean language sql immutable as $$ select a = b $$;
-- after
create function same(a integer, b integer) returns boolean language sql immutable as $$ select a = b $$;
create operator === (leftarg = integer, rightarg = integer, function = same);

-- case: a cast is an unknown kind
-- alembic: missed
-- expect: refused cast
-- before
create type mood as enum ('sad');
-- after
create type mood as enum ('sad');
create cast (text as mood) with inout;

-- case: an aggregate is an unknown kind
-- alembic: missed
-- expect: refused aggregate
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create aggregate total(integer) (sfunc = int4pl, stype = integer);

-- case: a statistics object is an unknown kind
-- alembic: missed
-- expect: refused statistics object
-- before
create table users (id bigint primary key, town text, code text);
-- after
create table users (id bigint primary key, town text, code text);
create statistics users_town_code on town, code from users;
