// SPDX-License-Identifier: MIT

package queueextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"runspan/collector/queueextension/internal/metadata"
)

// NewFactory returns the extension's factory.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{} },
		func(_ context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
			return &queues{directory: config.(*Config).Directory, log: set.Logger}, nil
		},
		metadata.ExtensionStability,
	)
}
