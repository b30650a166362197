#!/usr/bin/env bash
# What the library weighs, and what the stand-ins for gRPC save: the same core, built without them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

weigh() { printf '%-44s %10d bytes %9d gzipped\n' "$1" "$(stat -c %s "$2")" "$(gzip -9c "$2" | wc -c)"; }

cp go.mod build/with-grpc.mod
cp go.sum build/with-grpc.sum
go mod edit -modfile=build/with-grpc.mod -dropreplace=google.golang.org/grpc -dropreplace=github.com/grpc-ecosystem/grpc-gateway/v2
GOFLAGS=-mod=mod go build -modfile=build/with-grpc.mod -buildmode=c-shared -trimpath -tags nethttpomithttp2,netgo,osusergo,grpcnotrace \
    -ldflags='-s -w' -gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/runtime/...= -gcflags=runspan/...= \
    -o build/with-grpc.so ./capi

weigh "librunspan-core.so" build/lib/librunspan-core.so
weigh "librunspan-core.so with gRPC itself" build/with-grpc.so
weigh "librunspan.so" build/lib/librunspan.so
