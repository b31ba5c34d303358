# Both programs in one image; it serves unless another command is given:
#   docker build -t filemanager .
#   docker run -p 8000:8000 -e APP_AUTH=keys -v filemanager:/var/lib/filemanager filemanager

FROM node:20-bookworm-slim AS page
WORKDIR /page
COPY frontend/package.json frontend/package-lock.json ./
RUN npm install --no-save --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies are a layer of their own, built for stubs of every target that Cargo.toml names.
# It stays valid until Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    mkdir src && touch src/lib.rs \
    && sed -n 's/^path = "\(.*\.rs\)"$/\1/p' Cargo.toml >targets \
    && while read -r path; do mkdir -p "$(dirname "$path")" && echo 'fn main() {}' >"$path"; done <targets \
    && cargo build --release --locked --bin filemanager --bin filemanager-worker

# Cargo goes by the time of change, and a checkout may be older than the stubs.
COPY . .
COPY --from=page /page/out frontend/out
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    find src -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --bin filemanager --bin filemanager-worker

FROM debian:bookworm-slim
RUN groupadd --gid 10001 filemanager \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/filemanager \
        --shell /usr/sbin/nologin filemanager \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/filemanager
# The roots that https endpoints are checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/filemanager /build/target/release/filemanager-worker /usr/local/bin/

ENV APP_HOST=0.0.0.0 \
    APP_DATA_DIR=/var/lib/filemanager
# After the folder got its owner: what changes it later would be lost.
VOLUME /var/lib/filemanager
WORKDIR /var/lib/filemanager
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["filemanager", "health"]
CMD ["filemanager"]
