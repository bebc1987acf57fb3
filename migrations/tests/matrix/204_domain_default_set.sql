-- kind: domains
-- what: a domain gets a default
-- expect: generated
-- holds: set default
-- before
create domain level as integer;
create table users (id bigint primary key, level level);
insert into users values (1, 3);
-- after
create domain level as integer default 1;
create table users (id bigint primary key, level level);
