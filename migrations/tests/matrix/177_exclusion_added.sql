-- kind: exclude
-- what: bookings may not overlap
-- expect: generated
-- holds: exclude using gist
-- before
create table bookings (id bigint primary key, during tstzrange);
insert into bookings values (1, '[2026-01-01,2026-01-02)'), (2, '[2026-01-02,2026-01-03)');
-- after
create table bookings (id bigint primary key, during tstzrange, constraint apart exclude using gist (during with &&));
