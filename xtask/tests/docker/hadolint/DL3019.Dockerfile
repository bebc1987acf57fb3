FROM alpine:3.20
RUN apk add a=1
RUN apk add --no-cache a=1
RUN apk --no-cache add a=1
RUN --mount=type=cache,target=/var/cache/apk apk add a=1
RUN --mount=type=bind,target=/var/cache/apk apk add a=1
RUN apk update
ONBUILD RUN apk add a=1
