# The images of Squall's own programs. One cargo call in one stage compiles all of them, so a second
# target finds everything built.

FROM rust:1.95-slim-bookworm AS source
WORKDIR /usr/share/squall
# The page loads two of Swagger UI's scripts; the others, two megabytes, are left empty.
RUN mkdir /swagger && touch /swagger/swagger-ui.js /swagger/swagger-ui-es-bundle.js /swagger/swagger-ui-es-bundle-core.js
ENV CARGO_INCREMENTAL=0 \
    SQLX_OFFLINE=true \
    SWAGGER_UI_OVERWRITE_FOLDER=/swagger
COPY .sqlx .sqlx
COPY migrations migrations
COPY crates crates
COPY tests tests
COPY api api
COPY worker worker
COPY infra/nginx infra/nginx
COPY Cargo.toml Cargo.lock ./

# A static program needs nothing from an image. The explicit target keeps the static flag away from
# procedural macros, which are dynamic libraries.
FROM source AS build
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=squall-target,target=/usr/share/squall/target,sharing=locked \
    target="$(rustc --print host-tuple)" \
    && export RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols -C link-arg=-Wl,-z,pack-relative-relocs' \
    && cargo build --locked --profile image --target "$target" --workspace \
        --bin squall-api --bin squall-worker --bin squall-migrate --bin squall-backup --bin squall-demo \
    && mkdir -p /out/bin \
    && for program in api worker migrate backup demo; do cp "target/$target/image/squall-$program" /out/bin/ || exit 1; done
# Folders that programs write to. A new volume takes the owner of the folder it covers, which
# COPY --chown sets.
RUN mkdir -p /out/watched /out/demo /out/backups

FROM scratch AS migrate
LABEL org.opencontainers.image.title="Squall migrate" \
      org.opencontainers.image.description="Brings the database to the schema of this version." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-migrate /squall-migrate
USER 65532:65532
# A job's exit code is its health.
HEALTHCHECK NONE
ENTRYPOINT ["/squall-migrate"]
CMD ["run"]

FROM scratch AS api
LABEL org.opencontainers.image.title="Squall api" \
      org.opencontainers.image.description="Accepts events and answers questions." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-api /squall-api
COPY --from=build --chown=65532:65532 /out/watched /watched
COPY --from=build --chown=65532:65532 /out/demo /demo
ENV SQUALL_LISTEN=0.0.0.0:8642
USER 65532:65532
EXPOSE 8642
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/squall-api", "healthcheck", "--ready"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/squall-api"]
CMD ["serve"]

FROM scratch AS worker
LABEL org.opencontainers.image.title="Squall worker" \
      org.opencontainers.image.description="Reads sources and digests events." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-worker /squall-worker
COPY --from=build --chown=65532:65532 /out/watched /watched
ENV SQUALL_HEALTH_LISTEN=0.0.0.0:8644
USER 65532:65532
EXPOSE 8644
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/squall-worker", "healthcheck", "--ready"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/squall-worker"]
CMD ["serve"]

# Certificate authorities come from a public image, because the builder may trust a proxy of its
# own.
FROM nginx:1.28-alpine-slim AS authorities

FROM scratch AS demo
LABEL org.opencontainers.image.title="Squall demo" \
      org.opencontainers.image.description="A realistic stream of logs, to try Squall with." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-demo /squall-demo
COPY --from=authorities /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/watched /watched
USER 65532:65532
# Nothing asks it: it works as long as it runs.
HEALTHCHECK NONE
ENTRYPOINT ["/squall-demo"]
CMD ["--help"]

# The compiled tests of the api, to run beside a database. The sources are included for the
# snapshots.
FROM source AS build-test
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV CARGO_PROFILE_DEV_DEBUG=0
COPY docs docs
COPY web/openapi.json web/openapi.json
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=squall-test,target=/usr/share/squall/target,sharing=locked \
    target="$(rustc --print host-tuple)" \
    && export RUSTFLAGS='-C target-feature=+crt-static' \
    && cargo test --locked --no-run --target "$target" --package squall-api 2>&1 | tee /tmp/compiled \
    && mkdir -p /out/tests "/out/target/$target/debug" \
    && cp "target/$target/debug/squall-api" "/out/target/$target/debug/" \
    && sed -n 's/.*Executable .*(\(.*\))$/\1/p' /tmp/compiled | xargs -I{} cp {} /out/tests/ \
    && test -n "$(ls /out/tests)"

# Some tests start a Redis of their own.
FROM redis:7.2-alpine AS api-test
LABEL org.opencontainers.image.title="Squall api tests" \
      org.opencontainers.image.description="The tests of the api, for a stack in containers." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
WORKDIR /usr/share/squall/api
COPY docs/reference/configuration.md /usr/share/squall/docs/reference/configuration.md
COPY --from=build-test /usr/share/squall/api /usr/share/squall/api
COPY --from=build-test /out/tests /tests
# A test runs the program from where cargo put it.
COPY --from=build-test /out/target /usr/share/squall/target
COPY --chmod=755 infra/docker/api-test.sh /usr/local/bin/api-test
ENV CARGO_MANIFEST_DIR=/usr/share/squall/api \
    INSTA_WORKSPACE_ROOT=/usr/share/squall \
    INSTA_UPDATE=no
USER 65532:65532
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/api-test"]

# Backups and migrations. PostgreSQL's image brings pg_dump and the other programs in the server's
# own version, and takes no extra space where the server runs.
FROM pgvector/pgvector:0.8.1-pg18 AS ops
LABEL org.opencontainers.image.title="Squall ops" \
      org.opencontainers.image.description="Backups and migrations, with PostgreSQL's programs." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-backup /out/bin/squall-migrate /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/backups /backups
ENV SQUALL_BACKUP_TO=/backups \
    HOME=/tmp
WORKDIR /tmp
USER 65532:65532
# A command ends on its own; only `squall-backup schedule` keeps running, and Compose checks that
# one.
HEALTHCHECK NONE
STOPSIGNAL SIGTERM
# The base's entrypoint runs the command that it is given: squall-backup or squall-migrate.
CMD ["squall-backup", "--help"]
