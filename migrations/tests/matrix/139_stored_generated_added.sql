-- kind: generated
-- what: a stored generated column is added
-- expect: generated
-- holds: generated always as
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text, shout text generated always as (upper(name)) stored);
