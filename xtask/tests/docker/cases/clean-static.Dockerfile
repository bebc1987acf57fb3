ARG RUST=1.95
FROM rust:${RUST}-slim-bookworm AS build
WORKDIR /src
COPY --chown=10001:10001 . .
RUN --mount=type=cache,target=/usr/local/cargo/registry cargo build --release --locked

FROM scratch AS api
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
COPY --from=build /src/target/release/squall-api /usr/bin/squall-api
EXPOSE 8642
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=3s CMD ["/usr/bin/squall-api", "healthcheck"]
ENTRYPOINT ["/usr/bin/squall-api"]
