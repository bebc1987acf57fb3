FROM debian:12 AS build
COPY --from=later /a /a
FROM debian:12
COPY --from=build /a /a
COPY --from=0 /a /a
COPY --from=1 /a /a
COPY --from=2 /a /a
COPY --from=debian:12 /a /a
COPY --from=debian /a /a
FROM debian:12 AS later
COPY --from=build /a /a
