FROM debian:12 AS build
COPY --from=build /a /a
FROM debian:12 AS end
COPY --from=build /a /a
COPY --from=end /a /a
FROM debian:12
COPY --from=build /a /a
