// SPDX-License-Identifier: MIT

package privacy_test

import (
	"slices"
	"strings"
)

// place is somewhere where a user has something that is nobody else's business,
// and a row of the table. Each of its keys has a canary of its own.
type place struct {
	name string
	// keys are what hosts_test.go and the hosts' arguments put there, where a host
	// has such a thing. Those in backquotes are in the table.
	keys []string
	// variables are lines of NAME=VALUE, which are keys too. In a value stand, for
	// the canary itself, @, and # for one of nine digits; others are in cage.fill.
	// Lines that begin with ! are for the second environment alone, because they
	// override others; lines that begin with ? for runspan's hosts alone.
	variables string
	// published is where StripePy as published has the canaries, runspan where
	// its hosts have them: nowhere, but by intent.
	published, runspan where
}

// places are all of them. The variables of OpenTelemetry are those of its
// specification (Environment Variable Specification; OpenTelemetry Protocol
// Exporter; Environment Variables as Context Propagation Carriers), of its Go SDK
// and of its Python SDK. OTEL_SDK_DISABLED would turn telemetry off.
var places = []place{
	{
		variables: `
OTEL_EXPORTER_OTLP_HEADERS=api-key=@
! OTEL_EXPORTER_OTLP_TRACES_HEADERS=api-key=@`,
		published: inHead,
	},
	{
		variables: `OTEL_RESOURCE_ATTRIBUTES=user=@`,
		published: inBody,
	},
	{
		variables: `
OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE={certificate}
! OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE={certificate}`,
		published: inCertificate,
	},
	{
		variables: `
OTEL_EXPORTER_OTLP_CERTIFICATE={authority}
OTEL_EXPORTER_OTLP_CLIENT_KEY={key}
OTEL_EXPORTER_OTLP_COMPRESSION=@
OTEL_EXPORTER_OTLP_ENDPOINT={url}
OTEL_EXPORTER_OTLP_INSECURE=@
OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE={authority}
OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE={certificate}
OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY={key}
OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=@
OTEL_EXPORTER_OTLP_LOGS_ENDPOINT={url}
OTEL_EXPORTER_OTLP_LOGS_HEADERS=api-key=@
OTEL_EXPORTER_OTLP_LOGS_INSECURE=@
OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=@
OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=#
OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE={authority}
OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE={certificate}
OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY={key}
OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=@
OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=@
OTEL_EXPORTER_OTLP_METRICS_ENDPOINT={url}
OTEL_EXPORTER_OTLP_METRICS_HEADERS=api-key=@
OTEL_EXPORTER_OTLP_METRICS_INSECURE=@
OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=@
OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=@
OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=#
OTEL_EXPORTER_OTLP_PROTOCOL=@
OTEL_EXPORTER_OTLP_SPAN_INSECURE=@
OTEL_EXPORTER_OTLP_METRIC_INSECURE=@
OTEL_EXPORTER_OTLP_TIMEOUT=#
! OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE={authority}
! OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY={key}
! OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=@
! OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={url}
! OTEL_EXPORTER_OTLP_TRACES_INSECURE=@
! OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=@
! OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=#`,
	},
	{
		variables: `
OTEL_ENTITIES=service{user=@}
OTEL_LOG_LEVEL=@
OTEL_PROPAGATORS=@
OTEL_SERVICE_NAME=@
OTEL_TRACES_SAMPLER=jaeger_remote@
OTEL_TRACES_SAMPLER_ARG=endpoint={url},pollingIntervalMs=5000
TRACEPARENT=00-{hex}-00f067aa0ba902b7-01
TRACESTATE=user=@
BAGGAGE=user=@`,
	},
	{
		variables: `
OTEL_ATTRIBUTE_COUNT_LIMIT=#
OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=#
OTEL_BLRP_EXPORT_TIMEOUT=#
OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=#
OTEL_BLRP_MAX_QUEUE_SIZE=9#
OTEL_BLRP_SCHEDULE_DELAY=#
OTEL_BSP_EXPORT_TIMEOUT=#
OTEL_BSP_MAX_EXPORT_BATCH_SIZE=#
OTEL_BSP_MAX_QUEUE_SIZE=9#
OTEL_BSP_SCHEDULE_DELAY=#
OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=#
OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=#
OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=#
OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=#
OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=#
OTEL_SPAN_ATTRIBUTE_VALUE_DEPTH_LIMIT=#
OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=#
OTEL_SPAN_EVENT_COUNT_LIMIT=#
OTEL_SPAN_LINK_COUNT_LIMIT=#`,
	},
	{
		variables: `
OTEL_CONFIG_FILE={config}
OTEL_EXPERIMENTAL_CONFIG_FILE={config}
OTEL_EXPORTER_JAEGER_AGENT_HOST=@.example
OTEL_EXPORTER_JAEGER_ENDPOINT={url}
OTEL_EXPORTER_JAEGER_PASSWORD=@
OTEL_EXPORTER_JAEGER_USER=@
OTEL_EXPORTER_PROMETHEUS_HOST=@.example
OTEL_EXPORTER_ZIPKIN_ENDPOINT={url}
OTEL_EXPORTER_ZIPKIN_PROTOCOL=@
OTEL_EXPORTER_ZIPKIN_TIMEOUT=#
OTEL_LOGS_EXPORTER=@
OTEL_METRICS_EXEMPLAR_FILTER=@
OTEL_METRICS_EXPORTER=@
OTEL_METRIC_EXPORT_INTERVAL=#
OTEL_METRIC_EXPORT_TIMEOUT=#
OTEL_TRACES_EXPORTER=@`,
	},
	{
		variables: `
OTEL_GO_X_CARDINALITY_LIMIT=#
OTEL_GO_X_METRIC_EXPORT_BATCH_SIZE=#
OTEL_GO_X_OBSERVABILITY=@
OTEL_GO_X_PER_SERIES_START_TIMESTAMPS=@
OTEL_GO_X_RESOURCE=@
OTEL_GO_X_SELF_OBSERVABILITY=@
OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=@
OTEL_PYTHON_CONTEXT=@
OTEL_PYTHON_ID_GENERATOR=@
OTEL_PYTHON_LOGGER_CONFIGURATOR=@
OTEL_PYTHON_LOGGER_PROVIDER=@
OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=@
OTEL_PYTHON_METER_CONFIGURATOR=@
OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=@
OTEL_PYTHON_TRACER_CONFIGURATOR=@
OTEL_PYTHON_TRACER_PROVIDER=@
OTEL_RESOURCE_LABELS=user=@
OTEL_SEMCONV_STABILITY_OPT_IN=@`,
	},
	{
		name: "with which StripePy as published sends nothing",
		variables: `
? OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_HTTP_LOGS_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_GRPC_LOGS_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_GRPC_METRICS_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_EXPORTER_OTLP_GRPC_TRACES_CREDENTIAL_PROVIDER=@
? OTEL_PYTHON_METER_PROVIDER=@`,
	},
	{
		name:      "name and password for the proxy",
		variables: "HTTPS_PROXY={proxy}\n! https_proxy={proxy}",
		published: atProxy,
		runspan:   atProxy,
	},
	{
		variables: `
ALL_PROXY={other proxy}
HTTP_PROXY={other proxy}
NO_PROXY=@.example
! all_proxy={other proxy}
! http_proxy={other proxy}
! no_proxy=@.example`,
	},
	{
		name:      "name and password for every host",
		keys:      []string{"`~/.netrc`"},
		variables: "! NETRC={netrc}",
		published: inHead,
	},
	{
		name:      "a file for the keys of TLS",
		variables: "SSLKEYLOGFILE={file}",
		published: onDisk,
	},
	{
		name:      "domain for short names of hosts",
		variables: "! LOCALDOMAIN=@.example",
		published: atNameServer,
	},
	{
		name:      "domain for short names of hosts, the system's",
		keys:      []string{"`/etc/resolv.conf`"},
		published: atNameServer,
	},
	{
		// But GOMAXPROCS, a small number.
		name: "what else Go and its libraries read",
		variables: `
ASR_CONFIG={file}
DEBUG_HTTP2_GOROUTINES=@
GOCOVERDIR={folder}
GODEBUG=@=1
GOGC=#
GOMEMLIMIT=9#
GOROOT={folder}
GOTRACEBACK=@
HOSTALIASES={file}
REQUEST_METHOD=@
RES_OPTIONS=@
SSL_CERT_DIR={folder}
SSL_CERT_FILE={authority}
XDG_CACHE_HOME={folder}
XDG_CONFIG_HOME={folder}
ZONEINFO={file}`,
	},
	{
		name:      "certificates of Python's libraries",
		variables: "CURL_CA_BUNDLE={authority}\nREQUESTS_CA_BUNDLE={authority}",
	},
	{
		name: "who works where, and on what",
		variables: `
AWS_ACCESS_KEY_ID=@
AWS_LAMBDA_FUNCTION_NAME=@
AWS_SECRET_ACCESS_KEY=@
CONDA_PREFIX={folder}
GITHUB_ACTOR=@
GITHUB_REPOSITORY=@
HOSTNAME=@
KUBERNETES_SERVICE_HOST=@
LSB_JOBNAME=@
MAIL={file}
PBS_JOBNAME=@
PBS_O_HOST=@
SLURM_JOB_NAME=@
SLURM_JOB_USER=@
SLURM_SUBMIT_DIR={folder}
SLURM_SUBMIT_HOST=@
SSH_CLIENT=@
SSH_CONNECTION=@
SUDO_USER=@
VIRTUAL_ENV={folder}`,
	},
	{name: "name of the host", keys: []string{"host name", "`/etc/hostname`"}},
	{
		name:      "name of the host, id of the machine and path of the program, with `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=process,host,os`",
		keys:      []string{"detected host name", "detected machine id", "detected program"},
		published: inBody,
	},
	{name: "name of the user", keys: []string{"`/etc/passwd`"}, variables: "LOGNAME=@\nUSER=@\nUSERNAME=@"},
	{name: "ids of the machine, of its network cards, and of this boot", keys: []string{"`/etc/machine-id`", "real machine id", "hardware addresses", "boot id", "half boot id"}},
	{name: "home folder, working folder, folders for temporary files and for state", keys: []string{"HOME", "PWD", "TMPDIR", "XDG_STATE_HOME"}},
	{name: "language", variables: "LANG=@\nLANGUAGE=@\nLC_ALL=@\nLC_COLLATE=@\nLC_CTYPE=@\nLC_MESSAGES=@\nLC_NUMERIC=@\nLC_TIME=@"},
	{name: "time zone", variables: "TZ=<@>-3"},
	{name: "path of the program, paths of files that it reads and writes", keys: []string{"program", "input", "output", "log file"}},
	{name: "the name given to `stripepy download`", keys: []string{"dataset"}, published: inBody},
	{name: "text of an exception", keys: []string{"message"}},
	{name: "type of an exception that the schema does not list", keys: []string{"exception type"}},
	{name: "name of a span, key or value that the schema does not allow", keys: []string{"span name", "attribute", "value"}},
}

// variable is a line of a place's.
type variable struct {
	name, value string
	second      bool // of the second environment alone
	runspan     bool // of runspan's hosts alone
}

func (p place) lines() (all []variable) {
	for line := range strings.Lines(p.variables) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		rest, second := strings.CutPrefix(line, "! ")
		rest, runspan := strings.CutPrefix(rest, "? ")
		name, value, _ := strings.Cut(rest, "=")
		all = append(all, variable{name, value, second, runspan})
	}
	return all
}

// allKeys are the keys, and the names of the variables.
func (p place) allKeys() []string {
	all := slices.Clone(p.keys)
	for _, v := range p.lines() {
		all = append(all, v.name)
	}
	return all
}

// title is the place's cell in the table.
func (p place) title() string {
	var names []string
	for _, key := range p.keys {
		if strings.HasPrefix(key, "`") {
			names = append(names, key)
		}
	}
	for _, v := range p.lines() {
		names = append(names, "`"+v.name+"`")
	}
	list := strings.Join(names, ", ")
	if p.name == "" || list == "" {
		return p.name + list
	}
	return p.name + ": " + list
}
