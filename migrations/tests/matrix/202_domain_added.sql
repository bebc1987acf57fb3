-- kind: domains
-- what: a domain is added and a new column uses it
-- expect: generated
-- holds: create domain
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create domain mail as text constraint mail_at check (value like '%@%');
create table users (id bigint primary key, mail mail);
