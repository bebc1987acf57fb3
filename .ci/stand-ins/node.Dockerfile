# A substitute for the public node image: Debian with this machine's node and npm.
FROM debian:bookworm-slim
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
# The authorities and the registry that this machine trusts and uses. A builder alone gets them.
COPY config/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY config/npm /usr/local/etc
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
    && npm --version
CMD ["node"]
