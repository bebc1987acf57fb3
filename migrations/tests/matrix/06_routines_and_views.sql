-- case: a function is added before the table it reads
-- before
create table t (a integer);
-- after
create table t (a integer);
create table u (a integer);
create function total() returns bigint language sql stable as 'select sum(a) from u';

-- case: the body of a function changes
-- before
create function f(a integer) returns integer language sql as 'select a';
-- after
create function f(a integer) returns integer language sql immutable as 'select a + 1';

-- case: a function under a view and a check returns another type
-- before
create function f(a integer) returns integer language sql immutable as 'select a';
create table t (a integer, check (f(a) > 0));
create view v as select f(a) as b from t;
insert into t values (1);
-- after
create function f(a integer) returns bigint language sql immutable as 'select a::bigint';
create table t (a integer, check (f(a) > 0));
create view v as select f(a) as b from t;

-- case: a parameter of a function is renamed
-- before
create function f(a integer) returns integer language sql as 'select $1';
-- after
create function f(b integer default 3) returns integer language sql as 'select $1';

-- case: a function takes other arguments
-- before
create function f(a integer) returns integer language sql as 'select a';
create view v as select f(1) as b;
-- after
create function f(a bigint) returns integer language sql as 'select a::integer';
create view v as select f(1) as b;

-- case: a function with a parsed body
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);
create function f() returns bigint language sql stable begin atomic select sum(b) from t; end;

-- case: a function goes
-- before
create function f() returns integer language sql as 'select 1';
-- after
create table t (a integer);

-- case: a procedure is added
-- before
create table t (a integer);
-- after
create table t (a integer);
create procedure clear() language sql as 'delete from t';

-- case: a trigger is added
-- before
create table t (a integer);
-- after
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin new.a := 1; return new; end $$;
create trigger t_touch before insert or update of a on t for each row when (new.a > 0) execute function touch();

-- case: a trigger changes, another is switched off
-- before
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_one before insert on t for each row execute function touch();
create trigger t_two before insert on t for each row execute function touch();
-- after
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_one after insert on t for each row execute function touch();
create trigger t_two before insert on t for each row execute function touch();
alter table t disable trigger t_two;

-- case: a constraint trigger is added
-- before
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
-- after
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create constraint trigger t_late after insert on t deferrable initially deferred for each row execute function touch();

-- case: the type of a column in a trigger's condition changes
-- before
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_touch before update on t for each row when (old.a <> new.a) execute function touch();
-- after
create table t (a bigint);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_touch before update on t for each row when (old.a <> new.a) execute function touch();

-- case: a view is added over a new column
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);
create view v with (security_invoker = true) as select b from t;
comment on column v.b is 'what b says';

-- case: a view gets a column at its end
-- holds: create or replace view
-- before
create table t (a integer, b integer);
create view v as select a from t;
create view w as select a from v;
-- after
create table t (a integer, b integer);
create view v as select a, b from t;
create view w as select a from v;

-- case: a view loses a column under another view
-- before
create table t (a integer, b integer);
create view v as select a, b from t;
create view w as select a from v;
grant select on w to pg_read_all_data;
-- after
create table t (a integer, b integer);
create view v as select a from t;
create view w as select a from v;
grant select on w to pg_read_all_data;

-- case: a view becomes a table
-- before
create view v as select 1 as a;
-- after
create table v (a integer);

-- case: a materialized view with an index is added
-- before
create table t (a integer);
-- after
create table t (a integer);
create materialized view m as select a, count(*) as n from t group by a;
create unique index m_a on m (a);

-- case: a materialized view with an index changes
-- before
create table t (a integer, b integer);
create materialized view m as select a from t;
create unique index m_a on m (a);
-- after
create table t (a integer, b integer);
create materialized view m as select a, max(b) as b from t group by a;
create unique index m_a on m (a);
