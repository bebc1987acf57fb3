FROM node:22
RUN npm install
RUN npm install a
RUN npm install a@1 @scope/b@2
RUN npm install @scope/b
RUN npm install -g a@1 b
RUN npm install ./a /b ../c ~/d e.tgz
RUN npm install git+https://example.com/a.git
RUN npm install git+https://example.com/a.git#v1
RUN npm --loglevel warn install a
RUN npm --registry=https://example.com install a@1
RUN npm ci
RUN npm run install a
ONBUILD RUN npm install a
