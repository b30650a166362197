-- Single runs, the newest first: {limit:UInt32} of them after the first {offset:UInt32}.
SELECT
    formatDateTime(timestamp, '%Y-%m-%d %H:%i:%S') AS time,
    multiIf(ifNull(aborted, false), 'aborted', status_code = 1, 'ok', status_code = 2, 'failed', 'unknown') AS outcome,
    `service.name` AS service,
    name AS subcommand,
    `run.version` AS version,
    ifNull(toString(`exception.type`), '') AS exception,
    round(duration_ms / 1000, 3) AS seconds,
    ifNull(toString(`os.type`), 'unknown') AS os,
    `run.arch` AS arch,
    ifNull(toString(`process.runtime.version`), 'unknown') AS python,
    `params.contact_map_format` AS format,
    `params.contact_map_resolution` AS resolution,
    `params.nproc` AS nproc,
    `trace.span_id` AS span_id
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
ORDER BY timestamp DESC, `trace.trace_id`, `trace.span_id`
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
