# syntax=docker/dockerfile:1
# Builds dossiersync, and with --target simulator the care record simulator, as one
# static file in an empty image. The same source and toolchain give the same file as
# `make dist`, byte for byte. To pin the toolchain's image too, give it by digest:
# --build-arg BUILDER=golang:1.26-bookworm@sha256:…
ARG BUILDER=golang:1.26-bookworm

FROM ${BUILDER} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# .git stays outside: say what is built.
ARG VERSION=devel
ARG REVISION=unknown
RUN make -s binaries OUT=/out VERSION="${VERSION}" REVISION="${REVISION}" && mkdir /data

FROM scratch AS simulator
COPY --from=build /out/carerecordsim /carerecordsim
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/carerecordsim"]
CMD ["--listen", ":9090"]

FROM scratch AS dossiersync
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/dossiersync /dossiersync
COPY --from=build --chown=65532:65532 /data /var/lib/dossiersync
USER 65532:65532
# dossiersync.yaml is mounted here; its data_dir should be /var/lib/dossiersync.
WORKDIR /etc/dossiersync
EXPOSE 8080 8081
# Whether the process answers; a database that is down is no reason to restart it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/dossiersync", "health"]
ENTRYPOINT ["/dossiersync"]
CMD ["serve"]
