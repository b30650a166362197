// SPDX-License-Identifier: MIT

package gateextension

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
		"gate/default": {PerMinute: 3000, BodyBytes: 1 << 20, Messages: 65536, MemoryMegabytes: 64, AtOnce: 16},
		"gate/all":     {PerMinute: 0, BodyBytes: 2 << 20, Messages: 1000, MemoryMegabytes: 32, AtOnce: 4, Certificate: CertificateConfig{"tls.crt", "tls.key", "pair.pem"}},
	}
	require.Len(t, all.ToStringMap(), len(expected)+6)
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
