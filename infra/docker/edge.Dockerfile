# The edge: nginx with the built dashboard, configured by squall-edge. The only image with a
# published port.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked \
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY web ./
COPY infra/docker/precompress.mjs /src/
RUN npm run --silent build && node /src/precompress.mjs dist

# squall-edge needs little of the workspace: it compiles in seconds, apart from rust.Dockerfile's
# build.
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

FROM source AS build
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=squall-edge-target,target=/usr/share/squall/target,sharing=locked \
    target="$(rustc --print host-tuple)" \
    && export RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols -C link-arg=-Wl,-z,pack-relative-relocs' \
    && cargo build --locked --profile image --target "$target" --package squall-edge \
    && mkdir -p /out/bin \
    && cp "target/$target/image/squall-edge" /out/bin/

FROM nginx:1.28-alpine-slim AS edge
LABEL org.opencontainers.image.title="Squall edge" \
      org.opencontainers.image.description="nginx with the dashboard of Squall: the one published port." \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin/squall-edge /usr/local/bin/squall-edge
COPY --from=web /src/web/dist /usr/share/squall/web
USER 65532:65532
EXPOSE 8080 8443
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/local/bin/squall-edge", "healthcheck"]
# On SIGQUIT, nginx finishes requests under way before it exits.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/usr/local/bin/squall-edge"]
CMD ["run"]
