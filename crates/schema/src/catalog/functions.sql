-- Functions and procedures. What `create or replace` cannot change has a facet of its own.
select case p.prokind when 'p' then 'procedure' else 'function' end as kind, p.oid::regprocedure::text as name, null::text as parent,
       'pg_proc'::regclass::oid::int8 as class, p.oid::int8 as id, 0 as sub, p.oid::int8 as born,
       jsonb_build_object('definition', pg_get_functiondef(p.oid),
                          'result', pg_get_function_result(p.oid), 'arguments', pg_get_function_arguments(p.oid),
                          'window', case p.prokind when 'w' then 'true' end,
                          'grants', pg_temp.grants(p.proacl, 'f', p.proowner),
                          'comment', obj_description(p.oid, 'pg_proc')) as facets
from pg_proc p
where p.oid >= 16384 and p.prokind <> 'a' and pg_temp.ours(p.pronamespace) and not pg_temp.of_extension('pg_proc', p.oid)
