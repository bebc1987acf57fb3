# expect SQ-D04 at 7
# expect SQ-D04 at 8
# expect DL3025 at 8
FROM debian:12.5 AS build
FROM scratch
COPY --from=build /a /a
RUN /a --version
ENTRYPOINT /a
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
