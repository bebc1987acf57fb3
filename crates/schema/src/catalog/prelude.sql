-- Helpers of the queries beside this file; they live as long as the connection.
-- Those queries begin with `oid >= 16384`, the first oid of objects that are not PostgreSQL's own: calling a helper for
-- each of its 3300 functions took longer than all the rest.
set search_path = public;

create or replace function pg_temp.ours(namespace oid) returns boolean language sql stable as $$
    select nspname !~ '^pg_' and nspname <> 'information_schema' from pg_namespace where oid = namespace $$;

create or replace function pg_temp.of_extension(class regclass, id oid) returns boolean language sql stable as $$
    select exists (select from pg_depend where classid = class and objid = id and deptype = 'e') $$;

-- The rights of everybody but the owner, in a fixed order; what an object has from the start counts too.
create or replace function pg_temp.grants(acl aclitem[], kind "char", owner oid) returns text language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(lower(privilege_type), case grantee when 0 then 'public' else grantee::regrole::text end, is_grantable)
                     order by privilege_type, grantee::regrole::text), '[]')::text
    from aclexplode(coalesce(acl, acldefault(kind, owner))) where grantee <> owner $$;

create or replace function pg_temp.collation_of(collation_id oid, type_id oid) returns text language sql stable as $$
    select coalesce((select ' collate ' || collation_id::regcollation::text from pg_type t
                     where t.oid = type_id and collation_id <> 0 and collation_id <> t.typcollation), '') $$;

create or replace function pg_temp.sequence_options(id oid) returns text language sql stable as $$
    select format('as %s increment by %s minvalue %s maxvalue %s start with %s cache %s %s', format_type(seqtypid, null),
                  seqincrement, seqmin, seqmax, seqstart, seqcache, case when seqcycle then 'cycle' else 'no cycle' end)
    from pg_sequence where seqrelid = id $$;

-- Whether an expression tree calls a volatile function: then each row needs a value of its own.
create or replace function pg_temp.is_volatile(tree text) returns boolean language sql stable as $$
    select exists (select from regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') f
                   join pg_proc p on p.oid = f[1]::oid and p.provolatile = 'v') or tree ~ '\{NEXTVALUEEXPR' $$;
