-- kind: exclude
-- what: an exclusion gets a condition
-- expect: generated
-- holds: exclude using gist
-- before
create table bookings (id bigint primary key, during tstzrange, off boolean not null default false, constraint apart exclude using gist (during with &&));
insert into bookings values (1, '[2026-01-01,2026-01-02)', false);
-- after
create table bookings (id bigint primary key, during tstzrange, off boolean not null default false, constraint apart exclude using gist (during with &&) where (not off));
