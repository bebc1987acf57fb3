-- kind: indexes
-- what: a hash index is added
-- expect: generated
-- holds: using hash
-- before
create table users (id bigint primary key, token text);
insert into users values (1, 'x');
-- after
create table users (id bigint primary key, token text);
create index users_token on users using hash (token);
