-- How long runs of StripePy's call that succeeded took, by processes and resolution.
SELECT
    toInt64OrZero(ifNull(toString(`params.nproc`), '')) AS nproc,
    toInt64OrZero(ifNull(toString(`params.contact_map_resolution`), '')) AS resolution,
    count() AS runs,
    quantileExact(0.5)(assumeNotNull(duration_ms)) / 1000 AS median_s,
    quantileExact(0.9)(assumeNotNull(duration_ms)) / 1000 AS p90_s
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND `service.name` = 'stripepy' AND name = 'call' AND status_code = 1 AND duration_ms IS NOT NULL
    AND toInt64OrNull(toString(`params.nproc`)) IS NOT NULL
    AND toInt64OrNull(toString(`params.contact_map_resolution`)) IS NOT NULL
GROUP BY nproc, resolution
ORDER BY nproc, resolution
