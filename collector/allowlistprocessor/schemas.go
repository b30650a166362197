// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"runspan/internal/schema"
)

// load reads the schemas of the paths, which are files or folders of files, by service.
func load(paths []string) (map[string]*schema.Schema, error) {
	schemas := make(map[string]*schema.Schema)
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			// The JSON Schema of a schema, and the list of derived fields.
			if strings.HasSuffix(file, ".schema.json") || filepath.Base(file) == "derived.json" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			s, err := schema.Parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if _, ok := s.ResourceField("service.name"); !ok {
				return nil, fmt.Errorf("%s: the resource has no service.name, by which the schema of a report is found", file)
			}
			if schemas[s.Service] != nil {
				return nil, fmt.Errorf("%s: there is another schema for %s", file, s.Service)
			}
			schemas[s.Service] = s
		}
	}
	if len(schemas) == 0 {
		return nil, errors.New("no schema in any of the paths")
	}
	return schemas, nil
}
