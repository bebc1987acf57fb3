-- kind: triggers
-- what: a constraint trigger that waits for the end of the transaction is added
-- expect: generated
-- holds: create constraint trigger
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function look() returns trigger language plpgsql as $$ begin return null; end $$;
create constraint trigger users_look after insert on users deferrable initially deferred for each row execute function look();
