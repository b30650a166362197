// SPDX-License-Identifier: MIT

package wine_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

// different are the fields that differ on every system: tests/stripepy/test_parity.py has
// the reasons. "": there is none.
var different = map[string]struct{ published, ours string }{
	"service.instance.id":      {`.+`, ``},
	"telemetry.sdk.language":   {`python`, `go`},
	"telemetry.sdk.version":    {`[0-9.]+`, `[0-9.]+`},
	"telemetry.distro.name":    {``, `runspan`},
	"telemetry.distro.version": {``, `[0-9.]+`},
}

// The resource of StripePy's adapter on Windows, field by field, is that of the published
// StripePy, which opentelemetry-python's detectors make, in the same interpreter. Both are
// pure Python; of the versions of dependencies they read what Linux has installed.
func TestStripePysResource(t *testing.T) {
	install(t)
	found, err := filepath.Glob(filepath.Join(host.Root, "build", "venv", "published", "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatalf("run ./build.sh test wine first: %v, %v", found, err)
	}
	for _, k := range kinds() {
		if !strings.HasPrefix(k.name, "CPython") {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			l := newLab(t, plain)
			out := l.run(t, false, []string{k.command[0], "-B", onWindows(filepath.Join(host.Root, "tests", "wine", "hosts", "stripepy_resource.py")),
				onWindows(filepath.Join(host.Root, "contrib", "stripepy", "telemetry.py"))},
				"RUNSPAN_ENDPOINT="+l.Endpoint(), "PYTHONPATH="+onWindows(site())+";"+onWindows(found[0]))
			var published map[string]string
			lines := strings.Split(strings.TrimSpace(out.printed), "\n") // StripePy's log, and what the host prints
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &published); err != nil {
				t.Fatalf("%+v: %v", out, err)
			}
			spans := l.Spans()
			if len(spans) != 1 {
				t.Fatalf("%d spans have arrived", len(spans))
			}
			ours := make(map[string]string)
			for _, a := range spans[0].Resource.GetAttributes() {
				ours[a.Key] = a.Value.GetStringValue()
			}
			keys := slices.Concat(slices.Collect(maps.Keys(published)), slices.Collect(maps.Keys(ours)))
			slices.Sort(keys)
			for _, key := range slices.Compact(keys) {
				want, ok := different[key]
				if !ok {
					want.published, want.ours = regexp.QuoteMeta(published[key]), regexp.QuoteMeta(published[key])
				}
				if !matches(want.published, published[key]) || !matches(want.ours, ours[key]) {
					t.Errorf("%s is %q, the published StripePy's %q", key, ours[key], published[key])
				}
			}
			if ours["os.type"] != "windows" || ours["host.arch"] != "AMD64" || ours["os.version"] == "" {
				t.Errorf("it is not Windows's: %v", ours)
			}
		})
	}
}

func matches(pattern, value string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(value)
}
