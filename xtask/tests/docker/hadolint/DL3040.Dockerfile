FROM fedora:40
RUN dnf install -y a-1
RUN dnf install -y a-1 && dnf clean all
RUN dnf upgrade -y
RUN microdnf install -y a-1 && dnf clean all
RUN dnf install -y a-1 && rm -rf /var/cache/libdnf5*
RUN --mount=type=cache,target=/var/cache/libdnf5 dnf install -y a-1
RUN --mount=type=tmpfs,target=/root/.cache/libdnf5 dnf install -y a-1
RUN dnf clean all && dnf reinstall -y a-1
RUN dnf remove -y a
ONBUILD RUN dnf install -y a-1
