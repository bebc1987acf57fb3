-- kind: partitions
-- what: a partition for all the rest is added
-- expect: generated
-- holds: default
-- before
create table events (kind text not null, what text) partition by list (kind);
create table events_a partition of events for values in ('a');
insert into events values ('a', 'x');
-- after
create table events (kind text not null, what text) partition by list (kind);
create table events_a partition of events for values in ('a');
create table events_rest partition of events default;
