FROM golang:1.22
RUN go install example.com/a
RUN go install example.com/a@v1
RUN go install example.com/a@latest
RUN go get example.com/a@none
RUN go run example.com/a b c
RUN go run example.com/a@v1 b c
RUN go install ./...
RUN go install .
RUN go build example.com/a
RUN go get -tool example.com/a@v1
RUN go install -v example.com/a@v1
ONBUILD RUN go install example.com/a
