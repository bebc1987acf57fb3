select 'trigger' as kind, c.oid::regclass::text || '.' || quote_ident(g.tgname) as name, c.oid::regclass::text as parent,
       'pg_trigger'::regclass::oid::int8 as class, g.oid::int8 as id, 0 as sub, g.oid::int8 as born,
       jsonb_build_object('own name', quote_ident(g.tgname), 'definition', pg_get_triggerdef(g.oid, true),
                          'enabled', case g.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' end,
                          'comment', obj_description(g.oid, 'pg_trigger')) as facets
from pg_trigger g join pg_class c on c.oid = g.tgrelid
where not g.tgisinternal and g.tgparentid = 0 and pg_temp.ours(c.relnamespace) and not pg_temp.of_extension('pg_class', c.oid)
