// SPDX-License-Identifier: MIT

package receiver

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// OTLPJSON encodes a request in the JSON of the OTLP specification. That is
// the JSON mapping of protobuf with two differences: enums are integers, which
// protojson can do, and trace and span ids are hex, which it cannot.
func OTLPJSON(req *coltracepb.ExportTraceServiceRequest) ([]byte, error) {
	b, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(req)
	if err != nil {
		return nil, err
	}
	// No number is rounded on the way through float64: those of 64-bit integers
	// are strings here.
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	if err := hexIDs(tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// hexIDs goes by member name alone. That is safe: in OTLP/JSON every member
// name is a field name, and an attribute's own name is a value, under "key".
func hexIDs(tree any) error {
	switch node := tree.(type) {
	case []any:
		for _, child := range node {
			if err := hexIDs(child); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, child := range node {
			if err := hexMember(node, name, child); err != nil {
				return err
			}
		}
	}
	return nil
}

func hexMember(node map[string]any, name string, child any) error {
	switch name {
	case "traceId", "spanId", "parentSpanId":
		id, err := base64.StdEncoding.DecodeString(child.(string))
		if err != nil {
			return err
		}
		node[name] = hex.EncodeToString(id)
		return nil
	default:
		return hexIDs(child)
	}
}
