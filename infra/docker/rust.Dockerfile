# The images of Squall's own processes. All programs are compiled by one cargo call in one stage, whatever target is
# asked for, so that `docker build` of the second target finds everything made.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
ENV CARGO_INCREMENTAL=0 \
    SQLX_OFFLINE=true
COPY . .
# Static programs need nothing of an image. The explicit target keeps the static flag from macros, which are libraries.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    target="$(rustc --version --verbose | sed -n 's/^host: //p')" \
    && export RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols' CARGO_PROFILE_RELEASE_DEBUG=0 \
    && cargo build --locked --release --target "$target" --workspace \
        --bin squall-api --bin squall-worker --bin squall-migrate --bin squall-backup --bin squall-demo \
    && mkdir /out \
    && cd "target/$target/release" \
    && cp squall-api squall-worker squall-migrate squall-backup squall-demo /out/

FROM scratch AS api
COPY --from=build /out/squall-api /squall-api
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/squall-api"]
CMD ["serve"]

FROM scratch AS worker
COPY --from=build /out/squall-worker /squall-worker
USER 65532:65532
ENTRYPOINT ["/squall-worker"]
CMD ["serve"]

FROM scratch AS migrate
COPY --from=build /out/squall-migrate /squall-migrate
USER 65532:65532
ENTRYPOINT ["/squall-migrate"]
CMD ["run"]
