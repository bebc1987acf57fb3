FROM debian:12.5 AS build
COPY src /src
RUN make /src
FROM scratch AS api
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
COPY --from=build /out/api /usr/bin/api
EXPOSE 8642
USER 10001
HEALTHCHECK CMD ["/usr/bin/api", "healthcheck"]
ENTRYPOINT ["/usr/bin/api"]
FROM scratch AS migrate
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
COPY --from=build /out/migrate /usr/bin/migrate
USER 10001
ENTRYPOINT ["/usr/bin/migrate"]
