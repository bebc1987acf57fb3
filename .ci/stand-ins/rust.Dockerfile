# A substitute for the public rust image: Debian with a C linker and this machine's toolchain.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY bin /usr/local/bin
COPY lib /usr/local/lib
# The authorities and registries that this machine trusts and uses. A builder alone gets them.
COPY config/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY config/cargo /usr/local/cargo
ENV CARGO_HOME=/usr/local/cargo
RUN ldconfig && cargo --version && rustc --version
CMD ["bash"]
