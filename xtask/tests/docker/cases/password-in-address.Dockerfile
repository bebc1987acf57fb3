# expect CIS-DI-0010 at 3
FROM debian:12.5
ENV DATABASE_URL=postgres://squall:hunter2@db/squall
ENV OTHER_URL=postgres://squall@db/squall
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
