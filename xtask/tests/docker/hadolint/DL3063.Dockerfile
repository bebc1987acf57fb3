FROM debian:12 AS scratch
FROM debian:12 AS context
FROM debian:12 AS contexts
FROM debian:12 AS Scratch
