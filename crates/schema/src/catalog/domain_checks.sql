select 'domain check' as kind, t.oid::regtype::text || '.' || quote_ident(n.conname) as name, t.oid::regtype::text as parent,
       'pg_constraint'::regclass::oid::int8 as class, n.oid::int8 as id, 0 as sub, n.oid::int8 as born,
       jsonb_build_object('own name', quote_ident(n.conname),
                          'definition', regexp_replace(pg_get_constraintdef(n.oid), ' NOT VALID$', ''),
                          'validated', n.convalidated::text,
                          'comment', obj_description(n.oid, 'pg_constraint')) as facets
from pg_constraint n join pg_type t on t.oid = n.contypid
where n.oid >= 16384 and n.contype = 'c' and pg_temp.ours(t.typnamespace) and not pg_temp.of_extension('pg_type', t.oid)
