# A substitute for pgvector's image: PostgreSQL 18 and pgvector from Debian's next release, with the
# same user, paths and variables. The entrypoint does the part of the public one that Squall uses.
FROM debian:bookworm-slim
RUN groupadd --gid 999 postgres \
    && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres \
    && mirror="$(grep -rhoEm1 '[a-z]+://[^ ]+/debian' /etc/apt)" \
    && echo "deb $mirror forky main" > /etc/apt/sources.list.d/forky.list \
    && apt-get -o Acquire::Check-Valid-Until=false update \
    && mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        --option=Dpkg::Options::=--force-overwrite --target-release=forky \
        postgresql-18 postgresql-18-pgvector \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt \
    && rm -f /etc/apt/sources.list.d/forky.list \
    && sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" /usr/share/postgresql/18/postgresql.conf.sample \
    && mkdir -p /docker-entrypoint-initdb.d /var/run/postgresql /var/lib/postgresql \
    && chown postgres:postgres /var/run/postgresql /var/lib/postgresql \
    && chmod 1777 /var/lib/postgresql && chmod 1777 /var/run/postgresql
COPY --chmod=755 postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/18/bin \
    PG_MAJOR=18 \
    PGDATA=/var/lib/postgresql/18/docker \
    LANG=C.UTF-8
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
