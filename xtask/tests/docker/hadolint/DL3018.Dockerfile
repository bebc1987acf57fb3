FROM alpine:3.20
RUN apk add --no-cache a=1 b~2 'c>3'
RUN apk add --no-cache a
RUN apk --no-cache add a=1
RUN apk add --no-cache -t deps a=1
RUN apk add --no-cache --virtual deps a
RUN apk add --no-cache --virtual=deps a=1
RUN apk add --no-cache ./a.apk
RUN apk add --no-cache -X https://example.com a=1
RUN apk del a
ONBUILD RUN apk add --no-cache a
