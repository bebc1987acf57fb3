-- Extensions; what they bring along is theirs and is not compared.
select 'extension' as kind, quote_ident(e.extname) as name, null::text as parent,
       'pg_extension'::regclass::oid::int8 as class, e.oid::int8 as id, 0 as sub, e.oid::int8 as born,
       jsonb_build_object('schema', e.extnamespace::regnamespace::text, 'version', e.extversion) as facets
from pg_extension e where e.extname <> 'plpgsql'
