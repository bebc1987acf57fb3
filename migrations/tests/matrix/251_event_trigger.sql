-- kind: refusals
-- what: an event trigger is no known kind
-- expect: refused event trigger
-- before
create function watch() returns event_trigger language plpgsql as $$ begin end $$;
-- after
create function watch() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watcher on ddl_command_end execute function watch();
