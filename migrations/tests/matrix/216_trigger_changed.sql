-- kind: triggers
-- what: a trigger gets a condition and another event
-- expect: generated
-- before
create table users (id bigint primary key, name text);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before update on users for each row execute function touch();
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touch before insert or update of name on users for each row when (new.name is not null) execute function touch();
