FROM node:22 AS base
RUN yarn install
FROM base AS next
RUN yarn install && yarn cache clean
RUN yarn cache clean && yarn install
RUN --mount=type=cache,target=/root/.cache/yarn yarn install
RUN yarn install --frozen-lockfile
RUN yarn add a
ONBUILD RUN yarn install
