# A substitute for the public nginx image: Debian's package, with the same user and paths.
FROM debian:bookworm-slim
RUN groupadd --gid 101 nginx \
    && useradd --uid 101 --gid 101 --home-dir /nonexistent --shell /usr/sbin/nologin nginx \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled /etc/nginx/modules-enabled \
    && sed -i 's/^user .*/user nginx;/' /etc/nginx/nginx.conf
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
