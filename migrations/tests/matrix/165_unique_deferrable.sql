-- kind: unique
-- what: a unique constraint is looked at when the transaction ends
-- expect: generated
-- holds: deferrable
-- before
create table users (id bigint primary key, place integer, constraint users_place unique (place));
insert into users values (1, 1), (2, 2);
-- after
create table users (id bigint primary key, place integer, constraint users_place unique (place) deferrable initially deferred);
