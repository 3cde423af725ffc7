# syntax=docker/dockerfile:1
# Two images: `sheetwire` (the default, with both programs) and `relay`, which only the demo needs.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The target folder is a cache that is not part of the image, so the programs are copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bins \
    && install -D -t /out target/release/sheetwire target/release/sheets-emulator

# The demo publishes the emulator's web grid, which talks to its own machine only: this passes connections on
# from the published port to the loopback address they share.
FROM debian:bookworm-slim AS relay
RUN apt-get update \
    && apt-get install -y --no-install-recommends socat \
    && rm -rf /var/lib/apt/lists/*
USER 65534:65534
ENTRYPOINT ["socat"]

FROM debian:bookworm-slim AS sheetwire
# libssl3: the parser of MariaDB positions brings it along. Certificates and zones are the system's.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sheetwire \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sheetwire --shell /usr/sbin/nologin sheetwire \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/sheetwire /run/google
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
WORKDIR /var/lib/sheetwire
VOLUME /var/lib/sheetwire
STOPSIGNAL SIGTERM
# Well: the pipeline runs, no table is set aside and no spreadsheet refuses. The first copy may take a while.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["sheetwire", "status", "--health", "--config", "/etc/sheetwire/sheetwire.toml"]
ENTRYPOINT ["sheetwire"]
CMD ["run", "--config", "/etc/sheetwire/sheetwire.toml"]
