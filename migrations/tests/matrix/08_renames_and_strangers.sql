-- case: a column under a view and an index is renamed
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

-- case: a column looks renamed, and nobody said so
-- expect: refused --rename 't.a=t.b'
-- before
create table t (a integer);
-- after
create table t (b integer);

-- case: a table is renamed with all that carries its name
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
-- arguments: --rename colour=shade
-- before
create type colour as enum ('red');
create table t (a colour default 'red');
insert into t values ('red');
-- after
create type shade as enum ('red');
create table t (a shade default 'red');

-- case: a rename of what is not there
-- expect: refused mend the name
-- arguments: --rename x.y=z
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);

-- case: a loss is allowed that does not happen
-- expect: refused applies to nothing
-- arguments: --allow-loss t.z
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);

-- case: an event trigger
-- expect: refused event trigger
-- before
create function f() returns event_trigger language plpgsql as $$ begin end $$;
-- after
create function f() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watch on ddl_command_end execute function f();

-- case: a rule
-- expect: refused rule
-- before
create table t (a integer);
-- after
create table t (a integer);
create rule no_delete as on delete to t do instead nothing;

-- case: a publication
-- expect: refused publication
-- before
create table t (a integer);
-- after
create table t (a integer);
create publication all_of_it for table t;

-- case: a text search configuration
-- expect: refused text search configuration
-- before
create table t (a integer);
-- after
create table t (a integer);
create text search configuration plain (copy = simple);

-- case: an operator
-- expect: refused operator
-- before
create function same(a integer, b integer) returns boolean language sql immutable as 'select a = b';
-- after
create function same(a integer, b integer) returns boolean language sql immutable as 'select a = b';
create operator === (leftarg = integer, rightarg = integer, function = same);

-- case: a cast
-- expect: refused cast
-- before
create type e as enum ('a');
-- after
create type e as enum ('a');
create cast (text as e) with inout;

-- case: an aggregate
-- expect: refused aggregate
-- before
create table t (a integer);
-- after
create table t (a integer);
create aggregate total(integer) (sfunc = int4pl, stype = integer);

-- case: a statistics object
-- expect: refused statistics object
-- before
create table t (a integer, b integer);
-- after
create table t (a integer, b integer);
create statistics t_ab on a, b from t;

-- case: a foreign table
-- expect: refused foreign
-- before
create table t (a integer);
-- after
create table t (a integer);
create foreign data wrapper elsewhere;

-- case: a range type
-- expect: refused range type
-- before
create table t (a integer);
-- after
create table t (a integer);
create type floats as range (subtype = double precision);
