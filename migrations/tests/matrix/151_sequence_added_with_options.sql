-- kind: sequences
-- what: a sequence of its own with options is added
-- expect: generated
-- holds: create sequence
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create sequence bills as integer increment by 5 minvalue 10 maxvalue 900000 start with 100 cache 4 cycle;
