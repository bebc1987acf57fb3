FROM fedora:40
ARG V=1
RUN dnf install -y a && dnf clean all
RUN dnf install -y a-1.2-3.fc40 && dnf clean all
RUN microdnf install -y a-devel && microdnf clean all
RUN dnf install -y a-${V} && dnf clean all
RUN dnf module install -y a:1 && dnf clean all
RUN dnf module install -y a && dnf clean all
RUN dnf group install -y a && dnf clean all
RUN dnf install -y https://example.com/a-1.rpm && dnf clean all
ONBUILD RUN dnf install -y a && dnf clean all
