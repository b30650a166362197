// SPDX-License-Identifier: MIT

package journalexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// A configuration is read as it is written, over what is the default; one that
// makes no sense is refused.
func TestConfig(t *testing.T) {
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	expected := map[string]*Config{
		"journal/default": {Path: "spans.json", MaxMegabytes: 64, MaxAge: time.Hour, Sync: true},
		"journal/all":     {Path: "/var/lib/runspan/otlp/spans.json", MaxMegabytes: 8, MaxAge: 10 * time.Minute},
	}
	require.Len(t, all.ToStringMap(), len(expected)+3)
	for name := range all.ToStringMap() {
		t.Run(name, func(t *testing.T) {
			section, err := all.Sub(name)
			require.NoError(t, err)
			config := NewFactory().CreateDefaultConfig()
			require.NoError(t, section.Unmarshal(config))
			if want, ok := expected[name]; ok {
				require.Equal(t, want, config)
				require.NoError(t, confmap.Validate(config))
			} else {
				require.Error(t, confmap.Validate(config))
			}
		})
	}
}
