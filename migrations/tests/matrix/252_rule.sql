-- kind: refusals
-- what: a rule is no known kind
-- expect: refused rule
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create rule keep as on delete to users do instead nothing;
