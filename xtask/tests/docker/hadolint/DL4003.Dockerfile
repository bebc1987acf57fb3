FROM debian:12
CMD ["a"]
FROM debian:12
CMD ["a"]
CMD ["b"]
CMD ["c"]
ONBUILD CMD ["d"]
