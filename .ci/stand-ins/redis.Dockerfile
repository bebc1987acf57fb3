# A substitute for the public redis image: Debian's package, with the same user and command.
FROM debian:bookworm-slim
RUN groupadd --gid 1000 redis \
    && useradd --uid 999 --gid 1000 --home-dir /data --shell /usr/sbin/nologin redis \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* /etc/redis \
    && mkdir -p /data && chown redis:redis /data
WORKDIR /data
VOLUME /data
USER 999:1000
EXPOSE 6379
CMD ["redis-server"]
