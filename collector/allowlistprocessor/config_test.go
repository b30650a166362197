// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"testing"

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
		"allowlist/default": {Schemas: []string{"stripepy.json"}},
		"allowlist/all":     {Schemas: []string{"schemas", "other.json"}},
	}
	require.Len(t, all.ToStringMap(), len(expected)+1)
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
