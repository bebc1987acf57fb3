# expect CIS-DI-0008 at 4
# expect CIS-DI-0008 at 5
FROM debian:12.5
RUN chmod u+s /bin/a && install -m 4755 b /c
COPY --chmod=2755 a /a
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
