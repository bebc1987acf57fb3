-- case: a function is added before the table it reads
-- alembic: wrong
-- before
create table t (a integer);
-- after
create table t (a integer);
create table u (a integer);
create function total() returns bigint language sql stable as 'select sum(a) from u';

-- case: the body of a function changes
-- alembic: missed
-- before
create function f(a integer) returns integer language sql as 'select a';
-- after
create function f(a integer) returns integer language sql immutable as 'select a + 1';

-- case: a function under a view and a check returns another type
-- alembic: missed
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
-- alembic: missed
-- before
create function f(a integer) returns integer language sql as 'select $1';
-- after
create function f(b integer default 3) returns integer language sql as 'select $1';

-- case: a function takes other arguments
-- alembic: missed
-- before
create function f(a integer) returns integer language sql as 'select a';
create view v as select f(1) as b;
-- after
create function f(a bigint) returns integer language sql as 'select a::integer';
create view v as select f(1) as b;

-- case: a function with a parsed body
-- alembic: wrong
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);
create function f() returns bigint language sql stable begin atomic select sum(b) from t; end;

-- case: a function is dropped
-- alembic: wrong
-- before
create function f() returns integer language sql as 'select 1';
-- after
create table t (a integer);

-- case: a procedure is added
-- alembic: missed
-- before
create table t (a integer);
-- after
create table t (a integer);
create procedure clear() language sql as 'delete from t';

-- case: a trigger is added
-- alembic: missed
-- before
create table t (a integer);
-- after
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin new.a := 1; return new; end $$;
create trigger t_touch before insert or update of a on t for each row when (new.a > 0) execute function touch();

-- case: a trigger changes, another is disabled
-- alembic: missed
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
-- alembic: missed
-- before
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
-- after
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create constraint trigger t_late after insert on t deferrable initially deferred for each row execute function touch();

-- case: the type of a column in a trigger's condition changes
-- alembic: wrong
-- before
create table t (a integer);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_touch before update on t for each row when (old.a <> new.a) execute function touch();
-- after
create table t (a bigint);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_touch before update on t for each row when (old.a <> new.a) execute function touch();

-- case: a view is added over a new column
-- alembic: wrong
-- before
create table t (a integer);
-- after
create table t (a integer, b integer);
create view v with (security_invoker = true) as select b from t;
comment on column v.b is 'what b says';

-- case: a view gets a column at its end
-- alembic: missed
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
-- alembic: missed
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
-- alembic: wrong
-- before
create view v as select 1 as a;
-- after
create table v (a integer);

-- case: a materialized view with an index is added
-- alembic: missed
-- before
create table t (a integer);
-- after
create table t (a integer);
create materialized view m as select a, count(*) as n from t group by a;
create unique index m_a on m (a);

-- case: a materialized view with an index changes
-- alembic: missed
-- before
create table t (a integer, b integer);
create materialized view m as select a from t;
create unique index m_a on m (a);
-- after
create table t (a integer, b integer);
create materialized view m as select a, max(b) as b from t group by a;
create unique index m_a on m (a);

-- case: a function in SQL is added
-- alembic: missed
-- holds: function
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function user_count() returns bigint language sql stable as $$ select count(*) from users $$;

-- case: a function in PL/pgSQL is added
-- alembic: missed
-- holds: plpgsql
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function user_count() returns bigint language plpgsql stable as $$ begin return (select count(*) from users); end $$;

-- case: the body and the volatility of a function change
-- alembic: missed
-- holds: create or replace function
-- before
create function twice(n integer) returns integer language sql as $$ select n * 2 $$;
-- after
create function twice(n integer) returns integer language sql immutable as $$ select n + n $$;

-- case: a function under a view returns another type
-- alembic: missed
-- before
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
create view four as select twice(2) as n;
-- after
create function twice(n integer) returns bigint language sql immutable as $$ select n::bigint * 2 $$;
create view four as select twice(2) as n;

-- case: a function takes another type
-- alembic: missed
-- before
create function twice(n integer) returns bigint language sql immutable as $$ select n::bigint * 2 $$;
-- after
create function twice(n bigint) returns bigint language sql immutable as $$ select n * 2 $$;

-- case: a function gets an overload with more arguments
-- alembic: missed
-- before
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
-- after
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
create function twice(n integer, m integer) returns integer language sql immutable as $$ select n * 2 + m $$;

-- case: a function with a parsed body reads a column of the same change
-- alembic: wrong
-- holds: begin atomic
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key, level integer);
create function top() returns integer language sql stable begin atomic select max(level) from users; end;

-- case: a trigger and its function are added
-- alembic: missed
-- holds: create trigger
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05+00');
-- after
create table users (id bigint primary key, seen timestamptz);
create function touch() returns trigger language plpgsql as $$ begin new.seen := now(); return new; end $$;
create trigger users_touch before update on users for each row execute function touch();

-- case: a trigger gets a condition and another event
-- alembic: missed
-- before
create table users (id bigint primary key, name text);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before insert or update of name on users for each row when (new.name is not null) execute function touch();

-- case: a trigger is disabled
-- alembic: missed
-- holds: disable trigger
-- before
create table users (id bigint primary key);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
-- after
create table users (id bigint primary key);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
alter table users disable trigger users_touch;

-- case: a deferred constraint trigger is added
-- alembic: missed
-- holds: create constraint trigger
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function look() returns trigger language plpgsql as $$ begin return null; end $$;
create constraint trigger users_look after insert on users deferrable initially deferred for each row execute function look();

-- case: a trigger is dropped, its function stays
-- alembic: missed
-- holds: drop trigger
-- before
create table users (id bigint primary key);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
-- after
create table users (id bigint primary key);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;

-- case: a view is added
-- alembic: missed
-- holds: view
-- before
create table users (id bigint primary key, gone boolean not null default false);
insert into users values (1);
-- after
create table users (id bigint primary key, gone boolean not null default false);
create view living as select id from users where not gone;

-- case: a view loses a column
-- alembic: missed
-- before
create table users (id bigint primary key, name text);
create view people as select id, name from users;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create view people as select id from users;

-- case: a view under another changes the type of its column
-- alembic: missed
-- before
create table users (id bigint primary key, level integer);
create view people as select id, level from users;
create view leaders as select id, level from people where level > 3;
insert into users values (1, 4);
-- after
create table users (id bigint primary key, level integer);
create view people as select id, level::bigint as level from users;
create view leaders as select id, level from people where level > 3;

-- case: the type of a column under a view changes
-- alembic: wrong
-- before
create table users (id bigint primary key, level integer);
create view people as select id, level from users;
insert into users values (1, 4);
-- after
create table users (id bigint primary key, level bigint);
create view people as select id, level from users;

-- case: a view runs with the rights of the invoker
-- alembic: missed
-- holds: security_invoker
-- before
create table users (id bigint primary key);
create view people as select id from users;
insert into users values (1);
-- after
create table users (id bigint primary key);
create view people with (security_invoker = true) as select id from users;

-- case: a view is dropped
-- alembic: missed
-- holds: drop view
-- before
create table users (id bigint primary key);
create view people as select id from users;
insert into users values (1);
-- after
create table users (id bigint primary key);

-- case: a materialized view changes and keeps its index
-- alembic: missed
-- holds: create materialized view
-- before
create table users (id bigint primary key, team integer);
create materialized view teams as select team, count(*) as members from users group by team;
create unique index teams_team on teams (team);
insert into users values (1, 1);
-- after
create table users (id bigint primary key, team integer);
create materialized view teams as select team, count(*) as members, max(id) as newest from users group by team;
create unique index teams_team on teams (team);
