-- kind: domains
-- what: the check of a domain changes
-- expect: generated
-- before
create domain mail as text constraint mail_at check (value like '%@%');
create table users (id bigint primary key, mail mail);
insert into users values (1, 'a@b.c');
-- after
create domain mail as text constraint mail_at check (value like '%@%.%');
create table users (id bigint primary key, mail mail);
