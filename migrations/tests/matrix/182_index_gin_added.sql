-- kind: indexes
-- what: a gin index with an operator class of its own is added
-- expect: generated
-- holds: jsonb_path_ops
-- before
create table docs (id bigint primary key, body jsonb);
insert into docs values (1, '{"a": 1}');
-- after
create table docs (id bigint primary key, body jsonb);
create index docs_body on docs using gin (body jsonb_path_ops);
