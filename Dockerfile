# sheetwire:      docker build -t sheetwire .
# the emulator:   docker build -t sheets-emulator --target emulator .

FROM rust:1-bookworm AS builder
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# Without the feature `testing`: its doorways have no place in an image.
RUN cargo build --locked --release --bin sheetwire --bin sheets-emulator

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 65532 sheetwire \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sheetwire
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/sheetwire/

# The emulator makes its service-account key with the openssl program.
FROM runtime AS emulator
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssl \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0700 /run/service-account
COPY --from=builder /build/target/release/sheets-emulator /usr/local/bin/
USER 65532:65532
EXPOSE 8090
# One request by hand: the image has no HTTP client and needs none.
HEALTHCHECK --interval=3s --timeout=5s --start-period=30s --retries=5 \
    CMD ["timeout", "4", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8090 && printf 'GET /emulator/spreadsheets HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && IFS= read -r line <&3 && [[ $line == 'HTTP/1.1 200 '* ]]"]
ENTRYPOINT ["sheets-emulator"]
CMD ["--listen", "127.0.0.1:8090"]

# Last, so that it is what a build without --target makes.
FROM runtime AS sheetwire
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/sheetwire /run/service-account \
    && install -d /etc/sheetwire
COPY --from=builder /build/target/release/sheetwire /usr/local/bin/
USER 65532:65532
VOLUME /var/lib/sheetwire
# Fails while no pipeline runs, a table is set aside or a spreadsheet refuses us.
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 \
    CMD ["sheetwire", "status", "--health", "--config", "/etc/sheetwire/sheetwire.toml"]
ENTRYPOINT ["sheetwire"]
CMD ["run", "--config", "/etc/sheetwire/sheetwire.toml"]
