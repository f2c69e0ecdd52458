# syntax=docker/dockerfile:1
# Builds dossiersync, or with --target simulator the care record simulator, as one static
# file in an empty image. The same source and toolchain give the same bytes as make dist.
# To pin the toolchain's image too, name it by digest (deploy/pin-images prints it):
# --build-arg BUILDER=golang:1.26-bookworm@sha256:…
ARG BUILDER=golang:1.26-bookworm

FROM ${BUILDER} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The version has to be given, because .git is not copied.
ARG VERSION=devel
ARG REVISION=unknown
RUN make -s binaries OUT=/out VERSION="${VERSION}" REVISION="${REVISION}" && mkdir /data

FROM scratch AS simulator
ARG VERSION=devel
ARG REVISION=unknown
# https://specs.opencontainers.org/image-spec/annotations/
LABEL org.opencontainers.image.title="carerecordsim" \
	org.opencontainers.image.description="A care record system (FHIR R4) with fictional dossiers" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.base.name="scratch"
COPY --from=build /out/carerecordsim /carerecordsim
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/carerecordsim"]
CMD ["--listen", ":9090"]

FROM scratch AS dossiersync
ARG VERSION=devel
ARG REVISION=unknown
# https://specs.opencontainers.org/image-spec/annotations/
LABEL org.opencontainers.image.title="dossiersync" \
	org.opencontainers.image.description="Keeps client portals in step with care records" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.base.name="scratch"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/dossiersync /dossiersync
COPY --from=build --chown=65532:65532 /data /var/lib/dossiersync
USER 65532:65532
# Mount dossiersync.yaml here, with data_dir: /var/lib/dossiersync.
WORKDIR /etc/dossiersync
EXPOSE 8080 8081
# Checks the process only: a restart does not help if the database is down.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/dossiersync", "health"]
ENTRYPOINT ["/dossiersync"]
CMD ["serve"]
