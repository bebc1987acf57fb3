-- kind: triggers
-- what: a trigger and its function are added
-- expect: generated
-- holds: create trigger
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05+00');
-- after
create table users (id bigint primary key, seen timestamptz);
create function touch() returns trigger language plpgsql as $$ begin new.seen := now(); return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
