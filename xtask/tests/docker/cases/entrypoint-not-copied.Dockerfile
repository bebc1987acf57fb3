# expect SQ-D03 at 5
FROM debian:12.5 AS build
FROM scratch
COPY --from=build /a /usr/bin/api
ENTRYPOINT ["/usr/bin/worker"]
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
