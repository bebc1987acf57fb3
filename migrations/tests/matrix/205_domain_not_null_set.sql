-- kind: domains
-- what: a domain may not be null any more
-- expect: generated
-- holds: not null
-- before
create domain level as integer;
create table users (id bigint primary key, level level);
insert into users values (1, 3);
-- after
create domain level as integer not null;
create table users (id bigint primary key, level level);
