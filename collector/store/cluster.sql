-- SPDX-License-Identifier: MIT
-- For a ClickHouse cluster: clickhouse-client --multiquery <cluster.sql. Made by python -m runspan_store.tables.
-- The servers have the macros cluster, shard and replica, and a storage policy named encrypted.
-- Rows go into runspan.spans_everywhere (python -m runspan_store.rows makes them); queries/*.sql read runspan.spans.

CREATE DATABASE IF NOT EXISTS runspan ON CLUSTER '{cluster}';

CREATE TABLE IF NOT EXISTS runspan.spans_stored ON CLUSTER '{cluster}'
(
    `Sample Rate` Int64,
    `aborted` Nullable(Bool),
    `dependency.h5py.version` LowCardinality(Nullable(String)),
    `dependency.hictkpy.version` LowCardinality(Nullable(String)),
    `dependency.numpy.version` LowCardinality(Nullable(String)),
    `dependency.packaging.version` LowCardinality(Nullable(String)),
    `dependency.pandas.version` LowCardinality(Nullable(String)),
    `dependency.scipy.version` LowCardinality(Nullable(String)),
    `dependency.structlog.version` LowCardinality(Nullable(String)),
    `duration_ms` Nullable(Float64),
    `exception.escaped` LowCardinality(Nullable(String)),
    `exception.message` LowCardinality(Nullable(String)),
    `exception.stacktrace` LowCardinality(Nullable(String)),
    `exception.type` LowCardinality(Nullable(String)),
    `host.arch` LowCardinality(Nullable(String)),
    `library.name` LowCardinality(String),
    `meta.signal_type` LowCardinality(String),
    `name` LowCardinality(String),
    `os.type` LowCardinality(Nullable(String)),
    `os.version` LowCardinality(Nullable(String)),
    `params.coefficient_of_variation_threshold` Nullable(Float64),
    `params/columns` Array(String),
    `params.constrain_heights` Nullable(Bool),
    `params.contact_map_format` LowCardinality(Nullable(String)),
    `params.contact_map_raw_interactions` Nullable(Bool),
    `params.contact_map_resolution` Nullable(Int64),
    `params.dataset_format` LowCardinality(Nullable(String)),
    `params.dataset_name` LowCardinality(Nullable(String)),
    `params.end2end_test` Nullable(Bool),
    `params.genomic_belt` Nullable(Int64),
    `params.glob_pers_min` Nullable(Float64),
    `params.highlight_seeds` Nullable(Bool),
    `params.highlight_stripes` Nullable(Bool),
    `params.k` Nullable(Int64),
    `params.list_only` Nullable(Bool),
    `params.loc_pers_min` Nullable(Float64),
    `params.loc_trend_min` Nullable(Float64),
    `params.low_memory` Nullable(Bool),
    `params.max_width` Nullable(Int64),
    `params.nproc` Nullable(Int64),
    `params.relative_change_threshold` Nullable(Float64),
    `params.result_file_format_version` LowCardinality(Nullable(String)),
    `params.unit_test` Nullable(Bool),
    `process.runtime.description` LowCardinality(Nullable(String)),
    `process.runtime.name` LowCardinality(Nullable(String)),
    `process.runtime.version` LowCardinality(Nullable(String)),
    `service.name` LowCardinality(String),
    `service.version` LowCardinality(Nullable(String)),
    `span.kind` LowCardinality(String),
    `span.num_events` Int64,
    `span.num_links` Int64,
    `status_code` Int64,
    `telemetry.distro.name` LowCardinality(Nullable(String)),
    `telemetry.distro.version` LowCardinality(Nullable(String)),
    `telemetry.sdk.language` LowCardinality(Nullable(String)),
    `telemetry.sdk.name` LowCardinality(Nullable(String)),
    `telemetry.sdk.version` LowCardinality(Nullable(String)),
    `timestamp` DateTime64(9, 'UTC'),
    `trace.span_id` String,
    `trace.trace_id` String,
    `type` LowCardinality(String),
    whole UInt8 MATERIALIZED NOT ifNull(aborted, false)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', whole)
PARTITION BY toMonday(timestamp)
ORDER BY (`trace.trace_id`, `trace.span_id`)
TTL toDateTime(timestamp) + INTERVAL 60 DAY
SETTINGS storage_policy = 'encrypted';

CREATE TABLE IF NOT EXISTS runspan.spans_everywhere ON CLUSTER '{cluster}' AS runspan.spans_stored
ENGINE = Distributed('{cluster}', 'runspan', 'spans_stored', cityHash64(`trace.trace_id`));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `Sample Rate` Int64;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `aborted` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.h5py.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.hictkpy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.numpy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.packaging.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.pandas.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.scipy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.structlog.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `duration_ms` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.escaped` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.message` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.stacktrace` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.type` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `host.arch` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `library.name` LowCardinality(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `meta.signal_type` LowCardinality(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `name` LowCardinality(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `os.type` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `os.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.coefficient_of_variation_threshold` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params/columns` Array(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.constrain_heights` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_format` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_raw_interactions` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_resolution` Nullable(Int64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.dataset_format` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.dataset_name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.end2end_test` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.genomic_belt` Nullable(Int64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.glob_pers_min` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.highlight_seeds` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.highlight_stripes` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.k` Nullable(Int64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.list_only` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.loc_pers_min` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.loc_trend_min` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.low_memory` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.max_width` Nullable(Int64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.nproc` Nullable(Int64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.relative_change_threshold` Nullable(Float64);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.result_file_format_version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.unit_test` Nullable(Bool);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.description` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `service.name` LowCardinality(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `service.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.kind` LowCardinality(String);

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.num_events` Int64;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.num_links` Int64;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `status_code` Int64;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.distro.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.distro.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.language` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `timestamp` DateTime64(9, 'UTC');

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `trace.span_id` String;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `trace.trace_id` String;

ALTER TABLE runspan.spans_stored ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `type` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `Sample Rate` Int64;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `aborted` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.h5py.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.hictkpy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.numpy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.packaging.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.pandas.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.scipy.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `dependency.structlog.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `duration_ms` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.escaped` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.message` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.stacktrace` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `exception.type` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `host.arch` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `library.name` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `meta.signal_type` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `name` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `os.type` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `os.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.coefficient_of_variation_threshold` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params/columns` Array(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.constrain_heights` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_format` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_raw_interactions` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.contact_map_resolution` Nullable(Int64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.dataset_format` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.dataset_name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.end2end_test` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.genomic_belt` Nullable(Int64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.glob_pers_min` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.highlight_seeds` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.highlight_stripes` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.k` Nullable(Int64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.list_only` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.loc_pers_min` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.loc_trend_min` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.low_memory` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.max_width` Nullable(Int64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.nproc` Nullable(Int64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.relative_change_threshold` Nullable(Float64);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.result_file_format_version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `params.unit_test` Nullable(Bool);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.description` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `process.runtime.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `service.name` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `service.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.kind` LowCardinality(String);

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.num_events` Int64;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `span.num_links` Int64;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `status_code` Int64;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.distro.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.distro.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.language` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.name` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `telemetry.sdk.version` LowCardinality(Nullable(String));

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `timestamp` DateTime64(9, 'UTC');

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `trace.span_id` String;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `trace.trace_id` String;

ALTER TABLE runspan.spans_everywhere ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS `type` LowCardinality(String);

CREATE OR REPLACE VIEW runspan.spans ON CLUSTER '{cluster}' AS
SELECT
    `Sample Rate`,
    `aborted`,
    `dependency.h5py.version`,
    `dependency.hictkpy.version`,
    `dependency.numpy.version`,
    `dependency.packaging.version`,
    `dependency.pandas.version`,
    `dependency.scipy.version`,
    `dependency.structlog.version`,
    `duration_ms`,
    `exception.escaped`,
    `exception.message`,
    `exception.stacktrace`,
    `exception.type`,
    `host.arch`,
    `library.name`,
    `meta.signal_type`,
    `name`,
    `os.type`,
    `os.version`,
    `params.coefficient_of_variation_threshold`,
    `params/columns` AS `params.columns`,
    `params.constrain_heights`,
    `params.contact_map_format`,
    `params.contact_map_raw_interactions`,
    `params.contact_map_resolution`,
    `params.dataset_format`,
    `params.dataset_name`,
    `params.end2end_test`,
    `params.genomic_belt`,
    `params.glob_pers_min`,
    `params.highlight_seeds`,
    `params.highlight_stripes`,
    `params.k`,
    `params.list_only`,
    `params.loc_pers_min`,
    `params.loc_trend_min`,
    `params.low_memory`,
    `params.max_width`,
    `params.nproc`,
    `params.relative_change_threshold`,
    `params.result_file_format_version`,
    `params.unit_test`,
    `process.runtime.description`,
    `process.runtime.name`,
    `process.runtime.version`,
    `service.name`,
    `service.version`,
    `span.kind`,
    `span.num_events`,
    `span.num_links`,
    `status_code`,
    `telemetry.distro.name`,
    `telemetry.distro.version`,
    `telemetry.sdk.language`,
    `telemetry.sdk.name`,
    `telemetry.sdk.version`,
    `timestamp`,
    `trace.span_id`,
    `trace.trace_id`,
    `type`
FROM runspan.spans_everywhere FINAL
WHERE timestamp > now() - INTERVAL 60 DAY;
