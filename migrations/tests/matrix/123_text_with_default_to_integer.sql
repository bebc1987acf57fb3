-- kind: types
-- what: text with a default becomes a number with one
-- expect: generated
-- before
create table users (id bigint primary key, age text not null default '7');
insert into users values (1, '42');
-- after
create table users (id bigint primary key, age integer not null default 7);
