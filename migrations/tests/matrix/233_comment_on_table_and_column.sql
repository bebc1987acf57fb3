-- kind: comments
-- what: a table and a column are explained
-- expect: generated
-- holds: comment on
-- before
create table users (id bigint primary key, name text);
comment on column users.name is 'old';
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
comment on table users is 'who it''s about';
comment on column users.name is 'as they sign';
