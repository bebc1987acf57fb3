-- kind: defaults
-- what: a default calls a function of the same change
-- expect: generated
-- before
create table users (id bigint primary key, code text);
insert into users values (1, 'a');
-- after
create function new_code() returns text language sql volatile as $$ select 'c' || floor(random() * 1000)::text $$;
create table users (id bigint primary key, code text default new_code());
