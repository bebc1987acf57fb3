-- kind: columns
-- what: the statistics target of a column changes
-- expect: generated
-- holds: set statistics 500
-- before
create table docs (id bigint primary key, body text);
-- after
create table docs (id bigint primary key, body text);
alter table docs alter column body set statistics 500;
