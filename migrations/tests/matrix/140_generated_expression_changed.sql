-- kind: generated
-- what: the expression of a stored generated column changes
-- expect: generated
-- before
create table users (id bigint primary key, name text, shout text generated always as (upper(name)) stored);
create index users_shout on users (shout);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text, shout text generated always as (upper(name) || '!') stored);
create index users_shout on users (shout);
