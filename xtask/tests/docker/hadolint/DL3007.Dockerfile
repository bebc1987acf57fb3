FROM debian:latest
FROM debian:latest AS x
FROM debian:latest@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
FROM debian:latest-slim
FROM registry.example:5000/debian:latest
