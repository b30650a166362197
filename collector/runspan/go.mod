// The part of runspan that the collector shares, the schemas' reader, with no more than it needs: the core's go.mod asks
// for a later SDK of OpenTelemetry than the collector is made for.
module runspan

go 1.26.0

require google.golang.org/protobuf v1.36.11
