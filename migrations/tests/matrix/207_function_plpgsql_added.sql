-- kind: functions
-- what: a function in PL/pgSQL is added
-- expect: generated
-- holds: plpgsql
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function user_count() returns bigint language plpgsql stable as $$ begin return (select count(*) from users); end $$;
