#!/bin/bash
# The first start makes a database for POSTGRES_USER and runs /docker-entrypoint-initdb.d; each
# start runs PostgreSQL.
set -euo pipefail

if [ "${1:-}" != postgres ]; then
    exec "$@"
fi
if [ "$(id -u)" = 0 ]; then
    chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

secret() { # NAME: its value, or what the file NAME_FILE holds
    local file="$1_FILE"
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

# A volume of an older image: beside it, a new and empty database would look like lost data.
for old in /var/lib/postgresql/PG_VERSION /var/lib/postgresql/data/PG_VERSION; do
    if [ -e "$old" ]; then
        echo 'Error: in 18+, these Docker images are configured to store database data in a' >&2
        echo "       format which is compatible with pg_ctlcluster; there is an older one at $(dirname "$old")." >&2
        exit 1
    fi
done

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=$(secret POSTGRES_USER) password=$(secret POSTGRES_PASSWORD) database=$(secret POSTGRES_DB)
    user=${user:-postgres} database=${database:-$user}
    if [ -z "$password" ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        echo '       Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE.' >&2
        exit 1
    fi
    mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
    # shellcheck disable=SC2086 # several arguments in one variable, as in the public image
    initdb --username="$user" --pwfile=<(printf '%s\n' "$password") --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    # For the set-up it listens on its socket alone: nobody may take the half-made database for a
    # ready one.
    pg_ctl --wait --options="-c listen_addresses=''" start
    export PGUSER="$user"
    if [ "$database" != postgres ]; then
        printf 'create database :"name";\n' | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$database" postgres
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sql) psql --no-psqlrc --set=ON_ERROR_STOP=1 --file="$file" "$database" ;;
            *.sh) bash "$file" ;;
        esac
    done
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
