# One small image, one binary, no shell, not root.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package gateway --bin portcullis

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis
# Mount: /etc/portcullis (settings, agreements, keys; read-only) and /var/lib/portcullis (state).
VOLUME ["/var/lib/portcullis"]
EXPOSE 8443 2575
USER nonroot
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve", "--config", "/etc/portcullis/portcullis.toml"]
