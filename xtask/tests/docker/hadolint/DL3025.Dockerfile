FROM debian:12 AS a
CMD a b
FROM debian:12 AS b
ENTRYPOINT a
FROM debian:12
CMD ["a", "b"]
ENTRYPOINT [ "a" ]
FROM debian:12
HEALTHCHECK CMD curl x
FROM debian:12
HEALTHCHECK NONE
CMD ["a\"b"]
FROM debian:12
CMD [ -f a ]
FROM debian:12
ENTRYPOINT ["a" "b"]
FROM debian:12
CMD []
FROM debian:12
CMD ["C:\a\b.exe"]
FROM debian:12
CMD ["a", \
  "b"]
