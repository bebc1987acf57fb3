select 'collation' as kind, l.oid::regcollation::text as name, null::text as parent,
       'pg_collation'::regclass::oid::int8 as class, l.oid::int8 as id, 0 as sub, l.oid::int8 as born,
       jsonb_build_object(
           'provider', case l.collprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
           'lc_collate', l.collcollate, 'lc_ctype', l.collctype,
           'deterministic', case when l.collisdeterministic then null else 'false' end,
           -- The column was named otherwise before version 17.
           'locale', coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale'),
           'rules', to_jsonb(l) ->> 'collicurules',
           'comment', obj_description(l.oid, 'pg_collation')) as facets
from pg_collation l
where l.oid >= 16384 and pg_temp.ours(l.collnamespace) and not pg_temp.of_extension('pg_collation', l.oid)
