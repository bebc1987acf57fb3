ARG V=1
FROM debian
FROM debian AS build
FROM build
FROM scratch
FROM debian@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
FROM $IMAGE
FROM registry.example/a/b
FROM registry.example:5000/a/b:1
FROM debian:${V:-12}
FROM ${V:-debian}
FROM Build
