# Builds dossiersync as one static file in an empty image.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/dossiersync ./cmd/dossiersync

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/dossiersync /dossiersync
USER 65532:65532
WORKDIR /etc/dossiersync
EXPOSE 8080 8081
ENTRYPOINT ["/dossiersync"]
CMD ["serve"]
