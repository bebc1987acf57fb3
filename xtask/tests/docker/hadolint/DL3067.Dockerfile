FROM debian:12 AS build
FROM debian:12
COPY --from=build / /
COPY --from=build / /x
COPY --from=build /a /
COPY --from=build "/" '/'
COPY / /
