FROM fedora:40
RUN dnf install a-1 && dnf clean all
RUN dnf install -y a-1 && dnf clean all
RUN microdnf install a-1 && microdnf clean all
RUN dnf --assumeyes install a-1 && dnf clean all
RUN dnf upgrade
ONBUILD RUN dnf install a-1 && dnf clean all
