select 'policy' as kind, c.oid::regclass::text || '.' || quote_ident(p.polname) as name, c.oid::regclass::text as parent,
       'pg_policy'::regclass::oid::int8 as class, p.oid::int8 as id, 0 as sub, p.oid::int8 as born,
       jsonb_build_object('own name', quote_ident(p.polname),
                          'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
                          'permissive', case when p.polpermissive then 'permissive' else 'restrictive' end,
                          'roles', (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r) from unnest(p.polroles) r),
                          'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
                          'comment', obj_description(p.oid, 'pg_policy')) as facets
from pg_policy p join pg_class c on c.oid = p.polrelid
where pg_temp.ours(c.relnamespace) and not pg_temp.of_extension('pg_class', c.oid)
