-- kind: generated
-- what: a generated column becomes an ordinary one and keeps its values
-- expect: generated
-- holds: drop expression
-- before
create table users (id bigint primary key, name text, shout text generated always as (upper(name)) stored);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text, shout text);
